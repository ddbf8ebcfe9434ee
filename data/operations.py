"""The operational records: campaigns, approvals, outbox, consent, threads, live events and assignments.

SQLAlchemy 2 over SQLite in WAL mode (or any database by URL). Predictions never read these; consent's truth is here.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Column, Connection, Engine, Index, Inspector, create_engine, event, inspect, make_url
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.schema import CreateColumn

from data.errors import StoreError

_PATIENCE = 30.0
"""Seconds to wait for another writer of the same SQLite file."""


class Record(DeclarativeBase):
    """Base of all operational records; times are naive UTC."""


class Campaign(Record):
    """A plan as drafted; `status` goes draft → launched → measured, or cancelled.

    While `paused_at` is set, no message of it leaves.
    """

    __tablename__ = "campaigns"
    campaign_id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    plan_json: Mapped[str]
    plan_hash: Mapped[str]
    status: Mapped[str] = mapped_column(default="draft")
    created_at: Mapped[datetime]  # the plan's as_of, so that a replay writes the same row
    launched_at: Mapped[datetime | None]
    paused_at: Mapped[datetime | None]


class Approval(Record):
    """A person's word for exactly one plan: another hash needs another approval. Never written by a tool.

    `figures_json` is what the person was shown, `override` the reason for a yes to a plan that may lose money.
    """

    __tablename__ = "approvals"
    campaign_id: Mapped[str] = mapped_column(primary_key=True)
    plan_hash: Mapped[str] = mapped_column(primary_key=True)
    person: Mapped[str]
    at: Mapped[datetime]
    figures_json: Mapped[str] = mapped_column(default="{}", server_default="{}")
    override: Mapped[str | None]


class Rejection(Record):
    """A person's no to a campaign, and why; it ends the campaign."""

    __tablename__ = "rejections"
    campaign_id: Mapped[str] = mapped_column(primary_key=True)
    plan_hash: Mapped[str]
    person: Mapped[str]
    at: Mapped[datetime]
    reason: Mapped[str]


class OutboxMessage(Record):
    """One message to send; its key makes a second launch of the same campaign change nothing.

    `status`: queued → sending → sent, failed or unknown; or cancelled, or suppressed. `error` says why. `unknown` means
    that the sender died, or lost the server, when the message may have left; only a person decides what follows.
    `worker` leases a row from `claimed_at` on; `retry_at` is when it may be tried next. `payload_json` is what the
    channel renders.
    """

    __tablename__ = "outbox"
    campaign_id: Mapped[str] = mapped_column(primary_key=True)
    customer_id: Mapped[str] = mapped_column(primary_key=True)
    channel: Mapped[str] = mapped_column(primary_key=True)
    step: Mapped[int] = mapped_column(primary_key=True, default=1)
    status: Mapped[str] = mapped_column(default="queued", index=True)
    address: Mapped[str | None]
    payload_json: Mapped[str] = mapped_column(default="{}")
    send_after: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None]
    worker: Mapped[str | None]
    claimed_at: Mapped[datetime | None]
    retry_at: Mapped[datetime | None]
    __table_args__ = (
        Index("outbox_by_status", "campaign_id", "channel", "status", "customer_id"),
        Index("outbox_by_customer", "customer_id", "channel", "sent_at"),
    )


class Suppression(Record):
    """An address (in lower case) that gets nothing any more: a hard bounce, a complaint, or a person's word."""

    __tablename__ = "suppressions"
    address: Mapped[str] = mapped_column(primary_key=True)
    channel: Mapped[str] = mapped_column(primary_key=True)
    reason: Mapped[str]
    at: Mapped[datetime]


class DomainRate(Record):
    """A token bucket of one recipient domain, shared by all workers: `tokens` messages may leave at `at`."""

    __tablename__ = "domain_rates"
    domain: Mapped[str] = mapped_column(primary_key=True)
    tokens: Mapped[float]
    at: Mapped[datetime]


class Consent(Record):
    """What a customer last said about a channel (email or sms); overrides the snapshot's columns."""

    __tablename__ = "consent"
    customer_id: Mapped[str] = mapped_column(primary_key=True)
    channel: Mapped[str] = mapped_column(primary_key=True)
    granted: Mapped[bool]
    source: Mapped[str]
    at: Mapped[datetime]


class Thread(Record):
    """A conversation; its messages lie with the agent's checkpointer. `person` is whose it is."""

    __tablename__ = "threads"
    thread_id: Mapped[str] = mapped_column(primary_key=True)
    role: Mapped[str]
    customer_id: Mapped[str | None]
    title: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime]
    person: Mapped[str | None]


class Turn(Record):
    """One question of a console's thread and its answer as it was shown: words, sources, steps, tables, charts."""

    __tablename__ = "turns"
    thread_id: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    content_json: Mapped[str]


class LiveEvent(Record):
    """An event since the snapshot, with the columns of the canonical table `events`."""

    __tablename__ = "live_events"
    event_id: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    customer_id: Mapped[str | None]
    session_id: Mapped[str | None]
    kind: Mapped[str]
    product_id: Mapped[str | None]
    quantity: Mapped[float | None]
    unit_price: Mapped[float | None]
    order_id: Mapped[str | None]
    text: Mapped[str | None]
    channel: Mapped[str | None]
    campaign_id: Mapped[str | None]
    __table_args__ = (Index("live_events_by_customer", "customer_id", "at"),)


