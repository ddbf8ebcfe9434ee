"""Off-policy estimators on logs whose truth is known."""

import numpy as np
import pytest

from campaign.estimators import ESTIMATORS, Log, clipped, direct_method, doubly_robust, switch

TRUTH = 0.8 * 0.5 + 0.2 * 0.1


def log(rng: np.random.Generator, n: int = 3000, guess: tuple[float, float] = (0.3, 0.3)) -> Log:
    """Action 0 pays half of the time, action 1 a tenth; logged 30 : 70, to be valued at 80 : 20."""
    action = (rng.random(n) < 0.7).astype(int)
    rewards = (rng.random(n) < np.array([0.5, 0.1])[action]).astype(float)
    weights = np.array([0.8 / 0.3, 0.2 / 0.7])[action]
    view = np.array(guess)
    return Log(rewards, weights, view[action], np.full(n, 0.8 * view[0] + 0.2 * view[1]))


@pytest.mark.parametrize("name", [name for name in ESTIMATORS if name not in ("DM", "Switch-DR")])
def test_right_on_average_and_inside_the_interval_as_often_as_it_says(name: str) -> None:
    rng = np.random.default_rng(0)
    values = [ESTIMATORS[name](log(rng, 800)) for _ in range(200)]
    assert np.mean([v.mean for v in values]) == pytest.approx(TRUTH, abs=0.006)
    assert np.mean([v.low <= TRUTH <= v.high for v in values]) >= 0.9


def test_a_good_model_narrows_the_interval_and_a_bad_one_misleads_only_the_direct_method() -> None:
    good, bad = (log(np.random.default_rng(1), guess=guess) for guess in ((0.5, 0.1), (0.0, 0.9)))
    assert doubly_robust(good).error < ESTIMATORS["IPW"](good).error
    assert direct_method(bad).mean == pytest.approx(0.18)
    assert doubly_robust(bad).mean == pytest.approx(TRUTH, abs=0.05)


def test_switching_off_every_weight_leaves_the_model() -> None:
    some = log(np.random.default_rng(2))
    assert switch(some, largest=0.0).mean == direct_method(some).mean
    assert switch(some, largest=np.inf).mean == doubly_robust(some).mean


def test_a_monstrous_weight_is_clipped_and_an_ordinary_one_is_not() -> None:
    some = log(np.random.default_rng(3))
    assert clipped(some).clip == np.inf
    weights = some.weights.copy()
    weights[:30] = 3000.0
    rewards = some.rewards.copy()
    rewards[:30] = some.guess[:30] + np.tile([0.5, -0.5], 15)
    monstrous = Log(rewards, weights, some.guess, some.direct)
    found = clipped(monstrous)
    assert found.clip < 3000
    assert found.low < doubly_robust(monstrous).mean < found.high


def test_rewards_that_never_differ_have_no_interval() -> None:
    same = Log(np.ones(10), np.ones(10), np.ones(10), np.ones(10))
    value = doubly_robust(same)
    assert (value.mean, value.low, value.high) == (1.0, 1.0, 1.0)


def test_another_share_than_95_percent_is_held_by_a_narrower_interval() -> None:
    value = clipped(log(np.random.default_rng(4)))
    low, high = value.within(0.8)
    assert value.low < low < value.mean < high < value.high
    assert value.within(0.95) == pytest.approx((value.low, value.high), rel=1e-6)


def test_people_who_decide_often_count_once_in_the_interval() -> None:
    """Every decision copied ten times tells nothing new, which only an interval over people knows."""
    some = log(np.random.default_rng(5), 300)
    people = np.repeat(np.arange(300), 10)
    copied = Log(*(np.repeat(part, 10) for part in (some.rewards, some.weights, some.guess, some.direct)))
    grouped = Log(copied.rewards, copied.weights, copied.guess, copied.direct, people)
    assert doubly_robust(grouped).mean == pytest.approx(doubly_robust(some).mean)
    assert doubly_robust(grouped).error == pytest.approx(doubly_robust(some).error, rel=0.02)
    assert doubly_robust(copied).error < 0.5 * doubly_robust(some).error
