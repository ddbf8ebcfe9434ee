"""What learned models expect beside the views of taste: lists of known customers, and what a running visit leads to.

Both are made of places in a list, so that they add up with the views whatever their models' own scores mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from models.base import load_json, save_json
from models.neighbours import Matrix, positions
from models.next_basket import COLUMNS, NextBasket
from models.session import SessionModel
from models.signals import SIGNALS
from models.taste import Views
from models.taste_mix import Trial

LENGTH = 60
"""Items of a list."""
MOST_ITEMS = 8000
"""In a larger catalogue EASE, one of the views behind the lists, would take gigabytes."""
MOST_CUSTOMERS = 30_000
"""The latest buyers get lists: some five milliseconds each."""
LIVE_WEIGHT = 0.5
"""The most that a list of yesterday weighs once something happened today."""
LEAST_VISITS = 500
MOST_VISITS = 300_000
"""The latest visits that count."""
TEST_STEPS = 3000
"""Steps of held-out visits by which a model of visits is weighed and judged."""
LISTED = {"length": LENGTH, "customers": MOST_CUSTOMERS, "visits": MOST_VISITS, "live": LIVE_WEIGHT}
"""What changes the lists, for a model's version."""


@dataclass(frozen=True)
class Expected:
    """What is expected of people: `lists` (customers × items) and a model of `visits`, each with the weight that it
    got beside the views of taste on the time split.
    """

    items: int
    lists: Matrix | None = None
    list_weight: float = 0.0
    visits: SessionModel | None = None
    visit_weight: float = 0.0

    def of(self, customers: NDArray[np.intp]) -> Matrix | None:
        """(customers × items), weighed, by their lists; -1 is nobody, of whom nothing is expected."""
        if self.lists is None or not self.list_weight:
            return None
        known = sp.diags((customers >= 0).astype(float))
        return (self.list_weight * (known @ self.lists[customers])).tocsr()

    def now(self, customer: int, path: Sequence[int]) -> Matrix | None:
        """(1 × items), weighed, of somebody who does something now, the latest last: by this, else by their list."""
        if path and self.visits is not None and self.visit_weight:
            return (self.visit_weight * next_in_visit(self.visits, [path], self.items)).tocsr()
        listed = self.of(np.array([customer]))
        if listed is None or not path:
            return listed
        return (listed * (min(self.list_weight, LIVE_WEIGHT) / self.list_weight)).tocsr()

    def save(self, folder: Path) -> None:
        """Writes what has a weight into `folder`."""
        save_json(folder, "expected", {"lists": self.list_weight, "visits": self.visit_weight})
        if self.lists is not None and self.list_weight:
            sp.save_npz(folder / "lists.npz", self.lists)
        if self.visits is not None and self.visit_weight:
            self.visits.save(folder / "visits")

    @classmethod
    def load(cls, folder: Path, items: int) -> Expected:
        """What `save` wrote."""
        weights = load_json(folder, "expected")
        lists = sp.load_npz(folder / "lists.npz").tocsr() if weights["lists"] else None
        visits = SessionModel.load(folder / "visits") if weights["visits"] else None
        return cls(items, lists, float(weights["lists"]), visits, float(weights["visits"]))


def by_place(lists: Sequence[Sequence[int]], rows: NDArray[np.intp], shape: tuple[int, int]) -> Matrix:
    """CSR of `shape`: in row `rows[i]` the items of `lists[i]`, 1 for the first and `LENGTH` places later 0.

    >>> by_place([[2, 0]], np.array([0]), (1, 3)).toarray().round(2).tolist()
    [[0.98, 0.0, 1.0]]
    """
    row = np.repeat(rows, [min(len(items), LENGTH) for items in lists])
    item = np.array([item for items in lists for item in items[:LENGTH]], dtype=np.intp)
    place = np.array([place for items in lists for place in range(min(len(items), LENGTH))], dtype=np.float64)
    return sp.csr_matrix((1 - place / LENGTH, (row, item)), shape=shape)


