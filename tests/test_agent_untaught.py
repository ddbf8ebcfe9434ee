"""Tools that were never taught: schemas that let only what was said through, and nothing optional that was not."""

from typing import Any

import pytest

from agent.untaught import Said, copying, supported
from llm.grammar import NARROWED


def _numbers(schema: dict[str, Any], text: str, *, name: str = "x", optional: bool = False) -> Any:
    return copying(name, schema, Said.of([text]), optional=optional)[NARROWED].get("enum")


def test_an_argument_takes_the_numbers_said() -> None:
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {"points": {"type": "array", "items": {"type": "number"}}, "name": {"type": "string"}},
    }
    found = copying("x", schema, Said.of(["3 and 2.5"], open_words=True))
    assert found["properties"]["points"]["items"][NARROWED] == {"enum": [3, 2.5, 0, 1]}
    assert found["properties"]["name"] == {"type": "string"}
    assert _numbers({"type": "integer"}, "3 and 2.5") == [3, 0, 1]
    assert _numbers({"type": "integer"}, "3 and 2.5", optional=True) == [3]
    assert copying("x", {"type": "integer", "enum": [1, 2]}, Said.of(["3"])) == {"type": "integer", "enum": [1, 2]}


def test_without_a_number_said_digits_are_free() -> None:
    assert copying("x", {"type": "integer"}, Said.of(["none"]))[NARROWED] == {"type": "integer", "digits": True}


@pytest.mark.parametrize(
    ("name", "meaning", "choices"),
    [
        ("interest_rate", "Rate a year.", [0.05, 3]),
        ("interest_rate", "Rate a year, in percent.", [5, 3]),
        ("discount", "What to take off.", [5, 0.05, 3]),
    ],
)
def test_a_percentage_is_what_the_argument_says(name: str, meaning: str, choices: list[float]) -> None:
    schema = {"type": "number", "description": meaning}
    assert _numbers(schema, "5% over 3 years", name=name, optional=True) == choices
    assert _numbers({"type": "integer"}, "5% over 3 years", name=name, optional=True) == [5, 3]


def test_words_come_from_the_request_or_the_description() -> None:
    schema = {"type": "string", "description": "Unit: celsius or kelvin", "default": "celsius"}
    found = copying("unit", schema, Said.of(["How warm is it in Oslo?"]))[NARROWED]
    assert found["copied"] == ["How warm is it in Oslo?", "Unit: celsius or kelvin", "celsius"]
    assert found["symbols"]


FALL = {
    "parameters": {
        "required": ["height"],
        "properties": {
            "height": {"type": "number"},
            "speed": {"type": "number"},
            "times": {"type": "array", "items": {"type": "number"}},
            "place": {"type": "string"},
            "unit": {"type": "string", "enum": ["m", "ft"]},
            "exact": {"type": "boolean"},
        },
    }
}


@pytest.mark.parametrize(
    ("text", "arguments", "kept"),
    [
        ("falls from 20 metres", {"height": 20, "speed": 20}, {"height": 20}),  # said once, and taken
        ("from 20 metres at 20 a second", {"height": 20, "speed": 20}, {"height": 20, "speed": 20}),
        ("from 20 metres at 3", {"height": 20, "times": [3, 20]}, {"height": 20}),
        ("from 20 metres", {"height": 1, "exact": True, "unit": "ft"}, {"height": 1, "exact": True, "unit": "ft"}),
        ("from 20 metres on the Moon", {"height": 20, "place": "Moon"}, {"height": 20, "place": "Moon"}),
        ("from 20 metres on the Moon", {"height": 20, "place": "Earth"}, {"height": 20}),
        ("二十米", {"height": 20, "speed": 3}, {"height": 20, "speed": 3}),  # figures that are not read stay open
    ],
)
def test_what_nobody_mentioned_is_left_out(text: str, arguments: dict[str, Any], kept: dict[str, Any]) -> None:
    assert supported(FALL, arguments, Said.of([text])) == kept
