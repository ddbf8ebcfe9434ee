"""A shop's events as matrices of people and products: what each did lately, what they have, who is whose friend."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.sparse as sp

from models.neighbours import (
    RECENCY_DAYS,
    Matrix,
    age_in_days,
    decayed,
    item_neighbours,
    ones,
    positions,
    strongest,
)
from models.taste import Scores

SIGNALS = {"purchase": 1.0, "add_to_cart": 0.5, "view": 0.2}
"""Weight of an event in p_j before its age counts."""
POPULAR_DAYS = 7.0
_REPEATED_AFTER = pd.Timedelta(90, "D")


@dataclass(frozen=True)
class Signals:
    """What was known at one time: `strength` of the strongest, decayed event of each (customer, item), and 1 where it
    was `bought`; `weights` between items (items × items, row i from its neighbours j); `popular`, (items,).
    """

    strength: Matrix
    bought: Matrix
    weights: Matrix
    popular: Scores


def events_log(events: pd.DataFrame, customers: pd.Index, items: pd.Index) -> pd.DataFrame:
    """`events` of the kinds of `SIGNALS` with columns at, customer, item (places in the indexes), weight and bought."""
    log = pd.DataFrame(
        {
            "at": events["at"],
            "customer": positions(customers, events["customer_id"]),
            "item": positions(items, events["product_id"]),
            "weight": events["kind"].astype(object).map(SIGNALS).astype(float),
            "bought": events["kind"].eq("purchase").astype(bool),
        }
    )
    return log[log["item"] >= 0]


def signals_of(log: pd.DataFrame, now: pd.Timestamp, shape: tuple[int, int]) -> Signals:
    """What the `log` tells at `now`; `shape` is (customers, items)."""
    customer, item = log["customer"].to_numpy(), log["item"].to_numpy()
    fresh = decayed(age_in_days(log["at"], now), RECENCY_DAYS)
    strength = strongest(customer, item, fresh * log["weight"].to_numpy(), shape)
    bought = log["bought"].to_numpy()
    recent = strongest(customer[bought], item[bought], fresh[bought], shape)
    had, weights = ones(recent), item_neighbours(recent)
    # A half-life of 90 days becomes one of 7: 0.5 ** (t / 7) = (0.5 ** (t / 90)) ** (90 / 7).
    recent.data = recent.data ** (RECENCY_DAYS / POPULAR_DAYS)
    return Signals(strength, had, weights, np.asarray(recent.sum(axis=0)).ravel())


def newly_bought(log: pd.DataFrame, known: Signals) -> Matrix:
    """(customers × items): 1 where `log` holds a purchase of what was not `bought` yet."""
    later = log[log["bought"]]
    wanted = ones(sp.csr_matrix((np.ones(len(later)), (later["customer"], later["item"])), shape=known.bought.shape))
    wanted = (wanted - wanted.multiply(known.bought)).tocsr()
    wanted.eliminate_zeros()
    return wanted


def circles(relations: pd.DataFrame, customers: pd.Index) -> Matrix:
    """(customers × customers): 1 where two are related, whichever named the other."""
    one, other = positions(customers, relations["customer_id"]), positions(customers, relations["other_id"])
    fine = (one >= 0) & (other >= 0) & (one != other)
    size = len(customers)
    links = sp.coo_matrix((np.ones(fine.sum()), (one[fine], other[fine])), shape=(size, size)).tocsr()
    return ones((links + links.T).tocsr())


def repeat_share(log: pd.DataFrame, now: pd.Timestamp) -> float:
    """Share of (customer, item) pairs first bought 90 days ago or more that were bought on another day since."""
    bought = log.loc[log["bought"], ["customer", "item", "at"]]
    days = bought.assign(day=bought["at"].dt.normalize()).groupby(["customer", "item"])["day"].agg(["min", "max"])
    old = days[days["min"] < now - _REPEATED_AFTER]
    return float((old["max"] > old["min"]).mean()) if len(old) else 0.0
