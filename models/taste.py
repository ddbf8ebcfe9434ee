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
        mixed = (parts["together"] + content * parts["similar"] + friends * parts["friends"]).tocsr()
        if EXPECTED in parts:
            mixed = (mixed + parts[EXPECTED]).tocsr()
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
        told, shut = np.zeros(len(liked)), ~open_to
        mixed = self.mixed(parts, mix)
        for row in range(mixed.shape[0]):
            named, score = _row(mixed, row)
            barred = _NONE if had is None else _row(had, row)[0]
            # Nothing that nobody named can come before the first best sellers that are still open to this one.
            known = sellers[: max(limit, 0) + len(barred)]
            told[named], shut[barred] = score, True
            found = np.concatenate([named, known[told[known] == 0]])
            found = found[~shut[found]]
            values = told[found] + liked[found]
            told[named], shut[barred] = 0.0, ~open_to[barred]
            yield _first(found, values, limit)


def _first(items: Items, scores: Scores, limit: int) -> tuple[Items, Scores]:
    if limit < 1:
        return items[:0], scores[:0]
    if len(items) > limit:
        kept = scores >= np.partition(scores, -limit)[-limit]
        items, scores = items[kept], scores[kept]
    order = np.lexsort((items, -scores))[:limit]
    return items[order], scores[order]


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
