"""What a campaign added: right on average, its level kept in heavy tails, and less noise where history helps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.effect import clear_after_correction, cuped, effect


def _spends(rng: np.random.Generator, n: int = 400) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Heavy-tailed money, the arm (an eighth held out), and money before that goes with it."""
    habit = rng.lognormal(0, 0.8, n)
    before = (rng.random(n) < 0.5) * habit * rng.lognormal(3, 0.6, n)
    after = (rng.random(n) < 0.5) * habit * rng.lognormal(3, 0.6, n)
    return after, rng.permutation(n) >= n // 8, before[:, None]


def test_money_without_an_effect_seems_to_have_one_in_one_of_twenty() -> None:
    rng = np.random.default_rng(1)
    outside, runs = 0, 300
    for number in range(runs):
        after, treated, before = _spends(rng)
        found = effect(after, treated, before, seed=number)
        assert found is not None
        outside += found.low > 0 or found.high < 0
    assert 0.02 <= outside / runs <= 0.09


def test_an_effect_is_found_where_it_is() -> None:
    rng = np.random.default_rng(2)
    found = []
    for number in range(60):
        after, treated, before = _spends(rng, 1000)
        one = effect(after + 10.0 * treated, treated, before, seed=number)
        assert one is not None
        found.append(one)
    assert np.mean([one.difference for one in found]) == pytest.approx(10, abs=1.2)
    assert np.mean([one.low <= 10 <= one.high for one in found]) > 0.85
    assert all((one.p <= 0.05) == (one.low > 0 or one.high < 0) or 0.03 < one.p < 0.07 for one in found)


def test_history_takes_noise_out_only_where_it_tells_something() -> None:
    rng = np.random.default_rng(3)
    before = rng.normal(size=(500, 1))
    treated = rng.random(500) < 0.8
    adjusted, saved = cuped(before[:, 0] + rng.normal(size=500), treated, before)
    assert 0.35 < saved < 0.65
    assert adjusted.var() < 1.4
    plain = rng.normal(size=500)
    same, none = cuped(plain, treated, before)
    assert none == 0 or none < 0.03
    assert same.shape == plain.shape
    flat, nothing = cuped(plain, treated, np.zeros((500, 1)))
    assert nothing == 0
    assert (flat == plain).all()


def test_the_same_seed_gives_the_same_interval_and_totals_scale() -> None:
    after, treated, before = _spends(np.random.default_rng(4))
    one, again = (effect(after, treated, before, seed=9) for _ in range(2))
    assert one == again
    assert one is not None
    assert one.times(10, less=5.0) == pytest.approx((10 * one.difference - 5, 10 * one.low - 5, 10 * one.high - 5))


def test_too_few_say_nothing_and_what_never_differs_has_no_width() -> None:
    assert effect(np.ones(20), np.arange(20) < 15, np.zeros((20, 1)), seed=0) is None
    flat = effect(np.where(np.arange(40) < 20, 3.0, 1.0), np.arange(40) < 20, np.zeros((40, 1)), seed=0)
    assert flat is not None
    assert (flat.low, flat.difference, flat.high, flat.p) == (2.0, 2.0, 2.0, 0.0)


@given(st.lists(st.floats(0, 1), max_size=12))
def test_correction_never_clears_what_was_not_significant(p_values: list[float]) -> None:
    for p, clear in zip(p_values, clear_after_correction(p_values), strict=True):
        assert p <= 0.05 or not clear
