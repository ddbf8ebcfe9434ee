"""What a campaign added to an outcome a customer: intention to treat, less noise by CUPED, honest about heavy tails.

CUPED (Deng, Xu, Kohavi and Walker 2013) takes out what the same customers did in the time before. The interval is
 that of the studentised permutation test (Janssen 1997; Chung and Romano 2013): under no effect at all it holds its
level in samples of any size, and in large ones also where the arms' variances differ. A few large orders can't mislead
it as they do a normal interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import false_discovery_control

from campaign.estimators import Array

PERMUTATIONS = 999
_FEWEST = 8
"""Customers an arm below which nothing is said of a difference."""
_WORTH = 0.01
"""Share of the variance that history must explain to be used."""
_CHUNK = 4_000_000


@dataclass(frozen=True)
class Effect:
    """Difference of means a customer (treated − held out), its 95% interval and p-value under no effect.

    `saved` is the share of the variance that CUPED took away, 0 where history was of no use.
    """

    treated: float
    holdout: float
    difference: float
    low: float
    high: float
    p: float
    saved: float

    def times(self, number: int, *, less: float = 0.0) -> tuple[float, float, float]:
        """(middle, low, high) of `number` customers together, less a cost that is known."""
        return (
            number * self.difference - less,
            number * self.low - less,
            number * self.high - less,
        )


def effect(outcome: Array, treated: np.ndarray, before: Array, *, seed: int, level: float = 0.05) -> Effect | None:
    """The effect on `outcome` (n,) of the arm `treated` (n, bool), with covariates `before` (n, k); None of too few.

    An outcome that never differs has an interval of no width.
    """
    number = len(outcome)
    first = int(treated.sum())
    if min(first, number - first) < _FEWEST:
        return None
    means = float(outcome[treated].mean()), float(outcome[~treated].mean())
    adjusted, saved = cuped(outcome, treated, before)
    centred = adjusted - adjusted.mean()
    difference, error = _studentised(centred, treated)
    if error == 0:
        return Effect(*means, difference, difference, difference, float(difference == 0), saved)
    drawn = _permuted(centred, first, seed)
    low, high = np.quantile(drawn, [level / 2, 1 - level / 2])
    observed = difference / error
    tails = 1 + (drawn >= observed).sum(), 1 + (drawn <= observed).sum()
    p = min(1.0, 2 * float(min(tails)) / (len(drawn) + 1))
    return Effect(*means, difference, difference - float(high) * error, difference - float(low) * error, p, saved)


def cuped(outcome: Array, treated: np.ndarray, before: Array) -> tuple[Array, float]:
    """`outcome` less what `before` explains of it within the arms, and the share of the variance that this saves.

    Unchanged, with 0 saved, where history explains less than one percent.
    """
    y, x = outcome.astype("float64"), before.astype("float64") - before.mean(axis=0)
    inside_y, inside_x = _within(y, treated), _within(x, treated)
    spread = float(inside_y @ inside_y)
    if spread <= 0 or not inside_x.any():
        return y, 0.0
    slopes = np.linalg.lstsq(inside_x, inside_y, rcond=None)[0]
    explained = inside_x @ slopes
    saved = float(explained @ explained) / spread
    return (y - x @ slopes, saved) if saved >= _WORTH else (y, 0.0)


def clear_after_correction(p_values: Sequence[float], *, level: float = 0.05) -> list[bool]:
    """Which of several differences stand when the false discovery rate is held (Benjamini and Hochberg 1995).

    >>> clear_after_correction([0.001, 0.04, 0.9])
    [True, False, False]
    """
    if not p_values:
        return []
    return [bool(p <= level) for p in false_discovery_control(np.asarray(p_values), method="bh")]


def _within(values: Array, treated: np.ndarray) -> Array:
    """`values` less the mean of their arm."""
    found = values.copy()
    for arm in (treated, ~treated):
        found[arm] -= values[arm].mean(axis=0)
    return found


def _studentised(values: Array, treated: np.ndarray) -> tuple[float, float]:
    """Difference of means and its standard error (Welch)."""
    one, other = values[treated], values[~treated]
    error = np.sqrt(one.var(ddof=1) / len(one) + other.var(ddof=1) / len(other))
    return float(one.mean() - other.mean()), float(error)


def _permuted(values: Array, first: int, seed: int) -> Array:
    """Studentised differences when the arms are drawn again, `PERMUTATIONS` times; `values` sum to zero."""
    rng, number = np.random.default_rng(seed), len(values)
    small = min(first, number - first)  # the sums of the smaller arm tell all
    total, squares = float(values.sum()), float(values @ values)
    parts = []
    left, step = PERMUTATIONS, max(_CHUNK // number, 1)
    while left > 0:
        rows = min(step, left)
        chosen = rng.random((rows, number)).argpartition(small - 1, axis=1)[:, :small]
        picked = values[chosen]
        sums, powers = picked.sum(axis=1), (picked**2).sum(axis=1)
        here = (powers - sums**2 / small) / (small - 1) / small
        rest, rest_squares, many = total - sums, squares - powers, number - small
        there = (rest_squares - rest**2 / many) / (many - 1) / many
        gap = sums / small - rest / many
        with np.errstate(divide="ignore", invalid="ignore"):
            parts.append(gap / np.sqrt(np.maximum(here, 0) + np.maximum(there, 0)))
        left -= rows
    drawn = np.concatenate(parts)
    drawn = drawn if small == first else -drawn
    finite: Array = drawn[np.isfinite(drawn)]
    return finite
