"""What past logs say a campaign would bring: an off-policy estimate from randomised exposures, or why there is none."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from campaign import history
from campaign.estimators import Array
from campaign.gate import Logged
from campaign.off_policy import NONE, Decisions, Targets, effective_sizes, imbalance, likeness, value
from campaign.offers import CONTACT_COST
from models.uplift import CONTROL, covariates

if TYPE_CHECKING:
    from campaign.plan import Plan
    from data.store import Snapshot

ENOUGH = 30
"""Effective decisions a side (Kish) below which the logs are silent."""
UNLIKE = 1.0
"""Standard deviations between the past and the plan's customers, even after weighting, above which the logs are
silent."""
YOUNG = pd.Timedelta(days=150)
"""Days from the shop's first event in which decisions are left out: who had bought before could not be seen yet."""
_MOST_DOUBT = 5.0
"""Standard errors by which the sum of 1 / propensity may miss what it must be."""

Scope = Literal["audience", "alike", "everyone"]


@dataclass(frozen=True)
class Estimate:
    """Extra reward of contacting one customer, from the logs; an 80% interval.

    `unit` is "orders" where the logged rewards are 0 or 1, else "profit": money after goods and messages.
    `decisions` counts the logged decisions used; `scope` says whether they are of this audience, of everyone weighted
    by how alike they are, or of everyone.
    `supported` is False, and the numbers are zero, when one of the actions was hardly ever logged; `why` says so.
    """

    supported: bool
    value: float
    low: float
    high: float
    treated: float
    control: float
    unit: Literal["orders", "profit"]
    decisions: int
    effective: float
    scope: Scope
    action: str
    why: str = ""


@dataclass(frozen=True)
class Simulated:
    """A plan's messages by the logs: extra profit and orders all in all, 80% intervals, and what they rest on.

    `covered` of the contacted get an action that the logs know; `silent` names the actions that they don't.
    """

    supported: bool
    profit: float = 0.0
    low: float = 0.0
    high: float = 0.0
    orders: float = 0.0
    orders_low: float = 0.0
    orders_high: float = 0.0
    decisions: int = 0
    effective: float = 0.0
    covered: int = 0
    silent: tuple[str, ...] = ()
    why: str = ""

    @property
    def logged(self) -> Logged | None:
        """As an approval keeps it."""
        return Logged(self.profit, self.low, self.high) if self.supported else None


def estimate(
    exposures: pd.DataFrame,
    customer_ids: Collection[str],
    *,
    channel: str = "email",
    offer: bool = False,
    level: float = 0.2,
) -> Estimate:
    """Extra reward of contacting one of `customer_ids` over leaving it alone, with nothing known of them.

    `exposures` is the canonical table. The contact is the action named like the channel; with `offer`, the
    one whose name speaks of a discount as well ("email_discount"). The audience's own decisions are used where
    they suffice, else everyone's, which the result says.
    """
    name = named(channel, offer)
    labelled = _labelled(exposures, {name: (channel, offer)})
    own = labelled[labelled["customer_id"].isin(list(customer_ids))]
    scopes: tuple[tuple[Scope, pd.DataFrame], ...] = (("audience", own), ("everyone", labelled))
    for scope, frame in scopes:
        used = frame[frame["label"] != ""]
        if (why := _why_not(exposures, labelled, name)) or not len(used):
            continue
        decisions = _decisions(used, np.zeros((len(used), 1)))
        targets = Targets(np.array(["someone"]), np.array([name]), np.zeros((1, 1)))
        likely = likeness(decisions, targets)
        effective = min(effective_sizes(decisions, likely).values())
        if effective >= ENOUGH:
            found = value(decisions, targets, likely)
            low, high = found.value.within(1 - level)
            unit: Literal["orders", "profit"] = "orders" if _yes_or_no(used["reward"]) else "profit"
            mean = found.value.mean
            return Estimate(
                True, mean, low, high, found.alone + mean, found.alone, unit, len(used), effective, scope, name
            )  # fmt: skip
        why = f"fewer than {ENOUGH} comparable decisions were logged"
    seen = int((labelled["label"] != "").sum())
    return Estimate(False, 0.0, 0.0, 0.0, 0.0, 0.0, "orders", seen, 0.0, "everyone", name, why=why)