def shortlists(
    bought: pd.DataFrame,
    now: pd.Timestamp,
    customers: pd.Index,
    items: pd.Index,
    *,
    asked: Sequence[str] | None = None,
    days: int,
    seed: int,
) -> Matrix | None:
    """(customers × items): what each of `asked` is expected to take newly; unless named, those are the latest buyers.

    `bought` has one row a purchase and the columns `next_basket.COLUMNS`; what came at `now` or later is not read.
    None where there is too little to learn from, or too large a catalogue.
    """
    past = bought.loc[bought["at"] < now, list(COLUMNS)]
    if past["product_id"].nunique() > MOST_ITEMS:
        return None
    model = NextBasket().fit(past, now, horizon_days=days, seed=seed)
    if model.trees is None:
        return None
    if asked is None:
        latest = past.groupby("customer_id")["at"].max().sort_values(ascending=False, kind="stable").index
        asked = [str(customer) for customer in latest[:MOST_CUSTOMERS]]
    lists = [positions(items, ids).tolist() for ids in model.rank(asked, LENGTH)]
    return by_place(lists, positions(customers, asked), (len(customers), len(items)))


def visits_of(events: pd.DataFrame, items: pd.Index) -> list[tuple[pd.Timestamp, list[int]]]:
    """The recorded visits, by their beginnings: when each ended, and the places in `items` of what was looked at,
    chosen or bought, one after another.

    `events` has the columns at, event_id, session_id, kind and product_id; visits of one item only are left out.
    """
    known = events["session_id"].notna() & events["kind"].isin(list(SIGNALS)) & events["product_id"].isin(items)
    log = events[known].sort_values(["at", "event_id"], kind="stable")
    place = positions(items, log["product_id"])
    code = pd.factorize(log["session_id"])[0]
    order = np.argsort(code, kind="stable")  # visits by their beginning, and in time within each
    if not len(order):
        return []
    starts = np.flatnonzero(np.diff(code[order])) + 1
    ended = log["at"].iloc[order[np.r_[starts, len(order)] - 1]]
    paths = ([item for item, _ in groupby(path.tolist())] for path in np.split(place[order], starts))
    found = [(at, path) for at, path in zip(ended, paths, strict=True) if len(path) > 1]
    return found[-MOST_VISITS:]


def visit_model(paths: Sequence[Sequence[int]], *, seed: int) -> SessionModel | None:
    """A model of what comes next in a visit, from `paths` in the order of their time; None of too few."""
    return SessionModel(seed=seed).fit(paths) if len(paths) >= LEAST_VISITS else None


def next_in_visit(model: SessionModel, paths: Sequence[Sequence[int]], items: int) -> Matrix:
    """(paths × items): what comes next after each path."""
    lists = model.recommend(paths, LENGTH, fill=False)
    return by_place(lists, np.arange(len(paths)), (len(paths), items))


def visit_trial(views: Views, model: SessionModel, paths: Sequence[Sequence[int]]) -> Trial:
    """Steps of visits that `model` never saw: what came before is all that is known, wanted is the next new item."""
    steps = [(path[:end], path[end]) for path in paths for end in range(1, len(path)) if path[end] not in path[:end]]
    chosen = np.linspace(0, max(len(steps) - 1, 0), min(len(steps), TEST_STEPS)).astype(int)
    before = [steps[step][0] for step in chosen]
    shape = (len(before), len(views.popular))
    had = by_place([list(dict.fromkeys(path)) for path in before], np.arange(len(before)), shape)
    had.data[:] = 1.0
    wanted = by_place([[steps[step][1]] for step in chosen], np.arange(len(before)), shape)
    friends = sp.csr_matrix((len(before), views.bought.shape[0]))
    return Trial(views, had, friends, had, wanted, next_in_visit(model, before, shape[1]))
