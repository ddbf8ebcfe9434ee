"""What a campaign is about: the products behind a goal, a category or one product."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from campaign import history
from data.errors import CampaignError

if TYPE_CHECKING:
    from data.store import Snapshot
    from models.registry import ModelSet

_NEW_DAYS, _NEW_AT_LEAST, _SLOW_DAYS, _POOL = 60, 10, 90, 40


class Catalogue:
    """The shop's products, looked up by id and category; unknown ones raise a `CampaignError` that helps."""

    def __init__(self, products: pd.DataFrame) -> None:
        self.products = products.set_index("product_id", drop=False)

    def product(self, product_id: str) -> str:
        """The id as the shop spells it."""
        if product_id in self.products.index:
            return product_id
        same = [str(p) for p in self.products.index if str(p).lower() == product_id.strip().lower()]
        if same:
            return same[0]
        example = f"; ids look like {self.products.index[0]}" if len(self.products) else ""
        raise CampaignError(f"no product {product_id}{example}")

    def category(self, category: str) -> str:
        """The category as the shop spells it, found without regard to case."""
        known = sorted({str(c) for c in self.products["category"].dropna()})
        by_lower = {c.lower(): c for c in known}
        found = by_lower.get(category.strip().lower())
        if found is not None:
            return found
        near = difflib.get_close_matches(category.strip().lower(), by_lower, n=3, cutoff=0.5)
        offered = [by_lower[c] for c in near] or known[:8]
        hint = f"; nearest are {', '.join(offered)}" if offered else "; this shop's products have no categories"
        raise CampaignError(f"no category {category}{hint}")

    def title(self, product_id: str) -> str:
        """The product's title."""
        return str(self.row(product_id)["title"])

    def row(self, product_id: str) -> dict[str, Any]:
        """The product's columns, with None for what is unknown."""
        found = dict(zip(self.products.columns, self.products.loc[[product_id]].iloc[0], strict=True))
        return {str(k): None if pd.isna(v) else v for k, v in found.items()}

    def sellable(self, category: str | None = None) -> list[str]:
        """Active products that are not known to be out of stock, of `category` where given, by id."""
        frame = self.products
        keep = frame["active"].fillna(False).astype(bool) & ~(frame["stock"] <= 0)
        if category is not None:
            keep &= (frame["category"] == category).fillna(False).astype(bool)
        return sorted(str(p) for p in frame.index[keep])


@dataclass(frozen=True)
class Target:
    """Products that decide who fits (`pool`), whose buyers do not (`excluded`), and what is shown (`products`)."""

    pool: tuple[str, ...] = ()
    products: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def target_of(
    snapshot: Snapshot,
    models: ModelSet,
    catalogue: Catalogue,
    *,
    goal: str,
    category: str | None,
    product_id: str | None,
    as_of: pd.Timestamp,
) -> Target:
    """The products that the goal is about. Empty where the goal is about the customer alone."""
    sellable = catalogue.sellable(category)
    if product_id is not None and product_id not in catalogue.sellable():
        raise CampaignError(f"product {product_id} is not for sale or out of stock; name another one")
    if category is not None and not sellable:
        raise CampaignError(f"nothing in {category} is for sale and in stock; name another category")
    if goal == "cross_sell":
        return _cross_sell(snapshot, catalogue, category, product_id, sellable, as_of)
    if goal in {"new_arrivals", "clearance"}:
        return _special(snapshot, models, catalogue, goal, category, product_id, as_of)
    if product_id is not None:
        return Target(pool=(product_id,), products=(product_id,))
    if category is not None:
        frame = catalogue.products
        return Target(pool=tuple(sorted(str(p) for p in frame.index[(frame["category"] == category).fillna(False)])))
    return Target()


def _cross_sell(
    snapshot: Snapshot,
    catalogue: Catalogue,
    category: str | None,
    product_id: str | None,
    sellable: Sequence[str],
    as_of: pd.Timestamp,
) -> Target:
    """Buyers of what goes with the product (or category), who have not bought it."""
    wanted = [product_id] if product_id else list(sellable)
    if not product_id and category is None:
        wanted = _best_sellers(snapshot, sellable, as_of)[:1]  # the best seller: the most proven to go with others
    near = history.bought_together(snapshot, as_of, wanted, limit=_POOL)
    notes = () if near else ("no product was ever bought together with it, so buyers of its category are taken",)
    if not near and product_id:
        near = [p for p in catalogue.sellable(_category_of(catalogue, product_id)) if p != product_id]
    shown = tuple(wanted) if product_id else tuple(_best_sellers(snapshot, wanted, as_of))
    excluded = (
        tuple(wanted)
        if category is None or product_id
        else tuple(
            sorted(str(p) for p in catalogue.products.index[(catalogue.products["category"] == category).fillna(False)])
        )
    )
    return Target(pool=tuple(sorted(near)), products=shown, excluded=excluded, notes=notes)


