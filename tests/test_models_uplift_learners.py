"""Effects and policies from a randomised test whose truth is known."""

import numpy as np
import pandas as pd
import pytest

from data.errors import DataError
from models.policy_tree import Leaf, Split, decide, policy_tree
from models.treatment_policy import WAYS, blended, learn_policy
from models.uplift_learners import LEARNERS, Design, Trial, cross_fitted, line, ridge

ARMS = ("none", "a", "b")


def trial(n: int = 6000, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Message a brings 1 to the young and 0 to the old, message b the reverse."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({"age": rng.uniform(20, 60, n), "city": rng.choice(["X", "Y"], n), "same": 1.0})
    arm = rng.integers(0, 3, n)
    young = table["age"].to_numpy() < 40
    effect = np.where(arm == 1, young, np.where(arm == 2, ~young, 0)).astype(float)
    return table, arm, effect + 0.02 * table["age"].to_numpy() + rng.normal(0, 1, n)


@pytest.mark.parametrize("name", LEARNERS)
def test_every_learner_finds_who_gains(name: str) -> None:
    table, arm, outcome = trial()
    design = Design().fit(table)
    test = Trial(design(table), arm, outcome, np.bincount(arm) / len(arm))
    effects = line(test.x, LEARNERS[name](test, cross_fitted(test, seed=0)))
    age = table["age"].to_numpy()
    assert (effects[:, 0] == 0).all()
    assert effects[age < 25, 1].mean() > 0.7
    assert effects[age > 55, 1].mean() < 0.3
    assert effects[:, 1:].mean() == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("way", WAYS)
def test_every_way_sends_each_what_helps(way: str) -> None:
    table, arm, outcome = trial()
    policy = learn_policy(table, arm, outcome, ARMS, way=way)
    young = table["age"].to_numpy() < 40
    assert (policy.decide(table) == np.where(young, 1, 2)).mean() > 0.9
    assert policy.evidence.gain == pytest.approx(0.5, abs=0.15)
    assert policy.evidence.sure > 3


def test_without_differences_all_get_the_best() -> None:
    table, arm, _ = trial()
    noise = np.random.default_rng(9).normal(0, 1, len(arm)) + (arm == 2)
    policy = learn_policy(table, arm, noise, ARMS, least_sure=2.0)
    assert set(policy.decide(table)) == {2}


def test_a_dear_message_is_not_sent() -> None:
    table, arm, outcome = trial()
    policy = learn_policy(table, arm, outcome, ARMS, costs=(0.0, 5.0, 5.0), least_sure=2.0)
    assert set(policy.decide(table)) == {0}


def test_few_in_an_arm_are_said() -> None:
    table, arm, outcome = trial(100)
    with pytest.raises(DataError, match="give at least 50 of each"):
        learn_policy(table, arm, outcome, ARMS)


def test_unknown_levels_missing_and_constant_columns_do_no_harm() -> None:
    table, _, _ = trial(500)
    design = Design().fit(table)
    strange = pd.DataFrame({"age": [np.nan, 30.0], "city": ["Z", None], "same": [2.0, 1.0]})
    assert np.isfinite(design(strange)).all()
    assert (design(strange)[:, list(design.plain(strange).columns).index("same")] == 0).all()


def test_ridge_finds_a_line_and_shrinks_noise() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4000, 3))
    fit = ridge(x, 2 * x[:, 0] + 1 + rng.normal(size=4000))
    assert fit == pytest.approx([2, 0, 0, 1], abs=0.1)
    noise = ridge(x, rng.normal(size=4000))
    assert np.abs(noise[:-1]).max() < 0.03


def test_a_tree_asks_what_pays() -> None:
    features = pd.DataFrame({"x": [0.0, 0.0, 1.0, 1.0], "y": [0.0, 1.0, 0.0, 1.0]})
    scores = np.array([[0, 1], [1, 0], [1, 0], [0, 1.0]])  # exclusive or: no single question helps
    assert isinstance(policy_tree(features, scores, depth=1, least=1), Leaf)
    tree = policy_tree(features, scores, depth=2, least=1)
    assert isinstance(tree, Split)
    assert decide(tree, features).tolist() == [1, 0, 0, 1]


def test_a_leaf_is_never_smaller_than_asked() -> None:
    features = pd.DataFrame({"x": [0.0, 1.0, 1.0, 1.0]})
    scores = np.array([[9.0, 0], [0, 1], [0, 1], [0, 1]])
    assert isinstance(policy_tree(features, scores, depth=2, least=2), Leaf)


def test_a_quiet_proxy_outweighs_a_noisy_outcome() -> None:
    rng = np.random.default_rng(0)
    visits = (rng.random(5000) < 0.2).astype(float)
    money = np.where(rng.random(5000) < 0.01, 100.0, 0.0) * visits
    mixed = blended(money, visits)
    assert mixed.mean() == pytest.approx(money.mean())
    assert mixed.var() < 0.2 * money.var()
    assert blended(money, None) is money
