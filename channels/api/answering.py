"""An answer of the agent as a stream of steps and words, written in a thread and stopped when nobody listens."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, Literal

from fastapi import HTTPException

from agent.guard import StoppedError
from data.errors import ShopkeeperError

if TYPE_CHECKING:
    from agent.orchestrator import Agent
    from channels.api.state import State


@dataclass(frozen=True)
class Piece:
    """Part of an answer: a finished tool call, some words, the answer as a whole, or why there is none."""

    kind: Literal["step", "words", "answer", "error"]
    value: Any


@asynccontextmanager
async def turn(state: State) -> AsyncIterator[None]:
    """Waits for a place among the answers that are written at once; a 503 when too many wait already."""
    if state.waiting >= state.most_waiting:
        raise HTTPException(503, "many people are asking just now: try again in a moment", headers={"retry-after": "5"})
    state.waiting += 1
    try:
        await state.turns.acquire()
    finally:
        state.waiting -= 1
    try:
        yield
    finally:
        state.turns.release()


async def pieces(
    state: State, agent: Agent, text: str, *, thread: str, live: Sequence[tuple[str, str]] = ()
) -> AsyncIterator[Piece]:
    """The answer piece by piece; it ends with "answer" or "error". Leaving the loop early stops the decoding."""
    loop, queue, stop = asyncio.get_running_loop(), asyncio.Queue[Piece](), Event()
    started, role = time.perf_counter(), agent.role

    def tell(kind: Literal["step", "words", "answer", "error"], value: Any) -> None:
        if not stop.is_set():
            loop.call_soon_threadsafe(queue.put_nowait, Piece(kind, value))

    def write() -> None:
        try:
            with state.measures.answering(role):
                answer = agent.ask(
                    text,
                    thread=thread,
                    live=live,
                    on_step=lambda step: tell("step", step),
                    on_token=lambda words: tell("words", words),
                    stop=stop,
                )
            tell("answer", answer)
        except StoppedError:
            pass
        except ShopkeeperError as error:
            tell("error", str(error))
        except BaseException:
            tell("error", "the answer could not be finished: please ask again")
            raise

    async with turn(state):
        writing = Thread(target=write, daemon=True)
        writing.start()
        first = True
        try:
            while True:
                piece = await queue.get()
                if piece.kind == "step":
                    state.measures.tools.labels(piece.value.tool, "failed" if piece.value.failed else "done").inc()
                if piece.kind == "words" and first:
                    first = False
                    state.measures.first_words.labels(role).observe(time.perf_counter() - started)
                if piece.kind == "answer":
                    state.measures.words.labels(role).inc(len(piece.value.text.split()))
                yield piece
                if piece.kind in ("answer", "error"):
                    return
        finally:
            stop.set()
            await asyncio.to_thread(writing.join)  # the place is free when the engine is
