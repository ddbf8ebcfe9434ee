"""`shopkeeper outbox`, `pause`, `resume`, `cancel`: what a person sees and decides of a campaign's messages."""

from __future__ import annotations

from typing import Annotated

import typer

from channels.options import DEFAULT_STORE, DebugOption, StoreOption, outbox_records
from data.errors import SettingError

CampaignArgument = Annotated[str, typer.Argument(help="The campaign's id, such as C-0001.", show_default=False)]
SHOWN = 20
"""Unknown messages that are listed one by one."""


def outbox(
    *,
    campaign: Annotated[str | None, typer.Argument(help="The campaign's id; all unless given.")] = None,
    resend: Annotated[bool, typer.Option("--resend", help="Send the unknown messages again.")] = False,
    give_up: Annotated[bool, typer.Option("--give-up", help="Take the unknown messages for lost.")] = False,
    customer: Annotated[
        list[str] | None, typer.Option("--customer", metavar="ID", help="Only this customer's; may be repeated.")
    ] = None,
    store: StoreOption = None,
    _debug: DebugOption = False,
) -> None:
    """Shows how each campaign's messages stand, and lets you decide about those whose fate nobody knows.

    A message is unknown when the sender died, or lost the server, after it had been handed over: it may have
    arrived. Sending it again may reach someone twice, so only you can decide that. Its Message-ID stays the same.

    Examples:

    - `shopkeeper outbox`
    - `shopkeeper outbox C-0001`
    - `shopkeeper outbox C-0001 --resend --customer 10233`
    - `shopkeeper outbox C-0001 --give-up`
    """
    from sqlalchemy import select

    from channels.mail import sending, standing
    from channels.terminal import Screen
    from data.operations import Campaign

    if resend and give_up:
        raise SettingError("choose one: --resend or --give-up")
    if (resend or give_up) and campaign is None:
        raise SettingError("name the campaign whose unknown messages you decide about")
    screen, root = Screen(), store or DEFAULT_STORE
    operations = outbox_records(root)
    try:
        sending.clear_up(root, operations)
        with operations.session() as session:
            known = list(session.scalars(select(Campaign.campaign_id).order_by(Campaign.campaign_id)))
        wanted = known if campaign is None else [campaign.strip().upper()]
        if campaign is not None and wanted[0] not in known:
            raise SettingError(f"no campaign {campaign}; campaign ids look like C-0001")
        if resend or give_up:
            number = standing.decide(operations, wanted[0], "resend" if resend else "give up", customer or [])
            screen.say(f"{number:,} unknown messages {'wait to be sent again' if resend else 'are given up'}.")
        for one in wanted:
            standing.tell(screen, operations, one)
            rows = standing.unknown(operations, one) if campaign is not None else []
            if rows:
                cells = [[c, a, "" if at is None else f"{at:%d %b %Y %H:%M:%S}"] for c, a, at in rows[:SHOWN]]
                screen.table(("customer", "address", "begun (UTC)"), cells)
            if len(rows) > SHOWN:
                screen.note(f"and {len(rows) - SHOWN:,} more")
    finally:
        operations.close()


def pause(*, campaign: CampaignArgument, store: StoreOption = None, _debug: DebugOption = False) -> None:
    """Stops a campaign's messages at once; what is on its way at this moment still arrives.

    Example:

    - `shopkeeper pause C-0001`
    """
    from channels.mail import standing
    from channels.mail.worker import wall_clock
    from channels.terminal import Screen

    operations = outbox_records(store or DEFAULT_STORE)
    try:
        wanted = standing.pause(operations, campaign, now=wall_clock())
    finally:
        operations.close()
    Screen().say(f"{wanted} is paused: nothing more of it leaves until shopkeeper resume {wanted}.")


def resume(*, campaign: CampaignArgument, store: StoreOption = None, _debug: DebugOption = False) -> None:
    """Lets a paused campaign's messages leave again.

    Example:

    - `shopkeeper resume C-0001`
    """
    from channels.mail import standing
    from channels.terminal import Screen

    operations = outbox_records(store or DEFAULT_STORE)
    try:
        wanted = standing.resume(operations, campaign)
    finally:
        operations.close()
    Screen().say(f"{wanted} may go on: shopkeeper send {wanted}.")


def cancel(*, campaign: CampaignArgument, store: StoreOption = None, _debug: DebugOption = False) -> None:
    """Ends a campaign for good: what is still queued is never sent.

    Example:

    - `shopkeeper cancel C-0001`
    """
    from channels.mail import standing
    from channels.terminal import Screen

    operations = outbox_records(store or DEFAULT_STORE)
    try:
        wanted, number = standing.cancel(operations, campaign)
    finally:
        operations.close()
    Screen().say(f"{wanted} is cancelled; {number:,} queued messages will never leave.")
