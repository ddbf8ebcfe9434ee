"""Features: right by hand, strict at the cut-off, and the same columns for every kind of shop."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from data.demo_shop import generate
from data.features import FEATURE_WORDS, customer_features, describe
from data.schema import EVENT_KINDS
from data.store import Snapshot, Store

NOW = pd.Timestamp("2024-06-01")


def _event(customer: str, kind: str, days_ago: float, **more: object) -> dict[str, object]:
    return {"customer_id": customer, "kind": kind, "at": NOW - pd.Timedelta(days=days_ago), **more}


def _buy(customer: str, days_ago: float, product: str, *, price: float, order: str | None, quantity: float = 1.0):  # type: ignore[no-untyped-def]
    return _event(
        customer, "purchase", days_ago, product_id=product, unit_price=price, quantity=quantity, order_id=order
    )


EVENTS = [
    _buy("ann", 100.5, "tent", price=100, order="1"),
    _buy("ann", 100.5, "kettle", price=20, order="1", quantity=2),
    _buy("ann", 60.5, "kettle", price=20, order="2"),
    _buy("ann", 10.5, "rug", price=15, order="3"),
    _event("ann", "return", 5, product_id="rug", quantity=1),
    _event("ann", "view", 10.6, product_id="rug", session_id="s1"),
    _event("ann", "view", 10.6, product_id="tent", session_id="s1"),
    _event("ann", "view", 4.5, product_id="kettle", session_id="s2"),
    _event("ann", "search", 4.5, text="camping kettle", session_id="s2"),
    _event("ann", "add_to_cart", 4.5, product_id="kettle", session_id="s2"),
    _event("ann", "email_sent", 20),
    _event("ann", "email_sent", 9),
    _event("ann", "email_open", 8.9),
    _event("ann", "review", 50, product_id="tent", quantity=4, text="a fine tent"),
    _buy("bob", 40, "rug", price=30, order=None),
    _buy("bob", 40.1, "lamp", price=40, order=None),
    _buy("cyd", 200, "lamp", price=40, order="4"),
    _event(None, "view", 1, product_id="lamp"),  # type: ignore[arg-type]
]
RELATIONS = [
    ("ann", "bob", "friend"),
    ("bob", "cyd", "friend"),
    ("cyd", "ann", "household"),
    ("ann", "dee", "referral"),
]


def _tables(events: list[dict[str, object]]) -> dict[str, pd.DataFrame]:
    titles = {"tent": "Camping Tent", "kettle": "Camping Kettle", "rug": "Wool Rug", "lamp": "Brass Lamp"}
    frame = pd.DataFrame(events)
    frame["event_id"] = [f"e{i}" for i in range(len(frame))]
    return {
        "customers": pd.DataFrame(
            {
                "customer_id": ["ann", "bob", "cyd", "dee", "eve"],
                "joined_at": [NOW - pd.Timedelta(days=120), None, NOW - pd.Timedelta(days=300), None, NOW],
            }
        ),
        "products": pd.DataFrame(
            {
                "product_id": list(titles),
                "title": list(titles.values()),
                "category": ["Camping", "Camping", "Home", "Home"],
                "active": True,
            }
        ),
        "events": frame,
        "relations": pd.DataFrame(RELATIONS, columns=["customer_id", "other_id", "kind"]),
    }


def _snapshot(folder: Path, tables: dict[str, pd.DataFrame]) -> Snapshot:
    return Store(folder).write(tables, name="Test", currency="GBP", source="test")


@pytest.fixture(scope="module")
def features(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    return customer_features(_snapshot(tmp_path_factory.mktemp("shop"), _tables(EVENTS)), as_of=NOW)


def test_the_frame_has_every_feature_of_everyone_known(features: pd.DataFrame) -> None:
    assert list(features.columns) == list(FEATURE_WORDS)
    assert list(features.index) == ["ann", "bob", "cyd", "dee"]  # eve joins at the cut-off
    assert (features.dtypes == "float64").all()


@pytest.mark.parametrize(
    ("customer", "feature", "expected"),
    [
        ("ann", "recency_days", 10.5),
        ("ann", "tenure_days", 120),
        ("cyd", "tenure_days", 300),
        ("bob", "tenure_days", 40.1),
        ("ann", "orders_30", 1),
        ("ann", "orders_90", 2),
        ("ann", "orders_365", 3),
        ("bob", "orders_all", 2),  # one at noon of the 22nd, one the day before
        ("dee", "orders_all", 0),
        ("ann", "spend_90", 35),
        ("ann", "spend_all", 175),
        ("dee", "spend_all", 0),
        ("ann", "order_value", 175 / 3),
        ("ann", "order_units", 5 / 3),
        ("ann", "interval_mean", 45),
        ("ann", "interval_spread", np.std([40, 50], ddof=1)),
        ("ann", "due_ratio", 10.5 / 45),
        ("cyd", "due_ratio", math.nan),
        ("ann", "categories", 2),
        ("ann", "top_category_share", 0.75),
        ("ann", "concentration", 0.625),
        # camping lines cost 140/3 on average, lines for the home 125/4
        ("ann", "price_level", np.mean([100 * 3 / 140, 20 * 3 / 140, 20 * 3 / 140, 15 * 4 / 125])),
        ("ann", "discount_share", 0.25),  # the rug at 15, usually 22.50
        ("ann", "visit_recency_days", 4.5),
        ("ann", "visits_30", 2),
        ("ann", "views_7", 1),
        ("ann", "views_30", 3),
        ("ann", "searches_30", 1),
        ("ann", "carts_7", 1),
        ("ann", "orders_per_visit", 1.5),
        ("ann", "lines_per_view", 4 / 3),
        ("bob", "lines_per_view", math.nan),
        ("ann", "returns_365", 1),
        ("ann", "return_share", 0.25),
        ("ann", "stars", 4),
        ("ann", "emails_90", 2),
        ("ann", "email_open_rate", 0.5),
        ("ann", "email_click_rate", 0),
        ("bob", "email_open_rate", math.nan),
        ("ann", "friends", 3),
        ("dee", "friends", 1),
        ("ann", "friends_bought_30", 0),
        ("ann", "friends_bought_90", 1),
        ("bob", "friends_bought_30", 1),
        ("ann", "common_friends", 2 / 3),
        ("bob", "common_friends", 1),
        ("dee", "common_friends", 0),
    ],
)
def test_a_feature_is_what_a_person_would_count(
    features: pd.DataFrame, customer: str, feature: str, expected: float
) -> None:
    assert features.loc[customer, feature] == pytest.approx(expected, nan_ok=True)


def test_vectors_say_how_alike_things_are(tmp_path: Path) -> None:
    snapshot = _snapshot(tmp_path, _tables(EVENTS))
    vectors = pd.DataFrame([[1.0, 0], [1, 0], [0, 1], [0, 1]], index=["tent", "kettle", "rug", "lamp"])
    found = customer_features(snapshot, as_of=NOW, vectors=vectors)
    assert found.loc["bob", "taste_focus"] == pytest.approx(1.0)
    assert found.loc["ann", "taste_focus"] == pytest.approx((9 + 1) / 16)
    # bought (3, 1), looked at (3, 1): tent, two kettles (one in the basket), and the rug
    assert found.loc["ann", "interest_fit"] == pytest.approx(1.0)


def test_topics_bring_alike_words_together(features: pd.DataFrame) -> None:
    topics = features[[f"topic_{i}" for i in range(1, 5)]]
    assert topics.loc["dee"].isna().all()
    near = topics.loc["bob"] @ topics.loc["cyd"]  # both bought the lamp
    assert near > topics.loc["ann"] @ topics.loc["cyd"]


@pytest.fixture(scope="module")
def demo() -> dict[str, pd.DataFrame]:
    return generate(seed=3, customers=40, products=48, months=3).tables


CUT = pd.Timestamp("2026-09-01")


@pytest.fixture(scope="module")
def at_the_cut(demo: dict[str, pd.DataFrame], tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    return customer_features(_snapshot(tmp_path_factory.mktemp("demo"), demo), as_of=CUT)


@settings(max_examples=4, deadline=None, derandomize=True, phases=[Phase.generate])
@given(seed=st.integers(0, 10_000), keep=st.floats(0.1, 1), new=st.integers(1, 60))
def test_no_event_at_or_after_the_cut_off_changes_a_feature(
    demo: dict[str, pd.DataFrame],
    at_the_cut: pd.DataFrame,
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    keep: float,
    new: int,
) -> None:
    rng = np.random.default_rng(seed)
    events = demo["events"]
    past, later = events[events["at"] < CUT], events[events["at"] >= CUT].copy()
    later = later[rng.random(len(later)) < keep]
    for column in ("kind", "customer_id", "product_id", "unit_price", "quantity", "text", "order_id"):
        later[column] = rng.permutation(later[column].to_numpy())
    added = events.iloc[rng.integers(0, len(events), new)].copy()
    added["event_id"] = [f"new{i}" for i in range(new)]
    added["kind"] = rng.choice(EVENT_KINDS, new)
    added["at"] = CUT + pd.to_timedelta(rng.integers(0, 3, new) * 7_000_000_000, unit="us")  # some at the very cut-off
    altered = {**demo, "events": pd.concat([past, later, added], ignore_index=True)}
    found = customer_features(_snapshot(tmp_path_factory.mktemp("altered"), altered), as_of=CUT)
    pd.testing.assert_frame_equal(found, at_the_cut, check_exact=True)


def test_an_event_just_before_the_cut_off_does_count(
    demo: dict[str, pd.DataFrame], at_the_cut: pd.DataFrame, tmp_path: Path
) -> None:
    line = demo["events"][demo["events"]["kind"] == "purchase"].iloc[[0]].copy()
    line["event_id"], line["order_id"], line["at"] = "new", "new", CUT - pd.Timedelta(microseconds=1)
    altered = {**demo, "events": pd.concat([demo["events"], line], ignore_index=True)}
    found = customer_features(_snapshot(tmp_path, altered), as_of=CUT)
    customer = line["customer_id"].iloc[0]
    assert found.loc[customer, "orders_all"] == at_the_cut.loc[customer, "orders_all"] + 1
    assert found.loc[customer, "recency_days"] < 0.001


def test_the_same_events_in_another_order_give_the_same_bytes(
    demo: dict[str, pd.DataFrame], at_the_cut: pd.DataFrame, tmp_path: Path
) -> None:
    shuffled = {name: frame.sample(frac=1.0, random_state=1) for name, frame in demo.items()}
    found = customer_features(_snapshot(tmp_path, shuffled), as_of=CUT)
    pd.testing.assert_frame_equal(found, at_the_cut, check_exact=True)


def test_a_shop_that_only_sells_has_the_same_columns(tmp_path: Path) -> None:
    tables = _tables([event for event in EVENTS if event["kind"] == "purchase"])
    del tables["relations"]
    found = customer_features(_snapshot(tmp_path, tables), as_of=NOW)
    assert list(found.columns) == list(FEATURE_WORDS)
    assert found.loc["ann", "orders_all"] == 3
    assert found["friends"].eq(0).all()
    assert found["visit_recency_days"].isna().all()


@pytest.mark.parametrize("customers", [[], ["solo"]])
def test_a_shop_without_events_still_answers(tmp_path: Path, customers: list[str]) -> None:
    found = customer_features(_snapshot(tmp_path, {"customers": pd.DataFrame({"customer_id": customers})}), as_of=NOW)
    assert list(found.index) == customers
    assert list(found.columns) == list(FEATURE_WORDS)
    assert found["orders_all"].eq(0).all()


@pytest.mark.parametrize(
    ("feature", "value", "words"),
    [
        ("orders_90", 34, "bought 34 times in the last 90 days"),
        ("orders_30", 1, "bought once in the last 30 days"),
        ("orders_30", 0, "no order in the last 30 days"),
        ("recency_days", 12.4, "last order 12 days ago"),
        ("recency_days", 0.2, "last order less than a day ago"),
        ("recency_days", math.nan, "has not ordered yet"),
        ("spend_365", 1204.5, "spent £1,204.50 in the last year"),
        ("due_ratio", 2.34, "silent for 2.3 times the usual gap between orders"),
        ("email_open_rate", 0.34, "opens 34% of e-mails"),
        ("friends_bought_30", 4, "4 friends bought in the last 30 days"),
        ("price_level", 0.8, "picks things 20% cheaper than usual in their category"),
        ("stars", math.nan, ""),
        ("topic_2", 0.3, ""),
    ],
)
def test_features_are_said_in_a_marketers_words(feature: str, value: float, words: str) -> None:
    assert describe(feature, value, "GBP") == words


@pytest.mark.parametrize("feature", list(FEATURE_WORDS))
def test_every_feature_has_tidy_words_for_any_value(feature: str) -> None:
    for value in (0.0, 0.004, 0.5, 1.0, 1.7, 45.0, 1234.5):
        words = describe(feature, value, "EUR")
        assert words == words.strip()
        assert "!" not in words
        assert "{" not in words
        assert bool(words) != feature.startswith("topic_")
