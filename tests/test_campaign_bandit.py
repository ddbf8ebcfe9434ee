"""The bandit: true propensities, the same decisions from the same log, what it learns, and ads that move."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from campaign.bandit import Past, Policy, decide, logged, propensities, record, settle
from campaign.pacing import Day, factors, reallocate
from data.errors import CampaignError
from data.operations import LiveEvent, Operations

ACTIONS = ("none", "email", "email_discount")
NOON = datetime(2026, 10, 1, 12)


@pytest.fixture
def operations(tmp_path: Path) -> Iterator[Operations]:
    found = Operations(tmp_path / "shop.db")
    yield found
    found.close()


def _rewards(rng: np.random.Generator, known: np.ndarray, action: np.ndarray) -> np.ndarray:
    """Mail pays for those with x > 0 and costs for the others; a discount always costs."""
    mean = np.select([action == "email", action == "email_discount"], [np.sign(known[:, 0]), -1.0], 0.0)
    return np.asarray(mean + rng.normal(0, 1, len(known)))


def _run(policy: Policy, batches: int = 6, size: int = 60) -> tuple[pd.DataFrame, np.ndarray]:
    rng, past, parts, seen = np.random.default_rng(1), None, [], []
    for batch in range(batches):
        known = rng.normal(size=(size, 1))
        made = decide(policy, past, [f"{batch}-{n}" for n in range(size)], known, batch=batch, at=NOON)
        parts.append(made.assign(reward=_rewards(rng, known, made["action"].to_numpy(object))))
        seen.append(known)
        log = pd.concat(parts)
        past = Past(np.vstack(seen), log["action"].to_numpy(object), log["reward"].to_numpy())
    return pd.concat(parts), np.vstack(seen)


def test_the_first_batch_is_pure_chance_and_later_ones_learn() -> None:
    log, known = _run(Policy("p", ACTIONS))
    assert (log["propensity"].head(60) == 1 / 3).all()
    later, x = log.tail(120), known[-120:, 0]
    assert (later.loc[x > 0.5, "action"] == "email").mean() > 0.7
    assert (later.loc[x < -0.5, "action"] == "none").mean() > 0.6
    assert log["reward"].tail(120).mean() > log["reward"].head(60).mean() + 0.2
    assert log["propensity"].min() >= 0.1 / 3 - 1e-12


def test_what_is_logged_is_the_chance_that_it_was_taken_with() -> None:
    rng = np.random.default_rng(2)
    past_known = rng.normal(size=(90, 1))
    taken = np.array(ACTIONS, dtype=object)[np.arange(90) % 3]
    past = Past(past_known, taken, _rewards(rng, past_known, taken))
    policy, known = Policy("p", ACTIONS), rng.normal(size=(4000, 1))
    chances = propensities(policy, past, known, batch=3)
    assert chances.sum(axis=1) == pytest.approx(1.0)
    made = decide(policy, past, [f"{n}" for n in range(4000)], known, batch=3, at=NOON)
    for place, action in enumerate(ACTIONS):
        own = (made["action"] == action).to_numpy()
        assert made.loc[own, "propensity"].to_numpy() == pytest.approx(chances[own, place])
        assert own.mean() == pytest.approx(chances[:, place].mean(), abs=0.03)


def test_the_same_log_gives_the_same_decisions() -> None:
    first, again = _run(Policy("p", ACTIONS))[0], _run(Policy("p", ACTIONS))[0]
    pd.testing.assert_frame_equal(first, again)
    assert not first["action"].equals(_run(Policy("p", ACTIONS, seed=1))[0]["action"])


def test_decisions_are_kept_once_and_settled_by_live_events(operations: Operations) -> None:
    made = decide(Policy("p", ACTIONS), None, ["1", "2", "3"], np.zeros((3, 1)), batch=0, at=NOON)
    record(operations, made)
    record(operations, made.assign(action="email"))
    kept = logged(operations, "p")
    assert list(kept["action"]) == list(made["action"])
    assert kept["reward"].isna().all()
    with operations.session() as session:
        for days in (1, 2, 20):
            at = NOON + timedelta(days=days)
            session.add(
                LiveEvent(
                    event_id=f"e{days}", at=at, customer_id="2", kind="purchase", product_id=None, quantity=2.0,
                    unit_price=10.0, order_id=None,
                )
            )  # fmt: skip
    costs = {"email": 0.5, "email_discount": 0.5}
    early = NOON + timedelta(days=3)
    assert settle(operations, "p", as_of=early, days=14, costs=costs) == 0
    late = NOON + timedelta(days=21)
    assert settle(operations, "p", as_of=late, days=14, margin=0.5, costs=costs) == 3
    assert settle(operations, "p", as_of=late, days=14, margin=0.5, costs=costs) == 0
    paid = logged(operations, "p").set_index("customer_id")
    assert paid.loc["2", "reward"] == 20.0 - costs.get(str(paid.loc["2", "action"]), 0.0)
    assert paid.loc["1", "reward"] == -costs.get(str(paid.loc["1", "action"]), 0.0)
    assert logged(operations, "another").empty


@pytest.mark.parametrize(
    "wishes", [{"actions": ("email", "email")}, {"actions": ACTIONS, "floor": 0.0}, {"actions": ACTIONS, "scale": 0.0}]
)
def test_a_policy_without_a_choice_is_refused(wishes: dict[str, object]) -> None:
    with pytest.raises(CampaignError, match="two different actions"):
        Policy("p", **wishes)  # type: ignore[arg-type]


CURVES = {"google": (10.0, 50.0), "tiktok": (10.0, 50.0)}


def test_money_moves_to_the_channel_that_does_better_than_thought() -> None:
    even = reallocate(CURVES, [], 60.0)
    assert sum(even.values()) == pytest.approx(60.0)
    assert even["google"] == pytest.approx(30.0, abs=6.0)
    day = {"google": Day(30.0, 9.0), "tiktok": Day(30.0, 1.0)}
    after = reallocate(CURVES, [day] * 5, 60.0)
    assert after == reallocate(CURVES, [day] * 5, 60.0)
    assert sum(after.values()) == pytest.approx(60.0)
    assert after["google"] > 38
    assert after["tiktok"] > 0
    shape, rate = factors(CURVES, [day] * 5)["google"]
    assert shape / rate > 1.3


def test_nothing_to_share_out_is_said() -> None:
    with pytest.raises(CampaignError, match="nothing to share out"):
        reallocate(CURVES, [], 0.0)
    with pytest.raises(CampaignError, match="no response curve of pigeon"):
        reallocate(CURVES, [{"pigeon": Day(1.0, 1.0)}], 10.0)
