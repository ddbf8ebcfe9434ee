"""The reports of `analyse_behaviour`: each turns one frame of `models.analysis` into facts, rows and a chart."""

from typing import Any

import pandas as pd

from data.errors import ToolError
from tools.base import Fact, Row, ToolContext, ToolResult, count, days, facts, money, name, percent, words
from tools.lookup import MAX_LIMIT, table_source

_DEFAULT_WINDOW = 90
_LATEST_COHORTS = 5


def segments(ctx: ToolContext, category: str | None, horizon: int | None) -> ToolResult:
    """Segments of customers by recency, frequency and money, the one with most revenue first."""
    from models import analysis  # here and below, since importing its engine takes a second

    table = analysis.segments(ctx.snapshot, category=category, horizon_days=horizon, as_of=ctx.as_of)
    _refuse_empty(table, category, horizon)
    table = table.sort_values(["revenue", "segment"], ascending=[False, True], kind="stable", ignore_index=True)
    source = _source(ctx, "RFM segments of purchases", category, horizon)
    rows = [
        Row(
            facts(
                words("segment", row["segment"], source),
                count("customers", row["customers"], source),
                percent("share", row["share"], source),
                money("revenue", row["revenue"], ctx.currency, source),
                percent("revenue_share", row["revenue_share"], source),
            )
        )
        for row in _records(table)
    ]
    level = facts(
        count("customers", table["customers"].sum(), source),
        money("revenue", table["revenue"].sum(), ctx.currency, source),
    )
    chart = _bars("Customers by segment", table["segment"], table["customers"], "customers")
    return ToolResult(facts=level, rows=rows, cue="segments", table=table, chart=chart)


def funnel(ctx: ToolContext, category: str | None, horizon: int | None) -> ToolResult:
    """The steps from a first look to an order, and where most are lost."""
    from models import analysis

    table = analysis.funnel(ctx.snapshot, category=category, horizon_days=horizon, as_of=ctx.as_of)
    if table.empty or not table["visitors"].iloc[0]:
        raise _nothing(category, horizon)
    source = _source(ctx, "distinct visitors", category, horizon)
    rows = [
        Row(
            facts(
                words("step", row["step"], source),
                count("visitors", row["visitors"], source),
                None if pd.isna(row["rate"]) else percent("rate", row["rate"], f"of the step before, {source}"),
            )
        )
        for row in _records(table)
    ]
    first, last = table["visitors"].iloc[0], table["visitors"].iloc[-1]
    lost = table["rate"].dropna()
    level = facts(
        count("visitors", first, source),
        percent("conversion", last / first, f"last / first step, {source}"),
        words("weakest", str(table["step"].iloc[int(table["rate"].argmin())]), f"lowest rate, {source}")
        if len(lost)
        else None,
    )
    chart = {"kind": "funnel", "title": "Funnel", "x": list(table["step"]), "y": _numbers(table["visitors"])}
    return ToolResult(facts=level, rows=rows, cue="funnel", table=table, chart=chart)


def cohorts(ctx: ToolContext, category: str | None, horizon: int | None) -> ToolResult:
    """Customers by the month of their first order, and how many of them bought again the month after."""
    from models import analysis

    table = analysis.cohorts(ctx.snapshot, category=category, horizon_days=horizon, as_of=ctx.as_of)
    _refuse_empty(table, category, horizon)
    source = _source(ctx, "first orders by month", category, horizon)
    again = f"bought again in the month after, {source}"
    known = table[table["kept"].notna()]
    # The latest cohorts whose next month is over say most about today.
    shown = (known if len(known) else table).tail(_LATEST_COHORTS).iloc[::-1]
    rows = [
        Row(
            facts(
                words("cohort", row["cohort"], source),
                count("customers", row["customers"], source),
                None if pd.isna(row["kept"]) else percent("kept", row["kept"], again),
            )
        )
        for row in _records(shown)
    ]
    level = facts(count("customers", table["customers"].sum(), source))
    if len(known):
        weights = known["customers"]
        best = known.iloc[int(known["kept"].argmax())]
        level |= facts(
            percent("kept", float((known["kept"] * weights).sum() / weights.sum()), again),
            words("best", str(best["cohort"]), f"highest share that {again}"),
            percent("best_kept", float(best["kept"]), again),
        )
    later = ["kept", "kept_2", "kept_3"]
    cells = [[None if pd.isna(value) else round(float(value), 4) for value in row] for row in table[later].to_numpy()]
    chart = {
        "kind": "heatmap",
        "title": "Bought again, by month of the first order",
        "x": [f"month {number}" for number in (1, 2, 3)],
        "y": list(table["cohort"]),
        "z": cells,
    }
    return ToolResult(facts=level, rows=rows, cue="cohorts", table=table, chart=chart)


