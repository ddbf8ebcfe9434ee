"""A person's yes: to one exact plan, with a reason where it may lose money, kept with what was seen."""

import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import select

from campaign import launch, records
from campaign.approval import approve
from campaign.audit import trail
from campaign.gate import Logged, Shown, covers, shown
from campaign.plan import Audience, Channel, Experiment, Figure, Outlook, Plan
from data.errors import CampaignError
from data.operations import Approval, Assignment, Campaign, Operations, OutboxMessage

NOON = datetime(2026, 10, 1, 12)


def _figure(value: float) -> Figure:
    return Figure(value, "money", "a test")


def _plan(low: float = 10.0, name: str = "Autumn") -> Plan:
    outlook = Outlook(
        profit=_figure(50.0), low=_figure(low), high=_figure(90.0), orders=_figure(4.0), cost=_figure(12.0),
        discounts=_figure(0.0), evidence="experiment", evidence_words="", from_logs="", cue="sound",
    )  # fmt: skip
    audience = Audience(None, "customers", 0, 0, 0, 0, 0, {}, (), 0.0, ())
    return Plan(
        campaign_id="C-0001", name=name, goal="loyalty", shop="Tiny", currency="EUR", as_of="2026-09-30",
        start="2026-10-01", end="2026-10-15", window_days=14, budget=None, kept=0.0, discount=0.0,
        margin=_figure(0.4), audience=audience, products=(), channels=(), copies=(), outlook=outlook,
        test=Experiment(0, 0.0, 0.1, 0.01, None, "2026-10-15", ""), members=(), demand_of="", demand=(), risks=("-",),
        unknown=(), changes=(), assumptions=(), snapshot_id="abcdef", models={}, fingerprint="f",
    )  # fmt: skip


def _keep(operations: Operations, plan: Plan) -> None:
    with operations.session() as session:
        row = session.get(Campaign, plan.campaign_id)
        if row is None:
            row = Campaign(campaign_id=plan.campaign_id, name=plan.name, created_at=NOON, status="draft")
            session.add(row)
        row.plan_json, row.plan_hash = plan.to_json(), plan.content_hash


@pytest.fixture
def operations(tmp_path: Path) -> Iterator[Operations]:
    found = Operations(tmp_path / "shop.db")
    _keep(found, _plan())
    yield found
    found.close()


def _approvals(operations: Operations) -> list[tuple[str, str | None]]:
    with operations.session() as session:
        return [(a.person, a.override) for a in session.scalars(select(Approval).order_by(Approval.at))]


def test_a_safe_plan_needs_only_a_name_and_the_figures_are_kept(operations: Operations) -> None:
    kept = approve(operations, "C-0001", "Ada", logs=Logged(40.0, 5.0, 75.0), at=NOON)
    assert kept.approver == "Ada"
    with operations.session() as session:
        row = session.get_one(Approval, ("C-0001", kept.plan_hash))
        seen, at = Shown.from_json(row.figures_json), row.at
    assert seen == shown(kept.plan, Logged(40.0, 5.0, 75.0))
    assert seen is not None
    assert "50.00 EUR (80% interval 10.00 to 90.00)" in seen.words
    assert at == NOON


@pytest.mark.parametrize(("low", "logs"), [(-3.0, None), (10.0, Logged(5.0, -2.0, 12.0))])
def test_a_plan_that_may_lose_money_needs_a_reason(operations: Operations, low: float, logs: Logged | None) -> None:
    _keep(operations, _plan(low))
    with pytest.raises(CampaignError, match=r'may lose money: .* --by "Ada" --despite-risk "REASON"'):
        approve(operations, "C-0001", "Ada", logs=logs)
    with pytest.raises(CampaignError, match="needs a reason"):
        approve(operations, "C-0001", "Ada", logs=logs, despite="  ")
    assert _approvals(operations) == []
    assert approve(operations, "C-0001", "Ada", logs=logs, despite=" we  learn from it ").approver == "Ada"
    assert _approvals(operations) == [("Ada", "we learn from it")]


def test_an_approval_is_for_one_exact_plan(operations: Operations) -> None:
    approve(operations, "C-0001", "Ada")
    _keep(operations, _plan(name="Winter"))
    assert records.find(operations, "C-0001").approver is None
    approve(operations, "C-0001", "Bob")
    assert records.find(operations, "C-0001").approver == "Bob"
    steps = [step.words for step in trail(operations, "C-0001") if step.what == "approved"]
    assert "by Ada" in steps[0]
    assert "counts no longer" in steps[0]
    assert "counts no longer" not in steps[1]


