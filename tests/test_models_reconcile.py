"""Forecasts that add up: every way does, each keeps what it should, and the past chooses among them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.backtest import Backtest
from models.reconcile import BOTTOM_UP, LEAST_SQUARES, TOP_DOWN, WAYS, Contest, Hierarchy, best_way, tallied

GROUPS = np.array([[1.0, 1, 0, 0], [0, 0, 1, 0], [1, 1, 1, 1]])
"""Two categories of two items and one, one loose item, and the shop."""
TREE = Hierarchy(GROUPS)
FULL = np.array([[1.0, 1, 0, 0], [0, 0, 1, 1], [1, 1, 1, 1]])
"""The same with no item loose."""


def paths(seed: int, *, low: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(low, 10, (7, 4))


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 10**6), way=st.sampled_from(WAYS))
def test_items_add_up_to_categories_and_these_to_the_shop(seed: int, way: str) -> None:
    scale = np.random.default_rng(seed).uniform(0.5, 3, 7)
    found = TREE.added_up(paths(seed), scale, way)
    assert found[4:] == pytest.approx(GROUPS @ found[:4])
    assert (found >= 0).all()
    assert TREE.added_up(found, scale, way) == pytest.approx(found, abs=1e-6), "what adds up already stays"


def test_each_way_keeps_what_it_trusts() -> None:
    given_, scale = paths(1, low=1.0), np.ones(7)
    given_[-1] = 40.0
    assert TREE.added_up(given_, scale, BOTTOM_UP)[:4] == pytest.approx(given_[:4])
    assert TREE.added_up(given_, scale, TOP_DOWN)[-1] == pytest.approx(given_[-1])
    sure = np.array([1e3, 1e3, 1e3, 1e3, 1e3, 1e3, 1e-3])
    assert TREE.added_up(given_, sure, LEAST_SQUARES)[-1] == pytest.approx(given_[-1], rel=1e-3)


def test_least_squares_is_the_textbook_s() -> None:
    rows, scale = paths(2, low=5.0), np.random.default_rng(3).uniform(0.5, 2, 7)
    summing, weight = np.vstack([np.eye(4), GROUPS]), np.diag(1 / scale**2)
    items = np.linalg.solve(summing.T @ weight @ summing, summing.T @ weight @ rows)
    assert TREE.added_up(rows, scale, LEAST_SQUARES)[:4] == pytest.approx(np.maximum(items, 0))


def contests(bias: float) -> list[Contest]:
    """Items are foreseen too low by a share `bias`, totals to the unit, at six origins."""
    rng = np.random.default_rng(4)
    items, totals = Backtest(), Backtest()
    for _ in range(6):
        came = rng.poisson(20, (4, 4)).astype(float)
        for test, actual, guess in ((items, came, came * (1 - bias)), (totals, FULL @ came, FULL @ came)):
            test.actual.append(actual)
            test.paths.append({"8-week mean": guess, "last value": actual + 3, "good": guess})
            test.scales.append(np.ones(len(actual)))
            test.alike.append(np.ones(len(actual), dtype=bool))
    return [Contest("fast", np.arange(4), items), Contest("total", np.arange(4, 7), totals)]


def test_the_past_chooses_the_way() -> None:
    def good(_: Contest) -> str:
        return "good"

    assert best_way(Hierarchy(FULL), contests(bias=0.3), range(5), good) == TOP_DOWN
    assert best_way(Hierarchy(FULL), contests(bias=0.0), range(5), good) == BOTTOM_UP
    assert best_way(Hierarchy(FULL), contests(bias=0.3), [], good) == BOTTOM_UP


def test_the_tally_measures_what_adds_up() -> None:
    found = tallied(Hierarchy(FULL), contests(bias=0.3), range(6))
    assert found["wape_shop"] == pytest.approx(0.0, abs=1e-9)
    assert found["wape_item"] < found["wape_item_8_week_mean"]
    assert tallied(Hierarchy(FULL), contests(bias=0.3), range(1)) == {}
