"""The logs' answer for a plan's own people: carried over to them, doubly robust, and silent where it must be."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaign.off_policy import (
    NONE,
    Decisions,
    Targets,
    effective_size,
    effective_sizes,
    flattening,
    imbalance,
    likeness,
    value,
)
from campaign.plan import Figure, Member, Plan
from campaign.policy_value import of_plan
from data.store import Snapshot, Store
from tests.test_campaign_approval import _plan


def _decisions(rng: np.random.Generator, n: int = 4000) -> Decisions:
    """A message adds 0.05 + 0.1 x to the reward, x being standard normal; those with a high x are mailed more often."""
    x = rng.normal(size=(n, 1))
    chance = 1 / (1 + np.exp(-0.7 * x[:, 0]))
    mailed = rng.random(n) < chance
    rewards = x[:, 0] + mailed * (0.05 + 0.1 * x[:, 0]) + rng.normal(0, 0.3, n)
    weights = 1 / np.where(mailed, chance, 1 - chance)
    customers = np.array([f"{number}" for number in range(n)])
    return Decisions(customers, np.where(mailed, "email", NONE), weights, rewards, x)


def _targets(rng: np.random.Generator, shift: float, n: int = 500) -> Targets:
    return Targets(np.array([f"t{k}" for k in range(n)]), np.full(n, "email"), rng.normal(shift, 1, size=(n, 1)))


@pytest.mark.parametrize("shift", [-1.0, 0.0, 1.0])
def test_the_answer_is_for_the_people_that_are_asked_about(shift: float) -> None:
    rng = np.random.default_rng(11)
    decisions, targets = _decisions(rng), _targets(rng, shift)
    truth = float((0.05 + 0.1 * targets.known).mean())
    found = value(decisions, targets, likeness(decisions, targets))
    assert found.value.low < truth < found.value.high
    assert found.value.mean == pytest.approx(truth, abs=0.06)
    assert min(found.effective.values()) > 100


def test_likeness_sums_to_the_number_and_moves_the_past_towards_the_present() -> None:
    rng = np.random.default_rng(2)
    decisions, targets = _decisions(rng), _targets(rng, 1.0)
    ratio = likeness(decisions, targets)["email"]
    assert ratio.sum() == pytest.approx(500)
    assert np.average(decisions.known[:, 0], weights=ratio) == pytest.approx(targets.known.mean(), abs=0.15)
    alike = likeness(replace(decisions, known=np.zeros((4000, 1))), replace(targets, known=np.zeros((500, 1))))
    assert np.ptp(alike["email"]) == 0


def test_people_unlike_the_past_stay_unlike_it() -> None:
    rng = np.random.default_rng(3)
    decisions = _decisions(rng)
    near, far = (_targets(rng, shift) for shift in (0.5, 5.0))
    usual, lonely = (imbalance(decisions, one, likeness(decisions, one)) for one in (near, far))
    assert usual < 0.1
    assert lonely > 1.0
    usual, lonely = (min(effective_sizes(decisions, likeness(decisions, one)).values()) for one in (near, far))
    assert lonely < 0.1 * usual


def test_flattening_leaves_an_even_past_alone_and_no_one_decides_everything() -> None:
    assert flattening(np.zeros(50)) == 1.0
    heavy = np.zeros(1000)
    heavy[0] = 12.0
    power = flattening(heavy)
    assert 0 < power < 1
    assert effective_size(np.exp(power * heavy)) >= 100


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=30))
@settings(max_examples=40)
def test_an_effective_size_is_at_most_the_number(weights: list[float]) -> None:
    assert 1 - 1e-9 <= effective_size(np.array(weights)) <= len(weights) + 1e-9


def _shop(tiny: Snapshot, folder: Path, exposures: pd.DataFrame) -> Snapshot:
    names = ("customers", "products", "orders", "events")
    tables = {name: tiny.frame(name) for name in names} | {"exposures": exposures}
    return Store(folder).write(tables, name="Tiny", currency="EUR", source="a test")


def _exposures(propensity: float = 0.5, reward: float | None = 3.0, n: int = 1200) -> pd.DataFrame:
    rng = np.random.default_rng(4)
    mailed = rng.random(n) < 0.5
    return pd.DataFrame(
        {
            "decision_id": [f"d{k}" for k in range(n)],
            "at": pd.Timestamp("2024-02-10") + pd.to_timedelta(rng.integers(40, size=n), unit="D"),
            "policy": "even",
            "customer_id": [f"{10000 + k % 40}" for k in range(n)],
            "action": np.where(mailed, "email", "none"),
            "propensity": propensity,
            "reward": None if reward is None else rng.gamma(1.0, 5.0, n) + reward * mailed,
        }
    )


def _asked(channels: tuple[str, ...] = ("email",), discount: float = 0.0) -> Plan:
    members = tuple(Member(f"{10000 + k}", "treated", channels[k % len(channels)], 0.9) for k in range(30))
    return replace(_plan(), members=members, discount=discount, margin=Figure(0.4, "percent", "a test"))


def test_a_plan_is_answered_in_money_where_the_log_has_money(tiny_store: Store, tmp_path: Path) -> None:
    snapshot = _shop(tiny_store.snapshot(), tmp_path, _exposures())
    found = of_plan(snapshot, _asked())
    assert found.supported
    assert found.low < 90 < found.high
    assert found.profit == pytest.approx(90, abs=45)
    assert found.logged is not None
    assert (found.covered, found.silent, found.decisions) == (30, (), 1200)
    assert found == of_plan(snapshot, _asked())


def test_without_money_extra_orders_are_valued(tiny_store: Store, tmp_path: Path) -> None:
    exposures = _exposures()
    exposures["reward"] = (exposures["reward"] > 6).astype(float)
    found = of_plan(_shop(tiny_store.snapshot(), tmp_path, exposures), _asked())
    assert found.supported
    assert found.orders_low < found.orders < found.orders_high
    assert found.low < found.profit < found.high


def test_what_was_never_logged_is_left_out_and_named(tiny_store: Store, tmp_path: Path) -> None:
    snapshot = _shop(tiny_store.snapshot(), tmp_path, _exposures())
    half = of_plan(snapshot, _asked(("email", "sms")))
    assert half.supported
    assert (half.covered, half.silent) == (15, ("sms",))
    none = of_plan(snapshot, _asked(discount=0.1))
    assert not none.supported
    assert none.why == "no past decision to contact by email with a discount was logged"
    assert of_plan(snapshot, replace(_asked(), members=())).why == "nobody is contacted by this plan"
    assert "no log" in of_plan(tiny_store.snapshot(), _asked()).why


def test_probabilities_that_cannot_be_are_found_out(tiny_store: Store, tmp_path: Path) -> None:
    wrong = of_plan(_shop(tiny_store.snapshot(), tmp_path / "wrong", _exposures(propensity=0.1)), _asked())
    assert "do not fit" in wrong.why
    sure = of_plan(_shop(tiny_store.snapshot(), tmp_path / "sure", _exposures(propensity=1.0)), _asked())
    assert "left to chance" in sure.why
    few = of_plan(_shop(tiny_store.snapshot(), tmp_path / "few", _exposures(n=40)), _asked())
    assert not few.supported
    assert "comparable past decisions" in few.why