def test_a_plan_drafted_anew_in_the_middle_of_its_launch_is_not_launched(
    operations: Operations, monkeypatch: pytest.MonkeyPatch
) -> None:
    contacted = replace(_plan(), channels=(Channel("google", 0, 5.0, 9.0, None, (), "made up"),))
    _keep(operations, contacted)
    approve(operations, "C-0001", "Ada")

    def meanwhile(*_: object) -> list[OutboxMessage]:
        _keep(operations, replace(contacted, name="Winter"))
        return []

    monkeypatch.setattr(launch, "_messages", meanwhile)
    with pytest.raises(launch.NotApprovedError, match="drafted anew just now"):
        launch.launch(None, operations, "C-0001", as_of=pd.Timestamp(NOON))  # type: ignore[arg-type]
    assert records.find(operations, "C-0001").status == "draft"


def test_a_cancelled_campaign_says_what_to_do_instead(operations: Operations) -> None:
    with operations.session() as session:
        session.get_one(Campaign, "C-0001").status = "cancelled"
    with pytest.raises(CampaignError, match="draft one that differs"):
        approve(operations, "C-0001", "Ada")


def test_of_two_at_once_the_first_stays_and_the_second_is_told(tmp_path: Path, operations: Operations) -> None:
    names, told, start = ["Ada", "Bob", "Cleo", "Dan"], [], threading.Barrier(4)

    def yes(name: str) -> None:
        mine = Operations(tmp_path / "shop.db")
        start.wait()
        told.append(approve(mine, "C-0001", name).approver)
        mine.close()

    threads = [threading.Thread(target=yes, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(_approvals(operations)) == 1
    assert set(told) == {_approvals(operations)[0][0]}


def test_an_approval_of_an_older_version_counts_unless_the_plan_may_lose_money(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    with sqlite3.connect(path) as old:
        old.execute(
            "CREATE TABLE approvals (campaign_id VARCHAR NOT NULL, plan_hash VARCHAR NOT NULL, person VARCHAR NOT NULL,"
            " at DATETIME NOT NULL, PRIMARY KEY (campaign_id, plan_hash))"
        )
        for plan in (_plan(), _plan(-3.0)):
            row = ("C-0001", plan.content_hash, "Old Ada", "2026-09-01 00:00:00")
            old.execute("INSERT INTO approvals VALUES (?, ?, ?, ?)", row)
    old.close()
    operations = Operations(path)
    _keep(operations, _plan())
    assert records.find(operations, "C-0001").approver == "Old Ada"
    assert "were not kept" in trail(operations, "C-0001")[1].words
    _keep(operations, _plan(-3.0))
    assert records.find(operations, "C-0001").approver is None
    assert approve(operations, "C-0001", "Bob", despite="a small test").approver == "Bob"
    operations.close()
    Operations(path).close()


def test_the_trail_tells_what_happened(operations: Operations) -> None:
    _keep(operations, _plan(-3.0))
    approve(operations, "C-0001", "Ada", despite="we learn", at=NOON)
    with operations.session() as session:
        row = session.get_one(Campaign, "C-0001")
        row.status, row.launched_at = "paused", NOON
        session.add(Assignment(campaign_id="C-0001", customer_id="1", arm="treated", propensity=0.9, at=NOON))
        session.add(Assignment(campaign_id="C-0001", customer_id="2", arm="holdout", propensity=0.1, at=NOON))
        session.add(OutboxMessage(campaign_id="C-0001", customer_id="1", channel="email", status="sent", sent_at=NOON))
    steps = trail(operations, "c-0001")
    assert [step.what for step in steps] == ["drafted", "approved", "launched", "messages", "paused"]
    words = " ".join(step.words for step in steps)
    for part in ('despite the risk, since "we learn"', "1 treated, 1 holdout", "1 sent", "abcdef"):
        assert part in words
    with pytest.raises(CampaignError, match="no campaign C-0009"):
        trail(operations, "C-0009")


def test_a_plan_of_nobody_holds_no_loss() -> None:
    plan = _plan(0.0)
    assert shown(plan).loss is None
    assert covers(plan, "{}", None)
    assert not covers(_plan(-1.0), "{}", None)
    assert covers(replace(_plan(-1.0)), "{}", "a reason")


def test_a_name_is_needed(operations: Operations) -> None:
    for name in ("  ", "x" * 101):
        with pytest.raises(CampaignError, match="name of a person"):
            approve(operations, "C-0001", name)
