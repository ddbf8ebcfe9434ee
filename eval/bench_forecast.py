"""Bench `forecast`: weekly series forecast by the product's panel model and by statsforecast's AutoETS, one by one."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from data.errors import SettingError
from eval.forecasts import over_series, wape
from eval.sales_forecast import FILE, HORIZON, auto_ets, panel_of, read
from eval.sidebyside import Worker
from eval.task import Inputs, Outcome
from models.panel import forecast_panel
from models.yearly import YEAR, Panel, Series, seasonal_naive

SERIES = 3000
_WARM_UP = 5
"""Series that AutoETS forecasts before the clock counts: the first ones compile it."""

Do = Callable[[int], tuple[Series, float]]
"""Forecasts so many weeks: the paths, (series × weeks), and the seconds of one core that they took."""


def evaluate(inputs: Inputs, *, series: int = SERIES) -> Outcome:
    """Forecasts the last 12 weeks of `series` store departments both ways, each in a process of its own.

    `series_per_second` counts the fitting, and ours its intervals too; `faster` is how many times as many series as
    AutoETS it forecasts a second. Both use one thread, and seconds are those of its core, so that what else the machine
    does counts little. AutoETS is unseasonal, as its seasons end at 24 periods.
    """
    path = inputs.test or (inputs.data and inputs.data / FILE)
    if path is None or not path.exists():
        raise SettingError("name a CSV file of weekly sales with --test, or the benchmark data's folder with --data")
    past, actual = drawn(path, series, seed=inputs.seed)
    naive = seasonal_naive(past, HORIZON)
    inputs.report("ours", 0, 1)
    ours, seconds = _run(open_panel, past, inputs.seed)
    inputs.report("ours", 1, 1)
    inputs.report("AutoETS", 0, 1)
    theirs, beside = _run(open_auto_ets, past, naive)
    inputs.report("AutoETS", 1, 1)
    bounds = over_series(lambda rows: wape(actual[rows], ours[rows]), len(actual), seed=inputs.seed)
    count = float(len(actual))
    return Outcome(
        metrics={
            "series": count,
            "wape": wape(actual, ours),
            "series_per_second": count / seconds,
            "faster": beside / seconds,
            "seconds": seconds,
        },
        intervals={} if bounds is None else {"wape": bounds},
        floors={
            "AutoETS": {
                "wape": wape(actual, theirs),
                "series_per_second": count / beside,
                "faster": 1.0,
                "seconds": beside,
            },
            "seasonal naive": {"wape": wape(actual, naive)},
        },
        files=(path,),
    )


def drawn(path: Path, series: int, *, seed: int = 0) -> tuple[Panel, Series]:
    """The history of `series` series of a file, drawn with `seed`, and their last `HORIZON` weeks.

    Only series that are known in both count; `SettingError` where there are not so many.
    """
    whole = panel_of(read(path))
    cut = whole.weeks - HORIZON
    if cut <= YEAR:
        raise SettingError(f"{path} covers {whole.weeks} weeks: the bench needs {YEAR + HORIZON + 1} or more")
    able = np.isfinite(whole.values[:, cut:]).any(axis=1)
    able &= np.isfinite(whole.values[:, :cut]).sum(axis=1) >= 2 * HORIZON
    if able.sum() < series:
        raise SettingError(f"{path} has {able.sum():,} series known long enough: ask for --series {able.sum()} at most")
    rows = np.sort(np.random.default_rng(seed).permutation(np.flatnonzero(able))[:series])
    past = Panel(whole.values[rows, :cut], whole.start, whole.row[rows], whole.column[rows], whole.holidays)
    return past, whole.values[rows, cut:]


def open_panel(past: Panel, seed: int) -> Do:
    """The product's model, in a process of its own."""
    import lightgbm  # noqa: F401 - loaded before the clock counts

    return lambda horizon: _timed(lambda: forecast_panel(past, horizon, seed=seed).mean)


def open_auto_ets(past: Panel, naive: Series) -> Do:
    """statsforecast's AutoETS, in a process of its own."""
    auto_ets(past.values[:_WARM_UP], naive[:_WARM_UP], HORIZON)
    return lambda horizon: _timed(lambda: auto_ets(past.values, naive, horizon))


def _run(open_way: Callable[..., Do], *arguments: object) -> tuple[Series, float]:
    with Worker(open_way, *arguments) as worker:
        worker.ready()
        paths, seconds = worker.do(HORIZON).result
        return paths, seconds


def _timed(forecast: Callable[[], Series]) -> tuple[Series, float]:
    with threadpool_limits(1):
        started = time.process_time()
        return forecast(), time.process_time() - started
