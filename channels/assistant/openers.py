"""What a shopper could ask before anything was said: questions that this shop can answer."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import pandas as pd
from pydantic import BaseModel

from data.money import symbol

if TYPE_CHECKING:
    from data.store import Snapshot

_COUNTED_DAYS = 90


class Questions(BaseModel):
    """The shop's name, and what is known for its suggested questions; the face has the words for them.

    `symbol` is written before an amount, `price` an amount that buys a nice present here, `order_id` the latest
    order of the shopper who is signed in.
    """

    shop: str
    symbol: str
    price: int
    categories: list[str]
    order_id: str | None = None


def questions(snapshot: Snapshot, customer_id: str | None) -> Questions:
    """What the suggested questions are made of."""
    return Questions(
        shop=snapshot.name,
        symbol=symbol(snapshot.currency),
        price=_present(snapshot),
        categories=categories(snapshot)[:3],
        order_id=None if customer_id is None else _latest_order(snapshot, customer_id),
    )


@functools.lru_cache(maxsize=2)
def _popular(snapshot: Snapshot) -> tuple[str, ...]:
    """Categories by pieces sold lately, the most first."""
    sold = pieces_sold(snapshot, days=_COUNTED_DAYS)
    groups = snapshot.frame("products").set_index("product_id")["category"]
    by_group = sold.groupby(sold.index.map(groups.to_dict())).sum()
    return tuple(str(name) for name in by_group.sort_values(ascending=False, kind="stable").index)


def pieces_sold(snapshot: Snapshot, *, days: int) -> pd.Series[int]:
    """How often each product was bought in the last `days`, by id; those that were not are left out."""
    events = snapshot.table("events")
    lately = events.filter(events.kind == "purchase", events.at > snapshot.as_of - pd.Timedelta(days=days))
    counted = lately.group_by("product_id").aggregate(sold=lately.count()).order_by("product_id").execute()
    return counted.dropna().set_index("product_id")["sold"]


def categories(snapshot: Snapshot) -> list[str]:
    """The four categories that people buy from most."""
    return list(_popular(snapshot)[:4])


def _present(snapshot: Snapshot) -> int:
    """A round amount that about half of the products cost at most."""
    middle = snapshot.frame("products")["price"].median()
    return 20 if pd.isna(middle) else max(5, round(float(middle) / 5) * 5)


def _latest_order(snapshot: Snapshot, customer_id: str) -> str | None:
    orders = snapshot.frame("orders")
    own = orders[orders["customer_id"] == customer_id].sort_values("placed_at")
    return None if own.empty else str(own["order_id"].iloc[-1])
