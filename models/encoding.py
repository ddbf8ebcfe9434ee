"""Tables of mixed columns as numbers: for trees with each category's own rate, for linear models and networks
standardised, with one column a category.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from models.baselines import squashed
from models.calibration import Array

PRIOR = 20.0
"""Rows that the overall rate weighs in a category's own rate."""

_FOLDS = 5
_RARE = 20  # a category of fewer rows gets no column of its own


def categorical(table: pd.DataFrame) -> list[str]:
    """The columns that hold names rather than amounts: everything that is neither number nor yes-or-no."""
    numeric = pd.api.types.is_numeric_dtype
    return [str(name) for name, kind in table.dtypes.items() if not numeric(kind)]


@dataclass
class RateEncoder:
    """Amounts as they are; each categorical column as the rate of its category (Micci-Barreca 2001), and its place.

    A category's rate is drawn towards the overall one by `PRIOR` rows. The rows that rates are learnt from get those of
    the other folds, since a rate that counts a row's own label would give it away. Categories never seen have the
    overall rate and no place.
    """

    rates: dict[str, dict[str, float]] = field(default_factory=dict)
    places: dict[str, dict[str, int]] = field(default_factory=dict)
    overall: float = 0.0

    def fit_transform(self, table: pd.DataFrame, labels: Array, *, seed: int = 0) -> pd.DataFrame:
        """Learns from `table` and `labels` (0 or 1, one a row) and gives the encoded table, float64 columns."""
        self.overall = float(labels.mean())
        names = categorical(table)
        texts = {name: table[name].astype(str) for name in names}
        self.places = {name: {key: n for n, key in enumerate(sorted(texts[name].unique()))} for name in names}
        self.rates = {name: self._rates(texts[name], labels) for name in names}
        encoded = self.transform(table)
        folds = np.random.default_rng(seed).permutation(len(table)) % _FOLDS
        for fold in range(_FOLDS):
            inside, rest = folds == fold, folds != fold
            for name in names:
                others = self._rates(texts[name][rest], labels[rest])
                encoded.loc[inside, f"{name} rate"] = texts[name][inside].map(others).fillna(self.overall)
        return encoded

    def transform(self, table: pd.DataFrame) -> pd.DataFrame:
        """The encoded table: each column, then the rate of each categorical one; same index, float64."""
        names = list(self.places)
        columns = {
            str(name): table[name].astype(str).map(self.places[str(name)]) if str(name) in names else table[name]
            for name in table.columns
        }
        for name in names:
            columns[f"{name} rate"] = table[name].astype(str).map(self.rates[name]).fillna(self.overall)
        return pd.DataFrame(columns, index=table.index).astype("float64")

    def _rates(self, texts: pd.Series, labels: Array) -> dict[str, float]:
        grouped = pd.Series(labels, index=texts.to_numpy()).groupby(level=0)
        rates = (grouped.sum() + PRIOR * self.overall) / (grouped.count() + PRIOR)
        return {str(key): float(rate) for key, rate in rates.items()}


@dataclass
class WideEncoder:
    """Amounts as sign(x)·log(1+|x|), standardised, unknown ones at the mean; each frequent category as a 0-1 column."""

    amounts: list[str] = field(default_factory=list)
    levels: dict[str, list[str]] = field(default_factory=dict)
    mean: Array = field(default_factory=lambda: np.zeros(0))
    scale: Array = field(default_factory=lambda: np.ones(0))

    def fit(self, table: pd.DataFrame) -> WideEncoder:
        """Learns means, spreads and the categories that occur often enough (20 rows)."""
        names = categorical(table)
        self.amounts = [str(name) for name in table.columns if name not in names]
        self.levels = {}
        for name in names:
            counts = table[name].astype(str).value_counts()
            self.levels[name] = sorted(str(key) for key in counts.index[counts >= _RARE])
        values = squashed(table[self.amounts])
        known = np.isfinite(values)
        self.mean = np.where(known, values, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        spread = np.where(known, values - self.mean, 0.0).std(axis=0)
        self.scale = np.where(spread > 1e-12, spread, 1.0)
        return self

    def widen(self, table: pd.DataFrame) -> pd.DataFrame:
        """Amounts as they are, then a 0-1 column for each category, "name=category"; an unknown one is all zeros."""
        columns = {name: table[name].astype("float64") for name in self.amounts}
        for name, levels in self.levels.items():
            texts = table[name].astype(str)
            columns |= {f"{name}={level}": (texts == level).astype("float64") for level in levels}
        return pd.DataFrame(columns, index=table.index)

    def transform(self, table: pd.DataFrame) -> Array:
        """The same with amounts standardised, float64, without gaps, shape (rows, columns of `widen`)."""
        wide = self.widen(table)
        z = (squashed(wide[self.amounts]) - self.mean) / self.scale
        known = np.where(np.isfinite(z), np.clip(z, -8.0, 8.0), 0.0)
        return np.hstack([known, wide.drop(columns=self.amounts).to_numpy("float64")])
