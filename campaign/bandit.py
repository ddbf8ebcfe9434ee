"""Moving messages to what works while a campaign runs: a contextual bandit that logs its own propensities.

Linear Thompson sampling (Agrawal and Goyal 2013) by `mabwiser`. How likely each action is comes from many draws of the
posterior, mixed with a floor of pure chance; the action is then drawn from exactly these probabilities, so that what is
logged as a propensity is one. Nothing is kept in memory between batches: a batch follows from the log and the seed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from sqlalchemy import select, update

from campaign.estimators import Array
from data.errors import CampaignError
from data.operations import Exposure, LiveEvent
from data.schema import conform

if TYPE_CHECKING:
    from data.operations import Operations

DRAWS = 200
"""Draws of the posterior that a propensity is counted from."""


@dataclass(frozen=True)
class Policy:
    """What may be done, and how boldly: `floor` is the share of decisions left to pure chance among `actions`.

    `scale` is about the standard deviation of a reward, in its unit; rewards are divided by it.
    """

    name: str
    actions: tuple[str, ...]
    scale: float = 1.0
    floor: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        """Checks that there is something to choose, and that every action stays possible."""
        if len(set(self.actions)) < 2 or not 0 < self.floor <= 1 or not self.scale > 0:
            raise CampaignError(
                "a policy needs two different actions or more, a floor above 0 and up to 1, and a scale above 0"
            )


@dataclass(frozen=True)
class Past:
    """Settled decisions: what was known (n, columns), the actions taken, and the rewards."""

    known: Array
    actions: np.ndarray
    rewards: Array


def propensities(policy: Policy, past: Past | None, known: Array, *, batch: int) -> Array:
    """How likely each action is for each customer of a batch, (n, actions); rows sum to 1, none below floor/actions.

    Without a past, every action is as likely as any other.
    """
    from mabwiser.mab import MAB, LearningPolicy

    number, width = len(known), len(policy.actions)
    if past is None or not len(past.rewards) or not number:
        return np.full((number, width), 1 / width)
    middle, spread = past.known.mean(axis=0), past.known.std(axis=0)
    spread = np.where(spread > 1e-9, spread, np.inf)

    def prepared(values: Array) -> Array:
        return np.column_stack([np.ones(len(values)), (values - middle) / spread])

    mab = MAB(list(policy.actions), LearningPolicy.LinTS(alpha=1.0), seed=_seed(policy, batch) % 2**31)
    level = past.rewards.mean()
    mab.fit(past.actions, (past.rewards - level) / policy.scale, prepared(past.known))
    chosen = np.asarray(mab.predict(np.repeat(prepared(known), DRAWS, axis=0))).reshape(number, DRAWS)
    won = np.stack([(chosen == action).mean(axis=1) for action in policy.actions], axis=1)
    return np.asarray((1 - policy.floor) * won + policy.floor / width)


def decide(
    policy: Policy, past: Past | None, customers: Sequence[str], known: Array, *, batch: int, at: datetime
) -> pd.DataFrame:
    """A batch's decisions as rows of the canonical table `exposures`, rewards still unknown.

    The same policy, past, customers and batch always give the same decisions.
    """
    chances = propensities(policy, past, known, batch=batch)
    draws = np.random.default_rng([_seed(policy, batch), 1]).random((len(customers), 1))
    taken = np.minimum((chances.cumsum(axis=1) < draws).sum(axis=1), len(policy.actions) - 1)
    return pd.DataFrame(
        {
            "decision_id": [f"{policy.name}/{batch:04d}/{customer}" for customer in customers],
            "at": pd.Timestamp(at),
            "policy": policy.name,
            "customer_id": list(customers),
            "action": np.asarray(policy.actions, dtype=object)[taken],
            "propensity": chances[np.arange(len(customers)), taken],
            "reward": np.nan,
        }
    )


def record(operations: Operations, decisions: pd.DataFrame) -> None:
    """Keeps decisions; one that is kept already stays as it is, so that a batch may be recorded again."""
    with operations.session() as session:
        there: set[str] = set()
        for policy in decisions["policy"].unique():  # by policy: a database takes only so many ids in one question
            there |= set(session.scalars(select(Exposure.decision_id).where(Exposure.policy == str(policy))))
        for row in decisions.itertuples():
            if row.decision_id not in there:
                session.add(
                    Exposure(
                        decision_id=str(row.decision_id),
                        at=pd.Timestamp(str(row.at)).to_pydatetime(),
                        policy=str(row.policy),
                        customer_id=str(row.customer_id),
                        action=str(row.action),
                        propensity=float(str(row.propensity)),
                    )
                )


def settle(
    operations: Operations, policy: str, *, as_of: datetime, days: float, margin: float = 1.0, costs: dict[str, float]
) -> int:
    """Gives decisions whose `days` have passed their reward from the live events; how many were settled.

    The reward is what the customer paid within the days, times the margin, less the action's cost.
    """
    with operations.session() as session:
        open_ones = session.scalars(
            select(Exposure)
            .where(Exposure.policy == policy, Exposure.reward.is_(None), Exposure.at <= as_of - timedelta(days=days))
            .order_by(Exposure.decision_id)
        ).all()
        if not open_ones:
            return 0
        bought = pd.DataFrame(
            session.execute(
                select(LiveEvent.customer_id, LiveEvent.at, LiveEvent.quantity, LiveEvent.unit_price).where(
                    LiveEvent.kind == "purchase", LiveEvent.at >= min(one.at for one in open_ones)
                )
            ).all(),
            columns=["customer_id", "at", "quantity", "unit_price"],
        )
        paid = bought["quantity"].astype("float64").fillna(1.0) * bought["unit_price"].astype("float64").fillna(0.0)
        by_customer = {str(c): rows for c, rows in bought.assign(paid=paid).groupby("customer_id")}
        for one in open_ones:
            rows, until = by_customer.get(one.customer_id), one.at + timedelta(days=days)
            money = 0.0 if rows is None else float(rows.loc[rows["at"].between(one.at, until, "left"), "paid"].sum())
            session.execute(
                update(Exposure)
                .where(Exposure.decision_id == one.decision_id)
                .values(reward=margin * money - costs.get(one.action, 0.0))
            )
        return len(open_ones)


def reward(operations: Operations, policy: str, rewards: Mapping[str, float]) -> int:
    """Keeps rewards by decision id, new or corrected; how many. Raises `CampaignError` for a decision never made."""
    with operations.session() as session:
        for decision_id, value in rewards.items():
            one = session.get(Exposure, decision_id)
            if one is None or one.policy != policy:
                raise CampaignError(f"{policy} never made the decision {decision_id}: take the ids from its batches")
            one.reward = value
    return len(rewards)


def logged(operations: Operations, policy: str) -> pd.DataFrame:
    """The policy's decisions so far, as the canonical table `exposures`, in order."""
    with operations.session() as session:
        rows = session.scalars(select(Exposure).where(Exposure.policy == policy).order_by(Exposure.decision_id)).all()
        columns = ["decision_id", "at", "policy", "customer_id", "action", "propensity", "reward"]
        frame = pd.DataFrame([[getattr(row, column) for column in columns] for row in rows], columns=columns)
    return conform("exposures", frame)


def _seed(policy: Policy, batch: int) -> int:
    words = f"{policy.name}\0{policy.seed}\0{batch}".encode()
    return int.from_bytes(hashlib.sha256(words).digest()[:8])
