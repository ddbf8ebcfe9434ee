"""What an offer is worth and costs."""

import numpy as np
import pandas as pd
import pytest

from campaign import offers
from campaign.offers import Margin, Terms, margin_of

TERMS = Terms(Margin(0.4, "test", known=True), 0.0, 14, {"email": 0.03, "sms": 0.06})


def _members(**columns: list[float]) -> pd.DataFrame:
    frame = pd.DataFrame(columns)
    frame.index = pd.Index([f"c{i}" for i in range(len(frame))], name="customer_id", dtype="string")
    return frame


def test_expected_profit_is_uplift_times_margin_less_what_is_given_away() -> None:
    chance = offers.window_chance(_members(chance=[0.3]), Terms(TERMS.margin, 0.1, 30, TERMS.contact_cost))
    found = offers.expected(chance.to_numpy(), *(np.array([x]) for x in (0.1, 50.0, 0.4, 0.1)))
    assert found["gain"] == pytest.approx(0.1 * 50 * 0.3)
    assert found["giveaway"] == pytest.approx(0.3 * 50 * 0.1)
    assert found["redeemed"] == pytest.approx(0.4 * 50 * 0.1)


def test_a_discount_without_an_experiment_follows_the_usual_elasticity() -> None:
    chance, uplift = pd.Series([0.1, 0.0, 0.9]), pd.Series([0.05, 0.01, 0.2])
    assert offers.with_discount(chance, uplift, 0.0).tolist() == pytest.approx([0.05, 0.01, 0.1])
    deeper = offers.with_discount(chance, uplift, 0.1)
    assert deeper.tolist() == pytest.approx([0.15 * 1.262 - 0.1, 0.01 * 1.262, 0.1])


def test_the_margin_comes_from_costs_where_they_are_known_and_else_is_said_to_be_assumed() -> None:
    products = pd.DataFrame(
        {"product_id": ["a", "b", "c"], "price": [10.0, 20.0, 5.0], "cost": [5.0, 5.0, float("nan")]}
    )
    assert margin_of(products, ["a"]).rate == pytest.approx(0.5)
    assert margin_of(products, ["c"]).rate == pytest.approx(20 / 30)  # of sums, so that one odd cost does not decide
    odd = pd.DataFrame({"product_id": ["a", "b"], "price": [20.0, 0.01], "cost": [10.0, 1.0]})
    assert margin_of(odd).rate == pytest.approx(1 - 11 / 20.01)
    unknown = margin_of(products.assign(cost=float("nan")))
    assert not unknown.known
    assert "assumption" in unknown.source
