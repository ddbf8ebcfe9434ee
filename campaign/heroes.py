"""Which products suit whom: what each customer's message may be about, what stands beside it, and what stock allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from campaign import history
from campaign.contact import DIRECT
from campaign.offers import Terms
from campaign.targets import Catalogue
from models.analysis import segment_names

if TYPE_CHECKING:
    from campaign.audience import Audience
    from data.store import Snapshot
    from models.registry import ModelSet

POOL = 12
"""Products, at most, that a campaign shows when the brief names none: as many as a busy person reads."""
SHOWN = 3
"""Products that one customer is shown."""
SAFETY = 0.9
"""Quantile of demand until the verdict that is kept back, so that the campaign sells nothing that others will want."""

_ABOUT_PRODUCTS = ("cross_sell", "new_arrivals", "clearance")
_ASKED = 5


@dataclass(frozen=True)
class Picked:
    """The campaign's products, and of each member those that suit, best first."""

    pool: tuple[str, ...]
    heroes: tuple[tuple[str, ...], ...]


def pick(
    snapshot: Snapshot,
    models: ModelSet,
    catalogue: Catalogue,
    audience: Audience,
    named: Sequence[str],
    reach: pd.DataFrame,
) -> Picked:
    """The products `named` by the brief, else the goal's own, else what the recommender has for these customers.

    Each member's are ordered by the recommender; who has them all, or cannot be reached, gets the campaign's order.
    """
    fixed = tuple(named) or (audience.products if audience.goal in _ABOUT_PRODUCTS or audience.product_id else ())
    allowed = fixed or tuple(catalogue.sellable(audience.category))
    reachable = [int(row) for row in np.flatnonzero(reach[list(DIRECT)].any(axis=1))]
    asked = [str(audience.members.index[row]) for row in reachable]
    taste = models.recommend.favourites(snapshot, asked, allowed=allowed, limit=_ASKED) if asked and allowed else []
    pool = fixed or _most_wanted(taste, audience.products)
    own: list[tuple[str, ...]] = [pool[:SHOWN]] * len(audience.members)
    inside = set(pool)
    for row, picks in zip(reachable, taste, strict=True):
        own[row] = tuple(p for p in picks if p in inside) or pool[:SHOWN]
    return Picked(pool, tuple(own))


def _most_wanted(taste: Sequence[Sequence[str]], first: Sequence[str]) -> tuple[str, ...]:
    """`first`, then what most of the customers would be shown, up to `POOL` products."""
    votes: dict[str, float] = {}
    for picks in taste:
        for place, product_id in enumerate(picks):
            votes[product_id] = votes.get(product_id, 0.0) + 1.0 / (1 + place)
    ranked = sorted(votes, key=lambda p: (-votes[p], p))
    return tuple(dict.fromkeys([*first, *ranked]))[:POOL]


def shelf(models: ModelSet, catalogue: Catalogue, product_ids: Sequence[str], terms: Terms) -> pd.DataFrame:
    """Index product_id: price, margin (a share) and free, the units that the campaign may sell (infinite: unknown).

    Free is the stock less the `SAFETY` quantile of demand until the verdict; where that leaves nothing of any product,
    less the expected demand; and where that leaves nothing, all of it, since the plan then names the risk.
    """
    rows = catalogue.products.loc[list(product_ids)]
    ahead = models.forecast.outlook(terms.window_days, level=SAFETY).reindex(rows.index.astype(str)).fillna(0.0)
    price, cost = rows["price"].to_numpy(float), rows["cost"].to_numpy(float)
    margin = np.where((price > 0) & ~np.isnan(cost), 1 - cost / np.where(price > 0, price, 1.0), terms.margin.rate)
    stock = rows["stock"].to_numpy(float)
    held = np.where(np.isnan(stock), np.inf, stock)
    free = np.maximum(held - ahead["quantile"].to_numpy(float), 0.0)
    if not free.any():
        free = np.maximum(held - ahead["mean"].to_numpy(float), 0.0)
    if not free.any():
        free = held
    return pd.DataFrame({"price": price, "margin": np.clip(margin, 0, 1), "free": free}, index=rows.index.astype(str))


def in_stock(picked: Picked, shelf: pd.DataFrame) -> Picked:
    """Each member's products that can be sold, the campaign's own where none of them can."""
    there = {str(p) for p in shelf.index[shelf["free"] > 0]}
    rest = tuple(p for p in picked.pool if p in there)[:SHOWN]
    return Picked(picked.pool, tuple(tuple(p for p in own if p in there) or rest for own in picked.heroes))


def shown(product: pd.Series, picked: Picked, shelf: pd.DataFrame) -> pd.Series:
    """Of each member the message's own product and up to two more that suit and can be sold."""
    ample = {str(p) for p in shelf.index[shelf["free"] >= 1.0]}
    found = []
    for hero, own in zip(product, picked.heroes, strict=True):
        first = () if pd.isna(hero) else (str(hero),)
        others = (p for p in dict.fromkeys([*own, *picked.pool]) if p in ample and p not in first)
        found.append((first + tuple(others))[:SHOWN] if first else ())
    return pd.Series(found, index=product.index, dtype="object")


def segments(snapshot: Snapshot, as_of: pd.Timestamp, customer_ids: pd.Index) -> pd.Series:
    """The RFM segment of each customer."""
    buyers = history.customers(snapshot, as_of)
    known = buyers.assign(waits=buyers["quiet_days"] / buyers["interval_days"])
    named: pd.Series = segment_names(known).reindex(customer_ids).fillna("yet to buy")
    return named
