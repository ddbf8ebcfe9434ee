"""Who a campaign is for: customers who fit its goal, best first, and the products that suit them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import pandas as pd

from campaign import history
from campaign.targets import Catalogue, Target, describe, target_of
from data.errors import CampaignError

if TYPE_CHECKING:
    from data.store import Snapshot
    from models.registry import ModelSet

Goal = Literal["win_back", "cross_sell", "new_arrivals", "clearance", "loyalty", "replenish"]
GOALS: tuple[str, ...] = get_args(Goal)
DEFAULT_SIZE = 500
SUITED = 5
"""How many products a campaign shows at most."""

_ASKED = 20
"""How many of the best members are asked for their recommendations when the goal names no products."""
_SPARE = 5.0
_LAPSED, _DUE_FROM, _DUE_UNTIL = 2.0, 0.75, 2.0


@dataclass(frozen=True)
class Audience:
    """Customers chosen for a goal.

    `members` (index customer_id, the best first) has fit (0 to 1: how well the goal describes them), chance (of
    an order within the behaviour model's horizon), uplift (added chance when contacted), value (money of one
    order), score, quiet_days, orders and revenue. `eligible` counts who fit before the cut to `size`.
    """

    goal: str
    category: str | None
    product_id: str | None
    size: int
    members: pd.DataFrame
    eligible: int
    products: tuple[str, ...]
    meaning: str
    uplift_evidence: str
    notes: tuple[str, ...] = ()


def select(
    snapshot: Snapshot,
    models: ModelSet,
    *,
    goal: str,
    category: str | None = None,
    product_id: str | None = None,
    size: int | None = None,
    as_of: pd.Timestamp | None = None,
) -> Audience:
    """The `size` customers (500 unless given) who fit `goal` best, by expected extra money.

    The score is fit × value × uplift; where the uplift is a stated assumption, equal for all, the chance of an
    order takes part as well, since then it alone tells customers apart. Raises `CampaignError` for an unknown
    goal, category or product, or a size below 1.
    """
    if goal not in GOALS:
        raise CampaignError(f"no goal {goal!r}; the goals are {', '.join(GOALS)}")
    wanted = DEFAULT_SIZE if size is None else size
    if wanted < 1:
        raise CampaignError(f"an audience of {wanted} customers cannot be; ask for 1 or more")
    now = snapshot.as_of if as_of is None else as_of
    catalogue = Catalogue(snapshot.frame("products"))
    chosen = None if category is None else catalogue.category(category)
    if product_id is not None:
        product_id = catalogue.product(product_id)
    target = target_of(snapshot, models, catalogue, goal=goal, category=chosen, product_id=product_id, as_of=now)
    buyers = history.customers(snapshot, now)
    fit = _fit(snapshot, now, goal, buyers, target)
    members = _scored(snapshot, models, buyers, fit)
    best = members.head(wanted)
    ample = _ample(snapshot, catalogue, now)
    products = [p for p in target.products if p in ample or p == product_id][:SUITED]
    if not target.products:
        products = _suited(
            snapshot, models, best, ample & set(catalogue.sellable(chosen)) or set(catalogue.sellable(chosen))
        )
    return Audience(
        goal=goal,
        category=chosen,
        product_id=product_id,
        size=wanted,
        members=best,
        eligible=len(members),
        products=tuple(products or target.products[:SUITED]),
        meaning=describe(goal, chosen, catalogue.title(product_id) if product_id else None),
        uplift_evidence=models.uplift.evidence,
        notes=target.notes,
    )


def _scored(snapshot: Snapshot, models: ModelSet, buyers: pd.DataFrame, fit: pd.Series) -> pd.DataFrame:
    """The eligible customers with what the models expect of them, the best first (ties by id)."""
    eligible = sorted(str(c) for c in fit[fit > 0].index if c in buyers.index)
    members = buyers.loc[eligible, ["value", "quiet_days", "orders", "revenue"]].copy()
    members.insert(0, "fit", fit.reindex(eligible).astype("float64"))
    if members.empty:
        return members.assign(chance=0.0, uplift=0.0, score=0.0)
    chance = models.behaviour.predict(snapshot, eligible)["probability"].reindex(eligible)
    members["chance"] = chance.fillna(0.0).astype("float64")
    members["uplift"] = models.uplift.predict(snapshot, eligible).reindex(eligible).fillna(0.0).astype("float64")
    members["score"] = members["fit"] * members["value"] * members["uplift"]
    if models.uplift.evidence != "experiment":
        members["score"] *= members["chance"]
    return members.sort_values("score", ascending=False, kind="stable")


def _fit(snapshot: Snapshot, now: pd.Timestamp, goal: str, buyers: pd.DataFrame, target: Target) -> pd.Series:
    """How well each customer fits the goal, 0 to 1; 0 or absent is not eligible."""
    pool = target.pool
    if goal == "win_back":
        return _within(_lapsed(buyers), history.bought_product(snapshot, now, list(pool)).index if pool else None)
    if goal == "loyalty":
        return _within(_loyal(buyers), history.bought_product(snapshot, now, list(pool)).index if pool else None)
    if goal == "replenish":
        return _due(snapshot, now, buyers, list(pool))
    liking = history.affinity(snapshot, now, list(pool)) if pool else pd.Series(dtype="float64")
    if goal == "cross_sell":
        owners = history.bought_product(snapshot, now, list(target.excluded)).index
        liking = liking.drop(liking.index.intersection(owners))
    return liking


def _lapsed(buyers: pd.DataFrame) -> pd.Series:
    """Quiet for over twice their usual time between orders; the fit fades as they stay away longer."""
    waits = buyers["quiet_days"] / buyers["interval_days"]
    fit = (_LAPSED / waits.clip(lower=_LAPSED)) ** 0.5
    return fit.where(waits > _LAPSED, 0.0)


def _loyal(buyers: pd.DataFrame) -> pd.Series:
    """In the upper 40% by orders and by money, and not lapsed; the fit is the mean of both ranks."""
    if buyers.empty:
        return pd.Series(dtype="float64")
    orders, money = buyers["orders"].rank(pct=True), buyers["revenue"].rank(pct=True)
    active = buyers["quiet_days"] <= _LAPSED * buyers["interval_days"]
    return ((orders + money) / 2).where((orders > 0.6) & (money > 0.6) & active, 0.0)


def _due(snapshot: Snapshot, now: pd.Timestamp, buyers: pd.DataFrame, pool: list[str]) -> pd.Series:
    """Bought before and about due again: from 0.75 to 2 of the usual time between orders; best when just due."""
    repeat = buyers[buyers["orders"] >= 2]
    quiet, interval = repeat["quiet_days"], repeat["interval_days"]
    if pool:  # the rhythm of these products, not of the whole basket
        bought = history.bought_product(snapshot, now, pool)
        span = (bought["last_at"] - bought["first_at"]).dt.total_seconds() / 86400
        often = bought["times"] >= 2
        own = span[often] / (bought["times"][often] - 1)
        typical = max(float(own.median()), 1.0) if len(own) else history.DEFAULT_INTERVAL
        interval = (span + typical) / bought["times"]
        quiet = (now - bought["last_at"]).dt.total_seconds() / 86400
    waits = quiet / interval
    fit = 1.0 / (1.0 + (waits - 1.0).abs())
    return fit.where((waits >= _DUE_FROM) & (waits <= _DUE_UNTIL), 0.0)


def _within(fit: pd.Series, customers: pd.Index | None) -> pd.Series:
    return fit if customers is None else fit[fit.index.isin(customers)]


def _ample(snapshot: Snapshot, catalogue: Catalogue, now: pd.Timestamp) -> set[str]:
    """Products whose stock is unknown, or outlasts a fortnight like the last one with some to spare."""
    stock = catalogue.products["stock"]
    sold = history.units_sold(snapshot, now - pd.Timedelta(days=14), now).reindex(stock.index).fillna(0.0)
    return {str(p) for p in stock.index[stock.isna() | (stock >= sold + _SPARE)]}


def _suited(snapshot: Snapshot, models: ModelSet, members: pd.DataFrame, allowed: set[str]) -> list[str]:
    """Products of `allowed` that the recommender names most for the best members."""
    votes: dict[str, float] = {}
    asked = [str(customer) for customer in members.index[:_ASKED]]
    for picks in models.recommend.favourites(snapshot, asked, allowed=allowed, limit=SUITED):
        for place, product_id in enumerate(picks):
            votes[product_id] = votes.get(product_id, 0.0) + 1.0 / (1 + place)
    return sorted(votes, key=lambda p: (-votes[p], p))[:SUITED]
