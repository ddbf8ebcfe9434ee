"""Who gets the offer: those who bring more than they cost, within consent, cap and budget."""

import pandas as pd
import pytest

from campaign import offers
from campaign.offers import Margin, Terms, decide, expected, margin_of

TERMS = Terms(Margin(0.4, "test", known=True), 0.0, 14, {"email": 0.03, "sms": 0.06})


def _members(**columns: list[float]) -> pd.DataFrame:
    frame = pd.DataFrame(columns)
    frame.index = pd.Index([f"c{i}" for i in range(len(frame))], name="customer_id", dtype="string")
    return frame


def _reach(members: pd.DataFrame, email: list[bool], sms: list[bool] | None = None) -> pd.DataFrame:
    reach = pd.DataFrame({"email": email, "sms": sms or [False] * len(email)}, index=members.index)
    for channel in ("email", "sms"):
        reach[f"{channel}_consent"] = ["yes" if yes else "unknown" for yes in reach[channel]]
    return reach


def test_expected_profit_is_uplift_times_margin_less_what_is_given_away() -> None:
    members = _members(chance=[0.3], uplift=[0.1], value=[50.0])
    terms = Terms(TERMS.margin, 0.1, 30, TERMS.contact_cost)
    row = expected(members, terms).iloc[0]
    assert row["gain"] == pytest.approx(0.1 * 50 * 0.3)
    assert row["giveaway"] == pytest.approx(0.3 * 50 * 0.1)
    assert row["redeemed"] == pytest.approx(0.4 * 50 * 0.1)


def test_each_member_gets_one_reason() -> None:
    members = _members(chance=[0.1] * 4, uplift=[0.05, 0.05, 0.0001, 0.05], value=[50.0] * 4)
    reach = _reach(members, [True, False, True, True])
    table = decide(members, reach, TERMS, channels=["email"], capped={"c3"}, budget=None)
    assert list(table["reason"]) == [offers.CONTACTED, offers.NO_CONSENT, offers.NOT_WORTH, offers.CAPPED]


def test_consent_without_an_address_is_said_apart() -> None:
    members = _members(chance=[0.1], uplift=[0.05], value=[50.0])
    reach = _reach(members, [False])
    reach["email_consent"] = "yes"
    table = decide(members, reach, TERMS, channels=["email"], capped=set(), budget=None)
    assert list(table["reason"]) == [offers.NO_ADDRESS]


def test_the_cheaper_channel_that_consent_allows_is_taken() -> None:
    members = _members(chance=[0.1] * 2, uplift=[0.05] * 2, value=[50.0] * 2)
    reach = _reach(members, [True, False], [True, True])
    table = decide(members, reach, TERMS, channels=["sms", "email"], capped=set(), budget=None)
    assert list(table["channel"]) == ["email", "sms"]
    alone = decide(members, reach, TERMS, channels=["email"], capped=set(), budget=None)
    assert alone["channel"].isna().tolist() == [False, True]


def test_a_tight_budget_goes_to_the_best_return() -> None:
    members = _members(chance=[0.1] * 3, uplift=[0.01, 0.05, 0.03], value=[50.0] * 3)
    table = decide(members, _reach(members, [True] * 3), TERMS, channels=["email"], capped=set(), budget=0.07)
    assert list(table["reason"]) == [offers.OVER_BUDGET, offers.CONTACTED, offers.CONTACTED]
    assert table.loc[table["reason"] == offers.CONTACTED, "cost"].sum() <= 0.07


def test_a_discount_beyond_the_margin_pays_for_nobody() -> None:
    members = _members(chance=[0.1], uplift=[0.5], value=[50.0])
    terms = Terms(TERMS.margin, 0.5, 14, TERMS.contact_cost)
    table = decide(members, _reach(members, [True]), terms, channels=["email"], capped=set(), budget=None)
    assert list(table["reason"]) == [offers.NOT_WORTH]


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
