"""The budget tool: how much to spend on which channel."""

import math
from typing import Literal

from campaign.budget import DAYS, allocate
from campaign.draft import check_budget
from campaign.offers import margin_of
from tools.base import Fact, Row, ToolContext, ToolResult, count, facts, money, percent, tool, words
from tools.mend import mendable

Objective = Literal["profit", "revenue", "orders", "clicks"]
_MONEY = {"profit", "revenue"}


@tool(roles=("marketer",), kind="read")
def allocate_budget(
    ctx: ToolContext, budget: float, channels: list[str], objective: Objective = "profit"
) -> ToolResult:
    """Shares a budget among channels so that it brings most; what would not pay is kept."""
    margin = margin_of(ctx.snapshot.frame("products"))
    with mendable():
        check_budget(ctx.snapshot, budget)
        found = allocate(
            ctx.models.response, budget=budget, channels=channels, objective=objective, margin=margin.rate, days=DAYS
        )
    source = ctx.models.response.source(f"over {found.days} days")
    profit = ctx.models.response.source(f"margin × revenue − spend over {found.days} days, margin: {margin.source}")
    spread = ctx.models.response.source(f"80% interval of the {objective}")
    asked = "what you asked for"
    totals = found.totals
    level = facts(
        money("budget", found.budget, ctx.currency, asked),
        money("spend", found.spend, ctx.currency, source),
        money("profit", totals["profit"], ctx.currency, profit) if "profit" in totals else None,
        money("revenue", totals["revenue"], ctx.currency, source) if "revenue" in totals else None,
        count("orders", totals["orders"], source) if "orders" in totals else None,
        count("clicks", totals["clicks"], source) if "clicks" in totals else None,
        money("low", found.low, ctx.currency, spread) if _shown(found.low, objective) else None,
        money("high", found.high, ctx.currency, spread) if _shown(found.high, objective) else None,
        money("kept", found.kept, ctx.currency, "budget − spend: more would not pay") if found.kept > 0 else None,
    )
    rows = []
    for row in found.rows.sort_values("spend", ascending=False, kind="stable").to_dict("records"):
        why = f"no history of {row['channel']}: an even part" if row["assumed"] else source
        rows.append(Row(_row(ctx, row["channel"], row["spend"], row["share"], row["return"], why)))
    return ToolResult(
        facts=level,
        rows=rows,
        cue="assumed" if found.assumed else "fitted",
        table=found.rows,
        chart={"kind": "bar", "x": list(found.rows["channel"]), "y": list(found.rows["spend"])},
    )


def _row(ctx: ToolContext, channel: str, spend: float, share: float, back: float, source: str) -> dict[str, Fact]:
    return facts(
        words("channel", channel, "what you asked for"),
        money("spend", spend, ctx.currency, source),
        percent("share", share, source),
        None
        if math.isnan(back)
        else percent("return", back, ctx.models.response.source("revenue for each unit spent")),
    )


def _shown(value: float, objective: str) -> bool:
    """Whether the interval's end can be shown as money."""
    return objective in _MONEY and not math.isnan(value)
