"""Logs of messages whose truth is known: does the off-policy interval hold it?

Two kinds: a small world made for the purpose, where logged and present customers differ and the reward model is a
little wrong; and demo shops, each with its own log and its own truth.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd

from campaign.estimators import Array
from campaign.off_policy import NONE, Decisions, Targets, likeness, value
from campaign.plan import Member, Plan
from campaign.policy_value import of_plan
from data.demo_shop import generate
from data.store import Store
from eval.task import Inputs
from eval.trials import Trials
from models.uplift import covariates

ACTIONS = (NONE, "email", "email with a discount")
CUSTOMERS, ROUNDS, WANTED = 1200, 3, 400
_OFF, _MARGIN, _COST = 0.15, 0.40, 0.03
_DEMO: dict[str, int] = {"customers": 1000, "products": 100, "months": 10}


@dataclass
class World:
    """Customers x = (days since the last order, orders so far, openness), whose chance of an order bends with x.

    A message adds an amount that hangs on x, a discount adds more and costs margin; what an order is worth is
    lognormal. Some buy three times as often as others who look the same, so that decisions of one customer depend on
    each other.
    """

    rng: np.random.Generator

    def customers(self, number: int, *, quiet: float) -> Array:
        """x of `number` customers, `quiet` days since the last order on average; (number, 3), logarithms of counts."""
        rng = self.rng
        return np.column_stack(
            [np.log1p(rng.gamma(1.5, quiet / 1.5, number)), np.log1p(rng.poisson(4, number)), rng.normal(0, 1, number)]
        )

    def chances(self, x: Array, action: np.ndarray, eagerness: Array) -> Array:
        """The chance of an order."""
        alone = 0.22 * np.exp(-0.35 * np.maximum(x[:, 0] - 2.0, 0)) * (0.5 + 0.25 * x[:, 1]) * eagerness
        adds = np.clip(0.03 + 0.015 * x[:, 2] + 0.01 * (x[:, 0] - 3), 0, 0.12)
        return np.clip(alone + adds * np.choose(action, (0.0, 1.0, 1.8)), 0, 0.95)

    def worth(self, x: Array) -> Array:
        """Expected money of an order."""
        return np.asarray(30 + 6 * x[:, 1])

    def profit(self, x: Array, action: np.ndarray, eagerness: Array) -> Array:
        """Expected profit."""
        kept = np.choose(action, (_MARGIN, _MARGIN, _MARGIN - _OFF))
        return np.asarray(self.chances(x, action, eagerness) * self.worth(x) * kept - _COST * (action > 0))

    def log(self) -> tuple[Decisions, Array]:
        """Decisions of some rounds, and the eagerness of their customers."""
        rng, eager = self.rng, np.tile(self.rng.choice([0.5, 1.5], CUSTOMERS), ROUNDS)
        x = np.vstack([self.customers(CUSTOMERS, quiet=25.0) for _ in range(ROUNDS)])
        quiet = x[:, 0] > np.log1p(30)
        share = np.where(quiet[:, None], (0.2, 0.3, 0.5), (0.5, 0.3, 0.2))
        action = np.minimum((share.cumsum(axis=1) < rng.random((len(x), 1))).sum(axis=1), 2)
        bought = rng.random(len(x)) < self.chances(x, action, eager)
        noise = rng.lognormal(-0.32, 0.8, len(x))  # of mean one
        kept = np.choose(action, (_MARGIN, _MARGIN, _MARGIN - _OFF))
        rewards = bought * self.worth(x) * noise * kept - _COST * (action > 0)
        ids = np.tile([f"{n}" for n in range(CUSTOMERS)], ROUNDS)
        chance = share[np.arange(len(x)), action]
        return Decisions(ids, np.array(ACTIONS)[action], 1 / chance, rewards, x), eager[:CUSTOMERS]


def covered(runs: int, inputs: Inputs) -> Trials:
    """Of `runs` logs: whether the interval of a plan for quieter customers holds the truth.

    The floor weighs all past decisions alike, as if those customers were like today's.
    """
    trials, alike = Trials(), Trials()
    for number in range(runs):
        if number % 20 == 0:
            inputs.report("simulated logs", number, runs)
        world = World(np.random.default_rng([inputs.seed, 4, number]))
        decisions, eager = world.log()
        who = world.rng.permutation(CUSTOMERS)[:WANTED]
        x = world.customers(WANTED, quiet=60.0)
        action = np.where(x[:, 0] > np.log1p(60), 2, 1)
        truth = float((world.profit(x, action, eager[who]) - world.profit(x, np.zeros_like(action), eager[who])).mean())
        targets = Targets(who.astype(str), np.array(ACTIONS)[action], x)
        found = value(decisions, targets, likeness(decisions, targets)).value
        trials.hit("coverage", found.low <= truth <= found.high)
        low, high = found.within(0.8)
        trials.hit("coverage_80", low <= truth <= high)
        trials.value("off_policy_width", (found.high - found.low) / abs(truth))
        flat = {str(one): np.full(len(decisions.rewards), 1.0) for one in np.unique(targets.action)}
        flat = {one: v * ((targets.action == one).sum() / len(v)) for one, v in flat.items()}
        other = value(decisions, targets, flat).value
        alike.hit("coverage", other.low <= truth <= other.high)
    trials.floors["all past decisions alike"] = alike.metrics()
    return trials


def demo_covered(shops: int, inputs: Inputs) -> Trials:
    """Of `shops` demo shops: whether the interval of the extra orders of a plan holds the shop's own truth.

    Three audiences and two actions each; the truth is the change in the chance to buy within a fortnight.
    """
    trials = Trials()
    for number in range(shops):
        inputs.report("logs of demo shops", number, shops)
        demo = generate(seed=1000 + inputs.seed + number, **_DEMO)
        with tempfile.TemporaryDirectory(prefix="shopkeeper-logs-") as folder:
            snapshot = Store(Path(folder)).write(demo.tables, name=demo.name, currency=demo.currency, source="bench")
            truth = demo.truth["uplift"].pivot(index="customer_id", columns="action", values="probability")
            for customers in _audiences(snapshot, demo.tables["customers"]):
                for action, off in (("email", 0.0), ("email_discount", _OFF)):
                    found = of_plan(snapshot, _plan(customers, off), level=0.05)
                    trials.hit("demo_supported", found.supported)
                    if found.supported:
                        wanted = float(truth.loc[customers, action].sum())
                        trials.hit("demo_coverage", found.orders_low <= wanted <= found.orders_high)
                        trials.value("demo_bias", (found.orders - wanted) / len(customers))
    return trials


def _audiences(snapshot: Any, customers: pd.DataFrame) -> list[list[str]]:
    """Everyone mailable, those who bought within 30 days, and those who did not for 90."""
    mailable = customers["consent_email"].eq(True).fillna(False) & customers["email"].notna()
    ids = [str(one) for one in customers.loc[mailable.to_numpy(bool), "customer_id"]]
    known = covariates(snapshot, pd.DataFrame({"customer_id": ids, "at": snapshot.as_of}))
    quiet = np.expm1(known["last_order"].to_numpy("float64"))
    return [ids, *([one for one, yes in zip(ids, mask, strict=True) if yes] for mask in (quiet < 30, quiet > 90))]


def _plan(customers: list[str], off: float) -> Plan:
    """As much of a plan as the logs are asked about."""
    members = tuple(Member(one, "treated", "email", 1.0, offer=off) for one in customers)
    margin = SimpleNamespace(value=_MARGIN)
    wished = SimpleNamespace(
        members=members, discount=off, offer_of=lambda member: member.offer, window_days=14, margin=margin
    )
    return cast(Plan, wished)
