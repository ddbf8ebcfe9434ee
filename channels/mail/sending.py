"""Running workers: one in this process, or several beside each other, until the outbox of a campaign is drained."""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from channels.mail import outbox
from channels.mail.dkim_key import signer_of
from channels.mail.links import Links, secret_of
from channels.mail.presence import Presence
from channels.mail.settings import Server, Settings
from channels.mail.smtp import Courier
from channels.mail.terms import Terms
from channels.mail.worker import Worker, Writer, wall_clock
from data.errors import ShopkeeperError
from data.operations import Operations

LOCKS = "workers"


@dataclass(frozen=True)
class Job:
    """All that a worker needs to know; it is handed to other processes, so it is plain data."""

    root: Path
    campaign_id: str
    server: Server
    settings: Settings
    terms: Terms
    in_flight: int = 16
    patience: timedelta = timedelta(0)


def terms_of(
    plan_end: str, settings: Settings, *, unwilling: frozenset[str] = frozenset(), by_us: bool = True
) -> Terms:
    """The terms of a campaign that ends on the day `plan_end`; the hour and the pace are ours only if we send."""
    return Terms(
        ends=datetime.fromisoformat(plan_end),
        timezone=settings.timezone,
        per_minute=settings.per_minute if by_us else 0,
        quiet_hours=by_us,
        unwilling=unwilling,
    )


def writer_of(root: Path, operations: Operations, campaign_id: str, settings: Settings) -> Writer:
    """What writes the messages of a launched campaign."""
    return Writer(
        plan=outbox.plan_of(operations, campaign_id),
        settings=settings,
        links=Links(settings.public_url, secret_of(root)),
        signer=signer_of(root, settings),
    )


def clear_up(root: Path, operations: Operations) -> int:
    """What dead workers left: their leases are given back, and what they were sending is `unknown` (how many)."""
    return outbox.recover(operations, Presence(root / LOCKS).alive, now=wall_clock())


def run_one(job: Job) -> Counter[str]:
    """Works in this process; how many messages ended in each way. Ctrl-C lets what is on its way end first."""
    operations = Operations(job.root / "shop.db", durable=True)
    try:
        presence = Presence(job.root / LOCKS)
        with presence.join() as name:
            writer = writer_of(job.root, operations, job.campaign_id, job.settings)
            return asyncio.run(_work(job, operations, writer, name, presence))
    finally:
        operations.close()


def run_many(job: Job, workers: int, report: Callable[[], Any]) -> None:
    """Works in `workers` processes, calling `report` now and then. Raises the first error of any of them."""
    context = multiprocessing.get_context("spawn")
    pipes = [context.Pipe(duplex=False) for _ in range(workers)]
    processes = [context.Process(target=_child, args=(job, sender)) for _, sender in pipes]
    for process in processes:
        process.start()
    for _, sender in pipes:
        sender.close()
    said: list[str] = []
    open_ends: set[Any] = {receiver for receiver, _ in pipes}
    try:
        while open_ends:
            for end in wait(list(open_ends), timeout=0.5):
                with suppress(EOFError):
                    said.append(_received(end))
                open_ends.discard(end)
            report()
    finally:
        for process in processes:
            if process.is_alive() and open_ends:
                process.terminate()
            process.join()
    failed = [text for text in said if text]
    if failed:
        raise ShopkeeperError(failed[0])
    if len(said) < workers:
        raise ShopkeeperError("a worker was stopped from outside; run shopkeeper send again to go on")


def _received(end: Any) -> str:
    return str(end.recv())


def _child(job: Job, sender: Any) -> None:
    try:
        run_one(job)
        sender.send("")
    except ShopkeeperError as error:
        sender.send(str(error))
    finally:
        sender.close()


async def _work(job: Job, operations: Operations, writer: Writer, name: str, presence: Presence) -> Counter[str]:
    worker = Worker(
        operations,
        writer,
        Courier(job.server, connections=job.in_flight),
        name,
        terms=job.terms,
        in_flight=job.in_flight,
        patience=job.patience,
        taking_turns=presence.turn,
    )

    def stop() -> None:
        worker.stop = True

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_watch, args=(parent, stop), daemon=True).start()
    return await worker.run()


def _watch(parent: Any, stop: Callable[[], None]) -> None:
    """Stops the worker when the process that started it is gone."""
    while parent.is_alive():
        time.sleep(0.5)
    stop()
