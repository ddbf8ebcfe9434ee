"""Which customer gets which message, from a randomised test, and how sure it is that this beats one message for all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from data.errors import DataError
from models.calibration import Array
from models.policy_tree import Tree, decide, policy_tree
from models.uplift_learners import LEARNERS, Design, Nuisance, Trial, cross_fitted, line

_FOLDS, _CUTS = 5, 3
_LEAST_ARM = 50
TREE = "policy tree"
WAYS = (*LEARNERS, TREE)


@dataclass(frozen=True)
class Evidence:
    """Mean gain a customer over the best single action, on folds that it was not learned on, and its standard error."""

    gain: float
    error: float

    @property
    def sure(self) -> float:
        """Gain in standard errors."""
        return self.gain / self.error if self.error > 0 else 0.0


@dataclass(frozen=True)
class Policy:
    """Actions by customer: by a learner's effects, by a `tree`, or (neither) the action `best` for all."""

    arms: tuple[str, ...]
    best: int
    design: Design
    evidence: Evidence
    effects: Array | None = None
    tree: Tree | None = None

    def decide(self, table: pd.DataFrame) -> np.ndarray:
        """Each row's action as its place in `arms`, (n,)."""
        if self.tree is not None:
            return decide(self.tree, self.design.plain(table))
        if self.effects is not None:
            return np.asarray(line(self.design(table), self.effects).argmax(axis=1))
        return np.full(len(table), self.best)


def learn_policy(
    table: pd.DataFrame,
    arm: np.ndarray,
    outcome: Array,
    arms: Sequence[str],
    *,
    way: str = "X-learner",
    proxy: Array | None = None,
    costs: Sequence[float] | None = None,
    least_sure: float = 0.0,
    seed: int = 0,
) -> Policy:
    """The policy of one way (`WAYS`) where it gains over the best single action on held-out folds, else that action.

    `table` has what is known of each customer, `arm` the place in `arms` of what each got by chance. `costs` of an
    action are in the outcome's unit. `proxy` is an earlier, less noisy outcome (visits, where money is wanted), see
    `blended`. The way is used when its gain is above `least_sure` standard errors. `DataError` where an arm has too few
    customers.
    """
    counts = np.bincount(arm, minlength=len(arms))
    if counts.min() < _LEAST_ARM:
        few = arms[int(counts.argmin())]
        raise DataError(f"only {counts.min()} customers of the test got {few!r}; give at least {_LEAST_ARM} of each")
    design = Design().fit(table)
    price = np.zeros(len(arms)) if costs is None else np.asarray(costs, dtype="float64")
    trial = Trial(design(table), arm, blended(outcome, proxy) - price[arm], counts / counts.sum())
    nuisance = cross_fitted(trial, seed=seed)
    best = int(nuisance.scores.mean(axis=0).argmax())
    trial = replace(trial, base=best)
    plain = design.plain(table)
    evidence = _evidence(trial, nuisance, plain, way, seed)
    policy = Policy(tuple(arms), best, design, evidence)
    if evidence.sure <= least_sure:
        return policy
    if way == TREE:
        return replace(policy, tree=_tree(plain, nuisance))
    return replace(policy, effects=LEARNERS[way](trial, nuisance))


def blended(outcome: Array, proxy: Array | None) -> Array:
    """Outcome and proxy weighted by 1 / variance, after the proxy is brought to the outcome's mean.

    A surrogate index (Athey, Chetty, Imbens and Kang 2019) of one variable: it takes a visit to be worth the same
    whatever brought it, and gives much less noise for it.

    >>> blended(np.array([0.0, 4.0]), np.array([0.0, 1.0])).tolist()
    [0.0, 4.0]
    """
    if proxy is None or proxy.sum() <= 0 or outcome.var() <= 0:
        return outcome
    worth = proxy * outcome.sum() / proxy.sum()
    weight = outcome.var() / (outcome.var() + worth.var())
    return np.asarray((1 - weight) * outcome + weight * worth)


def _evidence(trial: Trial, nuisance: Nuisance, plain: pd.DataFrame, way: str, seed: int) -> Evidence:
    """Gain on held-out folds, averaged over a few ways to cut the folds: one cut alone is a matter of luck."""
    rows = len(trial.arm)
    gains = np.zeros(rows)
    for cut in range(_CUTS):
        fold = np.random.default_rng([seed, 1, cut]).permutation(rows) % _FOLDS
        for held in range(_FOLDS):
            inside, out = np.flatnonzero(fold != held), np.flatnonzero(fold == held)
            past, known = trial.part(inside), nuisance.part(inside)
            if way == TREE:
                chosen = decide(_tree(plain.iloc[inside], known), plain.iloc[out])
            else:
                chosen = line(trial.x[out], LEARNERS[way](past, known)).argmax(axis=1)
            gains[out] += (nuisance.scores[out, chosen] - nuisance.scores[out, trial.base]) / _CUTS
    return Evidence(float(gains.mean()), float(gains.std() / np.sqrt(rows)))


def _tree(plain: pd.DataFrame, nuisance: Nuisance) -> Tree:
    return policy_tree(plain, nuisance.scores, depth=1, least=max(len(plain) // 20, 20))
