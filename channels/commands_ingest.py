"""`shopkeeper ingest`: a source file joins the store, with its quality report."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from channels.options import DebugOption, StoreOption, at_store, store_at


class Format(StrEnum):
    """The formats that can be read; the adapters of the same names are in data/adapters."""

    ONLINE_RETAIL = "online-retail"
    EVENTS = "events"
    SHOPIFY = "shopify"
    SEGMENT = "segment"
    GA4 = "ga4"


def ingest(
    *,
    source: Annotated[
        Path,
        typer.Argument(
            help="The file: CSV, JSON lines or Parquet, also gzipped; for shopify a folder of exports, too.",
            show_default=False,
        ),
    ],
    format: Annotated[Format, typer.Option("--format", help="What form it has.", show_default=False)],
    map_file: Annotated[
        Path | None, typer.Option("--map", help="Which column is which, for the format events (docs/data.md).")
    ] = None,
    assume_consent: Annotated[
        str | None,
        typer.Option(
            "--assume-consent",
            metavar="REASON",
            help="Why customers of unknown consent may be written to; recorded as their consent's source.",
        ),
    ] = None,
    store: StoreOption = None,
    _debug: DebugOption = False,
) -> None:
    """Adds a source file to the store and reports on its quality.

    The same file twice changes nothing; a broken file leaves the store as it was.

    Examples:

    - `shopkeeper ingest online_retail.csv.gz --format online-retail`
    - `shopkeeper ingest exports/ --format shopify --store var/myshop`
    - `shopkeeper ingest log.jsonl --format events --map map.yaml --store var/myshop`
    """
    from channels.terminal import Screen
    from data.ingest import ingest as add

    screen, place = Screen(), store_at(store)
    started = time.perf_counter()
    with screen.progress() as show:
        report = add(
            place,
            source,
            format=format.value,
            map_file=map_file,
            assume_consent=assume_consent,
            progress=lambda part: show(part, 0.0),
        )
    screen.say(report.summary, seconds=time.perf_counter() - started)
    if report.replaced_demo:
        screen.note("The demo shop that was in this store has made room.")
    screen.say()
    report.quality.print(screen.console)
    screen.say()
    screen.say(f"Report: {report.quality_path}")
    if report.changed:
        screen.say(f"Next: shopkeeper train{at_store(place)}")
