"""Bench `outbox`: `shopkeeper send` before a local SMTP server, killed again and again, then at full speed."""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from campaign.plan import Audience, Channel, Experiment, Figure, Member, Outlook, Plan, Product
from data.errors import SettingError, ShopkeeperError
from data.operations import Campaign, Operations, OutboxMessage
from eval.task import Inputs, Outcome

MESSAGES, KILLS, WORKERS, IN_FLIGHT = 5000, 100, 2, 16
SIGNED = 1500
"""Messages of the signed run, which is slower."""
RENDERED = 1500
_CAMPAIGN = "C-0001"
_LONGEST = 900.0
"""Seconds after which a run is given up."""
_MAIL = """\
sender: Bench <hello@bench.example>
postal_address: Bench Ltd, 1 High Street, Norwich
shop_url: https://bench.example
public_url: https://bench.example/mail
per_minute: 0
"""

Render = Callable[[Path, int], float]
"""Renders so many letters of the campaign in a store, and gives the seconds that took."""


def evaluate(inputs: Inputs, *, render: Render, messages: int = MESSAGES, kills: int = KILLS) -> Outcome:
    """Sends `messages` messages with `kills` kill -9 of a random worker, then measures the throughput without any.

    `duplicates`: messages that the server took more than once. `lost`: messages that are neither at the server nor
    unknown to us, or that we take for sent and the server never had. `unknown`: those that wait for a person;
    `unknown_at_once` is the most that one kill left, to be no more than the messages in flight.
    """
    if shutil.which("shopkeeper", path=str(Path(sys.executable).parent)) is None:
        raise SettingError("the bench needs the command shopkeeper: run make setup")
    with tempfile.TemporaryDirectory(prefix="shopkeeper-outbox-") as folder:
        root = Path(folder)
        metrics = _killed(root / "killed", messages, kills, inputs)
        metrics |= _speed(root / "plain", messages, inputs, signed=False)
        metrics |= _speed(root / "signed", min(messages, SIGNED), inputs, signed=True)
        metrics["renders_per_second"] = RENDERED / render(root / "plain", RENDERED)
    return Outcome(metrics={"messages": float(messages)} | metrics)


@dataclass
class _Store:
    """A store with one launched campaign, and a server that its messages go to."""

    root: Path
    port: int
    log: Path
    _seen: int = field(default=0)
    _lines: int = field(default=0)

    def send(self, *options: str) -> subprocess.Popen[bytes]:
        """A `shopkeeper send` of its own process group."""
        command = [str(Path(sys.executable).parent / "shopkeeper"), "send", _CAMPAIGN, "--store", str(self.root)]
        return subprocess.Popen(
            [*command, *options],
            env=os.environ | {"SHOPKEEPER_SMTP_URL": f"smtp://127.0.0.1:{self.port}"},
            stdout=subprocess.DEVNULL,
            stderr=(self.root / "errors.txt").open("ab"),
            start_new_session=True,
        )

    def taken(self) -> int:
        """How many messages the server has taken so far."""
        with open(self.log, "rb") as file:
            file.seek(self._seen)
            new = file.read()
        self._seen += len(new)
        self._lines += new.count(b"\n")
        return self._lines

    def ids(self) -> list[tuple[float, str]]:
        """When the server took which Message-ID."""
        lines = self.log.read_text(encoding="utf-8").splitlines()
        return [(float(at), name) for at, _, name in (line.partition(" ") for line in lines)]

    def states(self) -> Counter[str]:
        """Rows of the outbox by state."""
        return Counter(dict(self._ask("SELECT status, count(*) FROM outbox GROUP BY status")))

    def sending_by(self, pid: int) -> int:
        """Rows that the worker of a process was sending."""
        like = f"{socket.gethostname()}-{pid}-%"
        return int(self._ask("SELECT count(*) FROM outbox WHERE status = 'sending' AND worker LIKE ?", like)[0][0])

    def _ask(self, query: str, *values: Any) -> list[Any]:
        connection = sqlite3.connect(self.root / "shop.db", timeout=30)
        try:
            return connection.execute(query, values).fetchall()
        finally:
            connection.close()


