"""`shopkeeper pace`: tomorrow's advertising money by channel, after what each day has brought."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from channels.options import DebugOption, StoreOption, store_at
from data.errors import DataError, SettingError

if TYPE_CHECKING:
    from campaign.pacing import Day


def pace(
    *,
    budget: Annotated[float, typer.Argument(help="Tomorrow's money, all channels together.", show_default=False)],
    results: Annotated[
        Path | None,
        typer.Option(
            "--results",
            metavar="FILE",
            help="What the campaign's days brought: day, channel, spend, conversions.",
            show_default=False,
        ),
    ] = None,
    channel: Annotated[
        list[str] | None,
        typer.Option("--channel", help="Only these; every channel with a history unless given.", show_default=False),
    ] = None,
    store: StoreOption = None,
    _debug: DebugOption = False,
) -> None:
    """Shares tomorrow's money out among the channels, by the shop's response curves and the days of --results.

    Each curve is held to be right up to a factor, which the days' conversions move: by little at first, since one day
    is much chance. The same file gives the same split. Nothing is booked; type the amounts into the platforms.

    Examples:

    - `shopkeeper pace 120`
    - `shopkeeper pace 120 --results days.csv --channel google --channel facebook`
    """
    from campaign import pacing
    from channels.terminal import Screen
    from models.registry import ModelSet

    place = store_at(store)
    snapshot = place.snapshot()
    response = ModelSet(place.models_path.parent / snapshot.id).response
    known = [one for one in response.channels if response.knows(one, "orders")]
    wanted = list(dict.fromkeys(one.strip().lower() for one in channel or known))
    if blind := [one for one in wanted if one not in known]:
        there = ", ".join(known) or "none of them"
        raise SettingError(f"there is no history of {blind[0]}, so no response curve; the shop knows {there}")
    curves = {one: response.curve(one, "orders") for one in wanted}
    days = [] if results is None else _days(results)
    split = pacing.reallocate(curves, days, budget)
    factors = pacing.factors(curves, days)
    screen = Screen()
    screen.say(f"Tomorrow's {budget:,.2f} {snapshot.currency}, after {len(days)} days of results:")
    rows = [
        [one, f"{spend:,.2f}", f"{100 * spend / budget:.0f}%", f"{factors[one][0] / factors[one][1]:.2f}"]
        for one, spend in split.items()
    ]
    screen.table(["channel", f"spend, {snapshot.currency}", "share", "conversions, of what its curve expects"], rows)
    if not days:
        screen.note("Without --results these are the curves alone; every factor is 1.")


def _days(path: Path) -> list[Mapping[str, Day]]:
    """The days of a file, oldest first, each day and channel once."""
    from campaign.pacing import Day
    from channels.result_files import first_row, numbers, rows_of, times

    rows = rows_of(path, ["day", "channel", "spend", "conversions"])
    rows["channel"] = rows["channel"].str.lower()
    rows["when"] = times(path, rows, "day")
    for column in ("spend", "conversions"):
        rows[column] = numbers(path, rows, column, least=0.0)
    if (again := rows.duplicated(["when", "channel"])).any():
        row = first_row(again)
        raise DataError(
            f"{path.name}, row {row}: {rows['channel'][row]} on {rows['day'][row]} stands there twice; add the two up"
        )
    return [
        {str(one.channel): Day(float(str(one.spend)), float(str(one.conversions))) for one in day.itertuples()}
        for _, day in rows.groupby("when", sort=True)
    ]
