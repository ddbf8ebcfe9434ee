"""`shopkeeper send`: drains a campaign's outbox, once for each customer."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from channels.options import DEFAULT_STORE, DebugOption, StoreOption, listmonk_user, outbox_records, smtp_server
from data.errors import SettingError

if TYPE_CHECKING:
    from channels.terminal import Screen
    from data.operations import Operations


def send(
    *,
    campaign: Annotated[str, typer.Argument(help="The campaign's id, such as C-0001.", show_default=False)],
    dry_run: Annotated[
        Path | None,
        typer.Option("--dry-run", metavar="DIR", help="Send nothing: write the messages as .eml files into DIR."),
    ] = None,
    test: Annotated[
        str | None, typer.Option("--test", metavar="ADDRESS", help="Send one sample to this address, and nothing else.")
    ] = None,
    workers: Annotated[int, typer.Option("--workers", min=1, max=16, help="Processes that send side by side.")] = 1,
    in_flight: Annotated[
        int, typer.Option("--in-flight", min=1, max=64, help="Messages that a worker has on their way at once.")
    ] = 16,
    wait: Annotated[
        bool, typer.Option("--wait", help="Stay until retries, quiet hours and later send times have passed.")
    ] = False,
    listmonk: Annotated[
        str | None,
        typer.Option(
            "--listmonk",
            metavar="URL|DIR",
            help="Let listmonk send the e-mail: its address (LISTMONK_API_USER and _TOKEN are set), or a folder.",
        ),
    ] = None,
    store: StoreOption = None,
    _debug: DebugOption = False,
) -> None:
    """Sends a launched campaign: e-mail by SMTP, text messages and ads as files for their platforms.

    Who withdrew consent, is suppressed, had enough messages or is asleep is left out at the last moment. A message that
    was on its way when a worker died is never sent again by itself: `shopkeeper outbox` shows it. Running this again
    goes on where it stopped. The server is SHOPKEEPER_SMTP_URL; who sends stands in mail.yaml of the store.

    Examples:

    - `shopkeeper send C-0001 --dry-run letters`
    - `shopkeeper send C-0001 --test me@example.com`
    - `SHOPKEEPER_SMTP_URL=smtp://user:password@mail.example.com:587 shopkeeper send C-0001 --workers 2`
    """
    from channels.terminal import Screen

    screen, root = Screen(), store or DEFAULT_STORE
    operations = outbox_records(root)
    try:
        if dry_run is not None:
            _dry(screen, operations, root, campaign, dry_run)
        elif test is not None:
            _sample(screen, operations, root, campaign, test)
        elif listmonk is not None:
            _hand_over(screen, operations, root, campaign, listmonk)
        else:
            _send(screen, operations, root, campaign, workers, in_flight, timedelta(days=400 if wait else 0))
    finally:
        operations.close()


def _send(
    screen: Screen, operations: Operations, root: Path, campaign: str, workers: int, in_flight: int, patience: timedelta
) -> None:
    from channels.mail import outbox, sending, standing
    from channels.mail.exports import write_files
    from channels.mail.settings import required
    from channels.mail.worker import wall_clock

    plan = outbox.plan_of(operations, campaign)
    lost = sending.clear_up(root, operations)
    if lost:
        screen.note(f"{lost:,} messages were on their way when a worker died; they are unknown now and wait for you.")
    mails = standing.counts(operations, plan.campaign_id, "email")
    settings = required(root) if mails["queued"] else None
    for path, rows in write_files(operations, root, plan, settings, now=wall_clock()):
        screen.say(f"→ {path}  {rows:,} rows for the platform")
    if settings is not None:
        job = sending.Job(
            root=root,
            campaign_id=plan.campaign_id,
            server=smtp_server(),
            settings=settings,
            terms=sending.terms_of(plan.end, settings, unwilling=standing.unwilling(root, plan)),
            in_flight=in_flight,
            patience=patience,
        )
        total = sum(mails.values())
        with screen.progress() as show:

            def report() -> None:
                left = standing.counts(operations, plan.campaign_id, "email")["queued"]
                show("sending", 1 - left / max(total, 1))

            if workers == 1:
                sending.run_one(job)
            else:
                sending.run_many(job, workers, report)
    standing.tell(screen, operations, plan.campaign_id)


def _hand_over(screen: Screen, operations: Operations, root: Path, campaign: str, where: str) -> None:
    from channels.mail import listmonk, sending, standing
    from channels.mail.presence import Presence
    from channels.mail.settings import required
    from channels.mail.worker import wall_clock

    settings = required(root)
    sending.clear_up(root, operations)
    writer = sending.writer_of(root, operations, campaign, settings)
    plan = writer.plan
    terms = sending.terms_of(plan.end, settings, unwilling=standing.unwilling(root, plan), by_us=False)
    with Presence(root / sending.LOCKS).join() as name:
        if where.startswith(("http://", "https://")):
            user, token = listmonk_user()
            with listmonk.client(where, user, token) as client:
                api = listmonk.Api(client, settings.sender)
                handed = listmonk.hand_over(operations, writer, name, api, terms=terms, clock=wall_clock)
            screen.say(
                f"{handed:,} letters handed to listmonk as {len(api.campaigns)} campaigns in draft: start them there."
            )
        else:
            files = listmonk.Files(Path(where))
            handed = listmonk.hand_over(operations, writer, name, files, terms=terms, clock=wall_clock)
            screen.say(f"→ {where}  {handed:,} letters in {len(files.written)} files to import, with their HTML")
    standing.tell(screen, operations, plan.campaign_id)


def _dry(screen: Screen, operations: Operations, root: Path, campaign: str, folder: Path) -> None:
    from channels.mail import outbox, samples
    from channels.mail.settings import example, read

    plan = outbox.plan_of(operations, campaign)
    settings = read(root) or example(plan.shop)
    written, left_out = samples.dry_run(operations, root, plan, settings, folder)
    screen.say(f"→ {folder}  {written:,} messages as .eml files; nothing was sent, nothing was marked as sent")
    for why, count in left_out.items():
        screen.note(f"{count:,} left out: {why}")


def _sample(screen: Screen, operations: Operations, root: Path, campaign: str, address: str) -> None:
    import asyncio

    from channels.mail import samples
    from channels.mail.settings import is_address, required
    from channels.mail.smtp import Courier

    if not is_address(address):
        raise SettingError(f"{address} is no e-mail address; write it as name@example.com")
    settings, server = required(root), smtp_server()
    raw = samples.one(root, operations, campaign, address, settings)

    async def deliver() -> str:
        courier = Courier(server, connections=1)
        try:
            sender = settings.bounce_address or settings.address
            outcome = await courier.deliver((campaign, "test", "email", 1), sender, address, raw)
        finally:
            await courier.close()
        return "" if outcome.end == "sent" else outcome.detail or outcome.end

    failed = asyncio.run(deliver())
    if failed:
        raise SettingError(f"the sample did not leave: {failed}")
    screen.say(f"A sample of {campaign.upper()} is on its way to {address}. Its unsubscribe link stops nobody.")