def effect_on(
    snapshot: Snapshot,
    customer_ids: Sequence[str],
    *,
    channel: str = "email",
    offer: bool = False,
    days: int,
    level: float = 0.2,
) -> Estimate:
    """Extra orders within `days` of contacting one of `customer_ids`, with all that is known of them.

    Decisions count by how much their customers looked like these. Where too few do, it is `estimate`'s answer.
    """
    name, (log, known) = named(channel, offer), _log(snapshot, days)
    plain = history.exposures_with_orders(snapshot, days=days)
    fallback = partial(estimate, plain, customer_ids, channel=channel, offer=offer, level=level)
    if log.empty or not len(customer_ids):
        return fallback()
    labelled = _labelled(log, {name: (channel, offer)})
    if _why_not(plain, labelled, name):
        return fallback()
    today = _today(snapshot).reindex(list(customer_ids)).dropna(how="all").fillna(0.0)
    if today.empty:
        return fallback()
    action = np.full(len(today), name)
    targets = Targets(today.index.to_numpy(str), action, today.to_numpy("float64"))
    decisions = _decisions(labelled, known)
    likely = likeness(decisions, targets)
    effective = min(effective_sizes(decisions, likely).values())
    if effective < ENOUGH or imbalance(decisions, targets, likely) > UNLIKE:
        return fallback()
    found, used = value(decisions, targets, likely), int((labelled["label"] != "").sum())
    low, high = found.value.within(1 - level)
    mean = found.value.mean
    return Estimate(
        True, mean, low, high, found.alone + mean, found.alone, "orders", used, effective, "alike", name
    )  # fmt: skip


def prepare(snapshot: Snapshot, *, days: int) -> None:
    """Works out once what every draft on the snapshot asks of its log."""
    if len(_log(snapshot, days)[0]):
        _today(snapshot)


@lru_cache(maxsize=2)
def _log(snapshot: Snapshot, days: int) -> tuple[pd.DataFrame, Array]:
    """The decisions whose outcome within `days` is known, and what was known before each; once a snapshot."""
    log = _grown(snapshot, history.exposures_with_orders(snapshot, days=days))
    return log, known_before(snapshot, log) if len(log) else np.zeros((0, 0))


@lru_cache(maxsize=2)
def _today(snapshot: Snapshot) -> pd.DataFrame:
    """What is known of every customer at the snapshot's last event (index customer_id); once a snapshot."""
    customers = snapshot.frame("customers")["customer_id"].astype(str).to_numpy()
    now = pd.DataFrame({"customer_id": customers, "at": snapshot.as_of})
    return pd.DataFrame(known_before(snapshot, now), index=pd.Index(customers, name="customer_id"))


def of_plan(snapshot: Snapshot, plan: Plan, *, level: float = 0.2) -> Simulated:
    """What the logs say of `plan`: each contacted customer with the action that the plan has for it, against none.

    Past decisions count by how much their customers, as they were then, look like the contacted as they are at the
    snapshot's last event. Where the log has no money, extra orders count at the plan's value and margin.
    """
    wanted = _wanted(plan)
    if wanted.empty:
        return Simulated(False, why="nobody is contacted by this plan")
    money = snapshot.frame("exposures")
    if money.empty:
        return Simulated(False, why=_why_not(money, money.assign(label=""), ""))
    kinds = {named(channel, offer): (channel, offer) for channel, offer in wanted[["channel", "offer"]].to_numpy()}
    orders_log = _labelled(_grown(snapshot, history.exposures_with_orders(snapshot, days=plan.window_days)), kinds)
    silent = {name: why for name in kinds if (why := _why_not(money, orders_log, name))}
    reasons, covered = list(silent.values()), wanted[~wanted["action"].isin(silent)]
    if covered.empty:
        alone = int((orders_log["label"] == NONE).sum())
        return Simulated(False, decisions=alone, silent=tuple(silent), why=reasons[0])
    # what is known of everyone at the time: of the logged at the decision, of the contacted now
    now = pd.DataFrame({"customer_id": covered["customer_id"], "at": snapshot.as_of})
    targets = Targets(
        covered["customer_id"].to_numpy(str), covered["action"].to_numpy(str),
        known_before(snapshot, now),
    )  # fmt: skip
    decisions = _decisions(orders_log, known_before(snapshot, orders_log))
    likely = likeness(decisions, targets)
    effective = min(effective_sizes(decisions, likely).values())
    used = int((orders_log["label"] != "").sum())
    base = Simulated(False, decisions=used, effective=effective, covered=len(covered), silent=tuple(silent))
    if effective < ENOUGH:
        return replace(base, why=f"only about {effective:.0f} comparable past decisions are of customers like these")
    if imbalance(decisions, targets, likely) > UNLIKE:
        return replace(base, why="customers like these were hardly ever among those of past decisions")
    orders = value(decisions, targets, likely)
    paid = orders_log["decision_id"].map(money.set_index("decision_id")["reward"]).to_numpy("float64")
    number, whole = len(covered), ~np.isnan(paid)
    few, many = orders.value.within(1 - level)
    if whole.all() and not _yes_or_no(pd.Series(paid)):
        found = value(replace(decisions, rewards=paid), targets, likely).value
        low, high = found.within(1 - level)
        totals = number * np.array([found.mean, low, high])
    else:
        totals = _in_money(snapshot, plan, covered, np.array([orders.value.mean, few, many]), orders.alone)
    return replace(
        base, supported=True, profit=float(totals[0]), low=float(totals[1]), high=float(totals[2]),
        orders=number * orders.value.mean, orders_low=number * few, orders_high=number * many,
    )  # fmt: skip