def _killed(root: Path, messages: int, kills: int, inputs: Inputs) -> dict[str, float]:
    chance = random.Random(inputs.seed)
    # Kills fall all over the sending: each when the server has taken a number of messages drawn by chance.
    moments = sorted(chance.randrange(0, int(0.85 * messages)) for _ in range(kills))
    worst, started = 0, time.monotonic()
    with _store(root, messages, signed=False) as store:
        workers = [store.send("--in-flight", str(IN_FLIGHT)) for _ in range(WORKERS)]
        for done, moment in enumerate(moments):
            while store.taken() < moment:
                workers = [_alive(store, worker) for worker in workers]
                _patient(started, store)
            time.sleep(chance.random() * 0.05)
            place = chance.randrange(len(workers))
            os.killpg(workers[place].pid, signal.SIGKILL)
            workers[place].wait()
            worst = max(worst, store.sending_by(workers[place].pid))
            workers[place] = store.send("--in-flight", str(IN_FLIGHT))
            inputs.report("kill -9", done, len(moments))
        for worker in workers:
            worker.wait()
        store.send("--in-flight", str(IN_FLIGHT)).wait()
        times = Counter(name for _, name in store.ids())
        states = store.states()
    inputs.report("kill -9", 1, 1)
    sent, unknown = states["sent"], states["unknown"]
    return {
        "kills": float(len(moments)),
        "duplicates": float(sum(n - 1 for n in times.values())),
        "lost": float(messages - sent - unknown + max(0, sent - len(times))),
        "sent": float(sent),
        "unknown": float(unknown),
        "unknown_but_arrived": float(len(times) - sent),
        "unknown_at_once": float(worst),
        "in_flight": float(IN_FLIGHT),
        "killed_seconds": time.monotonic() - started,
    }


def _speed(root: Path, messages: int, inputs: Inputs, *, signed: bool) -> dict[str, float]:
    """Messages a second that the server took between the first and the last, sent by two workers.

    Beside them the processor time of one message, of workers and server and with their start: what else runs on the
    machine hardly changes that.
    """
    before = _processor_seconds()
    name = "signed" if signed else "unsigned"
    started = time.monotonic()
    with _store(root, messages, signed=signed) as store:
        process = store.send("--workers", str(WORKERS), "--in-flight", str(IN_FLIGHT))
        while process.poll() is None:
            _patient(started, store)
            inputs.report(name, store.taken(), messages)
        times = sorted(at for at, _ in store.ids())
    if len(times) != messages:
        raise ShopkeeperError(f"{len(times)} of {messages} messages arrived in the {name} run: {_errors(root)}")
    return {
        f"{name}_per_second": (len(times) - 1) / (times[-1] - times[0]),
        f"{name}_cpu_ms": 1000 * (_processor_seconds() - before) / messages,
    }


