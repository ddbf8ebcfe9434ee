"""From a brief to a verdict: plans add up, are repeatable, and nothing leaves without a person's yes."""

import functools
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import select as sql_select

from campaign import offers, records, verdict
from campaign.approval import approve
from campaign.audience import Audience, select
from campaign.draft import Brief, propose
from campaign.launch import NotApprovedError, launch
from campaign.plan import Plan
from data.errors import CampaignError
from data.operations import Assignment, Consent, LiveEvent, Operations, OutboxMessage
from tests.shop import Shop, small_shop


@pytest.fixture
def operations(tmp_path: Path) -> Iterator[Operations]:
    found = Operations(tmp_path / "shop.db")
    yield found
    found.close()


@functools.cache
def _audience(goal: str = "loyalty") -> Audience:
    shop = small_shop()
    return select(shop.snapshot, shop.models, goal=goal, size=80)


def _draft(operations: Operations, **wishes: Any) -> Plan:
    shop: Shop = small_shop()
    brief = Brief(**{"name": "Thank you", "audience": _audience(), **wishes})
    proposal = propose(shop.snapshot, operations, shop.models, brief, as_of=shop.snapshot.as_of)
    return records.keep(operations, proposal)


def _rows(operations: Operations, record: type[Any]) -> list[Any]:
    with operations.session() as session:
        found = list(session.scalars(sql_select(record)))
        session.expunge_all()
    return found


def test_a_plan_adds_up(operations: Operations) -> None:
    plan = _draft(operations, channels=("email", "sms", "google"), budget=300.0)
    assert plan.audience.size == plan.audience.chosen + sum(plan.audience.left_out.values())
    assert plan.audience.chosen == plan.contacted + plan.test.holdout == len(plan.members)
    assert plan.contacted > 0
    assert plan.test.holdout > 0
    assert plan.outlook.low.value <= plan.outlook.profit.value <= plan.outlook.high.value
    assert sum(c.contacts for c in plan.channels) == plan.contacted
    assert sum(c.spend for c in plan.channels) == pytest.approx(plan.outlook.cost.value)
    assert sum(c.profit for c in plan.channels) == pytest.approx(plan.outlook.profit.value)
    assert plan.outlook.cost.value <= 300.0
    assert plan.kept == pytest.approx(300.0 - plan.outlook.cost.value)
    assert {m.propensity for m in plan.members if m.arm == "holdout"} == {plan.test.holdout / len(plan.members)}
    for product in plan.products:
        assert product.stock_after == pytest.approx((product.stock or 0) - product.forecast - product.extra)
    assert plan.risks
    assert plan.assumptions
    assert plan.demand
    assert plan.models["uplift"]


def test_only_those_who_said_yes_are_in_it(operations: Operations) -> None:
    plan = _draft(operations)
    people = small_shop().snapshot.frame("customers").set_index("customer_id")
    members = people.loc[[m.customer_id for m in plan.members]]
    assert members["consent_email"].fillna(False).all()
    assert members["email"].notna().all()


def test_withdrawn_consent_empties_the_plan_and_says_so(operations: Operations) -> None:
    audience = _audience()
    with operations.session() as session:
        for customer in audience.members.index:
            session.add(
                Consent(
                    customer_id=str(customer), channel="email", granted=False, source="test", at=datetime(2026, 9, 1)
                )
            )
    plan = _draft(operations)
    assert plan.contacted == plan.test.holdout == 0
    assert plan.members == ()
    assert plan.audience.left_out == {offers.NO_CONSENT: plan.audience.size}
    assert plan.outlook.profit.value == 0
    assert plan.audience.profit_if_all_consented > 0
    assert "no recorded consent" in plan.risks[0]
    assert plan.products
    assert plan.outlook.cue == "nobody"
    assert records.find(operations, plan.campaign_id).plan == plan


