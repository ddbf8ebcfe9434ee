"""Two or more ways of doing the same, each in a process of its own and taking turns, so that speeds compare.

Neither's threads, memory or caches touch the other's, and what else the machine does hits both alike.
"""

from __future__ import annotations

import multiprocessing
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from data.errors import SettingError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

_PATIENCE = 5.0
"""Seconds that a process has to end by itself."""

Do = Callable[[Any], Any]
"""Does one task and gives what came of it; task and result are picklable."""


@dataclass(frozen=True)
class Timed:
    """What came of one task, and the seconds it took in its own process."""

    result: Any
    seconds: float


class Worker:
    """A process that opens one way of doing something and then does tasks, one at a time.

    `open_way` is a function of a module, since the process imports it anew; it gets `arguments` and returns `Do`.
    """

    def __init__(self, open_way: Callable[..., Do], *arguments: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self._end, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(other, open_way, arguments), daemon=True)
        self._process.start()
        other.close()

    def ready(self) -> Timed:
        """Waits until the way is open: the seconds that took. Raises `SettingError` where it can't be opened."""
        return self._hear()

    def do(self, task: Any) -> Timed:
        """Does one task. Raises `SettingError` when the process fails at it."""
        self._end.send(("do", task))
        return self._hear()

    def peak_mb(self) -> float:
        """The most memory that the process has used so far, in MB."""
        self._end.send(("peak", None))
        return float(self._hear().result)

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._end.close()
        self._process.join(_PATIENCE)
        self._process.terminate()
        self._process.join()

    def _hear(self) -> Timed:
        try:
            failed, result, seconds = self._end.recv()
        except EOFError:
            raise SettingError("a process that was being measured ended early: it may have run out of memory") from None
        if failed:
            raise SettingError(str(result))
        return Timed(result, float(seconds))


def _serve(end: Connection, open_way: Callable[..., Do], arguments: tuple[Any, ...]) -> None:
    """The other process: opens, then answers until it is ended."""
    started = time.perf_counter()
    try:
        do = open_way(*arguments)
        end.send((False, None, time.perf_counter() - started))
        while True:
            what, task = end.recv()
            started = time.perf_counter()
            result = peak_mb() if what == "peak" else do(task)
            end.send((False, result, time.perf_counter() - started))
    except EOFError:
        return
    except Exception as error:  # whatever it is, the measuring process has to hear of it
        end.send((True, f"{type(error).__name__}: {error}", 0.0))


def peak_mb() -> float:
    """The most memory that this process has used, in MB.

    Linux counts it for each program; the older figure, of `resource`, is also that of the program that started it.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
