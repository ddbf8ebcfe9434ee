"""`shopkeeper launch`: an approved plan fills the outbox."""

from __future__ import annotations

from typing import Annotated

import typer

from channels.options import DebugOption, StoreOption, at_store, records_of, store_at


def launch(
    *,
    campaign: Annotated[str, typer.Argument(help="The campaign's id, such as C-0001.", show_default=False)],
    store: StoreOption = None,
    _debug: DebugOption = False,
) -> None:
    """Launches an approved campaign: logs who is in the hold-out and queues the messages of the others.

    Nothing is sent by this: `shopkeeper send` does that. Launching twice queues nothing twice.

    Example:

    - `shopkeeper launch C-0001`
    """
    from campaign import launch as start
    from channels.terminal import Screen
    from data.errors import CampaignError
    from models.registry import ModelSet

    screen, place = Screen(), store_at(store)
    snapshot, operations = place.snapshot(), records_of(place)
    try:
        plan, queued, approver = start.launch(
            snapshot, operations, campaign, as_of=snapshot.as_of, models=ModelSet(place.models_path)
        )
    except start.NotApprovedError:
        raise CampaignError(
            f"nobody has approved campaign {campaign} yet: read its plan, then run "
            f"shopkeeper approve {campaign} --by NAME{at_store(place)}"
        ) from None
    finally:
        operations.close()
    screen.say(f'{plan.campaign_id} "{plan.name}" is launched, approved by {approver}.')
    screen.note(f"{queued:,} messages wait in the outbox; {plan.test.holdout:,} customers are the hold-out.")
    screen.note(f"Next: shopkeeper send {plan.campaign_id} --dry-run letters{at_store(place)}")
    screen.note(f"The verdict can be read from {plan.end} on.")
