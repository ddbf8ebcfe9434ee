"""Rival forecasts of weekly demand: each takes histories and gives paths; a backtest chooses among them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.backtest import STEP, capped
from models.demand_trees import DemandTrees
from models.neighbours import Matrix

Series = NDArray[np.float64]

YEAR = 52
SEASONAL_WEEKS = 56
"""Weeks of history below which last year's season cannot be read."""
FORMULA_HALF_LIFE_WEEKS = 4.0
FORMULA_SHARES = (0.25, 0.5, 0.75, 1.0)
FORMULA_WORDS = "s_t = Σ r_i q_i"
_TRY_WEEKS = 8


def item_candidates(history: Series, reference: Series, horizon: int, *, seed: int = 0) -> dict[str, Series]:
    """Paths (series × horizon) of single items, by name of the method, from histories (series × weeks).

    Large single orders are capped first, since they seldom come again; `reference` is the category's history. The
    trees learn medians over all items: alone they would lie below the sum, so they only ever come mixed.
    """
    usual = capped(history)
    mean = _flat(_tail_mean(usual, 8), horizon)
    median = _flat(np.median(history[:, -8:], axis=1), horizon)
    smooth = _each(usual, horizon, _smoothing)
    theta = _each(usual, horizon, _theta)
    mixed = (mean + median + smooth + theta) / 4
    trees = DemandTrees(STEP, objective="regression_l1", each=True).fit(history, seed=seed)
    found = rule_candidates(history, horizon) | {
        "8-week mean without outliers": mean,
        "exponential smoothing": smooth,
        "Theta": theta,
        "Croston SBA": _each(usual, horizon, _croston),
        "mean of smoothing, Theta, 8-week mean and median": mixed,
        "trees over all items with smoothing, Theta, 8-week mean and median": (
            mixed + _flat(trees.predict(history), horizon)
        )
        / 2,
    }
    if history.shape[1] >= SEASONAL_WEEKS:
        found["8-week mean with last year's season"] = mean * season(reference, horizon)
    return found


def rule_candidates(history: Series, horizon: int) -> dict[str, Series]:
    """What is worth its while for any number of items: the two baselines."""
    return {
        "8-week mean": _flat(_tail_mean(history, 8), horizon),
        "last value": _flat(history[:, -1], horizon),
    }


def total_candidates(history: Series, formula: Series | None, horizon: int) -> dict[str, Series]:
    """Paths of categories and the shop, alone and, if given, mixed with shares of the `formula`'s level (series,)."""
    found = rule_candidates(history, horizon) | {
        "4-week mean": _flat(_tail_mean(history, 4), horizon),
        "AutoETS": _each(history, horizon, _auto_ets),
        "Theta": _each(history, horizon, _theta),
    }
    found["mean of AutoETS, Theta, 4-week mean and last value"] = (
        found["AutoETS"] + found["Theta"] + found["4-week mean"] + found["last value"]
    ) / 4
    if history.shape[1] >= SEASONAL_WEEKS:
        found["4-week mean with last year's season"] = found["4-week mean"] * season(history, horizon)
        found["AutoETS and last year's season"] = (found["AutoETS"] + found["4-week mean with last year's season"]) / 2
    if formula is None:
        return found
    mixed = dict(found)
    level = _flat(formula, horizon)
    for name, path in found.items():
        for share in FORMULA_SHARES[:-1]:
            mixed[f"{name} with {share:.0%} of {FORMULA_WORDS}"] = (1 - share) * path + share * level
    mixed[FORMULA_WORDS] = level
    return mixed


def season(reference: Series, horizon: int) -> Series:
    """Last year's course after this week over its level before it, (series × horizon), from 56 weeks or more."""
    weeks = reference.shape[1]
    padded = np.pad(reference, ((0, 0), (1, 1)), mode="edge")
    smooth = (padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]) / 3
    ahead = weeks - YEAR + np.arange(horizon) % YEAR
    before = reference[:, weeks - YEAR - 4 : weeks - YEAR].mean(axis=1, keepdims=True)
    course = np.divide(smooth[:, ahead], before, out=np.ones((len(before), horizon)), where=before > 0)
    return np.asarray(np.clip(course, 1 / 3, 3))


