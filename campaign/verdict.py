"""The verdict: what a launched campaign brought, against its hold-out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from sqlalchemy import Row, select

from campaign import records
from campaign.effect import Effect, clear_after_correction, effect
from campaign.experiment import Difference, difference
from campaign.offers import CONTACT_COST
from campaign.plan import Plan
from data.errors import CampaignError
from data.operations import Assignment, LiveEvent, OutboxMessage

if TYPE_CHECKING:
    from data.operations import Operations
    from data.store import Snapshot

State = Literal["positive", "negative", "inconclusive", "running"]

OUTCOMES = ("orders", "revenue", "profit")
HISTORY = pd.Timedelta(days=90)
"""How long before the start is looked at, besides a time as long as the campaign's."""


@dataclass(frozen=True)
class Total:
    """What all contacted together added, with a 95% interval (None where an arm is too small to say)."""

    middle: float
    low: float | None
    high: float | None
    saved: float = 0.0


@dataclass(frozen=True)
class Part:
    """A segment, or a variant of the words against all held out: its arms and totals.

    `clear` says whether its orders differ once the number of parts looked at is allowed for.
    """

    kind: Literal["segment", "variant"]
    name: str
    contacted: int
    holdout: int
    totals: Mapping[str, Total]
    clear: bool


@dataclass(frozen=True)
class Verdict:
    """Arms' sizes, difference of purchase rates (None while it runs), and what was added: orders, revenue, profit."""

    plan: Plan
    state: State
    contacted: int
    holdout: int
    verdict: pd.Timestamp
    difference: Difference | None = None
    totals: Mapping[str, Total] = field(default_factory=dict)
    parts: tuple[Part, ...] = ()

    @property
    def orders(self) -> float:
        """Extra orders of all contacted."""
        return self.totals["orders"].middle if self.totals else 0.0

    @property
    def profit(self) -> float:
        """Extra profit of all contacted, messages paid."""
        return self.totals["profit"].middle if self.totals else 0.0


def measure(snapshot: Snapshot, operations: Operations, campaign_id: str, *, as_of: pd.Timestamp) -> Verdict:
    """Compares the arms' purchases from the start to the verdict's day; nothing is said before, since peeking misleads.

    Purchases come from the snapshot and from the live events since. Everyone counts in the arm that chance gave,
    whether the message arrived or not. What the same customers bought in as many days before the start, and in 90,
    takes noise out (CUPED). Profit is what was paid less the goods' cost (where it is unknown, less the plan's share of
    the full price), and less the messages. Raises `CampaignError` for a campaign that is unknown, not launched, or has
    no hold-out.
    """
    kept = records.find(operations, campaign_id)
    plan = kept.plan
    if kept.status in {"draft", "cancelled"}:
        raise CampaignError(f"campaign {plan.campaign_id} is not launched yet, so there is nothing to measure")
    arms, live = _logged(operations, plan.campaign_id)
    treated = arms == "treated"
    contacted, held = int(treated.sum()), int((~treated).sum())
    start, end = pd.Timestamp(plan.start), pd.Timestamp(plan.end)
    latest = max([as_of, *(pd.Timestamp(at) for _, at, *_ in live)])
    if latest < end:
        return Verdict(plan, "running", contacted, held, end)
    costs, margin = snapshot.frame("products").set_index("product_id")["cost"], plan.margin.value
    offers = {m.customer_id: plan.offer_of(m) for m in plan.members if m.arm == "treated"}
    after = outcomes(_bought(snapshot, live, start, end), arms.index, costs, margin=margin, offers=offers)
    before = [
        outcomes(_bought(snapshot, live, since, start), arms.index, costs, margin=margin, offers={})
        for since in (start - (end - start), start - HISTORY)
    ]
    buyers = (after["orders"] > 0).to_numpy()
    of_treated, of_held = int(buyers[treated].sum()), int(buyers[~treated].sum())
    found = difference(of_treated, contacted, of_held, held)
    state: State = "positive" if found.low > 0 else "negative" if found.high < 0 else "inconclusive"
    messages = sum(c.contacts * CONTACT_COST.get(c.channel, 0.0) for c in plan.channels)
    everyone, _ = _totals(after, before, treated.to_numpy(), messages, plan.campaign_id)
    looks = _looks(plan, treated, _variants(operations, plan.campaign_id))
    return Verdict(
        plan, state, contacted, held, end, found, everyone, _parts(plan, looks, after, before, treated.to_numpy())
    )  # fmt: skip


def outcomes(
    bought: pd.DataFrame, customers: pd.Index, costs: pd.Series, *, margin: float, offers: Mapping[str, float]
) -> pd.DataFrame:
    """Orders, revenue and profit of each of `customers` (the index).

    `bought` has purchase lines (customer_id, product_id, basket, quantity, amount), `costs` what a unit costs by
    product_id. Where that is unknown, a line's goods cost what the `margin` leaves of the price before the offer, a
    share by customer.
    """
    lines = bought[bought["customer_id"].isin(customers)]
    given = lines["customer_id"].map(offers).astype("float64").fillna(0.0)
    known = lines["product_id"].map(costs).astype("float64") * lines["quantity"]
    profit = lines["amount"] - known.fillna(lines["amount"] / (1 - given) * (1 - margin))
    grouped = lines.assign(profit=profit).groupby("customer_id")
    return pd.DataFrame(
        {
            "orders": grouped["basket"].nunique().astype("float64"),
            "revenue": grouped["amount"].sum(),
            "profit": grouped["profit"].sum(),
        }
    ).reindex(customers, fill_value=0.0)


