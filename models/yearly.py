"""Weekly sales of many series from the year before: aligned by the calendar, smoothed, moved by the growth."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Series = NDArray[np.float64]
Codes = NDArray[np.intp]

YEAR = 52
WINDOWS = (8, 26, 52)
"""Weeks over which the growth on the year before is read; the forecasts of all are averaged."""
RANKS = (4, 12)
"""Patterns a department's stores are made of, few (smooth) and many (faithful); averaged too."""
BELIEF = 0.5
"""A series' own growth counts like so much more evidence as its window sold, over this share of a window's forecast."""
_GROWTH = (0.4, 2.5)
_GROUP_GROWTH = (0.5, 2.0)
_LEAST_WEEKS = 4


@dataclass(frozen=True)
class Panel:
    """`values` are (series × weeks), NaN where unknown; the first week begins or ends on `start`, always the same.

    `row` and `column` are codes, (series,), of the two things that each series belongs to, such as its department and
    its store. `holidays`, (weeks or more,), marks weeks with a holiday, those to come included as far as known.
    """

    values: Series
    start: pd.Timestamp
    row: Codes
    column: Codes
    holidays: NDArray[np.bool_]

    @property
    def weeks(self) -> int:
        """Weeks known."""
        return int(self.values.shape[1])

    def day(self, week: int) -> pd.Timestamp:
        """The date of week number `week`, also of one to come."""
        return self.start + pd.Timedelta(7 * week, "D")

    def holiday(self, week: int) -> bool:
        """Whether week number `week` is marked."""
        return week < len(self.holidays) and bool(self.holidays[week])

    def until(self, cut: int) -> Panel:
        """What was known before week number `cut`; the calendar stays, since holidays are known ahead."""
        return Panel(self.values[:, :cut], self.start, self.row, self.column, self.holidays)


def seasonal_naive(panel: Panel, horizon: int) -> Series:
    """The value of 52 weeks before, (series × horizon); the last known one where that week is unknown."""
    last = _last(panel.values)
    back = [panel.weeks + step - YEAR * (1 + step // YEAR) for step in range(horizon)]
    past = [panel.values[:, week] if week >= 0 else np.full(len(last), np.nan) for week in back]
    found = np.stack(past, axis=1)
    return np.where(np.isfinite(found), found, last[:, None])


def year_ago(panel: Panel, horizon: int) -> Series:
    """The same weeks of last year, smoothed across stores, times the growth since, (series × horizon).

    Needs more than 52 weeks; with less, and for series that last year did not know, the last value goes on.
    """
    last = _last(panel.values)[:, None]
    known = panel.weeks - YEAR
    if known < _LEAST_WEEKS:
        return np.repeat(last, horizon, axis=1)
    paths = []
    for rank in RANKS:
        course = _course(low_rank(panel.values, panel.row, rank), panel, horizon)
        size = np.nan_to_num(_mean(np.abs(course)))
        for window in sorted({min(window, known) for window in WINDOWS}):
            moved = course * _growth(panel, window, BELIEF * window * size)[:, None]
            paths.append(np.where(np.isfinite(course), moved, last))
    return np.asarray(np.mean(paths, axis=0))


def low_rank(values: Series, groups: Codes, rank: int) -> Series:
    """`values` with each group's series rebuilt from their `rank` strongest common patterns; unknown stays NaN.

    A truncated singular value decomposition: what one store did by chance is no pattern. Large stores count
    more, but by the root of their size only.
    """
    smooth = values.copy()
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group)
        if len(rows) <= rank:
            continue
        block = np.nan_to_num(values[rows])
        scale = np.sqrt(np.maximum(np.abs(block).mean(axis=1, keepdims=True), 1e-6))
        left, strength, right = np.linalg.svd(block / scale, full_matrices=False)
        rebuilt = (left[:, :rank] * strength[:rank]) @ right[:rank] * scale
        smooth[rows] = np.where(np.isfinite(values[rows]), rebuilt, np.nan)
    return smooth


def _course(values: Series, panel: Panel, horizon: int) -> Series:
    """Last year's values of the coming weeks, (series × horizon)."""
    weeks = []
    for step in range(horizon):
        back = panel.weeks + step - YEAR * (1 + step // YEAR)
        value = values[:, back]
        share = _christmas_share(panel.day(panel.weeks + step))
        if share and back >= 1:
            before = values[:, back - 1]
            value = np.where(np.isfinite(before), (1 - share) * value + share * before, value)
        weeks.append(value)
    return np.stack(weeks, axis=1)


def _christmas_share(day: pd.Timestamp) -> float:
    """The share of a week around Christmas whose days fell into the week before, 52 weeks earlier.

    Most of retail's year moves with weekdays, but Christmas keeps its date, so its week slips by a day or two a year.
    """
    if not ((day.month == 12 and day.day >= 18) or (day.month == 1 and day.day < 4)):
        return 0.0
    slipped: pd.Timedelta = (day - pd.Timedelta(7 * YEAR, "D")) - (day - pd.DateOffset(years=1))
    return slipped.days / 7


def _growth(panel: Panel, window: int, weight: Series) -> Series:
    """This year's last `window` weeks over last year's, (series,), drawn to the growth of its row and column.

    `weight` is the evidence (in sales) that the row's and column's growth counts for: a department that hardly sells
    out of season tells nothing then of its season.
    """
    values = panel.values
    now, then = values[:, -window:], values[:, -window - YEAR : -YEAR]
    both = np.isfinite(now) & np.isfinite(then)
    now, then = np.where(both, now, 0.0).sum(axis=1), np.where(both, then, 0.0).sum(axis=1)
    total = float(now.sum() / then.sum()) if then.sum() > 0 else 1.0
    prior = _of_group(now, then, panel.row) * _of_group(now, then, panel.column) / max(total, 1e-6)
    prior = np.clip(prior, *_GROUP_GROWTH)
    evidence = then + weight
    own = np.divide(now + weight * prior, evidence, out=prior.copy(), where=evidence > 0)
    return np.asarray(np.clip(own, *_GROWTH))


def _of_group(now: Series, then: Series, groups: Codes) -> Series:
    top, bottom = np.bincount(groups, now), np.bincount(groups, then)
    ratio = np.divide(top, bottom, out=np.ones_like(top), where=bottom > 0)
    return np.asarray(np.clip(ratio, *_GROUP_GROWTH)[groups])


def _last(values: Series) -> Series:
    """The last known value of each series, (series,); 0 where there is none."""
    known = np.isfinite(values)
    place = np.where(known.any(axis=1), values.shape[1] - 1 - known[:, ::-1].argmax(axis=1), 0)
    return np.nan_to_num(values[np.arange(len(values)), place])


def _mean(values: Series) -> Series:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a series without any known week has no mean
        return np.asarray(np.nanmean(values, axis=1))
