"""Quantities in the user's words: what a call may copy for an argument, and what it may not."""

import random

import pytest

from agent.mentions import QUANTITIES, mentions
from agent.quantities import quantity
from llm.calls import parsed
from training.dataset import compose


@pytest.mark.parametrize(
    ("argument", "said", "found"),
    [
        ("budget", "Two grand for e-mail, in the next six weeks", {"Two grand": 2000}),
        ("budget", "€1.200,50 please", {"€1.200,50": 1200.5}),
        ("budget", "1 200 to spend", {"1 200": 1200}),
        ("budget", "from 20 to 50€", {"20": 20, "50€": 50}),
        ("budget", "two thousand and ten quid", {"two thousand and ten quid": 2010, "two thousand and ten": 2010}),
        ("max_price", "what might C-13089 like under 40", {"40": 40}),
        ("size", "find 2.000 customers for 400 pounds", {"2.000": 2000}),
        ("quantity", "half a dozen of SKU-12", {"half a dozen": 6}),
        (
            "horizon_days",
            "a month and a half",
            {"a month and a half": 45, "a month": 30, "month and a half": 45, "month": 30},
        ),
        ("horizon_days", "and for 30?", {"30": 30}),
        ("horizon_days", "what will 22423 sell", {}),
        ("discount_percent", "with 400, twenty percent off", {"twenty percent": 20}),
        ("discount_percent", "a quarter off", {"a quarter": 25}),
        ("service_level", "serve 98 percent of demand in 8 weeks", {"98 percent": 0.98}),
        ("limit", "a 6-week plan from 2026-11-24", {}),
        ("limit", "ten ideas today", {"ten": 10}),
        ("quantity", "four 67158D", {"four": 4}),
        ("quantity", "two WK-235 please", {"two": 2}),
        ("quantity", "3 SKU-1234", {"3": 3}),
    ],
)
def test_what_may_be_copied(argument: str, said: str, found: dict[str, float]) -> None:
    assert {one: quantity(argument, one) for one in mentions(argument, [said])} == found


@pytest.mark.parametrize(
    ("said", "lower", "upper"),
    [
        ("solar lantern max 20 quid", [], ["20 quid", "20"]),
        ("a tea pot for at most thirty pounds?", [], ["thirty pounds", "thirty"]),
        ("a notebook, 5 or less", [], ["5"]),
        ("nothing above 40", [], ["40"]),
        ("frying pans over 40", ["40"], []),
        ("nothing under 60", ["60"], []),
        ("15 or more", ["15"], []),
        ("from ten to thirty pounds", ["ten"], ["thirty pounds", "thirty"]),
        ("20-50 with cats", ["20"], ["50"]),
        ("minimum 10, maximum 20", ["10"], ["20"]),
        ("above 50 and below 100", ["50"], ["100"]),
        ("below 100 and above 50", ["50"], ["100"]),
        ("50 and below", [], ["50"]),
        ("merino yarn above 50", ["50"], []),
        ("is there something for 20?", ["20"], ["20"]),
    ],
)
def test_an_amount_said_as_one_bound_is_not_copied_for_the_other(said: str, lower: list[str], upper: list[str]) -> None:
    assert mentions("min_price", [said]) == lower
    assert mentions("max_price", [said]) == upper


def test_the_latest_words_come_first() -> None:
    assert mentions("budget", ["make it 2000 instead", "split 1500 evenly"]) == ["2000", "1500"]


def test_nearly_all_that_the_training_copies_can_be_copied() -> None:
    """What is missing has a typo in the figure itself, or is spelt with another capital."""
    missing, total = 0, 0
    for conversation in compose(600, random.Random(5).randint(0, 99)):
        said: list[str] = []
        for message in conversation["messages"]:
            if message["role"] == "user":
                said.insert(0, message["content"])
            call = parsed(message["content"]) if message["role"] == "assistant" else None
            for name, value in (call[1] if call else {}).items():
                if name in QUANTITIES:
                    total += 1
                    meant = {quantity(name, one) for one in mentions(name, said)}
                    missing += quantity(name, str(value)) not in meant
    assert total > 150
    assert missing / total < 0.02
