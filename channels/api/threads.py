"""Which thread a conversation belongs to, where the protocol sends all its messages and names none."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock

from channels.access import Key

_REMEMBERED = 10_000


class Threads:
    """Finds a conversation again by what was said in it and by whose key; the oldest are forgotten."""

    def __init__(self) -> None:
        self._threads: OrderedDict[str, str] = OrderedDict()
        self._lock = Lock()

    def of(self, key: Key, turns: Sequence[tuple[str, str]]) -> str | None:
        """The thread in which exactly these turns were said by this key's holder."""
        with self._lock:
            return self._threads.get(_digest(key, turns))

    def keep(self, key: Key, turns: Sequence[tuple[str, str]], thread: str) -> None:
        """Remembers that `thread` holds these turns."""
        with self._lock:
            self._threads[_digest(key, turns)] = thread
            while len(self._threads) > _REMEMBERED:
                self._threads.popitem(last=False)


def _digest(key: Key, turns: Sequence[tuple[str, str]]) -> str:
    said = [[role, " ".join(text.split())] for role, text in turns]
    return hashlib.sha256(json.dumps([key.key_id, said]).encode()).hexdigest()
