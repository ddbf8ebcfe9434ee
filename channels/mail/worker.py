"""One worker: leases rows, writes the letters, sends several at a time, and keeps how each ended."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from channels.mail import outbox
from channels.mail.letter import letter
from channels.mail.message import AddressError, build
from channels.mail.outbox import Message, Outcome
from channels.mail.render import Template
from channels.mail.smtp import UnreachableError
from data.errors import StoreError

if TYPE_CHECKING:
    from campaign.plan import Plan
    from channels.mail.dkim_key import Signer
    from channels.mail.links import Links
    from channels.mail.settings import Settings
    from channels.mail.smtp import Courier
    from channels.mail.terms import Terms
    from data.operations import Operations

BATCH = 64
"""Rows leased at once."""
_WRITES = 8
"""How often the outcomes are tried to be written, while the records are locked or the disk is full."""
_RECONNECTS = (1.0, 2.0, 4.0)
"""Seconds between tries to reach a server that takes nothing."""


@dataclass(frozen=True)
class Writer:
    """Turns a row into a message of one campaign."""

    plan: Plan
    settings: Settings
    links: Links
    signer: Signer | None
    template: Template = field(default_factory=Template)

    def write(self, message: Message, now: datetime) -> bytes:
        """The bytes to send. Raises `AddressError`."""
        values = letter(self.plan, message.key[1], message.payload, settings=self.settings, links=self.links)
        return build(
            message.key,
            message.address,
            self.template.fill(values),
            unsubscribe_url=str(values["unsubscribe_url"]),
            settings=self.settings,
            signer=self.signer,
            now=now,
        )


def wall_clock() -> datetime:
    """Now, as naive UTC."""
    return datetime.now(UTC).replace(tzinfo=None)


class Worker:
    """Sends one campaign's e-mails until none is due, `patience` passes without one coming due, or `stop` is set."""

    def __init__(
        self,
        operations: Operations,
        writer: Writer,
        courier: Courier,
        name: str,
        *,
        terms: Terms,
        in_flight: int = 16,
        patience: timedelta = timedelta(0),
        taking_turns: Callable[[], AbstractContextManager[None]] = nullcontext,
        clock: Callable[[], datetime] = wall_clock,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._operations, self._writer, self._courier, self._name = operations, writer, courier, name
        self._terms, self._in_flight, self._patience = terms, in_flight, patience
        self._group = max(1, in_flight // 2)  # letters that begin in one commit while others are on their way
        self._taking_turns, self._clock, self._sleep = taking_turns, clock, sleep
        self._leased: deque[Message] = deque()
        self._ended: list[Outcome] = []
        self._flying: set[asyncio.Task[None]] = set()
        self._broken: Exception | None = None
        self._unreached = 0
        self.stop = False
        self.counts: Counter[str] = Counter()

    async def run(self) -> Counter[str]:
        """Works; how many messages ended in each way. Raises `UnreachableError` when the server takes nothing."""
        try:
            while not self.stop and await self._step():
                pass
            await self._settle()
        finally:
            await self._wind_up()
        if self._broken is not None and not self.stop:
            raise self._broken
        return self.counts

    async def _step(self) -> bool:
        """One round: outcomes written and the next letters begun in one commit. False when there is nothing to do."""
        if self._broken is not None and not await self._server_back():
            return False
        free = self._in_flight - len(self._flying) - len(self._ended)
        if self._flying and free < self._group:
            await asyncio.wait(self._flying, return_when=asyncio.FIRST_COMPLETED)
            if len(self._ended) < self._group and self._flying:
                return True  # a commit is dear: a few outcomes are written together
            free = self._in_flight - len(self._flying)
        if not self._leased and not await self._lease():
            if not self._flying and not self._ended:
                return False
            await self._settle()
            return True
        await self._start(max(free, 1))
        return True

    async def _lease(self) -> bool:
        """Fills the row of letters to write; False when none comes due in time."""
        while not self.stop:
            now = self._clock()
            campaign = self._writer.plan.campaign_id
            with self._taking_turns():
                found = outbox.lease(self._operations, campaign, self._name, limit=BATCH, now=now, terms=self._terms)
            self._leased.extend(found.messages)
            if self._leased:
                return True
            if not found.looked:
                wait = None if found.next_at is None else found.next_at - now
                if self._flying or wait is None or wait > self._patience:
                    return False
                await self._sleep(max(wait.total_seconds(), 0.05))
        return False

    async def _start(self, free: int) -> None:
        """Writes the next letters, marks them `sending`, and only then hands them over."""
        raw: dict[outbox.Key, bytes] = {}
        batch: list[Message] = []
        while self._leased and len(batch) < free:
            message = self._leased.popleft()
            try:
                raw[message.key] = self._writer.write(message, self._clock())
                batch.append(message)
            except AddressError as error:
                self._ended.append(Outcome(message.key, "failed", str(error)))
            await asyncio.sleep(0)  # what is on its way goes on meanwhile
        ended = list(self._ended)
        try:
            going = self._turn(ended, batch)
        except StoreError:
            self._leased.extendleft(reversed(batch))
            await self._keep()  # tries again for a while, then gives up with a clear sentence
            return
        self._kept(ended)
        if len(going) < len(batch):  # a pause, perhaps: nothing that was leased is taken for granted
            outbox.release(self._operations, self._name)
            self._leased.clear()
        for message in going:
            task = asyncio.create_task(self._deliver(message, raw[message.key]))
            self._flying.add(task)
            task.add_done_callback(self._flying.discard)

    async def _deliver(self, message: Message, raw: bytes) -> None:
        sender = self._writer.settings.bounce_address or self._writer.settings.address
        try:
            outcome = await self._courier.deliver(message.key, sender, message.address, raw)
            self._unreached = 0
        except UnreachableError as error:
            self._broken = error
            outcome = Outcome(message.key, "later", str(error))
        except Exception as error:
            # Whatever it was, the message may have left; the rest of the outbox must not suffer for it.
            outcome = Outcome(message.key, "unknown", f"{type(error).__name__}: {error}")
        self._ended.append(outcome)

    async def _settle(self) -> None:
        """Until all that is on its way has ended and is written."""
        if self._flying:
            await asyncio.wait(self._flying)
        await self._keep()

    async def _keep(self) -> None:
        """Writes the outcomes. While the records cannot be written, nothing more is sent."""
        for attempt in range(_WRITES):
            batch = list(self._ended)
            try:
                self._turn(batch, [])
            except StoreError as error:
                if attempt == _WRITES - 1:
                    raise StoreError(
                        f"{error}. How {len(batch)} messages ended could not be written: they will show as unknown"
                    ) from error
                await self._sleep(0.5 * 2**attempt)
                continue
            self._kept(batch)
            return

    def _turn(self, ended: list[Outcome], batch: list[Message]) -> list[Message]:
        if not ended and not batch:
            return []
        with self._taking_turns():
            return outbox.turn(self._operations, ended, batch, self._name, now=self._clock(), terms=self._terms)

    def _kept(self, ended: list[Outcome]) -> None:
        del self._ended[: len(ended)]
        self.counts.update(o.end for o in ended)

    async def _server_back(self) -> bool:
        """Waits for the server a few times; False when it stays away."""
        await self._settle()
        if self._unreached >= len(_RECONNECTS):
            return False
        await self._sleep(_RECONNECTS[self._unreached])
        self._unreached += 1
        self._broken = None
        return True

    async def _wind_up(self) -> None:
        """Gives back what was not begun, and closes the connections."""
        with suppress(StoreError):
            await self._settle()
            outbox.release(self._operations, self._name)
        await self._courier.close()
