"""Tools about sales: what will be sold, and how customers behave as a whole."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from data.errors import ToolError
from index.words import match_categories, tokens
from tools.base import Fact, ToolContext, ToolResult, count, days, facts, money, name, percent, tool
from tools.lookup import catalogue, check_horizon, find_category, match_id, quoted, resolve_product, table_source

if TYPE_CHECKING:
    from models.forecast import Forecast

_WHOLE_SHOP = {
    "shop",
    "store",
    "everything",
    "total",
    "all",
    "overall",
    "business",
    "company",
    "sale",
    "whole",
    "entire",
}
_FLAT = 0.05


@tool(roles=("marketer",), kind="read")
def forecast_sales(ctx: ToolContext, target: str, horizon_days: int = 28) -> ToolResult:
    """Forecasts the units that a product, a category or the whole shop will sell.

    Args:
        target: a product id, words for a product, a category, or "shop"
        horizon_days: how many days ahead, 1 to 365
    """
    horizon = check_horizon(horizon_days)
    product_id, category, label = _target(ctx, target)
    model = ctx.models.forecast
    found = model.predict(ctx.snapshot, product_id=product_id, category=category, horizon_days=horizon)
    source = model.source(f"{found.method}, sum of {horizon} days")
    interval = model.source("80% interval")
    past = table_source(ctx, "events", f"units bought in the {horizon} days up to {ctx.as_of:%Y-%m-%d}")
    # Of the figures as shown, so that a reader who does the sum gets the same.
    change = round(found.units) / round(found.previous) - 1 if found.previous and round(found.previous) else None
    where = "products" if product_id else "products, by category" if category else "shop"
    shown = facts(
        name("target", label, f"{where}, snapshot {ctx.snapshot.id[:6]}"),
        count("units", found.units, source),
        count("low", found.low, interval),
        count("high", found.high, interval),
        days("horizon", horizon, "your request"),
        _known(money("revenue", found.revenue, ctx.currency, model.source("units × price"))),
        None if found.previous is None else count("previous", found.previous, past),
        None
        if change is None
        else replace(percent("change", abs(change), f"units against previous, {past}"), value=change),
        _known(percent("error", found.error, model.source("WAPE on the last weeks, held back"))),
    )
    return ToolResult(facts=shown, cue=_direction(found, change), table=found.weeks, chart=_fan(found, label))


def _target(ctx: ToolContext, target: str) -> tuple[str | None, str | None, str]:
    """(product, category, name shown): a product id, the shop, a category, or words for a product, in this order."""
    products = catalogue(ctx)
    wish = set(tokens(target)) - {"shop's"}
    product_id = match_id(products.index, target)
    if product_id is None:
        if (wish and wish <= _WHOLE_SHOP) or target.strip().lower() == ctx.snapshot.name.lower():
            return None, None, ctx.snapshot.name
        categories = match_categories(products["category"].dropna(), target, strict=True)
        if categories:
            return None, find_category(ctx, target), str(find_category(ctx, target))
        try:
            product_id = resolve_product(ctx, target)
        except ToolError:
            if not match_categories(products["category"].dropna(), target):
                raise ToolError(
                    f'neither a product nor a category fits {quoted(target)}; give an id, a category or "shop"'
                ) from None
            category = find_category(ctx, target)
            return None, category, str(category)
    return product_id, None, str(products.at[product_id, "title"])


def _direction(found: "Forecast", change: float | None) -> str:
    if found.thin:
        return "thin"
    if change is None:
        return "up" if round(found.units) >= 1 else "flat"
    return "flat" if abs(change) < _FLAT else "up" if change > 0 else "down"


def _fan(found: "Forecast", label: str) -> dict[str, Any]:
    """The chart of a forecast: past weeks, then the mean with its 80% band."""
    weeks = found.weeks

    def dates(frame: pd.DataFrame) -> list[str]:
        return [f"{start:%Y-%m-%d}" for start in frame["week_start"]]

    def numbers(series: pd.Series) -> list[float]:
        return [round(float(value), 2) for value in series]

    return {
        "kind": "fan",
        "title": label,
        "x": dates(found.history) + dates(weeks),
        "history": numbers(found.history["units"]),
        "mean": numbers(weeks["mean"]),
        "low": numbers(weeks["low"]),
        "high": numbers(weeks["high"]),
        "unit": "units a week",
    }


def _known(fact: Fact) -> Fact | None:
    """The fact unless its value is not a number."""
    return None if pd.isna(fact.value) else fact
