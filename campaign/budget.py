"""Sharing a budget among channels: money goes where it brings most, and what would not pay is kept."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import brentq

from data.errors import CampaignError

if TYPE_CHECKING:
    from models.response import ResponseModel

CHANNELS = ("email", "sms", "google", "facebook", "instagram", "tiktok")
"""Channels that a campaign may use even where the shop has no history of them."""
OBJECTIVES = ("profit", "revenue", "orders", "clicks")
LARGEST_BUDGET = 1e9
DAYS = 28
SATURATED = 5.0
"""Scales of spend beyond which a channel gives nothing more: 1 − exp(−5) is 99% of its ceiling."""
_CENT = 0.01


@dataclass(frozen=True)
class Allocation:
    """A budget by channel.

    `rows`: channel, spend, share (of what is spent), expected (in the objective's unit), return (revenue a unit of
    money spent), low, high (80% interval of expected), assumed (True where the channel has no history, so the money
    is an even part and the rest NaN). `expected`, `low`, `high` are of the channels with a history together; `totals`
    the same spend in profit, revenue, orders and clicks, as far as known. `kept` stays unspent since it would not pay.
    """

    rows: pd.DataFrame
    objective: str
    budget: float
    spend: float
    kept: float
    expected: float
    low: float
    high: float
    totals: Mapping[str, float]
    days: int
    assumed: bool


def allocate(
    response: ResponseModel,
    *,
    budget: float,
    channels: Sequence[str] | None = None,
    objective: str = "profit",
    margin: float,
    days: int = DAYS,
    least: Mapping[str, float] | None = None,
) -> Allocation:
    """The split of `budget` over `days` with the largest expected `objective`.

    The curves are concave, so at the optimum every channel that gets money has the same marginal return (Dorfman and
    Steiner, 1954); one root search finds it. With profit money is kept once a further unit brings back less than
    itself; with the other objectives, once a channel is saturated. `margin` is the share of revenue that is not cost.
    Channels without history get an even part of the budget, and the allocation says that it is assumed. `least` is
    what is spent on a channel whatever it brings; all of it must fit into the budget. Raises
    `CampaignError` for a budget, channel, objective, margin or number of days that cannot stand.
    """
    _check(budget, objective, margin, days)
    chosen = _chosen(response, channels)
    curves = {c: response.curve(c, objective, margin=margin) for c in chosen if response.knows(c, objective)}
    blind = [channel for channel in chosen if channel not in curves]
    even = math.floor(budget / len(chosen) / _CENT) * _CENT
    floors = dict(least or {})
    spends = {channel: max(even, floors.get(channel, 0.0)) for channel in blind}
    if curves:
        known = max(budget - sum(spends.values()), sum(floors.get(channel, 0.0) for channel in curves))
        spends |= optimal_split(curves, known, days, worth=1.0 if objective == "profit" else 0.0, least=floors)
    elif blind and not floors:
        spends[blind[0]] += budget - even * len(blind)  # the odd cent
    spends = {channel: round(spend, 2) for channel, spend in spends.items()}
    spent = round(sum(spends.values()), 2)
    rows = [_row(response, c, spends[c], objective, margin=margin, days=days) for c in chosen]
    table = pd.DataFrame(rows)
    table.insert(2, "share", table["spend"] / spent if spent else 0.0)
    measured = {channel: spends[channel] for channel in curves}
    nothing = (math.nan, math.nan, math.nan)
    expected, low, high = response.total(measured, objective, margin=margin, days=days) if measured else nothing
    return Allocation(
        rows=table,
        objective=objective,
        budget=float(budget),
        spend=spent,
        kept=round(max(budget - spent, 0.0), 2),
        expected=expected,
        low=low,
        high=high,
        totals=_totals(response, measured, margin, days),
        days=days,
        assumed=bool(blind),
    )


def hedged_shares(ceilings: NDArray[np.float64], scales: NDArray[np.float64], budget: float) -> NDArray[np.float64]:
    """Shares of `budget` by channel, summing to 1: the mean of the best splits under each of several equally likely
    curves, each array (draws, channels), so that a channel of which little is known is neither all in nor all out."""
    shares = np.zeros(ceilings.shape[1])
    for ceiling, scale in zip(ceilings, scales, strict=True):
        curves = {str(place): (float(c), float(s)) for place, (c, s) in enumerate(zip(ceiling, scale, strict=True))}
        spends = np.array(list(optimal_split(curves, budget, 1, worth=0.0).values()))
        shares += spends / max(float(spends.sum()), 1e-12)
    return np.asarray(shares / shares.sum())


def _check(budget: float, objective: str, margin: float, days: int) -> None:
    if not math.isfinite(budget) or budget <= 0:
        raise CampaignError(f"a budget of {budget:,.2f} cannot be spent; give an amount above 0")
    if budget > LARGEST_BUDGET:
        raise CampaignError(f"a budget of {budget:,.0f} is out of all proportion; give at most {LARGEST_BUDGET:,.0f}")
    if budget < _CENT * len(CHANNELS):
        raise CampaignError(f"a budget of {budget:g} is too small to share out; give at least 1")
    if objective not in OBJECTIVES:
        raise CampaignError(f"no objective {objective}; choose one of {', '.join(OBJECTIVES)}")
    if not 0 <= margin <= 1:
        raise CampaignError(f"a margin of {margin:g} is not possible; give a share of revenue between 0 and 1")
    if days < 1:
        raise CampaignError(f"a campaign of {days} days cannot spend anything; give at least 1 day")


def _chosen(response: ResponseModel, channels: Sequence[str] | None) -> list[str]:
    known = list(response.channels)
    if not channels:
        if not known:
            raise CampaignError(f"this shop has no advertising history, so name the channels, of {', '.join(CHANNELS)}")
        return known
    possible = {name.casefold(): name for name in [*CHANNELS, *known]}
    chosen = []
    for channel in channels:
        name = possible.get(channel.strip().casefold())
        if name is None:
            raise CampaignError(f"no channel {channel}; choose among {', '.join(sorted(set(possible.values())))}")
        chosen.append(name)
    return list(dict.fromkeys(chosen))


def optimal_split(
    curves: Mapping[str, tuple[float, float]],
    budget: float,
    days: int,
    *,
    worth: float,
    least: Mapping[str, float] | None = None,
) -> dict[str, float]:
    """Spend by channel with Σ spend ≤ budget, each at the same marginal gain, which is at least `worth`.

    `curves`: (ceiling a day, scale in money a day) of each channel's ceiling · (1 − exp(−spend / scale)). A channel
    never gets less than its `least`, whatever its gain.
    """
    names = list(curves)
    ceilings, scales = (np.array([curves[name][part] for name in names]) * days for part in (0, 1))
    floors = np.array([(least or {}).get(name, 0.0) for name in names])
    first = np.log(np.maximum(ceilings / scales, 1e-300))
    """Logarithm of what the first unit of money brings; the gain falls from there as exp(−spend / scale)."""

    def spend_at(log_gain: float) -> NDArray[np.float64]:
        return np.asarray(np.maximum(np.clip(scales * (first - log_gain), 0.0, SATURATED * scales), floors))

    def rounded(log_gain: float) -> dict[str, float]:
        return {name: _floor_cent(float(x)) for name, x in zip(names, spend_at(log_gain), strict=True)}

    top, bottom = float(first.max()), float(first.min()) - SATURATED
    lowest = max(bottom, math.log(worth)) if worth > 0 else bottom
    if spend_at(lowest).sum() <= budget:
        return rounded(lowest)
    if floors.sum() >= budget:
        return rounded(top)
    spends = rounded(brentq(lambda g: float(spend_at(g).sum()) - budget, lowest, top, xtol=1e-12))
    largest = max(names, key=lambda name: spends[name])
    spends[largest] += max(budget - sum(spends.values()), 0.0)
    return spends


def _floor_cent(amount: float) -> float:
    return math.floor(amount / _CENT + 1e-9) * _CENT


def _row(
    response: ResponseModel, channel: str, spend: float, objective: str, *, margin: float, days: int
) -> dict[str, object]:
    expected = low = high = back = math.nan
    if response.knows(channel, objective):
        expected, low, high = response.value(channel, spend, objective, margin=margin, days=days)
    if spend > 0 and response.knows(channel, "revenue"):
        back = response.value(channel, spend, "revenue", days=days)[0] / spend
    return {
        "channel": channel,
        "spend": spend,
        "expected": expected,
        "return": back,
        "low": low,
        "high": high,
        "assumed": not response.knows(channel, objective),
    }


def _totals(response: ResponseModel, spends: Mapping[str, float], margin: float, days: int) -> dict[str, float]:
    """What the spend brings in each objective that all its channels know."""
    return {
        objective: response.total(spends, objective, margin=margin, days=days)[0]
        for objective in OBJECTIVES
        if spends and all(response.knows(channel, objective) for channel in spends)
    }
