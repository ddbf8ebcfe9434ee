"""Drift: whether what people buy lately still looks like what the models learnt from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from data.store import Snapshot

LATELY, BEFORE = 7, 90
_SMALLEST = 1e-4


def stability_index(expected: Sequence[float], actual: Sequence[float]) -> float:
    """Population stability index Σ (a − e) ln(a / e) of two distributions over the same bins, given as counts.

    Below .1 nothing has moved, above .25 the models should be trained anew (the usual reading). 0 where either is
    empty.

    >>> stability_index([50, 50], [50, 50])
    0.0
    >>> round(stability_index([50, 50], [80, 20]), 3)
    0.416
    """
    one, other = np.asarray(expected, float), np.asarray(actual, float)
    if one.sum() <= 0 or other.sum() <= 0:
        return 0.0
    one, other = np.maximum(one / one.sum(), _SMALLEST), np.maximum(other / other.sum(), _SMALLEST)
    return float(((other - one) * np.log(other / one)).sum())


def category_drift(snapshot: Snapshot) -> float:
    """The index of the categories bought in the last `LATELY` days against the `BEFORE` days ahead of them."""
    now = snapshot.as_of
    events = snapshot.table("events")
    bought = events.filter(
        (events["kind"] == "purchase") & (events["at"] > now - pd.Timedelta(days=LATELY + BEFORE))
    ).select("product_id", "at")
    frame = bought.execute()
    if frame.empty:
        return 0.0
    category = snapshot.frame("products").set_index("product_id")["category"]
    kind = frame["product_id"].map(category).fillna("unknown").astype(str)
    lately = frame["at"] > now - pd.Timedelta(days=LATELY)
    table = pd.crosstab(kind, lately).reindex(columns=[False, True], fill_value=0)
    return stability_index(table[False].tolist(), table[True].tolist())
