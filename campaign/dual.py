"""The price of each limit that customers share, and the bound on every plan, by Lagrangian relaxation."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize

from campaign.choices import Floats, Limits, Options, Prices, rows_of

_SOFTNESS = (0.5, 0.15, 0.05, 0.015, 0.005)
"""Temperatures of the soft maximum, as parts of the mean profit of an option, one after another."""
_STEPS = 80
"""Steps of the dual's descent at each temperature."""


class Dual:
    """L(prices) = Σ over customers of the best profit less prices (or 0) + prices · limits: a bound at any prices."""

    def __init__(self, options: Options, limits: Limits) -> None:
        self._options, self._limits = options, limits
        matrix, upper = rows_of(options, limits)
        bounded = np.isfinite(upper) & (np.asarray(abs(matrix).sum(axis=1)).ravel() > 0)
        bounded[: int(np.isfinite(limits.budget))] |= bool(limits.ads)
        self._live, self._upper = np.flatnonzero(bounded), upper
        self._matrix = matrix.tocsr()[self._live].T.tocsr()
        self._starts = np.flatnonzero(np.diff(options.customer, prepend=-1))
        self._group = np.cumsum(np.diff(options.customer, prepend=-1) != 0) - 1
        self._unit = max(float(np.abs(options.profit).mean()), 1e-9) if len(options) else 1.0
        self._priced = bool(np.isfinite(limits.budget))
        use = np.sqrt(np.asarray(self._matrix.multiply(self._matrix).sum(axis=0)).ravel())
        self._scale = self._unit * np.sqrt(max(len(options), 1)) / np.maximum(use, 1e-9)  # alike curvature in all rows

    def minimum(self) -> tuple[Floats, float]:
        """The best prices (of the live rows) that were found, and the bound there."""
        if not len(self._live):
            return np.zeros(0), self.bound(np.zeros(0))
        start = np.zeros(len(self._live))
        best, least = start, self.bound(start)
        for softness in _SOFTNESS:
            found = minimize(
                self._soft,
                start,
                args=(softness * self._unit,),
                jac=True,
                method="L-BFGS-B",
                bounds=[(0.0, None)] * len(start),
                options={"maxiter": _STEPS, "maxls": 25, "maxcor": 20},
            )
            start = found.x
            bound = self.bound(start)
            if bound < least:
                best, least = start, bound
        return best, least

    def bound(self, vector: Floats) -> float:
        """L at the prices: no plan within the limits earns more."""
        reduced = self.reduced(vector)
        best = np.maximum(np.maximum.reduceat(reduced, self._starts), 0.0) if len(reduced) else np.zeros(0)
        return float(best.sum()) + self._rest(vector)[0]

    def reduced(self, vector: Floats) -> Floats:
        """Profit of each option less the prices of what it uses."""
        return np.asarray(self._options.profit - self._matrix @ (vector * self._scale))

    def prices(self, vector: Floats) -> Prices:
        """Prices by constraint, 0 where there is none."""
        every = np.zeros(len(self._upper))
        every[self._live] = vector * self._scale
        at = int(self._priced)
        stock, capacity = len(self._limits.stock), len(self._limits.capacity)
        return Prices(
            float(every[0]) if self._priced else 0.0,
            every[at : at + stock],
            every[at + stock : at + stock + capacity],
            every[at + stock + capacity :],
        )

    def _rest(self, vector: Floats) -> tuple[float, Floats]:
        """Prices · limits and the advertising's best profit at them, with the slope."""
        priced = vector * self._scale
        slope = self._upper[self._live] * self._scale
        value = float(priced @ self._upper[self._live])
        money = self._priced and len(self._live) > 0 and self._live[0] == 0
        price = float(priced[0]) if money else 0.0
        for ad in self._limits.ads:
            spend = ad.spend(price)
            value += ad.profit(spend) - price * spend / ad.part
            if money:
                slope[0] -= self._scale[0] * spend / ad.part
        return value, slope

    def _soft(self, vector: Floats, softness: float) -> tuple[float, Floats]:
        """The dual with a soft maximum, which is smooth, and its slope."""
        reduced = self.reduced(vector)
        value, slope = self._rest(vector)
        if not len(reduced):
            return value, slope
        top = np.maximum(np.maximum.reduceat(reduced, self._starts), 0.0)
        weight = np.exp((reduced - top[self._group]) / softness)
        total = np.add.reduceat(weight, self._starts) + np.exp(-top / softness)
        value += float((top + softness * np.log(total)).sum())
        slope = slope - self._scale * (self._matrix.T @ (weight / total[self._group]))
        return value, slope
