"""Where a campaign's outbox stands, in numbers and for a person to decide: pause, resume, cancel, resend, give up."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sqlalchemy import func, select, update

from channels.mail.outbox import STATES
from data.errors import CampaignError
from data.operations import Campaign, OutboxMessage

if TYPE_CHECKING:
    from campaign.plan import Plan
    from channels.terminal import Screen
    from data.operations import Operations

Decision = Literal["resend", "give up"]


def counts(operations: Operations, campaign_id: str, channel: str | None = None) -> Counter[str]:
    """Messages by state."""
    query = select(OutboxMessage.status, func.count()).where(OutboxMessage.campaign_id == campaign_id)
    if channel is not None:
        query = query.where(OutboxMessage.channel == channel)
    with operations.session() as session:
        return Counter(dict(session.execute(query.group_by(OutboxMessage.status)).all()))


def reasons(operations: Operations, campaign_id: str) -> list[tuple[str, str, int]]:
    """Why messages failed, were suppressed or are unknown: (state, reason, messages), the most frequent first."""
    states = ("failed", "suppressed", "unknown")
    with operations.session() as session:
        rows = session.execute(
            select(OutboxMessage.status, OutboxMessage.error, func.count())
            .where(OutboxMessage.campaign_id == campaign_id, OutboxMessage.status.in_(states))
            .group_by(OutboxMessage.status, OutboxMessage.error)
        ).all()
    return sorted(((s, why or "no reason given", n) for s, why, n in rows), key=lambda r: (-r[2], r[0], r[1]))


def unknown(operations: Operations, campaign_id: str) -> list[tuple[str, str, datetime | None]]:
    """Messages whose fate nobody knows: (customer, address, when they were begun)."""
    with operations.session() as session:
        rows = session.execute(
            select(OutboxMessage.customer_id, OutboxMessage.address, OutboxMessage.claimed_at)
            .where(OutboxMessage.campaign_id == campaign_id, OutboxMessage.status == "unknown")
            .order_by(OutboxMessage.customer_id)
        ).all()
    return [(str(c), str(a), at) for c, a, at in rows]


def decide(operations: Operations, campaign_id: str, decision: Decision, customers: list[str]) -> int:
    """A person's word on unknown messages (of these customers, or of all where none is named); how many it was for."""
    values = (
        {"status": "queued", "worker": None, "claimed_at": None, "retry_at": None, "error": None}
        if decision == "resend"
        else {"status": "failed", "worker": None, "error": "a person gave it up: nobody knows whether it arrived"}
    )
    chosen = [OutboxMessage.campaign_id == campaign_id, OutboxMessage.status == "unknown"]
    if customers:
        chosen.append(OutboxMessage.customer_id.in_(customers))
    with operations.session() as session:
        done = session.execute(update(OutboxMessage).where(*chosen).values(**values))
        return int(done.rowcount)  # type: ignore[attr-defined]


def pause(operations: Operations, campaign_id: str, *, now: datetime) -> str:
    """No further message of the campaign leaves until it is resumed; its id."""
    return _change(operations, campaign_id, {"launched", "measured"}, paused_at=now)


def resume(operations: Operations, campaign_id: str) -> str:
    """Messages may leave again; the campaign's id."""
    return _change(operations, campaign_id, {"launched", "measured"}, paused_at=None)


def cancel(operations: Operations, campaign_id: str) -> tuple[str, int]:
    """Ends a campaign for good: its id, and how many queued messages will never leave."""
    wanted = _change(operations, campaign_id, {"draft", "launched", "measured"}, status="cancelled")
    with operations.session() as session:
        done = session.execute(
            update(OutboxMessage)
            .where(OutboxMessage.campaign_id == wanted, OutboxMessage.status == "queued")
            .values(status="cancelled", worker=None, claimed_at=None)
        )
        return wanted, int(done.rowcount)  # type: ignore[attr-defined]


def unwilling(root: Path, plan: Plan) -> frozenset[str]:
    """Members who no longer consent to e-mail by the store's present snapshot; none while it is the plan's own."""
    pointer = root / "current"  # read here, since opening the store takes a second that most runs need not spend
    if not pointer.exists() or pointer.read_text(encoding="utf-8").strip() == plan.snapshot_id:
        return frozenset()
    from data.store import Store

    store = Store(root)
    people = store.snapshot().frame("customers").set_index("customer_id")["consent_email"]
    willing = set(people.index[people.fillna(False).astype(bool)])
    return frozenset(m.customer_id for m in plan.members if m.customer_id not in willing)


def tell(screen: Screen, operations: Operations, campaign_id: str) -> None:
    """Says in a few lines how the outbox stands and what to do next."""
    found = counts(operations, campaign_id)
    screen.say(f"{campaign_id}: " + (", ".join(f"{found[s]:,} {s}" for s in STATES if found[s]) or "nothing to send"))
    for state, why, number in reasons(operations, campaign_id):
        screen.note(f"{number:,} {state}: {why}")
    if found["queued"]:
        screen.note(
            f"{found['queued']:,} wait for {_waiting(operations, campaign_id)}; run shopkeeper send again then."
        )
    if found["unknown"]:
        screen.note(
            f"{found['unknown']:,} may have arrived or not. They are not sent again unless you say so: "
            f"shopkeeper outbox {campaign_id} --resend, or --give-up."
        )


def _waiting(operations: Operations, campaign_id: str) -> str:
    with operations.session() as session:
        paused = session.get_one(Campaign, campaign_id).paused_at
        due = session.execute(
            select(func.min(func.coalesce(OutboxMessage.retry_at, OutboxMessage.send_after))).where(
                OutboxMessage.campaign_id == campaign_id, OutboxMessage.status == "queued"
            )
        ).scalar()
    if paused is not None:
        return f"the campaign to be resumed (shopkeeper resume {campaign_id})"
    return "the server" if due is None else f"their time (the first at {due:%d %b %Y %H:%M} UTC)"


def _change(operations: Operations, campaign_id: str, allowed: set[str], **values: object) -> str:
    wanted = campaign_id.strip().upper()
    with operations.session() as session:
        row = session.get(Campaign, wanted)
        if row is None:
            raise CampaignError(f"no campaign {campaign_id}; campaign ids look like C-0001")
        if row.status not in allowed:
            raise CampaignError(f"campaign {wanted} is {row.status}, so this cannot be done")
        for name, value in values.items():
            setattr(row, name, value)
    return wanted
