"""A rendered letter as the bytes that go over the wire: headers, two parts, and the DKIM signature."""

from __future__ import annotations

import binascii
import hashlib
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from channels.mail.settings import is_address

if TYPE_CHECKING:
    from channels.mail.dkim_key import Signer
    from channels.mail.outbox import Key
    from channels.mail.render import Rendered
    from channels.mail.settings import Settings

SIGNED = (
    "from",
    "to",
    "subject",
    "date",
    "message-id",
    "mime-version",
    "content-type",
    "list-unsubscribe",
    "list-unsubscribe-post",
    "feedback-id",
)


class AddressError(ValueError):
    """What stands in the outbox is no e-mail address."""


def build(
    key: Key,
    address: str,
    letter: Rendered,
    *,
    unsubscribe_url: str,
    settings: Settings,
    signer: Signer | None,
    now: datetime,
) -> bytes:
    """The whole message. Raises `AddressError` where `address` is none.

    Message-ID follows from the row's key, so that a receiver who gets a message twice can tell.
    """
    if not is_address(address):
        raise AddressError(f"{address[:80]!r} is no e-mail address")
    token = unsubscribe_url.rpartition("/")[2]
    name = message_id(key, settings.domain)
    lines = [
        _header("From", _sender(settings.name, settings.address)),
        _header("To", _ascii_domain(address)),
        _header("Subject", letter.subject),
        f"Date: {format_datetime(now.replace(tzinfo=UTC))}".encode(),
        f"Message-ID: {name}".encode(),
        f"Feedback-ID: {key[0]}:{key[3]}:{key[2]}:{settings.domain}".encode(),
    ]
    mailbox = settings.unsubscribe_mailbox or settings.address
    # Written here, since the library would fold these two as if they were words, and break the addresses.
    lines.append(
        f"List-Unsubscribe: <{unsubscribe_url}>,\r\n <mailto:{mailbox}?subject=unsubscribe%20{token}>".encode()
    )
    lines.append(b"List-Unsubscribe-Post: List-Unsubscribe=One-Click")
    boundary = hashlib.sha256(f"{name}\0boundary".encode()).hexdigest()[:32]
    lines.append(b"MIME-Version: 1.0")
    lines.append(f'Content-Type: multipart/alternative; boundary="{boundary}"'.encode())
    parts = [_part("plain", letter.text, boundary), _part("html", letter.html, boundary)]
    raw = b"\r\n".join(lines) + b"\r\n\r\n" + b"".join(parts) + f"--{boundary}--\r\n".encode()
    return raw if signer is None else signer.sign(raw, SIGNED) + raw


def message_id(key: Key, domain: str) -> str:
    """The Message-ID of a row, always the same."""
    digest = hashlib.sha256("\0".join(map(str, key)).encode()).hexdigest()[:32]
    return f"<{digest}@{domain}>"


def _header(name: str, value: str) -> bytes:
    """One header; what is short and plain needs no encoding, and the library is slow at finding that out."""
    if value.isascii() and len(value) <= 64 and value.isprintable():
        return f"{name}: {value}".encode()
    coded = EmailMessage(policy=SMTP)
    coded[name] = value
    return coded.as_bytes(policy=SMTP).rstrip(b"\r\n")


@cache
def _sender(name: str, address: str) -> str:
    return str(Address(name, addr_spec=address))


def _part(kind: str, text: str, boundary: str) -> bytes:
    head = (
        f"--{boundary}\r\n"
        f'Content-Type: text/{kind}; charset="utf-8"\r\n'
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    )
    return head.encode() + b"\r\n".join(map(_quoted, text.split("\n"))) + b"\r\n"


@lru_cache(maxsize=2048)
def _quoted(line: str) -> bytes:
    """One line as quoted-printable; most lines of a letter are those of the letter before."""
    return binascii.b2a_qp(line.encode(), istext=True).replace(b"\n", b"\r\n")


def _ascii_domain(address: str) -> str:
    local, _, domain = address.rpartition("@")
    try:
        return f"{local}@{domain if domain.isascii() else domain.encode('idna').decode()}"
    except UnicodeError:
        raise AddressError(f"{address[:80]!r} has no domain that exists") from None
