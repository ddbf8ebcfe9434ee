"""What a message adds: P(buy | mailed) − P(buy | not mailed), from the shop's randomised exposures where it has them.

The estimate is the DR-learner of Kennedy (2023): outcome models of both sides, cross-fitted over customers, give each
decision a doubly robust pseudo-outcome. Two regressions of it, each of one number, are compared out of fold: the same
uplift for all, or an uplift in proportion to the customer's chance of an order when left alone. Where the log also has
messages with an offer, their effect is learnt in the same way, beside the plain message's; how deep that offer was is
read off what its receivers paid.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
_OFFER_DAYS = 14
"""Days after a message with an offer in which its receivers pay less."""
_DEPTHS = (0.01, 0.9)
"""What can be an offer's depth, a share of the price."""


@dataclass(frozen=True)
class _Effect:
    """What one kind of message adds: an average for the unknown, and each known customer's where it differs."""

    average: float = ASSUMED
    proportional: bool = False
    scores: pd.Series = field(default_factory=lambda: pd.Series(dtype="float64"))
    metrics: Mapping[str, float] = field(default_factory=dict)

    def of(self, customer_ids: Sequence[str]) -> pd.Series:
        """Uplift per customer (index customer_id)."""
        wanted = pd.Index([str(c) for c in customer_ids], name="customer_id", dtype="object")
        return self.scores.reindex(wanted).fillna(self.average).astype("float64").rename("uplift")


class UpliftModel(Model):
    """Added chance of an order when mailed; `evidence` says whether an experiment or an assumption stands behind it."""

    name = "uplift"

    def __init__(self) -> None:
        super().__init__()
        self.evidence: Literal["experiment", "assumed"] = "assumed"
        self.offer_depth: float | None = None
        self._plain, self._offer = _Effect(), _Effect()

    @property
    def average(self) -> float:
        """Mean uplift of a plain message."""
        return self._plain.average

    @property
    def proportional(self) -> bool:
        """Whether a plain message's uplift is in proportion to the chance of an order."""
        return self._plain.proportional

    def predict(self, snapshot: Snapshot, customer_ids: Sequence[str]) -> pd.Series:
        """Uplift per customer (index customer_id), a difference of probabilities; the average for who is unknown."""
        self.require_fitted()
        return self._plain.of(customer_ids)

    def with_offer(self, snapshot: Snapshot, customer_ids: Sequence[str], *, discount: float) -> pd.Series | None:
        """The same of a message with `discount` (a share off); None where no experiment says what an offer adds.

        Between no discount and that of the log, `offer_depth`, on a straight line; a deeper one adds no more than that.
        """
        self.require_fitted()
        if self.offer_depth is None:
            return None
        plain, offered = self._plain.of(customer_ids), self._offer.of(customer_ids)
        return plain + min(discount / self.offer_depth, 1.0) * (offered - plain)

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
        self.evidence, self.offer_depth = "assumed", None
        self._plain, self._offer = _Effect(), _Effect()
        logged = snapshot.frame("exposures")
        plain = _learnt(snapshot, _decisions(logged, as_of), as_of, seed)
        if plain is None:
            return
        self.evidence, self._plain, self.metrics = "experiment", plain, dict(plain.metrics)
        offers = _decisions(logged, as_of, offer=True)
        offered = _learnt(snapshot, offers, as_of, seed) if offers["mailed"].any() else None
        self.offer_depth = None if offered is None else _depth(snapshot, offers[offers["mailed"]])
        if offered is not None and self.offer_depth is not None:
            self._offer = offered
            self.metrics |= {"offer_depth": self.offer_depth, "offer_uplift": offered.average}
            self.metrics["offer_uplift_error"] = offered.metrics["average_uplift_error"]

    def _save(self, folder: Path) -> None:
        for name, effect in (("scores", self._plain), ("offers", self._offer)):
            save_frame(folder, name, effect.scores.rename("uplift").to_frame())
        state = {"evidence": self.evidence, "average": self.average, "proportional": self.proportional}
        offer = {"average": self._offer.average, "proportional": self._offer.proportional, "depth": self.offer_depth}
        save_json(folder, "state", {**state, "offer": offer})

    def _load(self, folder: Path) -> None:
        state = load_json(folder, "state")
        self.evidence = state["evidence"]
        scores = load_frame(folder, "scores")["uplift"]
        self._plain = _Effect(float(state["average"]), bool(state["proportional"]), scores)
        offer = state.get("offer")  # models saved before offers were learnt know of none
        if offer is not None:
            scores = load_frame(folder, "offers")["uplift"]
            self._offer = _Effect(float(offer["average"]), bool(offer["proportional"]), scores)
            self.offer_depth = offer["depth"]

    def _parameters(self) -> Mapping[str, Any]:
        return {"folds": _FOLDS, "rounds": _ROUNDS, "assumed": ASSUMED, "offer_days": _OFFER_DAYS}


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


