"""What each of several actions adds for whom, from a randomised test: the T-, X-, DR- and R-learner.

T and X: Künzel, Sekhon, Bickel and Yu 2019. DR: Kennedy 2023. R: Nie and Wager 2021. All have the same base learner, a
ridge regression whose penalty generalised cross-validation chooses: effects are far smaller than the noise, which trees
would fit. Effects are those against one action, the `base`, and the penalty draws them to the same for all: with the
best single action as the base, a policy leaves it only for who gives a reason. Nuisance models are cross-fitted:
nobody's own outcome enters them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from scipy.stats import skew

from models.calibration import Array

_FOLDS = 5
_PENALTIES = np.array([30.0, 100.0, 300.0, 1e3, 3e3, 1e4, 3e4, 1e5, 1e6])
_FEWEST = 20
_LEVELS = 30
_SKEWED = 2.0


@dataclass
class Design:
    """Customers' features as a standardised matrix: numbers (logs where skewed) and a column for each level of a word.

    Learned from one table; a missing number stands at the median, and an unknown level is none of the known ones.
    """

    numbers: dict[str, tuple[float, bool]] = field(default_factory=dict)
    levels: dict[str, list[str]] = field(default_factory=dict)
    mean: Array = field(default_factory=lambda: np.zeros(0))
    scale: Array = field(default_factory=lambda: np.ones(0))

    def fit(self, table: pd.DataFrame) -> Design:
        """Learns levels, means and scales of `table`'s columns."""
        for name in table.columns:
            column = table[name]
            if pd.api.types.is_numeric_dtype(column):
                known = column.dropna().to_numpy("float64")
                varies = len(known) > 2 and float(np.ptp(known)) > 0
                skewed = varies and known.min() >= 0 and float(skew(known)) > _SKEWED
                self.numbers[str(name)] = (float(np.median(known)) if len(known) else 0.0, bool(skewed))
            else:
                counts = column.dropna().astype(str).value_counts()
                self.levels[str(name)] = sorted(counts[counts >= _FEWEST].index[:_LEVELS])
        values = self.plain(table).to_numpy("float64")
        self.mean, self.scale = values.mean(axis=0), values.std(axis=0)
        self.scale[self.scale < 1e-9] = np.inf  # a constant says nothing
        return self

    def plain(self, table: pd.DataFrame) -> pd.DataFrame:
        """Readable columns: a number, or 0 and 1 for `column=level`."""
        columns: dict[str, Array] = {}
        for name, (middle, skewed) in self.numbers.items():
            values = pd.to_numeric(table[name], errors="coerce").fillna(middle).to_numpy("float64")
            columns[name] = np.asarray(np.log1p(np.maximum(values, 0.0)) if skewed else values)
        for name, levels in self.levels.items():
            words = table[name].astype(str).to_numpy()
            for level in levels:
                columns[f"{name}={level}"] = np.where(words == level, 1.0, 0.0)
        return pd.DataFrame(columns, index=table.index)

    def __call__(self, table: pd.DataFrame) -> Array:
        """The matrix, (customers, columns)."""
        return np.asarray((self.plain(table).to_numpy("float64") - self.mean) / self.scale)


@dataclass(frozen=True)
class Trial:
    """A randomised test: matrix `x` (n, columns), `arm` (n,), `outcome` (n,), `shares` (arms,); effects are of each arm
    against the arm `base`."""

    x: Array
    arm: np.ndarray
    outcome: Array
    shares: Array
    base: int = 0

    def part(self, rows: np.ndarray) -> Trial:
        """The same of some rows."""
        return replace(self, x=self.x[rows], arm=self.arm[rows], outcome=self.outcome[rows])


@dataclass(frozen=True)
class Nuisance:
    """Cross-fitted per row: `expected` outcome under each arm (n, arms), and the doubly robust `scores` (n, arms)."""

    expected: Array
    scores: Array

    def part(self, rows: np.ndarray) -> Nuisance:
        """The same of some rows."""
        return Nuisance(self.expected[rows], self.scores[rows])


