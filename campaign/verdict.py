"""The verdict: what a launched campaign brought, against its hold-out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd
from sqlalchemy import Row, select

from campaign import records
from campaign.experiment import Difference, difference
from campaign.offers import CONTACT_COST
from campaign.plan import Plan
from data.errors import CampaignError
from data.operations import Assignment, LiveEvent

if TYPE_CHECKING:
    from data.operations import Operations
    from data.store import Snapshot

State = Literal["positive", "negative", "inconclusive", "running"]


@dataclass(frozen=True)
class Verdict:
    """Arms' sizes, difference of purchase rates (None while it runs), extra orders, and extra profit after costs."""

    plan: Plan
    state: State
    contacted: int
    holdout: int
    verdict: pd.Timestamp
    difference: Difference | None = None
    orders: float = 0.0
    profit: float = 0.0


def measure(snapshot: Snapshot, operations: Operations, campaign_id: str, *, as_of: pd.Timestamp) -> Verdict:
    """Compares the arms' purchases from the start to the verdict's day; nothing is said before, since peeking misleads.

    Purchases come from the snapshot and from the live events since. Everyone counts in the arm that chance
    gave, whether the message arrived or not. Profit is extra orders × the mean value of an order in the
    window × (margin − discount), less the discounts that hold-out rates say were given away, less messages.
    Raises `CampaignError` for a campaign that is unknown, not launched, or has no hold-out.
    """
    kept = records.find(operations, campaign_id)
    plan = kept.plan
    if kept.status not in {"launched", "measured"}:
        raise CampaignError(f"campaign {plan.campaign_id} is not launched yet, so there is nothing to measure")
    with operations.session() as session:
        rows = session.execute(
            select(Assignment.customer_id, Assignment.arm).where(Assignment.campaign_id == plan.campaign_id)
        ).all()
        live = session.execute(
            select(
                LiveEvent.event_id,
                LiveEvent.at,
                LiveEvent.customer_id,
                LiveEvent.quantity,
                LiveEvent.unit_price,
                LiveEvent.order_id,
            ).where(LiveEvent.kind == "purchase")
        ).all()
    arms = pd.Series({row.customer_id: row.arm for row in rows}, dtype="object").sort_index()
    treated, held = int((arms == "treated").sum()), int((arms == "holdout").sum())
    end = pd.Timestamp(plan.end)
    latest = max([as_of, *(pd.Timestamp(at) for _, at, *_ in live)])
    if latest < end:
        return Verdict(plan, "running", treated, held, end)
    bought = _bought(snapshot, live, pd.Timestamp(plan.start), end)
    bought = bought[bought["customer_id"].isin(arms.index)]
    buyers = set(bought["customer_id"])
    hits = {arm: int(sum(c in buyers for c in arms.index[arms == arm])) for arm in ("treated", "holdout")}
    found = difference(hits["treated"], treated, hits["holdout"], held)
    baskets = bought.groupby(["customer_id", "basket"])["amount"].sum()
    value = float(baskets.mean()) if len(baskets) else 0.0
    orders = found.lift * treated
    messages = sum(c.contacts * CONTACT_COST.get(c.channel, 0.0) for c in plan.channels)
    given_away = found.holdout_rate * treated * value * plan.discount
    profit = orders * value * (plan.margin.value - plan.discount) - given_away - messages
    state: State = "positive" if found.low > 0 else "negative" if found.high < 0 else "inconclusive"
    return Verdict(plan, state, treated, held, end, found, orders, profit)


def _bought(
    snapshot: Snapshot, live: Sequence[Row[*tuple[Any, ...]]], start: pd.Timestamp, end: pd.Timestamp
) -> pd.DataFrame:
    """Purchase lines from `start` to before `end`: customer_id, basket, amount; an event in both places counts once."""
    events = snapshot.table("events")
    past = events.filter((events["kind"] == "purchase") & (events["at"] >= start) & (events["at"] < end))
    columns = ["event_id", "at", "customer_id", "quantity", "unit_price", "order_id"]
    frames = [past.select(*columns).order_by("event_id").execute()]
    since = pd.DataFrame([tuple(row) for row in live], columns=columns)
    if len(since):
        since["at"] = pd.to_datetime(since["at"])
        frames.append(since[(since["at"] >= start) & (since["at"] < end)])
    lines = pd.concat([f for f in frames if len(f)], ignore_index=True) if any(len(f) for f in frames) else frames[0]
    lines = lines.drop_duplicates("event_id").dropna(subset=["customer_id"])
    amount = lines["quantity"].astype("float64").fillna(1.0) * lines["unit_price"].astype("float64").fillna(0.0)
    basket = lines["order_id"].astype("string").fillna(pd.to_datetime(lines["at"]).dt.strftime("%Y-%m-%d"))
    return pd.DataFrame({"customer_id": lines["customer_id"].astype(str), "basket": basket, "amount": amount})
