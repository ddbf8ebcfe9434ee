"""Trees over all items: what they learn, what they see, and short or unknown histories."""

import numpy as np
import pytest

from models.demand_trees import DemandTrees, demand_features


def demand(*, items: int = 120, periods: int = 40, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.poisson(rng.uniform(0.2, 20, items)[:, None], (items, periods)).astype(float)


def test_features_do_not_depend_on_an_items_size_but_for_the_size_itself() -> None:
    history = 50 + demand()
    small, level = demand_features(history)
    large, larger = demand_features(10 * history)
    assert larger == pytest.approx(10 * level)
    same = [c for c in range(small.shape[1]) if np.allclose(small[:, c], large[:, c], equal_nan=True)]
    assert small.shape[1] - len(same) == 2


def test_means_are_close_and_quantiles_lie_above() -> None:
    history = demand()
    mean = DemandTrees(4).fit(history[:, :-4]).predict(history[:, :-4])
    high = DemandTrees(4, objective="quantile", level=0.95).fit(history[:, :-4]).predict(history[:, :-4])
    coming = history[:, -4:].mean(axis=1)
    assert np.abs(mean - coming).sum() / coming.sum() < 0.2
    assert 0.85 < (coming <= high).mean() <= 1
    assert (high >= 0).all()


def test_the_same_seed_gives_the_same_trees() -> None:
    history = demand()
    first, again = (DemandTrees(4).fit(history, seed=3).predict(history) for _ in range(2))
    assert np.array_equal(first, again)


def test_a_short_history_gives_the_mean_of_eight_periods() -> None:
    history = demand(periods=10)
    assert DemandTrees(4).fit(history).predict(history) == pytest.approx(history[:, -8:].mean(axis=1))


def test_unknown_periods_are_neither_demand_nor_zero() -> None:
    history = demand()
    history[:30, :20] = np.nan
    history[0] = np.nan
    found = DemandTrees(4).fit(history).predict(history)
    assert np.isfinite(found).all()
    assert found[1:30] == pytest.approx(np.nanmean(history[1:30], axis=1), rel=0.6, abs=2)
