"""Forecast of a panel with yearly seasons: last year's course and trees, mixed as they proved, with 80% intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.yearly import YEAR, Panel, Series, low_rank, year_ago
from models.yearly_trees import FIRST, HOLIDAY_WEIGHT, YearlyTrees

SHARES = np.linspace(0.0, 1.0, 11)
UNTAUGHT = 0.5
"""The trees' share in weeks whose like they never learned: nothing speaks for either, so both count alike."""
LOOKS = 3
"""Past origins whose errors make the intervals."""
_RANK = 8
_LEAST_DEVIATION = 0.02


@dataclass(frozen=True)
class PanelForecast:
    """`mean` and an interval from `low` to `high`, (series × horizon), and the trees' share of the mean, (horizon,)."""

    mean: Series
    low: Series
    high: Series
    share: Series


def forecast_panel(panel: Panel, horizon: int, *, level: float = 0.8, seed: int = 0) -> PanelForecast:
    """Forecasts `panel` for `horizon` weeks; everything is chosen on weeks before its end.

    The trees' share is the one that errs least on the last `horizon` known weeks, from trees that never saw them.
    """
    base = year_ago(panel, horizon)
    trees = YearlyTrees(horizon).fit(panel, seed=seed)
    best, score = _look_back(panel, horizon, seed)
    share = np.where(trees.taught(panel), best, UNTAUGHT)
    mean = (1 - share) * base + share * trees.predict(panel, base)
    width = _widths(score, level)[:horizon] * _unit(panel, mean)
    return PanelForecast(mean, mean - width, mean + width, share)


def _look_back(panel: Panel, horizon: int, seed: int) -> tuple[float, list[Series]]:
    """The trees' best share on the last known weeks, and absolute errors in units of `_unit` from past origins."""
    found: list[Series] = []
    best, gain = UNTAUGHT, 1.0
    for look in range(1, LOOKS + 1):
        cut = panel.weeks - horizon * look
        if cut < YEAR + 4:
            break
        past, coming = panel.until(cut), panel.values[:, cut : cut + horizon]
        mean = year_ago(past, horizon)
        if look == 1 and cut >= FIRST + 4:
            corrected = YearlyTrees(horizon).fit(past, seed=seed).predict(past, mean)
            best = _best_share(panel, cut, coming, mean, corrected)
            mixed = (1 - best) * mean + best * corrected
            # Older looks have no trees of their own; they would have helped there as much as here.
            gain = float(np.nansum(np.abs(coming - mixed)) / max(np.nansum(np.abs(coming - mean)), 1e-9))
            mean, factor = mixed, 1.0
        else:
            factor = gain
        found.append(factor * np.abs(coming - mean) / _unit(past, mean))
    return best, found


def _best_share(panel: Panel, cut: int, coming: Series, base: Series, corrected: Series) -> float:
    weight = np.array([HOLIDAY_WEIGHT if panel.holiday(cut + step) else 1.0 for step in range(coming.shape[1])])
    missed = [np.nansum(weight * np.abs(coming - (1 - s) * base - s * corrected)) for s in SHARES]
    return float(SHARES[int(np.argmin(missed))])


def _unit(panel: Panel, mean: Series) -> Series:
    """How far each series and week may be off, up to one factor for all: its noise so far, in proportion to sales."""
    recent = panel.values[:, -YEAR:]
    smooth = low_rank(panel.values, panel.row, _RANK)[:, -YEAR:]
    size = np.nansum(np.abs(recent), axis=1)
    noise = np.divide(np.nansum(np.abs(recent - smooth), axis=1), size, out=np.ones_like(size), where=size > 0)
    weeks = np.maximum(np.isfinite(recent).sum(axis=1), 1)
    least = 0.1 * size / weeks + 1.0
    return (noise[:, None] + _LEAST_DEVIATION) * np.maximum(np.abs(mean), least[:, None])


def _widths(scores: list[Series], level: float) -> NDArray[np.float64]:
    """Split conformal (Lei et al. 2018) half-widths by week ahead, in units of `_unit`, smoothed by a straight line."""
    if not scores:
        return np.full(YEAR, 4.0)
    horizon = scores[0].shape[1]
    ahead = np.arange(horizon)
    quantiles = np.array([np.nanquantile(np.concatenate([s[:, step] for s in scores]), level) for step in ahead])
    slope, start = np.polyfit(ahead, quantiles, 1) if horizon > 1 else (0.0, float(quantiles[0]))
    return np.asarray(start + max(slope, 0.0) * ahead if slope > 0 else np.full(horizon, quantiles.mean()))
