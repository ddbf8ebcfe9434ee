"""The bench of forecasts, on a few made-up departments."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data.errors import SettingError
from eval import bench_forecast
from eval.task import Inputs

WEEKS = 120


@pytest.fixture
def weekly(tmp_path: Path) -> Path:
    """12 store departments with a yearly season of their own."""
    rng = np.random.default_rng(0)
    days = pd.date_range("2020-01-03", periods=WEEKS, freq="7D")
    rows = []
    for series in range(12):
        season = 100 + 60 * np.sin(2 * np.pi * (np.arange(WEEKS) + 4 * series) / 52)
        for day, sales in zip(days, season + rng.normal(0, 3, WEEKS), strict=True):
            rows.append((series % 4, series // 4, day, sales, False))
    path = tmp_path / "weekly.csv"
    pd.DataFrame(rows, columns=["Store", "Dept", "Date", "Weekly_Sales", "IsHoliday"]).to_csv(path, index=False)
    return path


def test_the_last_weeks_are_held_out(weekly: Path) -> None:
    past, actual = bench_forecast.drawn(weekly, 5, seed=3)
    assert past.values.shape == (5, WEEKS - bench_forecast.HORIZON)
    assert actual.shape == (5, bench_forecast.HORIZON)
    again, _ = bench_forecast.drawn(weekly, 5, seed=3)
    np.testing.assert_array_equal(past.values, again.values)
    with pytest.raises(SettingError, match="--series 12 at most"):
        bench_forecast.drawn(weekly, 13)


def test_a_yearly_season_is_seen_that_autoets_does_not_see(weekly: Path) -> None:
    done = bench_forecast.evaluate(Inputs(test=weekly), series=12)
    assert done.metrics["series"] == 12
    assert done.metrics["wape"] < done.floors["AutoETS"]["wape"]
    assert done.metrics["series_per_second"] == pytest.approx(12 / done.metrics["seconds"])


def test_it_says_what_it_needs() -> None:
    with pytest.raises(SettingError, match="--test"):
        bench_forecast.evaluate(Inputs())