def formula_demand(buyers: Series, units: Series, neighbours: Matrix) -> Series:
    """s_it = r_it q_it, (items × weeks): the recommender's view of demand, item by item.

    r_it = Σ_j w_ij p_jt, where p_jt are item j's buyers up to week t, decayed; this is Σ over customers of
    their scores, since the sum is linear in p. q_it is the units a buyer took over the last 8 weeks.
    """
    keep = 0.5 ** (1 / FORMULA_HALF_LIFE_WEEKS)
    propensity = np.zeros_like(buyers)
    running = np.zeros(len(buyers))
    for week in range(buyers.shape[1]):
        running = running * keep + buyers[:, week]
        propensity[:, week] = running
    own = sp.identity(len(buyers), format="csr")
    scores = np.asarray((neighbours + own * _own_weight(neighbours)) @ propensity)
    quantity = _trailing(units, 8) / np.maximum(_trailing(buyers, 8), 1.0)
    return scores * quantity


def formula_level(index: Series, history: Series) -> Series:
    """The level (series,) that the index s_t (series × weeks) gives: its last value times the median past ratio."""
    if history.shape[1] < 2:
        return history[:, -1] if history.shape[1] else np.zeros(len(history))
    past, after = index[:, :-1][:, -12:], history[:, 1:][:, -12:]
    ratio = np.divide(after, past, out=np.full(after.shape, np.nan), where=past > 0)
    known = np.isfinite(ratio).any(axis=1)
    scale = np.zeros(len(history))
    scale[known] = np.nanmedian(ratio[known], axis=1)
    return scale * index[:, -1]


def _own_weight(neighbours: Matrix) -> float:
    """How much an item's own buyers weigh: as much as all its neighbours' on average."""
    return float(neighbours.sum() / max(neighbours.shape[0], 1))


def _trailing(values: Series, weeks: int) -> Series:
    sums = np.cumsum(values, axis=1)
    sums[:, weeks:] = sums[:, weeks:] - sums[:, :-weeks]
    return sums


def _flat(level: Series, horizon: int) -> Series:
    return np.repeat(level[:, None], horizon, axis=1)


def _tail_mean(history: Series, weeks: int) -> Series:
    return np.asarray(history[:, -weeks:].mean(axis=1))


def _each(history: Series, horizon: int, method: Callable[[Series, int], Series]) -> Series:
    """`method` for each series from its first sale on; short or empty histories keep their mean."""
    paths = np.empty((len(history), horizon))
    for row, series in enumerate(history):
        sold = np.flatnonzero(series)
        alive = series[sold[0] :] if len(sold) else series[-1:]
        if len(alive) < _TRY_WEEKS or np.ptp(alive) == 0:
            paths[row] = alive[-8:].mean()
        else:
            top = 2 * alive[-26:].max()
            paths[row] = np.clip(np.nan_to_num(method(alive, horizon), nan=alive[-8:].mean()), 0, top)
    return paths


# statsforecast takes two seconds to import, which a served forecast need not wait for.
def _smoothing(series: Series, horizon: int) -> Series:
    from statsforecast.models import AutoETS

    return _mean_of(AutoETS(season_length=1, model="ANN"), series, horizon)


def _auto_ets(series: Series, horizon: int) -> Series:
    from statsforecast.models import AutoETS

    return _mean_of(AutoETS(season_length=1), series, horizon)


def _theta(series: Series, horizon: int) -> Series:
    from statsforecast.models import Theta

    return _mean_of(Theta(season_length=1), series, horizon)


def _croston(series: Series, horizon: int) -> Series:
    from statsforecast.models import CrostonSBA

    return _mean_of(CrostonSBA(), series, horizon)


def _mean_of(model: object, series: Series, horizon: int) -> Series:
    forecast = model.forecast(y=series, h=horizon)  # type: ignore[attr-defined]
    return np.asarray(forecast["mean"], dtype=np.float64)
