"""A local SMTP server for the bench `outbox`: it logs each Message-ID before it says that it took the message.

Run as a script: `python -m eval.mail_sink PORT LOG`.
"""

import asyncio
import os
import re
import sys
import time
from typing import Any

_ID = re.compile(rb"^message-id:\s*<([^>]+)>", re.IGNORECASE | re.MULTILINE)


class Sink:
    """An aiosmtpd handler; a line of the log is `seconds message-id`."""

    def __init__(self, log: str) -> None:
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        """Keeps the message's id, then accepts it."""
        found = _ID.search(envelope.content[:4000])
        name = found.group(1) if found else b"none"
        os.write(self._log, f"{time.time():.6f} ".encode() + name + b"\n")
        return "250 OK"


async def serve(port: int, log: str) -> None:
    """Serves until the process is ended."""
    from aiosmtpd.smtp import SMTP

    sink = Sink(log)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(sink, hostname="sink", loop=loop), "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), sys.argv[2]))
