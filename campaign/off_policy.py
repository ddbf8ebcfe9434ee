"""The extra reward of a plan's own actions, from logged decisions: doubly robust, and weighted to look like its people.

Doubly robust estimation (Dudík, Langford and Li 2011) of many actions against none, carried over to another
population by the ratio of the two densities (Uehara, Kato and Yasui 2020): decisions of the past count by how much
their customers, as they were then, look like the plan's customers now. Reward models are cross-fitted over customers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from campaign.estimators import Array, Log, Value, clipped
from data.threads import single_threaded
from models.uplift_learners import line, ridge

NONE = "none"
_FOLDS = 5
_FEWEST = 10
"""Decisions of an action below which its reward model is their mean."""
_PENALTY = 1.0
LEAST_SHARE = 0.1
"""Effective size of the weighted decisions, as a share of all, below which their weights are flattened."""


@dataclass(frozen=True)
class Decisions:
    """Logged decisions: `action` names (`NONE` for leaving alone), `weights` 1/propensity, `known` (n, columns)."""

    customers: np.ndarray
    action: np.ndarray
    weights: Array
    rewards: Array
    known: Array


@dataclass(frozen=True)
class Targets:
    """The plan's customers, what each gets, and what is known of them now, (n, columns)."""

    customers: np.ndarray
    action: np.ndarray
    known: Array


@dataclass(frozen=True)
class Answer:
    """Mean extra reward of one target over leaving it alone; `effective` decisions of each action (Kish) behind it."""

    value: Value
    effective: Mapping[str, float]
    alone: float


def effective_size(weights: Array) -> float:
    """Kish's effective sample size, (Σw)² / Σw².

    >>> effective_size(np.array([1.0, 1.0, 1.0, 1.0]))
    4.0
    """
    total = float((weights**2).sum())
    return float(weights.sum()) ** 2 / total if total else 0.0


def likeness(decisions: Decisions, targets: Targets) -> dict[str, Array]:
    """By action: how much each decision's customer looks like those who shall get it; sums to their number.

    The density ratio comes from a logistic regression that tells the two apart, and is flattened (Shimodaira 2000) to
    a power of itself that leaves the effective size of a tenth of all decisions: what it then misses the reward models
    make up for, and what it gains is a far steadier answer.
    """
    found = {}
    for action in np.unique(targets.action):
        wanted = targets.known[targets.action == action]
        log_ratio = np.zeros(len(decisions.rewards))
        if np.ptp(np.vstack([decisions.known, wanted]), axis=0).max(initial=0.0) > 0:
            log_ratio = _log_odds(decisions.known, wanted)
        ratio = np.exp(flattening(log_ratio) * (log_ratio - log_ratio.max()))
        found[str(action)] = ratio * (len(wanted) / ratio.sum())
    return found


def flattening(log_ratio: Array) -> float:
    """The largest power, of 1, 0.95, …, 0, that leaves weights exp(power × log_ratio) the least effective size."""
    least = LEAST_SHARE * len(log_ratio)
    powers = np.linspace(1.0, 0.0, 21)
    scaled = log_ratio - log_ratio.max()
    return float(next((p for p in powers if effective_size(np.exp(p * scaled)) >= least), 0.0))


def imbalance(decisions: Decisions, targets: Targets, likely: Mapping[str, Array]) -> float:
    """The largest difference that weighting leaves between the past and the targets, in standard deviations.

    Of the means of what is known (Stuart 2010), over all columns and actions.
    """
    spread = np.vstack([decisions.known, targets.known]).std(axis=0)
    gaps = [
        np.abs(
            np.average(decisions.known, axis=0, weights=ratio) - targets.known[targets.action == action].mean(axis=0)
        )
        for action, ratio in likely.items()
    ]
    return float((np.max(gaps, axis=0) / np.where(spread > 1e-9, spread, np.inf)).max(initial=0.0))


def effective_sizes(decisions: Decisions, likely: Mapping[str, Array]) -> dict[str, float]:
    """Effective decisions of each wanted action, and of none, after weighting; what the logs can bear."""
    sizes = {
        action: effective_size((ratio * decisions.weights)[decisions.action == action])
        for action, ratio in likely.items()
    }
    both = np.sum(list(likely.values()), axis=0) * decisions.weights
    return sizes | {NONE: effective_size(both[decisions.action == NONE])}


def value(decisions: Decisions, targets: Targets, likely: Mapping[str, Array]) -> Answer:
    """The doubly robust answer; its interval is over customers, whose decisions depend on each other."""
    number, used = len(targets.action), np.isin(decisions.action, [*likely, NONE])
    guess, direct_none = _expected(decisions, NONE, targets)
    weights, direct = np.sum(list(likely.values()), axis=0), -float(direct_none.sum())
    for action, ratio in likely.items():
        own = decisions.action == action
        here, there = _expected(decisions, action, targets)
        guess[own], weights[own] = here[own], ratio[own]
        direct += float(there[targets.action == action].sum())
    sign = np.where(decisions.action == NONE, -1.0, 1.0)[used]
    _, groups = np.unique(decisions.customers[used], return_inverse=True)
    log = Log(
        rewards=sign * decisions.rewards[used],
        weights=(weights * decisions.weights)[used] * (used.sum() / number),
        guess=sign * guess[used],
        direct=np.full(int(used.sum()), direct / number),
        groups=groups,
    )
    return Answer(clipped(log), effective_sizes(decisions, likely), float(direct_none.mean()))


def _expected(decisions: Decisions, action: str, targets: Targets) -> tuple[Array, Array]:
    """Reward of `action` for the logged customers and for the targets, by models that saw no decision of the same
    fold of customers."""
    fold, wanted = _folds(decisions.customers), _folds(targets.customers)
    here, there = np.zeros(len(fold)), np.zeros(len(wanted))
    taken = decisions.action == action
    for held in range(_FOLDS):
        train = taken & (fold != held)
        if not train.any():
            continue
        if train.sum() < _FEWEST:
            here[fold == held] = there[wanted == held] = decisions.rewards[train].mean()
            continue
        fit = ridge(decisions.known[train], decisions.rewards[train], decisions.weights[train])
        here[fold == held] = line(decisions.known[fold == held], fit)
        there[wanted == held] = line(targets.known[wanted == held], fit)
    return here, there


def _log_odds(then: Array, now: Array) -> Array:
    """log of p(now | x) / p(then | x), up to a constant, for each row of `then`."""
    from sklearn.linear_model import LogisticRegression

    both = np.vstack([then, now])
    middle, spread = both.mean(axis=0), both.std(axis=0)
    scaled = (both - middle) / np.where(spread > 1e-9, spread, np.inf)
    bent = np.hstack([scaled, scaled**2])
    side = np.repeat([0, 1], [len(then), len(now)])
    with single_threaded():  # it may run beside a language model
        model = LogisticRegression(C=_PENALTY, solver="newton-cholesky").fit(bent, side)
    return np.asarray(model.decision_function(bent[: len(then)]))


def _folds(customers: np.ndarray) -> np.ndarray:
    """A fold per row, by a hash of the customer."""
    hashed: np.ndarray = pd.util.hash_array(customers.astype(object)) % _FOLDS
    return hashed
