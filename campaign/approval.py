"""A person's yes to one exact plan. Only a face that a person uses calls this, never a tool."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from campaign import records
from campaign.gate import Logged, covers, shown
from data.errors import CampaignError
from data.operations import Approval

if TYPE_CHECKING:
    from data.operations import Operations

_LONGEST_NAME, _LONGEST_REASON = 100, 500


class PossibleLossError(CampaignError):
    """The plan may lose money, and no reason was given to approve it all the same."""


def approve(
    operations: Operations,
    campaign_id: str,
    person: str,
    *,
    despite: str | None = None,
    logs: Logged | None = None,
    at: datetime | None = None,
) -> records.Kept:
    """Records that `person` approves the plan of `campaign_id` as it stands, and returns it.

    A plan whose interval (its own, or that of `logs`) includes a loss needs the reason `despite` it. The figures that
    were seen are kept with the name. A second approval of the same plan changes nothing: the first name stays. `at`
    (naive UTC) is now unless given. Raises `CampaignError` for an unknown campaign, a cancelled one, or a name or
    reason that is empty or too long; `PossibleLossError` for a possible loss without a reason.
    """
    who = " ".join(person.split())
    if not who or len(who) > _LONGEST_NAME:
        raise CampaignError(
            f"an approval needs the name of a person, up to {_LONGEST_NAME} characters: approve --by NAME"
        )
    why = None if despite is None else " ".join(despite.split())
    if why is not None and not 0 < len(why) <= _LONGEST_REASON:
        raise CampaignError(
            f'an override needs a reason, up to {_LONGEST_REASON} characters: approve --despite-risk "REASON"'
        )
    kept = records.find(operations, campaign_id)
    if kept.status == "cancelled":
        raise CampaignError(records.cancelled(kept.plan.campaign_id))
    if kept.approver is None:
        _record(operations, kept, who, why, logs, datetime.now(UTC).replace(tzinfo=None) if at is None else at)
    return records.find(operations, campaign_id)


def _record(
    operations: Operations, kept: records.Kept, who: str, why: str | None, logs: Logged | None, at: datetime
) -> None:
    seen = shown(kept.plan, logs)
    if seen.loss is not None and why is None:
        raise PossibleLossError(
            f"campaign {kept.plan.campaign_id} may lose money: {seen.loss}; to approve it all the same, say why: "
            f'shopkeeper approve {kept.plan.campaign_id} --by "{who}" --despite-risk "REASON"'
        )
    with operations.session() as session:
        key = (kept.plan.campaign_id, kept.plan_hash)
        before = session.get(Approval, key)
        if before is None:
            before = Approval(campaign_id=key[0], plan_hash=key[1])
            session.add(before)
        elif covers(kept.plan, before.figures_json, before.override):
            return  # someone was quicker
        before.person, before.at, before.figures_json, before.override = who, at, seen.to_json(), why
