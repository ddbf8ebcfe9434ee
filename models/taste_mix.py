"""How the four views of taste are weighed: by what customers took next, on the shop's own time split."""

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
TEST_CUSTOMERS = 1500
_LEAST_CUSTOMERS = 4
_ROWS = 100


@dataclass(frozen=True)
class Trial:
    """What was known at a past moment, all (customers × items) but `friends` (customers × customers), and the new
    items that each customer took after it (`wanted`).
    """

    views: Views
    signals: Matrix
    friends: Matrix
    wanted: Matrix


def choose_mix(trial: Trial) -> tuple[Mix, dict[str, float]] | None:
    """The mix that is best for half of the customers, and what it is worth for the other half beside popularity.

    The metrics are recall and NDCG at 20 of new items; None where fewer than four customers took something new.
    """
    testers = np.flatnonzero(np.diff(trial.wanted.indptr))
    if len(testers) < _LEAST_CUSTOMERS:
        return None
    testers = testers[np.linspace(0, len(testers) - 1, min(len(testers), TEST_CUSTOMERS)).astype(int)]
    choose, judge = testers[::2], testers[1::2]
    mix = MIXES[int(np.argmax([recall for recall, _ in _worth(trial, choose, MIXES)]))]
    (recall, ndcg), (plain, plain_ndcg) = _worth(trial, judge, [mix, None])
    return mix, {
        "recall@20": recall,
        "recall@20_popular": plain,
        "ndcg@20": ndcg,
        "ndcg@20_popular": plain_ndcg,
        "customers": float(len(judge)),
    }


def _worth(trial: Trial, testers: NDArray[np.intp], mixes: Sequence[Mix | None]) -> list[tuple[float, float]]:
    """Mean (recall@20, ndcg@20) over `testers` for each mix; None stands for popularity alone."""
    sums = np.zeros((len(mixes), 2))
    for start in range(0, len(testers), _ROWS):
        rows = testers[start : start + _ROWS]
        parts = trial.views.parts(trial.signals[rows], trial.friends[rows])
        had, new = trial.views.bought[rows].toarray() > 0, trial.wanted[rows].toarray() > 0
        popular = np.tile(trial.views.popularity, (len(rows), 1))
        for number, mix in enumerate(mixes):
            scores = popular if mix is None else trial.views.scores(parts, mix)
            sums[number] += _hits(np.where(had, -1.0, scores), new)
    return [(float(recall), float(ndcg)) for recall, ndcg in sums / max(len(testers), 1)]


def _hits(scores: Scores, wanted: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Summed recall@20 and ndcg@20 over rows; every row wants something."""
    top = np.argsort(-scores, axis=1, kind="stable")[:, :CUT]
    hit = np.take_along_axis(wanted, top, axis=1)
    counts = wanted.sum(axis=1)
    discount = 1.0 / np.log2(np.arange(2, CUT + 2))
    ideal = np.cumsum(discount)[np.minimum(counts, CUT) - 1]
    return np.array([(hit.sum(axis=1) / counts).sum(), (hit @ discount[: hit.shape[1]] / ideal).sum()])
