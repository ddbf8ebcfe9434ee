"""The advertising part of a plan: what the messages leave of the budget, spent where the curves say it pays."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from campaign.budget import allocate
from campaign.optimise import Ad
from campaign.plan import Channel

if TYPE_CHECKING:
    from models.response import ResponseModel

_POINTS = 9


def ads_of(
    response: ResponseModel, *, channels: Sequence[str], margin: float, days: int, least: Mapping[str, float]
) -> tuple[Ad, ...]:
    """The advertising channels as the joint plan weighs them against messages.

    Those with a history by their curve. Those without get an even part of what the messages leave, so the others can
    have only the rest of it; a minimum spend is all that is counted on for them here.
    """
    known = [c for c in channels if response.knows(c, "profit")]
    made = []
    for channel in channels:
        if channel in known:
            ceiling, scale = response.curve(channel, "profit", margin=margin)
            made.append(Ad(ceiling * days, scale * days, least.get(channel, 0.0), len(known) / len(channels)))
        elif least.get(channel, 0.0) > 0:
            made.append(Ad(1e-9, 1.0, least[channel]))
    return tuple(made)


def allocate_paid(
    response: ResponseModel,
    *,
    budget: float,
    channels: Sequence[str],
    margin: float,
    days: int,
    least: Mapping[str, float] | None = None,
) -> tuple[tuple[Channel, ...], float]:
    """The advertising channels with spend and expected profit, and half the width of the profit's 80% interval.

    A channel without a history gets an even part; since nobody knows what it returns, only its cost is counted.
    """
    found = allocate(
        response, budget=budget, channels=channels, objective="profit", margin=margin, days=days, least=least
    )
    made = []
    for row in found.rows.to_dict("records"):
        spend, blind = float(row["spend"]), bool(row["assumed"])
        name = str(row["channel"])
        made.append(
            Channel(
                channel=name,
                contacts=0,
                spend=spend,
                profit=-spend if blind else float(row["expected"]),
                send_at=None,
                curve=() if blind or spend <= 0 else _curve(response, name, spend, margin, days),
                source=f"no history of {name}: an even part of the budget, return unknown, so only the cost counts"
                if blind
                else response.source(f"margin × revenue − spend over {days} days"),
            )
        )
    half = 0.0 if math.isnan(found.high) else (found.high - found.low) / 2
    return tuple(made), half


def _curve(
    response: ResponseModel, channel: str, spend: float, margin: float, days: int
) -> tuple[tuple[float, float, float, float], ...]:
    """(spend, mean, low, high) of the profit from nothing to twice the spend."""
    steps = [2 * spend * i / (_POINTS - 1) for i in range(_POINTS)]
    return tuple((x, *response.value(channel, x, "profit", margin=margin, days=days)) for x in steps)
