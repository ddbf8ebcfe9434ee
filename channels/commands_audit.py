"""`shopkeeper audit`: what happened to a campaign, and who said yes to what."""

from __future__ import annotations

from typing import Annotated

import typer

from channels.options import DebugOption, StoreOption, records_of, store_at


def audit(
    *,
    campaign: Annotated[str, typer.Argument(help="The campaign's id, such as C-0001.", show_default=False)],
    store: StoreOption = None,
    _debug: DebugOption = False,
) -> None:
    """Prints a campaign's trail: drafted, approved by whom on which figures, launched, messages, where it stands.

    Example:

    - `shopkeeper audit C-0001`
    """
    from campaign.audit import trail
    from channels.terminal import Screen

    screen, place = Screen(), store_at(store)
    operations = records_of(place)
    try:
        steps = trail(operations, campaign)
    finally:
        operations.close()
    for step in steps:
        when = "" if step.at is None else f"{step.at:%Y-%m-%d %H:%M}"
        screen.say(f"{when:<16}  {step.what:<9} {step.words}")
