"""Expected spend of a customer: two rules compete on the shop's latest month, and the better one serves."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from models.calibration import Array
from models.rhythm import Rhythm

Rule = Literal["chance", "rhythm"]

FORMULAS: dict[Rule, str] = {
    "chance": "-ln(1 - chance of an order) = expected orders, times what an order of this customer is worth",
    "rhythm": "expected orders by BG/NBD mixed with how earlier customers went on, times what an order is worth",
}
ONE_ORDER = "one_order"
"""The floor: the chance times one usual order, as if nobody bought twice."""
_LEAST_SHARE = 0.01


def expected_spend(
    rule: Rule, chance: pd.Series, order_value: pd.Series, rhythm: Rhythm | None, horizon_days: float
) -> pd.Series:
    """Money each customer (index of `chance`) will spend within `horizon_days`, in the shop's currency.

    `chance` is that of at least one order within the horizon. Orders at a constant rate are a Poisson count, whose mean
    is -ln(1 - chance). Who has no rhythm yet is valued by the chance under either rule.
    """
    orders = pd.Series(-np.log1p(-np.minimum(chance.to_numpy("float64"), 1 - 1e-9)), index=chance.index)
    if rule == "rhythm" and rhythm is not None:
        orders = rhythm.orders(horizon_days).reindex(chance.index).fillna(orders)
    return orders * order_value


def order_values(usual: pd.Series, rhythm: Rhythm | None) -> pd.Series:
    """What an order of each customer (index of `usual`) is worth: Gamma-Gamma's mean, else the `usual` one."""
    return usual if rhythm is None else rhythm.table["money"].reindex(usual.index).fillna(usual)


def compete(
    real: Array, chance: pd.Series, usual: pd.Series, rhythm: Rhythm | None, horizon_days: float
) -> tuple[Rule, dict[str, float]]:
    """The rule with the least deviance from the money `real`ly spent, (customers,), and the measures of all.

    Mean Tweedie deviance of power 1.5 (Jørgensen 1987) is least at the true mean, as squared error is, yet does not let
    three wholesalers decide alone. `spend_off_…` is the relative error of the total, `spend_deviance_…` the deviance.
    """
    value = order_values(usual, rhythm)
    rules: tuple[Rule, ...] = ("chance",) if rhythm is None else ("chance", "rhythm")
    tried = {str(rule): expected_spend(rule, chance, value, rhythm, horizon_days) for rule in rules}
    tried[ONE_ORDER] = chance * usual
    measures: dict[str, float] = {}
    for name, guess in tried.items():
        measures[f"spend_off_{name}"] = float(guess.sum() / real.sum() - 1.0)
        measures[f"spend_deviance_{name}"] = deviance(real, guess.to_numpy("float64"))
    best = min(rules, key=lambda rule: measures[f"spend_deviance_{rule}"])
    return best, measures | {"spend_off": measures[f"spend_off_{best}"]}


def deviance(real: Array, guess: Array) -> float:
    """Mean Tweedie deviance of power 1.5; a guess counts as a hundredth of the mean at least.

    >>> deviance(np.array([0.0, 4.0]), np.array([0.0, 4.0])) < deviance(np.array([0.0, 4.0]), np.array([2.0, 2.0]))
    True
    """
    mean = np.maximum(guess, _LEAST_SHARE * max(float(guess.mean()), 1e-9))
    return float((4.0 * (np.sqrt(mean) - 2.0 * np.sqrt(real) + real / np.sqrt(mean))).mean())
