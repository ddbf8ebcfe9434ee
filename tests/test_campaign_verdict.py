"""The verdict on a tiny shop: totals with intervals, goods at their cost, segments and variants with their warning."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from campaign import verdict
from campaign.experiment import assign
from campaign.plan import Channel, Figure, Member, Plan
from campaign.verdict_words import measured_table, measured_words
from data.operations import Assignment, Campaign, LiveEvent, Operations, OutboxMessage
from data.store import Snapshot, Store
from tests.test_campaign_approval import _plan

START, END = pd.Timestamp("2024-05-01"), pd.Timestamp("2024-05-15")
IDS = [f"{10000 + number}" for number in range(40)] + [f"x{number:03}" for number in range(160)]


@pytest.fixture
def snapshot(tiny_store: Store) -> Snapshot:
    return tiny_store.snapshot()


@pytest.fixture
def operations(tmp_path: Path) -> Iterator[Operations]:
    found = Operations(tmp_path / "shop.db")
    yield found
    found.close()


def _launched(operations: Operations, *, segments: bool = False, offer: float = 0.0) -> Plan:
    split = assign("C-0001", IDS, 0.3)
    arms = {**dict.fromkeys(split.treated, "treated"), **dict.fromkeys(split.holdout, "holdout")}
    members = tuple(
        Member(
            one, arms[one], "email", 0.7 if arms[one] == "treated" else 0.3,  # type: ignore[arg-type]
            offer=offer, segment="young" if segments and place % 2 else "everyone",
        )
        for place, one in enumerate(sorted(IDS))
    )  # fmt: skip
    channel = Channel("email", len(split.treated), 4.2, 0.0, None, (), "a test")
    plan = replace(
        _plan(), start=str(START.date()), end=str(END.date()), members=members, channels=(channel,),
        margin=Figure(0.4, "percent", "a test"),
    )  # fmt: skip
    with operations.session() as session:
        session.add(
            Campaign(
                campaign_id="C-0001", name="x", plan_json=plan.to_json(), plan_hash=plan.content_hash,
                status="launched", created_at=START.to_pydatetime(), launched_at=START.to_pydatetime(),
            )
        )  # fmt: skip
        for member in members:
            session.add(
                Assignment(
                    campaign_id="C-0001", customer_id=member.customer_id, arm=member.arm,
                    propensity=member.propensity, at=START.to_pydatetime(),
                )
            )  # fmt: skip
    return plan


def _buy(operations: Operations, customers: list[str], *, product: str | None = None, price: float = 50.0) -> None:
    with operations.session() as session:
        for customer in customers:
            session.add(
                LiveEvent(
                    event_id=f"l-{customer}", at=datetime(2024, 5, 3), customer_id=customer, kind="purchase",
                    product_id=product, quantity=1.0, unit_price=price, order_id=f"o-{customer}",
                )
            )  # fmt: skip


def _measure(snapshot: Snapshot, operations: Operations) -> verdict.Verdict:
    return verdict.measure(snapshot, operations, "C-0001", as_of=END)


def _arm(plan: Plan, arm: str) -> list[str]:
    return [m.customer_id for m in plan.members if m.arm == arm]


def test_orders_revenue_and_profit_have_intervals_that_hold_what_was_added(
    snapshot: Snapshot, operations: Operations
) -> None:
    plan = _launched(operations)
    rng = np.random.default_rng(1)
    treated, held = _arm(plan, "treated"), _arm(plan, "holdout")
    _buy(operations, [c for c in treated if rng.random() < 0.6] + [c for c in held if rng.random() < 0.2])
    found = _measure(snapshot, operations)
    assert found.state == "positive"
    for outcome, each in (("orders", 1.0), ("revenue", 50.0), ("profit", 20.0)):
        total = found.totals[outcome]
        assert total.low is not None
        assert total.high is not None
        less = 0.03 * len(treated) if outcome == "profit" else 0.0
        assert total.low < 0.4 * len(treated) * each - less < total.high
        assert total.low < total.middle < total.high
    assert (found.orders, found.profit) == (found.totals["orders"].middle, found.totals["profit"].middle)
    words = measured_words(found)
    assert words is not None
    assert "95% interval" in words
    table = measured_table(found)
    assert table is not None
    assert list(table["part"]) == ["all"]


def test_goods_cost_what_the_table_says_else_what_the_margin_leaves_of_the_full_price(snapshot: Snapshot) -> None:
    costs = snapshot.frame("products").set_index("product_id")["cost"]
    lines = pd.DataFrame(
        {
            "customer_id": ["a", "b", "c"],
            "product_id": pd.array(["P0001", None, None], dtype="string"),
            "basket": ["1", "2", "3"],
            "quantity": [2.0, 1.0, 1.0],
            "amount": [100.0, 90.0, 100.0],
        }
    )
    found = verdict.outcomes(lines, pd.Index(["a", "b", "c", "d"]), costs, margin=0.4, offers={"b": 0.1})
    assert found.loc["a", "profit"] == pytest.approx(100 - 2 * costs["P0001"])
    assert found.loc["b", "profit"] == pytest.approx(90 - 60)  # 100 before the offer, of which 60 is the goods' cost
    assert found.loc["c", "profit"] == pytest.approx(40)
    assert found.loc["d"].tolist() == [0, 0, 0]


def test_segments_are_looks_at_chance_and_said_to_be(snapshot: Snapshot, operations: Operations) -> None:
    plan = _launched(operations, segments=True)
    _buy(operations, [m.customer_id for m in plan.members if m.arm == "treated" and m.segment == "young"])
    found = _measure(snapshot, operations)
    assert [(part.kind, part.name, part.clear) for part in found.parts] == [
        ("segment", "everyone", False),
        ("segment", "young", True),
    ]
    assert sum(part.contacted for part in found.parts) == found.contacted
    words = measured_words(found)
    assert words is not None
    assert "2 parts of the table are as many looks at chance" in words
    assert "segment young still stands out" in words
    table = measured_table(found)
    assert table is not None
    assert list(table["part"]) == ["all", "segment everyone", "segment young"]


def test_each_variant_of_the_words_is_measured_against_the_hold_out(snapshot: Snapshot, operations: Operations) -> None:
    plan = _launched(operations)
    treated = _arm(plan, "treated")
    with operations.session() as session:
        for place, customer in enumerate(treated):
            variant = "AB"[place % 2]
            session.add(
                OutboxMessage(
                    campaign_id="C-0001", customer_id=customer, channel="email", status="sent",
                    payload_json=json.dumps({"variant": variant}),
                )
            )  # fmt: skip
    _buy(operations, treated[1::2])
    found = _measure(snapshot, operations)
    assert [(part.kind, part.name, part.clear) for part in found.parts] == [
        ("variant", "A", False),
        ("variant", "B", True),
    ]
    assert {part.holdout for part in found.parts} == {found.holdout}
    assert found.parts[1].totals["orders"].middle == pytest.approx(len(treated[1::2]), abs=3)


def test_nothing_is_said_before_the_day(snapshot: Snapshot, operations: Operations) -> None:
    _launched(operations)
    found = verdict.measure(snapshot, operations, "C-0001", as_of=END - timedelta(days=1))
    assert (found.state, found.totals, found.orders, found.profit) == ("running", {}, 0.0, 0.0)
    assert measured_words(found) is None
    assert measured_table(found) is None


def test_the_same_data_gives_the_same_verdict(snapshot: Snapshot, operations: Operations) -> None:
    plan = _launched(operations, segments=True)
    _buy(operations, _arm(plan, "treated")[::3])
    assert _measure(snapshot, operations) == _measure(snapshot, operations)
