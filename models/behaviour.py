"""Who will buy: a calibrated purchase propensity per customer, with reasons in words.

Time split, with cut-offs every 30 days before `as_of` and labels "bought within the next 30 days": LightGBM and
the logistic regression σ(θᵀx) are trained on the early cut-offs and compared on the last, whose labels end at `as_of`.
The better of them serves, trained again one step later (`models.scorer`). Expected spend follows the rule that held on
those last 30 days (`models.spend`), and `rhythm` says who still is a customer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from models.calibration import Platt
from models.drift import DRIFT, feature_drift
from models.rhythm import Rhythm, spent
from models.scorer import (
    CUTS,
    FOLDS,
    HORIZON,
    Kind,
    Scorer,
    Slice,
    both_classes,
    fitted_scorer,
    joined,
    kinds_for,
    labelled_slices,
    measured,
)
from models.spend import FORMULAS, Rule, compete, expected_spend, order_values
from models.track_record import TrackRecord

if TYPE_CHECKING:
    from data.store import Snapshot

_USUAL_RATE = 0.1  # of a shop of which nothing is known yet; weighs five customers
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


@dataclass(frozen=True)
class Reason:
    """One reason for a prediction: the feature in words, and how far it moves the log-odds up or down."""

    feature: str
    words: str
    direction: Literal["up", "down"]
    effect: float


class BehaviourModel(Model):
    """Purchase propensity and expected spend; `kind` says what serves: LightGBM, logistic regression or a base rate."""

    name = "behaviour"

    def __init__(self) -> None:
        super().__init__()
        self.kind: Kind = "base_rate"
        self.spend_rule: Rule = "chance"
        self.rhythm: Rhythm | None = None
        self._scorer: Scorer | None = None
        self._scores = pd.DataFrame()
        self._features = pd.DataFrame()

    def predict(
        self, snapshot: Snapshot, customer_ids: Sequence[str] | None = None, *, horizon_days: int = HORIZON
    ) -> pd.DataFrame:
        """Index customer_id (all known customers unless given); columns probability and spend.

        `probability` of at least one order within `horizon_days` after `as_of` (a constant hazard carries the
        30 days over to other horizons); `spend` is expected money by `spend_formula`. Raises `ModelError` for an
        unknown customer or a horizon below one day.
        """
        self.require_fitted()
        if horizon_days < 1:
            raise ModelError(f"a horizon of {horizon_days} days cannot be; give 1 or more")
        scores = self._scores if customer_ids is None else self._scores.loc[self._known(customer_ids)]
        probability = 1 - (1 - scores["probability"]) ** (horizon_days / HORIZON)
        spend = expected_spend(self.spend_rule, probability, scores["order_value"], self.rhythm, horizon_days)
        return pd.DataFrame({"probability": probability, "spend": spend})

    def held_range(self, chance: float, *, horizon_days: int = HORIZON) -> tuple[float, float] | None:
        """Between which shares of customers with about this `chance` buy in 4 of 5 months; None where few are known.

        `chance` is of the same horizon, to which a constant hazard carries the months' shares over.
        """
        record = None if self._scorer is None else self._scorer.record
        if record is None:
            return None
        power = horizon_days / HORIZON
        low, high = record.around(1 - (1 - chance) ** (1 / power))
        return 1 - (1 - low) ** power, 1 - (1 - high) ** power

    @property
    def spend_formula(self) -> str:
        """How `predict` comes to its expected spend."""
        return FORMULAS[self.spend_rule]

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
        tried = self._tried(slices, seed)
        self._scorer = self._chosen(slices, seed)
        self._choose_spend(snapshot, now, tried, seed)
        if self._scorer is not None:
            used = self._scorer.leans_on(self._features)
            drift = feature_drift(joined(slices)[0][used], self._features)
            self.metrics |= {f"{DRIFT}{name}": index for name, index in drift.items()}
        hits = sum(float(s.labels.sum()) for s in slices)
        trials = sum(len(s.labels) for s in slices)
        rate = (hits + 5 * _USUAL_RATE) / (trials + 5)
        probability = np.full(len(self._features), rate) if self._scorer is None else self._scorer(self._features)
        self.rhythm = Rhythm.of(snapshot, now, seed=seed)
        self._scores = pd.DataFrame({"probability": probability}, index=self._features.index)
        self._scores["order_value"] = order_values(_usual(snapshot, now, self._scores.index), self.rhythm)

    def _tried(self, slices: list[Slice], seed: int) -> pd.Series | None:
        """Chances of the latest slice by the kind that is best there, fitted on the earlier ones; fills `metrics`."""
        if len(slices) < 2 or not both_classes(slices[0]):
            return None
        last, earlier = slices[0], slices[1:]
        candidates = {kind: fitted_scorer(kind, earlier, seed) for kind in kinds_for(slices)}
        scorers = {kind: scorer for kind, scorer in candidates.items() if scorer is not None}
        scored = {kind: scorer(last.features) for kind, scorer in scorers.items()}
        self.metrics = measured(last.labels, scored)
        if not scored:
            return None
        best = max(scored, key=lambda kind: self.metrics[f"auc_{kind}"])
        record = scorers[best].record
        if record is not None:
            self.metrics["range_held"] = record.held(scored[best], last.labels)
        return pd.Series(scored[best], index=last.features.index)

    def _chosen(self, slices: list[Slice], seed: int) -> Scorer | None:
        """The kind that was best on the latest slice, trained again with it; fills `kind`."""
        self.kind = "base_rate"
        if not slices or not both_classes(slices[0]):
            return None
        kinds = sorted(kinds_for(slices), key=lambda kind: -self.metrics.get(f"auc_{kind}", 0.0))
        for kind in kinds:
            scorer = fitted_scorer(kind, slices, seed)
            if scorer is not None:
                self.kind = kind
                if f"auc_{kind}" in self.metrics:
                    self.metrics |= {m: self.metrics[f"{m}_{kind}"] for m in ("auc", "ece")}
                return scorer
        return None

    def _choose_spend(self, snapshot: Snapshot, now: pd.Timestamp, tried: pd.Series | None, seed: int) -> None:
        """The rule of spend that held on the latest month, from what was known before it."""
        self.spend_rule = "chance"
        if tried is None:
            return
        cut = now - pd.Timedelta(days=HORIZON)
        real = spent(snapshot, cut, now, tried.index)
        if real.sum() > 0:
            usual, rhythm = _usual(snapshot, cut, tried.index), Rhythm.of(snapshot, cut, seed=seed)
            self.spend_rule, measures = compete(real, tried, usual, rhythm, HORIZON)
            self.metrics |= measures

    def _save(self, folder: Path) -> None:
        save_frame(folder, "scores", self._scores)
        save_frame(folder, "features", self._features)
        state: dict[str, Any] = {"kind": self.kind, "spend_rule": self.spend_rule}
        if self.rhythm is not None:
            self.rhythm.save(folder)
        if self._scorer is not None:
            if self._scorer.record is not None:
                save_frame(folder, "record", self._scorer.record.bins)
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
        self.kind, self.spend_rule = state["kind"], state.get("spend_rule", "chance")
        self.rhythm = Rhythm.load(folder)
        if self.kind == "base_rate":
            return
        model: Logistic | Trees
        if self.kind == "lightgbm":
            model = Trees.from_text((folder / "trees.txt").read_text(encoding="utf-8"))
        else:
            model = Logistic.from_json(state["logistic"])
        record = TrackRecord(load_frame(folder, "record")) if (folder / "record.parquet").exists() else None
        self._scorer = Scorer(model, Platt(**state["platt"]), record)

    def _parameters(self) -> Mapping[str, Any]:
        return {"horizon_days": HORIZON, "cuts": CUTS, "calibration_folds": FOLDS}


def _family(feature: str) -> str:
    """Features of one family say much the same, over other spans of time or in another unit."""
    if feature in _KIN:
        return _KIN[feature]
    stem, _, span = feature.rpartition("_")
    return stem if span.isdigit() or span == "all" else feature


def _usual(snapshot: Snapshot, now: pd.Timestamp, customers: pd.Index) -> pd.Series:
    """Money of one order of each of `customers`, drawn towards the shop's mean by two orders."""
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
    value = (frame["revenue"] + _PULL * mean) / (frame["orders"] + _PULL)
    return value.reindex(customers).fillna(mean)
