"""Off-policy estimates: right on average, covering the truth, and silent when the logs are."""

import numpy as np
import pandas as pd

from campaign.policy_value import estimate
from data.schema import conform, empty


def _log(rng: np.random.Generator, n: int = 1500, effect: float = 0.08) -> pd.DataFrame:
    """A log whose mailing chance and purchase rate both hang on the customer, so that plain means mislead."""
    keen = rng.random(n) < 0.5
    chance = np.where(keen, 0.8, 0.2)
    mailed = rng.random(n) < chance
    bought = rng.random(n) < np.where(keen, 0.3, 0.05) + effect * mailed
    return conform(
        "exposures",
        pd.DataFrame(
            {
                "decision_id": [f"d{i}" for i in range(n)],
                "at": pd.Timestamp("2026-01-05"),
                "policy": "p",
                "customer_id": [f"{i % (n // 2)}" for i in range(n)],
                "action": np.where(mailed, "email", "none"),
                "propensity": np.where(mailed, chance, 1 - chance),
                "reward": bought.astype(float),
            }
        ),
    )


def test_the_estimate_finds_the_effect_where_plain_means_do_not() -> None:
    log = _log(np.random.default_rng(5), n=20_000)
    everyone = set(log["customer_id"])
    found = estimate(log, everyone)
    plain = log.groupby("action")["reward"].mean()
    assert found.supported
    assert found.unit == "orders"
    assert found.scope == "audience"
    assert abs(found.value - 0.08) < 0.03
    assert abs(float(plain["email"] - plain["none"]) - 0.08) > 0.1
    assert found.low < found.value < found.high


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(6)
    hits = 0
    for _ in range(60):
        log = _log(rng, n=600)
        found = estimate(log, set(log["customer_id"]))
        hits += found.low <= 0.08 <= found.high
    assert hits >= 40  # 48 are expected, standard deviation 3


def test_the_same_log_gives_the_same_interval() -> None:
    log = _log(np.random.default_rng(7))
    assert estimate(log, {"1"}) == estimate(log, {"1"})


def test_few_own_decisions_fall_back_on_everyones() -> None:
    found = estimate(_log(np.random.default_rng(8)), {"1", "2"})
    assert found.supported
    assert found.scope == "everyone"


def test_logs_that_cannot_say_are_not_made_to() -> None:
    log = _log(np.random.default_rng(9))
    assert "no log" in estimate(empty("exposures"), {"1"}).why
    assert "sms" in estimate(log, {"1"}, channel="sms").why
    assert "with a discount" in estimate(log, {"1"}, offer=True).why
    assert "left alone" in estimate(log[log["action"] == "email"], {"1"}).why
    assert not estimate(log.head(20), {"1"}).supported


def test_an_offer_is_compared_with_past_offers_only() -> None:
    log = _log(np.random.default_rng(10))
    offers = log.assign(action=log["action"].replace("email", "email_discount"))
    assert estimate(offers, set(log["customer_id"]), offer=True).supported
    assert not estimate(offers, set(log["customer_id"]), offer=False).supported


def test_money_rewards_are_told_from_orders() -> None:
    log = _log(np.random.default_rng(11))
    found = estimate(log.assign(reward=log["reward"] * 20.0 - 0.03), set(log["customer_id"]))
    assert found.unit == "profit"
    assert found.value > 0.5
