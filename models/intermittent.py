"""Demand that is mostly zero: Syntetos and Boylan's rate, trees over all parts, and order-up-to levels from both."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.demand_trees import FIRST, DemandTrees
from models.stocking import Supply, simulate

Series = NDArray[np.float64]

SMOOTHING = 0.1
RECENT = 12
TREES, MEAN, LONG_MEAN, BOTH = "trees", "mean of 12", "mean of all", "trees and mean of 12"
FACTORS = (0.8, 0.9, 1.0, 1.1, 1.25)
_ROUNDS = 150
_STRIDE = 2


@dataclass(frozen=True)
class Rates:
    """Mean demand per period, (items,), and the method that proved best on the last periods of the history."""

    mean: Series
    method: str


@dataclass(frozen=True)
class PartLevels:
    """Order-up-to levels: `factor` times a quantile of the demand over the cover, learned over all parts."""

    trees: DemandTrees
    cover: int
    factor: float

    def __call__(self, history: Series) -> Series:
        """Whole units, (items,), from the demand so far, (items × periods)."""
        return np.round(self.factor * self.cover * self.trees.predict(history))


def sba_rate(history: Series, *, smoothing: float = SMOOTHING) -> Series:
    """Demand per period, (items,), by Croston's method with the correction of Syntetos and Boylan (2005).

    Sizes and gaps are smoothed where something sold; unknown periods (NaN) are skipped, and items that never sold
    have rate 0.

    >>> sba_rate(np.array([[0.0, 2.0, 0.0, 2.0]])).round(3)
    array([0.95])
    """
    items = len(history)
    size, gap, since = np.zeros(items), np.zeros(items), np.ones(items)
    for units in history.T:
        sold = np.nan_to_num(units) > 0
        fresh = sold & (size == 0)
        old = sold & ~fresh
        size = np.where(fresh, units, np.where(old, size + smoothing * (units - size), size))
        gap = np.where(fresh, since, np.where(old, gap + smoothing * (since - gap), gap))
        since = np.where(sold, 1.0, since + np.isfinite(units))
    rate = np.divide(size, gap, out=np.zeros(items), where=gap > 0)
    return np.asarray((1 - smoothing / 2) * rate)


def rates(history: Series, horizon: int, *, seed: int = 0) -> Rates:
    """The mean demand of `horizon` periods to come, by what had the least squared error on the last `horizon` known.

    A squared error is least at the mean, so the trees learn means, in units, of all parts together.
    """
    cut = history.shape[1] - horizon
    method = MEAN
    if cut >= FIRST + horizon:
        past, coming = history[:, :cut], history[:, cut:]
        tried = _candidates(past, horizon, seed)
        method = min(tried, key=lambda name: float(np.nanmean((coming - tried[name][:, None]) ** 2)))
    return Rates(_candidates(history, horizon, seed)[method], method)


def part_levels(history: Series, supply: Supply, horizon: int, *, seed: int = 0) -> PartLevels:
    """Levels whose factor cost least in a simulation of the last `horizon` known periods by trees that never saw them.

    The pinball loss of the quantile that the service asks for is the cost of stock over one cover.
    """
    cut = history.shape[1] - horizon
    factor = 1.0
    if cut >= FIRST + supply.cover + horizon:
        past, coming = history[:, :cut], history[:, cut:]
        trees = _quantiles(past, supply, seed)
        costs = {f: simulate(past, coming, PartLevels(trees, supply.cover, f), supply).cost for f in FACTORS}
        factor = min(costs, key=lambda f: costs[f])
    return PartLevels(_quantiles(history, supply, seed), supply.cover, factor)


def recent_mean(history: Series, periods: int = RECENT) -> Series:
    """Mean of the last known periods, (items,); 0 where none is known."""
    known = np.isfinite(history[:, -periods:])
    return np.asarray(np.nan_to_num(history[:, -periods:]).sum(axis=1) / np.maximum(known.sum(axis=1), 1))


def _candidates(history: Series, horizon: int, seed: int) -> dict[str, Series]:
    trees = DemandTrees(horizon, relative=False, rounds=_ROUNDS, stride=_STRIDE).fit(history, seed=seed)
    by_trees, by_mean = trees.predict(history), recent_mean(history)
    steady = recent_mean(history, history.shape[1])
    return {TREES: by_trees, MEAN: by_mean, LONG_MEAN: steady, BOTH: (by_trees + by_mean) / 2}


def _quantiles(history: Series, supply: Supply, seed: int) -> DemandTrees:
    trees = DemandTrees(
        supply.cover, objective="quantile", level=supply.service, relative=False, rounds=_ROUNDS, stride=_STRIDE
    )
    return trees.fit(history, seed=seed)