def top_products(ctx: ToolContext, category: str | None, horizon: int | None) -> ToolResult:
    """The products that brought most revenue."""
    from models import analysis

    window = horizon or _DEFAULT_WINDOW
    table = analysis.top_products(ctx.snapshot, category=category, horizon_days=window, as_of=ctx.as_of)
    _refuse_empty(table, category, window)
    source = _source(ctx, "purchases net of returns", category, window)
    rows = [
        Row(
            facts(
                name("title", str(row["title"]), table_source(ctx, "products")),
                count("units", row["units"], source),
                money("revenue", row["revenue"], ctx.currency, source),
                percent("revenue_share", row["revenue_share"], source),
            ),
            id=str(row["product_id"]),
        )
        for row in _records(table.head(MAX_LIMIT))
    ]
    level = facts(
        count("units", table["units"].sum(), source),
        money("revenue", table["revenue"].sum(), ctx.currency, source),
        days("window", window, _asked(horizon)),
    )
    top = table.head(MAX_LIMIT)
    chart = _bars("Best sellers by revenue", top["title"], top["revenue"], ctx.currency)
    return ToolResult(facts=level, rows=rows, cue="top_products", table=table, chart=chart)


def channels(ctx: ToolContext, category: str | None, horizon: int | None) -> ToolResult:
    """What each channel cost and brought."""
    from models import analysis

    window = horizon or _DEFAULT_WINDOW
    table = analysis.channels(ctx.snapshot, category=category, horizon_days=window, as_of=ctx.as_of)
    if table.empty:
        raise ToolError("this shop logs neither ad spend nor channels for that time; ingest an ad_spend table first")
    source = _source(ctx, "ad spend and purchases by channel", category, window, table="ad_spend")
    rows = [
        Row(
            facts(
                words("channel", str(row["channel"]), source),
                _money(ctx, "spend", row["spend"], source),
                _money(ctx, "revenue", row["revenue"], source),
                None if pd.isna(row["orders"]) else count("orders", row["orders"], source),
                None if pd.isna(row["return"]) else percent("return", row["return"], f"revenue / spend, {source}"),
            )
        )
        for row in _records(table)
    ]
    by = table["return"] if table["return"].notna().any() else table["revenue"]
    best = None if by.isna().all() else str(table["channel"].iloc[int(by.argmax())])
    level = facts(
        _money(ctx, "spend", table["spend"].sum(min_count=1), source),
        _money(ctx, "revenue", table["revenue"].sum(min_count=1), source),
        None if best is None else words("best", best, f"highest return, {source}"),
        days("window", window, _asked(horizon)),
    )
    chart = _bars("Revenue by channel", table["channel"], table["revenue"].fillna(0.0), ctx.currency)
    return ToolResult(facts=level, rows=rows, cue="channels", table=table, chart=chart)


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def _numbers(values: pd.Series) -> list[float]:
    return [round(float(value), 2) for value in values]


def _bars(title: str, x: pd.Series, y: pd.Series, unit: str) -> dict[str, Any]:
    return {"kind": "bars", "title": title, "x": [str(label) for label in x], "y": _numbers(y), "unit": unit}


def _money(ctx: ToolContext, key: str, value: float, source: str) -> Fact | None:
    return None if pd.isna(value) else money(key, float(value), ctx.currency, source)


def _source(ctx: ToolContext, what: str, category: str | None, horizon: int | None, table: str = "events") -> str:
    where = f" of {category}" if category else ""
    when = f" in the {horizon} days up to {ctx.as_of:%Y-%m-%d}" if horizon else f" up to {ctx.as_of:%Y-%m-%d}"
    return table_source(ctx, table, f"{what}{where}{when}")


def _asked(horizon: int | None) -> str:
    return "the usual window" if horizon is None else "your request"


def _refuse_empty(table: pd.DataFrame, category: str | None, horizon: int | None) -> None:
    if table.empty:
        raise _nothing(category, horizon)


def _nothing(category: str | None, horizon: int | None) -> ToolError:
    ways = ["allow more days"] * (horizon is not None) + ["leave the category out"] * (category is not None)
    return ToolError(
        "nothing was bought or looked at there; " + (" or ".join(ways) or "ingest the shop's events first")
    )
