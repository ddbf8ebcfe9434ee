"""How forecasts are measured: WAPE, weighted MAE, RMSSE, coverage, and bootstrap intervals over whole series."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Series = NDArray[np.float64]

_ROUNDS = 1000


def wape(actual: Series, forecast: Series) -> float:
    """Σ|actual − forecast| / Σ|actual| where the actual is known; NaN where nothing sold.

    >>> wape(np.array([[2.0, 2.0]]), np.array([[1.0, 3.0]]))
    0.5
    """
    missed, sold = np.nansum(np.abs(actual - forecast)), np.nansum(np.abs(actual))
    return float(missed / sold) if sold > 0 else float("nan")


def weighted_mae(actual: Series, forecast: Series, weights: Series) -> float:
    """Σ w|actual − forecast| / Σ w over what is known; `weights` has the shape of `actual` or its last axis.

    >>> weighted_mae(np.array([[1.0, 2.0]]), np.array([[1.0, 4.0]]), np.array([5.0, 1.0]))  # doctest: +ELLIPSIS
    0.333...
    """
    weights = np.broadcast_to(weights, actual.shape) * np.isfinite(actual)
    total = float(weights.sum())
    return float(np.nansum(weights * np.abs(actual - forecast)) / total) if total > 0 else float("nan")


def rmsse(actual: Series, forecast: Series, history: Series) -> float:
    """Mean over series of RMSE over the RMS of their past one-step changes (Makridakis et al. 2022, M5).

    Series that never changed are left out.

    >>> rmsse(np.array([[2.0, 2.0]]), np.array([[1.0, 1.0]]), np.array([[0.0, 2.0, 0.0]]))
    0.5
    """
    scale = np.sqrt((np.diff(history, axis=1) ** 2).mean(axis=1)) if history.shape[1] > 1 else np.zeros(len(history))
    moving = scale > 0
    error = np.sqrt(((actual - forecast) ** 2).mean(axis=1))
    return float((error[moving] / scale[moving]).mean()) if moving.any() else float("nan")


def coverage(actual: Series, low: Series, high: Series) -> float:
    """The share of known values inside their interval."""
    known = np.isfinite(actual)
    return float(((actual >= low) & (actual <= high))[known].mean()) if known.any() else float("nan")


def over_series(
    measure: Callable[[NDArray[np.intp]], float], series: int, *, seed: int = 0
) -> tuple[float, float] | None:
    """The bootstrap 95% percentile interval of `measure(rows)` over series drawn whole; None of fewer than two."""
    if series < 2:
        return None
    rng = np.random.default_rng(seed)
    found = [measure(rng.integers(0, series, series)) for _ in range(_ROUNDS)]
    low, high = np.nanpercentile(found, [2.5, 97.5])
    return float(low), float(high)
