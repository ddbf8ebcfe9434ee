"""Last year's course: growth, Christmas, smoothing across stores; the trees' mixture and its intervals."""

import numpy as np
import pandas as pd
import pytest

from models.panel import forecast_panel
from models.yearly import Panel, low_rank, seasonal_naive, year_ago
from models.yearly_trees import YearlyTrees

START = pd.Timestamp("2010-02-05")
STORES, DEPARTMENTS, WEEKS = 6, 3, 116


def panel_of(*, noise: float = 0.0, growth: float = 1.0, weeks: int = WEEKS, seed: int = 0) -> Panel:
    """Stores of different size sell departments with a yearly wave each; `growth` is by the year."""
    rng = np.random.default_rng(seed)
    week = np.arange(weeks)
    rows, columns, values = [], [], []
    for department in range(DEPARTMENTS):
        wave = 1.5 + np.sin(2 * np.pi * (week % 52) / 52 + department)
        for store in range(STORES):
            level = 1000.0 * (store + 1) * growth ** (week / 52)
            values.append(level * wave * np.exp(noise * rng.normal(size=weeks)))
            rows.append(department)
            columns.append(store)
    return Panel(np.array(values), START, np.array(rows), np.array(columns), np.zeros(weeks, dtype=bool))


def missed(panel: Panel, cut: int, path: np.ndarray) -> float:
    actual = panel.values[:, cut : cut + path.shape[1]]
    return float(np.abs(actual - path).sum() / actual.sum())


def test_steady_growth_on_last_year_is_foretold_exactly() -> None:
    panel = panel_of(growth=1.2)
    assert missed(panel, 104, seasonal_naive(panel.until(104), 8)) == pytest.approx(1 - 1 / 1.2, rel=1e-6)
    assert missed(panel, 104, year_ago(panel.until(104), 8)) < 0.01


def test_stores_share_their_pattern_so_that_chance_is_smoothed_away() -> None:
    clean, noisy = panel_of(), panel_of(noise=0.2)
    smooth = low_rank(noisy.values, noisy.row, 1)
    assert np.abs(smooth - clean.values).mean() < 0.8 * np.abs(noisy.values - clean.values).mean()


def test_unknown_weeks_stay_unknown_and_a_new_series_keeps_its_last_value() -> None:
    panel = panel_of()
    values = panel.values.copy()
    values[0, :100] = np.nan
    values[1] = np.nan
    holed = Panel(values, panel.start, panel.row, panel.column, panel.holidays)
    assert np.isnan(low_rank(values, panel.row, 2)[0, :100]).all()
    path = year_ago(holed.until(104), 4)
    assert path[0] == pytest.approx(np.full(4, values[0, 103]))
    assert path[1] == pytest.approx(np.zeros(4))
    assert np.isfinite(path).all()


def test_christmas_keeps_its_date_while_weeks_keep_their_day() -> None:
    """The week to 30 December 2011 takes a seventh of the week to 24 December 2010, the day that slipped out."""
    weeks = 98
    values = np.full((1, weeks), 700.0)
    before = (pd.Timestamp("2010-12-24") - START).days // 7
    values[0, before] = 1400.0
    one = np.zeros(1, dtype=np.intp)
    panel = Panel(values, START, one, one, np.zeros(weeks, dtype=bool))
    path = year_ago(panel, 3)
    assert [str(panel.day(weeks + step).date()) for step in range(3)] == ["2011-12-23", "2011-12-30", "2012-01-06"]
    level = path[0, 2]
    assert path[0, 1] == pytest.approx(level * (6 / 7 + 2 / 7))
    assert path[0, 0] == pytest.approx(level * (2 * 6 / 7 + 1 / 7))


def test_less_than_a_year_gives_the_last_value() -> None:
    panel = panel_of(weeks=40)
    assert year_ago(panel, 3) == pytest.approx(np.repeat(panel.values[:, -1:], 3, axis=1))
    assert np.isfinite(forecast_panel(panel, 3).high).all()


def test_trees_learn_only_from_weeks_before_the_end() -> None:
    panel = panel_of(noise=0.1)
    changed = panel.values.copy()
    changed[:, 104:] *= 7
    other = Panel(changed, panel.start, panel.row, panel.column, panel.holidays)
    a, b = forecast_panel(panel.until(104), 6), forecast_panel(other.until(104), 6)
    assert np.array_equal(a.mean, b.mean)
    assert np.array_equal(a.low, b.low)


def test_trees_put_right_what_last_year_gets_wrong_every_time() -> None:
    """Every fourth week is a promotion, marked as a holiday, that did not exist in the first year."""
    panel = panel_of(noise=0.02, weeks=140)
    promoted = (np.arange(140) >= 60) & (np.arange(140) % 5 == 0)
    values = panel.values * np.where(promoted, 1.5, 1.0)
    panel = Panel(values, panel.start, panel.row, panel.column, promoted)
    past = panel.until(128)
    base = year_ago(past, 8)
    corrected = YearlyTrees(8).fit(past).predict(past, base)
    assert missed(panel, 128, corrected) < 0.8 * missed(panel, 128, base)


def test_intervals_hold_what_they_say() -> None:
    panel = panel_of(noise=0.15, weeks=130)
    found = forecast_panel(panel.until(118), 12)
    actual = panel.values[:, 118:]
    inside = ((actual >= found.low) & (actual <= found.high)).mean()
    assert 0.65 < inside < 0.95
    assert (found.low <= found.mean).all()
