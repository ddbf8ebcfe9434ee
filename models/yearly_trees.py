"""LightGBM over all series that learns where last year's course goes wrong: calendar, momentum, neighbours' weeks."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.threads import single_threaded
from models.yearly import YEAR, Panel, Series, year_ago

if TYPE_CHECKING:
    from lightgbm import Booster

FIRST = YEAR + 8
"""Weeks of history from which a past origin can be learned from."""
STRIDE = 6
MOST_ORIGINS = 12
HOLIDAY_WEIGHT = 5.0
_LAGS = (50, 51, 52, 53, 54, 104)
_FAR = 60
_PARAMETERS: dict[str, Any] = {
    "objective": "regression_l1",
    "learning_rate": 0.06,
    "num_leaves": 31,
    "min_data_in_leaf": 100,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 1.0,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,  # sums of floats in one order, on every machine
    "verbosity": -1,
}


@dataclass
class YearlyTrees:
    """Corrections to `year_ago` in units of each series' size; median regression, since WMAE is an absolute error.

    Each past origin gives a row a series and week ahead, weighted by the series' size, and holiday weeks five times.
    `first_target` is the earliest week that was ever learned as a target.
    """

    horizon: int
    rounds: int = 160
    first_target: int = field(default=0, init=False)
    _booster: Booster | None = field(default=None, init=False, repr=False)

    def fit(self, panel: Panel, *, seed: int = 0) -> YearlyTrees:
        """Fits on past origins of `panel`; where none is old enough, nothing is corrected."""
        import lightgbm

        cuts = list(range(panel.weeks - min(self.horizon, STRIDE), FIRST - 1, -STRIDE))[:MOST_ORIGINS]
        self._booster = None
        if not cuts:
            return self
        self.first_target = cuts[-1]
        parts = [_examples(panel, cut, self.horizon) for cut in cuts]
        rows, targets, weights = (np.concatenate([part[i] for part in parts]) for i in range(3))
        data = lightgbm.Dataset(rows, targets, weight=weights / weights.mean(), params={"verbosity": -1})
        self._booster = lightgbm.train(_PARAMETERS | {"seed": seed}, data, num_boost_round=self.rounds)
        return self

    def predict(self, panel: Panel, base: Series) -> Series:
        """`base`, the `year_ago` of `panel`, corrected: (series × horizon)."""
        if self._booster is None:
            return base
        size = _size(panel.values)
        rows = features(panel, base, size)
        with single_threaded():
            moved = np.asarray(self._booster.predict(rows.reshape(-1, rows.shape[2]))).reshape(base.shape)
        return base + moved * size[:, None]

    def taught(self, panel: Panel) -> NDArray[np.bool_]:
        """Which coming weeks, (horizon,), had their like a year before among the targets."""
        if self._booster is None:
            return np.zeros(self.horizon, dtype=bool)
        return panel.weeks + np.arange(self.horizon) - YEAR >= self.first_target


def features(panel: Panel, base: Series, size: Series) -> Series:
    """What the trees see of each series and week ahead, (series × horizon × columns); sales are over `size`."""
    values, weeks = panel.values / size[:, None], panel.weeks
    recent = {window: _level(values[:, -window:]) for window in (1, 4, 8, 13)}
    growth = {w: recent[w] / np.maximum(_level(values[:, -w - YEAR : -YEAR]), 1e-3) for w in (4, 13)}
    still = [
        *recent.values(),
        *growth.values(),
        *(_median_of(growth[w], panel.row) for w in (4, 13)),
        _median_of(growth[4], panel.column),
        _spread(values[:, -26:]),
        np.log(size),
        _median_of(np.log(size), panel.row),
        _median_of(np.log(size), panel.column),
    ]
    rows = []
    for step in range(base.shape[1]):
        week = weeks + step
        day, before = panel.day(week), panel.day(week - YEAR)
        lags = [_lag(values, week - lag) for lag in _LAGS]
        calendar = (step, *_near(day), *_near(before), day.dayofyear, panel.holiday(week), panel.holiday(week - YEAR))
        same = [np.full(len(values), float(value)) for value in calendar]
        rows.append(np.column_stack([base[:, step] / size, *lags, *still, *same]))
    return np.stack(rows, axis=1)


def easter(year: int) -> pd.Timestamp:
    """Easter Sunday (Meeus, Astronomical Algorithms, chapter 8).

    >>> [str(easter(year).date()) for year in (2010, 2011, 2012)]
    ['2010-04-04', '2011-04-24', '2012-04-08']
    """
    a, (b, c) = year % 19, divmod(year, 100)
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    m = (32 + 2 * e + 2 * i - h - k) % 7
    n = (a + 11 * h + 22 * m) // 451
    month, day = divmod(h + m - 7 * n + 114, 31)
    return pd.Timestamp(year, month, day + 1)


def _examples(panel: Panel, cut: int, horizon: int) -> tuple[Series, Series, Series]:
    """Features, corrections that would have been right, and weights of one past origin."""
    past = panel.until(cut)
    base = year_ago(past, horizon)
    size = _size(past.values)
    coming = panel.values[:, cut : cut + horizon]
    ahead = coming.shape[1]
    rows = features(past, base[:, :ahead], size)
    known = np.isfinite(coming)
    weight = size[:, None] * np.array([HOLIDAY_WEIGHT if panel.holiday(cut + step) else 1.0 for step in range(ahead)])
    return rows[known], ((coming - base[:, :ahead]) / size[:, None])[known], weight[known]


def _size(values: Series) -> Series:
    """Mean absolute sales of the last year, (series,), never below 1."""
    return np.maximum(np.nan_to_num(_level(np.abs(values[:, -YEAR:])), nan=1.0), 1.0)


def _lag(values: Series, week: int) -> Series:
    inside = 0 <= week < values.shape[1]
    return values[:, week] if inside else np.full(len(values), np.nan)


def _near(day: pd.Timestamp) -> tuple[float, float]:
    """Days since Christmas and since Easter, the nearest ones, cut at 60."""
    christmas = pd.Timestamp(day.year - (day.month < 7), 12, 25)
    return tuple(float(np.clip((day - feast).days, -_FAR, _FAR)) for feast in (christmas, easter(day.year)))  # type: ignore[return-value]


def _median_of(values: Series, groups: NDArray[np.intp]) -> Series:
    return pd.Series(values).groupby(groups).transform("median").to_numpy(np.float64)


def _level(values: Series) -> Series:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # unknown weeks have no mean: NaN is a branch of its own
        return np.asarray(np.nanmean(values, axis=1))


def _spread(values: Series) -> Series:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.asarray(np.nanstd(values, axis=1))
