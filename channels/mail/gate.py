"""Who may get a message at this moment: asked when a row leaves the outbox, not only when it was planned."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from sqlalchemy import func, select, update

from campaign.hours import quiet_until
from channels.mail.terms import Terms
from data.operations import Consent, DomainRate, OutboxMessage, Suppression

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

_BURST_SECONDS = 10.0
"""A domain that got nothing for a while may get as many at once as its pace allows in this time."""


@dataclass(frozen=True)
class Verdict:
    """go; wait `until`; or stop, and `why`."""

    end: Literal["go", "wait", "stop"]
    until: datetime | None = None
    why: str = ""


_GO = Verdict("go")


def verdicts(
    session: Session, rows: Sequence[OutboxMessage], *, now: datetime, terms: Terms, paid: bool = False
) -> list[Verdict]:
    """For each row, all of one channel, whether it may leave at `now` (naive UTC).

    A row that may go takes a token of its domain's pace, unless it has `paid` before.
    """
    channel = rows[0].channel if rows else "email"
    addresses = {normal(row.address) for row in rows}
    suppressed = dict(
        session.execute(
            select(Suppression.address, Suppression.reason).where(
                Suppression.channel == channel, Suppression.address.in_(addresses)
            )
        ).all()
    )
    customers = {row.customer_id for row in rows}
    said = dict(
        session.execute(
            select(Consent.customer_id, Consent.granted).where(
                Consent.channel == channel, Consent.customer_id.in_(customers)
            )
        ).all()
    )
    had = _recent(session, customers, channel, now - timedelta(days=terms.cap_days))
    found: list[Verdict] = []
    wanted: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        verdict = _verdict(row, suppressed.get(normal(row.address)), said.get(row.customer_id), had, now, terms)
        if verdict.end == "go":
            had.setdefault(row.customer_id, []).append(now)
            if terms.per_minute and not paid:
                wanted.setdefault(domain_of(row.address), []).append(place)
        found.append(verdict)
    for domain, places in wanted.items():
        for place, until in zip(places, _paced(session, domain, len(places), now, terms), strict=True):
            if until is not None:
                found[place] = Verdict("wait", until)
    return found


def suppress(session: Session, address: str, channel: str, reason: str, *, now: datetime) -> None:
    """Keeps `address` from getting anything more by `channel`, what is queued included; the first reason stays."""
    plain = normal(address)
    if session.get(Suppression, (plain, channel)) is None:
        session.add(Suppression(address=plain, channel=channel, reason=reason, at=now))
    session.execute(
        update(OutboxMessage)
        .where(
            OutboxMessage.status == "queued",
            OutboxMessage.channel == channel,
            func.lower(OutboxMessage.address) == plain,
        )
        .values(status="suppressed", error=reason)
    )
    session.flush()


def normal(address: str | None) -> str:
    """An address as suppressions keep it."""
    return (address or "").strip().lower()


def domain_of(address: str | None) -> str:
    """The part after the last @.

    >>> domain_of("Ada@Example.ORG")
    'example.org'
    """
    return normal(address).rpartition("@")[2]


def _verdict(
    row: OutboxMessage,
    suppressed: str | None,
    granted: bool | None,
    had: dict[str, list[datetime]],
    now: datetime,
    terms: Terms,
) -> Verdict:
    if suppressed is not None:
        return Verdict("stop", why=suppressed)
    if granted is False:
        return Verdict("stop", why="consent was withdrawn")
    if granted is None and row.customer_id in terms.unwilling:
        return Verdict("stop", why="no consent in the shop's newest data")
    if terms.ends is not None and now >= terms.ends:
        return Verdict("stop", why="the campaign had ended")
    recent = sorted(had.get(row.customer_id, []))
    if len(recent) >= terms.cap:
        return _later(recent[-terms.cap] + timedelta(days=terms.cap_days), "had enough messages lately", terms)
    if terms.quiet_hours:
        until = quiet_until(now, json.loads(row.payload_json).get("timezone") or terms.timezone)
        if until is not None:
            return _later(until, "its quiet hours last until the campaign's end", terms)
    return _GO


def _later(until: datetime, why: str, terms: Terms) -> Verdict:
    """Wait, unless the campaign has ended by then."""
    if terms.ends is not None and until >= terms.ends:
        return Verdict("stop", why=why)
    return Verdict("wait", until)


def _recent(session: Session, customers: Iterable[str], channel: str, since: datetime) -> dict[str, list[datetime]]:
    """When each customer got a message after `since`; one whose fate is unknown counts as got."""
    rows = session.execute(
        select(OutboxMessage.customer_id, OutboxMessage.sent_at, OutboxMessage.claimed_at).where(
            OutboxMessage.customer_id.in_(list(customers)),
            OutboxMessage.channel == channel,
            OutboxMessage.status.in_(("sent", "sending", "unknown")),
        )
    ).all()
    found: dict[str, list[datetime]] = {}
    for customer, sent_at, claimed_at in rows:
        at = sent_at or claimed_at
        if at is not None and at > since:
            found.setdefault(customer, []).append(at)
    return found


def _paced(session: Session, domain: str, count: int, now: datetime, terms: Terms) -> list[datetime | None]:
    """Takes `count` tokens of a domain: None for each message that may go, else when to ask again (token bucket)."""
    rate = terms.per_minute / 60
    most = max(1.0, rate * _BURST_SECONDS)
    bucket = session.get(DomainRate, domain)
    if bucket is None:
        bucket = DomainRate(domain=domain, tokens=most, at=now)
        session.add(bucket)
    bucket.tokens = min(most, bucket.tokens + max(0.0, (now - bucket.at).total_seconds()) * rate)
    bucket.at = now
    going = min(count, int(bucket.tokens))
    bucket.tokens -= going
    short = 1.0 - bucket.tokens
    waits = [now + timedelta(seconds=(short + n) / rate) for n in range(count - going)]
    return [None] * going + waits
