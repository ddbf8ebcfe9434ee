"""A shop's banners, simulated: visitors with features, one policy that logs, another to be valued, the truth known."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, softmax

from campaign.estimators import Array, Log

FEATURES, ACTIONS = 5, 6
_FOLDS = 2
_TRUTH_VISITORS = 1_000_000


@dataclass
class Bandit:
    """Visitors x ~ N(0, I); a click has the chance σ(xᵀθ_a + a bend of x); both policies are soft choices over actions.

    The reward model that is fitted on the logs is logistic and can't follow the bend: it is a little wrong, as in life.
    """

    rng: np.random.Generator

    def __post_init__(self) -> None:
        self.theta = self.rng.normal(0.0, 0.6, (FEATURES, ACTIONS))
        self.bend = self.rng.normal(0.0, 0.4, ACTIONS)
        self.logging = self.rng.normal(0.0, 0.4, (FEATURES, ACTIONS))

    def chances(self, visitors: Array) -> Array:
        """True click chances, (visitors, actions)."""
        curve = visitors[:, :1] * visitors[:, 1:2]
        return np.asarray(expit(visitors @ self.theta + curve * self.bend - 1.0))

    def propensities(self, visitors: Array) -> Array:
        """How likely the logging policy takes each action."""
        return np.asarray(softmax(visitors @ self.logging, axis=1))

    def choices(self, visitors: Array) -> Array:
        """How likely the policy to be valued takes each action: it has a rough idea of what is clicked."""
        return np.asarray(softmax(1.5 * visitors @ self.theta, axis=1))

    def truth(self) -> float:
        """The policy's value, to four digits."""
        rng = np.random.default_rng(12345)
        parts = [rng.normal(size=(_TRUTH_VISITORS // 10, FEATURES)) for _ in range(10)]
        return float(np.mean([(self.choices(part) * self.chances(part)).sum(axis=1).mean() for part in parts]))

    def log(self, rng: np.random.Generator, decisions: int) -> tuple[Log, Log]:
        """One log: with a reward model fitted on its other half, and with the true chances (the oracle's)."""
        visitors = rng.normal(size=(decisions, FEATURES))
        propensities, choices, chances = self.propensities(visitors), self.choices(visitors), self.chances(visitors)
        actions = (propensities.cumsum(axis=1) > rng.random((decisions, 1))).argmax(axis=1)
        row = np.arange(decisions)
        rewards = (rng.random(decisions) < chances[row, actions]).astype("float64")
        weights = choices[row, actions] / propensities[row, actions]
        guessed = _cross_fitted(visitors, actions, rewards)

        def seen(by: Array) -> Log:
            return Log(rewards, weights, by[row, actions], (choices * by).sum(axis=1))

        return seen(guessed), seen(chances)


def _cross_fitted(visitors: Array, actions: np.ndarray, rewards: Array) -> Array:
    """Click chances of each action (decisions, actions) by logistic regressions on the other fold."""
    from sklearn.linear_model import LogisticRegression

    fold = np.arange(len(rewards)) % _FOLDS
    guessed = np.zeros((len(rewards), ACTIONS))
    for held in range(_FOLDS):
        for action in range(ACTIONS):
            train = (fold != held) & (actions == action)
            if len(np.unique(rewards[train])) < 2:
                guessed[fold == held, action] = rewards[train].mean() if train.any() else rewards.mean()
                continue
            model = LogisticRegression(C=1.0).fit(visitors[train], rewards[train])
            guessed[fold == held, action] = model.predict_proba(visitors[fold == held])[:, 1]
    return guessed
