"""Operational records: units of work, joined sessions, rehearsals that leave nothing."""

from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from data.errors import StoreError
from data.operations import Approval, Assignment, Campaign, Consent, LiveEvent, Operations, OutboxMessage, Thread

NOON = datetime(2011, 10, 1, 12)


def campaign(campaign_id: str = "C-0001") -> Campaign:
    return Campaign(campaign_id=campaign_id, name="Autumn", plan_json="{}", plan_hash="abc", created_at=NOON)


def campaigns(operations: Operations) -> list[str]:
    with operations.session() as session:
        return list(session.scalars(select(Campaign.campaign_id).order_by(Campaign.campaign_id)))


@pytest.fixture
def operations(tmp_path: Path) -> Operations:
    return Operations(tmp_path / "deep" / "shop.db")


def test_records_outlive_the_process_that_wrote_them(operations: Operations, tmp_path: Path) -> None:
    with operations.session() as session:
        session.add(campaign())
        session.add(Approval(campaign_id="C-0001", plan_hash="abc", person="Ada", at=NOON))
        session.add(OutboxMessage(campaign_id="C-0001", customer_id="1", channel="email"))
        session.add(Consent(customer_id="1", channel="email", granted=False, source="unsubscribe link", at=NOON))
        session.add(Thread(thread_id="t", role="shopper", created_at=NOON))
        session.add(LiveEvent(event_id="e", at=NOON, kind="view"))
        session.add(Assignment(campaign_id="C-0001", customer_id="1", arm="holdout", propensity=0.1, at=NOON))
    operations.close()
    again = Operations(tmp_path / "deep" / "shop.db")
    with again.session() as session:
        found = session.get_one(Campaign, "C-0001")
        assert (found.status, found.created_at) == ("draft", NOON)
        message = session.get_one(OutboxMessage, ("C-0001", "1", "email", 1))
        assert (message.status, message.attempts) == ("queued", 0)
        assert session.get_one(Approval, ("C-0001", "abc")).person == "Ada"
        assert session.get_one(Consent, ("1", "email")).granted is False


def test_a_block_that_raises_writes_nothing(operations: Operations) -> None:
    def fail() -> None:
        with operations.session() as session:
            session.add(campaign())
            session.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert campaigns(operations) == []


def test_the_same_message_cannot_be_queued_twice(operations: Operations) -> None:
    def queue() -> None:
        with operations.session() as session:
            session.add(OutboxMessage(campaign_id="C-0001", customer_id="1", channel="email", step=1))

    queue()
    with pytest.raises(IntegrityError):
        queue()


def test_a_session_inside_a_session_joins_it(operations: Operations) -> None:
    def draft_two(error: Exception | None = None) -> None:
        with operations.session() as outer:
            outer.add(campaign("C-0001"))
            outer.flush()
            with operations.session() as inner:
                assert inner.get(Campaign, "C-0001") is not None
                inner.add(campaign("C-0002"))
            if error:
                raise error

    with pytest.raises(RuntimeError):
        draft_two(RuntimeError())
    assert campaigns(operations) == []
    draft_two()
    assert campaigns(operations) == ["C-0001", "C-0002"]


def test_a_rehearsal_sees_its_writes_and_leaves_nothing(operations: Operations, tmp_path: Path) -> None:
    with operations.session() as session:
        session.add(campaign("C-0001"))
    with operations.rehearsal():
        with operations.session() as session:
            session.add(campaign("C-0002"))
            session.get_one(Campaign, "C-0001").status = "launched"
        with pytest.raises(IntegrityError), operations.session() as session:
            session.add(campaign("C-0002"))
        assert campaigns(operations) == ["C-0001", "C-0002"]
    assert campaigns(operations) == ["C-0001"]
    with Operations(tmp_path / "deep" / "shop.db").session() as session:
        assert session.get_one(Campaign, "C-0001").status == "draft"


def test_a_rehearsal_that_raises_leaves_nothing(operations: Operations) -> None:
    def fail() -> None:
        with operations.rehearsal():
            with operations.session() as session:
                session.add(campaign())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert campaigns(operations) == []


def test_a_rehearsal_inside_a_session_undoes_its_own_part_only(operations: Operations) -> None:
    with operations.session() as outer:
        outer.add(campaign("C-0001"))
        outer.flush()
        with operations.rehearsal(), operations.session() as inner:
            inner.add(campaign("C-0002"))
    assert campaigns(operations) == ["C-0001"]


def test_a_file_that_is_no_database_is_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    path.write_text("this is a letter, not a database " * 40)
    with pytest.raises(StoreError, match="cannot be opened"):
        Operations(path)
