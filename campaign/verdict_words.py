"""The verdict as a table and in sentences that a busy person reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from campaign.verdict import OUTCOMES, Total, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

EVERYONE = "all"


def measured_table(found: Verdict) -> pd.DataFrame | None:
    """A row for all, then one a segment and a variant: arms, and each outcome's total with its 95% interval.

    None while the campaign runs.
    """
    if not found.totals:
        return None
    rows = [_row(EVERYONE, found.contacted, found.holdout, found.totals)]
    rows += [_row(f"{p.kind} {p.name}", p.contacted, p.holdout, p.totals) | {"clear": p.clear} for p in found.parts]
    return pd.DataFrame(rows)


def measured_words(found: Verdict) -> str | None:
    """The three totals with intervals, what history helped, and what to make of the parts."""
    if not found.totals:
        return None
    currency = found.plan.currency
    said = [
        f"Extra orders {_span(found.totals['orders'], '')}, revenue {_span(found.totals['revenue'], currency)}, profit "
        f"after messages {_span(found.totals['profit'], currency)}, everyone counted in the arm that chance gave."
    ]
    saved = max(total.saved for total in found.totals.values())
    if saved > 0:
        said.append(f"What the same customers bought before took up to {saved:.0%} of the noise out.")
    if found.parts:
        said.append(_parts(found))
    return " ".join(said)


def _parts(found: Verdict) -> str:
    clear = [f"{part.kind} {part.name}" for part in found.parts if part.clear]
    verb = "stand" if len(clear) > 1 else "stands"
    verdict = f"{' and '.join(clear)} still {verb} out" if clear else "none stands out"
    return (
        f"The {len(found.parts)} parts of the table are as many looks at chance, and one look in twenty finds "
        f"something where nothing is. Once that is allowed for (Benjamini and Hochberg), {verdict}."
    )


def _row(name: str, contacted: int, holdout: int, totals: Mapping[str, Total]) -> dict[str, object]:
    row: dict[str, object] = {"part": name, "contacted": contacted, "holdout": holdout}
    for outcome in OUTCOMES:
        total = totals[outcome]
        row |= {outcome: total.middle, f"{outcome}_low": total.low, f"{outcome}_high": total.high}
    return row


def _span(total: Total, currency: str) -> str:
    number = f"{total.middle:,.2f} {currency}".strip() if currency else f"{total.middle:,.1f}"
    if total.low is None or total.high is None:
        return f"{number} (too few customers for an interval)"
    ends = (f"{total.low:,.2f}", f"{total.high:,.2f}") if currency else (f"{total.low:,.1f}", f"{total.high:,.1f}")
    return f"{number} (95% interval {ends[0]} to {ends[1]})"
