"""How the views of taste are weighed: by what customers took next, on the shop's own time split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.neighbours import Matrix
from models.taste import Mix, Scores, Views

CUT = 20
MIXES: tuple[Mix, ...] = tuple((content, popular, 0.3) for content in (0.15, 0.3, 0.6) for popular in (0.0, 0.15, 0.4))
"""Weights of content, popularity and friends beside the neighbours' 1, among which the time split chooses."""
WEIGHTS = (0.0, 0.5, 1.0, 2.0, 4.0, 16.0, 150.0)
"""Of what a model expects besides. The views add up to 2.3 at most and two neighbours of a list lie 1/60 apart, so
with the last weight the list decides alone."""
SURE = 2.0
TEST_CUSTOMERS = 1500
_LEAST_CUSTOMERS = 4
_ROWS = 100


@dataclass(frozen=True)
class Trial:
    """What was known at a past moment: each case's `taste` and what it `had` (cases × items), its `friends` (cases ×
    customers); the new items that it took after (`wanted`), and what a model `expected`, unweighed, if any did.
    """

    views: Views
    taste: Matrix
    friends: Matrix
    had: Matrix
    wanted: Matrix
    expected: Matrix | None = None

    @classmethod
    def drawn(
        cls, views: Views, taste: Matrix, friends: Matrix, wanted: Matrix, expected: Matrix | None = None
    ) -> Trial:
        """Of all customers, a row each, those who took something: `TEST_CUSTOMERS` at most, evenly drawn."""
        takers = np.flatnonzero(np.diff(wanted.indptr))
        rows = takers[np.linspace(0, max(len(takers) - 1, 0), min(len(takers), TEST_CUSTOMERS)).astype(int)]
        seen = None if expected is None else expected[rows]
        return cls(views, taste[rows], friends[rows], views.bought[rows], wanted[rows], seen)

    @property
    def halves(self) -> tuple[NDArray[np.intp], NDArray[np.intp]] | None:
        """The cases by which to choose, and those by which to judge; None where there are too few."""
        cases = np.arange(self.wanted.shape[0])
        return (cases[::2], cases[1::2]) if len(cases) >= _LEAST_CUSTOMERS else None


def choose_mix(trial: Trial) -> Mix | None:
    """The mix that has the best recall for half of the cases, nothing expected besides; None where they are too few."""
    if trial.halves is None:
        return None
    found = _worth(trial, trial.halves[0], [(mix, 0.0) for mix in MIXES])
    return MIXES[int(np.argmax(found[:, :, 0].mean(axis=1)))]


def choose_weight(trial: Trial, mix: Mix) -> float:
    """The weight of what was expected that has the best recall and NDCG, added up, for all cases.

    It is 0 where the gain over the views alone is less than `SURE` standard errors: a second model must be worth it.
    """
    if trial.expected is None or trial.halves is None:
        return 0.0
    best, gain = _best_weight(trial, mix, np.concatenate(trial.halves))
    return best if gain.mean() > SURE * gain.std() / np.sqrt(len(gain)) else 0.0


def judged(trial: Trial, mix: Mix, weight: float) -> dict[str, float]:
    """Recall and NDCG at 20 for the half by which the mix was not chosen, beside popularity's.

    Where a model serves besides (`weight` above 0), it is judged with the weight that the other half alone would have
    chosen, and the views alone stand beside it.
    """
    if trial.halves is None:
        return {}
    choose, judge = trial.halves
    ways: dict[str, tuple[Mix | None, float]] = {"": (mix, 0.0), "_popular": (None, 0.0)}
    if weight > 0:
        ways = {"": (mix, _best_weight(trial, mix, choose)[0]), "_popular": (None, 0.0), "_views": (mix, 0.0)}
    found = dict(zip(ways, _worth(trial, judge, list(ways.values())).mean(axis=1).tolist(), strict=True))
    recall = {f"recall@{CUT}{way}": figures[0] for way, figures in found.items()}
    ndcg = {f"ndcg@{CUT}{way}": figures[1] for way, figures in found.items()}
    return recall | ndcg | {"customers": float(len(judge))}


def _best_weight(trial: Trial, mix: Mix, cases: NDArray[np.intp]) -> tuple[float, NDArray[np.float64]]:
    """The weight that has the best recall and NDCG, added up, for `cases`, and what it gains each over weight 0."""
    found = _worth(trial, cases, [(mix, weight) for weight in WEIGHTS]).sum(axis=2)
    best = int(np.argmax(found.mean(axis=1)))
    return WEIGHTS[best], found[best] - found[0]


def _worth(trial: Trial, cases: NDArray[np.intp], ways: Sequence[tuple[Mix | None, float]]) -> NDArray[np.float64]:
    """(ways × cases × 2): recall and NDCG at `CUT` of each way: a mix, or None for popularity alone, and the weight of
    what was expected.
    """
    found = np.zeros((len(ways), len(cases), 2))
    for start in range(0, len(cases), _ROWS):
        rows = cases[start : start + _ROWS]
        parts = trial.views.parts(trial.taste[rows], trial.friends[rows])
        had, new = trial.had[rows].toarray() > 0, trial.wanted[rows].toarray() > 0
        expected = 0.0 if trial.expected is None else trial.expected[rows].toarray()
        for number, (mix, weight) in enumerate(ways):
            if mix is None:
                scores = np.tile(trial.views.popularity, (len(rows), 1))
            else:
                scores = trial.views.scores(parts, mix) + weight * expected
            found[number, start : start + len(rows)] = _hits(np.where(had, -1.0, scores), new)
    return found


def _hits(scores: Scores, wanted: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(rows × 2): recall@20 and ndcg@20; every row wants something."""
    top = np.argsort(-scores, axis=1, kind="stable")[:, :CUT]
    hit = np.take_along_axis(wanted, top, axis=1)
    counts = wanted.sum(axis=1)
    discount = 1.0 / np.log2(np.arange(2, CUT + 2))
    ideal = np.cumsum(discount)[np.minimum(counts, CUT) - 1]
    return np.stack([hit.sum(axis=1) / counts, hit @ discount[: hit.shape[1]] / ideal], axis=1)
