"""`shopkeeper quality`: what is doubtful in the store's data."""

from __future__ import annotations

from channels.options import DebugOption, StoreOption, store_at


def quality(*, store: StoreOption = None, _debug: DebugOption = False) -> None:
    """Reports on the quality of the data in the store: missing, repeated and impossible values, gaps, drift.

    Example:

    - `shopkeeper quality --store var/demo`
    """
    from channels.terminal import Screen
    from data.quality import assess

    screen, place = Screen(), store_at(store)
    report = assess(place.snapshot())
    path = place.write_quality(report.to_html())
    report.print(screen.console)
    screen.say()
    screen.say(f"Report: {path}")
