"""The trail of a campaign: drafted, approved by whom on which figures, launched, sent, measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from campaign import records
from campaign.gate import Shown
from data.operations import Approval, Assignment, Campaign, OutboxMessage, Rejection

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from data.operations import Operations


@dataclass(frozen=True)
class Step:
    """One thing that happened; `at` (naive UTC) is None where the wall clock was not kept.

    Drafts and launches go by the time of the shop's data, so that a replay writes the same rows.
    """

    what: str
    words: str
    at: datetime | None = None


def trail(operations: Operations, campaign_id: str) -> list[Step]:
    """What happened to a campaign, in order. Raises `CampaignError` for one that is unknown or was tampered with."""
    kept = records.find(operations, campaign_id)
    with operations.session() as session:
        row = session.get_one(Campaign, kept.plan.campaign_id)
        steps = [
            Step(
                "drafted",
                f'"{kept.plan.name}", plan {row.plan_hash[:12]}, on snapshot {kept.plan.snapshot_id[:6]}, data up '
                f"to {kept.plan.as_of}",
            )
        ]
        steps += _approvals(session, row)
        if row.launched_at is not None:
            arms = _arms(session, row.campaign_id)
            words = f"plan {row.plan_hash[:12]}{arms}, on data up to {row.launched_at:%Y-%m-%d}"
            steps.append(Step("launched", words))
        steps += _messages(session, row.campaign_id)
        no = session.get(Rejection, row.campaign_id)
        if no is not None:
            steps.append(Step("rejected", f'by {no.person}, plan {no.plan_hash[:12]}, since "{no.reason}"', no.at))
        if row.status not in {"draft", "launched"}:
            steps.append(Step(row.status, "that is where it stands"))
    return steps


def _approvals(session: Session, row: Campaign) -> Iterator[Step]:
    asked = select(Approval).where(Approval.campaign_id == row.campaign_id).order_by(Approval.at, Approval.plan_hash)
    for approval in session.scalars(asked):
        seen = Shown.from_json(approval.figures_json)
        words = f"by {approval.person}, plan {approval.plan_hash[:12]}"
        words += "" if approval.plan_hash == row.plan_hash else " (since changed, so it counts no longer)"
        words += "; the figures shown were not kept" if seen is None else f"; shown: {seen.words}"
        words += "" if approval.override is None else f'; despite the risk, since "{approval.override}"'
        yield Step("approved", words, approval.at)


def _arms(session: Session, campaign_id: str) -> str:
    asked = select(Assignment.arm, func.count()).where(Assignment.campaign_id == campaign_id).group_by(Assignment.arm)
    counts = sorted(((str(arm), number) for arm, number in session.execute(asked)), reverse=True)
    return "".join(f", {number:,} {arm}" for arm, number in counts)


def _messages(session: Session, campaign_id: str) -> Iterator[Step]:
    counted = (
        select(OutboxMessage.status, func.count(), func.max(OutboxMessage.sent_at))
        .where(OutboxMessage.campaign_id == campaign_id)
        .group_by(OutboxMessage.status)
        .order_by(OutboxMessage.status)
    )
    for status, number, latest in session.execute(counted):
        yield Step("messages", f"{number:,} {status}", latest if status == "sent" else None)
