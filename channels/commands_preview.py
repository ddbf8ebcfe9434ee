"""`shopkeeper preview`: a campaign's e-mail as three typical customers would see it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from channels.options import DebugOption, StoreOption, records_of, store_at


def preview(
    *,
    campaign: Annotated[str, typer.Argument(help="The campaign's id, such as C-0001.", show_default=False)],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Where the pages go; previews/ in the store unless given."),
    ] = None,
    pictures: Annotated[
        bool, typer.Option("--pictures/--no-pictures", help="Take screenshots, where Chromium is installed.")
    ] = True,
    store: StoreOption = None,
    _debug: DebugOption = False,
) -> None:
    """Writes a campaign's e-mail for three typical customers: HTML on a phone and a desktop, and as plain text.

    The campaign need not be launched or approved. Links in it stop nobody's e-mail.

    Examples:

    - `shopkeeper preview C-0001`
    - `shopkeeper preview C-0001 --out letters --no-pictures`
    """
    from campaign import records
    from channels.mail import lint, samples
    from channels.mail import preview as pages
    from channels.mail.settings import FILE, example, read
    from channels.terminal import Screen

    screen, place = Screen(), store_at(store)
    operations = records_of(place)
    try:
        plan = records.find(operations, campaign).plan
    finally:
        operations.close()
    settings = read(place.root)
    letters = samples.typical(place, plan, settings or example(plan.shop))
    folder = out or place.root / "previews" / plan.campaign_id
    index = pages.write(letters, folder)
    screen.say(f"→ {index}")
    for number, (customer, letter) in enumerate(letters, start=1):
        screen.say(f"  {number}  customer {customer}: {letter.subject}")
        for fault in lint.letter_faults(letter.html, letter.text):
            screen.note(f"   {fault}")
    shots = pages.screenshots(folder) if pictures else []
    if shots:
        screen.note(f"pictures: {', '.join(path.name for path in shots)}")
    if settings is None:
        screen.note(f"The sender is made up: write {place.root / FILE} to see your own.")