def test_drafting_again_is_the_same_campaign_and_other_wishes_are_another(operations: Operations) -> None:
    first, again = _draft(operations), _draft(operations)
    assert first.campaign_id == "C-0001"
    assert again.to_json() == first.to_json()
    other = _draft(operations, discount=0.05)
    assert other.campaign_id == "C-0002"
    assert other.content_hash != first.content_hash
    assert records.find(operations, "c-0001 ").plan == first


def test_a_rehearsal_leaves_nothing_behind_and_gives_the_same_bytes(operations: Operations) -> None:
    with operations.rehearsal():
        first = _draft(operations)
    with pytest.raises(CampaignError, match="draft one first"):
        records.find(operations, "C-0001")
    kept = _draft(operations)
    with operations.rehearsal():
        assert _draft(operations).to_json() == first.to_json() == kept.to_json()


def test_a_tight_budget_is_kept_to_and_its_lifting_priced(operations: Operations) -> None:
    plan = _draft(operations, budget=0.5)
    assert 0 < plan.outlook.cost.value <= 0.5
    assert plan.audience.left_out[offers.OVER_BUDGET] > 0
    assert any("more of budget" in line for line in plan.changes)


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        ({"budget": 0.0}, "budget of 0"),
        ({"budget": -5.0}, "above 0"),
        ({"budget": float("nan")}, "above 0"),
        ({"budget": 1e12}, "check the amount"),
        ({"channels": ("pigeon",)}, "no channel pigeon"),
        ({"channels": ()}, "channels are email"),
        ({"channels": ("google",)}, "needs a budget"),
        ({"discount": 1.5}, "0 to 90 percent"),
        ({"start": "2019-01-01"}, "lies in the past"),
        ({"start": "2199-01-01"}, "over a year after"),
        ({"start": "soon"}, "is not a date"),
        ({"name": "  "}, "needs a name"),
        ({"product_ids": ("P99999",)}, "no product P99999"),
    ],
)
def test_a_brief_that_cannot_stand_says_how_to_mend_it(
    operations: Operations, wishes: dict[str, Any], words: str
) -> None:
    with pytest.raises(CampaignError, match=words):
        _draft(operations, **wishes)
    assert _rows(operations, OutboxMessage) == []


def test_an_audience_of_nobody_is_refused(operations: Operations) -> None:
    found = _audience()
    nobody = Audience(**{**found.__dict__, "members": found.members.head(0)})
    with pytest.raises(CampaignError, match="audience is empty"):
        _draft(operations, audience=nobody)


def test_nothing_is_launched_without_a_persons_yes_to_this_very_plan(operations: Operations) -> None:
    shop = small_shop()
    plan = _draft(operations)
    with pytest.raises(NotApprovedError, match="shopkeeper approve C-0001"):
        launch(shop.snapshot, operations, "C-0001", as_of=shop.snapshot.as_of)
    with pytest.raises(CampaignError, match="name of a person"):
        approve(operations, "C-0001", "  ")
    assert approve(operations, "C-0001", " Ada  Byron ", despite="a test").approver == "Ada Byron"
    assert approve(operations, "C-0001", "Second", despite="a test").approver == "Ada Byron"
    _draft(operations, discount=0.05)
    with pytest.raises(NotApprovedError):
        launch(shop.snapshot, operations, "C-0002", as_of=shop.snapshot.as_of)
    _, queued, approver = launch(shop.snapshot, operations, plan.campaign_id, as_of=shop.snapshot.as_of)
    assert (queued, approver) == (plan.contacted, "Ada Byron")
    messages = _rows(operations, OutboxMessage)
    treated = {m.customer_id for m in plan.members if m.arm == "treated"}
    assert {m.customer_id for m in messages} == treated
    assert {m.status for m in messages} == {"queued"}
    assert all(m.address and "@" in m.address for m in messages)
    assert {a.customer_id: a.arm for a in _rows(operations, Assignment)} == {m.customer_id: m.arm for m in plan.members}


