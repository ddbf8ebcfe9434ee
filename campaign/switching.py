"""A bandit as a person runs it: planned once, asked batch by batch, judged from its own log.

`campaign.bandit` decides and keeps the decisions; here is what a person sets, and what the log says of each action.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from campaign import plan_files
from campaign.bandit import Past, Policy
from campaign.contact import DIRECT, reach
from campaign.policy_value import known_before
from data.errors import CampaignError

if TYPE_CHECKING:
    from data.operations import Operations
    from data.store import Snapshot

_CHANNEL = re.compile(rf"({'|'.join(DIRECT)})(?![a-z])")
_FEWEST = 30
"""Settled decisions of an action below which nothing is said of it."""


@dataclass(frozen=True)
class Switching:
    """What a person planned: actions with their cost each, the days in which an answer counts, the share of revenue
    that is kept, and about how much a customer brings (`scale`), all money in the shop's currency."""

    name: str
    costs: Mapping[str, float]
    days: float
    margin: float
    scale: float
    floor: float = 0.1

    @property
    def policy(self) -> Policy:
        """The policy that decides."""
        return Policy(self.name, tuple(self.costs), scale=self.scale, floor=self.floor)

    @property
    def channels(self) -> list[str]:
        """Channels that its actions name, such as sms of "sms" or "sms-short", and that need a person's consent."""
        named = {match.group(1) for action in self.costs if (match := _CHANNEL.match(action.casefold()))}
        return [channel for channel in DIRECT if channel in named]

    def to_json(self) -> str:
        """The plan as a file."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=1)


@dataclass(frozen=True)
class Standing:
    """An action so far: decisions, those settled, its share of the last batch, and the mean reward of a decision had
    everyone got it, with a 95% interval (NaN where too few are settled)."""

    action: str
    decided: int
    settled: int
    share: float
    mean: float
    low: float
    high: float


def planned(
    name: str, costs: Mapping[str, float], *, days: float, margin: float, scale: float, floor: float
) -> Switching:
    """A checked plan. Raises `CampaignError` for what cannot be."""
    plan_files.checked(name)
    if not days > 0:
        raise CampaignError(f"{days:g} days are no time to answer in: give a number above 0")
    if not 0 < margin <= 1:
        raise CampaignError(f"a margin of {margin:g} is not possible: give a share of revenue above 0 and up to 1")
    made = Switching(name, dict(costs), days, margin, scale, floor)
    _ = made.policy  # checks actions, floor and scale
    return made


def read(folder: Path, name: str) -> Switching:
    """The plan of a name. Raises `CampaignError` where there is none."""
    path = plan_files.find(folder, name)
    try:
        return Switching(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise CampaignError(f"{path} is damaged ({error}); plan the bandit anew under another name") from error


def reachable(plan: Switching, snapshot: Snapshot, operations: Operations, customers: Sequence[str]) -> list[str]:
    """The customers whom every channel of the plan may reach: consent is recorded, and the address known.

    The others are no part of it, rather than part of it with fewer actions: else an action would be compared with
    what was done to other people.
    """
    ways = reach(snapshot, operations, list(customers))
    open_to = ways[plan.channels].all(axis=1)
    return [str(customer) for customer in ways.index[open_to]]


def past(snapshot: Snapshot, log: pd.DataFrame) -> Past | None:
    """The settled decisions of a log, None while there are none."""
    settled = log[log["reward"].notna()]
    if settled.empty:
        return None
    return Past(
        known_before(snapshot, settled), settled["action"].to_numpy(object), settled["reward"].to_numpy("float64")
    )


def standings(plan: Switching, log: pd.DataFrame) -> list[Standing]:
    """Each action by its log: rewards weighted by 1/propensity and normalised (Hájek 1971), errors over customers."""
    settled = log[log["reward"].notna()]
    last = log[log["at"] == log["at"].max()] if len(log) else log
    return [_standing(action, log, settled, last) for action in plan.costs]


def _standing(action: str, log: pd.DataFrame, settled: pd.DataFrame, last: pd.DataFrame) -> Standing:
    own = settled[settled["action"] == action]
    mean = low = high = float("nan")
    if len(own) >= _FEWEST:
        weights = 1 / own["propensity"].to_numpy("float64")
        rewards = own["reward"].to_numpy("float64")
        mean = float(np.average(rewards, weights=weights))
        parts = pd.Series(weights * (rewards - mean)).groupby(own["customer_id"].to_numpy(str)).sum()
        half = 1.96 * float(np.sqrt((parts**2).sum())) / float(weights.sum())
        low, high = mean - half, mean + half
    share = float((last["action"] == action).mean()) if len(last) else float("nan")
    return Standing(action, int((log["action"] == action).sum()), len(own), share, mean, low, high)
