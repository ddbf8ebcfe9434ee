"""What an offer is worth and costs: margin, discount, the message, and the reasons to leave a customer alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

ASSUMED_MARGIN = 0.40
"""Gross margin taken where no cost is known; always said."""

CONTACT_COST: Mapping[str, float] = {"email": 0.03, "sms": 0.06}
"""Assumed cost of one message with its share of the work, in the shop's currency; always said."""

ELASTICITY = 2.62
"""Percent more orders for each percent off the price, where the shop has no experiment; always said."""

CONTACTED, NO_CHANNEL, NO_CONSENT, NO_ADDRESS, CAPPED, NOT_WORTH, OVER_BUDGET, NO_STOCK, CHANNEL_FULL = (
    "contacted",
    "the plan has no channel that writes to customers",
    "no recorded consent",
    "no address",
    "had enough messages lately",
    "would cost more than they bring",
    "beyond the budget",
    "too little stock of what suits them",
    "beyond what the channel can send",
)
REASONS = (CONTACTED, NO_CHANNEL, NO_CONSENT, NO_ADDRESS, CAPPED, NOT_WORTH, OVER_BUDGET, NO_STOCK, CHANNEL_FULL)


@dataclass(frozen=True)
class Margin:
    """Gross margin as a share of the price, and where it comes from."""

    rate: float
    source: str
    known: bool


@dataclass(frozen=True)
class Terms:
    """What an offer is worth and costs: margin and discount as shares, cost a message, days in which orders count."""

    margin: Margin
    discount: float
    window_days: int
    contact_cost: Mapping[str, float]


def margin_of(products: pd.DataFrame, product_ids: Sequence[str] = ()) -> Margin:
    """Gross margin Σ (price − cost) / Σ price of `product_ids`, else of all products with a cost, else assumed.

    Sums, not a mean of ratios, so that one odd cost does not decide; within 0 and 1.
    """
    priced = products[products["price"].gt(0) & products["cost"].notna()]
    chosen = priced[priced["product_id"].isin(list(product_ids))]
    for frame, words in ((chosen, "of this campaign's products"), (priced, "of all products whose cost is known")):
        if len(frame):
            rate = 1 - float(frame["cost"].sum()) / float(frame["price"].sum())
            source = f"Σ (price − cost) / Σ price {words}, table products"
            return Margin(min(max(rate, 0.0), 1.0), source, known=True)
    return Margin(ASSUMED_MARGIN, f"assumption: no cost is known, so {ASSUMED_MARGIN:.0%} of the price", known=False)


def window_chance(members: pd.DataFrame, terms: Terms, *, horizon_days: int = 30) -> pd.Series:
    """Chance of an order within the campaign's window when left alone; a constant hazard takes it there."""
    chance: pd.Series = 1 - (1 - members["chance"].clip(0, 1)) ** (terms.window_days / horizon_days)
    return chance


def with_discount(chance: pd.Series, uplift: pd.Series, discount: float) -> pd.Series:
    """Uplift of a message with `discount` where no experiment tells, from the uplift of the plain message.

    The chance of an order moves with the price by the mean elasticity of 1,851 published ones (Bijmolt, van Heerde
    and Pieters 2005).
    """
    offered: pd.Series = (chance + uplift).clip(0, 1) * (1 + ELASTICITY * discount) - chance
    return offered.clip(upper=1 - chance)


def expected(
    chance: np.ndarray, uplift: np.ndarray, value: np.ndarray, margin: np.ndarray, offer: np.ndarray
) -> dict[str, np.ndarray]:
    """What contacting each customer brings and costs, before the cost of the message; all arrays (n,).

    gain = uplift × value × (margin − offer), the extra margin; giveaway = chance × value × offer, given to those
    who would have bought anyway (every buyer is assumed to use the offer); redeemed = what all buyers are given.
    """
    per_order = value * (margin - offer)
    return {
        "per_order": per_order,
        "gain": uplift * per_order,
        "giveaway": chance * value * offer,
        "redeemed": np.clip(chance + uplift, 0, 1) * value * offer,
    }
