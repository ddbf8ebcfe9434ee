"""A second look at the top of a list: boosted trees put it in order again, where held-out items say that they can."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.boosting import Trees
from models.neighbours import Matrix
from models.transitions import Sequences

LEAVES, ROUNDS = 31, 150
JUDGES = 3
"""One person in so many judges whether the trees order better than what they were given."""
STEPS_BACK = 3
"""The transitions from each of so many last items are features by themselves."""


@dataclass(frozen=True)
class Tops:
    """The top of some people's lists, best first: `items` (people × longest, -1 where there is none), the `sums` that
    ordered them, what each part gave, `values` (people × longest × parts), and the people's histories.
    """

    items: NDArray[np.int64]
    sums: NDArray[np.float64]
    values: NDArray[np.float32]
    histories: Sequences


def worth(places: NDArray[np.float64]) -> float:
    """Mean of hit rate and NDCG at 10, times two, of wanted items at `places` from 0 (infinite: not in the list).

    >>> worth(np.array([0.0, np.inf])), round(worth(np.array([1.0])), 3), worth(np.array([10.0]))
    (1.0, 1.631, 0.0)
    """
    return float(np.where(places < 10, 1.0 + 1.0 / np.log2(places + 2.0), 0.0).mean()) if len(places) else 0.0


class Reranker:
    """Trees on the parts' scores and places, the item's count, the history's length and the last transitions.

    They are kept only if they order the lists of held-out people better than they were.
    """

    def __init__(self, counts: NDArray[np.float64], follows: Matrix, parts: Sequence[str]) -> None:
        self.trees: Trees | None = None
        self.parts = tuple(parts)
        self.look_at(counts, follows)

    def look_at(self, counts: NDArray[np.float64], follows: Matrix) -> None:
        """Takes item counts (items,) and transitions (items × items) of later data; the trees stay."""
        self._counts, self._follows = counts, follows

    def fit(self, tops: Sequence[Tops], wanted: NDArray[np.int64], *, seed: int = 0) -> Reranker:
        """Fits on lists and the item that each person of them took, if that proves better on every third person."""
        features = pd.concat([self._features(top) for top in tops], ignore_index=True)
        inside = np.concatenate([(top.items >= 0).sum(axis=1) for top in tops])
        person = np.repeat(np.arange(len(wanted)), inside)
        flat = np.concatenate([top.items[top.items >= 0] for top in tops])
        labels = (flat == wanted[person]).astype(np.float64)
        hit = np.bincount(person, weights=labels, minlength=len(wanted)) > 0
        judge = np.arange(len(wanted)) % JUDGES == 0
        # A list without the wanted item says nothing about order.
        teach, judged = (hit & ~judge)[person], judge[person]
        if len(np.unique(labels[teach])) < 2 or not (hit & judge).any():
            return self
        trial = self._fitted(features[teach], labels[teach], seed)
        given, ours = features["sum"].to_numpy(), trial.predict(features[judged])
        old = _places(given[judged], labels[judged], person[judged])
        new = _places(ours, labels[judged], person[judged])
        if worth(new) > worth(old):
            every = hit[person]
            self.trees = self._fitted(features[every], labels[every], seed)
        return self

    def ordered(self, top: Tops) -> NDArray[np.int64]:
        """The items of `top` in the trees' order, (people × longest), -1 at the end; as they were without trees."""
        if self.trees is None or not top.items.size:
            return top.items
        scores = np.full(top.items.shape, -np.inf)
        scores[top.items >= 0] = self.trees.predict(self._features(top))
        return np.take_along_axis(top.items, np.argsort(-scores, axis=1, kind="stable"), axis=1)

    def _fitted(self, features: pd.DataFrame, labels: NDArray[np.float64], seed: int) -> Trees:
        return Trees(leaves=LEAVES).fit(features, labels, rounds=ROUNDS, seed=seed)

    def _features(self, top: Tops) -> pd.DataFrame:
        """One row for each item that is there, in order of people and places."""
        there = top.items >= 0
        person, place = np.nonzero(there)
        item = top.items[there]
        table: dict[str, NDArray[Any]] = {"sum": top.sums[there], "place": place.astype(np.float64)}
        for number, part in enumerate(self.parts):
            own = np.where(there, top.values[..., number], -np.inf)
            table[part] = own[there]
            table[f"place_{part}"] = np.argsort(np.argsort(-own, axis=1, kind="stable"), axis=1)[there]
        table["count"] = self._counts[item]
        table["history"] = np.array([len(history) for history in top.histories], dtype=np.float64)[person]
        for back in range(1, STEPS_BACK + 1):
            left = np.array([history[-back] if len(history) >= back else -1 for history in top.histories])[person]
            table[f"from_{back}"] = np.where(left >= 0, np.asarray(self._follows[left, item]).ravel(), np.nan)
        return pd.DataFrame(table)


def _places(scores: NDArray[np.float64], labels: NDArray[np.float64], person: NDArray[np.intp]) -> NDArray[np.float64]:
    """For each person that occurs, at which place from 0 the labelled row comes; infinite where none is labelled."""
    people, row = np.unique(person, return_inverse=True)
    own = np.full(len(people), np.inf)
    own[row[labels > 0]] = scores[labels > 0]
    better = np.bincount(row, weights=scores > own[row], minlength=len(people))
    return np.where(np.isfinite(own), better, np.inf)
