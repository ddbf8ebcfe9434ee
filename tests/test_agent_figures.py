"""Numbers for tools that were never taught: what a text holds, and a schema that lets only these through."""

from typing import Any

import pytest

from agent.figures import copying, figures
from llm.grammar import NARROWED


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("from (40.7128, -74.0060) to (34.0522, -118.2437)", [40.7128, -74.006, 34.0522, -118.2437]),
        ("a population of 213 million on 8.5 million square kilometres", [213000000, 8500000]),
        ("between 2019-2020, on the 1st", [2019, 2020, 1]),
        ("8 percent of twenty five thousand, a dozen eggs", [8, 0.08, 25000, 12]),
        ("$1,200.50 and .5", [1200.5, 0.5]),
        ("a room for a couple at half past seven", [2, 0.5, 7]),
        ("version v2 of file_3", []),
        ("compounded quarterly", [4]),
        ("no number at all", []),
        ("5m long, at 300K, for $2M", [5000000, 5, 300000, 300, 2000000, 2]),
    ],
)
def test_all_numbers_of_a_text_are_found(text: str, numbers: list[float]) -> None:
    assert figures([text]) == numbers


def test_an_argument_takes_the_numbers_said() -> None:
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {"points": {"type": "array", "items": {"type": "number"}}, "name": {"type": "string"}},
    }
    found = copying(schema, [3, 2.5])
    assert found["properties"]["points"]["items"][NARROWED] == {"enum": [3, 2.5, 0, 1]}
    assert found["properties"]["name"] == {"type": "string"}
    assert copying({"type": "integer"}, [3, 2.5])[NARROWED] == {"enum": [3, 0, 1]}
    assert copying({"type": "integer"}, [3, 2.5], optional=True)[NARROWED] == {"enum": [3]}
    assert copying({"type": "integer", "enum": [1, 2]}, [3]) == {"type": "integer", "enum": [1, 2]}


def test_without_a_number_said_digits_are_free() -> None:
    assert copying({"type": "integer"}, [])[NARROWED] == {"type": "integer", "digits": True}
