"""What follows what: closed-form models of the next item, over the orders in which people took items."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.neighbours import Matrix

WINDOW = 50
BACKWARD = 0.2
"""Weight of "before" against "after": what came earlier in one history still says a little of what comes later."""
SOURCE_POWER, TARGET_POWER = 0.3, 0.15
"""How far the commonness of the item left and of the item reached is damped."""
REGRESSED = 7000
"""Most frequent items that the regressions know: dense matrices grow with the square, their time with the cube."""
PENALTY_ALIKE, PENALTY_AHEAD = 200.0, 20.0
AHEAD_WINDOW = 20

Sequences = Sequence[NDArray[np.int64]]
"""For each person the items in order of time, as numbers from 0."""
Weight = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Weight of an item that is so many steps back; the last one is 0 steps back."""


def slowly(steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """1, 0.8, 0.64 …: for models that see a history as a set."""
    return np.asarray(0.8**steps)


def steeply(steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """1, 1/2, 1/3 …: for models of what comes next."""
    return np.asarray(1.0 / (steps + 1.0))


@dataclass(frozen=True)
class Log:
    """Sequences end to end: `item`, whose it is (`person`), and its `place` from the start and steps `back`."""

    item: NDArray[np.int64]
    person: NDArray[np.int64]
    place: NDArray[np.int64]
    back: NDArray[np.int64]
    people: int
    items: int

    @classmethod
    def of(cls, sequences: Sequences, items: int) -> Log:
        """The log of `sequences` of numbers below `items`."""
        lengths = np.array([len(sequence) for sequence in sequences], dtype=np.int64)
        starts = np.repeat(np.cumsum(lengths) - lengths, lengths)
        flat = np.concatenate([np.asarray(s, dtype=np.int64) for s in sequences] or [np.zeros(0, np.int64)])
        place = np.arange(len(flat)) - starts
        person = np.repeat(np.arange(len(lengths)), lengths)
        return cls(flat, person, place, np.repeat(lengths, lengths) - 1 - place, len(lengths), items)

    @property
    def counts(self) -> NDArray[np.float64]:
        """How often each item was taken, (items,)."""
        return np.bincount(self.item, minlength=self.items).astype(np.float64)

    def histories(self, weight: Weight) -> Matrix:
        """CSR (people × items): each item by how far back it lies."""
        values = weight(self.back.astype(np.float64)).astype(np.float32)
        return sp.csr_matrix((values, (self.person, self.item)), shape=(self.people, self.items))


def transitions(
    log: Log,
    *,
    window: int = WINDOW,
    backward: float = BACKWARD,
    powers: tuple[float, float] = (SOURCE_POWER, TARGET_POWER),
    fading: float = 0.5,
) -> Matrix:
    """CSR (items × items): how strongly an item (row) leads to another (column) up to `window` places later.

    A pair d places apart counts d ** -`fading`, the reverse direction `backward` times as much; then n ** -power
    of the row's and the column's item damp what is common anyway.
    """
    rows, columns, values = [], [], []
    for distance in range(1, min(window, int(log.place.max(initial=0))) + 1):
        first = np.flatnonzero(log.back >= distance)
        rows.append(log.item[first])
        columns.append(log.item[first + distance])
        values.append(np.full(len(first), distance**-fading))
    shape = (log.items, log.items)
    if not rows:
        return sp.csr_matrix(shape, dtype=np.float32)
    pairs = sp.csr_matrix((np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape=shape)
    leaving, reaching = (np.maximum(log.counts, 1.0) ** -power for power in powers)
    return (sp.diags(leaving) @ (pairs + backward * pairs.T) @ sp.diags(reaching)).tocsr().astype(np.float32)


@dataclass(frozen=True)
class Regression:
    """Dense weights between the most frequent items: scores are a history's columns `known` times `weights`."""

    known: NDArray[np.intp]
    weights: NDArray[np.float32]

    def scores(self, histories: Matrix) -> NDArray[np.float32]:
        """(people × all items); items that are not among `known` score 0."""
        found = np.zeros(histories.shape, dtype=np.float32)
        found[:, self.known] = histories[:, self.known] @ self.weights
        return found


def alike(log: Log, *, limit: int = REGRESSED, penalty: float = PENALTY_ALIKE) -> Regression:
    """EASE (Steck, 2019): each item regressed on all others of the same people, the order left aside.

    B = I - P / diag(P) with P = (XᵀX + λI)⁻¹.
    """
    known = _frequent(log, limit)
    taken = log.histories(np.ones_like)[:, known]
    from scipy.linalg.lapack import spotri

    triangle, _ = spotri(_factor(taken, penalty), lower=1, overwrite_c=1)
    inverse = np.tril(triangle) + np.tril(triangle, -1).T
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    return Regression(known, weights)


def ahead(log: Log, *, limit: int = REGRESSED, penalty: float = PENALTY_AHEAD) -> Regression:
    """What lies ahead of a place regressed on what lies behind it, both fading by 1, 1/2, 1/3 … (SLIT, Choi 2021).

    B = (SᵀS + λI)⁻¹ SᵀT with a row for each place of each history but its last.
    """
    from scipy.linalg import cho_solve

    known = _frequent(log, limit)
    behind = _around(log, lambda step: (log.place >= step) & (log.back >= 1), -1, 0)[:, known]
    later = _around(log, lambda step: log.back >= step + 1, 1, 1)[:, known]
    both = (behind.T @ later).toarray().astype(np.float32)
    weights = cho_solve((_factor(behind, penalty), True), both, overwrite_b=True, check_finite=False)
    return Regression(known, weights)


def _around(log: Log, there: Callable[[int], NDArray[np.bool_]], way: int, first: int) -> Matrix:
    """CSR (places × items): the items from `first` steps off onwards, in the direction `way`, by 1, 1/2, 1/3 …"""
    rows, columns, values = [], [], []
    for step in range(AHEAD_WINDOW):
        place = np.flatnonzero(there(step))
        rows.append(place)
        columns.append(log.item[place + way * (step + first)])
        values.append(np.full(len(place), 1.0 / (step + 1), dtype=np.float32))
    flat: list[Any] = [np.concatenate(part) for part in (values, rows, columns)]
    return sp.csr_matrix((flat[0], (flat[1], flat[2])), shape=(len(log.item), log.items))


def _frequent(log: Log, limit: int) -> NDArray[np.intp]:
    return np.sort(np.argsort(-log.counts, kind="stable")[:limit])


def _factor(rows: Matrix, penalty: float) -> NDArray[np.float32]:
    """The lower Cholesky factor of rowsᵀ rows + penalty · I."""
    from scipy.linalg import cho_factor

    gram = (rows.T @ rows).toarray().astype(np.float32)
    gram[np.diag_indices_from(gram)] += penalty
    factor, _ = cho_factor(gram, lower=True, overwrite_a=True, check_finite=False)
    return factor
