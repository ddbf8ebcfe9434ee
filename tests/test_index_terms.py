"""Words of queries and titles: measures in one spelling, spelling mended against the catalogue."""

import pytest

from index.quantities import normalised
from index.spelling import Speller, counts, distance
from index.terms import stem, terms


@pytest.mark.parametrize(
    "text", ['1/2" pipe', "half-inch pipe", "0.5 in. pipe", "½ inch pipe", "1/2in pipe", "1/2 inches pipe"]
)
def test_one_measure_has_one_spelling(text: str) -> None:
    assert normalised(text) == "0.5 in pipe"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("4x8 plywood", "4 x 8 plywood"),
        ("2 in. x 4 in. x 8 ft.", "2 x 4 x 8 ft"),
        ("5 by 8 rug", "5 x 8 rug"),
        ("3-1/2 in. nails", "3.5 in nails"),
        ("1,500W heater", "1500 watt heater"),
        ("60-Watt bulb", "60 watt bulb"),
        ("10 sq. ft. roll", "10 sqft. roll"),
        ("two gallon can", "2 gal can"),
        ("6' fence", "6 ft fence"),
        ("Briggs &amp; Stratton", "briggs & stratton"),
    ],
)
def test_measures_and_dimensions(text: str, wanted: str) -> None:
    assert normalised(text) == wanted


@pytest.mark.parametrize("text", ["5 a day", "1/0 wire", "one for all", "room 12", ""])
def test_what_is_no_measure_stays(text: str) -> None:
    assert normalised(text) == text


@pytest.mark.parametrize("text", ["2 in. x 4 in. wall-mounted shelf", '3/8" bolts, 20 pcs', "1 gallon"])
def test_a_normalised_text_is_not_changed_again(text: str) -> None:
    assert normalised(normalised(text)) == normalised(text)


def test_query_and_title_meet() -> None:
    assert set(terms("wall mounting 1/2 inch valves")) == set(terms('Wall-Mounted 0.5" Valve'))


def test_short_words_keep_their_endings() -> None:
    assert [stem(word) for word in ("bed", "ring", "king", "glass", "red")] == ["bed", "ring", "king", "glass", "red"]


CATALOGUE = {"faucet": 40, "facet": 2, "chain": 9, "link": 9, "fence": 7, "rustoleum": 5, "porcelain": 8, "once": 1}


@pytest.mark.parametrize(
    ("word", "wanted"),
    [
        ("fauset", ["faucet"]),
        ("faucte", ["faucet"]),  # two letters swapped
        ("chainlink", ["chain", "link"]),
        ("porceline", ["porcelain"]),  # two edits in a long word
        ("faucet", ["faucet"]),
        ("xyzzy", ["xyzzy"]),
        ("lnk", ["lnk"]),  # too short to guess
        ("r20", ["r20"]),
        ("onces", ["onces"]),  # a word of one title only may be a mistake itself
    ],
)
def test_mended(word: str, wanted: list[str]) -> None:
    assert Speller(CATALOGUE).mended([word]) == wanted


def test_the_commoner_of_two_near_words_is_meant() -> None:
    assert Speller({"tiles": 3, "tilet": 90}).mended(["tileq"]) == ["tilet"]


def test_distance_is_symmetric_and_counts_a_swap_once() -> None:
    assert distance("abcd", "acbd") == distance("acbd", "abcd") == 1
    assert distance("", "abc") == 3


def test_a_word_counts_once_a_text() -> None:
    assert counts([["a", "a", "b"], ["a"]]) == {"a": 2, "b": 1}
