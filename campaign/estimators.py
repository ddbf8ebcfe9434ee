"""What a policy would have earned, from the log of another one: the standard off-policy estimators.

IPW (Horvitz and Thompson 1952), its self-normalised form (Swaminathan and Joachims 2015), the direct method, the doubly
robust estimator (Dudík, Langford and Li 2011), Switch-DR (Wang, Agarwal and Dudík 2017), and DR with clipped weights,
the clip chosen by estimated bias and variance (Su, Dimakopoulou, Krishnamurthy and Dudík 2020).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

Array = npt.NDArray[np.float64]

CLIPS = (0.5, 0.75, 0.9, 0.95, 0.99)
"""Quantiles of the weights that are tried as the largest weight, besides none."""
Z = 1.959964
"""Standard errors to each side of a normal mean that hold 95%."""


@dataclass(frozen=True)
class Log:
    """Logged decisions, each array of shape (n,).

    `weights` are π(action)/propensity of the action that was taken, π being the policy to be valued; `guess` is a
    reward model's view of that action, `direct` its mean over the actions that π would take. The model must not have
    seen the decision's own reward (cross-fitting). `groups` number the people from 0 where decisions of one depend on
    each other: intervals are then over people.
    """

    rewards: Array
    weights: Array
    guess: Array
    direct: Array
    groups: npt.NDArray[np.int64] | None = None


@dataclass(frozen=True)
class Value:
    """Estimated mean reward with a 95% interval, `bias` of it on each side for what a clip may hide.

    `clip` is the largest weight used, where one was.
    """

    mean: float
    error: float
    low: float
    high: float
    clip: float = float("inf")
    bias: float = 0.0

    def within(self, share: float) -> tuple[float, float]:
        """The interval that holds `share` instead of 95%."""
        half = (self.high - self.mean - self.bias) * float(norm.ppf(0.5 + share / 2)) / Z + self.bias
        return self.mean - half, self.mean + half


def inverse_propensity(log: Log) -> Value:
    """IPW: unbiased, at the mercy of large weights."""
    return _value(log.weights * log.rewards, log.groups)


def self_normalised(log: Log) -> Value:
    """SNIPW: the weights sum to one; its interval is that of the ratio (delta method)."""
    total = log.weights.mean()
    mean = float((log.weights * log.rewards).mean() / total) if total > 0 else 0.0
    return _value(mean + log.weights * (log.rewards - mean) / max(total, 1e-12), log.groups)


def direct_method(log: Log) -> Value:
    """DM: the reward model alone; as right as the model is, and its interval says nothing of the model's own error."""
    return _value(log.direct)


def doubly_robust(log: Log) -> Value:
    """DR: unbiased where the propensities are right, and steadier the better the model."""
    return _value(log.direct + log.weights * (log.rewards - log.guess), log.groups)


def switch(log: Log, *, largest: float) -> Value:
    """Switch-DR: the model alone where the weight is above `largest`."""
    used = np.where(log.weights <= largest, log.weights, 0.0)
    return _value(log.direct + used * (log.rewards - log.guess), log.groups, clip=largest)


def clipped(log: Log) -> Value:
    """DR with weights of at most λ, the λ of the least bias² + variance; no clip is among the choices.

    The bias of a clip is what the cut-off weight would have added, and that figure's own standard error on
    top, since the rare large weights that would show it are the ones that a log lacks; it widens the interval.
    """
    residual = log.rewards - log.guess
    best, least = doubly_robust(log), np.inf
    for largest in (np.inf, *np.unique(np.quantile(log.weights, CLIPS))[::-1]):
        used = np.minimum(log.weights, largest)
        lost = _value((log.weights - used) * residual, log.groups)
        bias = abs(lost.mean) + lost.error
        value = _value(log.direct + used * residual, log.groups, clip=float(largest), bias=bias)
        if bias**2 + value.error**2 < least:
            best, least = value, bias**2 + value.error**2
    return best


ESTIMATORS: dict[str, Callable[[Log], Value]] = {
    "IPW": inverse_propensity,
    "SNIPW": self_normalised,
    "DM": direct_method,
    "DR": doubly_robust,
    "Switch-DR": lambda log: switch(log, largest=float(np.quantile(log.weights, 0.95))),
    "clipped DR": clipped,
}


def _value(
    terms: Array, groups: npt.NDArray[np.int64] | None = None, *, clip: float = float("inf"), bias: float = 0.0
) -> Value:
    """Mean and 95% interval, its variance taken one standard error high: with a heavy tail the sample's own is most
    often too small, and its standard error, var · √(kurtosis excess / n + 2 / (n − 1)), says by how much."""
    if groups is not None:  # a person's sum, scaled so that the mean over people is the mean over decisions
        sums = np.bincount(groups, terms)
        terms = np.asarray(sums * (len(sums) / len(terms)), dtype=np.float64)
    number = len(terms)
    mean = float(terms.mean())
    spread = float(terms.std(ddof=1)) if number > 1 else float("inf")
    if not 0 < spread < float("inf"):
        return Value(mean, spread, mean - spread, mean + spread, clip)
    excess = max(float((((terms - mean) / spread) ** 4).mean()) - 3.0, 0.0)
    doubt = float(np.sqrt(excess / number + 2.0 / (number - 1)))
    error = spread / float(np.sqrt(number))
    half = Z * error * float(np.sqrt(1.0 + doubt)) + bias
    return Value(mean, error, mean - half, mean + half, clip, bias)