def _learnt(snapshot: Snapshot, decisions: pd.DataFrame, as_of: pd.Timestamp, seed: int) -> _Effect | None:
    """The effect of the messages of `decisions`; None where they are too few to say."""
    sides = decisions.groupby("mailed")["bought"].agg(["size", "sum"])
    if len(sides) < 2 or sides["size"].min() < _ENOUGH or sides["sum"].min() < _FEW_BUYERS:
        return None
    known = covariates(snapshot, decisions)
    pseudo, alone = _pseudo_outcomes(known, decisions, seed)
    customers = decisions["customer_id"].to_numpy(dtype=str)
    differing, same = _out_of_fold(alone, pseudo, customers)
    weight = _precision(alone)
    proportional = bool((weight * (pseudo - differing) ** 2).sum() < (weight * (pseudo - same) ** 2).sum())
    metrics = {
        "decisions": float(len(decisions)),
        "average_uplift": float(pseudo.mean()),
        "average_uplift_error": _clustered_error(pseudo, customers),
        "uplift_of_best_third": _best_third(differing, pseudo),
    }
    if not proportional:
        return _Effect(metrics["average_uplift"], metrics=metrics)
    everyone = pd.DataFrame({"customer_id": snapshot.frame("customers")["customer_id"], "at": as_of})
    left_alone = ~decisions["mailed"].to_numpy(dtype=bool)
    chance = _chance(known[left_alone], decisions["bought"].to_numpy(dtype="float64")[left_alone], seed)
    values = _ratio(alone, pseudo) * chance.predict(covariates(snapshot, everyone))
    index = pd.Index(everyone["customer_id"].astype("object"), name="customer_id")
    return _Effect(metrics["average_uplift"], True, pd.Series(np.clip(values, -1.0, 1.0), index=index), metrics)


def _decisions(exposures: pd.DataFrame, as_of: pd.Timestamp, *, offer: bool = False) -> pd.DataFrame:
    """Decisions by chance to mail or not: customer_id, at, mailed, bought (reward above 0), weight.

    A plain mail is preferred to one with an offer, whose price would be another effect; with `offer` the mails with
    one are taken alone. `weight` is 1 / (number of the mailed actions × propensity), so that several mails count as
    one at random, scaled to a mean of 1 over all decisions on each side (Hájek 1971): a log with further actions holds
    only a part of the decisions that the propensities speak of.
    """
    action = exposures["action"].str.lower()
    usable = exposures["reward"].notna() & (exposures["at"] <= as_of) & (exposures["propensity"] < 1)
    control = action.isin(CONTROL)
    mail = action.str.contains(_MAIL) & ~control
    plain = mail & ~action.str.contains(_OFFER)
    chosen = mail & ~plain if offer else next((c for c in (plain, mail) if c.any()), ~control)
    frame = exposures.assign(action=action, mailed=chosen)[usable & (chosen | control)]
    arms = frame[frame["mailed"]].groupby("policy")["action"].nunique()
    count = frame["policy"].map(arms).where(frame["mailed"], 1.0)
    frame = frame.assign(bought=(frame["reward"] > 0).astype("float64"), weight=1.0 / (count * frame["propensity"]))
    frame["weight"] *= len(frame) / frame.groupby("mailed")["weight"].transform("sum")
    return frame[["customer_id", "at", "mailed", "bought", "weight"]].reset_index(drop=True)


def _depth(snapshot: Snapshot, offered: pd.DataFrame) -> float | None:
    """The usual share off that receivers of an offer paid, against the day's price; None where nobody can tell."""
    asked = offered[["customer_id", "at"]].astype({"customer_id": "object", "at": "datetime64[us]"})
    events, days = snapshot.table("events"), snapshot.table("product_days")
    bought = events.filter((events["kind"] == "purchase") & (events["unit_price"] > 0)).select(
        "customer_id", "product_id", "unit_price", happened=events["at"], day=events["at"].date()
    )
    joined = ibis.memtable(asked).inner_join(bought, "customer_id")
    inside = joined.filter(
        (joined["happened"] >= joined["at"]) & (joined["happened"] < joined["at"] + ibis.interval(days=_OFFER_DAYS))
    )
    listed = days.filter(days["price"] > 0).select("product_id", "price", day=days["day"].date())
    paid = inside.inner_join(listed, ["product_id", "day"]).select(off=1 - ibis._.unit_price / ibis._.price)
    off = snapshot.backend.execute(paid)["off"].astype("float64")
    depth = round(float(off.median()), 3) if len(off) else 0.0
    return depth if _DEPTHS[0] <= depth <= _DEPTHS[1] else None


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
