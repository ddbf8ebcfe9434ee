"""Bench `serve`: the server as people meet it, over HTTP: a steady load, four chats, the console's first paint."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import httpx
import jwt

from data.errors import SettingError
from data.store import Snapshot
from eval.http_load import Asked, Heard, listen, open_loop, summary
from eval.questions import Question, questions
from eval.shop import shop_for
from eval.task import Inputs, Outcome

PER_SECOND = 50
"""Requests a second, half of them searches, half recommendations."""
CHATS, ROUNDS = 4, 5
"""Conversations at once, and how often."""
PAINTS = 5
_COMMAND = Path(sys.executable).parent / "shopkeeper"
_PERSON, _PASSWORD = "Bench", "a password of the bench"
_STARTING = 300.0
_BEFORE = ("", "", "", "a ", "nice ", "small ", "new ", "cheap ", "good ", "simple ", "big ", "warm ")
_AFTER = ("", "", "", " for a friend", " as a present", " for the garden", " for two", " for travelling", " for winter")


def evaluate(inputs: Inputs, *, seconds: int = 300, chats: bool = True) -> Outcome:
    """Starts `shopkeeper serve` over a copy of a trained store and measures it from outside.

    For `seconds` it gets `PER_SECOND` requests a second, each with another customer or query; then `CHATS`
    conversations at once, `ROUNDS` times (none where `chats` is False); then a browser opens the console, each time
    with an empty cache, where playwright and Chromium are there.
    """
    if not _COMMAND.exists():
        raise SettingError("the bench needs the command shopkeeper: run make setup")
    with shop_for([], inputs) as store, tempfile.TemporaryDirectory(prefix="shopkeeper-serve-") as folder:
        root = Path(folder) / "store"
        shutil.copytree(store.root, root, ignore=shutil.ignore_patterns("eval", ".unfinished-*"))
        snapshot = store.snapshot()
        with _server(root) as server:
            metrics = {"start_s": server.start} | asyncio.run(_loaded(server, snapshot, seconds, inputs))
            if chats:
                metrics |= asyncio.run(_talked(server, snapshot, inputs))
            metrics |= _painted(server, inputs) | _widget(server)
        metrics["peak_mb"] = server.peak_mb
    return Outcome(metrics=metrics)


@dataclass
class _Server:
    """A running server over the store `root`: its address and process, the seconds it took to start, and its memory."""

    root: Path
    url: str
    pid: int
    start: float = 0.0
    peak_mb: float = float("nan")

    def key(self, *scopes: str) -> str:
        """A new key's secret."""
        return self._said("key", "new", "bench", *(part for scope in scopes for part in ("--scope", scope)))

    def visit(self, session: str, customer_id: str | None) -> str:
        """A shopper's token, signed as the shop's own server would."""
        claims = {"sid": session, "aud": "shopkeeper", "exp": datetime.now(UTC) + timedelta(hours=1)}
        claims |= {} if customer_id is None else {"sub": customer_id}
        return jwt.encode(claims, self._said("key", "visits"), algorithm="HS256")

    def processor_seconds(self) -> float:
        """Processor time that the server has used so far; what else runs on the machine hardly changes that."""
        stat = Path(f"/proc/{self.pid}/stat")
        if not stat.exists():  # not Linux
            return float("nan")
        user, system = stat.read_text(encoding="utf-8").rsplit(") ", 1)[1].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def person(self) -> None:
        """Lets someone sign in to the console."""
        self._said("user", "add", _PERSON, "--role", "owner", said=_PASSWORD)

    def _said(self, *words: str, said: str = "") -> str:
        command = [str(_COMMAND), *words, "--store", str(self.root)]
        return subprocess.run(
            command, input=said + "\n", check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ).stdout.strip()


@contextmanager
def _server(root: Path) -> Iterator[_Server]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = time.monotonic()
    log = (root.parent / "server.log").open("wb")
    process = subprocess.Popen(
        [str(_COMMAND), "serve", "--store", str(root), "--port", str(port)], stdout=log, stderr=log
    )
    made = _Server(root, f"http://127.0.0.1:{port}", process.pid)
    try:
        with httpx.Client(base_url=made.url) as client:
            while not _ready(client):
                if process.poll() is not None or time.monotonic() - started > _STARTING:
                    raise SettingError(f"the server did not start: {(root.parent / 'server.log').read_text()[-300:]}")
                time.sleep(0.1)
        made.start = time.monotonic() - started
        yield made
    finally:
        process.terminate()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        made.peak_mb = used.ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024)
        log.close()


def _ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz", timeout=5).is_success
    except httpx.HTTPError:
        return False


async def _loaded(server: _Server, snapshot: Snapshot, seconds: int, inputs: Inputs) -> dict[str, float]:
    """The latencies of a steady load, from when each request was due."""
    asked = requests(snapshot, seconds * PER_SECOND, seed=inputs.seed)
    before = server.processor_seconds()
    headers = {"authorization": f"Bearer {server.key('catalogue')}"}
    async with httpx.AsyncClient(base_url=server.url, headers=headers) as client:
        answered = await open_loop(
            client, asked, per_second=PER_SECOND, seed=inputs.seed,
            said=lambda done: inputs.report("load", done, len(asked)),
        )  # fmt: skip
    inputs.report("load", 1, 1)
    return {
        "requests": float(len(answered)),
        "per_second": float(PER_SECOND),
        **summary(answered, "search"),
        **summary(answered, "recommendations"),
        "cpu_ms": 1000 * (server.processor_seconds() - before) / len(answered),
        "slowest_ms": 1000 * max(one.seconds for one in answered),
        "server_errors": float(sum(one.status >= 500 or one.status == 0 for one in answered)),
        "other_errors": float(sum(400 <= one.status < 500 for one in answered)),
    }


