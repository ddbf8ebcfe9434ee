"""Other words for a drafted plan: what changes its hash, so only as long as nobody has approved it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import Select, select

from campaign import records
from campaign.plan import Copy, Plan
from data.errors import CampaignError
from data.operations import Approval, Campaign

if TYPE_CHECKING:
    from data.operations import Operations


def reworded(operations: Operations, campaign_id: str, copies: Sequence[Copy]) -> Plan:
    """Stores the plan of `campaign_id` with `copies` in place of its own and returns it.

    Raises `CampaignError` when the plan was approved or has left the draft, also while the copies were written.
    """
    wanted = open_draft(operations, campaign_id).campaign_id
    with operations.session() as session:
        row = session.get_one(Campaign, wanted)
        _still_open(row.status, session.scalar(_approver(wanted, row.plan_hash)), wanted)
        plan = replace(Plan.from_json(row.plan_json), copies=tuple(copies))
        plan = Plan.from_json(plan.to_json())  # as it will be read, so that both have one hash
        row.plan_json, row.plan_hash = plan.to_json(), plan.content_hash
    return plan


def open_draft(operations: Operations, campaign_id: str) -> Plan:
    """The plan, when its words may still change; raises `CampaignError` as `reworded` does."""
    kept = records.find(operations, campaign_id)
    with operations.session() as session:
        person = session.scalar(_approver(kept.plan.campaign_id, kept.plan_hash))
    _still_open(kept.status, person, kept.plan.campaign_id)
    return kept.plan


def _approver(campaign_id: str, plan_hash: str) -> Select[str]:
    return select(Approval.person).where(Approval.campaign_id == campaign_id, Approval.plan_hash == plan_hash)


def _still_open(status: str, person: str | None, campaign_id: str) -> None:
    if status != "draft":
        raise CampaignError(f"campaign {campaign_id} is {status}, so its words stay: draft another one")
    if person is not None:
        raise CampaignError(
            f"{person} has approved the plan of {campaign_id} exactly as it stands, so its words stay; "
            "draft the campaign again under another name for other words"
        )
