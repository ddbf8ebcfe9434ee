"""Who gets the offer: contact those whose expected extra margin exceeds the discount and the cost of the contact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from campaign.contact import DIRECT

ASSUMED_MARGIN = 0.40
"""Gross margin taken where no cost is known; always said."""

CONTACT_COST: Mapping[str, float] = {"email": 0.03, "sms": 0.06}
"""Assumed cost of one message with its share of the work, in the shop's currency; always said."""

CONTACTED, NO_CHANNEL, NO_CONSENT, NO_ADDRESS, CAPPED, NOT_WORTH, OVER_BUDGET = (
    "contacted",
    "the plan has no channel that writes to customers",
    "no recorded consent",
    "no address",
    "had enough messages lately",
    "would cost more than they bring",
    "beyond the budget",
)
REASONS = (CONTACTED, NO_CHANNEL, NO_CONSENT, NO_ADDRESS, CAPPED, NOT_WORTH, OVER_BUDGET)


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


def expected(members: pd.DataFrame, terms: Terms, *, horizon_days: int = 30) -> pd.DataFrame:
    """What contacting each member brings and costs, before the cost of the message (index customer_id).

    gain = uplift × value × (margin − discount), the extra margin; giveaway = chance × value × discount, given
    to those who would have bought anyway (every buyer is assumed to use the discount). `chance` in `members`
    is for `horizon_days`; a constant hazard takes it to the window of the campaign.
    """
    chance = 1 - (1 - members["chance"].clip(0, 1)) ** (terms.window_days / horizon_days)
    per_order = members["value"] * (terms.margin.rate - terms.discount)
    return pd.DataFrame(
        {
            "chance": chance,
            "per_order": per_order,
            "gain": members["uplift"] * per_order,
            "giveaway": chance * members["value"] * terms.discount,
            "redeemed": (chance + members["uplift"]).clip(0, 1) * members["value"] * terms.discount,
        },
        index=members.index,
    )


def decide(
    members: pd.DataFrame,
    reach: pd.DataFrame,
    terms: Terms,
    *,
    channels: Sequence[str],
    capped: set[str],
    budget: float | None,
) -> pd.DataFrame:
    """For each member: reason (one of `REASONS`), channel, profit, cost, and the columns of `expected`.

    A member is contacted on the cheapest direct channel that consent allows, when gain − giveaway − message is
    above zero; if the budget (messages and discounts together) does not suffice, those with the most profit for
    each unit of cost come first. `profit` and `cost` are filled in for everyone who can be reached.
    """
    table = expected(members, terms)
    direct = sorted((c for c in DIRECT if c in channels), key=lambda c: terms.contact_cost[c])
    channel = pd.Series(pd.NA, index=members.index, dtype="string")
    consented = pd.Series(False, index=members.index)
    for one in direct:
        channel = channel.where(channel.notna() | ~reach[one].to_numpy(bool), one)
        consented |= (reach[f"{one}_consent"] == "yes").to_numpy()
    message = channel.map(dict(terms.contact_cost)).astype("float64").fillna(0.0)
    table["channel"] = channel
    table["message"] = message
    table["profit"] = table["gain"] - table["giveaway"] - message
    table["cost"] = message + table["redeemed"]
    worth = channel.notna() & (table["profit"] > 0) & ~members.index.isin(list(capped))
    within = worth & _affordable(table, worth, budget)
    table["reason"] = np.select(
        [
            np.full(len(table), not direct),
            ~consented.to_numpy(),
            channel.isna().to_numpy(),
            np.asarray(members.index.isin(list(capped))),
            (table["profit"] <= 0).to_numpy(),
            ~within.to_numpy(),
        ],
        [NO_CHANNEL, NO_CONSENT, NO_ADDRESS, CAPPED, NOT_WORTH, OVER_BUDGET],
        default=CONTACTED,
    )
    return table


def _affordable(table: pd.DataFrame, worth: pd.Series, budget: float | None) -> pd.Series:
    """Whether each member still fits into the budget, the best return first (ties in the members' order)."""
    fits = pd.Series(True, index=table.index)
    if budget is None:
        return fits
    ratio = (table["profit"] / table["cost"].clip(lower=1e-9))[worth].sort_values(ascending=False, kind="stable")
    spent = table["cost"].reindex(ratio.index).cumsum()
    fits.loc[spent.index] = spent <= budget
    return fits