def ridge(x: Array, y: Array, weights: Array | None = None) -> Array:
    """Coefficients of a ridge regression, intercept last, its penalty by generalised cross-validation."""
    w = np.ones(len(y)) if weights is None else weights
    middle, level = (w @ x) / w.sum(), float(w @ y) / w.sum()
    root = np.sqrt(w)
    centred, target = (x - middle) * root[:, None], (y - level) * root
    values, vectors = np.linalg.eigh(centred.T @ centred)
    values = np.maximum(values, 0.0)
    rotated = vectors.T @ (centred.T @ target)
    square = float(target @ target)
    found = rotated / (values + _PENALTIES[:, None])
    # |y − Qc|² = |y|² − 2 c·Qᵀy + Σ λ c², since the columns of Q are orthogonal with squared lengths λ.
    errors = square - 2 * found @ rotated + (found**2) @ values
    freedom = 1 + (values / (values + _PENALTIES[:, None])).sum(axis=1)
    best = int(np.argmin(errors / np.maximum(1 - freedom / len(y), 1e-6) ** 2))
    slopes = vectors @ found[best]
    return np.append(slopes, level - middle @ slopes)


def line(x: Array, coefficients: Array) -> Array:
    """What `ridge` predicts; `coefficients` (columns + 1,) or (columns + 1, arms)."""
    return np.asarray(x @ coefficients[:-1] + coefficients[-1])


def cross_fitted(trial: Trial, *, seed: int) -> Nuisance:
    """Outcome models of each arm from other folds, and with them Γ_a = m_a(x) + 1[arm = a] (y − m_a(x)) / share_a."""
    rows = len(trial.arm)
    fold = np.random.default_rng(seed).permutation(rows) % _FOLDS
    expected = np.zeros((rows, len(trial.shares)))
    for held in range(_FOLDS):
        out = fold == held
        for arm in range(len(trial.shares)):
            train = ~out & (trial.arm == arm)
            if train.any():
                expected[out, arm] = line(trial.x[out], ridge(trial.x[train], trial.outcome[train]))
    scores = expected.copy()
    own = np.arange(rows), trial.arm
    scores[own] += (trial.outcome - expected[own]) / trial.shares[trial.arm]
    return Nuisance(expected, scores)


def t_learner(trial: Trial, _: Nuisance) -> Array:
    """One outcome model an arm; effects are their differences. (columns + 1, arms), the base's column zero."""
    fits = [ridge(trial.x[trial.arm == arm], trial.outcome[trial.arm == arm]) for arm in range(len(trial.shares))]
    return np.column_stack([fit - fits[trial.base] for fit in fits])


def x_learner(trial: Trial, nuisance: Nuisance) -> Array:
    """Effects imputed on each side by the other side's outcome model, then regressed and mixed by the shares."""

    def effect(arm: int) -> Array:
        treated, control = trial.arm == arm, trial.arm == trial.base
        of_treated = ridge(trial.x[treated], trial.outcome[treated] - nuisance.expected[treated, trial.base])
        of_control = ridge(trial.x[control], nuisance.expected[control, arm] - trial.outcome[control])
        share = trial.shares[arm] / (trial.shares[arm] + trial.shares[trial.base])
        return np.asarray(share * of_control + (1 - share) * of_treated)

    return _stacked(trial, effect)


def dr_learner(trial: Trial, nuisance: Nuisance) -> Array:
    """Differences of doubly robust scores, regressed on everyone."""
    return _stacked(trial, lambda arm: ridge(trial.x, nuisance.scores[:, arm] - nuisance.scores[:, trial.base]))


def r_learner(trial: Trial, nuisance: Nuisance) -> Array:
    """Residual of the outcome on residual of the treatment, arm by arm against the base."""

    def effect(arm: int) -> Array:
        pair = (trial.arm == arm) | (trial.arm == trial.base)
        share = trial.shares[arm] / (trial.shares[arm] + trial.shares[trial.base])
        usual = share * nuisance.expected[pair, arm] + (1 - share) * nuisance.expected[pair, trial.base]
        moved = (trial.arm[pair] == arm) - share
        return ridge(trial.x[pair], (trial.outcome[pair] - usual) / moved, moved**2)

    return _stacked(trial, effect)


LEARNERS: dict[str, Callable[[Trial, Nuisance], Array]] = {
    "T-learner": t_learner,
    "X-learner": x_learner,
    "DR-learner": dr_learner,
    "R-learner": r_learner,
}


def _stacked(trial: Trial, effect: Callable[[int], Array]) -> Array:
    nothing = np.zeros(trial.x.shape[1] + 1)
    return np.column_stack([nothing if arm == trial.base else effect(arm) for arm in range(len(trial.shares))])
