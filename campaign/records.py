"""Keeping campaigns: a plan under its id, found again, and the status it has reached."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from campaign.finish import finish
from campaign.gate import covers
from campaign.plan import Plan
from data.errors import CampaignError
from data.operations import Approval, Campaign

if TYPE_CHECKING:
    from campaign.draft import Proposal
    from data.operations import Operations


@dataclass(frozen=True)
class Kept:
    """A stored campaign: its plan, hash, status (draft, launched, measured, cancelled) and who approved this hash.

    An approval of a plan that may lose money counts only with a reason.
    """

    plan: Plan
    plan_hash: str
    status: str
    approver: str | None


def keep(operations: Operations, proposal: Proposal) -> Plan:
    """Stores the plan of `proposal` and returns it.

    A proposal that was drafted before keeps its id, so that drafting again, or replaying, changes nothing;
    else the next number is taken.
    """
    with operations.session() as session:
        mark = f'"fingerprint": "{proposal.fingerprint}"'
        before = session.scalar(select(Campaign).where(Campaign.plan_json.contains(mark, autoescape=True)))
        if before is not None:
            plan = finish(proposal, before.campaign_id)
            if before.status == "draft":
                before.plan_json, before.plan_hash = plan.to_json(), plan.content_hash
            return plan
        numbers = [
            int(m.group(1)) for c in session.scalars(select(Campaign.campaign_id)) if (m := re.match(r"C-(\d+)$", c))
        ]
        plan = finish(proposal, f"C-{max(numbers, default=0) + 1:04d}")
        session.add(
            Campaign(
                campaign_id=plan.campaign_id,
                name=plan.name,
                plan_json=plan.to_json(),
                plan_hash=plan.content_hash,
                status="draft",
                created_at=proposal.as_of.to_pydatetime(),
            )
        )
        return plan


def cancelled(campaign_id: str) -> str:
    """What is said to whoever would go on with a cancelled campaign; the same brief would only find it again."""
    return f"campaign {campaign_id} was cancelled and stays so; draft one that differs, if only in its name"


def find(operations: Operations, campaign_id: str) -> Kept:
    """The stored campaign. Raises `CampaignError` when it is unknown, or was changed behind the plan's hash."""
    wanted = campaign_id.strip().upper()
    with operations.session() as session:
        row = session.get(Campaign, wanted)
        if row is None:
            latest = session.scalar(select(Campaign.campaign_id).order_by(Campaign.campaign_id.desc()))
            hint = f"the latest is {latest}" if latest else "draft one first; its id will look like C-0001"
            raise CampaignError(f"no campaign {campaign_id}; {hint}")
        plan, approval = Plan.from_json(row.plan_json), session.get(Approval, (wanted, row.plan_hash))
        valid = approval is not None and covers(plan, approval.figures_json, approval.override)
        untouched = hashlib.sha256(row.plan_json.encode()).hexdigest() == row.plan_hash
        kept = Kept(plan, row.plan_hash, row.status, approval.person if approval is not None and valid else None)
    if not untouched:  # the text itself: a plan of an older version lacks fields that have come since
        raise CampaignError(f"the plan of {wanted} was changed after it was drafted: draft it again")
    return kept
