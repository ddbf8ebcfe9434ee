"""Probabilities that mean what they say: Platt scaling, and the error that remains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit, log_expit, logit

Array = npt.NDArray[np.float64]

_EDGE = 1e-6


@dataclass(frozen=True)
class Platt:
    """p' = σ(a · logit p + b), fitted on a later time slice than the scores' own model (Platt 1999).

    Two parameters follow a drift of the shop's base rate without tying customers, as isotonic steps would.
    """

    slope: float = 1.0
    offset: float = 0.0

    @classmethod
    def fitted(cls, probabilities: Array, labels: Array) -> Platt:
        """Maximum likelihood with Platt's smoothed targets; the identity where the slice has a single class."""
        positives = float(labels.sum())
        negatives = len(labels) - positives
        if min(positives, negatives) < 1:
            return cls()
        targets = np.where(labels > 0, (positives + 1) / (positives + 2), 1 / (negatives + 2))
        scores = to_logit(probabilities)

        def loss(weights: Array) -> float:
            z = weights[0] * scores + weights[1]
            return float(-(targets * log_expit(z) + (1 - targets) * log_expit(-z)).mean())

        slope, offset = minimize(loss, np.array([1.0, 0.0]), method="L-BFGS-B", bounds=[(0.05, 5.0), (-10, 10)]).x
        return cls(float(slope), float(offset))

    def __call__(self, probabilities: Array) -> Array:
        """Calibrated probabilities, shape of the input."""
        calibrated: Array = expit(self.slope * to_logit(probabilities) + self.offset)
        return calibrated

    def as_json(self) -> dict[str, Any]:
        """The two parameters."""
        return {"slope": self.slope, "offset": self.offset}


def to_logit(probabilities: Array) -> Array:
    """Log-odds, kept finite."""
    scores: Array = logit(np.clip(probabilities, _EDGE, 1 - _EDGE))
    return scores


def calibration_error(labels: Array, probabilities: Array, *, bins: int = 10) -> float:
    """Expected calibration error over `bins` of equally many customers (Naeini et al. 2015).

    >>> round(calibration_error(np.array([0.0, 1.0]), np.array([0.5, 0.5]), bins=1), 3)
    0.0
    """
    order = np.argsort(probabilities, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    gaps = [len(part) * abs(float(labels[part].mean() - probabilities[part].mean())) for part in parts]
    return sum(gaps) / len(labels)
