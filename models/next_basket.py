"""Which new products a customer takes in the coming weeks: several views propose, boosted trees rank."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from models.boosting import Trees
from models.neighbours import (
    RECENCY_DAYS,
    Matrix,
    age_in_days,
    decayed,
    item_neighbours,
    ones,
    positions,
    strongest,
)
from models.transitions import Log, Regression, alike

COLUMNS = ("at", "customer_id", "product_id", "unit_price")
POOL = 60
"""Products that each view proposes for one customer."""
FRESH_DAYS = 7.0
LATE_DAYS = 45.0
WINDOWS = 3
"""Past periods, each as long as the one to come, on whose purchases the trees are fitted."""
TEACHERS = 3000
"""Customers of each past period that the trees learn from."""
LEAVES, ROUNDS = 15, 200
BLOCK = 400

Dense = NDArray[np.float64]


@dataclass(frozen=True)
class Proposed:
    """Pairs of customer (`row` of those asked for) and product (`item` number) with one row of features each."""

    row: NDArray[np.intp]
    item: NDArray[np.intp]
    features: pd.DataFrame


class NextBasket:
    """Ranks products that a customer never bought by the chance that they buy them within the horizon.

    Views of taste (neighbours by co-purchase over a long and a short memory, EASE, who lately bought what goes
    with the customer's own) and of the season (best sellers of a week and a month) propose; trees rank what was
    proposed, from the views' scores and places, how sales of the product move, its age, and how its price lies
    to what the customer pays. They are fitted on the periods before `now`, each seen from its own beginning.
    """

    def __init__(self) -> None:
        self.trees: Trees | None = None
        self._view: _View | None = None

    def fit(self, purchases: pd.DataFrame, now: pd.Timestamp, *, horizon_days: int = 30, seed: int = 0) -> NextBasket:
        """Fits on what was bought before `now`; `purchases` has the columns `COLUMNS`, one row a purchase.

        Without a period long enough to learn from, products are ranked by the first view alone.
        """
        bought = purchases.loc[purchases["at"] < now, list(COLUMNS)].dropna(subset=list(COLUMNS[:3]))
        begin = bought["at"].min()
        period = pd.Timedelta(horizon_days, "D")
        lessons = []
        for number in range(1, WINDOWS + 1):
            start = now - number * period
            if len(bought) and start - begin >= period:
                lessons.append(_lesson(bought, start, start + period, np.random.default_rng([seed, number])))
        features = pd.concat([lesson for lesson, _ in lessons]) if lessons else pd.DataFrame()
        labels = np.concatenate([label for _, label in lessons]) if lessons else np.zeros(0)
        self.trees = None
        if 0 < labels.sum() < len(labels):
            self.trees = Trees(leaves=LEAVES).fit(features, labels, rounds=ROUNDS, seed=seed)
        self._view = _View.at(bought, now) if len(bought) else None
        return self

    def rank(self, customer_ids: Sequence[str], limit: int) -> list[list[str]]:
        """For each customer the ids of the best `limit` products that they never bought, best first."""
        if self._view is None:
            return [[] for _ in customer_ids]
        found: list[list[str]] = []
        for start, proposed in self._view.proposals(customer_ids):
            worth = (
                proposed.features["together"].to_numpy()
                if self.trees is None
                else self.trees.predict(proposed.features)
            )
            order = np.lexsort((-worth, proposed.row))
            rows, items = proposed.row[order], self._view.items[proposed.item[order]]
            for row in range(min(BLOCK, len(customer_ids) - start)):
                own = items[np.searchsorted(rows, row) : np.searchsorted(rows, row, side="right")]
                found.append([str(item) for item in own[:limit]])
        return found


def _lesson(
    bought: pd.DataFrame, start: pd.Timestamp, end: pd.Timestamp, rng: np.random.Generator
) -> tuple[pd.DataFrame, Dense]:
    """What was proposed at `start`, to known customers who then bought, and whether they bought it before `end`."""
    view = _View.at(bought[bought["at"] < start], start)
    later = bought[(bought["at"] >= start) & (bought["at"] < end)]
    known = np.array(sorted(set(later["customer_id"]) & set(view.customers)), dtype=object)
    pupils = known[rng.permutation(len(known))[:TEACHERS]]
    row, item = positions(pd.Index(pupils), later["customer_id"]), positions(view.items, later["product_id"])
    there = (row >= 0) & (item >= 0)
    shape = (len(pupils), len(view.items))
    truth = ones(sp.csr_matrix((np.ones(there.sum()), (row[there], item[there])), shape=shape))
    parts, labels = [], []
    for first, proposed in view.proposals([str(pupil) for pupil in pupils]):
        parts.append(proposed.features)
        labels.append(np.asarray(truth[proposed.row + first, proposed.item]).ravel())
    return pd.concat(parts) if parts else pd.DataFrame(), np.concatenate([*labels, np.zeros(0)])


@dataclass(frozen=True)
class _View:
    """All that was known at one time: weights between items, histories of customers, facts of items."""

    items: pd.Index
    customers: pd.Index
    had: Matrix
    tastes: dict[str, Matrix]
    neighbours: Matrix
    late: Matrix
    together: Regression
    facts: pd.DataFrame
    habits: pd.DataFrame

    @classmethod
    def at(cls, past: pd.DataFrame, now: pd.Timestamp) -> _View:
        items = pd.Index(np.sort(past["product_id"].astype(object).unique()))
        customers = pd.Index(np.sort(past["customer_id"].astype(object).unique()))
        customer, item = positions(customers, past["customer_id"]), positions(items, past["product_id"])
        age = age_in_days(past["at"], now)
        shape = (len(customers), len(items))
        memories = {"long": RECENCY_DAYS, "short": FRESH_DAYS}
        tastes = {name: strongest(customer, item, decayed(age, days), shape) for name, days in memories.items()}
        had = ones(tastes["long"])
        lately = age < LATE_DAYS
        recent = ones(sp.csr_matrix((np.ones(lately.sum()), (customer[lately], item[lately])), shape=shape))
        order = np.lexsort((item, age, customer))
        sequences = np.split(item[order], np.flatnonzero(np.diff(customer[order])) + 1)
        facts = _facts(past, item, customer, age, len(items))
        return cls(
            items=items,
            customers=customers,
            had=had,
            tastes=tastes,
            neighbours=item_neighbours(tastes["long"]),
            late=_cosine(had, recent),
            together=alike(Log.of([np.unique(sequence) for sequence in sequences], len(items))),
            facts=facts,
            habits=_habits(past, customer, age, had),
        )

    def proposals(self, customer_ids: Sequence[str]) -> Iterator[tuple[int, Proposed]]:
        """For `BLOCK` customers at a time: the number of the first, and what is proposed for them."""
        rows = positions(self.customers, customer_ids)
        for start in range(0, len(rows), BLOCK):
            yield start, self._proposed(rows[start : start + BLOCK])

    def _proposed(self, rows: NDArray[np.intp]) -> Proposed:
        known = sp.diags((rows >= 0).astype(float))  # the row of a stranger is empty
        had = (known @ self.had[rows]).toarray() > 0
        long, short = ((known @ self.tastes[name][rows]).tocsr() for name in ("long", "short"))
        views = {
            "together": (long @ self.neighbours.T).toarray(),
            "together_lately": (short @ self.neighbours.T).toarray(),
            "alike": self.together.scores(long).astype(np.float64),
            "bought_lately_with": (long @ self.late).toarray(),
        }
        season = {name: np.tile(self.facts[name].to_numpy(float), (len(rows), 1)) for name in ("sold_7", "sold_30")}
        chosen = np.zeros(had.shape, dtype=bool)
        pool = min(POOL, had.shape[1])
        for scores in (views | season).values():
            best = np.argpartition(np.where(had, -np.inf, scores), -pool, axis=1)[:, -pool:]
            np.put_along_axis(chosen, best, True, axis=1)
        row, item = np.nonzero(chosen & ~had)
        features = {}
        for name, scores in views.items():
            features[name] = (scores / np.maximum(scores.max(axis=1, keepdims=True), 1e-9))[row, item]
            features[f"place_{name}"] = _places(np.where(had, -np.inf, scores), row, item)
        table = pd.DataFrame(features)
        for fact in self.facts:
            table[fact] = self.facts[fact].to_numpy()[item]
        for name in ("history", "days_since"):
            table[name] = np.where(rows >= 0, self.habits[name].to_numpy()[rows], np.nan)[row]
        paid = np.where(rows >= 0, self.habits["price"].to_numpy()[rows], np.nan)[row]
        table["price_against_own"] = np.log(table["price"].to_numpy() / paid)
        return Proposed(row, item, table)


def _facts(
    past: pd.DataFrame, item: NDArray[np.intp], customer: NDArray[np.intp], age: Dense, items: int
) -> pd.DataFrame:
    """Of each item: customers of the last days, how that moves, days since it was first and last bought, its price."""

    def buyers(young: float, old: float) -> Dense:
        inside = (age >= young) & (age < old)
        pairs = np.unique(np.stack([item[inside], customer[inside]]), axis=1)
        return np.bincount(pairs[0], minlength=items).astype(np.float64)

    days = pd.Series(age).groupby(item).agg(["min", "max"]).reindex(range(items))
    sold = {
        "sold_7": buyers(0, 7),
        "sold_30": buyers(0, 30),
        "sold_before": buyers(30, 60),
        "sold_ever": buyers(0, 1e9),
    }
    return pd.DataFrame(
        {
            **sold,
            "week_against_month": (sold["sold_7"] * 30 / 7 + 1) / (sold["sold_30"] + 1),
            "month_against_before": (sold["sold_30"] + 1) / (sold["sold_before"] + 1),
            "known_for": days["max"].to_numpy(),
            "silent_for": days["min"].to_numpy(),
            "price": _price(past, item, items),
        }
    )


def _habits(past: pd.DataFrame, customer: NDArray[np.intp], age: Dense, had: Matrix) -> pd.DataFrame:
    people = had.shape[0]
    return pd.DataFrame(
        {
            "history": np.diff(had.indptr).astype(np.float64),
            "days_since": pd.Series(age).groupby(customer).min().reindex(range(people)).to_numpy(),
            "price": _price(past, customer, people),
        }
    )


def _price(past: pd.DataFrame, group: NDArray[np.intp], size: int) -> Dense:
    """The median price above zero of each group; NaN where none is known."""
    price = pd.Series(past["unit_price"].to_numpy(np.float64, na_value=np.nan))
    return price.where(price > 0).groupby(group).median().reindex(range(size)).to_numpy(np.float64)


def _cosine(had: Matrix, recent: Matrix) -> Matrix:
    """(items × items): how often owners of an item (row) lately bought another (column), over their usual numbers."""
    both = (had.T @ recent).tocsr()
    both.setdiag(0.0)
    scale = [sp.diags(1.0 / np.sqrt(np.maximum(np.asarray(m.sum(axis=0)).ravel(), 1.0))) for m in (had, recent)]
    return (scale[0] @ both @ scale[1]).tocsr()


def _places(scores: Dense, row: NDArray[np.intp], item: NDArray[np.intp]) -> Dense:
    """How many items of its row score higher than each item; `row` is sorted."""
    ordered, values = np.sort(scores, axis=1), scores[row, item]
    ends = np.searchsorted(row, np.arange(len(scores) + 1))
    places = [
        scores.shape[1] - np.searchsorted(own, values[first:last], side="right")
        for own, first, last in zip(ordered, ends, ends[1:], strict=False)
    ]
    return np.concatenate([*places, np.zeros(0)]).astype(np.float64)
