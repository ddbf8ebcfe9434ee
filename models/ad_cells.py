"""What a group of ads gives back for its spend: a saturating curve an ad, its height by group, with its uncertainty.

An ad's conversions ~ Poisson(h_g (1 − exp(−spend / s))). The bend s is common: a few dozen ads a group cannot tell
bends apart. Heights are drawn to the mean of all as by a Gamma prior, so that a group with few ads isn't chosen for its
luck. Uncertainty comes from refitting on ads drawn with replacement.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.errors import DataError
from models.calibration import Array

DRAWS = 100
_GRID = 25
_PRIOR = 20.0
"""Conversions of the average group that a group's own must outweigh."""


@dataclass(frozen=True)
class CellCurves:
    """Curves by group of ads: `ceilings` (1 + draws, groups) conversions of all a group's ads, `scales` (1 + draws,
    groups) the spend on the group that earns 63% of them. Row 0 is the fit, the others refits on ads drawn again."""

    ceilings: Array
    scales: Array

    @classmethod
    def fitted(
        cls, spend: Array, conversions: Array, group: np.ndarray, groups: int, *, draws: int = DRAWS, seed: int = 0
    ) -> CellCurves:
        """From one row an ad; `group` holds numbers below `groups`. `DataError` where nothing was spent or earned."""
        if not (spend > 0).any() or conversions[spend > 0].sum() <= 0:
            raise DataError("no ad that cost something has a conversion, so there is no curve to fit")
        # What costs nothing tells nothing of a curve through the origin.
        paid = spend > 0
        spend, conversions, group = spend[paid], conversions[paid], group[paid]
        rng = np.random.default_rng(seed)
        drawn = rng.multinomial(len(spend), np.full(len(spend), 1 / len(spend)), size=draws)
        weights = np.vstack([np.ones((1, len(spend))), drawn])
        bends = np.geomspace(float(np.median(spend)) / 5, float(spend.max()) * 5, _GRID)
        member = (group[:, None] == np.arange(groups)).astype("float64")
        best = np.full(len(weights), -np.inf)
        heights, bend = np.zeros((len(weights), groups)), np.ones(len(weights))
        earned = (weights * conversions) @ member
        for candidate in bends:
            rise = -np.expm1(-spend / candidate)
            room = (weights * rise) @ member
            usual = earned.sum(axis=1, keepdims=True) / room.sum(axis=1, keepdims=True)
            height = (earned + _PRIOR) / (room + _PRIOR / np.maximum(usual, 1e-9))
            expected = np.maximum(height[:, group] * rise, 1e-12)
            likely = (weights * (conversions * np.log(expected) - expected)).sum(axis=1)
            better = likely > best
            best[better], heights[better], bend[better] = likely[better], height[better], candidate
        # A group holds as many ads next time; a group without paid ads is given the room of one.
        ads = np.maximum(member.sum(axis=0), 1.0)
        return cls(heights * ads, bend[:, None] * ads)
