"""The solver of the joint plan: the true optimum where all can be tried, limits always kept, advice that holds."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaign import optimise
from campaign.optimise import Ad, InfeasibleError, Limits, Options, solve, worthwhile


def _campaign(seed: int, customers: int, products: int = 2, *, options: int = 4) -> Options:
    """Random options over two channels (their places and purses) and a few products."""
    rng = np.random.default_rng(seed)
    size = customers * options
    return Options(
        np.repeat(np.arange(customers), options),
        rng.normal(1.0, 1.0, size),
        rng.uniform(0.1, 1.5, size),
        rng.uniform(0.2, 1.0, size),
        rng.integers(-1, products, size),
        (channel := rng.integers(0, 2, size)),
        channel.copy(),
    )


def _limits(seed: int, customers: int, products: int = 2) -> Limits:
    rng = np.random.default_rng([seed, 1])
    return Limits(
        budget=rng.uniform(0.1, 0.8) * customers,
        stock=rng.uniform(0.1, 0.5, products) * customers,
        capacity=np.ceil(rng.uniform(0.2, 0.8, 2) * customers),
        minimum=np.array([0.0, rng.choice([0.0, 0.1]) * customers]),
    )


def _kept(options: Options, limits: Limits, chosen: np.ndarray) -> bool:
    """Whether every limit holds, worked out in another way than the solver does."""
    taken = [int(row) for row in chosen if row >= 0]
    cost = sum(options.cost[row] for row in taken)
    fine = cost <= limits.budget + 1e-6
    for product, stock in enumerate(limits.stock):
        fine &= sum(options.units[r] for r in taken if options.stock[r] == product) <= stock + 1e-6
    for place, most in enumerate(limits.capacity):
        fine &= sum(options.place[r] == place for r in taken) <= most
    for purse, least in enumerate(limits.minimum):
        fine &= sum(options.cost[r] for r in taken if options.purse[r] == purse) >= least - 1e-6
    return bool(fine and all(options.customer[row] == who for who, row in enumerate(chosen) if row >= 0))


def _best(options: Options, limits: Limits, customers: int) -> float | None:
    """The best profit of all choices, by trying them; None where no choice keeps the limits."""
    each = [[-1, *np.flatnonzero(options.customer == who)] for who in range(customers)]
    profits = [
        sum(float(options.profit[row]) for row in rows if row >= 0)
        for rows in itertools.product(*each)
        if _kept(options, limits, np.array(rows))
    ]
    return max(profits) if profits else None


@pytest.mark.parametrize("seed", range(12))
def test_a_tiny_plan_is_the_best_of_all_plans(seed: int) -> None:
    options, limits = _campaign(seed, 4, options=3), _limits(seed, 4)
    best = _best(options, limits, 4)
    if best is None:
        with pytest.raises(InfeasibleError):
            solve(options, limits, 4)
        return
    found = solve(options, limits, 4)
    assert found.value == pytest.approx(best, abs=1e-6)
    assert found.bound >= best - 1e-6
    assert _kept(options, limits, found.option)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), customers=st.integers(1, 160))
def test_limits_hold_and_the_bound_is_above(seed: int, customers: int) -> None:
    options, limits = _campaign(seed, customers), _limits(seed, customers)
    try:
        found = solve(options, limits, customers)
    except InfeasibleError:
        assert limits.minimum.any()
        return
    assert _kept(options, limits, found.option)
    assert found.value <= found.bound + 1e-6
    assert found.value == pytest.approx(options.profit[found.option[found.option >= 0]].sum())


def test_a_large_plan_is_close_to_its_bound_and_the_same_twice() -> None:
    options, limits = _campaign(3, 600, 5), _limits(3, 600, 5)
    first, again = solve(options, limits, 600), solve(options, limits, 600)
    assert "Lagrangian" in first.method
    assert first.gap < 0.01
    assert first.option.tobytes() == again.option.tobytes()
    assert first.bound == again.bound


def test_where_nothing_binds_everyone_gets_their_best() -> None:
    options = _campaign(5, 50)
    found = solve(options, Limits(stock=np.full(2, np.inf), capacity=np.full(2, np.inf), minimum=np.zeros(2)), 50)
    assert found.gap == 0.0
    best = [max(0.0, *options.profit[options.customer == who]) for who in range(50)]
    assert found.value == pytest.approx(sum(best))


def test_pruning_loses_nothing() -> None:
    options, limits = _campaign(8, 200), _limits(8, 200)
    kept = worthwhile(options, limits)
    assert 0 < kept.sum() < len(options)
    again = solve(options.take(kept), limits, 200)
    assert again.value == pytest.approx(solve(options, limits, 200).value)


def test_the_price_of_the_budget_is_what_a_little_more_brings() -> None:
    options = _campaign(11, 500, 1)
    limits = Limits(budget=40.0, stock=np.full(1, np.inf), capacity=np.full(2, np.inf), minimum=np.zeros(2))
    found = solve(options, limits, 500)
    more = solve(options, Limits(44.0, limits.stock, limits.capacity, limits.minimum), 500)
    assert more.value - found.value == pytest.approx(4.0 * found.prices.budget, rel=0.35)


def test_money_goes_to_advertising_until_both_bring_the_same() -> None:
    options = _campaign(13, 500, 1)
    ad = Ad(ceiling=120.0, scale=25.0)
    limits = Limits(200.0, np.full(1, np.inf), np.full(2, np.inf), np.zeros(2), (ad,))
    found = solve(options, limits, 500)
    direct = options.cost[found.option[found.option >= 0]].sum()
    assert direct + found.ads[0] <= 200.0 + 1e-6
    slope = ad.ceiling / ad.scale * np.exp(-found.ads[0] / ad.scale) - 1
    assert slope == pytest.approx(found.prices.budget, rel=0.02)
    for moved in (-8.0, 8.0):  # no other split earns more
        spend = found.ads[0] + moved
        rest = Limits(200.0 - spend, limits.stock, limits.capacity, limits.minimum)
        assert solve(options, rest, 500).value + ad.profit(spend) <= found.bound + 1e-6


def test_a_minimum_that_cannot_be_met_is_said() -> None:
    options = _campaign(2, 30)
    limits = Limits(minimum=np.array([0.0, 1e4]), stock=np.full(2, np.inf), capacity=np.full(2, np.inf))
    with pytest.raises(InfeasibleError):
        solve(options, limits, 30)


def test_a_campaign_of_nobody_has_no_plan_and_no_gap() -> None:
    found = solve(_campaign(1, 0), Limits(budget=5.0), 0)
    assert (len(found.option), found.value, found.gap) == (0, 0.0, 0.0)
    assert optimise.Ad(1e-9, 1.0, least=3.0).spend(0.0) == 3.0
