"""Choosing a forecast method on past origins, and what its errors say of the next ones: error, spread, growth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Series = NDArray[np.float64]

STEP = 4
"""Weeks that each origin forecasts; origins lie as far apart, so no week is judged twice."""
ORIGINS = 5
LEAST_ORIGINS = 3
LEAST_WEEKS = 8
RULE = "8-week mean"
LEVELS = np.linspace(0.005, 0.995, 199)
STAND_INS = ("AutoETS", RULE)
FEW, FEWEST = 50, 3
"""Errors below which their signs are not trusted, and below which nothing is."""
DRIFT = 1.25
"""Growth exponent of a year's total: weeks err together (1), and a little more the further they lie (0.25)."""
BASELINES = ("last value", RULE)


@dataclass
class Backtest:
    """Forecasts of one group of series from past origins, newest first.

    `paths[origin][method]` and `actual[origin]` are (series × 4 weeks), `scales[origin]` (series,);
    `alike[origin]` marks the series that were of this group already then; `barred` methods are measured, never chosen.
    """

    paths: list[Mapping[str, Series]] = field(default_factory=list)
    actual: list[Series] = field(default_factory=list)
    scales: list[Series] = field(default_factory=list)
    alike: list[NDArray[np.bool_]] = field(default_factory=list)
    barred: tuple[str, ...] = ()

    @property
    def origins(self) -> int:
        """How many origins the history allowed."""
        return len(self.actual)

    def wape(self, method: str, origins: Sequence[int]) -> float:
        """Σ|actual − forecast| / Σ actual over `origins` and all series."""
        missed = sum(float(np.abs(self.actual[o] - self.paths[o][method]).sum()) for o in origins)
        return missed / max(sum(float(self.actual[o].sum()) for o in origins), 1e-9)

    def best(self) -> str:
        """The method with the least WAPE over the latest 5 origins; the 8-week mean when there are none.

        A method that needs a longer history than the older origins had is judged where it ran, at 3 origins or more,
        against the 8-week mean at the same origins.
        """
        recent = range(min(self.origins, ORIGINS))
        scores: dict[str, float] = {}
        for method in self.paths[0] if recent else ():
            ran = [o for o in recent if method in self.paths[o]]
            if method not in self.barred and len(ran) >= min(LEAST_ORIGINS, len(recent)):
                scores[method] = self.wape(method, ran) / max(self.wape(RULE, ran), 1e-9)
        return min(scores, key=lambda method: scores[method]) if scores else RULE

    def older_than(self, origin: int) -> Backtest:
        """The same without the origins up to and including number `origin`, newest first."""
        after = slice(origin + 1, None)
        return Backtest(self.paths[after], self.actual[after], self.scales[after], self.alike[after], self.barred)

    def replaced(self, method: str, paths: Sequence[Series]) -> Backtest:
        """The same with the paths of `method` at the newest origins replaced, one (series × weeks) an origin."""
        new = [{**self.paths[o], method: path} for o, path in enumerate(paths)]
        return Backtest([*new, *self.paths[len(new) :]], self.actual, self.scales, self.alike, self.barred)

    def errors(self, method: str) -> Series:
        """WAPE of each series over the latest 5 origins, (series,); NaN where nothing sold."""
        recent = [o for o in range(min(self.origins, ORIGINS)) if method in self.paths[o]]
        missed = sum(np.abs(self.actual[o] - self.paths[o][method]).sum(axis=1) for o in recent)
        sold = sum(self.actual[o].sum(axis=1) for o in recent)
        sold, missed = np.asarray(sold, dtype=float), np.asarray(missed, dtype=float)
        return np.asarray(np.divide(missed, sold, out=np.full(sold.shape, np.nan), where=sold > 0))


@dataclass(frozen=True)
class Spread:
    """Errors of a group in units of a series' scale: quantiles at `LEVELS` of one week and of 4 weeks' totals.

    `growth` is the exponent with which a total's error grows with its weeks: 0.5 if weeks were independent, 1 if
    they erred together.
    """

    week: Series
    total: Series
    growth: float

    def at_week(self, level: float, ahead: NDArray[np.float64]) -> Series:
        """Quantile `level` of the error of the week that lies `ahead` weeks on (1 = next)."""
        # A level that drifts adds a little uncertainty each week; a quarter power doubles it in four months.
        return float(np.interp(level, LEVELS, self.week)) * np.maximum(ahead / 2.5, 1.0) ** 0.25

    def at_total(self, level: float, weeks: float) -> float:
        """Quantile `level` of the error of a total over `weeks`."""
        # Four weeks tell how noise adds up, not how a level drifts; the further ahead, the more the drift counts.
        far = float(np.clip((weeks - STEP) / (52 - STEP), 0.0, 1.0))
        growth = self.growth + (DRIFT - self.growth) * far
        return float(np.interp(level, LEVELS, self.total) * (weeks / STEP) ** growth)


