"""Orders, packs, budgets and the simulation, against cases worked out by hand."""

import numpy as np
import pytest

from models.intermittent import part_levels, rates, sba_rate
from models.items import ItemLevels, forecast_items
from models.stocking import Supply, equal_service, normal_levels, orders, simulate


def supply_of(items: int = 1, **given: object) -> Supply:
    one = np.ones(items)
    settings: dict[str, object] = {"lead": 1, "service": 0.95, "cost": one, "pack": one, "minimum": one, "holding": 1.0}
    return Supply(**(settings | given))  # type: ignore[arg-type]


def test_orders_fill_up_in_whole_packs_and_no_less_than_the_minimum() -> None:
    supply = supply_of(3, pack=np.array([6.0, 1.0, 4.0]), minimum=np.array([6.0, 5.0, 4.0]))
    assert orders(np.array([3.0, 9.0, 8.0]), np.array([10.0, 10.0, 8.0]), supply).tolist() == [12, 5, 0]


def test_a_budget_serves_first_what_is_farthest_below_its_level() -> None:
    supply = supply_of(2, budget=10.0)
    assert orders(np.array([8.0, 0.0]), np.array([10.0, 10.0]), supply).tolist() == [0, 10]


def test_the_simulation_counts_shelf_and_backlog() -> None:
    """Level 2 and lead 1: 2 on the shelf; 1, then 4, then 0 are asked for."""
    held = simulate(np.ones((1, 3)), np.array([[1.0, 4.0, 0.0]]), lambda _: np.array([2.0]), supply_of())
    # Shelf 2 → 1; ordered 1, not yet here: 1 − 4 = −3; the 1 comes, 4 more were ordered: −2.
    assert held.holding == pytest.approx(1 / 3)
    assert held.shortage == pytest.approx((3 + 2) * 19 / 3)
    assert held.fill_rate == pytest.approx(1 - 3 / 5)
    assert held.by_item.sum() == pytest.approx(held.cost)


def test_the_policy_never_sees_the_period_it_orders_for() -> None:
    seen = []

    def spy(known: np.ndarray) -> np.ndarray:
        seen.append(known.shape[1])
        return np.array([5.0])

    simulate(np.ones((1, 10)), np.full((1, 3), 2.0), spy, supply_of())
    assert seen == [10, 11, 12]


def test_equal_service_finds_the_factor_that_gives_the_fill_rate() -> None:
    demand = np.random.default_rng(0).poisson(5, (200, 60)).astype(float)
    supply = supply_of(200)
    nominal = simulate(demand[:, :40], demand[:, 40:], lambda known: normal_levels(known, supply), supply)
    equal = equal_service(demand[:, :40], demand[:, 40:], supply, nominal.fill_rate)
    assert equal.fill_rate == pytest.approx(nominal.fill_rate, abs=0.002)
    assert equal.cost == pytest.approx(nominal.cost, rel=0.05)


def test_a_better_service_costs_more_stock() -> None:
    demand = np.random.default_rng(0).poisson(5, (100, 50)).astype(float)
    stock = [normal_levels(demand, supply_of(100, service=service)).sum() for service in (0.8, 0.95, 0.99)]
    assert stock == sorted(stock)
    assert stock[0] < stock[-1]


def test_sba_of_a_steady_rhythm_is_its_rate_but_for_the_correction() -> None:
    history = np.tile([0.0, 0.0, 6.0], (2, 8))
    history[1] = 0
    assert sba_rate(history) == pytest.approx([0.95 * 2, 0.0])


def parts(items: int = 300, periods: int = 60) -> np.ndarray:
    rng = np.random.default_rng(1)
    rate = rng.gamma(0.6, 0.8, items)
    return rng.poisson(rate[:, None] * rng.gamma(0.5, 2, (items, periods))).astype(float)


def test_rates_of_slow_parts_beat_each_parts_own_mean() -> None:
    demand = parts()
    history, coming = demand[:, :-12], demand[:, -12:]
    ours = rates(history, 12).mean
    own = history[:, -12:].mean(axis=1)
    assert ((coming - ours[:, None]) ** 2).mean() < ((coming - own[:, None]) ** 2).mean()


def test_levels_of_slow_parts_cost_less_than_the_normal_rule() -> None:
    demand = parts()
    history, coming = demand[:, :-12], demand[:, -12:]
    supply = supply_of(len(demand), lead=2)
    ours = simulate(history, coming, part_levels(history, supply, 12), supply)
    classical = simulate(history, coming, lambda known: normal_levels(known, supply), supply)
    assert ours.cost < classical.cost


def test_items_are_forecast_by_a_named_method_that_is_no_last_value() -> None:
    demand = np.random.default_rng(2).poisson(8, (60, 30)).astype(float)
    found = forecast_items(demand, 5)
    assert found.mean.shape == (60, 5)
    assert found.method != "last value"
    assert found.mean.mean() == pytest.approx(8, rel=0.15)


def test_item_levels_are_whole_units_above_mean_demand() -> None:
    demand = np.random.default_rng(3).poisson(8, (60, 30)).astype(float)
    levels = ItemLevels(supply_of(60))(demand)
    assert (levels == np.round(levels)).all()
    assert levels.mean() > 2 * 8
