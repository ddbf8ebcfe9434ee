"""What Prometheus reads: requests, answers, tools, tokens, the outbox, the age and drift of the models."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from sqlalchemy import func, select

from data.operations import OutboxMessage
from models.drift import category_drift

if TYPE_CHECKING:
    from channels.serving import Serving

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30)


class Measures:
    """The counters of one app, in a registry of their own so that several apps may live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Histogram(
            "shopkeeper_request_seconds",
            "Time to answer a request, by route and status.",
            ["route", "status"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.answers = Histogram(
            "shopkeeper_answer_seconds", "Time for a whole answer of the agent.", ["role"], buckets=_SECONDS,
            registry=self.registry,
        )  # fmt: skip
        self.first_words = Histogram(
            "shopkeeper_first_words_seconds", "Time to the first words of an answer.", ["role"], buckets=_SECONDS,
            registry=self.registry,
        )  # fmt: skip
        self.words = Counter("shopkeeper_answer_words", "Words of answers.", ["role"], registry=self.registry)
        self.tools = Counter(
            "shopkeeper_tool_calls", "Tool calls, by tool and outcome.", ["tool", "outcome"], registry=self.registry
        )
        self.events = Counter("shopkeeper_live_events", "Live events taken in.", registry=self.registry)
        self._outbox = Gauge("shopkeeper_outbox", "Messages by status.", ["status"], registry=self.registry)
        self._age = Gauge("shopkeeper_snapshot_age_seconds", "Time since the snapshot ends.", registry=self.registry)
        self._drift = Gauge(
            "shopkeeper_drift_psi",
            "Population stability index of the categories that are bought: the last 7 days against 90 before.",
            registry=self.registry,
        )
        self._drift_of: str | None = None

    @contextmanager
    def answering(self, role: str) -> Iterator[None]:
        """Times one answer."""
        with self.answers.labels(role).time():
            yield

    def read(self, serving: Serving) -> bytes:
        """All of it, in Prometheus' text form."""
        snapshot = serving.now.shop.snapshot
        with serving.operations.session() as session:
            counts = session.execute(select(OutboxMessage.status, func.count()).group_by(OutboxMessage.status)).all()
        for status in ("queued", "sending", "sent", "failed", "unknown", "suppressed", "cancelled"):
            self._outbox.labels(status).set(0)
        for status, number in counts:
            self._outbox.labels(status).set(number)
        self._age.set(max(0.0, time.time() - snapshot.as_of.timestamp()))
        if self._drift_of != snapshot.id:
            self._drift.set(category_drift(snapshot))
            self._drift_of = snapshot.id
        return generate_latest(self.registry)
