"""`shopkeeper approve`: a person's yes to one exact plan."""

from __future__ import annotations

from typing import Annotated

import typer

from channels.options import DebugOption, StoreOption, at_store, records_of, store_at


def approve(
    *,
    campaign: Annotated[str, typer.Argument(help="The campaign's id, such as C-0001.", show_default=False)],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who approves.", show_default=False)],
    despite_risk: Annotated[
        str | None,
        typer.Option(
            "--despite-risk", metavar="REASON", help="Why, where the plan may lose money.", show_default=False
        ),
    ] = None,
    store: StoreOption = None,
    _debug: DebugOption = False,
) -> None:
    """Records that a person approves a campaign's plan exactly as it stands; a changed plan needs a new yes.

    A plan that may lose money, by its own interval or by that of past logs, needs a reason as well. Name, time,
    plan, figures and reason are kept: `shopkeeper audit C-0001` prints them.

    Examples:

    - `shopkeeper approve C-0001 --by "Ada Miller"`
    - `shopkeeper approve C-0001 --by "Ada Miller" --despite-risk "a small test, and we learn from it"`
    """
    from campaign import approval, policy_value, records
    from campaign.gate import shown
    from channels.terminal import Screen
    from data.errors import CampaignError

    screen, place = Screen(), store_at(store)
    snapshot, operations = place.snapshot(), records_of(place)
    try:
        before = records.find(operations, campaign)
        logs = None if before.approver is not None else policy_value.of_plan(snapshot, before.plan).logged
        kept = approval.approve(operations, campaign, by, despite=despite_risk, logs=logs)
    except approval.PossibleLossError as error:
        raise CampaignError(f"{error}{at_store(place)}") from None
    finally:
        operations.close()
    plan = kept.plan
    if before.approver is not None:
        screen.say(f'{plan.campaign_id} "{plan.name}" was approved by {kept.approver} before; nothing has changed.')
    elif kept.approver != " ".join(by.split()):
        screen.say(f'{plan.campaign_id} "{plan.name}" has just been approved by {kept.approver}; that yes stands.')
    else:
        screen.say(f'{plan.campaign_id} "{plan.name}" is approved by {kept.approver} (plan {kept.plan_hash[:12]}).')
        screen.note(f"Shown: {shown(plan, logs).words}.")
    screen.say(f"Next: shopkeeper launch {plan.campaign_id}{at_store(place)}")
