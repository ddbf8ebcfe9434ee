"""Quantities in words: every surface that training draws means the value that was drawn."""

import random

import pytest

from agent.grounding import tidied
from agent.quantities import quantity
from training import slots


@pytest.mark.parametrize(
    ("argument", "text", "number"),
    [
        ("horizon_days", "a fortnight", 14),
        ("horizon_days", "next quarter", 90),
        ("horizon_days", "the next twelve months", 360),
        ("horizon_days", "a year and a half", 548),
        ("horizon_days", "one month and two weeks", 44),
        ("horizon_days", "two and a half weeks", 18),
        ("horizon_days", "a week or two", 14),
        ("horizon_days", "4-5 weeks", 35),
        ("horizon_days", "2wks", 14),
        ("horizon_days", "90d", 90),
        ("horizon_days", "6 mo", 180),
        ("horizon_days", "half-year", 182),
        ("horizon_days", "a quarter of a year", 91),
        ("horizon_days", "tomorrow", 1),
        ("horizon_days", "six weeks or so", 42),
        ("horizon_days", "48 hours", 2),
        ("horizon_days", "-30 days", -30),
        ("horizon_days", "until Christmas", None),
        ("horizon_days", "half a year", 182),
        ("horizon_days", "30", 30),
        ("horizon_days", "10 days", 10),
        ("budget", "12k", 12000),
        ("budget", "€1.200", 1200),
        ("budget", "two thousand five hundred pounds", 2500),
        ("budget", "two and a half thousand", 2500),
        ("budget", "half a million", 500_000),
        ("budget", "a million and a half", 1_500_000),
        ("budget", "-€50", -50),
        ("budget", "twenty-five hundred", 2500),
        ("budget", "a couple of hundred quid", 200),
        ("budget", "1 000", 1000),
        ("budget", "1'000", 1000),
        ("budget", "five-fifty", 550),
        ("budget", "between 400 and 500 euros", 500),
        ("budget", "a hundred and fifty", 150),
        ("max_price", "five pounds fifty", 5.5),
        ("max_price", "99p", 0.99),
        ("max_price", "a tenner", 10),
        ("max_price", "19,99", 19.99),
        ("max_price", "twenty quid", 20),
        ("size", "a thousand two hundred", 1200),
        ("limit", "half a dozen", 6),
        ("limit", "a couple of", 2),
        ("service_level", "98%", 0.98),
        ("service_level", "0.95", 0.95),
        ("service_level", "9 out of 10", 0.9),
        ("service_level", "99.5%", 0.995),
        ("service_level", "0.975", 0.975),
        ("discount_percent", "twelve and a half percent", 12.5),
        ("discount_percent", "0.5 percent", 0.5),
        ("discount_percent", "-20%", 20),
        ("discount_percent", "half", 50),
        ("discount_percent", "three quarters", 75),
        ("discount_percent", "two thirds", 67),
        ("discount_percent", "0.2", 20),
        ("discount_percent", "15 per cent", 15),
        ("size", "three dozen", 36),
        ("size", "top 50", 50),
        ("quantity", "a", 1),
        ("size", "everybody", None),
    ],
)
def test_what_people_write(argument: str, text: str, number: float | None) -> None:
    assert quantity(argument, text) == number


@pytest.mark.parametrize("slot", sorted(slots.COPIED))
def test_what_training_draws(slot: str) -> None:
    rng = random.Random(5)
    for _ in range(400):
        surface, value = slots.draw(slot, rng)
        assert quantity(slot, surface) == pytest.approx(value), surface


def test_copied_words_become_numbers_before_the_tool_runs() -> None:
    arguments = {"target": "shop", "horizon_days": "six weeks"}
    assert tidied("forecast_sales", arguments, "sales for six weeks", "marketer") == {
        "target": "shop",
        "horizon_days": 42,
    }
    product = {"product_id": "P0412", "quantity": "two"}
    assert tidied("add_to_cart", product, "add two P0412", "shopper") == {"product_id": "P0412", "quantity": 2}


def test_words_that_mean_no_number_are_left_out_where_they_may_be() -> None:
    said = "sales until Christmas"
    assert tidied("forecast_sales", {"target": "shop", "horizon_days": "until Christmas"}, said, "marketer") == {
        "target": "shop"
    }
    needed = {"budget": "what we have", "channels": ["email"]}
    assert tidied("allocate_budget", needed, "spread what we have", "marketer") == needed


def test_what_no_tool_knows_is_left_to_the_tool_to_refuse() -> None:
    assert tidied("no_such_tool", {"anything": None}, "", "marketer") == {"anything": None}