def _special(
    snapshot: Snapshot,
    models: ModelSet,
    catalogue: Catalogue,
    goal: str,
    category: str | None,
    product_id: str | None,
    as_of: pd.Timestamp,
) -> Target:
    """New or overstocked products; who fits is who likes their categories (or bought what goes with them)."""
    notes: tuple[str, ...] = ()
    if product_id is not None:
        shown = [product_id]
    elif goal == "new_arrivals":
        shown, notes = _newest(snapshot, catalogue, category, as_of)
    else:
        shown, notes = _overstocked(snapshot, models, catalogue, category, as_of)
    if not shown:
        return Target(notes=notes)
    kinds = {k for k in (_category_of(catalogue, p) for p in shown) if k is not None}
    frame = catalogue.products
    alike = {str(p) for p in frame.index[frame["category"].isin(kinds).fillna(False)]} | set(shown)
    if not kinds:
        alike |= set(history.bought_together(snapshot, as_of, shown, limit=_POOL))
    return Target(pool=tuple(sorted(alike)), products=tuple(shown), notes=notes)


def _newest(
    snapshot: Snapshot, catalogue: Catalogue, category: str | None, as_of: pd.Timestamp
) -> tuple[list[str], tuple[str, ...]]:
    frame = catalogue.products.loc[catalogue.sellable(category)]
    born = frame["created_at"]
    notes: tuple[str, ...] = ()
    if born.notna().sum() == 0:  # the source is silent: a product is as old as its first sale
        bought = history.purchases(snapshot, as_of)
        first = bought.group_by("product_id").agg(first=bought["at"].min()).execute().set_index("product_id")["first"]
        born = first.reindex(frame.index)
        notes = ("the source does not say when products came in, so the first sale counts as their start",)
    ordered = born[born <= as_of].sort_index().sort_values(ascending=False, kind="stable")
    recent = ordered[ordered > as_of - pd.Timedelta(days=_NEW_DAYS)]
    found = recent if len(recent) >= _NEW_AT_LEAST else ordered.head(_NEW_AT_LEAST)
    return [str(p) for p in found.index[:_POOL]], notes


def _overstocked(
    snapshot: Snapshot, models: ModelSet, catalogue: Catalogue, category: str | None, as_of: pd.Timestamp
) -> tuple[list[str], tuple[str, ...]]:
    from models.inventory import reorder_plan  # loads the forecasting stack, needed for this goal only

    sellable = catalogue.sellable(category)
    if catalogue.products.loc[sellable, "stock"].notna().any():
        plan = reorder_plan(snapshot, models.forecast, category=category)
        over = plan[plan["overstock"].astype(bool) & plan["product_id"].isin(sellable)]
        surplus = (over["stock"] - over["demand"]) * over["product_id"].map(catalogue.products["price"]).fillna(0.0)
        ranked = over.assign(surplus=surplus).sort_values(["surplus", "product_id"], ascending=[False, True])
        return [str(p) for p in ranked["product_id"].head(_POOL)], ()
    window = pd.Timedelta(days=_SLOW_DAYS)
    now = history.units_sold(snapshot, as_of - window, as_of).reindex(sellable).fillna(0.0)
    before = history.units_sold(snapshot, as_of - 2 * window, as_of - window).reindex(sellable).fillna(0.0)
    fall = (before - now).sort_index().sort_values(ascending=False, kind="stable")
    return (
        [str(p) for p in fall[fall > 0].index[:_POOL]],
        (f"stock is unknown, so products whose sales fell in the last {_SLOW_DAYS} days are taken",),
    )


def _best_sellers(snapshot: Snapshot, among: Sequence[str], as_of: pd.Timestamp) -> list[str]:
    sold = history.units_sold(snapshot, as_of - pd.Timedelta(days=_SLOW_DAYS), as_of)
    units = sold.reindex(sorted(among)).fillna(0.0)
    return [str(p) for p in units.sort_values(ascending=False, kind="stable").index[:_POOL]]


def _category_of(catalogue: Catalogue, product_id: str) -> str | None:
    category = catalogue.row(product_id)["category"]
    return None if category is None else str(category)


def describe(goal: str, category: str | None, title: str | None) -> str:
    """The audience in words."""
    about = f" {title}" if title else f" from {category}" if category else ""
    return {
        "win_back": "customers who have been quiet for over twice their usual time between orders"
        + (f" and once bought{about}" if about else ""),
        "loyalty": "customers in the upper part by both orders and money who are still active"
        + (f" and bought{about}" if about else ""),
        "replenish": f"customers who are about due to buy{about or ''} again",
        "cross_sell": f"customers who bought what goes with{about or ' the best seller'} but not the thing itself",
        "new_arrivals": f"customers who like the kind of thing that newly arrived{about}",
        "clearance": f"customers who like the kind of thing that is in overstock{about}",
    }[goal]
