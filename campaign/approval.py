"""A person's yes to one exact plan. Only a face that a person uses calls this, never a tool."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from campaign import records
from data.errors import CampaignError
from data.operations import Approval

if TYPE_CHECKING:
    from data.operations import Operations


def approve(operations: Operations, campaign_id: str, person: str, *, at: datetime | None = None) -> records.Kept:
    """Records that `person` approves the plan of `campaign_id` as it stands, and returns it.

    A second approval of the same plan changes nothing: the first name stays. `at` (naive UTC) is now unless
    given. Raises `CampaignError` for an unknown campaign, a cancelled one, or a name that is empty.
    """
    who = " ".join(person.split())
    if not who or len(who) > 100:
        raise CampaignError("an approval needs the name of a person, up to 100 characters: approve --by NAME")
    kept = records.find(operations, campaign_id)
    if kept.status == "cancelled":
        raise CampaignError(f"campaign {kept.plan.campaign_id} was cancelled; draft it again")
    with operations.session() as session:
        key = (kept.plan.campaign_id, kept.plan_hash)
        if session.get(Approval, key) is None:
            now = datetime.now(UTC).replace(tzinfo=None) if at is None else at
            session.add(Approval(campaign_id=key[0], plan_hash=key[1], person=who, at=now))
    return records.find(operations, campaign_id)
