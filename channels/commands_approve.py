"""`shopkeeper approve`: a person's yes to one exact plan."""

from __future__ import annotations

from typing import Annotated

import typer

from channels.options import DebugOption, StoreOption, at_store, records_of, store_at


def approve(
    *,
    campaign: Annotated[str, typer.Argument(help="The campaign's id, such as C-0001.", show_default=False)],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who approves.", show_default=False)],
    store: StoreOption = None,
    _debug: DebugOption = False,
) -> None:
    """Records that a person approves a campaign's plan exactly as it stands; a changed plan needs a new yes.

    Example:

    - `shopkeeper approve C-0001 --by "Ada Miller"`
    """
    from campaign import approval
    from channels.terminal import Screen

    screen, place = Screen(), store_at(store)
    operations = records_of(place)
    try:
        kept = approval.approve(operations, campaign, by)
    finally:
        operations.close()
    plan = kept.plan
    screen.say(f'{plan.campaign_id} "{plan.name}" is approved by {kept.approver} (plan {kept.plan_hash[:12]}).')
    screen.say(f"Next: shopkeeper launch {plan.campaign_id}{at_store(place)}")
