"""Task `sales_forecast`: weekly sales of store departments (Walmart), 12 weeks ahead, holiday weeks five times.

Without files of its own it measures three origins: the last 12 weeks, the 12 before, and 12 over November to January.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.errors import DataError, SettingError
from eval.forecasts import coverage, over_series, weighted_mae
from eval.plots import Fan
from eval.task import Inputs, Outcome
from models.panel import PanelForecast, forecast_panel
from models.yearly import YEAR, Panel, seasonal_naive
from models.yearly_trees import HOLIDAY_WEIGHT

FILE = Path("walmart") / "train.csv.gz"
HORIZON = 12
SAMPLE = 300
"""Series that AutoETS forecasts, drawn with the run's seed: all of them would take it longer than all else."""
_KEYS = ["Store", "Dept"]
_COLUMNS = ["Store", "Dept", "Date", "Weekly_Sales", "IsHoliday"]
_TRUE = ("true", "1", "t", "yes")

Series = NDArray[np.float64]


@dataclass(frozen=True)
class Origin:
    """One forecast: the weeks before it and those that came, their weights, ours, and the floors'."""

    name: str
    history: Series
    actual: Series
    weights: Series
    ours: PanelForecast
    naive: Series
    sample: NDArray[np.intp]
    ets: Series


def evaluate(inputs: Inputs) -> Outcome:
    """Forecasts from each origin and compares with the seasonal naive and, on a sample of series, with AutoETS."""
    if inputs.test is not None and inputs.train is None:
        raise SettingError("name the weeks before the test file's as well: --train CSV of the same columns")
    train = inputs.train or _given(inputs.data)
    files = [train, *([inputs.test] if inputs.test else [])]
    frame, later = read(train), None if inputs.test is None else read(inputs.test)
    panel, cuts = _own(frame) if later is None else _following(frame, later)
    horizon = HORIZON if later is None else min(panel.weeks - cuts[0], YEAR)
    found = []
    for done, cut in enumerate(cuts):
        inputs.report("origins", done, len(cuts))
        found.append(_origin(panel, cut, horizon, inputs.seed))
    inputs.report("origins", len(cuts), len(cuts))
    return _outcome(found, files, inputs.seed)


def read(path: Path) -> pd.DataFrame:
    """A file of weekly sales, one row a store department and week; `DataError` names what it lacks."""
    try:
        frame = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is not a CSV file: {error}") from None
    if lacking := [name for name in _COLUMNS if name not in frame.columns]:
        raise DataError(f"{path} has no column {', '.join(lacking)}; it needs {', '.join(_COLUMNS)}")
    frame = frame[_COLUMNS].copy()
    frame["Date"] = pd.to_datetime(frame["Date"], errors="coerce")
    frame["Weekly_Sales"] = pd.to_numeric(frame["Weekly_Sales"], errors="coerce")
    if frame["Date"].isna().any():
        row = int(np.flatnonzero(frame["Date"].isna())[0]) + 2
        raise DataError(f"{path}, line {row}: Date is not a date; write it like 2012-08-03")
    if frame.empty:
        raise DataError(f"{path} has no rows; it needs one for each store, department and week")
    frame["IsHoliday"] = frame["IsHoliday"].astype(str).str.casefold().isin(_TRUE)
    frame[_KEYS] = frame[_KEYS].astype(str)
    return frame