class Assignment(Record):
    """A customer's arm in a campaign's experiment, treated or holdout, and the probability of that arm."""

    __tablename__ = "assignments"
    campaign_id: Mapped[str] = mapped_column(primary_key=True)
    customer_id: Mapped[str] = mapped_column(primary_key=True)
    arm: Mapped[str]
    propensity: Mapped[float]
    at: Mapped[datetime]


class Exposure(Record):
    """A decision taken by chance, with the columns of the canonical table `exposures`; `reward` comes later.

    `reward` is money, or 0 and 1; it is null until the outcome is known.
    """

    __tablename__ = "exposures"
    decision_id: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    policy: Mapped[str] = mapped_column(index=True)
    customer_id: Mapped[str]
    action: Mapped[str]
    propensity: Mapped[float]
    reward: Mapped[float | None]


class ApiKey(Record):
    """A program's key: only its SHA-256 is kept. `scopes` are words between blanks."""

    __tablename__ = "api_keys"
    key_id: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    scopes: Mapped[str]
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class User(Record):
    """A person of the shop who may sign in to the console; `role` is owner, marketer or viewer."""

    __tablename__ = "users"
    name: Mapped[str] = mapped_column(primary_key=True)
    password_hash: Mapped[str]
    role: Mapped[str]
    created_at: Mapped[datetime]


class Operations:
    """The door to the operational records: `Operations("shop.db")`, or a database URL.

    Tables are made when they are absent. A session opened inside another one, or inside a rehearsal, joins
    its transaction, so that functions may open sessions without asking who called them. With `durable`, a commit
    survives the loss of power too, not only the end of the process.
    """

    def __init__(self, url_or_path: str | Path, *, durable: bool = False) -> None:
        text = str(url_or_path)
        url = make_url(text) if "://" in text else URL.create("sqlite", database=text)
        if url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:"):
            Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
        self._where = url.render_as_string(hide_password=True)
        self._engine = _engine(url, durable=durable)
        self._outer: ContextVar[Connection | None] = ContextVar("outer", default=None)
        self._joined = threading.RLock()
        try:
            Record.metadata.create_all(self._engine)
            _add_missing_columns(self._engine)
        except DatabaseError as error:
            raise StoreError(f"the records {self._where} cannot be opened ({error.orig})") from error

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A unit of work: committed at the end, rolled back when the block raises."""
        outer = self._outer.get()
        if outer is not None:
            with self._joined, Session(outer, join_transaction_mode="create_savepoint") as session, session.begin():
                yield session
            return
        with self._transaction() as connection:
            with Session(connection, join_transaction_mode="create_savepoint") as session, session.begin():
                yield session
            connection.commit()

    @contextmanager
    def rehearsal(self) -> Iterator[None]:
        """Everything written inside, through any session of the block, is undone at its end.

        Sessions of the block see each other's writes. On SQLite other writers wait until the end.
        """
        with self._transaction():
            yield

    def close(self) -> None:
        """Closes all connections."""
        self._engine.dispose()

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        """A connection whose work is undone unless it is committed; sessions inside the block join it."""
        before = self._outer.get()
        if before is not None:  # a rehearsal within another transaction undoes its own part only
            with self._joined:
                savepoint = before.begin_nested()
                try:
                    yield before
                finally:
                    if savepoint.is_active:
                        savepoint.rollback()
            return
        try:
            with self._engine.connect() as connection, connection.begin():
                self._outer.set(connection)
                try:
                    yield connection
                finally:
                    self._outer.set(None)
                    if connection.in_transaction():
                        connection.rollback()
        except OperationalError as error:
            if "locked" in str(error.orig):
                raise StoreError(f"the records {self._where} are in use by something else: try again later") from error
            if "full" in str(error.orig) or "disk I/O" in str(error.orig):
                raise StoreError(
                    f"the disk of {self._where} is full or broken, so nothing was written: make room, then try again"
                ) from error
            raise


def _add_missing_columns(engine: Engine) -> None:
    """Brings tables of an older version up to date: each column that they lack is added, null or at its default."""
    if not _missing(inspect(engine)):
        return
    with engine.begin() as connection:  # asked again inside, since another process may have been quicker
        for column in _missing(inspect(connection)):
            words = CreateColumn(column).compile(dialect=engine.dialect)
            connection.exec_driver_sql(f"ALTER TABLE {column.table.name} ADD COLUMN {words}")


def _missing(there: Inspector) -> list[Column[Any]]:
    return [
        column
        for table in Record.metadata.sorted_tables
        for column in table.columns
        if column.name not in {known["name"] for known in there.get_columns(table.name)}
    ]


def _engine(url: URL, *, durable: bool) -> Engine:
    if url.get_backend_name() != "sqlite":
        return create_engine(url)
    engine = create_engine(url, connect_args={"timeout": _PATIENCE})

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _: Any) -> None:
        connection.isolation_level = None  # sqlite3's own BEGIN comes too late for savepoints
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # IMMEDIATE: a session that reads and then writes must not find the file changed in between
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine
