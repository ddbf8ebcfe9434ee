"""What a message adds: P(buy | mailed) − P(buy | not mailed), from the shop's randomised exposures where it has them.

The estimate is the DR-learner of Kennedy (2023): outcome models of both sides, cross-fitted over customers, give each
decision a doubly robust pseudo-outcome. Two regressions of it, each of one number, are compared out of fold: the same
uplift for all, or an uplift in proportion to the customer's chance of an order when left alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import ibis
import numpy as np
import pandas as pd

from models.base import Model, load_frame, load_json, save_frame, save_json
from models.boosting import Trees
from models.calibration import Array

if TYPE_CHECKING:
    from data.store import Snapshot

ASSUMED = 0.003
"""Assumed added chance of an order per mail where a shop has no experiment: 0.3 percentage points within two weeks,
the smaller of the effects of the two mails in Hillstrom's MineThatData test of 2008 (0.3 and 0.6 points)."""

CONTROL = frozenset(
    {
        "none",
        "no_email",
        "no e-mail",
        "no_mail",
        "no_contact",
        "control",
        "holdout",
        "hold_out",
        "not_mailed",
        "nothing",
    }
)
"""Names that a log may use for leaving a customer alone."""

_MAIL = re.compile(r"e-?mail|newsletter|\bmail")
_OFFER = re.compile(r"discount|offer|coupon|voucher|percent|%")
_FOLDS = 5
_ENOUGH, _FEW_BUYERS = 200, 20
_ROUNDS = 60
_FLOOR = 0.01


class UpliftModel(Model):
    """Added chance of an order when mailed; `evidence` says whether an experiment or an assumption stands behind it."""

    name = "uplift"

    def __init__(self) -> None:
        super().__init__()
        self.evidence: Literal["experiment", "assumed"] = "assumed"
        self.average = ASSUMED
        self.proportional = False
        self._scores = pd.Series(dtype="float64")

    def predict(self, snapshot: Snapshot, customer_ids: Sequence[str]) -> pd.Series:
        """Uplift per customer (index customer_id), a difference of probabilities; the average for who is unknown."""
        self.require_fitted()
        wanted = pd.Index([str(c) for c in customer_ids], name="customer_id", dtype="object")
        return self._scores.reindex(wanted).fillna(self.average).astype("float64").rename("uplift")

    def source(self, formula: str = "") -> str:
        """As for every model, with the evidence."""
        basis = (
            f"from {int(self.metrics['decisions']):,} randomised exposures"
            + (", in proportion to the chance of an order" if self.proportional else ", the same for all")
            if self.evidence == "experiment"
            else f"assumed {ASSUMED:.1%} per mail, since the shop has no experiment"
        )
        return super().source(f"{basis}, {formula}" if formula else basis)

    def _fit(self, snapshot: Snapshot, *, as_of: pd.Timestamp, seed: int) -> None:
        self.evidence, self.average, self.proportional = "assumed", ASSUMED, False
        self._scores = pd.Series(dtype="float64")
        decisions = _decisions(snapshot.frame("exposures"), as_of)
        sides = decisions.groupby("mailed")["bought"].agg(["size", "sum"])
        if len(sides) < 2 or sides["size"].min() < _ENOUGH or sides["sum"].min() < _FEW_BUYERS:
            return
        known = covariates(snapshot, decisions)
        pseudo, alone = _pseudo_outcomes(known, decisions, seed)
        customers = decisions["customer_id"].to_numpy(dtype=str)
        differing, same = _out_of_fold(alone, pseudo, customers)
        self.evidence, self.average = "experiment", float(pseudo.mean())
        weight = _precision(alone)
        self.proportional = bool((weight * (pseudo - differing) ** 2).sum() < (weight * (pseudo - same) ** 2).sum())
        self.metrics = {
            "decisions": float(len(decisions)),
            "average_uplift": self.average,
            "average_uplift_error": _clustered_error(pseudo, customers),
            "uplift_of_best_third": _best_third(differing, pseudo),
        }
        if self.proportional:
            everyone = pd.DataFrame({"customer_id": snapshot.frame("customers")["customer_id"], "at": as_of})
            left_alone = ~decisions["mailed"].to_numpy(dtype=bool)
            chance = _chance(known[left_alone], decisions["bought"].to_numpy(dtype="float64")[left_alone], seed)
            values = _ratio(alone, pseudo) * chance.predict(covariates(snapshot, everyone))
            index = pd.Index(everyone["customer_id"].astype("object"), name="customer_id")
            self._scores = pd.Series(np.clip(values, -1.0, 1.0), index=index)

    def _save(self, folder: Path) -> None:
        save_frame(folder, "scores", self._scores.rename("uplift").to_frame())
        save_json(
            folder, "state", {"evidence": self.evidence, "average": self.average, "proportional": self.proportional}
        )

    def _load(self, folder: Path) -> None:
        self._scores = load_frame(folder, "scores")["uplift"]
        state = load_json(folder, "state")
        self.evidence, self.average = state["evidence"], float(state["average"])
        self.proportional = bool(state["proportional"])

    def _parameters(self) -> Mapping[str, Any]:
        return {"folds": _FOLDS, "rounds": _ROUNDS, "assumed": ASSUMED}