def _totals(
    after: pd.DataFrame, before: Sequence[pd.DataFrame], treated: np.ndarray, messages: float, salt: str
) -> tuple[dict[str, Total], Effect | None]:
    """Each outcome's total, and the effect on orders."""
    number, found, orders = int(treated.sum()), {}, None
    for outcome in OUTCOMES:
        y, less = after[outcome].to_numpy("float64"), messages if outcome == "profit" else 0.0
        history = np.column_stack([one[outcome].to_numpy("float64") for one in before])
        one = effect(y, treated, history, seed=_seed(f"{salt}/{outcome}"))
        if one is None:
            plain = float(y[treated].mean() - y[~treated].mean()) if 0 < number < len(y) else 0.0
            found[outcome] = Total(number * plain - less, None, None)
        else:
            found[outcome] = Total(*one.times(number, less=less), one.saved)
        orders = one if outcome == "orders" else orders
    return found, orders


def _looks(
    plan: Plan, treated: pd.Series, variants: Mapping[str, str]
) -> list[tuple[Literal["segment", "variant"], str, np.ndarray]]:
    """Segments and variants, where there are several, each with who is in it (along the index of `treated`)."""
    found: list[tuple[Literal["segment", "variant"], str, np.ndarray]] = []
    segment = pd.Series({m.customer_id: m.segment for m in plan.members}).reindex(treated.index).astype(str).to_numpy()
    names = sorted(set(segment))
    if len(names) > 1:
        found += [("segment", name, segment == name) for name in names]
    shown = np.array([variants.get(str(customer), "") for customer in treated.index])
    names = sorted(set(shown) - {""})
    if len(names) > 1:
        found += [("variant", name, (shown == name) | ~treated.to_numpy()) for name in names]
    return found


def _parts(
    plan: Plan,
    looks: Sequence[tuple[Literal["segment", "variant"], str, np.ndarray]],
    after: pd.DataFrame,
    before: Sequence[pd.DataFrame],
    treated: np.ndarray,
) -> tuple[Part, ...]:
    """Each look by itself, and which of them stand when all are looked at."""
    cost = _message_cost(plan).reindex(after.index, fill_value=0.0).to_numpy()
    rows, p_values = [], []
    for kind, name, inside in looks:
        arm, salt = treated[inside], f"{plan.campaign_id}/{kind}/{name}"
        totals, orders = _totals(after[inside], [one[inside] for one in before], arm, float(cost[inside].sum()), salt)
        rows.append((kind, name, int(arm.sum()), int((~arm).sum()), totals))
        p_values.append(1.0 if orders is None else orders.p)
    return tuple(Part(*row, clear) for row, clear in zip(rows, clear_after_correction(p_values), strict=True))


def _variants(operations: Operations, campaign_id: str) -> dict[str, str]:
    """Which variant of the words each message carried, by customer."""
    with operations.session() as session:
        rows = session.execute(
            select(OutboxMessage.customer_id, OutboxMessage.payload_json)
            .where(OutboxMessage.campaign_id == campaign_id, OutboxMessage.step == 1)
            .order_by(OutboxMessage.customer_id, OutboxMessage.channel)
        ).all()
    return {row.customer_id: variant for row in rows if (variant := json.loads(row.payload_json).get("variant"))}


def _message_cost(plan: Plan) -> pd.Series:
    return pd.Series(
        {m.customer_id: CONTACT_COST.get(m.channel, 0.0) for m in plan.members if m.arm == "treated"}, dtype="float64"
    )


def _seed(words: str) -> int:
    """The same words always give the same draws."""
    return int.from_bytes(hashlib.sha256(words.encode()).digest()[:8])


def _logged(operations: Operations, campaign_id: str) -> tuple[pd.Series, Sequence[Row[*tuple[Any, ...]]]]:
    """Arms by customer (sorted), and the live purchases."""
    with operations.session() as session:
        rows = session.execute(
            select(Assignment.customer_id, Assignment.arm).where(Assignment.campaign_id == campaign_id)
        ).all()
        live = session.execute(
            select(
                LiveEvent.event_id,
                LiveEvent.at,
                LiveEvent.customer_id,
                LiveEvent.product_id,
                LiveEvent.quantity,
                LiveEvent.unit_price,
                LiveEvent.order_id,
            ).where(LiveEvent.kind == "purchase")
        ).all()
    return pd.Series({row.customer_id: row.arm for row in rows}, dtype="object").sort_index(), live


def _bought(
    snapshot: Snapshot, live: Sequence[Row[*tuple[Any, ...]]], start: pd.Timestamp, end: pd.Timestamp
) -> pd.DataFrame:
    """Purchase lines from `start` to before `end`: customer_id, product_id, basket, quantity, amount; an event in
    both places counts once."""
    events = snapshot.table("events")
    past = events.filter((events["kind"] == "purchase") & (events["at"] >= start) & (events["at"] < end))
    columns = ["event_id", "at", "customer_id", "product_id", "quantity", "unit_price", "order_id"]
    frames = [past.select(*columns).order_by("event_id").execute()]
    since = pd.DataFrame([tuple(row) for row in live], columns=columns)
    if len(since):
        since["at"] = pd.to_datetime(since["at"])
        frames.append(since[(since["at"] >= start) & (since["at"] < end)])
    lines = pd.concat([f for f in frames if len(f)], ignore_index=True) if any(len(f) for f in frames) else frames[0]
    lines = lines.drop_duplicates("event_id").dropna(subset=["customer_id"])
    quantity = lines["quantity"].astype("float64").fillna(1.0)
    return pd.DataFrame(
        {
            "customer_id": lines["customer_id"].astype(str),
            "product_id": lines["product_id"].astype("string"),
            "basket": lines["order_id"].astype("string").fillna(pd.to_datetime(lines["at"]).dt.strftime("%Y-%m-%d")),
            "quantity": quantity,
            "amount": quantity * lines["unit_price"].astype("float64").fillna(0.0),
        }
    )
