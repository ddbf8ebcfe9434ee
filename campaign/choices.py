"""What the joint plan chooses among and within: options, limits, a choice, and how they are counted together."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix

from campaign.budget import SATURATED

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SLACK = 1e-7
"""By how much, relatively, a sum of floats may pass its limit."""


@dataclass(frozen=True)
class Options:
    """What could be done, one row an option, sorted by customer (0 to n − 1).

    `profit` and `cost` are money; `units` are taken from the stock row `stock` (−1: not limited); `place` is the row
    of the channel and day whose capacity it uses (−1: not limited), `purse` that of the channel with a minimum spend.
    """

    customer: Ints
    profit: Floats
    cost: Floats
    units: Floats
    stock: Ints
    place: Ints
    purse: Ints

    def __len__(self) -> int:
        return len(self.customer)

    def take(self, rows: NDArray[np.bool_] | Ints) -> Options:
        """The options at `rows`."""
        return Options(**{name: getattr(self, name)[rows] for name in self.__dataclass_fields__})


@dataclass(frozen=True)
class Ad:
    """An advertising channel: profit = ceiling · (1 − exp(−spend / scale)) − spend, with spend ≥ `least`.

    Of each unit that the messages leave, the share `part` may go to such channels (the rest to those without history).
    """

    ceiling: float
    scale: float
    least: float = 0.0
    part: float = 1.0

    def spend(self, price: float) -> float:
        """The best spend where a unit of budget costs `price` beside itself."""
        worth = self.ceiling / self.scale / (1 + price / self.part)
        return max(self.least, self.scale * min(max(float(np.log(max(worth, 1e-300))), 0.0), SATURATED))

    def profit(self, spend: float) -> float:
        """What `spend` brings, less itself."""
        return float(-self.ceiling * np.expm1(-spend / self.scale) - spend)


@dataclass(frozen=True)
class Limits:
    """What all options share: money, units by stock row, messages by place, least money by purse."""

    budget: float = np.inf
    stock: Floats = field(default_factory=lambda: np.zeros(0))
    capacity: Floats = field(default_factory=lambda: np.zeros(0))
    minimum: Floats = field(default_factory=lambda: np.zeros(0))
    ads: tuple[Ad, ...] = ()


@dataclass(frozen=True)
class Prices:
    """What one more of each would bring at the margin; a unit less of a minimum spend is a unit more of freedom."""

    budget: float
    stock: Floats
    capacity: Floats
    minimum: Floats


@dataclass(frozen=True)
class Choice:
    """The option of each customer (−1: none), what is left for advertising, the profit of both, and the bound on it."""

    option: Ints
    ads: tuple[float, ...]
    value: float
    bound: float
    prices: Prices
    method: str

    @property
    def gap(self) -> float:
        """How far the plan may be from the best, as a share of the bound."""
        return max(self.bound - self.value, 0.0) / max(abs(self.bound), 1e-9)


class InfeasibleError(ValueError):
    """No choice meets the minimum spends within the other limits."""


def best_rows(options: Options, worth: Floats, customers: int) -> Ints:
    """Row of each customer's option with the most `worth` above 0 (the first of equals), else −1."""
    chosen = np.full(customers, -1)
    order = np.lexsort((-np.arange(len(options)), worth))  # the last written wins: most worth, then the first row
    order = order[worth[order] > 0]
    chosen[options.customer[order]] = order
    return chosen


def fits(chosen: Options, limits: Limits) -> bool:
    """Whether all limits hold."""
    rows, upper = rows_of(chosen, limits)
    used = np.asarray(rows.sum(axis=1)).ravel()
    return bool((used <= upper + SLACK * np.maximum(1.0, np.abs(upper))).all())


def rows_of(options: Options, limits: Limits) -> tuple[coo_matrix, Floats]:
    """The linking constraints as rows × options ≤ upper; minimum spends with their sign turned."""
    parts: list[tuple[Ints, Floats, Floats]] = []
    if np.isfinite(limits.budget):
        parts.append((np.zeros(len(options), np.int64), options.cost, np.array([limits.budget])))
    parts += [
        (options.stock, options.units, limits.stock),
        (options.place, np.ones(len(options)), limits.capacity),
        (options.purse, -options.cost, -limits.minimum),
    ]
    row, column, value, upper, offset = [], [], [], [], 0
    for place, use, limit in parts:
        inside = np.flatnonzero((place >= 0) & (place < len(limit)))
        row.append(place[inside] + offset)
        column.append(inside)
        value.append(use[inside])
        upper.append(limit)
        offset += len(limit)
    shape = (offset, len(options))
    return coo_matrix((np.concatenate(value), (np.concatenate(row), np.concatenate(column))), shape), np.concatenate(
        upper
    )


def left_by(settled: Options, limits: Limits) -> Limits | None:
    """What the settled options leave, None where they use more than there is."""

    def used(row: Ints, use: Floats, limit: Floats) -> Floats:
        inside = (row >= 0) & (row < len(limit))
        return np.asarray(np.bincount(row[inside], use[inside], len(limit)))

    budget = limits.budget - float(settled.cost.sum())
    stock = limits.stock - used(settled.stock, settled.units, limits.stock)
    capacity = limits.capacity - used(settled.place, np.ones(len(settled)), limits.capacity)
    if budget < 0 or (stock < 0).any() or (capacity < 0).any():
        return None
    minimum = limits.minimum - used(settled.purse, settled.cost, limits.minimum)
    return Limits(budget, stock, capacity, np.maximum(minimum, 0.0))


def placed(chosen: Ints, rows: Ints) -> Ints:
    """Rows of a part of the options as rows of all of them."""
    return np.where(chosen >= 0, rows[chosen], -1) if len(rows) else np.full(len(chosen), -1)
