"""What leaves as files: text messages and ads for their platforms."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from sqlalchemy import select

from campaign.hours import CAP, CAP_DAYS
from channels.mail import gate
from channels.mail.letter import clean, tagged
from channels.mail.terms import Terms
from data.operations import Campaign, OutboxMessage

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from campaign.plan import Plan
    from channels.mail.settings import Settings
    from data.operations import Operations

FOLDER = "exports"
_ENDING = ".part"
_AT_ONCE = 5000
"""Text messages that are looked at in one question."""


def write_files(
    operations: Operations, root: Path, plan: Plan, settings: Settings | None, *, now: datetime
) -> list[tuple[Path, int]]:
    """Writes a file of text messages that are due and one for each ad channel: (path, rows), only what is new.

    Each text message is in exactly one file: it is marked as sent in the commit before its file gets its name, and a
    file that a dying process left without one gets it on the next run.
    """
    folder = root / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob(f"{plan.campaign_id}-*{_ENDING}"):
        _publish_or_drop(operations, plan, left)
    found = _texts(operations, folder, plan, now=now)
    for channel in plan.channels:
        if channel.spend > 0 and channel.channel not in {"email", "sms"}:
            path = folder / f"{plan.campaign_id}-{channel.channel}.csv"
            rows = _ads(plan, channel.channel, channel.spend, settings)
            text = _csv(("campaign", "channel", "budget", "currency", "start", "end", "text", "landing_page"), rows)
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                draft = path.with_suffix(".draft")
                draft.write_text(text, encoding="utf-8")
                os.replace(draft, path)
                found.append((path, len(rows)))
    return found


def _texts(operations: Operations, folder: Path, plan: Plan, *, now: datetime) -> list[tuple[Path, int]]:
    ends = datetime.fromisoformat(plan.end)
    # The platform sends at `send_at`, so the night is its own to keep; it only gets what has not come to an end.
    terms = Terms(ends=ends, quiet_hours=False, cap=CAP, cap_days=CAP_DAYS)
    number = 1 + len(list(folder.glob(f"{plan.campaign_id}-sms-*")))
    path = folder / f"{plan.campaign_id}-sms-{number}.csv"
    draft = path.with_suffix(f".csv{_ENDING}")
    rows: list[tuple[str, ...]] = []
    with operations.session() as session:
        campaign = session.get_one(Campaign, plan.campaign_id)
        if campaign.paused_at is not None or campaign.status == "cancelled":
            return []
        queued = list(
            session.scalars(
                select(OutboxMessage)
                .where(
                    OutboxMessage.campaign_id == plan.campaign_id,
                    OutboxMessage.channel == "sms",
                    OutboxMessage.status == "queued",
                )
                .order_by(OutboxMessage.customer_id, OutboxMessage.step)
            )
        )
        for row, verdict in _judged(session, queued, now=now, terms=terms):
            text = clean(json.loads(row.payload_json).get("text") or "")
            if verdict.end == "stop" or not text:
                row.status, row.error = "suppressed", verdict.why or "there is no text for it"
            elif verdict.end == "wait":
                row.retry_at = verdict.until
            else:
                at = max(row.send_after or now, now)
                rows.append((row.address or "", text, f"{at:%Y-%m-%d %H:%M}", row.customer_id, row.campaign_id))
                row.status, row.sent_at, row.error = "sent", now, f"handed over in {path.name}"
        if rows:
            draft.write_text(_csv(("phone", "text", "send_at_utc", "customer_id", "campaign"), rows), encoding="utf-8")
            with open(draft, "rb") as file:
                os.fsync(file.fileno())
    if not rows:
        return []
    os.replace(draft, path)
    return [(path, len(rows))]


def _judged(
    session: Session, queued: Sequence[OutboxMessage], *, now: datetime, terms: Terms
) -> Iterator[tuple[OutboxMessage, gate.Verdict]]:
    """Each row with whether it may go. Some at a time: a database takes only so many names in one question."""
    for start in range(0, len(queued), _AT_ONCE):
        rows = queued[start : start + _AT_ONCE]
        session.flush()  # what went before counts for the cap
        wishes = [gate.Wish.of(row) for row in rows]
        yield from zip(rows, gate.verdicts(session, wishes, "sms", now=now, terms=terms), strict=True)


def _publish_or_drop(operations: Operations, plan: Plan, draft: Path) -> None:
    """A file of a process that died: named if its messages are marked as sent in it, else taken away."""
    path = draft.with_suffix("")
    with operations.session() as session:
        marked = session.scalar(
            select(OutboxMessage.customer_id)
            .where(
                OutboxMessage.campaign_id == plan.campaign_id,
                OutboxMessage.channel == "sms",
                OutboxMessage.error == f"handed over in {path.name}",
            )
            .limit(1)
        )
    if marked is None:
        draft.unlink()
    else:
        os.replace(draft, path)


def _ads(plan: Plan, channel: str, spend: float, settings: Settings | None) -> list[tuple[str, ...]]:
    tags = urlencode({"utm_source": channel, "utm_medium": "paid", "utm_campaign": plan.campaign_id})
    texts = [(c.text, c.product_id) for c in plan.copies if c.channel == channel]
    head = (plan.campaign_id, channel, f"{spend:.2f}", plan.currency, plan.start, plan.end)
    return [
        (*head, clean(text), "" if settings is None else tagged(settings.product_page(product), tags))
        for text, product in texts or [("", p.product_id) for p in plan.products[:1]]
    ]


def _csv(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """CSV text; a cell that a spreadsheet would take for a formula is made plain text."""
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_plain(cell) for cell in row] for row in rows)
    return lines.getvalue()


def _plain(cell: str) -> str:
    phone = cell.startswith("+") and cell[1:].replace(" ", "").isdigit()
    return f"'{cell}" if cell[:1] in {"=", "+", "-", "@", "\t"} and not phone else cell
