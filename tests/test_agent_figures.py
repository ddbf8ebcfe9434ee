"""The numbers that a text holds."""

import pytest

from agent.figures import figures


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("from (40.7128, -74.0060) to (34.0522, -118.2437)", [40.7128, -74.006, 34.0522, -118.2437]),
        ("a population of 213 million on 8.5 million square kilometres", [213000000, 8500000]),
        ("between 2019-2020, on the 1st", [2019, 2020, 1]),
        ("8 percent of twenty five thousand, a dozen eggs", [8, 25000, 12]),
        ("$1,200.50 and .5", [1200.5, 0.5]),
        ("a room for a couple at half past seven", [2, 0.5, 7]),
        ("version v2 of file_3", []),
        ("compounded quarterly", [4]),
        ("no number at all", []),
        ("9.8 m/s² over 3 m², twice: 3 and 3", [9.8, 3, 3, 3, 2]),
        ("5m long, at 300K, for $2M", [5000000, 5, 300000, 300, 2000000, 2]),
    ],
)
def test_all_numbers_of_a_text_are_found(text: str, numbers: list[float]) -> None:
    assert [one.value for one in figures([text])] == numbers


def test_a_percentage_is_a_share_too() -> None:
    assert [one.share for one in figures(["8% of 25, five per cent"])] == [0.08, None, None]
