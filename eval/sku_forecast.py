"""Task `sku_forecast`: weekly units of the 500 largest items of Online Retail, 4 weeks ahead.

Without files of its own it measures the last three blocks of 4 weeks, each from all weeks before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from eval.forecasts import over_series, rmsse, wape
from eval.task import Inputs, Outcome
from eval.weekly_items import Weeks, splits
from models.backtest import BASELINES
from models.candidates import rule_candidates
from models.items import forecast_items

HORIZON, ORIGINS = 4, 3

Series = NDArray[np.float64]


def evaluate(inputs: Inputs) -> Outcome:
    """Forecasts from each origin, with the method that was best on that origin's own past, beside the baselines."""
    weeks, files = splits(inputs, horizon=HORIZON, origins=ORIGINS)
    paths: dict[str, list[Series]] = {name: [] for name in ("", *BASELINES)}
    methods = []
    for done, one in enumerate(weeks):
        inputs.report("origins", done, len(weeks))
        ahead = one.coming.shape[1]
        found = forecast_items(one.history, ahead, seed=inputs.seed)
        methods.append(f"{one.day.date()}: {found.method}")
        for name, path in {"": found.mean, **rule_candidates(one.history, ahead)}.items():
            paths[name].append(path)
    inputs.report("origins", len(weeks), len(weeks))
    metrics = _measures(weeks, paths[""])
    for one, path in zip(weeks, paths[""], strict=True):
        metrics[f"by_origin/{one.day.date()}/wape"] = wape(one.coming, path)
        metrics[f"by_origin/{one.day.date()}/rmsse"] = rmsse(one.coming, path, one.history)
    items = min(len(one.items) for one in weeks)
    bounds = {
        name: over_series(partial(_drawn, name, weeks, paths[""]), items, seed=inputs.seed)
        for name in ("wape", "rmsse")
    }
    return Outcome(
        metrics=metrics,
        intervals={name: bound for name, bound in bounds.items() if bound is not None},
        floors={name: _measures(weeks, paths[name]) for name in BASELINES},
        files=files,
        misses=methods,
    )


def _measures(
    weeks: Sequence[Weeks], paths: Sequence[Series], rows: NDArray[np.intp] | None = None
) -> dict[str, float]:
    """WAPE over all origins together, RMSSE as their mean."""
    pick = slice(None) if rows is None else rows
    actual = np.concatenate([one.coming[pick].ravel() for one in weeks])
    return {
        "wape": wape(actual, np.concatenate([path[pick].ravel() for path in paths])),
        "rmsse": float(
            np.mean([rmsse(w.coming[pick], path[pick], w.history[pick]) for w, path in zip(weeks, paths, strict=True)])
        ),
    }


def _drawn(name: str, weeks: Sequence[Weeks], paths: Sequence[Series], rows: NDArray[np.intp]) -> float:
    return _measures(weeks, paths, rows)[name]
