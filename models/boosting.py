"""Gradient-boosted trees (LightGBM) for a yes-or-no outcome, reproducible to the bit, with their own explanations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from data.threads import single_threaded
from models.calibration import Array

if TYPE_CHECKING:
    from lightgbm import Booster

ROUNDS, PATIENCE = 400, 30
LEAVES = 5

# Small trees on few columns each: shops have thousands of customers, not millions, and many columns say the same.
_LEAF = (20, 200)
_PARAMETERS: dict[str, Any] = {
    "objective": "binary",
    "learning_rate": 0.05,
    "lambda_l2": 5.0,
    "feature_fraction": 0.3,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "monotone_constraints_method": "basic",
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,  # sums of floats in one order, on every machine
    "verbosity": -1,
}


class Trees:
    """Boosted trees of log-odds. `monotone` holds a feature to one direction (+1 or -1), so that no reason
    contradicts common sense; `leaves` are those of each tree."""

    def __init__(self, monotone: Mapping[str, int] | None = None, *, leaves: int = LEAVES) -> None:
        self.monotone = dict(monotone or {})
        self.leaves = leaves
        self.rounds = ROUNDS
        self._booster: Booster | None = None

    def fit(
        self,
        features: pd.DataFrame,
        labels: Array,
        *,
        later: tuple[pd.DataFrame, Array] | None = None,
        rounds: int | None = None,
        seed: int = 0,
    ) -> Trees:
        """Fits `rounds` trees, or as many as still help on the `later` slice (features, labels)."""
        import lightgbm

        parameters = _PARAMETERS | {
            "seed": seed,
            "num_leaves": self.leaves,
            "min_data_in_leaf": min(max(len(labels) // 50, _LEAF[0]), _LEAF[1]),
            "monotone_constraints": [self.monotone.get(str(c), 0) for c in features.columns],
        }
        data = lightgbm.Dataset(features, labels, params={"verbosity": -1})
        if later is None:
            self._booster = lightgbm.train(parameters, data, num_boost_round=rounds or ROUNDS)
        else:
            stop = lightgbm.early_stopping(PATIENCE, verbose=False)
            held = lightgbm.Dataset(later[0], later[1], reference=data)
            self._booster = lightgbm.train(
                parameters, data, num_boost_round=rounds or ROUNDS, valid_sets=[held], callbacks=[stop]
            )
        self.rounds = max(self._booster.best_iteration, 1) if later is not None else (rounds or ROUNDS)
        return self

    @property
    def booster(self) -> Booster:
        """The fitted LightGBM model."""
        if self._booster is None:
            raise ValueError("the trees are not fitted")
        return self._booster

    @property
    def names(self) -> list[str]:
        """The features, in order."""
        return list(self.booster.feature_name())

    def predict(self, features: pd.DataFrame) -> Array:
        """Probabilities, shape (rows,)."""
        with single_threaded():
            return np.asarray(self.booster.predict(features[self.names]), dtype="float64")

    def contributions(self, features: pd.DataFrame) -> Array:
        """TreeSHAP (Lundberg et al. 2020) per row and feature: how far each moves the log-odds from the mean."""
        with single_threaded():
            parts = np.asarray(self.booster.predict(features[self.names], pred_contrib=True), dtype="float64")
        return parts[:, :-1]  # the last column is the mean itself

    def as_text(self) -> str:
        """The trees in LightGBM's own text form."""
        return str(self.booster.model_to_string())

    @classmethod
    def from_text(cls, text: str) -> Trees:
        """What `as_text` gave; `ValueError` for anything else."""
        import lightgbm

        trees = cls()
        try:
            with single_threaded():
                trees._booster = lightgbm.Booster(model_str=text)
        except lightgbm.basic.LightGBMError as error:
            raise ValueError(str(error)) from error
        trees.rounds = trees._booster.num_trees()
        return trees
