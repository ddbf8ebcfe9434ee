"""Segments, funnel, cohorts, best sellers and channels on shops small enough to count by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from data.store import Snapshot, Store
from models import analysis

DAY = pd.Timedelta(days=1)
START = pd.Timestamp("2026-01-01")


def row(frame: pd.DataFrame, label: str, columns: list[str]) -> list[Any]:
    return [frame.at[label, column] for column in columns]


def event(day: float, customer: str | None, kind: str = "purchase", **more: Any) -> dict[str, Any]:
    defaults = {"product_id": "P1", "quantity": 1.0, "unit_price": 10.0} if kind in ("purchase", "return") else {}
    return {"at": START + day * DAY, "customer_id": customer, "kind": kind} | defaults | more


def shop(folder: Path, events: list[dict[str, Any]], **tables: pd.DataFrame) -> Snapshot:
    frame = pd.DataFrame(events)
    frame["event_id"] = [f"E{n:04d}" for n in range(len(frame))]
    known = sorted({e["customer_id"] for e in events if e["customer_id"]} | {"silent"}) if events else ["silent"]
    filled = {
        "customers": pd.DataFrame({"customer_id": known}),
        "products": pd.DataFrame(
            {
                "product_id": ["P1", "P2", "P3"],
                "title": ["Mug", "Lamp", "Rake"],
                "category": ["Kitchen", "Lighting", "Garden"],
                "active": True,
            }
        ),
        "events": frame,
    } | tables
    return Store(folder).write(filled, name="Test shop", currency="EUR", source="test")


@pytest.fixture(scope="module")
def rhythm(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """Ten steady customers who order every 20 days up to different last days, and single orders of different ages."""
    events = []
    for number in range(10):
        events += [event(day, f"S{number}", unit_price=10.0 + number) for day in range(0, 201 - 20 * number, 20)]
    events += [event(195, "fresh"), event(170, "older"), event(0, "gone")]
    return shop(tmp_path_factory.mktemp("rhythm"), events)


def test_segments_follow_the_shop_s_own_rhythm(rhythm: Snapshot) -> None:
    frame = analysis.rfm_segments(rhythm).set_index("customer_id")
    assert row(frame, "S0", ["segment", "recency_days", "orders", "revenue"]) == ["champions", 0.0, 11, 110.0]
    assert frame.loc[["fresh", "older", "gone"], "segment"].tolist() == ["new", "promising", "lapsed"]
    assert frame.loc["S3", "segment"] == "at risk"  # quiet for three times their 20 days
    assert frame.loc["S9", "segment"] == "lapsed"


def test_now_is_the_snapshot_s_last_event_not_today(rhythm: Snapshot) -> None:
    assert (analysis.rfm_segments(rhythm)["segment"] != "lapsed").sum() >= 5


def test_segment_shares_add_up_and_count_who_never_ordered(rhythm: Snapshot) -> None:
    frame = analysis.segments(rhythm).set_index("segment")
    assert frame["customers"].sum() == 14
    assert row(frame, "yet to buy", ["customers", "revenue"]) == [1, 0.0]
    assert frame["share"].sum() == pytest.approx(1.0)
    assert frame["revenue_share"].sum() == pytest.approx(1.0)
    assert set(frame.index) <= set(analysis.SEGMENTS)


def test_segments_of_the_past_ignore_what_came_later(rhythm: Snapshot) -> None:
    frame = analysis.rfm_segments(rhythm, as_of=START + 30 * DAY).set_index("customer_id")
    assert "fresh" not in frame.index
    assert frame.loc["S0", "orders"] == 2


def test_the_funnel_counts_visitors_who_came_at_least_so_far(tmp_path: Path) -> None:
    events = [event(d, c, "view", product_id="P1") for d, c in enumerate("abcd")]
    events += [event(5, None, "view", session_id="s1", product_id="P1"), event(6, "a", "add_to_cart", product_id="P1")]
    events += [event(7, "a"), event(8, "b")]  # b's cart was never logged
    frame = analysis.funnel(shop(tmp_path, events))
    assert frame["visitors"].tolist() == [5, 2, 2]
    assert frame["rate"].tolist() == pytest.approx([np.nan, 0.4, 1.0], nan_ok=True)


def test_without_views_the_funnel_is_of_orders_and_says_so(rhythm: Snapshot) -> None:
    frame = analysis.funnel(rhythm)
    assert frame["step"].tolist() == ["first order", "second order", "third order"]
    assert frame["visitors"].tolist() == [13, 10, 9]


def test_cohorts_are_kept_by_month_and_unknown_until_it_is_over(tmp_path: Path) -> None:
    events = [event(0, "a"), event(1, "b"), event(35, "a"), event(36, "c"), event(62, "b")]  # Jan, Jan, Feb, Feb, Mar
    frame = analysis.cohorts(shop(tmp_path, events)).set_index("cohort")
    assert frame.loc["Jan 2026", "customers"] == 2
    assert frame.loc["Jan 2026", "kept"] == 0.5
    assert np.isnan(row(frame, "Jan 2026", ["kept_2"])).all()  # March has only begun
    assert np.isnan(row(frame, "Feb 2026", ["kept"])).all()


def test_best_sellers_are_net_of_returns(tmp_path: Path) -> None:
    events = [event(0, "a", quantity=5.0), event(1, "a", "return", quantity=2.0)]
    events += [event(2, "b", product_id="P2", unit_price=10.0), event(3, "b", product_id="P3", quantity=9.0)]
    events += [event(4, "b", "return", product_id="P3", quantity=9.0)]
    frame = analysis.top_products(shop(tmp_path, events))
    assert frame[["product_id", "units", "revenue"]].values.tolist() == [["P1", 3.0, 30.0], ["P2", 1.0, 10.0]]
    assert frame["revenue_share"].tolist() == [0.75, 0.25]


def test_category_and_window_narrow_every_report(tmp_path: Path) -> None:
    events = [event(0, "a"), event(50, "b", product_id="P2"), event(100, "c", product_id="P2"), event(100, "d")]
    snapshot = shop(tmp_path, events)
    assert analysis.top_products(snapshot, category="lighting", horizon_days=20)["units"].tolist() == [1.0]
    assert analysis.rfm_segments(snapshot, category="Lighting")["customer_id"].tolist() == ["b", "c"]
    assert analysis.rfm_segments(snapshot, horizon_days=60)["customer_id"].tolist() == ["b", "c", "d"]
    assert analysis.funnel(snapshot, category="Lighting")["visitors"].tolist() == [2, 0, 0]
    assert analysis.cohorts(snapshot, horizon_days=20)["customers"].tolist() == [2]


def test_channels_join_spend_with_purchases(tmp_path: Path) -> None:
    spend = pd.DataFrame(
        {
            "day": START + np.array([0, 1, 1]) * DAY,
            "channel": ["google", "google", "email"],
            "spend": [10.0, 10.0, 5.0],
            "revenue": [30.0, 20.0, np.nan],
            "conversions": [2.0, 1.0, np.nan],
        }
    )
    events = [event(1, "a", channel="email", order_id="O1"), event(1, "b", channel="referral", order_id="O2")]
    frame = analysis.channels(shop(tmp_path, events, ad_spend=spend)).set_index("channel")
    assert list(frame.index) == ["google", "email", "referral"]
    assert row(frame, "google", ["spend", "revenue", "orders", "return"]) == [20.0, 50.0, 3.0, 2.5]
    assert row(frame, "email", ["revenue", "orders", "return"]) == [10.0, 1.0, 2.0]  # the platform said nothing
    assert np.isnan(row(frame, "referral", ["spend"])).all()
    assert np.isnan(row(frame, "referral", ["return"])).all()


@pytest.mark.parametrize("report", ["segments", "funnel", "cohorts", "top_products", "channels"])
def test_an_empty_shop_gives_empty_reports(tmp_path: Path, report: str) -> None:
    frame = getattr(analysis, report)(shop(tmp_path, []))
    assert len(frame) == {"segments": 1, "funnel": 3}.get(report, 0)
