"""Requests by the clock: sent when they are due, whether or not earlier ones were answered (an open loop)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import httpx
import numpy as np

_PATIENCE = 30.0
"""Seconds after which a request is given up and counts as an error."""


@dataclass(frozen=True)
class Asked:
    """One request of a load: a name for its kind, its path and its query."""

    kind: str
    path: str
    params: Mapping[str, str | int]


@dataclass(frozen=True)
class Answered:
    """How one request went; `status` 0 where there was no answer at all.

    `seconds` count from when the request was due, so that a server that is late for one is late for those behind it.
    """

    kind: str
    status: int
    seconds: float


async def open_loop(
    client: httpx.AsyncClient, requests: Sequence[Asked], *, per_second: float, seed: int, said: Callable[[int], None]
) -> list[Answered]:
    """Sends all requests at random moments, `per_second` on average (a Poisson process), and waits for the last.

    `said` hears how many have been sent.
    """
    gaps, found, running = Random(seed), [], set[asyncio.Task[None]]()
    started = time.perf_counter()
    due = 0.0

    async def send(one: Asked, due: float) -> None:
        try:
            status = (await client.get(one.path, params=dict(one.params), timeout=_PATIENCE)).status_code
        except httpx.HTTPError:
            status = 0
        found.append(Answered(one.kind, status, time.perf_counter() - started - due))

    for number, one in enumerate(requests):
        due += gaps.expovariate(per_second)
        await asyncio.sleep(max(0.0, started + due - time.perf_counter()))
        task = asyncio.create_task(send(one, due))
        running.add(task)
        task.add_done_callback(running.discard)
        said(number)
    await asyncio.gather(*running)
    return found


def summary(answered: Sequence[Answered], kind: str) -> dict[str, float]:
    """Milliseconds of the requests of a kind at the usual quantiles.

    >>> summary([Answered("search", 200, 0.01), Answered("search", 200, 0.03)], "search")["search_p50_ms"]
    20.0
    """
    seconds = [one.seconds for one in answered if one.kind == kind]
    return {f"{kind}_p{q}_ms": round(1000 * float(np.percentile(seconds, q)), 3) for q in (50, 95, 99)}


@dataclass(frozen=True)
class Heard:
    """One streamed answer: seconds to its first words (None: it had none) and to its end, and whether it was whole."""

    first: float | None
    whole: float
    complete: bool


async def listen(client: httpx.AsyncClient, path: str, token: str, content: Any, words: Callable[[str], str]) -> Heard:
    """Asks for one streamed answer; `words` gives the words in the data of one event, "" for none."""
    started, first, complete = time.perf_counter(), None, False
    try:
        async with client.stream(
            "POST", path, json=content, headers={"authorization": f"Bearer {token}"}, timeout=4 * _PATIENCE
        ) as stream:
            async for line in _data(stream):
                if first is None and words(line):
                    first = time.perf_counter() - started
            complete = stream.status_code == httpx.codes.OK
    except httpx.HTTPError:
        pass
    return Heard(first, time.perf_counter() - started, complete and first is not None)


async def _data(stream: httpx.Response) -> AsyncIterator[str]:
    async for line in stream.aiter_lines():
        if line.startswith("data: "):
            yield line.removeprefix("data: ")
