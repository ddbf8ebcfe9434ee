"""Conversations of the console: what was asked and answered, kept as it was shown, so that it can be shown again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

import pandas as pd
from pydantic import BaseModel
from sqlalchemy import delete, func, select

from channels.api.cards import Card, cards
from channels.commands_plan import drafted
from data.operations import Thread, Turn

if TYPE_CHECKING:
    from agent.guard import Step
    from agent.orchestrator import Answer
    from data.operations import Operations
    from data.store import Snapshot
    from tools.base import Call

Task = Literal["ask", "plan"]
_PREFIX = "console-"
_LONGEST_TITLE = 80
_MOST_ROWS, _MOST_COLUMNS = 12, 9


class Figure(BaseModel):
    """One figure or name of an answer: where it stands in the text, and what is behind it."""

    start: int
    end: int
    display: str
    key: str
    unit: str
    value: Any
    source: str
    tool: str
    arguments: dict[str, Any]
    row: int | None


class Sheet(BaseModel):
    """The first rows of a result's table."""

    columns: list[str]
    rows: list[list[str]]
    more: int


class Stage(BaseModel):
    """One tool call."""

    tool: str
    arguments: dict[str, Any]
    seconds: float
    failed: bool
    summary: str
    sheet: Sheet | None = None
    chart: dict[str, Any] | None = None


class Shown(BaseModel):
    """One question and its answer; `trouble` says in plain words why there is none."""

    said: str
    task: Task = "ask"
    text: str = ""
    figures: list[Figure] = []
    stages: list[Stage] = []
    notes: list[str] = []
    cards: list[Card] = []
    campaign: str | None = None
    trouble: str | None = None
    stopped: bool = False
    seconds: float = 0.0
    trace: str | None = None


class Talk(BaseModel):
    """A conversation as the list shows it."""

    thread_id: str
    title: str
    created_at: datetime


class Talks:
    """The conversations of each person; nobody sees another's."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    def begin(self, person: str, title: str) -> Talk:
        """A new conversation, named after its first words."""
        talk = Talk(thread_id=_PREFIX + uuid4().hex, title=_title(title), created_at=_now())
        with self._operations.session() as session:
            session.add(
                Thread(
                    thread_id=talk.thread_id,
                    role="marketer",
                    title=talk.title,
                    created_at=talk.created_at,
                    person=person,
                )
            )
        return talk

    def of(self, person: str, search: str = "") -> list[Talk]:
        """A person's conversations, the latest first; with `search`, those with these words in name or questions."""
        query = select(Thread).where(Thread.person == person, Thread.thread_id.startswith(_PREFIX))
        if search.strip():
            wanted = search.strip()
            within = select(Turn.thread_id).where(Turn.content_json.icontains(wanted, autoescape=True))
            query = query.where(Thread.title.icontains(wanted, autoescape=True) | Thread.thread_id.in_(within))
        with self._operations.session() as session:
            rows = session.scalars(query.order_by(Thread.created_at.desc()).limit(200)).all()
            return [_talk(row) for row in rows]

    def find(self, person: str, thread_id: str) -> Talk | None:
        """One conversation of this person."""
        with self._operations.session() as session:
            row = session.get(Thread, thread_id)
            return None if row is None or row.person != person else _talk(row)

    def rename(self, person: str, thread_id: str, title: str) -> None:
        """Another name; nothing happens for an empty one, or in another's conversation."""
        with self._operations.session() as session:
            row = session.get(Thread, thread_id)
            if row is not None and row.person == person and title.strip():
                row.title = _title(title)

    def delete(self, person: str, thread_id: str) -> None:
        """Takes a conversation and its answers away."""
        with self._operations.session() as session:
            row = session.get(Thread, thread_id)
            if row is None or row.person != person:
                return
            session.execute(delete(Turn).where(Turn.thread_id == thread_id))
            session.delete(row)

    def turns(self, thread_id: str) -> list[Shown]:
        """What was asked and answered, in order."""
        with self._operations.session() as session:
            rows = session.scalars(select(Turn).where(Turn.thread_id == thread_id).order_by(Turn.number)).all()
            return [Shown.model_validate_json(row.content_json) for row in rows]

    def keep(self, thread_id: str, shown: Shown) -> None:
        """Adds a turn to its conversation, unless that was deleted meanwhile."""
        with self._operations.session() as session:
            if session.get(Thread, thread_id) is None:
                return
            last = session.scalar(select(func.max(Turn.number)).where(Turn.thread_id == thread_id)) or 0
            session.add(Turn(thread_id=thread_id, number=last + 1, at=_now(), content_json=shown.model_dump_json()))


def told(said: str, task: Task, answer: Answer, steps: Sequence[Step], snapshot: Snapshot) -> Shown:
    """An answer as the console shows and keeps it."""
    by_letter = {call.letter: call for call in answer.calls}
    seconds = [step.seconds for step in steps]
    stages = [
        _stage(call, seconds[n] if n < len(seconds) else 0.0, steps[n].summary if n < len(steps) else "")
        for n, call in enumerate(answer.calls)
    ]
    figures = []
    for cited in answer.citations:
        level = cited.reference.split(".")[0]
        call = by_letter.get(level.rstrip("0123456789"))
        number = level.lstrip("abcdefghijklmnopqrstuvwxyz")
        fact = cited.fact
        figures.append(
            Figure(
                start=cited.start,
                end=cited.end,
                display=fact.display,
                key=fact.key,
                unit=fact.unit,
                value=_plain(fact.value),
                source=fact.source,
                tool="" if call is None else call.tool,
                arguments={} if call is None else dict(call.arguments),
                row=int(number) if number else None,
            )
        )
    return Shown(
        said=said,
        task=task,
        text=answer.text,
        figures=figures,
        stages=stages,
        notes=list(dict.fromkeys(c.result.text for c in answer.calls if c.result.text)),
        cards=cards(answer.calls, snapshot),
        campaign=drafted(answer),
        seconds=round(answer.seconds, 2),
        trace=None if answer.trace is None else answer.trace.stem,
    )


def _stage(call: Call, seconds: float, summary: str) -> Stage:
    result = call.result
    return Stage(
        tool=call.tool,
        arguments=json.loads(json.dumps(dict(call.arguments), default=str)),
        seconds=round(seconds, 2),
        failed=result.failed,
        summary=summary if result.failed else "",
        sheet=None if result.table is None or result.table.empty else _sheet(result.table),
        chart=None if result.chart is None else json.loads(json.dumps(dict(result.chart), default=_plain)),
    )


def _sheet(table: pd.DataFrame) -> Sheet:
    columns = [str(name) for name in table.columns][:_MOST_COLUMNS]
    rows = [[_cell(value) for value in row] for row in table[columns].head(_MOST_ROWS).itertuples(index=False)]
    return Sheet(columns=columns, rows=rows, more=max(0, len(table) - _MOST_ROWS))


def _cell(value: Any) -> str:
    """A value of a table in few characters."""
    if isinstance(value, list | tuple | set):
        return ", ".join(_cell(one) for one in value)
    if value is None or (not isinstance(value, str) and pd.isna(value)):
        return ""
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}"
    value = _plain(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if value == round(value) or abs(value) >= 1000 else f"{value:,.3g}"
    text = str(value)
    return text if len(text) <= 90 else text[:89] + "…"


def _plain(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)


def _title(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= _LONGEST_TITLE else words[: _LONGEST_TITLE - 1].rstrip() + "…"


def _talk(row: Thread) -> Talk:
    return Talk(thread_id=row.thread_id, title=row.title, created_at=row.created_at)


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
