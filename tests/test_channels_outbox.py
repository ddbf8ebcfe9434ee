"""The outbox before a real SMTP server: each message once, whatever the server, the clock or the customer does."""

import asyncio
import json
import multiprocessing
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from channels.mail import gate, outbox, sending, standing
from channels.mail.outbox import Outcome
from channels.mail.presence import Presence
from channels.mail.settings import Server, server_of
from channels.mail.smtp import Courier, UnreachableError
from channels.mail.terms import Terms
from channels.mail.worker import Worker
from data.errors import CampaignError, SettingError, StoreError
from data.operations import Consent, Operations, OutboxMessage, Suppression
from tests.mail_server import Mailbox, serving
from tests.mail_shop import NOON, SETTINGS, launched, payload, rows, store_of

TERMS = Terms(ends=datetime(2026, 10, 15), timezone="Europe/London", first_wait=timedelta(seconds=30))


class Clock:
    """Time that passes only while someone sleeps."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        await asyncio.sleep(0)


@pytest.fixture
def operations(tmp_path: Path) -> Iterator[Operations]:
    found = store_of(tmp_path)
    yield found
    found.close()


def _send(
    operations: Operations,
    root: Path,
    server: Server,
    *,
    clock: Clock | None = None,
    terms: Terms = TERMS,
    patience: timedelta = timedelta(0),
    timeout: float = 5.0,
    in_flight: int = 4,
) -> Counter[str]:
    clock = clock or Clock()

    async def run() -> Counter[str]:
        with Presence(root / sending.LOCKS).join() as name:
            writer = sending.writer_of(root, operations, "C-0001", SETTINGS)
            courier = Courier(server, connections=in_flight, timeout=timeout)
            worker = Worker(
                operations, writer, courier, name, terms=terms, in_flight=in_flight, patience=patience, clock=clock,
                sleep=clock.sleep,
            )  # fmt: skip
            return await worker.run()

    return asyncio.run(run())


def _states(operations: Operations) -> Counter[str]:
    return Counter(row.status for row in rows(operations).values())


def test_each_message_arrives_once_and_sending_again_sends_nothing(operations: Operations, tmp_path: Path) -> None:
    launched(operations, 30)
    box = Mailbox()
    with serving(box) as server:
        assert _send(operations, tmp_path, server) == {"sent": 30}
        assert _send(operations, tmp_path, server) == {}
    assert sorted(box.addresses) == [f"c{n:05}@example.org" for n in range(30)]
    assert {row.sent_at for row in rows(operations).values()} == {NOON}
    assert {row.worker for row in rows(operations).values()} == {None}


def test_a_soft_refusal_is_tried_again_later_and_then_arrives(operations: Operations, tmp_path: Path) -> None:
    launched(operations, 3)
    box = Mailbox(rcpt=lambda address, time: "451 4.3.0 later" if address.startswith("c00001") and time < 3 else None)
    clock = Clock()
    with serving(box) as server:
        assert _send(operations, tmp_path, server, clock=clock) == {"sent": 2, "retry": 1}
        assert rows(operations)["c00001"].retry_at == NOON + timedelta(seconds=30)
        counts = _send(operations, tmp_path, server, clock=clock, patience=timedelta(hours=1))
    assert counts == {"retry": 1, "sent": 1}
    assert rows(operations)["c00001"].attempts == 3
    assert len(box.accepted) == 3


def test_patience_with_soft_refusals_ends(operations: Operations, tmp_path: Path) -> None:
    launched(operations, 1)
    with serving(Mailbox(data=lambda *_: "452 4.2.2 no room")) as server:
        _send(operations, tmp_path, server, patience=timedelta(days=2))
    row = rows(operations)["c00000"]
    assert row.status == "failed"
    assert row.error is not None
    assert row.error.startswith(f"given up after {TERMS.most_tries} tries: 452")


def test_a_hard_refusal_is_final_and_suppresses_the_address_everywhere(operations: Operations, tmp_path: Path) -> None:
    launched(operations, 3)
    box = Mailbox(rcpt=lambda address, _: "550 5.1.1 no such user" if address.startswith("c00001") else None)
    with serving(box) as server:
        assert _send(operations, tmp_path, server, patience=timedelta(days=2)) == {"sent": 2, "refused": 1}
        assert box.seen["c00001@example.org"] == 1
        with operations.session() as session:
            session.get_one(OutboxMessage, ("C-0001", "c00001", "email", 1)).status = "queued"
        assert _send(operations, tmp_path, server) == {}
    row = rows(operations)["c00001"]
    assert row.status == "suppressed"
    assert "550 5.1.1" in (row.error or "")
    assert box.seen["c00001@example.org"] == 1


def test_a_refusal_by_policy_fails_and_suppresses_nobody(operations: Operations, tmp_path: Path) -> None:
    launched(operations, 2)
    box = Mailbox(
        rcpt=lambda address, _: "550 5.7.1 blocked" if address.startswith("c00000") else None,
        data=lambda *_: "554 5.6.0 looks like spam",
    )
    with serving(box) as server:
        assert _send(operations, tmp_path, server, patience=timedelta(days=2)) == {"failed": 2}
    assert _states(operations) == {"failed": 2}
    with operations.session() as session:
        assert session.query(Suppression).count() == 0


def test_a_server_that_dies_before_the_message_costs_nothing(operations: Operations, tmp_path: Path) -> None:
    launched(operations, 2)
    box = Mailbox(rcpt=lambda _, time: "drop" if time == 1 else None)
    with serving(box) as server:
        counts = _send(operations, tmp_path, server, patience=timedelta(hours=1))
    assert counts["sent"] == 2
    assert len(box.accepted) == 2


def test_a_server_that_dies_or_hangs_after_the_message_leaves_it_unknown(
    operations: Operations, tmp_path: Path
) -> None:
    launched(operations, 4)
    box = Mailbox(data=lambda address, _: "drop" if address.startswith("c00002") else None)
    with serving(box) as server:
        assert _send(operations, tmp_path, server, patience=timedelta(days=1)) == {"sent": 3, "unknown": 1}
        assert _send(operations, tmp_path, server, patience=timedelta(days=1)) == {}
        box.delay = 3.0
        assert standing.decide(operations, "C-0001", "resend", ["c00002"]) == 1
        assert _send(operations, tmp_path, server, timeout=0.3) == {"unknown": 1}
    assert standing.unknown(operations, "C-0001")[0][:2] == ("c00002", "c00002@example.org")
    assert standing.decide(operations, "C-0001", "give up", []) == 1
    assert _states(operations) == {"sent": 3, "failed": 1}


def test_a_server_that_is_not_there_leaves_everything_queued(operations: Operations, tmp_path: Path) -> None:
    launched(operations, 5)
    with pytest.raises(UnreachableError, match="cannot be reached"):
        _send(operations, tmp_path, server_of("smtp://127.0.0.1:9"))
    assert _states(operations) == {"queued": 5}
    assert {row.attempts for row in rows(operations).values()} == {0}
    assert {row.worker for row in rows(operations).values()} == {None}


def test_consent_withdrawn_after_approval_and_suppressed_addresses_get_nothing(
    operations: Operations, tmp_path: Path
) -> None:
    launched(operations, 4)
    with operations.session() as session:
        session.add(Consent(customer_id="c00000", channel="email", granted=False, source="phone", at=NOON))
        session.add(Consent(customer_id="c00001", channel="email", granted=True, source="form", at=NOON))
        gate.suppress(session, "C00002@Example.org", "email", "a complaint", now=NOON)
    box = Mailbox()
    with serving(box) as server:
        _send(operations, tmp_path, server, terms=replace(TERMS, unwilling={"c00001", "c00003"}))
    assert box.addresses == ["c00001@example.org"]
    told = {row.customer_id: row.error for row in rows(operations).values() if row.status == "suppressed"}
    assert told == {
        "c00000": "consent was withdrawn",
        "c00002": "a complaint",
        "c00003": "no consent in the shop's newest data",
    }


def test_consent_withdrawn_between_lease_and_sending_counts(operations: Operations) -> None:
    launched(operations, 2)
    leased = outbox.lease(operations, "C-0001", "w", limit=9, now=NOON, terms=TERMS)
    assert len(leased.messages) == 2
    with operations.session() as session:
        session.add(Consent(customer_id="c00000", channel="email", granted=False, source="link", at=NOON))
    going = outbox.begin(operations, leased.messages, "w", now=NOON, terms=TERMS)
    assert [m.key[1] for m in going] == ["c00001"]


def test_two_workers_never_hold_the_same_row(operations: Operations) -> None:
    launched(operations, 10)
    one = outbox.lease(operations, "C-0001", "one", limit=6, now=NOON, terms=TERMS)
    two = outbox.lease(operations, "C-0001", "two", limit=9, now=NOON, terms=TERMS)
    assert len({m.key for m in one.messages} | {m.key for m in two.messages}) == 10
    assert len(two.messages) == 4
    assert outbox.begin(operations, one.messages, "two", now=NOON, terms=TERMS) == []
    outbox.begin(operations, one.messages[:1], "one", now=NOON, terms=TERMS)
    outbox.finish(operations, [Outcome(one.messages[0].key, "sent")], "two", now=NOON, terms=TERMS)
    assert _states(operations)["sending"] == 1


def test_night_waits_for_the_morning_of_the_recipient(operations: Operations, tmp_path: Path) -> None:
    launched(operations, 2)
    with operations.session() as session:
        session.get_one(OutboxMessage, ("C-0001", "c00001", "email", 1)).payload_json = json.dumps(
            payload(timezone="America/New_York")
        )
    clock = Clock(datetime(2026, 10, 2, 1))  # 02:00 in London, 21:00 the day before in New York
    box = Mailbox()
    with serving(box) as server:
        assert _send(operations, tmp_path, server, clock=clock) == {}
        assert {c: r.retry_at for c, r in rows(operations).items()} == {
            "c00000": datetime(2026, 10, 2, 7),
            "c00001": datetime(2026, 10, 2, 12),
        }
        assert _send(operations, tmp_path, server, clock=clock, patience=timedelta(days=1)) == {"sent": 2}
    assert clock.now == datetime(2026, 10, 2, 12)


def test_nothing_leaves_after_the_end_nor_waits_beyond_it(operations: Operations, tmp_path: Path) -> None:
    launched(operations, 2)
    with serving(Mailbox()) as server:
        _send(operations, tmp_path, server, clock=Clock(datetime(2026, 10, 15)))
    assert {row.error for row in rows(operations).values()} == {"the campaign had ended"}
    with operations.session() as session:
        for row in session.query(OutboxMessage):
            row.status = "queued"
    late = replace(TERMS, ends=datetime(2026, 10, 15, 4))
    with serving(Mailbox()) as server:
        _send(operations, tmp_path, server, clock=Clock(datetime(2026, 10, 15, 2)), terms=late)
    assert {row.error for row in rows(operations).values()} == {"its quiet hours last until the campaign's end"}


def test_a_customer_gets_no_more_than_the_cap(operations: Operations, tmp_path: Path) -> None:
    launched(operations, 1)
    with operations.session() as session:
        for number, day in enumerate((28, 29)):
            session.add(
                OutboxMessage(
                    campaign_id=f"C-000{number + 5}", customer_id="c00000", channel="email", step=1, status="sent",
                    address="x@example.org", payload_json="{}", attempts=1, sent_at=datetime(2026, 9, day, 12),
                )
            )  # fmt: skip
    with serving(Mailbox()) as server:
        assert _send(operations, tmp_path, server) == {}
        with operations.session() as session:
            row = session.get_one(OutboxMessage, ("C-0001", "c00000", "email", 1))
            assert row.retry_at == datetime(2026, 10, 5, 12)
        assert _send(operations, tmp_path, server, clock=Clock(datetime(2026, 10, 5, 12))) == {"sent": 1}


def test_a_domain_gets_its_pace_and_others_do_not_wait_for_it(operations: Operations, tmp_path: Path) -> None:
    launched(operations, 12)
    with operations.session() as session:
        session.get_one(OutboxMessage, ("C-0001", "c00011", "email", 1)).address = "c00011@other.example"
    clock, box = Clock(), Mailbox()
    slow = replace(TERMS, per_minute=30)  # a burst of 5, then one in 2 seconds
    with serving(box) as server:
        assert _send(operations, tmp_path, server, clock=clock, terms=slow) == {"sent": 6}
        assert "c00011@other.example" in box.addresses
        counts = _send(operations, tmp_path, server, clock=clock, terms=slow, patience=timedelta(hours=1))
    assert counts == {"sent": 6}
    assert timedelta(seconds=11) <= clock.now - NOON <= timedelta(seconds=20)


def test_pause_holds_even_what_is_leased_and_cancel_ends_it(operations: Operations, tmp_path: Path) -> None:
    launched(operations, 3)
    leased = outbox.lease(operations, "C-0001", "w", limit=9, now=NOON, terms=TERMS)
    standing.pause(operations, "c-0001", now=NOON)
    assert outbox.begin(operations, leased.messages, "w", now=NOON, terms=TERMS) == []
    with serving(Mailbox()) as server:
        assert _send(operations, tmp_path, server) == {}
        standing.resume(operations, "C-0001")
        with operations.session() as session:
            session.get_one(OutboxMessage, ("C-0001", "c00001", "email", 1)).status = "sent"
        assert standing.cancel(operations, "C-0001") == ("C-0001", 2)
        with pytest.raises(CampaignError, match="was cancelled"):
            _send(operations, tmp_path, server)
    assert _states(operations) == {"cancelled": 2, "sent": 1}


def test_what_a_dead_worker_left_is_given_back_or_unknown(operations: Operations, tmp_path: Path) -> None:
    launched(operations, 4)
    presence = Presence(tmp_path / sending.LOCKS)
    with presence.join() as alive, presence.join() as dying:
        leased = outbox.lease(operations, "C-0001", dying, limit=2, now=NOON, terms=TERMS)
        outbox.begin(operations, leased.messages[:1], dying, now=NOON, terms=TERMS)
        other = outbox.lease(operations, "C-0001", alive, limit=1, now=NOON, terms=TERMS)
        outbox.begin(operations, other.messages, alive, now=NOON, terms=TERMS)
        assert outbox.recover(operations, presence.alive, now=NOON) == 0
        assert presence.alive(dying)
        assert outbox.recover(operations, lambda w: w == alive, now=NOON) == 1
    assert {c: (r.status, r.worker == alive) for c, r in rows(operations).items()} == {
        "c00000": ("unknown", False),
        "c00001": ("queued", False),
        "c00002": ("sending", True),
        "c00003": ("queued", False),
    }
    assert outbox.recover(operations, lambda _: True, now=NOON + timedelta(hours=1)) == 1  # a lease ends by itself


def test_a_worker_killed_while_sending_loses_and_doubles_nothing(operations: Operations, tmp_path: Path) -> None:
    (tmp_path / "mail.yaml").write_text(yaml.safe_dump(SETTINGS.model_dump(exclude_none=True)), encoding="utf-8")
    launched(operations, 60, end="2199-01-01")
    with operations.session() as session:
        for row in session.query(OutboxMessage):
            row.payload_json = json.dumps(payload(timezone=_noon_now()))
    box = Mailbox(delay=0.01)
    with serving(box) as server:
        job = sending.Job(tmp_path, "C-0001", server, SETTINGS, sending.terms_of("2199-01-01", SETTINGS), in_flight=4)
        for moment in (1, 20):
            worker = multiprocessing.get_context("spawn").Process(target=sending.run_one, args=(job,))
            worker.start()
            while len(box.accepted) < moment and worker.is_alive():
                time.sleep(0.002)
            os.kill(worker.pid or 0, signal.SIGKILL)
            worker.join()
            worker.close()
            assert 0 <= sending.clear_up(tmp_path, operations) <= 4
        sending.run_one(job)
    states = _states(operations)
    assert states["sent"] + states["unknown"] == 60
    assert states["unknown"] <= 8
    assert len(set(box.addresses)) == len(box.addresses)
    assert {c for c, r in rows(operations).items() if r.status == "sent"} <= {
        a.partition("@")[0] for a in box.addresses
    }


def _noon_now() -> str:
    hour = datetime.now(UTC).hour
    return f"Etc/GMT{hour - 12:+d}" if hour != 12 else "UTC"


def test_an_address_that_would_break_the_headers_fails_alone(operations: Operations, tmp_path: Path) -> None:
    launched(operations, 3)
    with operations.session() as session:
        row = session.get_one(OutboxMessage, ("C-0001", "c00001", "email", 1))
        row.address = "a@example.org\r\nBcc: all@example.org"
    box = Mailbox()
    with serving(box) as server:
        assert _send(operations, tmp_path, server) == {"sent": 2, "failed": 1}
    assert len(box.accepted) == 2


def test_locked_records_stop_the_sending_with_a_clear_sentence(
    operations: Operations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    launched(operations, 1)

    turn = outbox.turn

    def full(operations: Operations, ended: list[Outcome], *rest: Any, **more: Any) -> list[outbox.Message]:
        if ended:
            raise StoreError("the disk is full")
        return turn(operations, ended, *rest, **more)

    with serving(Mailbox()) as server:
        monkeypatch.setattr(outbox, "turn", full)
        with pytest.raises(StoreError, match="1 messages ended could not be written: they will show as unknown"):
            _send(operations, tmp_path, server)
        monkeypatch.undo()
        sending.clear_up(tmp_path, operations)
        assert _states(operations) == {"unknown": 1}


def test_a_smtp_url_says_what_is_wrong_with_it() -> None:
    assert server_of("smtps://me%40x:p%2Fw@mail.example").password == "p/w"
    assert server_of("smtp://u:p@mail.example").start_tls is True
    assert server_of("smtp://localhost:2525").start_tls is None
    for bad in ("http://x", "smtp://", "smtp://x:port", "smtp://x?starttls=maybe"):
        with pytest.raises(SettingError, match="SHOPKEEPER_SMTP_URL"):
            server_of(bad)
