"""How a chance held in earlier months: the range in which the share of buyers among such customers will lie."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import norm, t

from models.calibration import Array, to_logit

BINS = 10
LEVEL = 0.8
LEAST = 20
"""Customers of a month in a bin below which their share says little of that month."""
_EDGE = 1e-3


@dataclass(frozen=True)
class TrackRecord:
    """Per bin of the chance: upto (its largest), mean, least and most (an interval of `LEVEL`) and months.

    The interval is a prediction interval of the share of buyers in a month to come: it holds the doubt of a month's
    luck and of how one month differs from another, which is more than the doubt of a mean.
    """

    bins: pd.DataFrame

    @classmethod
    def of(cls, chances: Array, labels: Array, months: NDArray[np.intp]) -> TrackRecord | None:
        """From `chances` given to customers the model had not seen, what came (0 or 1) and the month, one row each.

        None with fewer than `BINS` × `LEAST` rows.
        """
        if len(chances) < BINS * LEAST:
            return None
        edges = np.quantile(chances, np.linspace(0, 1, BINS + 1)[1:])
        place = np.minimum(np.searchsorted(edges, chances), BINS - 1)
        rows = []
        for number in range(BINS):
            inside = place == number
            table = pd.DataFrame({"y": labels[inside], "month": months[inside]}).groupby("month")["y"]
            rates = table.mean()[table.size() >= LEAST].to_numpy("float64")
            mean = float(labels[inside].mean()) if inside.any() else float(edges[number])
            half = _half_width(rates, mean, int(inside.sum()))
            said = float(chances[inside].mean()) if inside.any() else mean
            rows.append((float(edges[number]), said, max(mean - half, 0.0), min(mean + half, 1.0), len(rates)))
        return cls(pd.DataFrame(rows, columns=["upto", "mean", "least", "most", "months"]))

    def around(self, chance: float) -> tuple[float, float]:
        """The interval about `chance`: as far from it, in log-odds, as its bin's bounds are from the bin's mean."""
        row = self.bins.iloc[self._place(np.array([chance]))[0]]
        middle, least, most = to_logit(row[["mean", "least", "most"]].to_numpy("float64").clip(_EDGE, 1 - _EDGE))
        low, high = expit(to_logit(np.array([chance])) + np.array([least, most]) - middle)
        return float(low), float(high)

    def held(self, chances: Array, labels: Array) -> float:
        """Share of customers whose bin's share of buyers fell into its interval in another month."""
        table = pd.DataFrame({"y": labels, "said": chances}).groupby(self._place(chances))
        inside = 0
        for _, part in table:
            low, high = self.around(float(part["said"].mean()))
            inside += len(part) * (low <= float(part["y"].mean()) <= high)
        return inside / len(labels)

    def _place(self, chances: Array) -> NDArray[np.intp]:
        return np.minimum(np.searchsorted(self.bins["upto"].to_numpy("float64"), chances), len(self.bins) - 1)


def _half_width(rates: Array, mean: float, customers: int) -> float:
    """Half of the interval: Student's prediction interval over months, Wald's binomial one where one month is known."""
    tail = (1 + LEVEL) / 2
    if len(rates) < 2:
        each = max(customers, 1)
        return float(norm.ppf(tail) * np.sqrt(max(mean * (1 - mean), 1 / each) / each))
    return float(t.ppf(tail, len(rates) - 1) * rates.std(ddof=1) * np.sqrt(1 + 1 / len(rates)))
