"""A test that may be looked at whenever one likes: always-valid intervals and a stopping rule.

The mixture sequential probability ratio test (Robbins 1970; Johari, Koomen, Pekelis and Walsh 2022) of a difference of
means with a normal mixture: its p-value and interval hold at every look together, however often one looks and whenever
one stops. The price is a wider interval than that of a test whose size was fixed before.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from campaign.estimators import Array
from data.errors import CampaignError

FIRST_LOOK = 100
"""Customers an arm before which nothing is said: a mean of fewer is not normal yet."""
FEWEST_HITS = 10
"""Outcomes other than the usual one an arm that a first look takes as well."""

Call = Literal["better", "worse", "alike", "open"]


@dataclass(frozen=True)
class Tally:
    """What one variant has brought so far: customers, and the sum and the sum of squares of their outcomes."""

    customers: int
    total: float
    squares: float

    @classmethod
    def of(cls, outcome: Array) -> Tally:
        """The tally of outcomes (n,)."""
        return cls(len(outcome), float(outcome.sum()), float((outcome**2).sum()))


@dataclass(frozen=True)
class Look:
    """Difference of means (first − second) with an always-valid interval and p-value, and what to do.

    better, worse: stop, the difference is there; alike: stop, it is smaller than matters; open: go on.
    """

    difference: float
    low: float
    high: float
    p: float
    call: Call


def look(first: Tally, second: Tally, *, matters: float, level: float = 0.05, before: Look | None = None) -> Look:
    """One look at two variants; `matters` is the smallest difference that one would act on.

    Give the look `before`, and interval and p-value only ever narrow, as they may. With several variants against
    one, divide `level` by their number. Raises `CampaignError` when `matters` is not above zero.
    """
    sums = [np.array([[t.customers], [t.total], [t.squares]], dtype="float64") for t in (first, second)]
    gap, half, p = _looks(sums[0], sums[1], matters, level)
    if math.isinf(half[0]):
        return before or Look(0.0, -math.inf, math.inf, 1.0, "open")
    low, high, least = float(gap[0] - half[0]), float(gap[0] + half[0]), float(p[0])
    if before is not None:
        low, high, least = max(low, before.low), min(high, before.high), min(least, before.p)
    return Look(float(gap[0]), low, high, least, _call(low, high, matters))


def running(first: Array, second: Array, *, matters: float, level: float = 0.05) -> tuple[Array, Array]:
    """p-values and half widths at each look, when one looks after every pair of outcomes (n,) of two variants.

    The p-values only fall, the half widths are those of the look alone.
    """
    number = min(len(first), len(second))
    sums = [
        np.stack([np.arange(1.0, number + 1), arm[:number].cumsum(), (arm[:number] ** 2).cumsum()])
        for arm in (first, second)
    ]
    _, half, p = _looks(sums[0], sums[1], matters, level)
    return np.minimum.accumulate(p), half


def _looks(first: Array, second: Array, matters: float, level: float) -> tuple[Array, Array, Array]:
    """Differences, half widths and p-values of looks at two variants, each (3, looks): customers, sums, squares."""
    if not matters > 0:
        raise CampaignError("a test needs the smallest difference that matters, above 0")
    ready = _ready(first) & _ready(second)
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = first[1] / first[0] - second[1] / second[0]
        variance = np.where(ready, _variance(first) + _variance(second), 1.0)
        half, p = bounds(np.where(ready, gap, 0.0), variance, matters, level)
    return np.asarray(gap), np.where(ready, half, np.inf), np.where(ready, p, 1.0)


def bounds(difference: Array, variance: Array, matters: float, level: float) -> tuple[Array, Array]:
    """Half widths of the always-valid intervals, and p-values, of differences with these variances of their means.

    Λ = √(V/(V+τ²)) exp(τ²d²/(2V(V+τ²))), τ the difference that matters; p = 1/Λ, and the interval holds every
    difference that is not rejected.
    """
    spread = matters**2
    both = variance + spread
    half = np.sqrt(2 * variance * both / spread * np.log(np.sqrt(both / variance) / level))
    log_ratio = 0.5 * np.log(variance / both) + spread * difference**2 / (2 * variance * both)
    return np.asarray(half), np.exp(-np.maximum(log_ratio, 0.0))


def _variance(sums: Array) -> Array:
    """Variance of the mean at each look."""
    customers, total, squares = sums
    return np.asarray(np.maximum(squares / customers - (total / customers) ** 2, 0.0) / np.maximum(customers - 1, 1))


def _ready(sums: Array) -> np.ndarray:
    """Whether enough customers were seen, and enough of them differ from the rest: of a rate, hits and misses."""
    customers, total, squares = sums
    with np.errstate(divide="ignore", invalid="ignore"):
        hits = total**2 / squares
        misses = customers * (customers * squares / total**2 - 1)
        ready: np.ndarray = (customers >= FIRST_LOOK) & (hits >= FEWEST_HITS) & (misses >= FEWEST_HITS)
    return ready


def _call(low: float, high: float, matters: float) -> Call:
    if low > 0:
        return "better"
    if high < 0:
        return "worse"
    return "alike" if -matters < low and high < matters else "open"
