"""Which workers are alive: each holds a lock on a file of its own, which the system lets go when the process dies."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4


class Presence:
    """The workers of one store; `folder` holds a lock file for each that runs on this machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def join(self) -> Iterator[str]:
        """A worker's id, alive until the block ends or the process dies, however it dies."""
        self._folder.mkdir(parents=True, exist_ok=True)
        worker = f"{_host()}-{os.getpid()}-{uuid4().hex[:8]}"
        path = self._folder / f"{worker}.lock"
        with open(path, "w", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            try:
                yield worker
            finally:
                path.unlink(missing_ok=True)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """One worker of this machine at a time. SQLite lets only one write as well, but who waits for its lock there
        sleeps for ever longer spells, up to a tenth of a second; here the system wakes the next one at once.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        with open(self._folder / "turn", "w", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # let go with the file, however the process ends
            yield

    def alive(self, worker: str) -> bool:
        """Whether a worker still runs; one of another machine is taken to, since its lease ends by itself."""
        path = self._folder / f"{worker}.lock"
        try:
            with open(path, encoding="utf-8") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except FileNotFoundError:
            return not worker.startswith(f"{_host()}-")
        except BlockingIOError:
            return True
        path.unlink(missing_ok=True)  # left by a process that was killed
        return False


def _host() -> str:
    return socket.gethostname()
