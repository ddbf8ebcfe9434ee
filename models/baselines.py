"""The simple models that others must beat: a constant rate, and the logistic regression σ(θᵀx)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from models.calibration import Array


def base_rate(hits: float, trials: int) -> float:
    """Share of hits with Jeffreys' half hit, so that none seen is not taken for impossible.

    >>> base_rate(0, 0)
    0.5
    """
    return (hits + 0.5) / (trials + 1)


@dataclass
class Logistic:
    """P(y=1|x) = σ(θᵀx) over standardised features, L2-penalised.

    Skewed columns (counts, money, days) enter as sign(x)·log(1+|x|), since a customer with 200 orders is not
    twenty times as likely to buy as one with ten. What is unknown moves nothing: it stands at the mean.
    """

    penalty: float = 10.0
    names: list[str] = field(default_factory=list)
    mean: Array = field(default_factory=lambda: np.zeros(0))
    scale: Array = field(default_factory=lambda: np.ones(0))
    theta: Array = field(default_factory=lambda: np.zeros(0))
    intercept: float = 0.0

    def fit(self, features: pd.DataFrame, labels: Array) -> Logistic:
        """Fits θ by maximum likelihood (scikit-learn, lbfgs); needs both classes in `labels`."""
        from sklearn.linear_model import LogisticRegression

        self.names = [str(c) for c in features.columns]
        values = squashed(features)
        known = np.isfinite(values)
        self.mean = np.divide(np.where(known, values, 0.0).sum(axis=0), np.maximum(known.sum(axis=0), 1))
        spread = np.where(known, values - self.mean, 0.0).std(axis=0)
        self.scale = np.where(spread > 0, spread, 1.0)
        model = LogisticRegression(C=1.0 / self.penalty, max_iter=500)
        model.fit(self._standard(features), labels)
        self.theta, self.intercept = model.coef_[0].astype("float64"), float(model.intercept_[0])
        return self

    def contributions(self, features: pd.DataFrame) -> Array:
        """θ_j z_j per row and feature: how far each moves the log-odds from an average customer's."""
        moved: Array = self._standard(features) * self.theta
        return moved

    def _standard(self, features: pd.DataFrame) -> Array:
        z = (squashed(features[self.names]) - self.mean) / self.scale
        standard: Array = np.where(np.isfinite(z), z, 0.0)
        return standard

    def predict(self, features: pd.DataFrame) -> Array:
        """Probabilities, shape (rows,)."""
        probabilities: Array = expit(self.contributions(features).sum(axis=1) + self.intercept)
        return probabilities

    def as_json(self) -> dict[str, Any]:
        """Everything that `from_json` needs."""
        arrays = {k: getattr(self, k).tolist() for k in ("mean", "scale", "theta")}
        return {"penalty": self.penalty, "names": self.names, "intercept": self.intercept, **arrays}

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> Logistic:
        """What `as_json` gave."""
        arrays = {k: np.asarray(saved[k], dtype="float64") for k in ("mean", "scale", "theta")}
        return cls(saved["penalty"], list(saved["names"]), **arrays, intercept=float(saved["intercept"]))


def squashed(features: pd.DataFrame) -> Array:
    """sign(x)·log(1+|x|) of every value, shape of the input."""
    values = features.to_numpy(dtype="float64")
    squashed: Array = np.sign(values) * np.log1p(np.abs(values))
    return squashed
