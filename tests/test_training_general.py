"""Tools of no shop: the seed file's form, and conversations in which the signature says all that the call needs."""

import random

import pytest

from llm.calls import parsed
from training import general
from training.dataset import compose
from training.templates import SLOT


def test_every_wording_names_what_its_tool_requires() -> None:
    for tool in general.tools():
        required = {name for name, one in tool["parameters"].items() if not one.get("optional")}
        for wording in tool["say"]:
            text, fixed = (wording, {}) if isinstance(wording, str) else (wording["say"], wording.get("args") or {})
            named = {*SLOT.findall(text), *fixed}
            assert named <= set(tool["parameters"]), (tool["name"], text)
            assert required <= named, (tool["name"], text)
            assert set(SLOT.findall(text)) <= set(tool["values"]), (tool["name"], text)


def test_there_are_many_tools_and_names_are_told_apart() -> None:
    names = [tool["name"] for tool in general.tools()]
    assert len(names) >= 100
    assert len(set(names)) == len(names)
    assert len(general.unrelated()) >= 100


@pytest.mark.parametrize("seed", range(40))
def test_a_call_is_one_of_the_prompts_tools(seed: int) -> None:
    system, user, assistant = general.compose(random.Random(seed))
    assert user["content"]
    offered = {line.split("(")[0] for line in system["content"].split("\n")[1:]}
    call = parsed(assistant["content"])
    assert call is None or call[0] in offered


def test_own_tools_stand_beside_the_learned_ones() -> None:
    made = list(compose(30, 4, {"extended": 1.0}))
    assert all("Tools:\n" in one["messages"][0]["content"] for one in made)
    assert all(parsed(one["messages"][-1]["content"]) for one in made)