def known_before(snapshot: Snapshot, decisions: pd.DataFrame) -> Array:
    """What was known of each customer before each decision (columns customer_id and at), (n, columns).

    Without what the mailing calendar alone decides: the days since anything happened are those since the last
    newsletter.
    """
    return covariates(snapshot, decisions).drop(columns="last_event").to_numpy("float64")


def _grown(snapshot: Snapshot, exposures: pd.DataFrame) -> pd.DataFrame:
    """Decisions that customers' history goes before: not of the first `YOUNG` days, or third, of the shop's log."""
    if exposures.empty:
        return exposures
    first = pd.Timestamp(snapshot.table("events")["at"].min().execute())
    return exposures[exposures["at"] >= first + min(YOUNG, (exposures["at"].max() - first) / 3)]


def named(channel: str, offer: bool) -> str:
    """An action in words."""
    return f"{channel} with a discount" if offer else channel


def _wanted(plan: Plan) -> pd.DataFrame:
    """The contacted: customer_id, channel, off (a share), offer (whether there is one), action."""
    treated = [m for m in plan.members if m.arm == "treated"]
    rows = [(m.customer_id, m.channel, plan.offer_of(m)) for m in treated]
    frame = pd.DataFrame(rows, columns=["customer_id", "channel", "off"])
    return frame.assign(offer=frame["off"] > 0, action=[named(channel, off > 0) for _, channel, off in rows])


def _labelled(exposures: pd.DataFrame, kinds: dict[str, tuple[str, bool]]) -> pd.DataFrame:
    """Decisions whose outcome is known, with `label`: a key of `kinds`, `NONE`, or "" for anything else.

    Several actions of one policy may have one label; `arms` counts them, so that together they count once.
    """
    logged = exposures[exposures["reward"].notna()]
    action = logged["action"].str.lower()
    label = np.full(len(logged), "", dtype=object)
    about_money = action.str.contains("discount|offer|voucher|coupon", regex=True)
    control = action.isin(CONTROL)
    for name, (channel, offer) in kinds.items():
        mine = action.str.contains(channel, regex=False) & ~control & (about_money if offer else ~about_money)
        label[mine.to_numpy(bool)] = name
    label[control.to_numpy(bool)] = NONE
    frame = logged.assign(label=label)
    return frame.assign(arms=frame.groupby(["policy", "label"])["action"].transform("nunique").astype("float64"))


def _decisions(frame: pd.DataFrame, known: Array) -> Decisions:
    return Decisions(
        customers=frame["customer_id"].to_numpy(str),
        action=frame["label"].to_numpy(str),
        weights=1.0 / (frame["propensity"] * frame["arms"]).to_numpy("float64"),
        rewards=frame["reward"].to_numpy("float64"),
        known=known,
    )


def _why_not(exposures: pd.DataFrame, labelled: pd.DataFrame, name: str) -> str:
    """Why the logs cannot speak of the action `name` at all; empty where they can."""
    if exposures.empty:
        return "the shop has no log of past decisions with their probabilities"
    taken, alone = labelled["label"] == name, labelled["label"] == NONE
    if not taken.any():
        return f"no past decision to contact by {name} was logged"
    if not alone.any():
        return "no customer was ever left alone by chance, so there is nothing to compare with"
    chance = labelled["propensity"].to_numpy("float64")
    if not ((chance > 0) & (chance <= 1)).all():
        return "some logged probabilities are not above 0 and up to 1"
    if (chance[(taken | alone).to_numpy(bool)] >= 1).all():
        return "every logged decision was certain, so none was left to chance"
    fair = labelled["policy"].isin(labelled.loc[alone, "policy"]).to_numpy(bool)  # policies that may leave alone
    together = np.where(alone, 1.0 / chance, 0.0)[fair]  # its mean must be one
    error = float(together.std()) / np.sqrt(len(together))
    if error > 0 and abs(float(together.mean()) - 1) > _MOST_DOUBT * error:
        return "the logged probabilities do not fit how often customers were left alone"
    return ""


def _in_money(snapshot: Snapshot, plan: Plan, covered: pd.DataFrame, per_head: Array, alone: float) -> Array:
    """Extra orders of a contacted customer as money of all: value × (margin − offer), less what buyers would get
    off anyway and the messages."""
    values = history.customers(snapshot, snapshot.as_of)["value"].reindex(covered["customer_id"]).dropna()
    worth = float(values.mean()) if len(values) else 0.0
    offer = covered["off"].to_numpy("float64")
    messages = sum(CONTACT_COST.get(channel, 0.0) for channel in covered["channel"])
    return np.asarray(
        per_head * worth * float((plan.margin.value - offer).sum()) - alone * worth * float(offer.sum()) - messages
    )


def _yes_or_no(rewards: pd.Series) -> bool:
    return bool(np.isin(rewards.to_numpy("float64"), (0.0, 1.0)).all())
