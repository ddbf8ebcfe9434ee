"""Chances of buying from slices of time: what was known at each cut-off, who then bought, and models of it, calibrated.

Calibration rests on customers held out at all cut-offs: a scaling fitted on the latest month alone follows that month's
luck (error .050 instead of .03 on Online Retail).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from data import features as words
from models.baselines import Logistic
from models.boosting import Trees
from models.calibration import Array, Platt, calibration_error, to_logit
from models.track_record import TrackRecord

if TYPE_CHECKING:
    from data.store import Snapshot

HORIZON = 30
"""Days that a label looks ahead, and between two cut-offs."""

Kind = Literal["lightgbm", "logistic", "base_rate"]

CUTS = 6
FOLDS = 3
"""Groups of customers, each held out in turn for calibration."""
_FEW_CUSTOMERS = 100
_FEW_HITS = 10
_MATTERS = 0.02
_MORE_IS_MORE = (
    "orders_30",
    "orders_90",
    "orders_365",
    "orders_all",
    "spend_",
    "visits_",
    "views_",
    "carts_",
    "searches_",
)


@dataclass(frozen=True)
class Slice:
    """What was known of each customer at a cut-off (`features`), and whether they then bought (`labels`, 0 or 1)."""

    features: pd.DataFrame
    labels: Array


@dataclass(frozen=True)
class Scorer:
    """A fitted model, its calibration, and how its chances held in earlier months."""

    model: Logistic | Trees
    platt: Platt
    record: TrackRecord | None = None

    def __call__(self, features: pd.DataFrame) -> Array:
        """Calibrated chances, shape (rows,)."""
        return self.platt(self.model.predict(features))

    def leans_on(self, features: pd.DataFrame) -> list[str]:
        """The features that move chances enough to matter: each a fiftieth of all that moves them, or more."""
        if features.empty:
            return []
        moves = np.abs(self.model.contributions(features)).mean(axis=0)
        return [name for name, move in zip(self.model.names, moves, strict=True) if move >= _MATTERS * moves.sum() > 0]


def labelled_slices(snapshot: Snapshot, now: pd.Timestamp) -> list[Slice]:
    """What was known every 30 days before `now` and who then bought, the latest first.

    As far back as a customer had 30 days in which to be known.
    """
    events = snapshot.frame("events")
    bought = events.loc[(events["kind"] == "purchase") & events["customer_id"].notna(), ["at", "customer_id"]]
    first = events["at"].min()
    slices = []
    for step in range(1, CUTS + 1):
        cut = now - pd.Timedelta(days=HORIZON * step)
        if pd.isna(first) or cut < first + pd.Timedelta(days=HORIZON):
            break
        features = words.customer_features(snapshot, as_of=cut).astype("float64")
        within = (bought["at"] >= cut) & (bought["at"] < cut + pd.Timedelta(days=HORIZON))
        buyers = set(bought.loc[within, "customer_id"])
        if features.empty:
            break
        labels = features.index.isin(buyers).astype("float64")
        slices.append(Slice(features, labels))
    return slices


def fitted_scorer(kind: Kind, slices: list[Slice], seed: int) -> Scorer | None:
    """A model of all `slices`, calibrated on what it says of customers whom it was not fitted on.

    None where the earlier slices hold too few of one class.
    """
    _, early = joined(slices[1:] or slices)
    if min(early.sum(), len(early) - early.sum()) < _FEW_HITS:
        return None
    features, labels = joined(slices)
    fit = _fitter(kind, slices, seed)
    fold = pd.factorize(features.index)[0] % FOLDS
    unseen = np.full(len(labels), np.nan)
    for held in range(FOLDS):
        rest = fold != held
        if 0 < labels[rest].sum() < rest.sum():
            unseen[~rest] = fit(features[rest], labels[rest]).predict(features[~rest])
    known = np.isfinite(unseen)
    platt = Platt.fitted(unseen[known], labels[known])
    month = np.repeat(np.arange(len(slices)), [len(s.labels) for s in slices])
    record = TrackRecord.of(platt(unseen[known]), labels[known], month[known])
    return Scorer(fit(features, labels), platt, record)


def kinds_for(slices: list[Slice]) -> list[Kind]:
    """The kinds that so much history allows, the one that is usually better first."""
    if len(slices) >= 3 and len(slices[0].labels) >= _FEW_CUSTOMERS:
        return ["lightgbm", "logistic"]
    return ["logistic"]


def _fitter(kind: Kind, slices: list[Slice], seed: int) -> Callable[[pd.DataFrame, Array], Logistic | Trees]:
    """How to fit `kind`: as many trees as help on the latest slice when they are grown on the others."""
    if kind == "logistic":
        return lambda features, labels: Logistic().fit(features, labels)
    later, (features, labels) = slices[0], joined(slices[1:])
    monotone = _monotone(features)
    rounds = Trees(monotone).fit(features, labels, later=(later.features, later.labels), seed=seed).rounds
    return lambda features, labels: Trees(monotone).fit(features, labels, rounds=rounds, seed=seed)


def _monotone(features: pd.DataFrame) -> dict[str, int]:
    """More buying and browsing never lowers the chance, a longer silence never raises it."""
    columns = [str(c) for c in features.columns]
    rising = {c: 1 for c in columns if c.startswith(_MORE_IS_MORE)}
    return rising | {c: -1 for c in columns if c in ("recency_days", "visit_recency_days")}


def joined(slices: list[Slice]) -> tuple[pd.DataFrame, Array]:
    """Features and labels of all `slices`, one below the other."""
    return pd.concat([s.features for s in slices]), np.concatenate([s.labels for s in slices])


def both_classes(piece: Slice) -> bool:
    """Whether some bought and some did not."""
    return bool(0 < piece.labels.sum() < len(piece.labels))


def measured(labels: Array, scored: Mapping[Kind, Array]) -> dict[str, float]:
    """AUC and calibration error of each kind, and the base rate."""
    from sklearn.metrics import roc_auc_score

    found = {"base_rate": float(labels.mean()), "customers": float(len(labels))}
    for kind, probabilities in scored.items():
        found[f"auc_{kind}"] = float(roc_auc_score(labels, to_logit(probabilities)))
        found[f"ece_{kind}"] = calibration_error(labels, probabilities)
    return found
