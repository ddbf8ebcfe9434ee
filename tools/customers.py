"""Tools about customers: what one will do and why, and how all of them behave."""

from collections.abc import Callable
from typing import Literal, get_args

import pandas as pd

from data.errors import ToolError
from tools import reports
from tools.base import Row, ToolContext, ToolResult, count, days, facts, identifier, money, percent, tool, words
from tools.lookup import check_customer, check_horizon, entry, find_category, join, quoted, table_source

Report = Literal["segments", "funnel", "cohorts", "top_products", "channels"]

_LIKELY = 1.5
_UNLIKELY = 0.5
_REASONS = 3
_FAR = 730
"""Days beyond which a date would be a guess."""
_REPORTS: dict[str, Callable[[ToolContext, str | None, int | None], ToolResult]] = {
    "segments": reports.segments,
    "funnel": reports.funnel,
    "cohorts": reports.cohorts,
    "top_products": reports.top_products,
    "channels": reports.channels,
}


@tool(roles=("marketer",), kind="read")
def predict_behaviour(ctx: ToolContext, customer_id: str, horizon_days: int = 30) -> ToolResult:
    """Predicts whether a customer will buy, how much they will spend, and why.

    Args:
        customer_id: the customer
        horizon_days: how many days ahead, 1 to 365
    """
    from models.analysis import rfm_segments  # here, since importing its engine takes a second

    horizon = check_horizon(horizon_days)
    who = check_customer(ctx, customer_id)
    model = ctx.models.behaviour
    everyone = model.predict(ctx.snapshot, horizon_days=horizon)
    if who not in everyone.index:
        raise ToolError(f"customer {who} is newer than the model; run `shopkeeper train` again")
    mine = entry(everyone, who)
    chance, average = float(mine["probability"]), float(everyone["probability"].mean())
    shown = facts(
        identifier("customer", who, table_source(ctx, "customers")),
        percent("buy_chance", chance, model.source(f"calibrated chance of an order within {horizon} days")),
        percent("average", average, model.source(f"mean chance of {len(everyone):,} customers")),
        days("horizon", horizon, "your request" if horizon_days != 30 else "the model's own horizon"),
        None
        if pd.isna(mine["spend"])
        else money("spend", float(mine["spend"]), ctx.currency, model.source(model.spend_formula)),
    )
    segments = rfm_segments(ctx.snapshot, as_of=ctx.as_of).set_index("customer_id")
    bought = table_source(ctx, "events", f"purchases up to {ctx.as_of:%Y-%m-%d}")
    if who not in segments.index:
        shown |= facts(count("orders", 0, bought))
    else:
        past = entry(segments, who)
        shown |= facts(
            count("orders", past["orders"], bought),
            None if pd.isna(past["recency_days"]) else days("quiet", past["recency_days"], bought),
            money("revenue", past["revenue"], ctx.currency, f"{bought}, net of returns"),
            words("segment", str(past["segment"]), f"recency, frequency and money, {bought}"),
        )
    reasons = model.reasons(ctx.snapshot, who, top=_REASONS)
    because = model.source("contribution to the log-odds")
    rows = [Row(facts(words("reason", reason.words, because)), cue=reason.direction) for reason in reasons]
    cue = "likely" if chance >= _LIKELY * average else "unlikely" if chance <= _UNLIKELY * average else "average"
    table = pd.DataFrame([(r.words, r.direction, r.effect) for r in reasons], columns=["reason", "direction", "effect"])
    return ToolResult(facts=shown, rows=rows, cue=cue, table=table, text=_doubt(ctx, who, chance, horizon))


def _doubt(ctx: ToolContext, who: str, chance: float, horizon: int) -> str | None:
    """How far the chance may be off, and what the rhythm of buying says; None where too little is known for either."""
    model = ctx.models.behaviour
    said = []
    held = model.held_range(chance, horizon_days=horizon)
    if held is not None:
        low, high = (f"{100 * share:.0f}" for share in held)
        span = f"{low}%" if low == high else f"{low}% to {high}%"
        said.append(
            f"How sure: of customers with about this chance, {span} bought within {horizon} days in 4 of 5 cases "
            "(customers that the model had not seen)."
        )
    rhythm = model.rhythm
    if rhythm is not None and who in rhythm.table.index:
        alive = rhythm.alive(who)
        back = rhythm.half_back_days(who)
        when = "" if back > _FAR else f"; half of those who come back do so by {_day(ctx, back)}"
        said.append(f"Rhythm: {100 * alive:.0f} in 100 customers who bought like this one still are customers{when}.")
    return "\n".join(said) or None


def _day(ctx: ToolContext, days_on: float) -> str:
    return f"{ctx.as_of + pd.Timedelta(days=max(round(days_on), 1)):%d %b %Y}"


@tool(roles=("marketer",), kind="read")
def analyse_behaviour(
    ctx: ToolContext, report: Report, category: str | None = None, horizon_days: int | None = None
) -> ToolResult:
    """Reports how customers behave: segments, funnel, cohorts, top products or channels.

    Args:
        report: which report
        category: only what happened around products of this category
        horizon_days: only the last so many days, 1 to 365
    """
    if report not in _REPORTS:
        raise ToolError(f"no report {quoted(report)}; there are {join(get_args(Report))}")
    horizon = None if horizon_days is None else check_horizon(horizon_days)
    return _REPORTS[report](ctx, find_category(ctx, category), horizon)
