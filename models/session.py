"""The next item of a running shop session: neighbours in past sessions, ranked by what held in the latest ones.

Candidates and most features come from session neighbours with decay (V-SKNN, Ludewig and Jannach 2018; STAN, Garg et
al. 2019) and from two steps over an item graph; boosted trees weigh them. They learn on the last sessions of the
training part with neighbours from those before; then the neighbours are counted again from all sessions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from data.errors import DataError
from data.threads import single_threaded
from models.boosting import Trees
from models.session_log import EVIDENCE, STEP_DECAY, Ids, SessionLog, Values

if TYPE_CHECKING:
    from lightgbm import Booster

CANDIDATES = 100
TUNING_SHARE = 0.08
TUNING_CASES = 10_000
MIN_CASES = 200
"""With fewer cases to learn from the plain sum of the evidence ranks."""
ROUNDS = 100
DIMENSIONS = 64
_BATCH = 256
_GRAPH_DEGREE = 20
_DAMPING = 5.0
_NEVER = 99.0
_PARAMETERS = {
    "objective": "binary",
    "learning_rate": 0.08,
    "num_leaves": 31,
    "min_data_in_leaf": 100,
    "feature_fraction": 0.7,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "max_bin": 127,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}


@dataclass(frozen=True)
class Cases:
    """Candidates of many prefixes, one row each, grouped by prefix: whose, which item, features, and the plain sum."""

    prefix: Ids
    item: Ids
    features: NDArray[np.float32]
    plain: Values


class SessionModel:
    """Predicts the next item of a session; `fit` on sessions in the order of their time."""

    def __init__(self, *, seed: int = 0) -> None:
        self._seed = seed
        self._ranker: Booster | None = None

    def fit(self, sessions: Sequence[Sequence[int]]) -> Self:
        """Learns from `sessions` (item ids in order, oldest session first); `DataError` when none has two items."""
        useful = [session for session in sessions if len(session) > 1]
        if not useful:
            raise DataError("no session has two items to learn from: give sessions as lists of item ids, one a line")
        cut = int(len(useful) * (1 - TUNING_SHARE))
        self._ranker = self._tuned(useful[:cut], useful[cut:]) if cut else None
        self._learn(useful)
        return self

    def recount(self, sessions: Sequence[Sequence[int]]) -> Self:
        """Counts the evidence again, from `sessions`, and keeps the trees that weigh it."""
        self._learn([session for session in sessions if len(session) > 1])
        return self

    def recommend(self, prefixes: Sequence[Sequence[int]], k: int = 20, *, fill: bool = True) -> list[list[int]]:
        """The `k` items most likely to come next after each prefix, best first; items seen before may come again.

        What few sessions speak for is filled up with what is popular, unless `fill` is False.
        """
        found: list[list[int]] = []
        for start in range(0, len(prefixes), _BATCH):
            batch = [self._log.codes(prefix) for prefix in prefixes[start : start + _BATCH]]
            cases = self._cases(batch)
            ends = np.searchsorted(cases.prefix, np.arange(len(batch) + 1))
            score = self._scored(cases)
            for first, last in pairwise(ends.tolist()):
                order = np.argsort(-score[first:last], kind="stable")[:k]
                best = cases.item[first:last][order].tolist()
                if fill:
                    there = set(best)
                    best += [code for code in self._popular[: k + len(best)] if code not in there][: k - len(best)]
                found.append(self._log.items[best].tolist())
        return found

    def save(self, folder: Path) -> None:
        """Writes the fitted model into `folder`, which is made where it is not."""
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(
            folder / "arrays.npz",
            length=self._log.length,
            items=self._log.items[self._log.flat],
            vectors=self._vectors,
            recent=self._recent,
            popular=np.array(self._popular, dtype=np.int64),
        )
        for name, matrix in (("even", self._even), ("steps", self._steps)):
            sp.save_npz(folder / f"{name}.npz", sp.csr_matrix(matrix))
        if self._ranker is not None:
            (folder / "trees.txt").write_text(self._ranker.model_to_string(), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """What `save` wrote; an error of reading or of a value means damage."""
        model = cls()
        with np.load(folder / "arrays.npz") as arrays:
            ends = np.cumsum(arrays["length"])[:-1]
            model._log = SessionLog([session.tolist() for session in np.split(arrays["items"], ends)])
            model._vectors, model._recent = arrays["vectors"], arrays["recent"]
            model._popular = arrays["popular"].tolist()
        model._even, model._steps = (sp.load_npz(folder / f"{name}.npz").tocsr() for name in ("even", "steps"))
        if (folder / "trees.txt").exists():
            model._ranker = Trees.from_text((folder / "trees.txt").read_text(encoding="utf-8")).booster
        return model

    def _learn(self, sessions: Sequence[Sequence[int]]) -> None:
        self._log = SessionLog(sessions)
        graph = self._log.neighbours()
        degree = np.asarray(graph.sum(axis=1)).ravel()
        even = sp.diags_array((degree + _DAMPING) ** -0.5)
        self._even = (even @ graph @ even).tocsr()
        self._vectors = _embedded(self._even, self._seed)
        self._steps = _strongest(sp.diags_array(1 / np.maximum(degree, 1e-9)) @ graph, _GRAPH_DEGREE)
        self._recent = self._log.recent_count()
        self._popular: list[int] = np.argsort(-(self._recent + 1e-6 * self._log.count), kind="stable")[:1000].tolist()

    def _tuned(self, earlier: Sequence[Sequence[int]], later: Sequence[Sequence[int]]) -> Booster | None:
        self._learn(earlier)
        pairs = [(session[:i], session[i]) for session in later for i in range(1, len(session))]
        rng = np.random.default_rng(self._seed)
        chosen = sorted(rng.permutation(len(pairs))[:TUNING_CASES].tolist())
        features, labels = [], []
        for start in range(0, len(chosen), _BATCH):
            batch = [pairs[i] for i in chosen[start : start + _BATCH]]
            cases = self._cases([self._log.codes(prefix) for prefix, _ in batch])
            wanted = np.array([(*self._log.codes([target]).tolist(), -1)[0] for _, target in batch])
            hit = cases.item == wanted[cases.prefix]
            learnable = np.bincount(cases.prefix[hit], minlength=len(batch)) > 0
            features.append(cases.features[learnable[cases.prefix]])
            labels.append(hit[learnable[cases.prefix]])
        label = np.concatenate(labels) if labels else np.zeros(0)
        if label.sum() < MIN_CASES:
            return None
        import lightgbm  # slow to import, and a shop without visits never needs it

        data = lightgbm.Dataset(np.concatenate(features), label.astype(int))
        return lightgbm.train({**_PARAMETERS, "seed": self._seed}, data, num_boost_round=ROUNDS)

    def _scored(self, cases: Cases) -> Values:
        if self._ranker is None or not len(cases.item):
            return cases.plain
        with single_threaded():
            return np.asarray(self._ranker.predict(cases.features), dtype=np.float64)

    def _cases(self, prefixes: Sequence[Ids]) -> Cases:
        size = len(self._log.items)
        query = _weights(prefixes, size)
        last = _weights([prefix[-1:] for prefix in prefixes], size)
        evidence_keys, evidence = self._log.evidence(prefixes)
        sources = {name: (evidence_keys, values) for name, values in evidence.items()}
        sources["two_steps"] = _entries((query @ self._steps) @ self._steps)
        sources["in_session"] = _entries(query)
        keys = np.unique(np.concatenate([found for found, _ in sources.values()]))
        sources["graph"] = _entries(query @ self._even)
        sources["graph_last"] = _entries(last @ self._even)
        values = {name: _at(keys, *source) for name, source in sources.items()}
        prefix, item = np.divmod(keys, size)
        share = {name: _of_best(prefix, each) for name, each in values.items()}
        plain = (
            _of_best(prefix, values["forward"] + 0.5 * values["backward"])
            + 0.5 * share["alike"]
            + 0.3 * share["two_steps"]
            + 0.2 * share["graph"]
            + 2 * values["in_session"]
            + 1e-6 * self._recent[item]
        )
        order = np.lexsort((-plain, prefix))
        rank = np.arange(len(order)) - np.searchsorted(prefix, prefix)  # prefix is sorted already
        kept, rank = order[rank < CANDIDATES], rank[rank < CANDIDATES]
        features = [each[kept] for each in (*values.values(), *share.values(), plain)] + [rank]
        features += self._item_features(item[kept], values["alike"][kept], values["with_last"][kept])
        features += [self._cosines(weights, prefix[kept], item[kept]) for weights in (query, last)]
        features += _session_features(prefixes, prefix[kept], item[kept], self._log.count)
        return Cases(prefix[kept], item[kept], np.stack(features, axis=1).astype(np.float32), plain[kept])

    def _item_features(self, item: Ids, alike: Values, with_last: Values) -> list[NDArray[Any]]:
        count, recent = self._log.count[item], self._recent[item]
        rare = np.sqrt(count + 1)
        return [np.log1p(count), np.log1p(recent), (recent + 0.5) / (count + 5), alike / rare, with_last / rare]

    def _cosines(self, weights: Any, prefix: Ids, item: Ids) -> NDArray[Any]:
        mean = _unit(np.asarray(weights @ self._vectors))
        return np.einsum("id,id->i", mean[prefix], self._vectors[item])


FEATURES = (
    *(*EVIDENCE, "two_steps", "in_session", "graph", "graph_last"),
    *(f"{name}_of_best" for name in (*EVIDENCE, "two_steps", "in_session", "graph", "graph_last")),
    *("plain", "rank", "count", "recent_count", "trend", "alike_per_count", "with_last_per_count"),
    *("cosine", "cosine_last"),
    *("times_in_session", "steps_back", "first_at", "length", "distinct", "last_count", "last_twice"),
)
"""The ranker's features, in the order of their columns."""


