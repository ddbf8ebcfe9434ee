"""Task `intermittent`: monthly demand of spare parts, mostly zero; its mean, and what stock by it costs.

A wide CSV, the first column the period, one column a part; the last 12 periods are held out. Stock: each period an
order up to a level, lead time 2, 95% service (a unit on the shelf costs 1 a period, a missing one 19).
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from data.errors import DataError, SettingError
from eval.forecasts import over_series
from eval.task import Inputs, Outcome
from models.intermittent import part_levels, rates, recent_mean, sba_rate
from models.stocking import Held, Levels, Supply, simulate

FILE = Path("carparts") / "carparts.csv.gz"
HELD_OUT = 12
LEAD, SERVICE = 2, 0.95
_LEAST = 12

Series = NDArray[np.float64]


def evaluate(inputs: Inputs) -> Outcome:
    """Measures on the last 12 periods of a file, from all before them."""
    if inputs.train is not None:
        raise SettingError(
            "intermittent takes one file, whose last 12 periods are held out: name it with --test and leave --train out"
        )
    path = inputs.test or _given(inputs.data)
    history, coming = split(read(path))
    items = len(history)
    supply = Supply(LEAD, SERVICE, np.ones(items), np.ones(items), np.ones(items), holding=1.0)
    inputs.report("rates", 0, 3)
    ours = rates(history, HELD_OUT, seed=inputs.seed).mean
    inputs.report("levels", 1, 3)
    held = simulate(history, coming, part_levels(history, supply, HELD_OUT, seed=inputs.seed), supply)
    inputs.report("floors", 2, 3)
    every = history.shape[1]
    rules: dict[str, Levels] = {"mean": partial(recent_mean, periods=every + HELD_OUT), "SBA": sba_rate}
    floors = {
        name: _measures(coming, rate(history), simulate(history, coming, _classical(rate, supply), supply))
        for name, rate in rules.items()
    }
    squared = np.nansum((coming - ours[:, None]) ** 2, axis=1)
    known = np.isfinite(coming).sum(axis=1)
    bounds = {
        "rmse": over_series(lambda r: float(np.sqrt(squared[r].sum() / known[r].sum())), items, seed=inputs.seed),
        "stock_cost": over_series(lambda r: float(held.by_item[r].mean()), items, seed=inputs.seed),
    }
    return Outcome(
        metrics=_measures(coming, ours, held),
        intervals={name: bound for name, bound in bounds.items() if bound is not None},
        floors=floors,
        files=[path],
    )


def read(path: Path) -> Series:
    """Demand of each part, (parts × periods), NaN where unknown, in the file's order of periods."""
    try:
        frame = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is not a CSV file: {error}") from None
    if frame.shape[1] < 2:
        raise DataError(f"{path} has {frame.shape[1]} columns; it needs the period first, then one column a part")
    parts = frame.iloc[:, 1:].apply(pd.to_numeric, errors="coerce")
    values = parts.to_numpy(np.float64).T
    if (values < 0).any():
        row, column = (int(place[0]) for place in np.nonzero(values < 0))
        raise DataError(
            f"{path}: part {parts.columns[row]}, row {column + 2}: demand below 0; leave it empty or mend it"
        )
    return values


def split(values: Series) -> tuple[Series, Series]:
    """What is known and the 12 periods held out; parts without any demand known on either side stay."""
    periods = values.shape[1]
    if periods < HELD_OUT + _LEAST:
        raise DataError(
            f"the file has {periods} periods; the task needs {HELD_OUT + _LEAST} or more, 12 of them held out"
        )
    return values[:, :-HELD_OUT], values[:, -HELD_OUT:]


def _given(data: Path | None) -> Path:
    path = None if data is None else data / FILE
    if path is None or not path.exists():
        raise SettingError("name a wide CSV file with --test, or the folder of the benchmark data with --data")
    return path


def _classical(rate: Levels, supply: Supply) -> Levels:
    """Mean over the cover plus z σ √cover, with the mean from `rate` and σ over the whole history."""
    z = float(norm.ppf(supply.service))

    def levels(history: Series) -> Series:
        spread = np.nan_to_num(history).std(axis=1)
        return np.ceil(supply.cover * rate(history) + z * spread * np.sqrt(supply.cover))

    return levels


def _measures(coming: Series, mean: Series, held: Held) -> dict[str, float]:
    return {
        "rmse": float(np.sqrt(np.nanmean((coming - mean[:, None]) ** 2))),
        "stock_cost": float(held.by_item.mean()),
        "fill_rate": held.fill_rate,
    }