def test_a_second_launch_queues_nothing_new(operations: Operations) -> None:
    shop = small_shop()
    _draft(operations)
    approve(operations, "C-0001", "Ada", despite="a test")
    first = launch(shop.snapshot, operations, "C-0001", as_of=shop.snapshot.as_of)
    assert launch(shop.snapshot, operations, "C-0001", as_of=shop.snapshot.as_of) == first
    assert len(_rows(operations, OutboxMessage)) == first[1]


def test_who_withdraws_after_the_approval_gets_no_message(operations: Operations) -> None:
    shop = small_shop()
    plan = _draft(operations)
    approve(operations, "C-0001", "Ada", despite="a test")
    gone = next(m.customer_id for m in plan.members if m.arm == "treated")
    with operations.session() as session:
        session.add(Consent(customer_id=gone, channel="email", granted=False, source="test", at=datetime(2026, 9, 30)))
    _, queued, _ = launch(shop.snapshot, operations, "C-0001", as_of=shop.snapshot.as_of)
    assert queued == plan.contacted - 1
    assert gone not in {m.customer_id for m in _rows(operations, OutboxMessage)}
    assert len(_rows(operations, Assignment)) == len(plan.members)


def test_a_plan_changed_behind_its_hash_is_refused(operations: Operations) -> None:
    from data.operations import Campaign

    plan = _draft(operations)
    with operations.session() as session:
        row = session.get_one(Campaign, "C-0001")
        row.plan_json = plan.to_json().replace('"name": "Thank you"', '"name": "Thank me"')
    with pytest.raises(CampaignError, match="was changed after it was drafted"):
        approve(operations, "C-0001", "Ada", despite="a test")


def _buy(operations: Operations, customers: list[str], at: datetime) -> None:
    with operations.session() as session:
        for customer in customers:
            session.add(
                LiveEvent(
                    event_id=f"live-{customer}-{at:%d}", at=at, customer_id=customer, kind="purchase", quantity=1.0,
                    unit_price=50.0, order_id=f"o-{customer}",
                )
            )  # fmt: skip


def test_the_verdict_waits_for_its_day_and_then_compares_the_arms(operations: Operations) -> None:
    shop = small_shop()
    plan = _draft(operations)
    with pytest.raises(CampaignError, match="not launched"):
        verdict.measure(shop.snapshot, operations, "C-0001", as_of=shop.snapshot.as_of)
    approve(operations, "C-0001", "Ada", despite="a test")
    launch(shop.snapshot, operations, "C-0001", as_of=shop.snapshot.as_of)
    treated = [m.customer_id for m in plan.members if m.arm == "treated"]
    start = pd.Timestamp(plan.start).to_pydatetime()
    _buy(operations, treated, start.replace(hour=12))
    found = verdict.measure(shop.snapshot, operations, "C-0001", as_of=shop.snapshot.as_of)
    assert found.state == "running"
    assert found.difference is None
    _buy(operations, ["a stranger"], pd.Timestamp(plan.end).to_pydatetime().replace(hour=1))
    found = verdict.measure(shop.snapshot, operations, "C-0001", as_of=shop.snapshot.as_of)
    assert found.state == "positive"
    assert found.difference is not None
    assert (found.difference.treated_rate, found.difference.holdout_rate) == (1.0, 0.0)
    assert found.orders == len(treated)
    messages = plan.contacted * offers.CONTACT_COST["email"]
    assert found.profit == pytest.approx(len(treated) * 50.0 * plan.margin.value - messages)


def test_no_difference_is_called_inconclusive(operations: Operations) -> None:
    shop = small_shop()
    plan = _draft(operations)
    approve(operations, "C-0001", "Ada", despite="a test")
    launch(shop.snapshot, operations, "C-0001", as_of=shop.snapshot.as_of)
    found = verdict.measure(shop.snapshot, operations, "C-0001", as_of=pd.Timestamp(plan.end))
    assert found.state == "inconclusive"
    assert found.orders == 0
    with pytest.raises(CampaignError, match="no campaign C-0009; the latest is C-0001"):
        verdict.measure(shop.snapshot, operations, "C-0009", as_of=shop.snapshot.as_of)
