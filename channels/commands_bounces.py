"""`shopkeeper bounces`: what came back from the mail suppresses the addresses it is about."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from channels.options import DEFAULT_STORE, DebugOption, StoreOption, outbox_records
from data.errors import SettingError


def bounces(
    *,
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILES", help="Mails (.eml), CSV files, or folders of them.", show_default=False),
    ],
    store: StoreOption = None,
    _debug: DebugOption = False,
) -> None:
    """Reads bounces, complaints and mails that say unsubscribe, and stops e-mail to those addresses at once.

    A hard bounce and a complaint suppress the address in all campaigns; a delay does nothing. A CSV has the columns
    address and reason (bounce or complaint). Reports about people we never wrote to are left alone.

    Examples:

    - `shopkeeper bounces Maildir/new`
    - `shopkeeper bounces complaints.csv`
    """
    from collections import Counter

    from channels.mail import bounces as reports
    from channels.mail.links import Links, secret_of
    from channels.mail.settings import required
    from channels.mail.worker import wall_clock
    from channels.terminal import Screen

    missing = [path for path in files if not path.exists()]
    if missing:
        raise SettingError(f"there is no file {missing[0]}")
    screen, root = Screen(), store or DEFAULT_STORE
    operations, settings = outbox_records(root), required(root)
    links, found = Links(settings.public_url, secret_of(root)), Counter[str]()
    paths = [p for path in files for p in (sorted(path.iterdir()) if path.is_dir() else [path]) if p.is_file()]
    try:
        with screen.progress() as show:
            for number, path in enumerate(paths):
                for report in reports.read(path):
                    known = reports.apply(operations, links, settings.domain, report, now=wall_clock())
                    found[report.kind if known else "unknown"] += 1
                show("reading", (number + 1) / len(paths))
    finally:
        operations.close()
    screen.say(
        f"{len(paths):,} files: {found['bounce']:,} bounces, {found['complaint']:,} complaints, "
        f"{found['unsubscribe']:,} asked to unsubscribe; none of them gets e-mail any more."
    )
    if found["unknown"]:
        screen.note(f"{found['unknown']:,} reports are about nobody we wrote to and changed nothing.")
