"""The joint plan: who gets what on which channel, what limits it in words, and wishes that collide."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import pytest

from campaign import offers
from campaign.joint import Joint, Wishes, decide
from campaign.offers import Margin, Terms
from data.errors import CampaignError

TERMS = Terms(Margin(0.4, "test", known=True), 0.0, 30, {"email": 0.03, "sms": 0.06})
SHELF = pd.DataFrame({"price": [50.0, 50.0], "margin": [0.4, 0.6], "free": [1e9, 1e9]}, index=["P1", "P2"])


def _members(**columns: Sequence[float]) -> pd.DataFrame:
    frame = pd.DataFrame(columns)
    frame.index = pd.Index([f"c{i}" for i in range(len(frame))], name="customer_id", dtype="string")
    return frame


def _people(size: int, *, uplift: float = 0.05) -> pd.DataFrame:
    steps = [uplift * (1 + n / size) for n in range(size)]
    return _members(chance=[0.1] * size, uplift=steps, value=[50.0] * size)


def _plan(
    members: pd.DataFrame,
    email: Sequence[bool] | None = None,
    sms: Sequence[bool] | None = None,
    *,
    terms: Terms = TERMS,
    capped: set[str] | None = None,
    shelf: pd.DataFrame = SHELF,
    heroes: Sequence[Sequence[str]] | None = None,
    **wishes: Any,
) -> Joint:
    reach = pd.DataFrame(
        {"email": email or [True] * len(members), "sms": sms or [False] * len(members)}, index=members.index
    )
    for channel in ("email", "sms"):
        reach[f"{channel}_consent"] = ["yes" if yes else "unknown" for yes in reach[channel]]
        reach[f"{channel}_address"] = "somewhere"
    wanted = Wishes(**{"channels": ("email",), **wishes})
    return decide(
        members,
        reach,
        terms,
        wanted,
        capped=capped or set(),
        shelf=shelf,
        heroes=heroes or [("P1",)] * len(members),
        usual_margin=0.4,
    )


def test_each_member_gets_one_reason() -> None:
    members = _members(chance=[0.1] * 4, uplift=[0.05, 0.05, 0.0001, 0.05], value=[50.0] * 4)
    found = _plan(members, [True, False, True, True], capped={"c3"}).decisions
    assert list(found["reason"]) == [offers.CONTACTED, offers.NO_CONSENT, offers.NOT_WORTH, offers.CAPPED]


def test_the_cheaper_channel_that_consent_allows_is_taken() -> None:
    found = _plan(_people(2), [True, False], [True, True], channels=("sms", "email")).decisions
    assert list(found["channel"]) == ["email", "sms"]
    assert found["profit"].tolist() == pytest.approx((found["gain"] - found["message"]).tolist())


def test_a_tight_budget_goes_to_the_best_return_and_its_lifting_is_priced_truly() -> None:
    members = _people(12)
    found = _plan(members, budget=0.2)
    assert list(found.decisions["reason"]) == [offers.OVER_BUDGET] * 6 + [offers.CONTACTED] * 6
    (advice,) = found.advice
    assert (advice.what, advice.more) == ("budget", 0.1)
    raised = _plan(members, budget=0.2 + advice.more)
    assert raised.solution.value - found.solution.value == pytest.approx(advice.brings)


def test_who_would_buy_anyway_gets_no_discount() -> None:
    members = _members(chance=[0.02, 0.7], uplift=[0.02, 0.02], value=[50.0] * 2, offered=[0.08, 0.08])
    terms = Terms(TERMS.margin, 0.1, 30, TERMS.contact_cost)
    found = _plan(members, terms=terms).decisions
    assert found["offer"].tolist() == [0.1, 0.0]
    assert found.loc["c1", "giveaway"] == 0.0


def test_a_discount_beyond_the_margin_goes_to_nobody() -> None:
    members = _members(chance=[0.1], uplift=[0.2], value=[50.0], offered=[0.9])
    found = _plan(members, terms=Terms(TERMS.margin, 0.5, 30, TERMS.contact_cost)).decisions
    assert found["offer"].tolist() == [0.0]
    assert found["reason"].tolist() == [offers.CONTACTED]


def test_scarce_stock_goes_where_it_brings_most_and_is_named() -> None:
    shelf = SHELF.assign(free=[1e9, 0.2])
    members = _people(10)
    found = _plan(members, shelf=shelf, heroes=[("P2", "P1")] * 10)
    counted = found.decisions.groupby("product")["uplift"].sum()
    assert 0 < counted["P2"] <= 0.2 + 1e-9
    assert set(found.decisions["reason"]) == {offers.CONTACTED}  # the others are shown what there is enough of
    assert [(one.what, one.name) for one in found.advice] == [("stock", "P2")]
    alone = _plan(members, shelf=shelf, heroes=[("P2",)] * 10)
    assert offers.NO_STOCK in set(alone.decisions["reason"])


def test_a_full_channel_spreads_over_days_and_leaves_the_rest() -> None:
    found = _plan(_people(30), capacity={"email": 4})
    going = found.decisions[found.decisions["reason"] == offers.CONTACTED]
    assert going.groupby("day").size().to_dict() == dict.fromkeys(range(7), 4)
    assert set(found.decisions["reason"]) == {offers.CONTACTED, offers.CHANNEL_FULL}
    assert found.advice[0].what == "capacity"


def test_a_minimum_spend_is_met_and_its_cost_is_said() -> None:
    found = _plan(
        _people(40), [True] * 40, [True] * 40, channels=("email", "sms"), budget=5.0, minimum_spend={"sms": 0.6}
    )
    by_sms = found.decisions[(found.decisions["reason"] == offers.CONTACTED) & (found.decisions["channel"] == "sms")]
    assert by_sms["cost"].sum() >= 0.6 - 1e-9
    (advice,) = found.advice
    assert (advice.what, advice.name) == ("minimum", "sms")
    assert advice.brings == pytest.approx(10 * 0.03)


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        ({"budget": 5.0, "minimum_spend": {"email": 6.0}}, "minimum spends add up to 6.00 but the budget is 5.00"),
        ({"minimum_spend": {"sms": 1.0}}, "sms, which is not among the channels"),
        ({"capacity": {"email": 0}}, "email may send nothing a day, so nobody can be reached"),
        ({"channels": ("email", "sms"), "capacity": {"sms": 0}, "minimum_spend": {"sms": 1.0}}, "raise its capacity"),
        ({"minimum_spend": {"email": 50.0}}, "the 5 customers who can be reached by it would cost 0.15 at most"),
        ({"minimum_spend": {"email": float("nan")}}, "give 0 or more"),
        ({"capacity": {"email": 1}, "minimum_spend": {"email": 0.1}, "budget": 0.11}, "collides with the budget"),
    ],
)
def test_wishes_that_collide_are_named_with_a_way_out(wishes: dict[str, Any], words: str) -> None:
    with pytest.raises(CampaignError, match=words):
        _plan(_people(5), **wishes)


def test_the_same_wishes_give_the_same_bytes() -> None:
    first, again = (_plan(_people(60), budget=1.0).decisions.to_csv() for _ in range(2))
    assert first == again
