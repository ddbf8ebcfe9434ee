"""Moving a day's advertising money by what the day brought, between the channels' response curves and the news.

Each channel's curve is held to be right up to a factor of its own, a gamma variable that conversions (Poisson) update
day by day. Tomorrow's split is hedged over draws of the factors, so a channel that one bad day has hit is still tried.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from campaign.budget import hedged_shares
from data.errors import CampaignError

TRUST = 20.0
"""Expected conversions that a curve's past weighs as much as; fewer, and the news counts more."""
_FADE = 0.9
"""What a day's news still weighs a day later, since auctions and seasons move."""
_DRAWS = 40


@dataclass(frozen=True)
class Day:
    """What one channel spent and brought on one day."""

    spend: float
    conversions: float


def factors(
    curves: Mapping[str, tuple[float, float]], days: Sequence[Mapping[str, Day]]
) -> dict[str, tuple[float, float]]:
    """Each channel's factor on its curve, as (shape, rate) of a gamma distribution whose mean is shape/rate.

    `curves`: (ceiling, scale) of conversions a day = ceiling · (1 − exp(−spend / scale)); `days` oldest first.
    """
    found = dict.fromkeys(curves, (TRUST, TRUST))
    for day in days:
        if unknown := sorted(set(day) - set(curves)):
            raise CampaignError(f"no response curve of {unknown[0]}; the channels are {', '.join(sorted(curves))}")
        for channel, (ceiling, scale) in curves.items():
            shape, rate = (TRUST + _FADE * (part - TRUST) for part in found[channel])
            if channel in day:
                shape += day[channel].conversions
                rate += ceiling * (1 - float(np.exp(-day[channel].spend / scale)))
            found[channel] = (shape, rate)
    return found


def reallocate(
    curves: Mapping[str, tuple[float, float]], days: Sequence[Mapping[str, Day]], budget: float, *, seed: int = 0
) -> dict[str, float]:
    """Tomorrow's spend by channel, in whole cents summing to `budget`, after the results of `days`.

    The same days and seed always give the same split. Raises `CampaignError` for a budget that is not above zero, no
    curve, or results of a channel without one.
    """
    if not budget > 0 or not curves:
        raise CampaignError("there is nothing to share out: give a budget above 0 and a channel with a response curve")
    posterior = factors(curves, days)
    rng, names = np.random.default_rng([seed, len(days)]), list(curves)
    drawn = np.column_stack([rng.gamma(posterior[name][0], 1 / posterior[name][1], _DRAWS) for name in names])
    ceilings = drawn * np.array([curves[name][0] for name in names])
    scales = np.tile([curves[name][1] for name in names], (_DRAWS, 1))
    spends = np.floor(hedged_shares(ceilings, scales, budget) * budget * 100) / 100
    spends[int(spends.argmax())] += budget - spends.sum()
    return {name: round(float(spend), 2) for name, spend in zip(names, spends, strict=True)}