def covariates(snapshot: Snapshot, decisions: pd.DataFrame) -> pd.DataFrame:
    """What was known of each customer strictly before each decision (columns customer_id and at; rows as given).

    Logs of: orders, money, days since the last order and the last event (a year where there is none), events,
    e-mail opens and clicks of the last 60 days.
    """
    asked = decisions[["customer_id", "at"]].reset_index(drop=True)
    asked = asked.assign(row=np.arange(len(asked)), customer_id=asked["customer_id"].astype("object"))
    asked["at"] = asked["at"].astype("datetime64[us]")
    events = snapshot.table("events")
    past = events.filter(events["customer_id"].notnull()).select(
        "customer_id",
        "kind",
        happened=events["at"],
        basket=ibis.coalesce(events["order_id"], events["at"].date().cast("string")),
        amount=events["quantity"].fill_null(1.0) * events["unit_price"].fill_null(0.0),
    )
    joined = ibis.memtable(asked).inner_join(past, "customer_id")
    joined = joined.filter(joined["happened"] < joined["at"])
    bought = joined["kind"] == "purchase"
    recent = joined["happened"] >= joined["at"] - ibis.interval(days=60)
    sums = joined.group_by("row").agg(
        orders=joined["basket"].nunique(where=bought),
        money=joined["amount"].sum(where=bought),
        last_order=joined["happened"].max(where=bought),
        last_event=joined["happened"].max(),
        events=joined.count(where=recent),
        opens=joined.count(where=recent & (joined["kind"] == "email_open")),
        clicks=joined.count(where=recent & (joined["kind"] == "email_click")),
    )
    frame = snapshot.backend.execute(sums).set_index("row").reindex(asked["row"])
    for column in ("last_order", "last_event"):
        days = (asked["at"] - frame[column].astype("datetime64[us]")).dt.total_seconds() / 86400
        frame[column] = days.fillna(365.0)
    known: pd.DataFrame = np.log1p(frame.fillna(0.0).astype("float64")).reset_index(drop=True)
    return known


def _decisions(exposures: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Decisions by chance to mail or not: customer_id, at, mailed, bought (reward above 0), weight.

    A plain mail is preferred to one with an offer, whose price would be another effect. `weight` is
    1 / (number of the mailed actions × propensity), so that several mails count as one at random.
    """
    action = exposures["action"].str.lower()
    usable = exposures["reward"].notna() & (exposures["at"] <= as_of) & (exposures["propensity"] < 1)
    control = action.isin(CONTROL)
    mail = action.str.contains(_MAIL) & ~control
    plain = mail & ~action.str.contains(_OFFER)
    chosen = next((c for c in (plain, mail) if c.any()), ~control)
    frame = exposures.assign(action=action, mailed=chosen)[usable & (chosen | control)]
    arms = frame[frame["mailed"]].groupby("policy")["action"].nunique()
    count = frame["policy"].map(arms).where(frame["mailed"], 1.0)
    frame = frame.assign(bought=(frame["reward"] > 0).astype("float64"), weight=1.0 / (count * frame["propensity"]))
    return frame[["customer_id", "at", "mailed", "bought", "weight"]].reset_index(drop=True)


def _pseudo_outcomes(known: pd.DataFrame, decisions: pd.DataFrame, seed: int) -> tuple[Array, Array]:
    """m₁(x) − m₀(x) + (±weight)(y − m(x)), with m fitted on the other customers' decisions; and m₀(x)."""
    mailed, bought = decisions["mailed"].to_numpy(dtype=bool), decisions["bought"].to_numpy(dtype="float64")
    weight = decisions["weight"].to_numpy(dtype="float64")
    fold = _folds(decisions["customer_id"].to_numpy(dtype=str))
    expected = {side: np.zeros(len(decisions)) for side in (True, False)}
    for held in range(_FOLDS):
        out = fold == held
        for side, guess in expected.items():
            train = ~out & (mailed == side)
            if train.any() and out.any():
                guess[out] = _chance(known[train], bought[train], seed).predict(known[out])
    residual = np.where(mailed, bought - expected[True], expected[False] - bought)
    pseudo: Array = expected[True] - expected[False] + weight * residual
    return pseudo, expected[False]


def _chance(known: pd.DataFrame, bought: Array, seed: int) -> Trees:
    return Trees().fit(known, bought, rounds=_ROUNDS, seed=seed)


def _precision(alone: Array) -> Array:
    """1 / variance of a yes-or-no outcome: those who hardly ever buy tell most about their own small uplift."""
    precision: Array = 1.0 / (alone * (1.0 - alone) + _FLOOR)
    return precision


def _ratio(alone: Array, pseudo: Array) -> float:
    """Weighted least squares of uplift = ratio × chance when left alone."""
    weight = _precision(alone)
    return float((weight * pseudo * alone).sum() / (weight * alone**2).sum())


def _out_of_fold(alone: Array, pseudo: Array, customers: np.ndarray) -> tuple[Array, Array]:
    """Uplift of each decision by a fit on other customers: in proportion to `alone`, and the same for all."""
    fold = _folds(customers)
    differing, same = np.zeros(len(pseudo)), np.zeros(len(pseudo))
    for held in range(_FOLDS):
        out = fold == held
        if out.any() and not out.all():
            differing[out] = _ratio(alone[~out], pseudo[~out]) * alone[out]
            same[out] = np.average(pseudo[~out], weights=_precision(alone[~out]))
    return differing, same


def _best_third(scores: Array, pseudo: Array) -> float:
    """Mean uplift of the third with the highest out-of-fold scores."""
    best = np.argsort(-scores, kind="stable")[: max(len(scores) // 3, 1)]
    return float(pseudo[best].mean())


def _clustered_error(pseudo: Array, customers: np.ndarray) -> float:
    """Standard error of the mean, whose decisions of one customer depend on each other."""
    sums = pd.Series(pseudo - pseudo.mean()).groupby(customers).sum()
    return float(np.sqrt((sums**2).sum()) / len(pseudo))


def _folds(customers: np.ndarray) -> np.ndarray:
    """A fold per decision, by a hash of the customer, so that nobody is in two."""
    hashed: np.ndarray = pd.util.hash_array(customers.astype(object)) % _FOLDS
    return hashed