def _embedded(graph: Any, seed: int) -> NDArray[np.float32]:
    """Unit vectors of the items from the symmetric graph's leading singular vectors; shape (items, dimensions)."""
    from sklearn.utils.extmath import randomized_svd  # slow to import, and needed for fitting only

    size = min(DIMENSIONS, graph.shape[0])
    left, strength, _ = randomized_svd(graph, size, n_iter=3, random_state=seed)
    return _unit(left * np.sqrt(strength)).astype(np.float32)


def _unit(vectors: NDArray[Any]) -> NDArray[Any]:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


def _weights(prefixes: Sequence[Ids], size: int) -> Any:
    """One row a prefix: each distinct item with a weight that falls with the steps since; shape (prefixes, size)."""
    found = [list(dict.fromkeys(prefix[::-1].tolist())) for prefix in prefixes]
    rows = np.repeat(np.arange(len(found)), [len(items) for items in found])
    weight = [np.exp(-step / STEP_DECAY) for items in found for step in range(len(items))]
    columns = np.array([item for items in found for item in items], dtype=np.int64)
    return sp.csr_matrix((weight, (rows, columns)), shape=(len(found), size))


def _strongest(matrix: Any, k: int) -> Any:
    """The matrix with only the `k` largest values of each row."""
    matrix = matrix.tocsr()
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    order = np.lexsort((matrix.indices, -matrix.data, rows))
    kept = order[np.arange(len(rows)) - np.repeat(matrix.indptr[:-1], np.diff(matrix.indptr)) < k]
    return sp.csr_matrix((matrix.data[kept], (rows[kept], matrix.indices[kept])), shape=matrix.shape)


