"""Audiences: customers who fit the goal, best first, and reachable only with a recorded yes."""

from datetime import datetime
from pathlib import Path

import pandas as pd
import pytest

from campaign import contact, history
from campaign.audience import GOALS, Audience, select
from data.errors import CampaignError
from data.operations import Consent, Operations
from data.store import Store
from tests.shop import small_shop


def _select(goal: str, **wishes: object) -> Audience:
    shop = small_shop()
    return select(shop.snapshot, shop.models, goal=goal, **wishes)  # type: ignore[arg-type]


@pytest.mark.parametrize("goal", GOALS)
def test_an_audience_is_ranked_cut_and_repeatable(goal: str) -> None:
    found, again = _select(goal, size=15), _select(goal, size=15)
    pd.testing.assert_frame_equal(found.members, again.members)
    assert found.products == again.products
    assert len(found.products) <= 5
    assert len(found.members) == min(15, found.eligible)
    assert found.members["score"].is_monotonic_decreasing
    assert found.members["fit"].between(0, 1, inclusive="right").all()
    assert found.members["chance"].between(0, 1).all()
    assert found.members.index.is_unique


def test_lapsed_means_quiet_for_twice_the_usual_time() -> None:
    shop = small_shop()
    found = _select("win_back")
    buyers = history.customers(shop.snapshot, shop.snapshot.as_of)
    waits = buyers["quiet_days"] / buyers["interval_days"]
    assert found.eligible == int((waits > 2).sum()) > 0
    assert (waits.loc[found.members.index] > 2).all()
    loyal = _select("loyalty")
    assert (waits.loc[loyal.members.index] <= 2).all()
    assert loyal.members["orders"].min() >= buyers["orders"].median()


def test_present_is_the_shops_last_event_not_todays_date() -> None:
    """Most recent buyers of a shop whose data ended years ago are not lapsed."""
    shop = small_shop()
    buyers = history.customers(shop.snapshot, shop.snapshot.as_of)
    recent = buyers[buyers["quiet_days"] < 5].index
    assert len(recent) > 0
    assert not set(recent) & set(_select("win_back").members.index)


def test_nothing_after_as_of_counts() -> None:
    shop = small_shop()
    then = shop.snapshot.as_of - pd.Timedelta(days=60)
    buyers = history.customers(shop.snapshot, then)
    assert buyers["last_at"].max() <= then
    assert (buyers["quiet_days"] >= 0).all()


def test_cross_selling_leaves_out_who_has_it() -> None:
    shop = small_shop()
    product = str(shop.bestseller()["product_id"])
    found = _select("cross_sell", product_id=product)
    owners = history.bought_product(shop.snapshot, shop.snapshot.as_of, [product]).index
    assert len(owners)
    assert not set(found.members.index) & set(owners)
    assert found.products == (product,)


def test_a_category_narrows_and_is_found_without_regard_to_case() -> None:
    shop = small_shop()
    category = str(shop.bestseller()["category"])
    found = _select("win_back", category=category.upper())
    assert found.category == category
    assert found.eligible < _select("win_back").eligible
    kinds = shop.snapshot.frame("products").set_index("product_id")["category"]
    assert {kinds[p] for p in found.products} <= {category}


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        ({"goal": "world_peace"}, "goals are win_back"),
        ({"goal": "win_back", "size": 0}, "ask for 1 or more"),
        ({"goal": "win_back", "category": "Dragons"}, "no category Dragons"),
        ({"goal": "cross_sell", "product_id": "P99999"}, "no product P99999; ids look like"),
    ],
)
def test_wishes_that_cannot_be_met_say_how_to_mend_them(wishes: dict[str, object], words: str) -> None:
    with pytest.raises(CampaignError, match=words):
        _select(**wishes)  # type: ignore[arg-type]


def test_unknown_consent_is_not_a_yes_and_the_last_word_counts(tmp_path: Path) -> None:
    customers = pd.DataFrame(
        {
            "customer_id": ["1", "2", "3", "4"],
            "email": ["a@example.com", "b@example.com", None, "d@example.com"],
            "consent_email": [True, None, True, True],
        }
    )
    snapshot = Store(tmp_path / "store").write({"customers": customers}, name="S", currency="GBP", source="test")
    operations = Operations(tmp_path / "shop.db")
    with operations.session() as session:
        now = datetime(2026, 1, 1)
        session.add(Consent(customer_id="4", channel="email", granted=False, source="unsubscribed", at=now))
    reach = contact.reach(snapshot, operations, ["1", "2", "3", "4", "unheard of"])
    assert reach["email"].tolist() == [True, False, False, False, False]
    assert reach["email_consent"].tolist() == ["yes", "unknown", "yes", "no", "unknown"]
    assert not reach["sms"].any()


def test_a_shop_without_purchases_has_no_history(tmp_path: Path) -> None:
    snapshot = Store(tmp_path / "store").write({}, name="S", currency="GBP", source="test")
    assert history.customers(snapshot, snapshot.as_of).empty
    assert contact.over_cap(snapshot, snapshot.as_of) == set()
