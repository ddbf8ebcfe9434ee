"""The hold-out: who is left alone, how many, what they can show, and the verdict when time has passed."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.stats import norm

from data.errors import CampaignError

SMALLEST_SHARE, USUAL_SHARE, LARGEST_SHARE = 0.10, 0.15, 0.30


@dataclass(frozen=True)
class Assignment:
    """Who is contacted and who is left alone; both in the order of the ids' hash, so by chance."""

    treated: tuple[str, ...]
    holdout: tuple[str, ...]

    @property
    def share(self) -> float:
        """Share of the customers that is held out."""
        everyone = len(self.treated) + len(self.holdout)
        return len(self.holdout) / everyone if everyone else 0.0


@dataclass(frozen=True)
class Difference:
    """Difference of two purchase rates (treated − held out) with a confidence interval, all as shares."""

    treated_rate: float
    holdout_rate: float
    lift: float
    low: float
    high: float


def assign(campaign_id: str, customer_ids: Sequence[str], share: float) -> Assignment:
    """Splits customers by a hash of campaign and customer: the `share` with the lowest hashes is held out.

    The same campaign and customers always give the same split, whatever the order of `customer_ids`; another
    campaign gives an independent one. The hold-out has exactly round(share × n) members.
    """
    if not 0 <= share < 1:
        raise CampaignError(f"a hold-out share of {share:g} cannot be; give a share from 0 to below 1")
    ordered = sorted(set(customer_ids), key=lambda c: (hashlib.sha256(f"{campaign_id}\0{c}".encode()).digest(), c))
    held = round(share * len(ordered))
    return Assignment(treated=tuple(ordered[held:]), holdout=tuple(ordered[:held]))


def detectable_effect(
    treated: int, holdout: int, baseline: float, *, level: float = 0.05, power: float = 0.8
) -> float | None:
    """Smallest difference of purchase rates that two groups can show (two-sided `level`, given `power`).

    Normal approximation: the d with d = (z_{1−level/2} + z_{power}) √(p₁(1−p₁)/n₁ + p₀(1−p₀)/n₀), p₁ = p₀ + d,
    found by iteration; the baseline p₀ is kept inside 0.5%–99.5%, since no one knows it better. None when a group
    is empty.
    """
    if treated < 1 or holdout < 1:
        return None
    rate = min(max(baseline, 0.005), 0.995)
    quantiles = float(norm.ppf(1 - level / 2) + norm.ppf(power))
    effect = 0.0
    for _ in range(20):
        raised = min(rate + effect, 1.0)
        effect = quantiles * math.sqrt(raised * (1 - raised) / treated + rate * (1 - rate) / holdout)
    return effect


def holdout_share(customers: int, baseline: float, effect: float) -> float:
    """Share to hold out: the smallest from 10% to 30% that can show `effect`, else the usual 15%.

    Where even 30% cannot show the effect, a larger hold-out would cost sales and still teach too little.
    """
    for percent in range(round(100 * SMALLEST_SHARE), round(100 * LARGEST_SHARE) + 1):
        held = round(percent / 100 * customers)
        smallest = detectable_effect(customers - held, held, baseline)
        if smallest is not None and smallest <= effect:
            return percent / 100
    return USUAL_SHARE


def difference(
    treated_buyers: int, treated: int, holdout_buyers: int, holdout: int, *, level: float = 0.05
) -> Difference:
    """Difference of two purchase rates with Newcombe's hybrid score interval (1998, method 10).

    It keeps its level for the small counts of campaigns, where the normal interval does not. Raises
    `CampaignError` when a group is empty.
    """
    if treated < 1 or holdout < 1:
        raise CampaignError("there is no hold-out or nobody was contacted, so nothing can be compared")
    rate_t, low_t, high_t = _wilson(treated_buyers, treated, level)
    rate_h, low_h, high_h = _wilson(holdout_buyers, holdout, level)
    lift = rate_t - rate_h
    low = lift - math.hypot(rate_t - low_t, high_h - rate_h)
    high = lift + math.hypot(high_t - rate_t, rate_h - low_h)
    return Difference(rate_t, rate_h, lift, low, high)


def _wilson(hits: int, trials: int, level: float) -> tuple[float, float, float]:
    z = float(norm.ppf(1 - level / 2))
    rate = hits / trials
    centre = (rate + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z * math.sqrt(rate * (1 - rate) / trials + z * z / (4 * trials**2)) / (1 + z * z / trials)
    return rate, centre - half, centre + half
