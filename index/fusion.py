"""Search with a learned fusion: every channel's candidates, put in order by what people judged relevant before.

Trained on judged searches (or a shop's clicks). A search's own judgements never help to rank it in training: the
adapted vectors come from the other half of the searches, and what was found by like searches leaves itself out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from index.adapter import Adapter
from index.channels import COVERAGE, Channels, Places, Scores
from index.embed import Vectors

Progress = Callable[[int, int], None]

RELEVANT = 2.33
"""Judgements from here on (of 1 to 3) count as relevant."""
TRAINING_QUERIES = 2000
"""The order is learned on so many of the searches, to keep training short; the maps use them all."""
MIN_QUERIES = 50
"""With fewer searches that have a relevant title, the plain sum of the channels ranks."""
SOURCES = ("words", "head", "letters", "meaning", "adapted", "others")
FEATURES = (
    *COVERAGE,
    *(f"{name}{kind}" for name in SOURCES for kind in ("", "_of_best", "_rank")),
    "plain",
    "plain_of_best",
)
_PLAIN = {"words": 0.08, "head": 0.02, "letters": 0.7, "adapted": 1.0, "others": 0.5}
_DEPTH, _DEPTH_EACH = 200, 100
_HARD, _EASY = 40, 60
_LIKE, _LIKE_POWER, _MOST_LIKE = 0.5, 1.5, 30
_UNJUDGED = 2.0
_ROUNDS = 200
_PARAMETERS = {
    "objective": "cross_entropy",
    "learning_rate": 0.06,
    "num_leaves": 15,
    "min_data_in_leaf": 50,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "max_bin": 127,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}


@dataclass(frozen=True)
class Judged:
    """Searches with judged titles: texts and unit vectors of the searches; then pairs of places and a relevance."""

    queries: Sequence[str]
    vectors: Vectors
    query: Places
    title: Places
    relevance: npt.NDArray[np.float64]


class LearnedSearch:
    """Ranks `titles` for a query; `vectors` are the titles' unit vectors. `fit` before `scores`."""

    def __init__(self, titles: Sequence[str], vectors: Vectors, *, seed: int = 0) -> None:
        self.channels = Channels(titles, vectors)
        self._seed = seed

    def fit(self, judged: Judged, *, progress: Progress | None = None) -> Self:
        """Learns from judged searches; with fewer than `MIN_QUERIES` useful ones the channels' plain sum ranks."""
        rng = np.random.default_rng(self._seed)
        self._judged = judged
        shape = (len(judged.queries), len(self.channels))
        opinion = judged.relevance - _UNJUDGED
        self._opinions = sp.csr_matrix((opinion, (judged.query, judged.title)), shape=shape, dtype=np.float32)
        fold = rng.integers(0, 2, len(judged.queries))
        self._adapter = self._adapted(np.ones(len(fold), dtype=bool))
        other = [self._adapted(fold != each) for each in range(2)]
        titles = [adapter.of_titles(self.channels.vectors) for adapter in other]
        chosen = np.sort(rng.permutation(len(judged.queries))[:TRAINING_QUERIES])
        features, labels = [], []
        for done, i in enumerate(chosen.tolist()):
            adapted = titles[fold[i]] @ other[fold[i]].of_queries(judged.vectors[i])
            found, label = self._examples(i, adapted, rng)
            features.append(found)
            labels.append(label)
            if progress is not None:
                progress(done + 1, len(chosen))
        self._titles = self._adapter.of_titles(self.channels.vectors)
        self._ranker = None
        if sum(bool(label.any()) for label in labels) >= MIN_QUERIES:
            data = lgb.Dataset(np.concatenate(features), np.concatenate(labels))
            self._ranker = lgb.train({**_PARAMETERS, "seed": self._seed}, data, num_boost_round=_ROUNDS)
        return self

    def scores(self, query: str, vector: Vectors) -> Scores:
        """A score for every title, shape (titles,); those that no channel proposes come after all that one does."""
        adapted = self._titles @ self._adapter.of_queries(vector)
        places, features, plain = self._candidates(query, vector, adapted, leave_out=None)
        if self._ranker is None:
            return plain
        ranked = plain - 1e6
        ranked[places] = self._ranker.predict(features)
        return ranked

    def _adapted(self, kept: npt.NDArray[np.bool_]) -> Adapter:
        judged = self._judged
        pairs = (judged.relevance >= RELEVANT) & kept[judged.query]
        query, title = judged.query[pairs], judged.title[pairs]
        return Adapter.fit(judged.vectors, self.channels.vectors, query, title, seed=self._seed)

    def _candidates(
        self, query: str, vector: Vectors, adapted: Scores, *, leave_out: int | None
    ) -> tuple[Places, npt.NDArray[np.float32], Scores]:
        """The places of the candidates, their features as in `FEATURES`, and the plain score of every title."""
        scores = self.channels.scores(query, vector)
        scores |= {"adapted": adapted, "others": self._others(vector, leave_out)}
        plain = np.zeros(len(self.channels), np.float32)
        for name, weight in _PLAIN.items():
            plain += weight * scores[name]
        best = [_best(scores[name], _DEPTH_EACH) for name in ("words", "letters", "meaning", "adapted")]
        places = np.unique(np.concatenate([_best(plain, _DEPTH), *best]))
        columns = []
        for name in SOURCES:
            value = scores[name][places]
            rank = np.argsort(np.argsort(-value, kind="stable"), kind="stable")
            columns += [value, value / max(float(value.max()), 1e-6), np.log1p(rank)]
        columns += [plain[places], plain[places] / max(float(plain.max()), 1e-6)]
        coverage = self.channels.coverage(query, places)
        return places, np.column_stack([coverage, *columns]).astype(np.float32), plain

    def _others(self, vector: Vectors, leave_out: int | None) -> Scores:
        """What was judged of each title for the training searches most like this one, itself left out."""
        likeness = self._judged.vectors @ vector
        if leave_out is not None:
            likeness[leave_out] = 0.0
        most = _best(likeness, _MOST_LIKE)
        most = most[likeness[most] > _LIKE]
        weight = (likeness[most] - _LIKE) ** _LIKE_POWER
        return np.asarray(self._opinions[most].T @ weight, dtype=np.float32)

    def _examples(
        self, i: int, adapted: Scores, rng: np.random.Generator
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
        """Features and labels (0 to 1) of a search's judged titles among the candidates, and of some unjudged ones."""
        judged = self._judged
        places, features, plain = self._candidates(judged.queries[i], judged.vectors[i], adapted, leave_out=i)
        row = self._opinions[[i]]
        known = dict(zip(row.indices.tolist(), (row.data + _UNJUDGED).tolist(), strict=True))
        label = np.array([_label(known.get(place, 1.0)) for place in places.tolist()])
        told = np.isin(places, row.indices)
        untold = np.flatnonzero(~told)
        hard = untold[np.argsort(-plain[places[untold]], kind="stable")[:_HARD]]
        easy = rng.choice(untold, min(_EASY, len(untold)), replace=False)
        kept = np.unique(np.concatenate([np.flatnonzero(told), hard, easy]))
        return features[kept], label[kept]


def _label(relevance: float) -> float:
    """Relevance 1 to 3 as a chance: most of what is judged relevant counts as one, the rest as little."""
    return float(np.clip((relevance - 1) / 2, 0, 1)) if relevance >= RELEVANT else 0.0


def _best(scores: Scores, k: int) -> Places:
    """The places of the `k` largest scores, in no order."""
    return np.argpartition(-scores, k - 1)[:k] if len(scores) > k else np.arange(len(scores))
