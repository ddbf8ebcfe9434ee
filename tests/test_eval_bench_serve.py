"""The load that the server's bench makes: what is asked, and that nothing is forgiven."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI, HTTPException
from fastapi.responses import StreamingResponse
from serving import serving

from data.store import Store
from eval.bench_serve import requests
from eval.http_load import Answered, Asked, listen, open_loop, summary


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    app = FastAPI()

    @app.get("/quick")
    def quick(n: int) -> int:
        return n

    @app.get("/broken")
    def broken() -> None:
        raise HTTPException(503, "no")

    @app.get("/slow")
    async def slow() -> None:
        await asyncio.sleep(0.3)

    @app.post("/talk")
    def talk(words: list[str]) -> StreamingResponse:
        return StreamingResponse((f"data: {word}\n\n" for word in words), media_type="text/event-stream")

    with serving(app) as found:
        yield found


def loaded(address: str, asked: list[Asked], *, per_second: float) -> tuple[list[Answered], list[int]]:
    sent: list[int] = []

    async def run() -> list[Answered]:
        async with httpx.AsyncClient(base_url=address) as client:
            return await open_loop(client, asked, per_second=per_second, seed=1, said=sent.append)

    return asyncio.run(run()), sent


def test_each_request_is_sent_once_and_every_failure_counts(address: str) -> None:
    asked = [Asked("quick", "/quick", {"n": n}) for n in range(20)] + [Asked("broken", "/broken", {})] * 3
    found, sent = loaded(address, asked, per_second=500)
    assert Counter(one.status for one in found) == {200: 20, 503: 3}
    assert sent == list(range(23))
    assert set(summary(found, "quick")) == {"quick_p50_ms", "quick_p95_ms", "quick_p99_ms"}


def test_a_slow_answer_holds_nobody_up(address: str) -> None:
    started = time.perf_counter()
    found, _ = loaded(address, [Asked("slow", "/slow", {})] * 20, per_second=1000)
    assert min(one.seconds for one in found) >= 0.3
    assert time.perf_counter() - started < 20 * 0.3  # one after the other


def test_nobody_there_is_an_error_and_no_end() -> None:
    found, _ = loaded("http://127.0.0.1:1", [Asked("quick", "/quick", {"n": 1})] * 2, per_second=100)
    assert [one.status for one in found] == [0, 0]


def test_an_answer_without_words_is_not_whole(address: str) -> None:
    async def heard(words: list[str]) -> bool:
        async with httpx.AsyncClient(base_url=address) as client:
            return (await listen(client, "/talk", "t", words, lambda data: data.strip("-"))).complete

    assert asyncio.run(heard(["--", "hello"]))
    assert not asyncio.run(heard(["--"]))


def test_queries_and_customers_differ_and_come_again_for_the_same_seed(tiny_store: Store) -> None:
    asked = requests(tiny_store.snapshot(), 200, seed=0)
    assert asked == requests(tiny_store.snapshot(), 200, seed=0)
    assert Counter(one.kind for one in asked) == {"search": 100, "recommendations": 100}
    queries = {str(one.params["q"]) for one in asked if one.kind == "search"}
    assert len(queries) > 60
    assert len({one.params["customer_id"] for one in asked if one.kind == "recommendations"}) > 30
