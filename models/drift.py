"""Drift and staleness: whether the models still fit the data that they are asked about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from data.errors import ModelError
from models.base import MANIFEST, TRAIN_FIRST, read_manifest

if TYPE_CHECKING:
    from data.store import Snapshot

LATELY, BEFORE = 7, 90
MOVED, WATCHED = 0.25, 0.1
"""Index above which what is measured has moved, and above which it is worth keeping an eye on (the usual reading)."""
DRIFT = "drift/"
"""How the measures of a model name the index of a feature."""
_SMALLEST = 1e-4
_MOST_KEPT = 3
_BINS = np.linspace(0.1, 0.9, 9)
_SPANS = ("30", "90")


def stability_index(expected: Sequence[float], actual: Sequence[float]) -> float:
    """Population stability index Σ (a − e) ln(a / e) of two distributions over the same bins, given as counts.

    Below .1 nothing has moved, above .25 the models should be looked at (the usual reading). 0 where either is empty.

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


def feature_drift(learnt: pd.DataFrame, now: pd.DataFrame) -> dict[str, float]:
    """The index of each feature of a span of days, by deciles of `learnt` with the unknown apart: the largest above .1.

    Features of a whole history are left out: they grow as the shop's history does, whatever the customers do.
    """
    found = {}
    for name in map(str, learnt.columns):
        if name.rpartition("_")[2] in _SPANS:
            known = learnt[name].dropna().to_numpy("float64")
            edges = np.unique(np.quantile(known, _BINS)) if len(known) else np.zeros(0)
            found[name] = stability_index(_counts(learnt[name], edges), _counts(now[name], edges))
    largest = sorted(found, key=lambda name: (-found[name], name))[:_MOST_KEPT]
    return {name: found[name] for name in largest if found[name] > WATCHED}


def notes(folder: Path, snapshot: Snapshot) -> list[str]:
    """What to know before leaning on the models in `folder` (a store's `models_path`): one sentence a matter, or none.

    Reads what was written down when training, so it costs no loading.
    """
    try:
        manifest = read_manifest("behaviour", folder / "behaviour")
    except ModelError:
        older = folder.parent.exists() and any((p / "behaviour" / MANIFEST).exists() for p in folder.parent.iterdir())
        state = "The models are older than the data" if older else "No model is trained yet"
        return [f"{state}: {TRAIN_FIRST}."]
    said = []
    days = (snapshot.as_of - pd.Timestamp(manifest["as_of"])).days
    if days > 0:
        said.append(f"The models know nothing of the last {days} days of the data: {TRAIN_FIRST} again.")
    return said + moved(manifest["metrics"])


def moved(metrics: Mapping[str, float]) -> list[str]:
    """One sentence where a feature moved between the months that were learnt and now, else nothing."""
    found = {name.removeprefix(DRIFT): index for name, index in metrics.items() if name.startswith(DRIFT)}
    far = sorted((name for name, index in found.items() if index > MOVED), key=lambda name: (-found[name], name))
    if not far:
        return []
    shown = ", ".join(f"{_in_words(name)} (PSI {found[name]:.2f})" for name in far)
    return [
        f"What is known of customers now differs from the months that were learnt: {shown}; above {MOVED} counts. "
        "Lean on chances with care until a month of it has been learnt."
    ]


def _counts(values: pd.Series, edges: np.ndarray) -> list[int]:
    known = values.dropna().to_numpy("float64")
    return [*np.bincount(np.searchsorted(edges, known), minlength=len(edges) + 1).tolist(), int(values.isna().sum())]


def _in_words(feature: str) -> str:
    stem, _, span = feature.rpartition("_")
    return f"{stem.replace('_', ' ')} of the last {span} days"
