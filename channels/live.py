"""What happened since the snapshot: events of the shop's page, kept in the records and at hand for the next answer."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import select

from data.operations import LiveEvent

if TYPE_CHECKING:
    from data.operations import Operations

REMEMBERED = 50
"""Events of one visitor that a recommendation looks at."""
VISITORS = 100_000
"""Visitors at hand; whoever was quiet the longest is forgotten first, in memory only."""
AT_ONCE = 500


@dataclass(frozen=True)
class Seen:
    """An event as the shop's page reports it; `at` is naive UTC."""

    event_id: str
    at: datetime
    kind: str
    customer_id: str | None = None
    session_id: str | None = None
    product_id: str | None = None
    quantity: float | None = None
    unit_price: float | None = None
    order_id: str | None = None
    text: str | None = None


class LiveFeed:
    """The live events of one store, by visitor; thread-safe."""

    def __init__(self, operations: Operations, *, since: datetime) -> None:
        self._operations = operations
        self._lock = threading.Lock()
        self._by_visitor: OrderedDict[str, deque[tuple[str, str]]] = OrderedDict()
        self._known: set[str] = set()
        with operations.session() as session:
            rows = session.execute(
                select(
                    LiveEvent.event_id,
                    LiveEvent.kind,
                    LiveEvent.customer_id,
                    LiveEvent.session_id,
                    LiveEvent.product_id,
                )
                .where(LiveEvent.at >= since)
                .order_by(LiveEvent.at, LiveEvent.event_id)
            ).all()
        for event_id, kind, customer, visit, product in rows:
            self._remember(event_id, kind, customer, visit, product)

    def add(self, events: Sequence[Seen]) -> int:
        """Keeps events, all or none, and returns how many were new: an id that came before changes nothing."""
        fresh = list({one.event_id: one for one in events}.values())
        with self._lock:
            fresh = [one for one in fresh if one.event_id not in self._known]
            with self._operations.session() as session:
                there = set(
                    session.scalars(
                        select(LiveEvent.event_id).where(LiveEvent.event_id.in_([one.event_id for one in fresh]))
                    )
                )
                fresh = [one for one in fresh if one.event_id not in there]
                session.add_all(LiveEvent(**one.__dict__, channel="live") for one in fresh)
            for one in fresh:
                self._remember(one.event_id, one.kind, one.customer_id, one.session_id, one.product_id)
        return len(fresh)

    def note(self, seen: Seen) -> None:
        """Takes notice of what the records have already, such as a basket that an answer filled."""
        with self._lock:
            self._remember(seen.event_id, seen.kind, seen.customer_id, seen.session_id, seen.product_id)

    def of(self, *, customer_id: str | None = None, session_id: str | None = None) -> tuple[tuple[str, str], ...]:
        """What a visitor did, as (kind, product id), the latest first; this visit before the customer's others."""
        keys = [_visitor("s", session_id)] if session_id else []
        keys += [_visitor("c", customer_id)] if customer_id else []
        with self._lock:
            found: Iterable[tuple[str, str]] = (
                event for key in keys for event in reversed(self._by_visitor.get(key, deque()))
            )
            return tuple(dict.fromkeys(found))[:REMEMBERED]

    def _remember(self, event_id: str, kind: str, customer: str | None, visit: str | None, product: str | None) -> None:
        self._known.add(event_id)
        if product is None:
            return
        for key in [_visitor("c", customer)] * bool(customer) + [_visitor("s", visit)] * bool(visit):
            self._by_visitor.setdefault(key, deque(maxlen=REMEMBERED)).append((kind, product))
            self._by_visitor.move_to_end(key)
        while len(self._by_visitor) > VISITORS:
            self._by_visitor.popitem(last=False)


def _visitor(kind: str, name: str | None) -> str:
    return f"{kind}:{name}"
