"""What comes back: bounces (RFC 3464), complaints (RFC 5965), mails that say unsubscribe. Each suppresses."""

from __future__ import annotations

import csv
import email
import email.policy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import parseaddr
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sqlalchemy import func, select

from channels.mail import gate
from channels.mail.links import Links
from channels.mail.message import message_id
from channels.mail.unsubscribe import withdraw
from data.errors import DataError
from data.operations import OutboxMessage

if TYPE_CHECKING:
    from data.operations import Operations

Kind = Literal["bounce", "complaint", "unsubscribe"]
_TOKEN = re.compile(r"/u/([A-Za-z0-9_.-]+)>")
_ASKED = re.compile(r"^\s*unsubscribe\s+([A-Za-z0-9_.-]+)\s*$", re.IGNORECASE)


@dataclass(frozen=True)
class Report:
    """One thing that came back: about an address, or where that is hidden, a signed link or a Message-ID of ours."""

    kind: Kind
    address: str = ""
    token: str = ""
    message: str = ""
    why: str = ""


def read(path: Path) -> Iterator[Report]:
    """The reports in a file: a mail (.eml) as a server or a mailbox provider sends it, or a CSV of address and reason.

    A delay, a mail of another kind and a CSV row without an address give nothing. Raises `DataError` for a CSV
    without the two columns, or with another reason than bounce or complaint.
    """
    if path.suffix.lower() == ".csv":
        yield from _rows(path)
        return
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    asked = _ASKED.match(str(message["Subject"] or ""))
    if asked:
        yield Report("unsubscribe", token=asked.group(1))
    yield from _parts(message)


def apply(operations: Operations, links: Links, domain: str, report: Report, *, now: datetime) -> bool:
    """Acts on a report; False when it is about nobody we wrote to, so that a forged one can't suppress strangers."""
    known = links.read(report.token) if report.token else None
    with operations.session() as session:
        if report.kind == "unsubscribe":
            if known is not None:
                withdraw(operations, known[1], known[2], source="e-mail to unsubscribe", at=now)
            return known is not None
        row = session.get(OutboxMessage, (*known, 1)) if known is not None else None
        if row is None and report.address:
            row = session.scalar(
                select(OutboxMessage).where(func.lower(OutboxMessage.address) == gate.normal(report.address)).limit(1)
            )
        if row is None and report.message:
            row = next(
                (
                    r
                    for r in session.scalars(select(OutboxMessage).where(OutboxMessage.channel == "email"))
                    if message_id((r.campaign_id, r.customer_id, r.channel, r.step), domain) == report.message
                ),
                None,
            )
        if row is None or not row.address:
            return False
        gate.suppress(session, row.address, "email", f"{report.kind}: {report.why}".rstrip(": "), now=now)
        if report.kind == "complaint":
            withdraw(operations, row.customer_id, "email", source="complaint", at=now)
    return True


def _rows(path: Path) -> Iterator[Report]:
    with open(path, encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        if not {"address", "reason"} <= set(rows.fieldnames or ()):
            raise DataError(f"{path} needs the columns address and reason (bounce or complaint)")
        for number, row in enumerate(rows, start=2):
            reason = (row["reason"] or "").strip().lower()
            if reason not in {"bounce", "complaint"}:
                raise DataError(f"{path}, row {number}: the reason is {reason!r}; write bounce or complaint")
            if (row["address"] or "").strip():
                yield Report("bounce" if reason == "bounce" else "complaint", row["address"].strip(), why=path.name)


def _parts(message: EmailMessage) -> Iterator[Report]:
    """Reports of a multipart/report, with what it quotes of our message."""
    original = next((p for p in message.walk() if p.get_content_type() in _QUOTED), None)
    quoted = "" if original is None else original.as_string()
    tokens, ids = _TOKEN.findall(quoted), re.findall(r"(?im)^message-id:\s*(<[^>\s]+>)", quoted)
    token, ours = tokens[0] if tokens else "", ids[0] if ids else ""
    for part in message.walk():
        if part.get_content_type() == "message/delivery-status":
            for block in part.iter_parts() if part.is_multipart() else ():
                yield from _delivery(block, token, ours)
        elif part.get_content_type() == "message/feedback-report":
            fields = email.message_from_string(_text(part), policy=email.policy.default)
            address = parseaddr(str(fields["Original-Rcpt-To"] or fields["Removal-Recipient"] or ""))[1]
            yield Report("complaint", address, token, ours, str(fields["Feedback-Type"] or "abuse"))


def _delivery(block: object, token: str, ours: str) -> Iterator[Report]:
    assert isinstance(block, EmailMessage)
    status = str(block["Status"] or "").strip()
    if str(block["Action"] or "").strip().lower() == "failed" and status.startswith("5"):
        recipient = str(block["Final-Recipient"] or block["Original-Recipient"] or "").rpartition(";")[2].strip()
        yield Report("bounce", recipient, token, ours, status)


def _text(part: EmailMessage) -> str:
    inner = part.get_payload()
    if isinstance(inner, list):
        return "\n".join(str(one) for one in inner)
    return str(inner)


_QUOTED = {"message/rfc822", "text/rfc822-headers", "message/rfc822-headers"}