def requests(snapshot: Snapshot, count: int, *, seed: int) -> list[Asked]:
    """As many searches as recommendations, in turn; queries of words of the catalogue, seldom the same twice."""
    chance = Random(seed)
    products, customers = snapshot.frame("products"), snapshot.frame("customers")["customer_id"].astype(str).tolist()
    titles, categories = products["title"].astype(str).tolist(), products["category"].dropna().unique().tolist()
    found = []
    for number in range(count):
        if number % 2:
            wish: dict[str, str | int] = {"customer_id": chance.choice(customers), "limit": 5}
            wish |= {"category": str(chance.choice(categories))} if categories and chance.random() < 0.3 else {}
            found.append(Asked("recommendations", "/api/recommendations", wish))
            continue
        words = chance.choice(titles).split() + chance.choice(titles).split()
        query = chance.choice(_BEFORE) + " ".join(chance.sample(words, min(2, len(words)))) + chance.choice(_AFTER)
        wish = {"q": query} | ({"max_price": chance.randrange(10, 80)} if chance.random() < 0.4 else {})
        found.append(Asked("search", "/api/search", wish))
    return found


async def _talked(server: _Server, snapshot: Snapshot, inputs: Inputs) -> dict[str, float]:
    """Seconds to the first words and to the end, `CHATS` conversations at a time; the first round only warms up."""
    asked = [q for q in questions(snapshot, 200, seed=inputs.seed) if not q.say.lower().startswith(("draft", "launch"))]
    chosen = asked[: CHATS * (ROUNDS + 1)]
    key, heard = server.key("chat"), list[Heard]()
    tokens = {n: server.visit(f"bench-{n}", q.customer_id) for n, q in enumerate(chosen) if q.role == "shopper"}
    async with httpx.AsyncClient(base_url=server.url) as client:
        for start in range(0, len(chosen), CHATS):
            inputs.report("chats", start, len(chosen))
            numbers = range(start, min(start + CHATS, len(chosen)))
            found = await asyncio.gather(*(_ask(client, chosen[n], tokens.get(n, key)) for n in numbers))
            heard += found if start else []
    inputs.report("chats", 1, 1)
    first = [one.first for one in heard if one.first is not None]
    return {
        "chats_at_once": float(CHATS),
        "first_words_median_s": _median(first),
        "first_words_worst_s": max(first, default=float("nan")),
        "answer_median_s": _median([one.whole for one in heard]),
        "answer_worst_s": max((one.whole for one in heard), default=float("nan")),
        "answers": float(len(heard)),
        "answers_broken": float(sum(not one.complete for one in heard)),
    }


async def _ask(client: httpx.AsyncClient, question: Question, token: str) -> Heard:
    if question.role == "shopper":
        return await listen(client, "/assistant/chat", token, {"say": question.say}, _shopper_words)
    content = {"model": "shopkeeper", "stream": True, "messages": [{"role": "user", "content": question.say}]}
    return await listen(client, "/v1/chat/completions", token, content, _marketer_words)


def _shopper_words(data: str) -> str:
    return str(json.loads(data).get("text") or "")


def _marketer_words(data: str) -> str:
    return "" if data == "[DONE]" else str(json.loads(data)["choices"][0]["delta"].get("content") or "")


def _median(values: Sequence[float]) -> float:
    return statistics.median(values) if values else float("nan")


def _painted(server: _Server, inputs: Inputs) -> dict[str, float]:
    """Seconds to the console's first contentful paint in Chromium, each time with an empty cache; {} without one."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        chromium = None
    if chromium is None:
        return {}
    server.person()
    found: list[float] = []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        cookies: Any = None
        for number in range(PAINTS + 1):
            inputs.report("first paint", number, PAINTS + 1)
            context = browser.new_context(base_url=server.url)
            page = context.new_page()
            if cookies is None:
                page.goto("/console/sign-in")
                page.fill("#name", _PERSON)
                page.fill("#password", _PASSWORD)
                page.press("#password", "Enter")
                page.wait_for_url("**/console/")
                cookies = [one for one in context.cookies() if one["name"] == "shopkeeper"]
            else:
                context.add_cookies(cookies)
                page.goto("/console/")
                page.wait_for_selector(".composer")
                entries = "performance.getEntriesByName('first-contentful-paint').map(one => one.startTime)"
                found += page.evaluate(entries)
            context.close()
        browser.close()
    return {
        "first_paint_median_s": _median(found) / 1000,
        "first_paint_worst_s": max(found, default=float("nan")) / 1000,
    }


def _widget(server: _Server) -> dict[str, float]:
    """KB (of 1000 bytes) of the assistant's scripts as they go over the wire; {} where the widget is not built."""
    with httpx.Client(base_url=server.url, headers={"accept-encoding": "gzip"}) as client:
        first = client.get("/assistant/widget.js")
        if not first.is_success:
            return {}
        names = ["widget.js", *sorted(set(re.findall(r"chat-[0-9A-Za-z]{8,16}\.js", first.text)))]
        sizes = []
        for name in names:
            with client.stream("GET", f"/assistant/{name}") as answer:
                sizes.append(sum(map(len, answer.iter_raw())))
    return {"widget_kb": sum(sizes) / 1000}
