"""What speaks for each item to each customer: four views of taste, mixed, and the best of what they name.

Everything is sparse. A customer's history names a few thousand items by itself; of all others only the best sellers
can come first. So a list of 20 from 100,000 items is found without looking at most of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.neighbours import Matrix

Scores = NDArray[np.float64]
Items = NDArray[np.intp]
Mix = tuple[float, float, float]
"""Weights of content, popularity and friends beside the neighbours' 1."""

EXPECTED = "expected"
_WHISPER = 1e-6
_NONE = np.zeros(0, dtype=np.intp)
_ROWS = 500
"""Customers whose scores lie in memory at once."""


@dataclass(frozen=True)
class Views:
    """Four views: `together` and `similar` (items × items, from what someone has to what goes with it), what friends
    `bought` (customers × items), and how `popular` each item is, (items,).
    """

    together: Matrix
    similar: Matrix
    bought: Matrix
    popular: Scores

    def parts(self, taste: Matrix, friends: Matrix, expected: Matrix | None = None) -> dict[str, Matrix]:
        """CSR (rows × items) of all but popularity, each with a largest value of 1 a row, or empty.

        `taste` is rows × items, `friends` rows × customers. What a model `expected` besides, rows × items, comes
        weighed and stays as it is.
        """
        parts = {
            "together": taste @ self.together,
            "similar": taste @ self.similar,
            "friends": friends @ self.bought,
        }
        scaled = {name: _scaled(part.tocsr()) for name, part in parts.items()}
        return scaled if expected is None else scaled | {EXPECTED: expected}

    @cached_property
    def best_sellers(self) -> Items:
        """All items, the most popular first; equal ones in the items' order."""
        return np.argsort(-self.popular, kind="stable")

    @cached_property
    def popularity(self) -> Scores:
        """How popular each item is, the largest value 1, (items,)."""
        return np.asarray(self.popular / max(float(self.popular.max(initial=0.0)), 1e-12))

    def mixed(self, parts: Mapping[str, Matrix], mix: Mix) -> Matrix:
        """CSR (rows × items): what the parts say together, popularity left out."""
        content, _, friends = mix
        weighed = [(parts["together"], 1.0), (parts["similar"], content), (parts["friends"], friends)]
        if EXPECTED in parts:
            weighed.append((parts[EXPECTED], 1.0))
        # Adding a view that says nothing, such as content without titles, would take as long as all the rest.
        mixed, *others = [part * weight for part, weight in weighed if part.nnz] or [parts["together"].copy()]
        for other in others:
            mixed = mixed + other
        mixed = mixed.tocsr()
        mixed.eliminate_zeros()
        return mixed

    def scores(self, parts: Mapping[str, Matrix], mix: Mix) -> Scores:
        """The same for every item, popularity included: dense, (rows × items)."""
        return np.asarray(self.mixed(parts, mix).toarray() + _popular_weight(mix) * self.popularity)

    def best(
        self,
        taste: Matrix,
        friends: Matrix,
        mix: Mix,
        *,
        expected: Matrix | None = None,
        open_to: NDArray[np.bool_],
        had: Matrix | None,
        limit: int,
    ) -> Iterator[tuple[Items, Scores]]:
        """For each row its best `limit` items and their scores, best first; equal ones in the items' order.

        Only items of `open_to`, (items,), come, and none that the row of `had` holds.
        """
        for start in range(0, taste.shape[0], _ROWS):
            rows = slice(start, start + _ROWS)
            parts = self.parts(taste[rows], friends[rows], None if expected is None else expected[rows])
            yield from self.first(parts, mix, open_to=open_to, had=None if had is None else had[rows], limit=limit)

    def first(
        self, parts: Mapping[str, Matrix], mix: Mix, *, open_to: NDArray[np.bool_], had: Matrix | None, limit: int
    ) -> Iterator[tuple[Items, Scores]]:
        """The same by what `parts` found."""
        sellers = self.best_sellers[open_to[self.best_sellers]]
        liked = _popular_weight(mix) * self.popularity
        mixed, shut, told = self.mixed(parts, mix), ~open_to, np.zeros(len(liked), dtype=bool)
        scores = mixed.data + liked[mixed.indices]
        scores[shut[mixed.indices]] = -np.inf
        for row in range(mixed.shape[0]):
            span = slice(mixed.indptr[row], mixed.indptr[row + 1])
            barred = _NONE if had is None else _row(had, row)[0]
            # What is barred takes at most so many places, and nothing that nobody named can come before the first best
            # sellers that are still open to this one.
            enough = max(limit, 0) + len(barred)
            named, score = _most(mixed.indices[span], scores[span], enough)
            told[named], shut[barred] = True, True
            known = sellers[:enough]
            known = known[~told[known]]
            found, values = np.concatenate([named, known]), np.concatenate([score, liked[known]])
            still = ~shut[found]
            told[named], shut[barred] = False, ~open_to[barred]
            yield _first(found[still], values[still], limit)


def _first(items: Items, scores: Scores, limit: int) -> tuple[Items, Scores]:
    if limit < 1:
        return items[:0], scores[:0]
    items, scores = _most(items, scores, limit)
    order = np.lexsort((items, -scores))[:limit]
    return items[order], scores[order]


def _most(items: Items, scores: Scores, number: int) -> tuple[Items, Scores]:
    """Those of the `number` largest scores, and what equals the least of them, in no order."""
    if len(items) <= number:
        return items, scores
    kept = scores >= np.partition(scores, -number)[-number]
    return items[kept], scores[kept]


def _row(matrix: Matrix, row: int) -> tuple[Items, Scores]:
    span = slice(matrix.indptr[row], matrix.indptr[row + 1])
    return matrix.indices[span], matrix.data[span]


def _popular_weight(mix: Mix) -> float:
    # A whisper of popularity breaks ties, so that someone of whom nothing is known sees the best sellers.
    return mix[1] + _WHISPER


def _scaled(part: Matrix) -> Matrix:
    lengths = np.diff(part.indptr)
    filled = lengths > 0
    if not filled.any():
        return part
    most = np.maximum(np.maximum.reduceat(part.data, part.indptr[:-1][filled]), 1e-12)
    data = part.data * np.repeat(1.0 / most, lengths[filled])
    return sp.csr_matrix((data, part.indices, part.indptr), shape=part.shape)
