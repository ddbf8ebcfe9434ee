"""Launching an approved plan: the experiment is logged and the outbox filled, once and only once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pandas as pd
from sqlalchemy import func, select

from campaign import contact, payload, records
from campaign.plan import Plan
from data.errors import CampaignError
from data.operations import Assignment, Campaign, OutboxMessage

if TYPE_CHECKING:
    from data.operations import Operations
    from data.store import Snapshot
    from models.registry import ModelSet


class NotApprovedError(CampaignError):
    """Nobody has approved this exact plan yet."""


def launch(
    snapshot: Snapshot,
    operations: Operations,
    campaign_id: str,
    *,
    as_of: pd.Timestamp,
    models: ModelSet | None = None,
) -> tuple[Plan, int, str]:
    """Logs the assignments and queues the messages of an approved campaign: (plan, messages queued, approver).

    Launching again queues nothing new and gives the same answer. A customer who has withdrawn consent since
    the draft gets no message. `models` give each product of a message its reason. Raises `NotApprovedError` without
    an approval of this plan's hash, and `CampaignError` when nothing would be sent.
    """
    kept = records.find(operations, campaign_id)
    plan = kept.plan
    if kept.approver is None:
        raise NotApprovedError(f"nobody has approved campaign {plan.campaign_id} yet: run {command(plan.campaign_id)}")
    if kept.status == "cancelled":
        raise CampaignError(records.cancelled(plan.campaign_id))
    if plan.contacted == 0 and not any(c.spend > 0 for c in plan.channels):
        raise CampaignError(
            f"campaign {plan.campaign_id} cannot start: {plan.risks[0][0].lower()}{plan.risks[0][1:].rstrip('.')}; "
            "mend that and draft it again"
        )
    messages = [] if kept.status != "draft" else _messages(snapshot, operations, models, plan)
    with operations.session() as session:
        row = session.get_one(Campaign, plan.campaign_id)
        if row.plan_hash != kept.plan_hash:
            raise NotApprovedError(
                f"campaign {plan.campaign_id} was drafted anew just now: look at it, then {command(plan.campaign_id)}"
            )
        if row.status == "draft":
            when = as_of.to_pydatetime()
            for member in plan.members:
                session.add(
                    Assignment(
                        campaign_id=plan.campaign_id,
                        customer_id=member.customer_id,
                        arm=member.arm,
                        propensity=member.propensity,
                        at=when,
                    )
                )
            session.add_all(messages)
            row.status, row.launched_at = "launched", when
            session.flush()
        queued = session.scalar(
            select(func.count()).select_from(OutboxMessage).where(OutboxMessage.campaign_id == plan.campaign_id)
        )
    return plan, int(queued or 0), kept.approver


def command(campaign_id: str) -> str:
    """What a person types to approve the campaign."""
    return f"shopkeeper approve {campaign_id} --by NAME"


def _messages(snapshot: Snapshot, operations: Operations, models: ModelSet | None, plan: Plan) -> list[OutboxMessage]:
    treated = [m for m in plan.members if m.arm == "treated"]
    reach = contact.reach(snapshot, operations, [m.customer_id for m in treated])
    going = [m for m in treated if reach.loc[m.customer_id, m.channel]]
    send_at = {c.channel: c.send_at for c in plan.channels}
    found = []
    for member, content in zip(going, payload.of(snapshot, models, plan, going), strict=True):
        at = member.send_at or send_at.get(member.channel)
        found.append(
            OutboxMessage(
                campaign_id=plan.campaign_id,
                customer_id=member.customer_id,
                channel=member.channel,
                step=1,
                status="queued",
                address=str(reach.loc[member.customer_id, f"{member.channel}_address"]),
                payload_json=json.dumps(content, ensure_ascii=False, sort_keys=True),
                send_after=None if at is None else pd.Timestamp(at.removesuffix(" UTC")).to_pydatetime(),
                attempts=0,
            )
        )
    return found
