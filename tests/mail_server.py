"""A real SMTP server for tests of the mail channel, as well behaved or as bad as a test wants."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope

from channels.mail.settings import Server, server_of

Say = Callable[[str, int], str | None]
"""What to answer to the recipient's address for the nth time, or None for the usual."""


@dataclass
class Mailbox:
    """An aiosmtpd handler that keeps what it accepts; its hooks decide about RCPT and DATA."""

    rcpt: Say = lambda _address, _time: None
    data: Say = lambda _address, _time: None
    delay: float = 0.0
    accepted: list[tuple[str, bytes]] = field(default_factory=list)
    seen: dict[str, int] = field(default_factory=dict)

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Any, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.seen[address] = self.seen.get(address, 0) + 1
        answer = self.rcpt(address, self.seen[address])
        if answer == "drop":
            server.transport.abort()
            return "421 bye"
        if answer is not None:
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Envelope) -> str:  # noqa: N802
        address = envelope.rcpt_tos[0]
        answer = self.data(address, self.seen[address])
        if self.delay:
            await asyncio.sleep(self.delay)
        if answer == "drop":
            server.transport.abort()
            return "421 bye"
        if answer is not None:
            return answer
        content = envelope.original_content or b""
        self.accepted.append((address, content))
        return "250 OK"

    @property
    def addresses(self) -> list[str]:
        return [address for address, _ in self.accepted]


class _Controller(Controller):
    def factory(self) -> SMTP:
        return SMTP(self.handler, hostname="test", enable_SMTPUTF8=True)


@contextmanager
def serving(mailbox: Mailbox) -> Iterator[Server]:
    """The server's address while it runs."""
    with socket.socket() as free:  # aiosmtpd must know its port before it starts
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = _Controller(mailbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield server_of(f"smtp://127.0.0.1:{port}")
    finally:
        controller.stop()