class Tally:
    """Out-of-sample errors of past origins, each forecast by a method and a spread chosen on older ones."""

    def __init__(self) -> None:
        self._missed: dict[str, dict[str, float]] = {}
        self._sold: dict[str, float] = {}
        self._covered: list[NDArray[np.bool_]] = []

    def add(self, kind: str, test: Backtest, origin: int, rows: NDArray[np.intp], path: Series, spread: Spread) -> None:
        """Counts `rows` of `test` at one origin under `kind`: the `path` (series × weeks) forecast and its `spread`."""
        actual, paths = test.actual[origin][rows], test.paths[origin]
        missed = self._missed.setdefault(kind, dict.fromkeys(("", *BASELINES), 0.0))
        for name in missed:
            missed[name] += float(np.abs(actual - (paths[name] if name else path)[rows]).sum())
        self._sold[kind] = self._sold.get(kind, 0.0) + float(actual.sum())
        error = (actual - path[rows]).sum(axis=1) / test.scales[origin][rows]
        inside = (error >= spread.at_total(0.1, STEP)) & (error <= spread.at_total(0.9, STEP))
        self._covered.append(inside[test.alike[origin][rows]])

    def metrics(self) -> dict[str, float]:
        """WAPE by kind, beside the baselines', and how often 4 weeks' totals fell into their 80% interval."""
        found = {}
        for kind, sold in self._sold.items():
            for name, missed in self._missed[kind].items():
                if sold > 0:
                    found["_".join(["wape", kind, *name.replace("-", " ").split()])] = missed / sold
        if sum(map(len, self._covered)):
            found["coverage_80"] = float(np.concatenate(self._covered).mean())
        return found


WIDE = Spread(week=np.linspace(-2, 3, len(LEVELS)), total=np.linspace(-8, 12, len(LEVELS)), growth=1.0)
"""For a history too short to look back on: wide, since nothing is known."""


def backtest(
    history: Series,
    candidates: Callable[[int], Mapping[str, Series]],
    *,
    origins: int = ORIGINS,
    alike: Callable[[int], NDArray[np.bool_]] | None = None,
    barred: tuple[str, ...] = (),
) -> Backtest:
    """Forecasts `history` (series × weeks) from past origins; `candidates(cut)` may see weeks before `cut` only.

    `alike(cut)`, (series,), marks those that belonged to the group before `cut`; without it all did.
    """
    found = Backtest(barred=barred)
    for number in range(1, origins + 1):
        cut = history.shape[1] - STEP * number
        if cut < LEAST_WEEKS:
            break
        found.paths.append(candidates(cut))
        found.actual.append(history[:, cut : cut + STEP])
        found.scales.append(scale_of(history[:, :cut]))
        found.alike.append(np.ones(len(history), dtype=bool) if alike is None else alike(cut))
    return found


def capped(history: Series) -> Series:
    """`history` (series × weeks) with weeks beyond twice the 90% quantile of the last 26 cut to that."""
    return np.minimum(history, 2 * np.quantile(history[:, -26:], 0.9, axis=1, keepdims=True) + 1)


def scale_of(history: Series) -> Series:
    """How much each series strays in a week, (series,): mean absolute deviation of 26 weeks, never below Poisson's.

    Single huge orders are capped, since they would widen an item's interval for half a year.
    """
    if history.shape[1] == 0:
        return np.full(len(history), 0.5)
    recent = capped(history)[:, -26:]
    mean = recent.mean(axis=1, keepdims=True)
    least = np.maximum(0.5 * np.sqrt(mean[:, 0]), 0.5)
    return np.asarray(np.maximum(np.abs(recent - mean).mean(axis=1), least))


def spread_of(test: Backtest, method: str, *, together: bool = False) -> Spread:
    """The spread of `method`'s errors over all origins, of a stand-in where the history was too short for it.

    A series counts from the origin at which it was of the group: an item that is large today because it took off
    would make every item's interval as wide as its take-off. Series that move `together` err together, so their errors
    are no more evidence than the origins are many, and are widened for that.
    """
    weekly, totals = [np.zeros(0)], [np.zeros(0)]
    for number, actual in enumerate(test.actual):
        paths = test.paths[number]
        path = next(paths[name] for name in (method, *STAND_INS) if name in paths)
        missed = (actual - path) / test.scales[number][:, None]
        weekly.append(missed[test.alike[number]].ravel())
        totals.append(missed[test.alike[number]].sum(axis=1))
    week, total = np.concatenate(weekly), np.concatenate(totals)
    if len(total) < FEWEST:
        return WIDE
    if len(total) < FEW:
        # A handful of errors may all lie on one side by chance; their sizes say more than their signs.
        week, total = np.concatenate([week, -week]), np.concatenate([total, -total]) * (1 + 1 / len(total))
    if together:
        week, total = week * (1 + 1 / test.origins), total * (1 + 1 / test.origins)
    wide, narrow = np.ptp(np.quantile(total, [0.1, 0.9])), np.ptp(np.quantile(week, [0.1, 0.9]))
    growth = float(np.log(wide / narrow) / np.log(STEP)) if narrow > 0 and wide > 0 else 1.0
    return Spread(np.quantile(week, LEVELS), np.quantile(total, LEVELS), float(np.clip(growth, 0.5, 1.0)))
