"""One LightGBM for the demand of many items: lags, level, spread and rhythm of each, learned over all of them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from data.threads import single_threaded

if TYPE_CHECKING:
    from lightgbm import Booster

Series = NDArray[np.float64]

WINDOWS = (1, 2, 3, 4, 6, 8, 13, 26, 52)
FIRST = 12
"""Periods of history below which an item's rhythm is not learned from."""
LONG = 60.0
_LEAST_ROWS = 200
_PARAMETERS: dict[str, Any] = {
    "learning_rate": 0.03,
    "num_leaves": 15,
    "min_data_in_leaf": 100,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,  # sums of floats in one order, on every machine
    "verbosity": -1,
}


@dataclass
class DemandTrees:
    """Demand per period over the next `span` periods, (items,), from histories (items × periods, NaN unknown).

    `objective` is LightGBM's: "regression" gives means, "regression_l1" medians, "quantile" the quantile `level`.
    With `each` the trees learn single periods, else the mean over the span (the quantile of a total, then, is `span`
    times what they give). `relative` learns demand in units of each item's level, so that large and small items teach
    each other; without it, in units. Every past period is an origin; none sees what came after it.
    """

    span: int
    objective: str = "regression"
    level: float = 0.5
    each: bool = False
    relative: bool = True
    rounds: int = 150
    stride: int = 1
    _booster: Booster | None = field(default=None, repr=False)

    def fit(self, history: Series, *, seed: int = 0) -> DemandTrees:
        """Fits on all origins in `history`; where it is too short, `predict` gives the mean of 8 periods."""
        import lightgbm

        rows, targets, weights = self._examples(history)
        self._booster = None
        if len(targets) < _LEAST_ROWS:
            return self
        parameters = _PARAMETERS | {"objective": self.objective, "alpha": self.level, "seed": seed}
        data = lightgbm.Dataset(rows, targets, weight=weights / weights.mean(), params={"verbosity": -1})
        self._booster = lightgbm.train(parameters, data, num_boost_round=self.rounds)
        return self

    def predict(self, history: Series) -> Series:
        """Demand per period after `history`, (items,), never negative."""
        rows, level = demand_features(history)
        if self._booster is None:
            return _mean(history, 8)
        with single_threaded():
            found = np.asarray(self._booster.predict(rows), dtype=np.float64)
        return np.asarray(np.maximum(found * level if self.relative else found, 0.0))

    def _examples(self, history: Series) -> tuple[Series, Series, Series]:
        rows, targets, weights = [], [], []
        for cut in range(history.shape[1] - self.span, FIRST - 1, -self.stride):
            features, level = demand_features(history[:, :cut])
            coming = history[:, cut : cut + self.span]
            goals = list(coming.T) if self.each else [coming.mean(axis=1)]
            begun = np.nansum(history[:, :cut], axis=1) > 0
            for goal in goals:
                usable = begun & np.isfinite(goal)
                rows.append(features[usable])
                targets.append((goal / level if self.relative else goal)[usable])
                weights.append((level if self.relative else np.ones_like(level))[usable])
        if not rows:
            return np.zeros((0, 1)), np.zeros(0), np.zeros(0)
        return np.concatenate(rows), np.concatenate(targets), np.concatenate(weights)


def demand_features(history: Series) -> tuple[Series, Series]:
    """What is known of each item at the end of `history`: features (items × columns) and its level (items,).

    Sizes are in units of the level, so that the same numbers mean the same for any item.
    """
    known = np.isfinite(history)
    units = np.nan_to_num(history)
    items, periods = history.shape
    means = {window: _mean(history, window) for window in WINDOWS}
    level = np.maximum((means[8] + means[26]) / 2, 0.05)
    recent = units[:, -13:]
    sold = units > 0
    ever = sold.any(axis=1)
    last = np.where(ever, periods - 1 - sold[:, ::-1].argmax(axis=1), -1)
    first = np.where(ever, sold.argmax(axis=1), periods)
    size = units.sum(axis=1) / np.maximum(sold.sum(axis=1), 1)
    # An unknown tail says nothing of the level: the trees treat NaN as a branch of its own.
    seen = {window: known[:, -window:].any(axis=1) for window in WINDOWS}
    total = units.sum(axis=0)
    market = [np.full(items, total[-a:].mean() / max(total[-b:].mean(), 1e-9)) for a, b in ((4, 13), (2, 8))]
    columns = [
        *(np.where(seen[window], means[window] / level, np.nan) for window in WINDOWS),
        _mean(history, periods) / level,
        np.median(units[:, -8:], axis=1) / level,
        units[:, -8:].max(axis=1) / level,
        recent.max(axis=1) / level,
        recent.std(axis=1) / level,
        (units[:, -8:] == 0).mean(axis=1),
        (units[:, -26:] == 0).mean(axis=1),
        np.minimum(periods - 1 - last, LONG),
        np.minimum(periods - first, LONG),
        np.where(ever, units[np.arange(items), last], 0.0) / level,
        size / level,
        np.log(level),
        size,
        *market,
    ]
    return np.column_stack(columns).astype(np.float64), np.asarray(level)


def _mean(history: Series, periods: int) -> Series:
    """Mean of the last known `periods`, (items,); 0 where none is known."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # an item without any known period has no mean
        return np.nan_to_num(np.nanmean(history[:, -periods:], axis=1))
