"""What customers did: segments (RFM), funnel, cohorts, best sellers and channels, as frames for the reports.

Every function looks back from `as_of` (the snapshot's last event unless given), optionally over one category and over
the last `horizon_days` only. Money is net of returns; orders count purchases.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import ibis
import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from data.store import Snapshot

SEGMENTS: tuple[str, ...] = (
    "champions",
    "loyal",
    "regular",
    "promising",
    "new",
    "at risk",
    "lapsed",
    "yet to buy",
)
"""Segments, in the order of reports; their meaning is in `rfm_segments`."""

DEFAULT_WINDOW = 90
"""Days that best sellers and channels look back unless told otherwise."""

DEFAULT_INTERVAL = 30.0
"""Days between orders where a shop has no repeat customer yet."""

_AT_RISK, _LAPSED = 2.0, 4.0
_TOP = 0.8
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def rfm_segments(
    snapshot: Snapshot,
    *,
    category: str | None = None,
    horizon_days: int | None = None,
    as_of: pd.Timestamp | None = None,
) -> pd.DataFrame:
    """One row a buyer, sorted by id: customer_id, segment, recency_days, orders, revenue, waits.

    `waits` is the time since the last order in units of the customer's own usual interval (drawn towards the
    shop's median by one interval). Quiet for over 2 waits is at risk, over 4 lapsed. The others are champions
    (orders and revenue in the shop's upper fifth), loyal (orders above the median of repeat customers), regular
    (other repeat customers), new (a single order within one wait) or promising (a single order before that).
    """
    now = snapshot.as_of if as_of is None else as_of
    lines = _lines(snapshot, now, category=category, horizon_days=horizon_days)
    lines = lines.filter(lines["customer_id"].notnull())
    bought = lines["kind"] == "purchase"
    frame = (
        lines.group_by("customer_id")
        .agg(
            first_at=lines["at"].min(where=bought),
            last_at=lines["at"].max(where=bought),
            orders=lines["basket"].nunique(where=bought),
            revenue=lines["amount"].sum(),
        )
        .filter(ibis._.orders > 0)
        .order_by("customer_id")
        .execute()
    )
    frame["customer_id"] = frame["customer_id"].astype("string")
    frame["recency_days"] = (now - frame["last_at"]).dt.total_seconds() / 86400
    frame["revenue"] = frame["revenue"].astype("float64").clip(lower=0.0)
    frame["orders"] = frame["orders"].astype("int64")
    frame["waits"] = frame["recency_days"] / _intervals(frame)
    frame["segment"] = segment_names(frame)
    found: pd.DataFrame = frame[["customer_id", "segment", "recency_days", "orders", "revenue", "waits"]]
    return found


def segments(
    snapshot: Snapshot,
    *,
    category: str | None = None,
    horizon_days: int | None = None,
    as_of: pd.Timestamp | None = None,
) -> pd.DataFrame:
    """One row a segment that has members, best first: segment, customers, share, revenue, revenue_share.

    Without a category or a window, known customers who never ordered are counted as yet to buy.
    """
    now = snapshot.as_of if as_of is None else as_of
    members = rfm_segments(snapshot, category=category, horizon_days=horizon_days, as_of=now)
    grouped = members.groupby("segment", sort=False).agg(customers=("orders", "size"), revenue=("revenue", "sum"))
    if category is None and horizon_days is None:
        waiting = _yet_to_buy(snapshot, members["customer_id"], now)
        if waiting:
            grouped.loc["yet to buy"] = [waiting, 0.0]
    frame = grouped.reindex([s for s in SEGMENTS if s in grouped.index]).rename_axis("segment").reset_index()
    frame["customers"] = frame["customers"].astype("int64")
    frame["share"] = _share(frame["customers"])
    frame["revenue_share"] = _share(frame["revenue"])
    return frame[["segment", "customers", "share", "revenue", "revenue_share"]]


def funnel(
    snapshot: Snapshot,
    *,
    category: str | None = None,
    horizon_days: int | None = None,
    as_of: pd.Timestamp | None = None,
) -> pd.DataFrame:
    """One row a step: step, visitors (who came at least so far), rate (of the step before; unknown for the first).

    The steps are viewed → put in the cart → bought. A shop that logs no views has none; there the steps are a
    customer's first, second and third order, and are named so.
    """
    now = snapshot.as_of if as_of is None else as_of
    events = _window(snapshot, now, category=category, horizon_days=horizon_days)
    depth = events["kind"].cases(("view", 1), ("add_to_cart", 2), ("purchase", 3), else_=0)
    seen = events.mutate(visitor=ibis.coalesce(events["customer_id"], events["session_id"]), depth=depth)
    seen = seen.filter(seen["visitor"].notnull() & (seen["depth"] > 0))
    if int(seen.filter(seen["kind"] == "view").count().execute()):
        deepest = seen.group_by("visitor").agg(reached=seen["depth"].max()).execute()["reached"]
        names = ["viewed a product", "put it in the cart", "bought"]
    else:
        lines = _lines(snapshot, now, category=category, horizon_days=horizon_days)
        lines = lines.filter((lines["kind"] == "purchase") & lines["customer_id"].notnull())
        deepest = lines.group_by("customer_id").agg(reached=lines["basket"].nunique()).execute()["reached"]
        names = ["first order", "second order", "third order"]
    visitors = [int((deepest >= step).sum()) for step in (1, 2, 3)]
    rates = [float("nan")] + [_ratio(later, earlier) for earlier, later in pairwise(visitors)]
    return pd.DataFrame({"step": names, "visitors": visitors, "rate": rates})


def cohorts(
    snapshot: Snapshot,
    *,
    category: str | None = None,
    horizon_days: int | None = None,
    as_of: pd.Timestamp | None = None,
) -> pd.DataFrame:
    """One row a month of first order, oldest first: cohort ("Mar 2011"), month, customers, kept, kept_2, kept_3.

    `kept` is the share that ordered again in the month after, `kept_2` and `kept_3` in the ones following;
    unknown (NaN) where that month is not over. `horizon_days` keeps the months that it touches.
    """
    now = snapshot.as_of if as_of is None else as_of
    lines = _lines(snapshot, now, category=category)
    lines = lines.filter((lines["kind"] == "purchase") & lines["customer_id"].notnull())
    months = lines.select("customer_id", month=lines["at"].truncate("M")).distinct()
    frame = months.order_by(["customer_id", "month"]).execute()
    frame["month"] = frame["month"].astype("datetime64[us]").dt.to_period("M")
    frame["first"] = frame.groupby("customer_id", sort=False)["month"].transform("min")
    # Of the first months; of the activity, months since.
    frame["since"] = (frame["month"].dt.year - frame["first"].dt.year) * 12 + (
        frame["month"].dt.month - frame["first"].dt.month
    )
    table = frame.pivot_table(index="first", columns="since", values="customer_id", aggfunc="count", fill_value=0)
    table = table.reindex(columns=range(4), fill_value=0)
    found = pd.DataFrame({"month": table.index.to_timestamp(), "customers": table[0].to_numpy(dtype="int64")})
    found.insert(0, "cohort", [f"{_MONTHS[m.month - 1]} {m.year}" for m in table.index])
    for later, column in enumerate(("kept", "kept_2", "kept_3"), start=1):
        over = np.array([_is_over(month + later, now) for month in table.index], dtype=bool)
        found[column] = np.where(over, table[later] / table[0], np.nan)
    if horizon_days is not None:
        ended = found["month"] + pd.offsets.MonthBegin(1)
        found = found[ended > now - pd.Timedelta(days=horizon_days)].reset_index(drop=True)
    return found


def top_products(
    snapshot: Snapshot,
    *,
    category: str | None = None,
    horizon_days: int = DEFAULT_WINDOW,
    as_of: pd.Timestamp | None = None,
    limit: int | None = None,
) -> pd.DataFrame:
    """Best sellers by revenue (ties by id): product_id, title, category, units, revenue, revenue_share.

    Net of returns; products that were returned more than sold are left out. The share is of all revenue of
    the window and category, also with a `limit`.
    """
    now = snapshot.as_of if as_of is None else as_of
    lines = _lines(snapshot, now, category=category, horizon_days=horizon_days)
    lines = lines.filter(lines["product_id"].notnull())
    sold = lines.group_by("product_id").agg(units=lines["units"].sum(), revenue=lines["amount"].sum())
    sold = sold.filter((sold["units"] > 0) & (sold["revenue"] > 0))
    products = snapshot.table("products").select("product_id", "title", "category")
    frame: pd.DataFrame = (
        sold.inner_join(products, "product_id")
        .select("product_id", "title", "category", "units", "revenue")
        .order_by([ibis.desc("revenue"), "product_id"])
        .execute()
    )
    frame[["units", "revenue"]] = frame[["units", "revenue"]].astype("float64")
    frame["revenue_share"] = _share(frame["revenue"])
    return frame if limit is None else frame.head(limit)


def channels(
    snapshot: Snapshot,
    *,
    category: str | None = None,
    horizon_days: int = DEFAULT_WINDOW,
    as_of: pd.Timestamp | None = None,
) -> pd.DataFrame:
    """One row a channel, highest spend first: channel, spend, revenue, orders, clicks, return.

    Spend, clicks, and where the platform reports them revenue and orders come from ad_spend; the rest from
    purchases whose event names the channel. `return` is revenue / spend as a share (2.5 = two and a half times
    the spend). What is unknown is NaN; with a category so is the spend, since ads are not paid by category.
    """
    now = snapshot.as_of if as_of is None else as_of
    lines = _lines(snapshot, now, category=category, horizon_days=horizon_days)
    named = lines.filter(lines["channel"].notnull())
    bought = named["kind"] == "purchase"
    own = named.group_by("channel").agg(
        own_orders=named["basket"].nunique(where=bought), own_revenue=named["amount"].sum()
    )
    frame = own.execute().set_index("channel").astype("float64")
    if category is None:
        frame = _ad_totals(snapshot, now, horizon_days).join(frame, how="outer")
    frame = frame.reindex(columns=["spend", "clicks", "revenue", "orders", "own_revenue", "own_orders"])
    frame["revenue"] = frame["revenue"].fillna(frame["own_revenue"])
    frame["orders"] = frame["orders"].fillna(frame["own_orders"])
    frame["return"] = frame["revenue"] / frame["spend"].where(frame["spend"] > 0)
    frame = frame.rename_axis("channel").reset_index()
    frame["channel"] = frame["channel"].astype("string")
    frame = frame.sort_values(["spend", "revenue", "channel"], ascending=[False, False, True], kind="stable")
    found: pd.DataFrame = frame[["channel", "spend", "revenue", "orders", "clicks", "return"]]
    return found.reset_index(drop=True)


def _window(
    snapshot: Snapshot, now: pd.Timestamp, *, category: str | None = None, horizon_days: int | None = None
) -> ibis.Table:
    """Events up to `now`, of the last `horizon_days` and of products of `category` where given."""
    events = snapshot.table("events")
    events = events.filter(events["at"] <= ibis.timestamp(now.isoformat()))
    if horizon_days is not None:
        since = now - pd.Timedelta(days=horizon_days)
        events = events.filter(events["at"] > ibis.timestamp(since.isoformat()))
    if category is not None:
        products = snapshot.table("products")
        wanted = products.filter(products["category"].lower() == category.lower()).select("product_id")
        events = events.semi_join(wanted, "product_id")
    return events


def _lines(
    snapshot: Snapshot, now: pd.Timestamp, *, category: str | None = None, horizon_days: int | None = None
) -> ibis.Table:
    """Purchase and return lines, with basket (the order, else the day), units and amount (below 0 for returns)."""
    events = _window(snapshot, now, category=category, horizon_days=horizon_days)
    events = events.filter(events["kind"].isin(["purchase", "return"]))
    sign = (events["kind"] == "return").ifelse(-1.0, 1.0).cast("float64")
    units = sign * events["quantity"].fill_null(1.0).abs()
    return events.mutate(
        basket=ibis.coalesce(events["order_id"], events["at"].date().cast("string")),
        units=units,
        amount=units * events["unit_price"].fill_null(0.0),
    )


def _intervals(frame: pd.DataFrame) -> pd.Series:
    """Each customer's usual days between orders, drawn towards the shop's median by one interval."""
    span = (frame["last_at"] - frame["first_at"]).dt.total_seconds() / 86400
    gaps = frame["orders"] - 1
    own = span[gaps > 0] / gaps[gaps > 0]
    typical = max(float(own.median()), 1.0) if len(own) else DEFAULT_INTERVAL
    intervals: pd.Series = (span + typical) / (gaps + 1)
    return intervals


def segment_names(frame: pd.DataFrame) -> pd.Series:
    """The segment of each buyer (rows of orders, revenue and waits), as `rfm_segments` explains them."""
    repeat = frame["orders"] >= 2
    many = frame["orders"] >= max(float(frame["orders"].quantile(_TOP)), 2.0) if len(frame) else repeat
    dear = frame["revenue"] >= float(frame["revenue"].quantile(_TOP)) if len(frame) else repeat
    usual = float(frame.loc[repeat, "orders"].median()) if repeat.any() else 2.0
    conditions = [
        frame["waits"] > _LAPSED,
        frame["waits"] > _AT_RISK,
        many & dear,
        repeat & (frame["orders"] > usual),
        repeat,
        frame["waits"] <= 1.0,
    ]
    names = ["lapsed", "at risk", "champions", "loyal", "regular", "new"]
    return pd.Series(np.select(conditions, names, default="promising"), index=frame.index, dtype="string")


def _yet_to_buy(snapshot: Snapshot, buyers: pd.Series, now: pd.Timestamp) -> int:
    """How many customers are known at `now` but not among `buyers`."""
    customers = snapshot.frame("customers")
    joined = customers["joined_at"].isna() | (customers["joined_at"] <= now)
    return int((joined & ~customers["customer_id"].isin(list(buyers))).sum())


def _ad_totals(snapshot: Snapshot, now: pd.Timestamp, horizon_days: int) -> pd.DataFrame:
    """Spend, clicks, revenue and orders per channel as ad_spend has them; NaN where no day knows."""
    spent = snapshot.table("ad_spend")
    since = now - pd.Timedelta(days=horizon_days)
    spent = spent.filter(
        (spent["day"] <= ibis.timestamp(now.isoformat())) & (spent["day"] > ibis.timestamp(since.isoformat()))
    )
    grouped = spent.group_by("channel").agg(
        spend=spent["spend"].sum(),
        clicks=spent["clicks"].sum(),
        revenue=spent["revenue"].sum(),
        orders=spent["conversions"].sum(),
    )
    frame: pd.DataFrame = grouped.execute().set_index("channel").astype("float64")
    return frame


def _is_over(month: pd.Period, now: pd.Timestamp) -> bool:
    """Whether `month` has passed; the last day of trading counts as a whole day."""
    return bool(now.normalize() + pd.Timedelta(days=1) >= month.end_time)


def _share(values: pd.Series) -> pd.Series:
    total = float(values.sum())
    return values / total if total else values * 0.0


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
