"""Handing messages to an SMTP server over a few open connections, and what each answer means for the outbox."""

from __future__ import annotations

import asyncio
import re
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING

from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPDataError,
    SMTPException,
    SMTPRecipientRefused,
    SMTPResponseException,
    SMTPSenderRefused,
    SMTPServerDisconnected,
    SMTPStatus,
)

from channels.mail.outbox import Key, Outcome
from data.errors import SettingError

if TYPE_CHECKING:
    from channels.mail.settings import Server

TIMEOUT = 60.0
"""Seconds that the server has for each answer."""

_GONE = {550, 551, 553}
_POLICY = re.compile(r"^\s*5\.(7|2\.2)")
"""Enhanced codes that are no fault of the address: a policy, a full mailbox."""


class UnreachableError(SettingError):
    """The server cannot be spoken to at all, so no message is at fault."""


class Courier:
    """Up to `connections` open connections to one server; each carries one message at a time."""

    def __init__(self, server: Server, *, connections: int = 16, timeout: float = TIMEOUT) -> None:
        self._server = server
        self._timeout = timeout
        self._free: list[SMTP] = []
        self._slots = asyncio.Semaphore(connections)

    async def deliver(self, key: Key, sender: str, recipient: str, message: bytes) -> Outcome:
        """Hands one message over. Raises `UnreachableError` when the server takes no message from us at all."""
        async with self._slots:
            outcome = None
            idle = self._idle()
            if idle is not None:  # the server may have closed it meanwhile, which says nothing about the message
                outcome = await self._converse(idle, key, sender, recipient, message)
            if outcome is None:
                outcome = await self._converse(await self._connect(), key, sender, recipient, message)
            return outcome or Outcome(key, "retry", "the connection was lost before the message was handed over")

    async def close(self) -> None:
        """Says goodbye on all connections."""
        for client in self._free:
            with suppress(SMTPException, OSError):
                await client.quit(timeout=2)
        self._free.clear()

    def _idle(self) -> SMTP | None:
        while self._free:
            client = self._free.pop()
            if client.is_connected:
                return client
        return None

    async def _connect(self) -> SMTP:
        server = self._server
        client = SMTP(
            hostname=server.host,
            port=server.port,
            use_tls=server.tls,
            start_tls=server.start_tls,
            username=server.user,
            password=server.password,
            timeout=self._timeout,
        )
        where = f"the SMTP server {server.host}:{server.port}"
        try:
            await client.connect()
        except SMTPAuthenticationError as error:
            client.close()
            raise UnreachableError(f"{where} refuses the user or password ({error.code})") from error
        except (SMTPException, OSError, ssl.SSLError, ValueError) as error:
            client.close()
            raise UnreachableError(f"{where} cannot be reached: {one_line(error)}") from error
        return client

    async def _converse(self, client: SMTP, key: Key, sender: str, recipient: str, message: bytes) -> Outcome | None:
        """The outcome; None when the connection broke before the message was handed over."""
        options = [] if recipient.isascii() else ["SMTPUTF8"]
        handed_over = False
        try:
            await client.mail(sender, options=options, encoding="utf-8")
            await client.rcpt(recipient, encoding="utf-8")
            handed_over = True
            await self._data(client, message)
        except SMTPSenderRefused as error:
            await self._close(client)
            if _temporary(error.code):
                return Outcome(key, "retry", _said(error))
            raise UnreachableError(f"the SMTP server refuses the sender {sender}: {_said(error)}") from error
        except SMTPRecipientRefused as error:
            await self._reset(client)
            if _temporary(error.code):
                return Outcome(key, "retry", _said(error))
            gone = error.code in _GONE and not _POLICY.match(error.message)
            return Outcome(key, "refused" if gone else "failed", _said(error))
        except SMTPDataError as error:
            await self._close(client)
            return Outcome(key, "retry" if _temporary(error.code) else "failed", _said(error))
        except (SMTPException, OSError, TimeoutError) as error:
            client.close()
            if handed_over:
                return Outcome(key, "unknown", f"the connection was lost after the message was sent: {one_line(error)}")
            return None
        self._free.append(client)
        return Outcome(key, "sent")

    async def _data(self, client: SMTP, message: bytes) -> None:
        """DATA, without the library's two searches for line ends in a message that `channels.mail.message` wrote."""
        answer = await client.execute_command(b"DATA")
        if answer.code == SMTPStatus.start_input:
            if client.protocol is None:
                raise SMTPServerDisconnected("Connection lost")
            client.protocol.write(message.replace(b"\r\n.", b"\r\n..") + b".\r\n")
            answer = await client.protocol.read_response(timeout=self._timeout)
        if answer.code != SMTPStatus.completed:
            raise SMTPDataError(answer.code, answer.message)

    async def _reset(self, client: SMTP) -> None:
        """Makes the connection ready for another message."""
        try:
            await client.rset()
        except (SMTPException, OSError):
            client.close()
        else:
            self._free.append(client)

    async def _close(self, client: SMTP) -> None:
        with suppress(SMTPException, OSError):
            await client.quit(timeout=2)
        client.close()


def one_line(error: BaseException) -> str:
    """What an error says, on one line."""
    return " ".join(str(error).split())[:200] or type(error).__name__


def _temporary(code: int) -> bool:
    return 400 <= code < 500


def _said(error: SMTPResponseException) -> str:
    return f"{error.code} {' '.join(str(error.message).split())}"[:300]
