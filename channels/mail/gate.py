"""Who may get a message at this moment: asked when a row leaves the outbox, not only when it was planned."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from sqlalchemy import bindparam, func, select, update

from campaign.hours import quiet_until
from channels.mail.terms import Terms
from data.operations import Consent, DomainRate, OutboxMessage, Suppression

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

_SUPPRESSIONS, _CONSENT, _OUTBOX = Suppression.__table__.c, Consent.__table__.c, OutboxMessage.__table__.c
# Written once: the library spends longer on putting a statement together than the database on answering it.
_SUPPRESSED = select(_SUPPRESSIONS.address, _SUPPRESSIONS.reason).where(
    _SUPPRESSIONS.channel == bindparam("channel"), _SUPPRESSIONS.address.in_(bindparam("addresses", expanding=True))
)
_SAID = select(_CONSENT.customer_id, _CONSENT.granted).where(
    _CONSENT.channel == bindparam("channel"), _CONSENT.customer_id.in_(bindparam("customers", expanding=True))
)
_HAD = select(_OUTBOX.customer_id, _OUTBOX.sent_at, _OUTBOX.claimed_at).where(
    _OUTBOX.customer_id.in_(bindparam("customers", expanding=True)),
    _OUTBOX.channel == bindparam("channel"),
    _OUTBOX.status.in_(("sent", "sending", "unknown")),
)
_BURST_SECONDS = 10.0
"""A domain that got nothing for a while may get as many at once as its pace allows in this time."""


@dataclass(frozen=True)
class Wish:
    """A message that would leave: to whom, where, and by which clock the customer lives (None: the shop's)."""

    customer_id: str
    address: str
    timezone: str | None

    @classmethod
    def of(cls, row: OutboxMessage) -> Wish:
        """That of a row of the outbox."""
        return cls(row.customer_id, row.address or "", json.loads(row.payload_json).get("timezone"))


@dataclass(frozen=True)
class Verdict:
    """go; wait `until`; or stop, and `why`."""

    end: Literal["go", "wait", "stop"]
    until: datetime | None = None
    why: str = ""


_GO = Verdict("go")


def verdicts(
    session: Session, wishes: Sequence[Wish], channel: str, *, now: datetime, terms: Terms, paid: bool = False
) -> list[Verdict]:
    """For each message, whether it may leave by `channel` at `now` (naive UTC).

    One that may go takes a token of its domain's pace, unless it has `paid` before.
    """
    if not wishes:
        return []
    asked = {"channel": channel, "customers": list({wish.customer_id for wish in wishes})}
    addresses = list({normal(wish.address) for wish in wishes})
    records = session.connection()
    suppressed = dict(records.execute(_SUPPRESSED, {"channel": channel, "addresses": addresses}).all())
    said = dict(records.execute(_SAID, asked).all())
    had: dict[str, list[datetime]] = {}
    for customer, sent_at, claimed_at in records.execute(_HAD, asked):
        at = sent_at or claimed_at  # one whose fate is unknown counts as got
        if at is not None and at > now - timedelta(days=terms.cap_days):
            had.setdefault(customer, []).append(at)
    found: list[Verdict] = []
    wanted: dict[str, list[int]] = {}
    for place, wish in enumerate(wishes):
        verdict = _verdict(wish, suppressed.get(normal(wish.address)), said.get(wish.customer_id), had, now, terms)
        if verdict.end == "go":
            had.setdefault(wish.customer_id, []).append(now)
            if terms.per_minute and not paid:
                wanted.setdefault(domain_of(wish.address), []).append(place)
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
    wish: Wish,
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
    if granted is None and wish.customer_id in terms.unwilling:
        return Verdict("stop", why="no consent in the shop's newest data")
    if terms.ends is not None and now >= terms.ends:
        return Verdict("stop", why="the campaign had ended")
    recent = sorted(had.get(wish.customer_id, []))
    if len(recent) >= terms.cap:
        return _later(recent[-terms.cap] + timedelta(days=terms.cap_days), "had enough messages lately", terms)
    if terms.quiet_hours:
        until = quiet_until(now, wish.timezone or terms.timezone)
        if until is not None:
            return _later(until, "its quiet hours last until the campaign's end", terms)
    return _GO


def _later(until: datetime, why: str, terms: Terms) -> Verdict:
    """Wait, unless the campaign has ended by then."""
    if terms.ends is not None and until >= terms.ends:
        return Verdict("stop", why=why)
    return Verdict("wait", until)


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
