"""Bench `features`: events of a growing shop to features of its customers on DuckDB, in seconds and memory."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ibis
import pandas as pd

from data.errors import SettingError
from data.features import customer_features
from data.schema import TABLES, empty
from eval.sidebyside import Worker
from eval.task import Inputs, Outcome

EVENTS = 10_000_000
STEPS = (0.1, 1.0)
"""Parts of the events that are measured one after another, to see how the time grows."""
_EVENTS_OF_A_CUSTOMER = 20
_PRODUCTS = 20_000
_NOW = pd.Timestamp("2026-01-01")
_KINDS = ("view",) * 12 + ("add_to_cart",) * 3 + ("purchase",) * 3 + ("search", "email_sent")
_WORDS = ("red", "blue", "oak", "glass", "garden", "winter", "mug", "lamp", "bag", "clock", "candle", "chair")


def evaluate(inputs: Inputs, *, events: int = EVENTS) -> Outcome:
    """Makes a shop of `events` events, and measures the features of parts of it, each in a process of its own.

    `seconds` and `peak_mb` are those of all events; `growth` is how many times longer they took than a tenth of them.
    """
    if events < 1000:
        raise SettingError("a bench of features needs 1,000 events or more")
    seconds, peak, customers = {}, 0.0, 0
    with tempfile.TemporaryDirectory(prefix="shopkeeper-features-") as folder:
        for done, part in enumerate(STEPS):
            inputs.report("features", done, len(STEPS))
            number = int(events * part)
            made = make(Path(folder) / str(number), number)
            with Worker(_opened, made) as worker:
                worker.ready()
                timed = worker.do(None)
                seconds[part], customers, peak = timed.seconds, timed.result, worker.peak_mb()
    inputs.report("features", len(STEPS), len(STEPS))
    metrics = {
        "events": float(events),
        "customers": float(customers),
        "seconds": seconds[1.0],
        "events_per_second": events / seconds[1.0],
        "growth": seconds[1.0] / seconds[STEPS[0]],
        "peak_mb": peak,
    }
    return Outcome(metrics=metrics | {f"by_events/{int(events * part)}": took for part, took in seconds.items()})


def make(folder: Path, events: int) -> Path:
    """Writes canonical tables of a made-up shop with `events` events over two years into `folder`; gives `folder`."""
    folder.mkdir(parents=True)
    customers = max(events // _EVENTS_OF_A_CUSTOMER, 1)
    backend = ibis.duckdb.connect()
    for name, query in _queries(events, customers).items():
        backend.raw_sql(f"COPY ({query}) TO '{folder / f'{name}.parquet'}' (FORMAT parquet)")
    for name in TABLES:
        if not (folder / f"{name}.parquet").exists():
            empty(name).to_parquet(folder / f"{name}.parquet")
    return folder


class Tables:
    """The Parquet files of a folder as canonical tables of one DuckDB."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._backend = ibis.duckdb.connect()

    def table(self, name: str) -> ibis.Table:
        """The canonical table `name`."""
        return self._backend.read_parquet(self._folder / f"{name}.parquet", table_name=name)


def _opened(folder: Path) -> Callable[[Any], Any]:
    tables = Tables(folder)
    return lambda _: len(customer_features(tables, as_of=_NOW))


def _queries(events: int, customers: int) -> dict[str, str]:
    """Each table that is not empty. What is drawn hangs on the hash of a row's number: the same rows every time."""

    def drawn(salt: int, below: int) -> str:
        return f"(hash(i * 31 + {salt}) % {below})"

    def one_of(salt: int, values: tuple[str, ...]) -> str:
        return f"[{', '.join(map(repr, values))}][1 + {drawn(salt, len(values))}::INTEGER]"

    # A few customers do most of the shopping, and a few products are most of what is bought.
    customer = f"'c' || CAST(floor({customers} * pow({drawn(1, 10**6)} / 1e6, 2)) AS BIGINT)"
    product = f"'p' || CAST(floor({_PRODUCTS} * pow({drawn(2, 10**6)} / 1e6, 3)) AS BIGINT)"
    at = f"TIMESTAMP '{_NOW}' - to_seconds({drawn(3, 730 * 86400)} + 1)"
    return {
        "customers": f"""SELECT 'c' || i AS customer_id, TIMESTAMP '2023-12-01' AS joined_at
            FROM range({customers}) t(i)""",
        "products": f"""SELECT 'p' || i AS product_id, {one_of(4, _WORDS)} || ' ' || {one_of(5, _WORDS)} AS title,
            NULL::VARCHAR AS description, 'category ' || {drawn(6, 40)} AS category FROM range({_PRODUCTS}) t(i)""",
        "relations": f"""SELECT 'c' || {drawn(7, customers)} AS customer_id, 'c' || {drawn(8, customers)} AS other_id,
            'friend' AS kind FROM range({customers}) t(i)""",
        "events": f"""SELECT 'e' || i AS event_id, {at} AS at, {customer} AS customer_id, NULL::VARCHAR AS session_id,
            kind, CASE WHEN kind IN ('search', 'email_sent') THEN NULL ELSE {product} END AS product_id,
            CASE WHEN kind = 'purchase' THEN 1.0 + {drawn(9, 3)} END AS quantity,
            CASE WHEN kind = 'purchase' THEN 5.0 + {drawn(10, 4000)} / 100 END AS unit_price,
            NULL::VARCHAR AS order_id, CASE WHEN kind = 'search' THEN {one_of(11, _WORDS)} END AS text
            FROM (SELECT i, {one_of(12, _KINDS)} AS kind FROM range({events}) t(i))""",
    }
