"""Who will buy: a calibrated purchase propensity per customer, with reasons in words.

Time split, with cut-offs every 30 days before `as_of` and labels "bought within the next 30 days": LightGBM and
the logistic regression σ(θᵀx) are trained on the early cut-offs and compared on the last, whose labels end at `as_of`.
The better of them serves, trained again one step later. Each is calibrated on customers held out at all its cut-offs:
a scaling fitted on the latest month alone follows that month's luck (error .050 instead of .03 on Online Retail).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import ibis
import numpy as np
import pandas as pd

from data import features as words
from data.errors import ModelError
from models.base import Model, load_frame, load_json, save_frame, save_json
from models.baselines import Logistic
from models.boosting import Trees
from models.calibration import Array, Platt, calibration_error, to_logit

if TYPE_CHECKING:
    from data.store import Snapshot

HORIZON = 30
"""Days that a label looks ahead, and between two cut-offs."""

CHANCE_FORMULA = "calibrated chance of an order; another horizon h by 1-(1-p)^(h/30)"
SPEND_FORMULA = "chance of an order x typical order value, drawn towards the shop's mean by two orders"

_CUTS = 6
_FEW_CUSTOMERS = 100
_FEW_HITS = 10
_FOLDS = 3  # of customers, for calibration
_USUAL_RATE = 0.1  # of a shop of which nothing is known yet; weighs five customers
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
_KIN = {
    **dict.fromkeys(("recency_days", "due_ratio", "interval_mean", "interval_spread"), "rhythm"),
    **dict.fromkeys(("order_value", "order_units"), "spend"),
    **dict.fromkeys(("categories", "top_category_share", "concentration", "taste_focus"), "breadth"),
    **dict.fromkeys(("email_opens_90", "email_open_rate", "email_click_rate"), "email"),
    **dict.fromkeys(("returns_365", "return_share"), "returns"),
    **dict.fromkeys(("visit_recency_days", "visits_30", "visits_90", "visits_365"), "visits"),
}
_TICK = pd.Timedelta(1, "us")
_PULL = 2.0

Kind = Literal["lightgbm", "logistic", "base_rate"]


@dataclass(frozen=True)
class Reason:
    """One reason for a prediction: the feature in words, and how far it moves the log-odds up or down."""

    feature: str
    words: str
    direction: Literal["up", "down"]
    effect: float


@dataclass(frozen=True)
class Slice:
    """What was known of each customer at a cut-off (`features`), and whether they then bought (`labels`, 0 or 1)."""

    features: pd.DataFrame
    labels: Array


@dataclass(frozen=True)
class _Scorer:
    model: Logistic | Trees
    platt: Platt

    def __call__(self, features: pd.DataFrame) -> Array:
        return self.platt(self.model.predict(features))


class BehaviourModel(Model):
    """Purchase propensity and expected spend; `kind` says what serves: LightGBM, logistic regression or a base rate."""

    name = "behaviour"

    def __init__(self) -> None:
        super().__init__()
        self.kind: Kind = "base_rate"
        self._scorer: _Scorer | None = None
        self._scores = pd.DataFrame()
        self._features = pd.DataFrame()

    def predict(
        self, snapshot: Snapshot, customer_ids: Sequence[str] | None = None, *, horizon_days: int = HORIZON
    ) -> pd.DataFrame:
        """Index customer_id (all known customers unless given); columns probability and spend.

        `probability` of at least one order within `horizon_days` after `as_of` (a constant hazard carries the
        30 days over to other horizons); `spend` is money, by `SPEND_FORMULA`. Raises `ModelError` for an
        unknown customer or a horizon below one day.
        """
        self.require_fitted()
        if horizon_days < 1:
            raise ModelError(f"a horizon of {horizon_days} days cannot be; give 1 or more")
        scores = self._scores if customer_ids is None else self._scores.loc[self._known(customer_ids)]
        probability = 1 - (1 - scores["probability"]) ** (horizon_days / HORIZON)
        return pd.DataFrame({"probability": probability, "spend": probability * scores["order_value"]})

    def average(self, *, horizon_days: int = HORIZON) -> float:
        """Mean probability over all known customers; 0 in a shop without customers."""
        self.require_fitted()
        if self._scores.empty:
            return 0.0
        return float((1 - (1 - self._scores["probability"]) ** (horizon_days / HORIZON)).mean())

    def reasons(self, snapshot: Snapshot, customer_id: str, *, top: int = 3) -> list[Reason]:
        """The `top` reasons that move this customer's chance most, the strongest first.

        Features that say much the same (orders of the last 30 days, of the last 90) are one reason: its effect is
        their sum, its words those of the strongest that points the same way. Empty where the model is a base
        rate, which knows no reasons. Raises `ModelError` for an unknown customer.
        """
        self.require_fitted()
        known = self._known([customer_id])
        if self._scorer is None:
            return []
        row = self._features.loc[known]
        effects = pd.Series(self._scorer.model.contributions(row)[0], index=self._scorer.model.names)
        found = []
        for _, family in effects.groupby(_family, sort=False):
            total = float(family.sum())
            for name in family.index[np.argsort(-family.to_numpy() * np.sign(total), kind="stable")]:
                said = words.describe(str(name), float(row[name].iloc[0]), snapshot.currency)
                if said and family[name] * total > 0:
                    found.append(Reason(str(name), said, "up" if total > 0 else "down", total))
                    break
        return sorted(found, key=lambda reason: -abs(reason.effect))[:top]

    @property
    def features(self) -> pd.DataFrame:
        """What was known of each customer at `as_of`: index customer_id, the columns of `data.features`."""
        self.require_fitted()
        return self._features.copy()

    def source(self, formula: str = "") -> str:
        """As for every model, with the kind that serves."""
        return super().source(f"{self.kind}, {formula}" if formula else self.kind)

    def _known(self, customer_ids: Sequence[str]) -> list[str]:
        wanted = [str(c) for c in customer_ids]
        for customer in wanted:
            if customer not in self._scores.index:
                like = f"; ids look like {self._scores.index[0]}" if len(self._scores) else ""
                raise ModelError(f"no customer {customer}{like}")
        return wanted

    def _fit(self, snapshot: Snapshot, *, as_of: pd.Timestamp, seed: int) -> None:
        now = as_of + _TICK  # a feature counts what is strictly earlier, and the last event has happened
        self._features = words.customer_features(snapshot, as_of=now).astype("float64")
        slices = labelled_slices(snapshot, now)
        self._scorer = self._chosen(slices, seed)
        hits = sum(float(s.labels.sum()) for s in slices)
        trials = sum(len(s.labels) for s in slices)
        rate = (hits + 5 * _USUAL_RATE) / (trials + 5)
        probability = np.full(len(self._features), rate) if self._scorer is None else self._scorer(self._features)
        values = _order_values(snapshot, now)
        self._scores = pd.DataFrame({"probability": probability}, index=self._features.index)
        self._scores["order_value"] = values["value"].reindex(self._scores.index).fillna(values.attrs["mean"])

    def _chosen(self, slices: list[Slice], seed: int) -> _Scorer | None:
        """The best scorer on the latest slice, trained again with it; fills `kind` and `metrics`."""
        self.kind = "base_rate"
        kinds: list[Kind] = ["logistic"]
        if not slices or not all(_both_classes(s) for s in slices[:1]):
            return None
        if len(slices) >= 3 and len(slices[0].labels) >= _FEW_CUSTOMERS:
            kinds.insert(0, "lightgbm")
        if len(slices) >= 2:
            last, earlier = slices[0], slices[1:]
            candidates = {kind: _scorer(kind, earlier, seed) for kind in kinds}
            scored = {kind: scorer(last.features) for kind, scorer in candidates.items() if scorer is not None}
            self.metrics = _metrics(last.labels, scored)
            kinds = sorted(scored, key=lambda kind: -self.metrics[f"auc_{kind}"])
        for kind in kinds:
            scorer = _scorer(kind, slices, seed)
            if scorer is not None:
                self.kind = kind
                if f"auc_{kind}" in self.metrics:
                    self.metrics |= {m: self.metrics[f"{m}_{kind}"] for m in ("auc", "ece")}
                return scorer
        return None

    def _save(self, folder: Path) -> None:
        save_frame(folder, "scores", self._scores)
        save_frame(folder, "features", self._features)
        state: dict[str, Any] = {"kind": self.kind}
        if self._scorer is not None:
            state["platt"] = self._scorer.platt.as_json()
            if isinstance(self._scorer.model, Trees):
                (folder / "trees.txt").write_text(self._scorer.model.as_text(), encoding="utf-8")
            else:
                state["logistic"] = self._scorer.model.as_json()
        save_json(folder, "state", state)

    def _load(self, folder: Path) -> None:
        self._scores = load_frame(folder, "scores")
        self._features = load_frame(folder, "features")
        state = load_json(folder, "state")
        self.kind = state["kind"]
        if self.kind == "base_rate":
            return
        model: Logistic | Trees
        if self.kind == "lightgbm":
            model = Trees.from_text((folder / "trees.txt").read_text(encoding="utf-8"))
        else:
            model = Logistic.from_json(state["logistic"])
        self._scorer = _Scorer(model, Platt(**state["platt"]))

    def _parameters(self) -> Mapping[str, Any]:
        return {"horizon_days": HORIZON, "cuts": _CUTS, "calibration_folds": _FOLDS}


def labelled_slices(snapshot: Snapshot, now: pd.Timestamp) -> list[Slice]:
    """What was known every 30 days before `now` and who then bought, the latest first.

    As far back as a customer had 30 days in which to be known.
    """
    events = snapshot.frame("events")
    bought = events.loc[(events["kind"] == "purchase") & events["customer_id"].notna(), ["at", "customer_id"]]
    first = events["at"].min()
    slices = []
    for step in range(1, _CUTS + 1):
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


def _scorer(kind: Kind, slices: list[Slice], seed: int) -> _Scorer | None:
    """A model of all `slices`, calibrated on what it says of customers whom it was not fitted on.

    None where the earlier slices hold too few of one class.
    """
    _, early = _joined(slices[1:] or slices)
    if min(early.sum(), len(early) - early.sum()) < _FEW_HITS:
        return None
    features, labels = _joined(slices)
    fit = _fitter(kind, slices, seed)
    fold = pd.factorize(features.index)[0] % _FOLDS
    unseen = np.full(len(labels), np.nan)
    for held in range(_FOLDS):
        rest = fold != held
        if 0 < labels[rest].sum() < rest.sum():
            unseen[~rest] = fit(features[rest], labels[rest]).predict(features[~rest])
    known = np.isfinite(unseen)
    return _Scorer(fit(features, labels), Platt.fitted(unseen[known], labels[known]))


def _fitter(kind: Kind, slices: list[Slice], seed: int) -> Callable[[pd.DataFrame, Array], Logistic | Trees]:
    """How to fit `kind`: as many trees as help on the latest slice when they are grown on the others."""
    if kind == "logistic":
        return lambda features, labels: Logistic().fit(features, labels)
    later, (features, labels) = slices[0], _joined(slices[1:])
    monotone = _monotone(features)
    rounds = Trees(monotone).fit(features, labels, later=(later.features, later.labels), seed=seed).rounds
    return lambda features, labels: Trees(monotone).fit(features, labels, rounds=rounds, seed=seed)


def _monotone(features: pd.DataFrame) -> dict[str, int]:
    """More buying and browsing never lowers the chance, a longer silence never raises it."""
    columns = [str(c) for c in features.columns]
    rising = {c: 1 for c in columns if c.startswith(_MORE_IS_MORE)}
    return rising | {c: -1 for c in columns if c in ("recency_days", "visit_recency_days")}


def _family(feature: str) -> str:
    """Features of one family say much the same, over other spans of time or in another unit."""
    if feature in _KIN:
        return _KIN[feature]
    stem, _, span = feature.rpartition("_")
    return stem if span.isdigit() or span == "all" else feature


def _joined(slices: list[Slice]) -> tuple[pd.DataFrame, Array]:
    return pd.concat([s.features for s in slices]), np.concatenate([s.labels for s in slices])


def _both_classes(piece: Slice) -> bool:
    return bool(0 < piece.labels.sum() < len(piece.labels))


def _metrics(labels: Array, scored: Mapping[Kind, Array]) -> dict[str, float]:
    """AUC and calibration error of each kind, and the base rate."""
    from sklearn.metrics import roc_auc_score

    found = {"base_rate": float(labels.mean()), "customers": float(len(labels))}
    for kind, probabilities in scored.items():
        found[f"auc_{kind}"] = float(roc_auc_score(labels, to_logit(probabilities)))
        found[f"ece_{kind}"] = calibration_error(labels, probabilities)
    return found


def _order_values(snapshot: Snapshot, now: pd.Timestamp) -> pd.DataFrame:
    """Money of one order per customer (column value), drawn towards the shop's mean (attrs["mean"]) by two orders."""
    events = snapshot.table("events")
    bought = events.filter(
        (events["kind"] == "purchase")
        & events["customer_id"].notnull()
        & (events["at"] < ibis.timestamp(now.isoformat()))
    )
    bought = bought.select(
        "customer_id",
        basket=ibis.coalesce(bought["order_id"], bought["at"].date().cast("string")),
        amount=bought["quantity"].fill_null(1.0) * bought["unit_price"].fill_null(0.0),
    )
    grouped = bought.group_by("customer_id").agg(orders=bought["basket"].nunique(), revenue=bought["amount"].sum())
    frame: pd.DataFrame = grouped.order_by("customer_id").execute().set_index("customer_id").astype("float64")
    mean = float(frame["revenue"].sum() / frame["orders"].sum()) if len(frame) else 0.0
    frame["value"] = (frame["revenue"] + _PULL * mean) / (frame["orders"] + _PULL)
    frame.attrs["mean"] = mean
    return frame
