"""Stock of many items under real constraints: order-up-to levels, packs, budget; and a simulation on real demand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

Series = NDArray[np.float64]
Levels = Callable[[Series], Series]
"""Gives the order-up-to level of each item, (items,), from its demand so far, (items × periods)."""

HOLDING = 0.005
"""What holding a unit for a week costs, as a share of its own cost: about a quarter a year."""


@dataclass(frozen=True)
class Supply:
    """How goods come in: `lead` periods from order to shelf, one order a period, whole packs, a budget a period.

    `cost` is the unit cost, `pack` the units of a pack and `minimum` the least order, each (items,); `budget` is money
    a period, infinite where there is none. `service` (0 to 1) is the share of protection periods without a shortage
    that is wanted. Keeping a unit for a period costs `holding` of its cost, a missing one holding · service /
    (1 − service): the levels that cost least in all then give that service.
    """

    lead: int
    service: float
    cost: Series
    pack: Series
    minimum: Series
    budget: float = np.inf
    holding: float = HOLDING

    @property
    def penalty(self) -> float:
        """What a missing unit costs a period, as a share of its cost."""
        return self.holding * self.service / (1 - self.service)

    @property
    def cover(self) -> int:
        """Periods that an order must last: the lead time and the period until the next order."""
        return self.lead + 1


@dataclass(frozen=True)
class Held:
    """What a policy led to: money a period (`holding`, `shortage`, each item's sum in `by_item`), units on time."""

    holding: float
    shortage: float
    fill_rate: float
    by_item: Series
    spent: float

    @property
    def cost(self) -> float:
        """Stock cost a period: holding and shortage."""
        return self.holding + self.shortage


def normal_levels(history: Series, supply: Supply, *, factor: float | None = None) -> Series:
    """The classical rule: mean over the cover plus z σ √cover, (items,), from 8 and 26 periods.

    Silver, Pyke and Thomas, Inventory and Production Management, chapter 7; `factor` replaces z.
    """
    z = float(norm.ppf(supply.service)) if factor is None else factor
    mean = np.nan_to_num(history[:, -8:]).mean(axis=1)
    deviation = np.nan_to_num(history[:, -26:]).std(axis=1)
    return np.asarray(np.maximum(np.ceil(supply.cover * mean + z * deviation * np.sqrt(supply.cover)), 0.0))


def orders(position: Series, level: Series, supply: Supply) -> Series:
    """Units to order, (items,), whole packs, never above the budget.

    Where the budget does not reach, those farthest below their level in proportion are served first.
    """
    need = np.maximum(level - position, 0.0)
    wanted = np.where(need > 0, np.maximum(need, supply.minimum), 0.0)
    wanted = np.ceil(wanted / supply.pack - 1e-9) * supply.pack
    money = wanted * supply.cost
    if money.sum() <= supply.budget:
        return np.asarray(wanted)
    urgency = need / np.maximum(level, 1.0)
    order = np.argsort(-urgency, kind="stable")
    fits = np.zeros(len(need), dtype=bool)
    fits[order] = np.cumsum(money[order]) <= supply.budget
    return np.where(fits, wanted, 0.0)


def simulate(history: Series, demand: Series, levels: Levels, supply: Supply) -> Held:
    """Runs a policy through `demand` (items × periods) that follows `history`, backordering what is missing.

    Each period the policy sees all demand before it; an order of period t can be sold from period t + `lead` on. It
    begins with its own level on the shelf, as a policy does that has run for long.
    """
    known = np.nan_to_num(history)
    shelf = np.ceil(levels(known))
    coming = [np.zeros(len(shelf)) for _ in range(supply.lead)]
    holding, shortage = np.zeros(len(shelf)), np.zeros(len(shelf))
    late, spent = 0.0, 0.0
    for period in range(demand.shape[1]):
        if period:
            level = levels(known)
            order = orders(shelf + sum(coming), level, supply)
            spent += float(order @ supply.cost)
            coming.append(order)
            shelf = shelf + coming.pop(0)
        sold = np.nan_to_num(demand[:, period])
        late += float(np.minimum(sold, np.maximum(sold - shelf, 0.0)).sum())
        shelf = shelf - sold
        holding += supply.cost * supply.holding * np.maximum(shelf, 0.0)
        shortage += supply.cost * supply.penalty * np.maximum(-shelf, 0.0)
        known = np.column_stack([known, sold])
    periods = max(demand.shape[1], 1)
    total = float(np.nansum(demand))
    return Held(
        holding=float(holding.sum()) / periods,
        shortage=float(shortage.sum()) / periods,
        fill_rate=1.0 - late / total if total > 0 else 1.0,
        by_item=(holding + shortage) / periods,
        spent=spent / periods,
    )


def equal_service(history: Series, demand: Series, supply: Supply, fill_rate: float) -> Held:
    """The classical rule with the safety factor that gives `fill_rate` on this very demand, or comes nearest to it."""

    def held(factor: float) -> Held:
        return simulate(history, demand, lambda known: normal_levels(known, supply, factor=factor), supply)

    low, high = -3.0, 12.0
    for _ in range(18):
        middle = (low + high) / 2
        low, high = (middle, high) if held(middle).fill_rate < fill_rate else (low, middle)
    return held(high)
