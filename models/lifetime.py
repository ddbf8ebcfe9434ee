"""How often a customer will still buy, and for how much: BG/NBD and Gamma-Gamma.

While alive a customer buys at a rate of his own (Gamma over customers) and leaves for good after a purchase with a
chance of his own (Beta): Fader, Hardie and Lee, "Counting Your Customers the Easy Way", Marketing Science 2005. What a
purchase is worth varies around a mean of the customer's own: Fader and Hardie, "The Gamma-Gamma Model of Monetary
Value", 2013. Time is in weeks throughout.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import gammaln, hyp2f1

from data.errors import DataError
from models.calibration import Array

LEAST = 30
"""Customers who bought again below which four parameters say nothing."""
_STARTS = (np.array([0.0, 1.0, 0.0, 1.0]), np.array([-1.0, 1.0, -0.5, 1.0]), np.array([-1.0, 2.0, 0.5, 2.0]))
_BOUND = 12.0


def purchase_days(purchases: pd.DataFrame) -> pd.DataFrame:
    """One row a customer and day (customer_id, day, money summed, units summed), in order of both.

    `purchases` has customer_id, day (midnight), money, units. Two invoices of a day are one decision to buy.
    """
    days = purchases.groupby(["customer_id", "day"], as_index=False, sort=True)[["money", "units"]].sum()
    return days.reset_index(drop=True)


def history(days: pd.DataFrame, *, end: pd.Timestamp) -> pd.DataFrame:
    """Per customer (index) who bought by the end of the day `end`: x, recency, age, spend, all that BG/NBD needs.

    x counts the purchases after the first; recency is the time from the first purchase to the last, age that from the
    first to `end`, both in weeks; spend is the mean money of the repeated purchases (NaN without any).
    """
    known = days[days["day"] <= end]
    grouped = known.groupby("customer_id")
    first, last = grouped["day"].min(), grouped["day"].max()
    again = known[known["day"] > known["customer_id"].map(first)]
    return pd.DataFrame(
        {
            "x": grouped.size().astype("float64") - 1.0,
            "recency": (last - first).dt.days / 7.0,
            "age": (end - first).dt.days / 7.0,
            "spend": again.groupby("customer_id")["money"].mean().reindex(first.index),
        }
    )


@dataclass(frozen=True)
class BGNBD:
    """Purchases ~ Poisson(λ) while alive, λ ~ Gamma(r, α per week); leaves after each with p ~ Beta(a, b)."""

    r: float
    alpha: float
    a: float
    b: float

    @classmethod
    def fitted(cls, known: pd.DataFrame) -> BGNBD:
        """Maximum likelihood over the rows of `history`; `DataError` where too few bought again."""
        again = int((known["x"] > 0).sum())
        if again < LEAST:
            raise DataError(f"only {again} customers bought again in the weeks to fit on; give at least {LEAST}")
        found = [
            minimize(_surprise, start, args=(known,), method="L-BFGS-B", bounds=[(-_BOUND, _BOUND)] * 4)
            for start in _STARTS
        ]
        best = min((one for one in found if np.isfinite(one.fun)), key=lambda one: float(one.fun))
        return cls(*(float(value) for value in np.exp(best.x)))

    def alive(self, known: pd.DataFrame) -> Array:
        """P(still a customer at the end of the fitted time), shape (customers,); 1 for who bought only once."""
        x, recency, age = (known[c].to_numpy("float64") for c in ("x", "recency", "age"))
        odds = self.a / (self.b + np.maximum(x, 1.0) - 1.0)
        gone = odds * ((self.alpha + age) / (self.alpha + recency)) ** (self.r + x)
        return np.where(x > 0, 1.0 / (1.0 + gone), 1.0)

    def purchases(self, known: pd.DataFrame, weeks: float) -> Array:
        """Expected purchases in the next `weeks`, shape (customers,): equation 10 of the paper."""
        x, age = known["x"].to_numpy("float64"), known["age"].to_numpy("float64")
        a = self.a if abs(self.a - 1.0) > 1e-6 else 1.0 + 1e-6  # the formula has a removable pole at 1
        share = (self.alpha + age) / (self.alpha + age + weeks)
        hyper = hyp2f1(self.r + x, self.b + x, a + self.b + x - 1.0, 1.0 - share)
        lasting = (a + self.b + x - 1.0) / (a - 1.0) * (1.0 - share ** (self.r + x) * hyper)
        return np.maximum(np.nan_to_num(lasting * self.alive(known)), 0.0)


@dataclass(frozen=True)
class GammaGamma:
    """A purchase's money ~ Gamma(p, ν), its ν ~ Gamma(q, γ) over customers, apart from how often one buys."""

    p: float
    q: float
    gamma: float

    @classmethod
    def fitted(cls, known: pd.DataFrame) -> GammaGamma:
        """Maximum likelihood over the customers of `history` with a repeated purchase that cost something."""
        paid = known[(known["x"] > 0) & (known["spend"] > 0)]
        if len(paid) < LEAST:
            raise DataError(f"only {len(paid)} customers paid for a repeated purchase; give at least {LEAST}")
        x, spend = paid["x"].to_numpy("float64"), paid["spend"].to_numpy("float64")

        def surprise(logs: Array) -> float:
            p, q, gamma = np.exp(logs)
            likely = (
                gammaln(p * x + q)
                - gammaln(p * x)
                - gammaln(q)
                + q * np.log(gamma)
                + (p * x - 1) * np.log(spend)
                + p * x * np.log(x)
                - (p * x + q) * np.log(gamma + x * spend)
            )
            return -float(likely.mean())

        start = np.log([2.0, 3.0, float(spend.mean())])
        found = minimize(surprise, start, method="L-BFGS-B", bounds=[(-_BOUND, _BOUND)] * 3)
        return cls(*(float(value) for value in np.exp(found.x)))

    def spend(self, known: pd.DataFrame) -> Array:
        """Expected money of a customer's next purchase, shape (customers,): his mean, drawn to everyone's."""
        x = known["x"].to_numpy("float64")
        own = np.nan_to_num(known["spend"].to_numpy("float64"))
        # A mean over customers needs q > 1; below that the population's own mean stands in.
        q = max(self.q, 1.0 + 1e-3)
        return self.p * (self.gamma + x * own) / (self.p * x + q - 1.0)


def _surprise(logs: Array, known: pd.DataFrame) -> float:
    """Mean negative log-likelihood (equation 6 of the paper) at the logarithms of r, α, a, b."""
    x, recency, age = (known[c].to_numpy("float64") for c in ("x", "recency", "age"))
    r, alpha, a, b = np.exp(logs)
    rate = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    stay = gammaln(a + b) + gammaln(b + x) - gammaln(b) - gammaln(a + b + x)
    here = -(r + x) * np.log(alpha + age)
    left = np.log(a) - np.log(b + np.maximum(x, 1.0) - 1.0) - (r + x) * np.log(alpha + recency)
    return -float((rate + stay + np.logaddexp(here, np.where(x > 0, left, -np.inf))).mean())