def _entries(matrix: Any) -> tuple[Ids, Values]:
    """The stored values of a matrix: keys row · columns + column, sorted, and the values."""
    matrix = matrix.tocsr()
    matrix.sort_indices()
    rows = np.repeat(np.arange(matrix.shape[0], dtype=np.int64), np.diff(matrix.indptr))
    return rows * matrix.shape[1] + matrix.indices, np.asarray(matrix.data, dtype=np.float64)


def _at(keys: Ids, known: Ids, values: Values) -> Values:
    """The value of each key, 0 where it is not known; both key lists are sorted."""
    if not len(known):
        return np.zeros(len(keys))
    place = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    return np.where(known[place] == keys, values[place], 0.0)


def _of_best(prefix: Ids, values: Values) -> Values:
    """Each value as a share of the largest of its prefix; `prefix` is sorted."""
    if not len(prefix):
        return values
    first = np.flatnonzero(np.r_[True, prefix[1:] != prefix[:-1]])
    best = np.maximum.reduceat(values, first)
    return values / np.maximum(np.repeat(best, np.diff(np.r_[first, len(prefix)])), 1e-12)


def _session_features(prefixes: Sequence[Ids], prefix: Ids, item: Ids, count: Ids) -> list[NDArray[Any]]:
    """What the running session itself says of each candidate, and its own length and last item, a column each."""
    times, back, first = (np.zeros(len(item)), np.full(len(item), _NEVER), np.full(len(item), _NEVER))
    ends = np.searchsorted(prefix, np.arange(len(prefixes) + 1))
    of_session = np.zeros((len(prefixes), 4))
    for i, seen in enumerate(prefixes):
        rows = slice(ends[i], ends[i + 1])
        for at, code in enumerate(seen.tolist()):
            same = np.flatnonzero(item[rows] == code) + ends[i]
            times[same] += 1
            back[same] = len(seen) - at
            first[same] = np.minimum(first[same], at)
        if len(seen):
            twice = len(seen) > 1 and seen[-1] == seen[-2]
            of_session[i] = len(seen), len(np.unique(seen)), count[seen[-1]], twice
    return [times, back, first, *of_session[prefix].T]