def _processor_seconds() -> float:
    """What all ended child processes have used so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _alive(store: _Store, worker: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
    """The worker, or another one where it has ended since nothing was due (the other one had leased it all)."""
    return worker if worker.poll() is None else store.send("--in-flight", str(IN_FLIGHT))


def _patient(started: float, store: _Store) -> None:
    if time.monotonic() - started > _LONGEST:
        raise ShopkeeperError(f"the bench takes too long and is given up: {_errors(store.root)}")
    time.sleep(0.005)


def _errors(root: Path) -> str:
    path = root / "errors.txt"
    return path.read_text(encoding="utf-8")[-300:] if path.exists() else "nothing was said"


@contextmanager
def _store(root: Path, messages: int, *, signed: bool) -> Iterator[_Store]:
    fill(root, messages)
    if signed:
        command = [str(Path(sys.executable).parent / "shopkeeper"), "dkim-key", "bench.example", "--store", str(root)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = root / "taken.log"
    log.touch()
    server = subprocess.Popen([sys.executable, "-m", "eval.mail_sink", str(port), str(log)])
    try:
        _reachable(port)
        yield _Store(root, port, log)
    finally:
        server.terminate()
        server.wait()


def _reachable(port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SettingError("the local SMTP server did not start; it needs aiosmtpd: pip install aiosmtpd")


def fill(root: Path, messages: int) -> None:
    """Makes a store with a launched campaign of `messages` e-mails, three products each."""
    root.mkdir(parents=True)
    (root / "mail.yaml").write_text(_MAIL, encoding="utf-8")
    made = _plan(messages)
    now = datetime.now(UTC).replace(tzinfo=None)
    operations = Operations(root / "shop.db")
    with operations.session() as session:
        session.add(
            Campaign(
                campaign_id=made.campaign_id,
                name=made.name,
                plan_json=made.to_json(),
                plan_hash=made.content_hash,
                status="launched",
                created_at=now,
                launched_at=now,
            )
        )
        session.add_all(
            OutboxMessage(
                campaign_id=made.campaign_id,
                customer_id=member.customer_id,
                channel="email",
                step=1,
                status="queued",
                address=f"{member.customer_id}@d{number % 200}.example",
                payload_json=json.dumps(_payload(number)),
                attempts=0,
            )
            for number, member in enumerate(made.members)
        )
    operations.close()


def _payload(number: int) -> dict[str, Any]:
    titles = ("Enamel Camping Kettle", "Merino Hiking Socks", "Folding Lantern", "Bamboo Tea Tray", "Wool Throw")
    chosen = [titles[(number + step) % len(titles)] for step in range(3)]
    hour = datetime.now(UTC).hour
    return {
        "name": "Bench", "goal": "win_back", "language": "en", "segment": "everyone", "variant": "A", "offer": 0.1,
        # noon where the recipients are, whenever the bench runs
        "timezone": f"Etc/GMT{hour - 12:+d}" if hour != 12 else "UTC",
        "text": f"{chosen[0]}, picked for you\nHello, the {chosen[0]} is in the shop. Have a look when it suits you.",
        "products": [
            {
                "id": f"P{number % 97}{step}", "title": title, "category": f"Category {step}", "price": 20.0 + step,
                "new_price": round(0.9 * (20.0 + step), 2), "image_url": None,
                "reason": f"You bought the Tent. Of {200 + number} who bought it, {30 + step} also chose this.",
            }
            for step, title in enumerate(chosen)
        ],
    }  # fmt: skip


def _plan(messages: int) -> Plan:
    money = Figure(1.0, "money", "made up")
    today = datetime.now(UTC).date()
    end = str(today + timedelta(days=14))
    return Plan(
        campaign_id=_CAMPAIGN, name="Bench", goal="win_back", shop="Bench", currency="GBP", as_of=str(today),
        start=str(today), end=end, window_days=14, budget=None, kept=0.0, discount=0.1,
        margin=Figure(0.5, "percent", "made up"),
        audience=Audience(None, "made up", messages, messages, messages, 0, messages, {}, (), 0.0, ()),
        products=(Product("P1", "Kettle", None, 20.0, 18.0, None, None, 0.0, 0.0, 0.0, 0.0, None, "made up"),),
        channels=(Channel("email", messages, 1.0, 1.0, None, (), "made up"),), copies=(),
        outlook=Outlook(money, money, money, money, money, money, "assumed", "made up", "made up", "sound"),
        test=Experiment(0, 0.0, 0.1, 0.1, None, end, "made up"),
        members=tuple(Member(f"c{number:06}", "treated", "email", 1.0) for number in range(messages)),
        demand_of="shop", demand=(), risks=(), unknown=(), changes=(), assumptions=(), snapshot_id="none", models={},
        fingerprint="bench",
    )  # fmt: skip
