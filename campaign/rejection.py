"""A person's no to a drafted campaign. Only a face that a person uses calls this, never a tool."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from campaign import records
from data.errors import CampaignError
from data.operations import Campaign, Rejection

if TYPE_CHECKING:
    from data.operations import Operations

_LONGEST_REASON = 500


def reject(
    operations: Operations, campaign_id: str, person: str, *, reason: str, at: datetime | None = None
) -> records.Kept:
    """Ends a draft for good and keeps who said no and why; `at` (naive UTC) is now unless given.

    Raises `CampaignError` for an unknown campaign, one that is no draft any more, or a reason that is empty or too
    long.
    """
    why = " ".join(reason.split())
    if not 0 < len(why) <= _LONGEST_REASON:
        raise CampaignError(f"a no needs a reason, up to {_LONGEST_REASON} characters, so that the next plan is better")
    kept = records.find(operations, campaign_id)
    with operations.session() as session:
        row = session.get_one(Campaign, kept.plan.campaign_id)
        if row.status != "draft":
            raise CampaignError(f"campaign {row.campaign_id} is {row.status}, so it cannot be rejected any more")
        row.status = "cancelled"
        when = datetime.now(UTC).replace(tzinfo=None) if at is None else at
        session.merge(
            Rejection(campaign_id=row.campaign_id, plan_hash=row.plan_hash, person=person, at=when, reason=why)
        )
    return records.find(operations, campaign_id)
