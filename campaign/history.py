"""What customers bought so far, from the events table: their rhythm, their value, and which products go together."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import ibis
import pandas as pd

if TYPE_CHECKING:
    from data.store import Snapshot

DEFAULT_INTERVAL = 30.0
"""Days between orders where a shop has no repeat customer yet."""

_COLUMNS = ["orders", "first_at", "last_at", "revenue", "quiet_days", "interval_days", "value"]


def purchases(snapshot: Snapshot, as_of: pd.Timestamp) -> ibis.Table:
    """Purchase lines of known customers up to `as_of`: customer_id, product_id, at, basket, quantity, amount."""
    events = snapshot.table("events")
    known = events.filter(
        (events["kind"] == "purchase")
        & (events["at"] <= ibis.timestamp(as_of.isoformat()))
        & events["customer_id"].notnull()
    )
    quantity = known["quantity"].fill_null(1.0)
    return known.select(
        "customer_id",
        "product_id",
        "at",
        basket=ibis.coalesce(known["order_id"], known["at"].date().cast("string")),
        quantity=quantity,
        amount=quantity * known["unit_price"].fill_null(0.0),
    )


@lru_cache(maxsize=4)
def customers(snapshot: Snapshot, as_of: pd.Timestamp) -> pd.DataFrame:
    """A row a buyer (index customer_id, sorted): orders, first_at, last_at, revenue, quiet_days, interval_days, value.

    Worked out once for a snapshot, which never changes, so change a copy of it only.

    `interval_days` is the customer's mean time between orders, drawn towards the shop's median by one
    pseudo-interval, so that a single pair of orders does not decide. `value` is the money of one order, drawn
    towards the shop's mean by one pseudo-order.
    """
    bought = purchases(snapshot, as_of)
    grouped = bought.group_by("customer_id").agg(
        orders=bought["basket"].nunique(),
        first_at=bought["at"].min(),
        last_at=bought["at"].max(),
        revenue=bought["amount"].sum(),
    )
    frame = grouped.order_by("customer_id").execute().set_index("customer_id")
    frame.index = frame.index.astype("string")
    if frame.empty:
        return pd.DataFrame(columns=_COLUMNS, index=pd.Index([], name="customer_id", dtype="string")).astype(
            {c: "datetime64[us]" if c.endswith("_at") else "float64" for c in _COLUMNS}
        )
    frame["quiet_days"] = (as_of - frame["last_at"]).dt.total_seconds() / 86400
    span = (frame["last_at"] - frame["first_at"]).dt.total_seconds() / 86400
    gaps = frame["orders"] - 1
    own = span[gaps > 0] / gaps[gaps > 0]
    typical = max(float(own.median()), 1.0) if len(own) else DEFAULT_INTERVAL
    frame["interval_days"] = (span + typical) / (gaps + 1)
    mean_order = float(frame["revenue"].sum() / frame["orders"].sum())
    frame["value"] = (frame["revenue"] + mean_order) / (frame["orders"] + 1)
    ordered: pd.DataFrame = frame[_COLUMNS]
    return ordered


def bought_product(snapshot: Snapshot, as_of: pd.Timestamp, product_ids: list[str]) -> pd.DataFrame:
    """Who bought any of `product_ids` (index customer_id): first_at, last_at, times (distinct orders)."""
    bought = purchases(snapshot, as_of)
    chosen = bought.filter(bought["product_id"].isin(product_ids))
    grouped = chosen.group_by("customer_id").agg(
        first_at=chosen["at"].min(), last_at=chosen["at"].max(), times=chosen["basket"].nunique()
    )
    frame: pd.DataFrame = grouped.order_by("customer_id").execute().set_index("customer_id")
    frame.index = frame.index.astype("string")
    return frame


def affinity(snapshot: Snapshot, as_of: pd.Timestamp, product_ids: list[str], *, days: int = 365) -> pd.Series:
    """How much of each customer's interest of the last `days` went to `product_ids` (0 to 1, index customer_id).

    A purchase weighs 5, a basket 2, a view 1. One unit of no interest is added, so that a single view is not
    taken for a passion.
    """
    events = snapshot.table("events")
    weight = events["kind"].cases(("purchase", 5.0), ("add_to_cart", 2.0), ("view", 1.0), else_=0.0)
    since = ibis.timestamp((as_of - pd.Timedelta(days=days)).isoformat())
    recent = events.filter(
        events["customer_id"].notnull() & (events["at"] > since) & (events["at"] <= ibis.timestamp(as_of.isoformat()))
    ).select("customer_id", weight=weight, hit=events["product_id"].isin(product_ids).fill_null(False))
    recent = recent.filter(recent["weight"] > 0)
    grouped = recent.group_by("customer_id").agg(
        hit=recent["weight"].sum(where=recent["hit"]).fill_null(0.0), every=recent["weight"].sum()
    )
    frame = grouped.order_by("customer_id").execute().set_index("customer_id")
    frame.index = frame.index.astype("string")
    share: pd.Series = frame["hit"] / (frame["every"] + 1.0)
    return share[share > 0]


def bought_together(snapshot: Snapshot, as_of: pd.Timestamp, product_ids: list[str], *, limit: int = 20) -> list[str]:
    """Products that buyers of `product_ids` also bought, the most shared first (ties by id)."""
    bought = purchases(snapshot, as_of).filter(ibis._.product_id.notnull())
    buyers = bought.filter(bought["product_id"].isin(product_ids)).select("customer_id").distinct()
    others = bought.semi_join(buyers, "customer_id").filter(~ibis._.product_id.isin(product_ids))
    counts = others.group_by("product_id").agg(shared=others["customer_id"].nunique())
    ranked = counts.order_by([ibis.desc("shared"), "product_id"]).limit(limit).execute()
    return [str(p) for p in ranked["product_id"]]


def units_sold(snapshot: Snapshot, since: pd.Timestamp, until: pd.Timestamp) -> pd.Series:
    """Units sold a product after `since` up to `until` (index product_id), to anyone."""
    events = snapshot.table("events")
    sold = events.filter(
        (events["kind"] == "purchase")
        & (events["at"] > ibis.timestamp(since.isoformat()))
        & (events["at"] <= ibis.timestamp(until.isoformat()))
        & events["product_id"].notnull()
    )
    grouped = sold.group_by("product_id").agg(units=sold["quantity"].fill_null(1.0).sum())
    frame = grouped.order_by("product_id").execute().set_index("product_id")
    frame.index = frame.index.astype("string")
    units: pd.Series = frame["units"]
    return units


def exposures_with_orders(snapshot: Snapshot, *, days: int) -> pd.DataFrame:
    """The exposures with `reward` 1.0 where the customer bought within `days` days of the decision, else 0.0.

    Decisions whose window reaches beyond the snapshot's last event are left out: their outcome is not known yet.
    """
    logged = snapshot.frame("exposures")
    if logged.empty:  # most shops: no query need be made to see that
        return logged.assign(reward=0.0)
    exposures = snapshot.table("exposures")
    whole = exposures.filter(exposures["at"] <= snapshot.as_of - pd.Timedelta(days=days)).drop("reward")
    bought = purchases(snapshot, snapshot.as_of).select("customer_id", bought_at="at")
    inside = whole.join(bought, "customer_id").filter(
        lambda t: (t["bought_at"] > t["at"]) & (t["bought_at"] <= t["at"] + ibis.interval(days=days))
    )
    hits = {str(d) for d in inside.select("decision_id").distinct().execute()["decision_id"]}
    frame: pd.DataFrame = whole.order_by(["at", "decision_id"]).execute()
    return frame.assign(reward=frame["decision_id"].astype(str).isin(hits).astype("float64"))
