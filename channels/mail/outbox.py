"""The outbox: each row is sent at most once, and one whose fate nobody knows waits for a person.

A row goes queued → sending → sent, failed or unknown; or cancelled, or suppressed. A worker first leases rows (they
stay queued, so a dead worker's lease is simply given back), prepares the messages, and marks them `sending` before
a byte reaches the server. What is still `sending` when its worker is dead may have been delivered: it becomes
`unknown` and is never sent again by itself.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, cast

from sqlalchemy import Table, bindparam, case, func, or_, select, tuple_, update

from campaign.plan import Plan
from channels.mail import gate
from channels.mail.terms import Terms
from data.errors import CampaignError
from data.operations import Campaign, OutboxMessage

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from data.operations import Operations

STATES = ("queued", "sending", "sent", "failed", "unknown", "suppressed", "cancelled")
LEASE = timedelta(minutes=15)
"""After this a lease is taken to be dead, even where its worker cannot be asked (another machine)."""

Key = tuple[str, str, str, int]
"""campaign, customer, channel, step."""
_KEY = (OutboxMessage.campaign_id, OutboxMessage.customer_id, OutboxMessage.channel, OutboxMessage.step)

_DUE = case(
    (OutboxMessage.send_after.is_(None), OutboxMessage.retry_at),
    (OutboxMessage.retry_at > OutboxMessage.send_after, OutboxMessage.retry_at),
    else_=OutboxMessage.send_after,
)
_ROWS = cast("Table", OutboxMessage.__table__)
# Written once: the library spends longer on putting a statement together than the database on carrying it out.
_THIS = (
    _ROWS.c.campaign_id == bindparam("campaign"),
    _ROWS.c.customer_id == bindparam("customer"),
    _ROWS.c.channel == bindparam("by"),
    _ROWS.c.step == bindparam("number"),
)
_LEASE = update(_ROWS).where(*_THIS).values(worker=bindparam("owner"), claimed_at=bindparam("at"))
_BEGIN = (
    update(_ROWS)
    .where(*_THIS)
    .values(status="sending", claimed_at=bindparam("at"), attempts=_ROWS.c.attempts + 1, error=None)
)
_SENT = (
    update(_ROWS)
    .where(*_THIS, _ROWS.c.worker == bindparam("owner"), or_(_ROWS.c.status == "sending", _ROWS.c.status == "queued"))
    .values(status="sent", sent_at=bindparam("at"), worker=None, claimed_at=None, error=bindparam("detail"))
)
_STILL_MINE = select(_ROWS.c.campaign_id, _ROWS.c.customer_id, _ROWS.c.channel, _ROWS.c.step).where(
    _ROWS.c.campaign_id == bindparam("campaign"),
    _ROWS.c.channel == bindparam("by"),
    _ROWS.c.status == "queued",
    _ROWS.c.customer_id.in_(bindparam("customers", expanding=True)),
    _ROWS.c.worker == bindparam("owner"),
)
_STANDING = select(Campaign.__table__.c.status, Campaign.__table__.c.paused_at).where(
    Campaign.__table__.c.campaign_id == bindparam("campaign")
)

End = Literal["sent", "retry", "later", "failed", "refused", "unknown"]


@dataclass(frozen=True)
class Message:
    """A leased row: to whom, and what it says."""

    key: Key
    address: str
    payload: Mapping[str, Any]


@dataclass(frozen=True)
class Outcome:
    """How one message ended.

    retry: not now, try again (counts as a try); later: it never reached the server (does not count); refused: the
    server says that the recipient does not exist, so the address is suppressed; unknown: it may have been delivered.
    """

    key: Key
    end: End
    detail: str = ""


@dataclass(frozen=True)
class Lease:
    """Rows to prepare now, of so many `looked` at; `next_at` is when another comes due (None: none does)."""

    messages: tuple[Message, ...]
    looked: int
    next_at: datetime | None


def plan_of(operations: Operations, campaign_id: str) -> Plan:
    """The plan of a launched campaign. Raises `CampaignError` where there is nothing that may be sent."""
    wanted = campaign_id.strip().upper()
    with operations.session() as session:
        row = session.get(Campaign, wanted)
        if row is None:
            raise CampaignError(f"no campaign {campaign_id}; campaign ids look like C-0001")
        status, text, plan_hash = row.status, row.plan_json, row.plan_hash
    if status == "draft":
        raise CampaignError(f"campaign {wanted} is not launched: approve it, then run shopkeeper launch {wanted}")
    if status == "cancelled":
        raise CampaignError(f"campaign {wanted} was cancelled, so nothing of it is sent")
    plan = Plan.from_json(text)
    if hashlib.sha256(text.encode()).hexdigest() != plan_hash:
        raise CampaignError(f"the plan of {wanted} was changed after it was approved, so nothing of it is sent")
    return plan


def recover(operations: Operations, alive: Callable[[str], bool], *, now: datetime) -> int:
    """Gives back what dead workers had leased, and marks what they were sending as `unknown`; how many those are."""
    with operations.session() as session:
        rows = session.execute(
            select(OutboxMessage.worker, func.max(OutboxMessage.claimed_at))
            .where(OutboxMessage.worker.is_not(None), OutboxMessage.status.in_(("queued", "sending")))
            .group_by(OutboxMessage.worker)
        ).all()
        dead = [w for w, at in rows if w is not None and (not alive(w) or at is None or at < now - LEASE)]
        if not dead:
            return 0
        theirs = OutboxMessage.worker.in_(dead)
        session.execute(
            update(OutboxMessage).where(theirs, OutboxMessage.status == "queued").values(worker=None, claimed_at=None)
        )
        lost = session.execute(
            update(OutboxMessage)
            .where(theirs, OutboxMessage.status == "sending")
            .values(status="unknown", error="the sender stopped while this message was on its way")
        )
        return int(lost.rowcount)  # type: ignore[attr-defined]


def lease(operations: Operations, campaign_id: str, worker: str, *, limit: int, now: datetime, terms: Terms) -> Lease:
    """Leases up to `limit` rows that may go now; of the others looked at, says why not or when.

    Nothing while the campaign is paused or cancelled. Two workers never hold the same row.
    """
    with operations.session() as session:
        if not _open(session, campaign_id):
            return Lease((), 0, None)
        mine = (
            OutboxMessage.campaign_id == campaign_id,
            OutboxMessage.channel == "email",
            OutboxMessage.status == "queued",
        )
        free = OutboxMessage.worker.is_(None)
        due = (
            or_(OutboxMessage.send_after.is_(None), OutboxMessage.send_after <= now),
            or_(OutboxMessage.retry_at.is_(None), OutboxMessage.retry_at <= now),
        )
        order = (OutboxMessage.customer_id, OutboxMessage.step)
        rows = list(session.scalars(select(OutboxMessage).where(*mine, free, *due).order_by(*order).limit(limit)))
        wishes = [gate.Wish.of(row) for row in rows]
        going = []
        for row, verdict in zip(rows, gate.verdicts(session, wishes, "email", now=now, terms=terms), strict=True):
            if verdict.end == "go":
                going.append(row)
            elif verdict.end == "wait":
                row.retry_at = verdict.until
            else:
                row.status, row.error = "suppressed", verdict.why
        session.flush()
        if going:
            session.connection().execute(_LEASE, [_named(_key(row)) | {"owner": worker, "at": now} for row in going])
        next_at = session.scalar(select(func.min(_DUE)).where(*mine, free, now < _DUE)) if not rows else None
        return Lease(tuple(_message(row) for row in going), len(rows), next_at)


def begin(
    operations: Operations, messages: Sequence[Message], worker: str, *, now: datetime, terms: Terms
) -> list[Message]:
    """Marks those of the leased `messages` of one campaign as `sending` that still may go, and returns them.

    Pause, cancellation, withdrawn consent and suppression are looked at once more, since they may have come after
    the lease. A message that is not returned must not be sent.
    """
    return turn(operations, (), messages, worker, now=now, terms=terms)


def finish(operations: Operations, outcomes: Sequence[Outcome], worker: str, *, now: datetime, terms: Terms) -> None:
    """Writes how messages ended. Only the worker that is sending a row may end it."""
    turn(operations, outcomes, (), worker, now=now, terms=terms)


def turn(
    operations: Operations,
    outcomes: Sequence[Outcome],
    messages: Sequence[Message],
    worker: str,
    *,
    now: datetime,
    terms: Terms,
) -> list[Message]:
    """`finish` the `outcomes` and `begin` the `messages` in one commit, since a commit is dear."""
    with operations.session() as session:
        _finish(session, outcomes, worker, now=now, terms=terms)
        return _begin(session, messages, worker, now=now, terms=terms)


def _begin(session: Session, messages: Sequence[Message], worker: str, *, now: datetime, terms: Terms) -> list[Message]:
    if not messages:
        return []
    records = session.connection()
    campaign, _, channel, _ = messages[0].key
    asked = {"campaign": campaign, "by": channel, "owner": worker, "customers": list({m.key[1] for m in messages})}
    held = {tuple(row) for row in records.execute(_STILL_MINE, asked)}
    mine = [m for m in messages if m.key in held]
    wishes = [gate.Wish(m.key[1], m.address, m.payload.get("timezone")) for m in mine]
    is_open = _open(session, campaign)
    going = []
    for message, verdict in zip(
        mine, gate.verdicts(session, wishes, channel, now=now, terms=terms, paid=True), strict=True
    ):
        if is_open and verdict.end == "go":
            going.append(message)
            continue
        row = session.get_one(OutboxMessage, message.key)
        row.worker = row.claimed_at = None
        if is_open and verdict.end == "wait":
            row.retry_at = verdict.until
        elif is_open:
            row.status, row.error = "suppressed", verdict.why
    if going:
        records.execute(_BEGIN, [_named(message.key) | {"at": now} for message in going])
    return going


def _finish(session: Session, outcomes: Sequence[Outcome], worker: str, *, now: datetime, terms: Terms) -> None:
    sent = [
        _named(o.key) | {"owner": worker, "at": now, "detail": o.detail or None} for o in outcomes if o.end == "sent"
    ]
    if sent:
        session.connection().execute(_SENT, sent)
    others = {o.key: o for o in outcomes if o.end != "sent"}
    if others:
        mine = (OutboxMessage.worker == worker, OutboxMessage.status.in_(("sending", "queued")))
        for row in session.scalars(select(OutboxMessage).where(tuple_(*_KEY).in_(list(others)), *mine)):
            _end(session, row, others[_key(row)], now=now, terms=terms)
        session.flush()


def release(operations: Operations, worker: str) -> None:
    """Gives back all that `worker` has leased and not begun."""
    with operations.session() as session:
        session.execute(
            update(OutboxMessage)
            .where(OutboxMessage.worker == worker, OutboxMessage.status == "queued")
            .values(worker=None, claimed_at=None)
        )


def _end(session: Session, row: OutboxMessage, outcome: Outcome, *, now: datetime, terms: Terms) -> None:
    row.worker, row.error = None, outcome.detail or None
    if outcome.end != "unknown":  # when it may have left counts for the cap
        row.claimed_at = None
    if outcome.end == "later":
        row.status, row.attempts = "queued", row.attempts - 1
    elif outcome.end == "retry" and row.attempts < terms.most_tries:
        row.status = "queued"
        row.retry_at = now + terms.wait_after(row.attempts)
    elif outcome.end == "retry":
        row.status, row.error = "failed", f"given up after {row.attempts} tries: {outcome.detail}"
    else:
        row.status = "unknown" if outcome.end == "unknown" else "failed"
    if outcome.end == "refused" and row.address is not None:
        gate.suppress(session, row.address, "email", f"the recipient's server refused it: {outcome.detail}", now=now)


def _open(session: Session, campaign_id: str) -> bool:
    """Whether the campaign's messages may leave at this moment."""
    status, paused = session.connection().execute(_STANDING, {"campaign": campaign_id}).one()
    return status in {"launched", "measured"} and paused is None


def _named(key: Key) -> dict[str, Any]:
    """A key as the parameters of `_THIS`."""
    return dict(zip(("campaign", "customer", "by", "number"), key, strict=True))


def _key(row: OutboxMessage) -> Key:
    return row.campaign_id, row.customer_id, row.channel, row.step


def _message(row: OutboxMessage) -> Message:
    return Message(_key(row), row.address or "", json.loads(row.payload_json))
