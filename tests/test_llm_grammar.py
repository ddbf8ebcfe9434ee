"""The grammar of a step, tried on the real engine: what it allows is parsed, what it forbids cannot be decoded."""

import json
import re
from typing import Any

import pytest

from llm.calls import parsed, written
from llm.chatml import ASSISTANT, chatml
from llm.grammar import arguments_grammar, references_in, step_grammar
from llm.local import Engine
from training.base import gguf_file

TOOLS = [
    {
        "name": "find_audience",
        "parameters": {
            "properties": {
                "goal": {"enum": ["win_back", "loyalty"], "type": "string"},
                "size": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
            },
            "required": ["goal"],
        },
    },
    {
        "name": "plan_inventory",
        "parameters": {"properties": {"category": {"type": "string"}, "service_level": {"type": "number"}}},
    },
    {
        "name": "compare",
        "parameters": {"properties": {"ids": {"type": "array", "items": {"type": "string"}}}, "required": ["ids"]},
    },
]


@pytest.fixture(scope="module")
def engine() -> Engine:
    path = gguf_file("smollm2")
    assert path is not None
    return Engine(path, threads=1, slots=1)


def _asked(text: str) -> str:
    return chatml([{"role": "user", "content": text}]) + ASSISTANT


def test_a_forced_call_is_a_known_tool_with_typed_arguments(engine: Engine) -> None:
    text = engine.complete(_asked("Find five loyal people"), step_grammar(TOOLS, [], answer=False), longest=60)
    found = parsed(text)
    assert found is not None
    tool, arguments = found
    assert tool in {"find_audience", "plan_inventory", "compare"}
    if tool == "find_audience":
        assert arguments["goal"] in {"win_back", "loyalty"}


def test_prose_holds_no_digit_and_only_references_that_exist(engine: Engine) -> None:
    text = engine.complete(
        _asked("Write: 3 cats cost 12.50 in 1999"), step_grammar([], ["a.size", "a1.price"]), longest=50
    )
    assert not re.search(r"\d", re.sub(r"\{a1?\.(size|price)\}", "", text))
    assert "{" not in re.sub(r"\{(a\.size|a1\.price)\}", "", text)


def test_a_stream_gives_the_same_text_and_may_be_left(engine: Engine) -> None:
    grammar = step_grammar([], ["a.size"])
    whole = engine.complete(_asked("Hello"), grammar, longest=20, cache=False)
    assert "".join(engine.stream(_asked("Hello"), grammar, longest=20, cache=False)) == whole
    pieces = engine.stream(_asked("Hello"), grammar, longest=200)
    next(pieces)
    pieces.close()
    assert engine.complete(_asked("Hello"), grammar, longest=20, cache=False) == whole


def test_a_step_needs_a_way_out() -> None:
    with pytest.raises(ValueError, match="needs a tool or an answer"):
        step_grammar([], [], answer=False)


def test_references_come_from_briefs_alone() -> None:
    rows = "a1 P0412 together strong, a2 8: title price\na3, a4 up: reason"
    brief = f"a: count buy_chance (personal)\n{rows}\nb: message (error)"
    assert references_in([brief]) == [
        *("a.count", "a.buy_chance", "a1.title", "a1.price", "a2.title", "a2.price", "a3.reason", "a4.reason"),
        "b.message",
    ]
    assert references_in(["ignore this: {a.price} and 5"]) == []


def test_calls_survive_writing_and_reading() -> None:
    arguments = {"product": 'a "quoted" 茶壶', "limit": 3, "channels": ["email", "sms"], "in_stock": True}
    assert parsed(written("search_products", arguments)) == ("search_products", arguments)
    assert parsed("call broken {") is None
    assert parsed("Here is what I found.") is None
    assert json.loads(written("x", {"a": 0.95}).split(" ", 2)[2]) == {"a": 0.95}


COPY = {
    "name": "find",
    "parameters": {
        "properties": {
            "query": {
                "type": "string",
                "narrowed": {"enum": ["P0042"], "copied": ['a cheap "oak" notebok (A5),\nplease', "茶 壶"]},
            },
            "size": {"type": "integer", "enum": [5, "half a dozen"]},
        },
        "required": ["query"],
    },
}


def test_a_copied_argument_is_a_stretch_of_what_was_said(engine: Engine) -> None:
    text = engine.complete(_asked("I need a notebook"), step_grammar([COPY], [], answer=False), longest=60)
    found = parsed(text)
    assert found is not None
    said = ["P0042", "a cheap", "oak", "notebok (A5), please", "茶壶", "茶 壶"]
    assert any(found[1]["query"] in one for one in said)
    assert found[1].get("size", 5) in (5, "half a dozen")


OPEN = {
    "name": "look_up",
    "parameters": {
        "properties": {
            "place": {
                "type": "string",
                "narrowed": {"type": "string", "copied": ["rain in Los Gatos on 3 May?"], "symbols": True},
            },
        },
        "required": ["place"],
    },
}


@pytest.mark.parametrize("wish", ["Rain in Las Gatas?", "Which day, as 2026-05-03?", "Which formula: x**2 or sin(x)?"])
def test_open_words_are_those_said_or_a_code_a_date_or_a_formula(engine: Engine, wish: str) -> None:
    found = parsed(engine.complete(_asked(wish), step_grammar([OPEN], [], answer=False), longest=60))
    assert found is not None
    place = re.sub(r", ?[A-Z]{2}$", "", found[1]["place"])
    assert place
    assert place in "rain in Los Gatos on 3 May" or not re.search(r"[A-Za-z]*[a-z][A-Za-z]*[a-z][A-Za-z]*[a-z]", place)


def test_the_rules_of_copied_words_are_shared_and_stop_at_quotes() -> None:
    other = {**COPY, "name": "seek"}
    grammar = step_grammar([COPY, other], [])
    assert grammar.count('"notebok"') == 1
    assert '"\\"oak' not in grammar
    assert grammar.count("copied0 ::=") == 1


def test_arguments_alone_go_on_after_the_name(engine: Engine) -> None:
    certain, grammar = arguments_grammar(TOOLS[0])
    assert certain == ' {"goal'
    opening = "call find_audience" + certain
    rest = engine.complete(_asked("Find five loyal people") + opening, grammar, longest=60)
    found = parsed(opening + rest)
    assert found is not None
    assert found[1]["goal"] in {"win_back", "loyalty"}


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: str(tool["name"]))
def test_what_is_certain_and_the_rest_make_a_whole_call(engine: Engine, tool: dict[str, Any]) -> None:
    certain, grammar = arguments_grammar(tool)
    opening = f"call {tool['name']}{certain}"
    found = parsed(opening + engine.complete(_asked("Take the garden") + opening, grammar, longest=120))
    assert found is not None
    assert found[0] == tool["name"]
    assert set(tool["parameters"].get("required", [])) <= set(found[1]) <= set(tool["parameters"]["properties"])


def test_an_answer_over_a_result_refers_to_it(engine: Engine) -> None:
    text = engine.complete(_asked("Say hello to me"), step_grammar([], ["a.units"], refer=True), longest=500)
    assert "{a.units}" in text
