"""A propensity from a table of any columns: boosted trees, a logistic regression and a small network, stacked.

Each member is fitted on every fold's complement; the log-odds that they give to the rows they have not seen teach a
stacker (Wolpert 1992) with weights that are never negative, which blends and calibrates in one (with one member it is
Platt scaling). A prediction averages the members of all folds, so bagging comes for free.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, log_expit

from models.baselines import Logistic
from models.boosting import Trees
from models.calibration import Array, to_logit
from models.encoding import RateEncoder, WideEncoder
from models.network import Network

Member = Literal["trees", "logistic", "network"]

FOLDS = 5

_SHRINK = 0.02  # how much the stacker would rather weigh its members alike


@dataclass
class Propensity:
    """P(y=1|x). `monotone` holds a column to one direction in the trees (+1 or -1); `leaves` are those of each tree."""

    members: Sequence[Member] = ("trees", "logistic", "network")
    monotone: Mapping[str, int] = field(default_factory=dict)
    leaves: int = 5
    penalty: float = 30.0
    folds: int = FOLDS
    weights: Array = field(default_factory=lambda: np.zeros(0))
    offset: float = 0.0
    _fitted: list[_Fold] = field(default_factory=list)

    def fit(self, table: pd.DataFrame, labels: Array, *, groups: Array | None = None, seed: int = 0) -> Propensity:
        """Fits to `table` (rows, mixed columns) and `labels` (0 or 1, one a row).

        Rows of one of the `groups` (one a row) stay in one fold. Raises `ValueError` where a class has fewer rows than
        there are folds.
        """
        if min(labels.sum(), len(labels) - labels.sum()) < self.folds:
            raise ValueError(f"each outcome must occur at least {self.folds} times")
        self._fitted = []
        unseen = np.zeros((len(labels), len(self.members)))
        for number, held in enumerate(_folds(labels, groups, self.folds, seed)):
            fold = _Fold(self).fit(table[~held], labels[~held], (table[held], labels[held]), seed + number)
            unseen[held] = fold.log_odds(table[held])
            self._fitted.append(fold)
        self.weights, self.offset = _stacked(unseen, labels)
        return self

    def predict(self, table: pd.DataFrame) -> Array:
        """Calibrated probabilities, shape (rows,)."""
        if not self._fitted:
            raise ValueError("the propensity is not fitted")
        log_odds = np.mean([fold.log_odds(table) for fold in self._fitted], axis=0)
        return np.asarray(expit(log_odds @ self.weights + self.offset), dtype="float64")


class _Fold:
    """The members fitted on one fold's complement."""

    def __init__(self, plan: Propensity) -> None:
        self._plan = plan
        self._rates, self._wide = RateEncoder(), WideEncoder()
        self._models: list[Trees | Logistic | Network] = []

    def fit(self, table: pd.DataFrame, labels: Array, held: tuple[pd.DataFrame, Array], seed: int) -> _Fold:
        """Fits every member; the trees stop where the rows that were `held` back no longer gain."""
        encoded, wide = self._rates.fit_transform(table, labels, seed=seed), self._wide.fit(table)
        for member in self._plan.members:
            if member == "trees":
                monotone = {str(n): self._plan.monotone.get(name, 0) for n, name in enumerate(encoded.columns)}
                trees = Trees(monotone, leaves=self._plan.leaves)
                later = _numbered(self._rates.transform(held[0])), held[1]
                self._models.append(trees.fit(_numbered(encoded), labels, later=later, seed=seed))
            elif member == "logistic":
                self._models.append(Logistic(self._plan.penalty).fit(wide.widen(table), labels))
            else:
                self._models.append(Network().fit(wide.transform(table), labels, seed=seed))
        return self

    def log_odds(self, table: pd.DataFrame) -> Array:
        """Shape (rows, members)."""
        return to_logit(np.column_stack([self._predicted(model, table) for model in self._models]))

    def _predicted(self, model: Trees | Logistic | Network, table: pd.DataFrame) -> Array:
        if isinstance(model, Trees):
            return model.predict(_numbered(self._rates.transform(table)))
        if isinstance(model, Logistic):
            return model.predict(self._wide.widen(table))
        return model.predict(self._wide.transform(table))


def _numbered(table: pd.DataFrame) -> pd.DataFrame:
    """`table` with its columns' places as their names: LightGBM takes no commas and no brackets in a name."""
    return table.set_axis([str(n) for n in range(table.shape[1])], axis=1)


def _folds(labels: Array, groups: Array | None, folds: int, seed: int) -> Iterator[NDArray[np.bool_]]:
    """Masks of each fold's rows, the classes spread evenly."""
    from sklearn.model_selection import StratifiedGroupKFold

    owners = np.arange(len(labels)) if groups is None else groups
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    for _, held in splitter.split(np.zeros(len(labels)), labels, owners):
        yield np.isin(np.arange(len(labels)), held)


def _stacked(log_odds: Array, labels: Array) -> tuple[Array, float]:
    """Weights ≥ 0 and an offset of the members' `log_odds` (rows, members) by penalised maximum likelihood."""
    members = log_odds.shape[1]

    def loss(w: Array) -> float:
        z = log_odds @ w[:-1] + w[-1]
        likelihood = float((labels * log_expit(z) + (1 - labels) * log_expit(-z)).mean())
        return _SHRINK * float(((w[:-1] - w[:-1].mean()) ** 2).sum()) - likelihood

    start = np.append(np.full(members, 1.0 / members), 0.0)
    found = minimize(loss, start, method="L-BFGS-B", bounds=[(0.0, 5.0)] * members + [(-10.0, 10.0)]).x
    return np.asarray(found[:-1]), float(found[-1])
