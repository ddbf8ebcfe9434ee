"""The training conversations: seeds without faults, the promised mix, true forms, and nothing of the evaluation."""

import json
import random
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from agent import claims, toolbox
from agent.grounding import tidied
from data.errors import SettingError
from eval.briefs import finished
from llm.calls import parsed
from llm.grammar import references_in
from tools.base import REFERENCE, TOOLS, Call, Fact, Role
from tools.facts import SHAPES
from training import check_seeds, results, slots
from training.answers import Answers, Scope
from training.dataset import compose, fill
from training.slots import SEEDS
from training.templates import expand

CASES = Path(__file__).parents[1] / "eval" / "cases"


@pytest.fixture(scope="module")
def conversations() -> list[dict[str, object]]:
    return list(compose(1200, 3))


def _calls(conversations: list[dict[str, object]]) -> list[tuple[str, str, dict[str, object]]]:
    found = []
    for conversation in conversations:
        messages: list[dict[str, str]] = conversation["messages"]  # type: ignore[assignment]
        role = "shopper" if "shopper" in messages[0]["content"] else "marketer"
        for message in messages:
            if message["role"] == "assistant" and (call := parsed(message["content"])):
                found.append((role, *call))
    return found


@pytest.mark.parametrize("path", sorted(SEEDS.rglob("*.yaml")), ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_seed_files_have_no_fault(path: Path) -> None:
    assert check_seeds.check(path) == []


def test_the_same_seed_gives_the_same_conversations() -> None:
    assert json.dumps(list(compose(40, 5))) == json.dumps(list(compose(40, 5)))
    assert json.dumps(list(compose(40, 5))) != json.dumps(list(compose(40, 6)))


def test_a_mix_of_ones_own_has_its_kinds_alone() -> None:
    short = list(compose(30, 2, {"decide": 1.0}))
    assert {c["kind"] for c in short} == {"decide"}
    assert all(parsed(c["messages"][-1]["content"]) for c in short)
    with pytest.raises(SettingError, match="no kind of conversation song"):
        list(compose(1, 2, {"song": 1.0}))


def test_every_kind_and_every_tool_occurs(conversations: list[dict[str, object]]) -> None:
    kinds = Counter(str(c["kind"]) for c in conversations)
    assert set(kinds) == {"single", "pair", "thread", "talk", "plan", "copy"}
    assert {tool for _, tool, _ in _calls(conversations)} == set(TOOLS)


def test_every_call_is_one_that_the_role_may_make(conversations: list[dict[str, object]]) -> None:
    for role, tool, arguments in _calls(conversations):
        who: Role = "shopper" if role == "shopper" else "marketer"
        assert tool in toolbox.names(who)
        toolbox.arguments_model(tool, who)(**tidied(tool, arguments, "", who))


def test_prose_refers_only_to_what_was_found(conversations: list[dict[str, object]]) -> None:
    for conversation in conversations:
        messages: list[dict[str, str]] = conversation["messages"]  # type: ignore[assignment]
        if conversation["kind"] == "copy":
            continue
        seen: set[str] = set()
        for message in messages:
            if message["role"] == "tool":
                seen |= set(references_in([message["content"]]))
            elif message["role"] == "assistant" and parsed(message["content"]) is None:
                used = {r for r in REFERENCE.findall(message["content"]) if not r.startswith("u.")}
                assert used <= seen, message["content"]
                assert not re.search(r"\d", REFERENCE.sub("", message["content"]))


def test_the_checker_lets_pass_what_is_taught(conversations: list[dict[str, object]]) -> None:
    """A taught sentence that the checker stops would be left out of the answer, each time."""
    _checked(conversations)


def test_the_checker_lets_pass_answers_to_what_was_asked() -> None:
    _checked(list(compose(800, 8, {"asked": 1.0})))


@pytest.mark.parametrize(
    ("say", "keys", "told"),
    [
        (
            "the stock, cost and margin of P0007?",
            "title price stock sold window cost margin",
            ["stock", "cost", "margin"],
        ),
        (
            "what's our margin on P0007, and is it rated well?",
            "title price rating reviews margin",
            ["margin", "rating"],
        ),
        ("price and brand of P0007", "title price stock brand sold window", ["price", "brand"]),
    ],
)
def test_an_answer_begins_with_what_was_asked(say: str, keys: str, told: list[str]) -> None:
    result = results.DrawnResult(tuple(keys.split()), "available")
    scope = Scope("marketer", "a", {"product_id": "P0007"}, result, say)
    for seed in range(30):
        answer = Answers.load().write("get_product", scope, random.Random(seed))
        said = [key for key in (found.partition(".")[2] for found in REFERENCE.findall(answer)) if key != "title"]
        assert [key for key in said if key != "window"][: len(told)] == told, answer


def test_what_was_asked_and_is_not_there_is_said_to_be_missing() -> None:
    result = results.DrawnResult(("title", "price", "stock", "sold", "window"), "available")
    scope = Scope("marketer", "a", {"product_id": "P0007"}, result, "the rating of P0007, please")
    answers = [Answers.load().write("get_product", scope, random.Random(seed)) for seed in range(20)]
    assert all("rating" in answer for answer in answers)


@pytest.mark.parametrize("name", ["simulate_campaign", "measure_campaign", "find_audience", "plan_inventory"])
def test_a_drawn_result_has_only_what_its_cue_allows(name: str) -> None:
    rng = random.Random(6)
    for cue in SHAPES[name].cues:
        never = results.impossible(name, cue)
        for _ in range(40):
            drawn = results.draw(name, "marketer", rng, cue=cue)
            assert not never & set(drawn.keys)
            assert not never & {f"#{key}" for row in drawn.rows for key in row.keys}


def _checked(conversations: list[dict[str, object]]) -> None:
    for conversation in conversations:
        messages: list[dict[str, str]] = conversation["messages"]  # type: ignore[assignment]
        calls: list[Call] = []
        said: tuple[str, dict[str, object]] | None = None
        for message in messages:
            if message["role"] == "tool":
                assert said is not None
                calls.append(finished(*said, message["content"]))
            elif message["role"] == "assistant":
                said = parsed(message["content"])
                if said is None and conversation["kind"] != "copy":
                    ground = claims.Ground.of(calls, claims.Names.of([]))
                    own = [r for r in REFERENCE.findall(message["content"]) if r.startswith("u.")]
                    own_facts = {r: Fact(r, 1, "count", "1", "asked for") for r in own}
                    ground = replace(ground, known={**ground.known, **own_facts})
                    assert claims.check(message["content"], ground) == []


def test_no_five_words_of_the_evaluation_are_taught() -> None:
    def runs(text: str) -> set[tuple[str, ...]]:
        words = re.findall(r"[a-z']+", text.lower())
        return {tuple(words[i : i + 5]) for i in range(len(words) - 4)}

    rng = random.Random(1)
    taught: set[tuple[str, ...]] = set()
    for path in SEEDS.rglob("*.yaml"):
        for say in re.findall(r'"((?:[^"\\]|\\.)*)"', path.read_text(encoding="utf-8")):
            for _ in range(40):
                try:
                    taught |= runs(re.sub(r"\{[^}]*\}", " 0 ", expand(say, rng)).replace(" 0 ", " slot "))
                except (ValueError, IndexError):
                    break
    asked = [
        say
        for path in CASES.glob("*.jsonl")
        for line in path.read_text().splitlines()
        if line and (say := json.loads(line).get("say"))
    ]
    shared = {" ".join(run) for say in asked for run in runs(say) & taught}
    assert shared == set()


@pytest.mark.parametrize("slot", sorted(slots.known()))
def test_slots_draw_a_surface_and_a_value(slot: str) -> None:
    rng = random.Random(2)
    for _ in range(50):
        surface, value = slots.draw(slot, rng)
        assert surface.strip()
        assert value is not None


def test_time_and_money_mean_what_they_say() -> None:
    rng = random.Random(4)
    for _ in range(300):
        text, arguments = fill("{horizon_days}", rng)
        days = arguments["horizon_days"]
        if "fortnight" in text:
            assert days == 14
        if match := re.fullmatch(r"(?:the (?:next|coming) )?(\d+) weeks", text):
            assert days == 7 * int(match.group(1))
        text, arguments = fill("{budget}", rng)
        if match := re.fullmatch(r"[£€$]?([\d.]+)[kK](?:€| eur| pounds| quid)?", text):
            assert arguments["budget"] == round(1000 * float(match.group(1)))
