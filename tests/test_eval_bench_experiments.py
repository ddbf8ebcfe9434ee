"""The bench of experiments: every promise has a figure with an interval, and its worlds are what they say."""

import numpy as np
import pytest

from data.demo_shop import generate
from data.errors import SettingError
from eval import bench_experiments
from eval.simulated_bandit import earned
from eval.simulated_holdouts import Log, holdouts, sequential
from eval.simulated_logs import ACTIONS, World, covered, demo_covered
from eval.task import Inputs
from eval.trials import Trials, merged


def test_shares_and_means_have_intervals() -> None:
    trials = Trials()
    for number in range(100):
        trials.hit("level", number < 5)
        trials.value("width", float(number % 3))
    trials.floors["alike"] = {"level": 0.2}
    metrics, intervals, floors = merged([trials, Trials()])
    assert metrics == {"level": 0.05, "width": pytest.approx(0.99)}
    assert intervals["level"] == pytest.approx((0.0164, 0.1128), abs=1e-3)
    assert intervals["width"][0] < 0.99 < intervals["width"][1]
    assert floors == {"alike": {"level": 0.2}}


def test_the_logs_of_a_demo_shop_are_asked_about_its_plans() -> None:
    found = demo_covered(1, Inputs()).metrics()
    assert 0 <= found["demo_supported"] <= 1
    assert set(found) <= {"demo_supported", "demo_coverage", "demo_bias"}


def test_campaigns_that_never_took_place_are_measured() -> None:
    demo = generate(seed=7, customers=400, products=80, months=8)
    log = Log.of(demo.tables["events"], demo.tables["customers"], demo.tables["products"])
    found = holdouts(log, 12, Inputs()).metrics()
    assert 0 <= found["aa_rate"] <= 0.4
    assert found["cuped_saved/orders"] > 0.01
    assert {"aa_rate/profit", "power/cuped", "power/plain", "power/holdout"} <= set(found)
    bandit = earned(demo, 2, Inputs())
    assert set(bandit.metrics()) == {"bandit_profit", "bandit_gain", "bandit_coverage"}
    assert bandit.floors["even split"]["bandit_profit"] == pytest.approx(
        bandit.metrics()["bandit_profit"] - bandit.metrics()["bandit_gain"]
    )


def test_the_made_up_log_has_true_propensities_and_its_truth_is_found() -> None:
    world = World(np.random.default_rng(1))
    decisions, eager = world.log()
    assert eager.mean() == pytest.approx(1.0, abs=0.1)
    for action in ACTIONS:
        together = np.where(decisions.action == action, decisions.weights, 0.0)
        assert together.mean() == pytest.approx(1.0, abs=0.1)
    found = covered(12, Inputs()).metrics()
    assert found["coverage"] >= 0.75
    assert found["off_policy_width"] > 0


def test_sequential_tests_are_tried_at_every_rate() -> None:
    found = sequential(6, Inputs()).metrics()
    assert found["sequential_level"] <= 0.5
    assert found["sequential_power"] > 0.5
    assert 0 < found["sequential_stops_at"] < 2


def test_a_bench_of_too_few_is_refused() -> None:
    with pytest.raises(SettingError, match="10 campaigns or more"):
        bench_experiments.evaluate(Inputs(), campaigns=1)
