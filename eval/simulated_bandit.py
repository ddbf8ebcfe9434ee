"""A campaign that moves its messages to what works, on the demo shop's truth: what it earns, and its log's worth."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pandas as pd

from campaign.bandit import Past, Policy, decide
from campaign.estimators import Array
from campaign.off_policy import Decisions, Targets, value
from data.demo_people import ACTIONS
from data.demo_shop import MESSAGE_COST, DemoShop
from eval.task import Inputs
from eval.trials import Trials

BATCHES, SIZE = 12, 200
_ORDER = 20.0
"""Profit of an order without a message; only its noise matters here."""
_AT = datetime(2026, 10, 1)


def earned(demo: DemoShop, runs: int, inputs: Inputs) -> Trials:
    """Of `runs` campaigns: expected profit per 1,000 contacts of the bandit and of an even split, its floor.

    `bandit_coverage` is the share of off-policy intervals, of each message to everyone, from the bandit's own log, that
    hold the truth.
    """
    trials, even = Trials(), Trials()
    ids, known, alone, chance, profit = _truth(demo)
    for run in range(runs):
        inputs.report("bandits", run, runs)
        rng = np.random.default_rng([inputs.seed, 5, run])
        chosen = rng.choice(len(ids), BATCHES * SIZE, replace=len(ids) < BATCHES * SIZE)
        policy = Policy(f"run {run}", ACTIONS, scale=_ORDER / 2, seed=inputs.seed)
        parts, past = [], None
        for batch in range(BATCHES):
            rows = chosen[batch * SIZE : (batch + 1) * SIZE]
            made = decide(policy, past, [ids[row] for row in rows], known[rows], batch=batch, at=_AT)
            taken = np.array([ACTIONS.index(one) for one in made["action"]])
            rewards = _drawn(rng, alone[rows], chance[rows, taken], profit[rows, taken], taken)
            parts.append(made.assign(reward=rewards, gain=profit[rows, taken]))
            log = pd.concat(parts)
            past = Past(known[chosen[: len(log)]], log["action"].to_numpy(object), log["reward"].to_numpy("float64"))
        trials.value("bandit_profit", 1000 * float(log["gain"].mean()))
        even.value("bandit_profit", 1000 * float(profit[chosen].mean()))
        trials.value("bandit_gain", 1000 * float(log["gain"].mean() - profit[chosen].mean()))
        _check(trials, log, known[chosen], profit[chosen])
    trials.floors["even split"] = even.metrics()
    return trials


def _check(trials: Trials, log: pd.DataFrame, known: Array, profit: Array) -> None:
    """Whether the log, read off-policy, holds what each message to everyone would earn."""
    ids = log["customer_id"].to_numpy(str)
    weights = 1 / log["propensity"].to_numpy("float64")
    decisions = Decisions(ids, log["action"].to_numpy(str), weights, log["reward"].to_numpy("float64"), known)
    for place, action in enumerate(ACTIONS[1:], start=1):
        targets = Targets(ids, np.full(len(ids), action), known)
        found = value(decisions, targets, {action: np.ones(len(ids))}).value
        trials.hit("bandit_coverage", found.low <= float(profit[:, place].mean()) <= found.high)


def _truth(demo: DemoShop) -> tuple[list[str], Array, Array, Array, Array]:
    """Ids of the mailable, what is known of them, their chance to buy alone, and by action chance and extra profit."""
    people = demo.tables["customers"]
    mailable = people["consent_email"].eq(True).fillna(False) & people["email"].notna()
    ids = [str(one) for one in people.loc[mailable.to_numpy(bool), "customer_id"]]
    events = demo.tables["events"]
    bought = events[(events["kind"] == "purchase") & events["customer_id"].isin(ids)]
    grouped = bought.groupby(bought["customer_id"].astype(str))
    quiet = (events["at"].max() - grouped["at"].max()).dt.days.reindex(ids).fillna(365)
    orders = grouped["order_id"].nunique().reindex(ids).fillna(0)
    known = np.log1p(np.column_stack([quiet.to_numpy("float64"), orders.to_numpy("float64")]))
    uplift = demo.truth["uplift"].pivot(index="customer_id", columns="action", values=["probability", "profit"])
    month = demo.truth["purchase"].set_index("customer_id")["probability"].loc[ids].to_numpy("float64")
    alone = 1 - (1 - month) ** (14 / 30)
    none = np.zeros(len(ids))
    change, profit = (
        np.column_stack([none, *(uplift.loc[ids, (what, one)].to_numpy("float64") for one in ACTIONS[1:])])
        for what in ("probability", "profit")
    )
    return ids, known, alone, np.clip(alone[:, None] + change, 0.001, 0.99), profit


def _drawn(rng: np.random.Generator, alone: Array, chance: Array, profit: Array, taken: np.ndarray) -> Array:
    """Rewards whose expectation is an order's profit alone plus the extra profit of what was done."""
    sent = MESSAGE_COST * (taken > 0)
    worth = (alone * _ORDER + profit + sent) / np.where(taken > 0, chance, np.maximum(alone, 0.001))
    bought = rng.random(len(alone)) < np.where(taken > 0, chance, np.maximum(alone, 0.001))
    return np.asarray(bought * worth * rng.lognormal(-0.125, 0.5, len(alone)) - sent)
