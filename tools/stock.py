"""The tool that plans inventory: what to order, how much, and how urgently."""

import math

import pandas as pd

from data.errors import ToolError
from tools.base import Row, ToolContext, ToolResult, count, days, facts, money, name, percent, tool
from tools.lookup import MAX_LIMIT, check_horizon, find_category, table_source

LEAD_TIME_DAYS = 14
"""Days from an order to the goods on the shelf; a product that runs out before is urgent."""
_MOST = 0.999


@tool(roles=("marketer",), kind="read")
def plan_inventory(
    ctx: ToolContext, category: str | None = None, horizon_days: int = 28, service_level: float = 0.95
) -> ToolResult:
    """Plans stock: which products to reorder, how many, and what is overstocked.

    Args:
        category: only products of this category
        horizon_days: how many days the order shall last, 1 to 365
        service_level: the chance of not running out, 0 to 1
    """
    from models.inventory import reorder_plan  # here, since forecasting libraries take seconds to import

    horizon, service = check_horizon(horizon_days), _service(service_level)
    group = find_category(ctx, category)
    plan = reorder_plan(
        ctx.snapshot,
        ctx.models.forecast,
        category=group,
        horizon_days=horizon,
        service_level=service,
        lead_time_days=LEAD_TIME_DAYS,
    )
    titles = ctx.snapshot.frame("products").set_index("product_id")["title"]
    plan = plan.assign(title=plan["product_id"].map(titles))
    unknown = plan["stock"].isna()
    blind = bool(unknown.all()) and len(plan) > 0
    # Where no stock is known at all, the levels of what sells most are the most useful answer.
    chosen = (
        plan.sort_values(["level", "product_id"], ascending=[False, True], kind="stable") if blind else _to_order(plan)
    )
    source = ctx.models.forecast.source(
        f"order-up-to level at {100 * service:g}% service, {LEAD_TIME_DAYS} days' lead time"
    )
    costs = chosen["cost"] if not blind else pd.Series(dtype=float)
    shown = facts(
        None if blind else count("reorder", len(chosen), source),
        None if blind else count("units", float(chosen["order"].sum()), source),
        money("cost", float(costs.sum()), ctx.currency, f"order × unit cost, {table_source(ctx, 'products')}")
        if len(costs) and costs.notna().all()
        else None,
        percent("service", service, "the usual service level" if service == 0.95 else "your request"),
        days("horizon", horizon, "the usual horizon" if horizon == 28 else "your request"),
        None if blind else count("overstock", int(plan["overstock"].sum()), source),
        count("unknown", int(unknown.sum()), table_source(ctx, "products")) if unknown.any() else None,
    )
    rows = [_row(ctx, product, source, blind=blind) for _, product in chosen.head(MAX_LIMIT).iterrows()]
    cue = "unknown" if blind else "reorder" if len(chosen) else "none"
    return ToolResult(
        facts=shown, rows=rows, cue=cue, table=chosen.reset_index(drop=True), chart=_bars(chosen, blind=blind)
    )


def _service(level: float) -> float:
    share = level / 100 if 1 < level <= 100 else level
    if not math.isfinite(share) or not 0.5 <= share <= _MOST:
        raise ToolError(f"a service level of {level:g} is not possible; give 0.5 to {_MOST}, for example 0.95")
    return share


def _to_order(plan: pd.DataFrame) -> pd.DataFrame:
    """The products to order, those that run out first at the top."""
    needed = plan[plan["order"] > 0]
    return needed.sort_values(["cover_days", "demand", "product_id"], ascending=[True, False, True], kind="stable")


def _row(ctx: ToolContext, product: pd.Series, source: str, *, blind: bool) -> Row:
    held = table_source(ctx, "products")
    demand = ctx.models.forecast.source("mean demand over the horizon")
    cover = product["cover_days"]
    shown = facts(
        name("title", str(product["title"]), held),
        None if blind else count("order", float(product["order"]), source),
        None if pd.isna(product["stock"]) else count("stock", float(product["stock"]), held),
        count("demand", float(product["demand"]), demand),
        None if pd.isna(cover) or math.isinf(cover) else days("cover", float(cover), f"stock / daily demand, {demand}"),
        count("level", float(product["level"]), source),
    )
    urgent = not pd.isna(cover) and cover < LEAD_TIME_DAYS
    return Row(shown, id=str(product["product_id"]), cue="" if blind else "urgent" if urgent else "soon")


def _bars(chosen: pd.DataFrame, *, blind: bool) -> dict[str, object]:
    top = chosen.head(MAX_LIMIT)
    key = "level" if blind else "order"
    return {
        "kind": "bars",
        "title": "Order-up-to level" if blind else "Units to order",
        "x": [str(title) for title in top["title"]],
        "y": [round(float(value), 2) for value in top[key]],
        "unit": "units",
    }
