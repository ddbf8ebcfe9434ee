"""What past logs say a campaign would bring: an off-policy estimate from randomised exposures.

Self-normalised inverse propensity weighting (Swaminathan & Joachims 2015): the value of an action is
Σ w r / Σ w over the logged decisions that took it, w = 1 / propensity. The interval is a bootstrap over
customers, whose decisions depend on each other.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from models.uplift import CONTROL

ENOUGH = 30
"""Effective decisions a side (Kish) below which the logs are silent."""

Scope = Literal["audience", "everyone"]


@dataclass(frozen=True)
class Estimate:
    """Extra reward of contacting one customer, from the logs; an 80% interval.

    `unit` is "orders" where the logged rewards are 0 or 1, else "profit": money after goods and messages.
    `decisions` counts the logged decisions used; `scope` says whether they are of this audience or of everyone.
    `supported` is False, and the numbers are zero, when one of the actions was hardly ever logged; `why` says so.
    """

    supported: bool
    value: float
    low: float
    high: float
    treated: float
    control: float
    unit: Literal["orders", "profit"]
    decisions: int
    effective: float
    scope: Scope
    action: str
    why: str = ""


def effective_size(weights: np.ndarray) -> float:
    """Kish's effective sample size, (Σw)² / Σw².

    >>> effective_size(np.array([1.0, 1.0, 1.0, 1.0]))
    4.0
    """
    total = float((weights**2).sum())
    return float(weights.sum()) ** 2 / total if total else 0.0


def estimate(
    exposures: pd.DataFrame,
    customer_ids: Collection[str],
    *,
    channel: str = "email",
    offer: bool = False,
    seed: int = 0,
    draws: int = 400,
    level: float = 0.2,
) -> Estimate:
    """Extra reward of contacting one of `customer_ids` over leaving it alone.

    `exposures` is the canonical table. The contact is the action named like the channel; with `offer`, the
    one whose name speaks of a discount as well ("email_discount"). The audience's own decisions are used where
    they suffice, else everyone's, which the result says.
    """
    name = f"{channel} with a discount" if offer else channel
    logged = exposures[exposures["reward"].notna()]
    action = logged["action"].str.lower()
    contact, control = _is_contact(action, channel, offer), action.isin(CONTROL)
    logged = logged.assign(side=np.select([contact, control], ["treated", "control"], default="other"))
    logged = logged[logged["side"] != "other"]
    own = logged[logged["customer_id"].isin(list(customer_ids))]
    for scope, frame in (("audience", own), ("everyone", logged)):
        sizes = [effective_size(1.0 / _column(frame, which, "propensity")) for which in ("treated", "control")]
        if min(sizes) >= ENOUGH:
            return _bootstrapped(
                frame, "audience" if scope == "audience" else "everyone", min(sizes), name, seed, draws, level
            )
    return Estimate(
        False, 0.0, 0.0, 0.0, 0.0, 0.0, "orders", len(logged), 0.0, "everyone", name,
        why=_why_not(exposures, logged, name),
    )  # fmt: skip


def _is_contact(action: pd.Series, channel: str, offer: bool) -> pd.Series:
    about_money = action.str.contains("discount|offer|voucher|coupon", regex=True)
    return action.str.contains(channel, regex=False) & ~action.isin(CONTROL) & (about_money if offer else ~about_money)


def _column(frame: pd.DataFrame, side: str, column: str) -> np.ndarray:
    return frame.loc[frame["side"] == side, column].to_numpy(dtype=np.float64)


def _why_not(exposures: pd.DataFrame, logged: pd.DataFrame, name: str) -> str:
    if exposures.empty:
        return "the shop has no log of past decisions with their probabilities"
    if not (logged["side"] == "treated").any():
        return f"no past decision to contact by {name} was logged"
    if not (logged["side"] == "control").any():
        return "no customer was ever left alone by chance, so there is nothing to compare with"
    return f"fewer than {ENOUGH} comparable decisions were logged"


def _bootstrapped(
    frame: pd.DataFrame, scope: Scope, effective: float, name: str, seed: int, draws: int, level: float
) -> Estimate:
    """The estimate with its percentile interval, resampling customers with a fixed seed."""
    rewards = frame["reward"].to_numpy(dtype=np.float64)
    weights = 1.0 / frame["propensity"].to_numpy(dtype=np.float64)
    treated = (frame["side"] == "treated").to_numpy()
    _, customer = np.unique(frame["customer_id"].to_numpy(dtype=str), return_inverse=True)
    number = int(customer.max()) + 1
    # Sums a customer, so that a resample of customers is one matrix product.
    sums = np.stack(
        [
            np.bincount(customer, weights=w * mask, minlength=number)
            for mask in (treated, ~treated)
            for w in (weights * rewards, weights)
        ]
    )
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(number, np.full(number, 1.0 / number), size=draws)
    drawn = sums @ counts.T
    with np.errstate(divide="ignore", invalid="ignore"):
        values = drawn[0] / drawn[1] - drawn[2] / drawn[3]
    values = values[np.isfinite(values)]
    point = sums.sum(axis=1)
    mail, none = float(point[0] / point[1]), float(point[2] / point[3])
    low, high = np.quantile(values, [level / 2, 1 - level / 2])
    unit: Literal["orders", "profit"] = "orders" if np.isin(rewards, (0.0, 1.0)).all() else "profit"
    return Estimate(
        True, mail - none, float(low), float(high), mail, none, unit, len(frame), effective, scope, name
    )  # fmt: skip