def panel_of(frame: pd.DataFrame) -> Panel:
    """The rows as a panel with departments as rows of patterns and stores as columns; weeks are 7 days apart."""
    start = frame["Date"].min()
    week = ((frame["Date"] - start).dt.days // 7).to_numpy(np.intp)
    weeks = int(week.max()) + 1
    keys = pd.MultiIndex.from_frame(frame[_KEYS])
    code, series = pd.factorize(keys, sort=True)
    values = np.full((len(series), weeks), np.nan)
    sales = frame["Weekly_Sales"].to_numpy(np.float64)
    known = np.isfinite(sales)
    values[code[known], week[known]] = sales[known]
    holidays = np.zeros(weeks, dtype=bool)
    holidays[week[frame["IsHoliday"].to_numpy(bool)]] = True
    groups = [pd.factorize(series.get_level_values(name))[0].astype(np.intp) for name in (1, 0)]  # department, store
    return Panel(values, start, groups[0], groups[1], holidays)


def _given(data: Path | None) -> Path:
    path = None if data is None else data / FILE
    if path is None or not path.exists():
        raise SettingError("name files with --train and --test, or the folder of the benchmark data with --data")
    return path


def _following(train: pd.DataFrame, test: pd.DataFrame) -> tuple[Panel, list[int]]:
    """Both files in one panel, and the week at which the test begins."""
    if test["Date"].min() <= train["Date"].max():
        raise DataError(
            f"the test file begins on {test['Date'].min().date()}, before the training file ends "
            f"({train['Date'].max().date()}): give the weeks that follow it"
        )
    panel = panel_of(pd.concat([train, test], ignore_index=True))
    return panel, [int((test["Date"].min() - panel.start).days // 7)]


def _own(frame: pd.DataFrame) -> tuple[Panel, list[int]]:
    panel = panel_of(frame)
    last = panel.weeks - HORIZON
    if last < YEAR + HORIZON:
        raise DataError(f"the file covers {panel.weeks} weeks; a yearly season needs {YEAR + 2 * HORIZON} or more")
    # The latest origin from which 12 weeks reach from early November over Christmas into January.
    winters = [w for w in range(YEAR + HORIZON, last - HORIZON) if panel.day(w).month == 11 and panel.day(w).day <= 11]
    winter = [max(winters)] if winters else []
    return panel, [last, *([last - HORIZON] if last - HORIZON >= YEAR + HORIZON else []), *winter]


def _origin(panel: Panel, cut: int, horizon: int, seed: int) -> Origin:
    past = panel.until(cut)
    actual = panel.values[:, cut : cut + horizon]
    weights = np.where([panel.holiday(cut + step) for step in range(horizon)], HOLIDAY_WEIGHT, 1.0)
    naive = seasonal_naive(past, horizon)
    judged = np.flatnonzero(np.isfinite(actual).any(axis=1))
    sample = np.sort(np.random.default_rng(seed).permutation(judged)[:SAMPLE])
    return Origin(
        name=str(panel.day(cut).date()),
        history=past.values,
        actual=actual,
        weights=weights,
        ours=forecast_panel(past, horizon, seed=seed),
        naive=naive,
        sample=sample,
        ets=auto_ets(past.values[sample], naive[sample], horizon),
    )


def auto_ets(history: Series, fallback: Series, horizon: int) -> Series:
    """statsforecast's AutoETS, unseasonal as its seasons end at 24 periods; `fallback` where it finds no model."""
    from statsforecast.models import AutoETS

    paths = fallback.copy()
    for row, series in enumerate(history):
        known = pd.Series(series).interpolate(limit_area="inside").dropna().to_numpy()
        if len(known) < 2 * HORIZON:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an odd series is the floor's problem, not the reader's
            try:
                found = np.asarray(AutoETS(season_length=1).forecast(y=known, h=horizon)["mean"], dtype=float)
            except Exception:  # any failure of the floor's library on one series keeps the naive forecast
                continue
        paths[row] = np.where(np.isfinite(found), found, fallback[row])
    return paths


def _outcome(found: Sequence[Origin], files: list[Path], seed: int) -> Outcome:
    known = [int(np.isfinite(one.actual).sum()) for one in found]
    ours, naive = _sums(found, [one.ours.mean for one in found]), _sums(found, [one.naive for one in found])
    everything = np.arange(len(found[0].actual))
    metrics = {name: _value(name, ours, naive, everything) for name in ("wmae", "wape", "gain")}
    metrics["coverage_80"] = float(np.average([_covered(one) for one in found], weights=known))
    metrics["wmae_sample"] = float(np.mean([_sampled(one, one.ours.mean[one.sample]) for one in found]))
    floor = {name: _value(name, naive, naive, everything) for name in ("wmae", "wape")}
    for one in found:
        metrics[f"by_origin/{one.name}/wmae"] = weighted_mae(one.actual, one.ours.mean, one.weights)
        metrics[f"by_origin/{one.name}/coverage_80"] = _covered(one)
        floor[f"by_origin/{one.name}/wmae"] = weighted_mae(one.actual, one.naive, one.weights)
    floors = {
        "seasonal naive": floor,
        "AutoETS on a sample": {"wmae_sample": float(np.mean([_sampled(one, one.ets) for one in found]))},
    }
    intervals = {}
    for name in ("wmae", "wape", "gain"):
        bounds = over_series(partial(_value, name, ours, naive), len(everything), seed=seed)
        if bounds is not None:
            intervals[name] = bounds
    plots = {f"fan_{one.name}": _fan(one) for one in found}
    return Outcome(metrics=metrics, intervals=intervals, floors=floors, files=files, plots=plots)


def _fan(one: Origin) -> Fan:
    """The forecast of the largest department and store; its last year is shown."""
    row = int(np.nansum(one.history[:, -YEAR:], axis=1).argmax())
    return Fan(
        history=one.history[row, -YEAR:],
        actual=one.actual[row],
        mean=one.ours.mean[row],
        low=one.ours.low[row],
        high=one.ours.high[row],
        what=f"the largest department, from {one.name}",
        unit="sales a week",
    )


def _sums(found: Sequence[Origin], forecasts: Sequence[Series]) -> dict[str, Series]:
    """Of each series over all origins, (series,): weighted and plain absolute errors, weights and absolute sales."""
    pairs = list(zip(found, forecasts, strict=True))
    return {
        "weighted": np.sum([np.nansum(one.weights * np.abs(one.actual - path), axis=1) for one, path in pairs], axis=0),
        "weights": np.sum([(one.weights * np.isfinite(one.actual)).sum(axis=1) for one in found], axis=0),
        "missed": np.sum([np.nansum(np.abs(one.actual - path), axis=1) for one, path in pairs], axis=0),
        "sold": np.sum([np.nansum(np.abs(one.actual), axis=1) for one in found], axis=0),
    }


def _value(name: str, ours: dict[str, Series], naive: dict[str, Series], rows: NDArray[np.intp]) -> float:
    """WMAE, WAPE, or by how much our WMAE lies below the naive one's (`gain`), over the series `rows`."""
    if name == "gain":
        return 1 - float(ours["weighted"][rows].sum() / naive["weighted"][rows].sum())
    top, bottom = ("weighted", "weights") if name == "wmae" else ("missed", "sold")
    return float(ours[top][rows].sum() / ours[bottom][rows].sum())


def _sampled(one: Origin, forecast: Series) -> float:
    return weighted_mae(one.actual[one.sample], forecast, one.weights)


def _covered(one: Origin) -> float:
    return coverage(one.actual, one.ours.low, one.ours.high)
