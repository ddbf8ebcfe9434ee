"""The analysis store: immutable Parquet snapshots of the canonical tables, read by in-memory DuckDB through Ibis.

root/
  current                  the id of the present snapshot; swapped atomically, so readers never wait
  snapshots/<id>/          <table>.parquet, rejects.parquet, meta.json; never changed once named
  models/<id>/ index/<id>/ what was fitted on that snapshot
  quality/<id>.html        its quality report
  shop.db                  operational records (data/operations.py)
  truth/<id>/              ground truth of a generated shop, for tests and benchmarks only
"""

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import ibis
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from ibis.backends.duckdb import Backend

from data.errors import SettingError, StoreError
from data.schema import TABLES, conform, empty

REJECTS = ("source", "row", "column", "reason", "record")
"""Columns of the rejected rows: file name, row number as a spreadsheet shows it, column, why, the row as JSON."""

_ORDER: dict[str, list[str]] = {
    "customers": ["customer_id"],
    "products": ["product_id"],
    "product_days": ["day", "product_id"],
    "orders": ["placed_at", "order_id"],
    "events": ["at", "event_id"],
    "relations": ["customer_id", "other_id", "kind"],
    "exposures": ["at", "decision_id"],
    "ad_spend": ["day", "channel"],
}
T = TypeVar("T")
_BEGINNING = pd.Timestamp(0)
_UNFINISHED = ".unfinished-"


class Snapshot:
    """One immutable state of a shop's tables.

    `id` is a hash of the content, `as_of` the time of the last event (of the last order or day where there
    are no events), `currency` an ISO code. The DuckDB behind it runs on one thread, so that sums of floats
    always add up in the same order and a replay gives the same bytes.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.meta: dict[str, Any] = _read_meta(path)
        self.id: str = self.meta["id"]
        self.name: str = self.meta["name"]
        self.currency: str = self.meta["currency"]
        self.as_of = pd.Timestamp(self.meta["as_of"])
        self._frames: dict[str, pd.DataFrame] = {}
        self._tables: dict[str, ibis.Table] = {}
        self._found: dict[Callable[[Snapshot], Any], Any] = {}
        self._lock = threading.RLock()

    @cached_property
    def backend(self) -> Backend:
        """The in-memory DuckDB of this snapshot, through Ibis."""
        backend: Backend = _InTurn().connect(threads=1)
        return backend

    def table(self, name: str) -> ibis.Table:
        """The canonical table `name` as an Ibis expression over its Parquet file."""
        with self._lock:
            if name not in self._tables:
                self._tables[name] = self.backend.read_parquet(self._file(name), table_name=name)
            return self._tables[name]

    def frame(self, name: str) -> pd.DataFrame:
        """The canonical table `name` in memory, with canonical types; read once, so change a copy of it only."""
        with self._lock:
            if name not in self._frames:
                self._frames[name] = _read_frame(self._file(name))
            return self._frames[name].copy(deep=False)

    def once(self, find: Callable[["Snapshot"], T]) -> T:
        """What `find` makes of this snapshot, kept as long as the snapshot: change nothing in it."""
        if find not in self._found:
            self._found[find] = find(self)
        found: T = self._found[find]
        return found

    def rejects(self) -> pd.DataFrame:
        """The rows that cleaning turned away, with the columns of `REJECTS`."""
        path = self.path / "rejects.parquet"
        return _read_frame(path) if path.exists() else pd.DataFrame(columns=list(REJECTS))

    def _file(self, name: str) -> Path:
        if name not in TABLES:
            raise KeyError(f"no canonical table {name!r}; there are {', '.join(TABLES)}")
        path = self.path / f"{name}.parquet"
        if not path.exists():
            raise StoreError(f"{path} is missing, so the store is damaged: delete its folder and ingest again")
        return path

    def __repr__(self) -> str:
        return f"Snapshot({self.id}, {self.name!r}, as of {self.as_of})"


class _InTurn(Backend):  # type: ignore[misc]  # Ibis has no types
    """DuckDB through Ibis, asked by several threads in turn: a second query on its connection would end the first."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._turn = threading.RLock()

    def execute(self, expr: Any, /, **options: Any) -> Any:
        """Runs a query once no other thread's is running."""
        with self._turn:
            return super().execute(expr, **options)

    def to_pyarrow(self, expr: Any, /, **options: Any) -> Any:
        """The same, as an Arrow table."""
        with self._turn:
            return super().to_pyarrow(expr, **options)


class Store:
    """A shop's folder: its present snapshot, and where its models, index and records lie."""

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)
        if self.root.exists() and not self.root.is_dir():
            raise SettingError(f"{self.root} is a file; a store is a folder, so name another path")

    @property
    def has_snapshot(self) -> bool:
        """Whether anything was ingested yet."""
        return self._pointer.exists()

    @property
    def snapshot_id(self) -> str:
        """The id of the present snapshot; `StoreError` while the store is empty."""
        try:
            return self._pointer.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            raise StoreError(
                f"the store {self.root} is empty: run `shopkeeper ingest FILE --format FORMAT` or `shopkeeper demo`"
            ) from None

    def snapshot(self, snapshot_id: str | None = None) -> Snapshot:
        """The present snapshot, or an earlier one by its id; `StoreError` when there is none."""
        wanted = snapshot_id or self.snapshot_id
        path = self.root / "snapshots" / wanted
        if not (path / "meta.json").exists():
            raise StoreError(f"the store {self.root} has no snapshot {wanted}: ingest its data again")
        return Snapshot(path)

    @property
    def models_path(self) -> Path:
        """Folder of the models fitted on the present snapshot."""
        return self.root / "models" / self.snapshot_id

    @property
    def index_path(self) -> Path:
        """Folder of the product index built from the present snapshot."""
        return self.root / "index" / self.snapshot_id

    @property
    def operations_path(self) -> Path:
        """The SQLite file of the operational records."""
        return self.root / "shop.db"

    @property
    def quality_path(self) -> Path:
        """The quality report of the present snapshot, as HTML."""
        return self.root / "quality" / f"{self.snapshot_id}.html"

    def write(
        self,
        tables: Mapping[str, pd.DataFrame],
        *,
        name: str,
        currency: str,
        source: str,
        truth: Mapping[str, pd.DataFrame] | None = None,
        rejects: pd.DataFrame | None = None,
    ) -> Snapshot:
        """Validates `tables` and makes them the present snapshot; all or nothing.

        Tables that are left out are written empty; rows are put into canonical order. The id is a hash of
        the content (with `rejects`), so the same content changes nothing. Raises `DataError` for a table that breaks
        its schema, and then, as after Ctrl-C, the store is as it was.
        """
        unknown = sorted(set(tables) - set(TABLES))
        if unknown:
            raise KeyError(f"no canonical table {unknown[0]!r}; there are {', '.join(TABLES)}")
        frames = {table: _canonical(table, tables.get(table)) for table in TABLES}
        if rejects is not None and len(rejects):
            frames["rejects"] = rejects[list(REJECTS)].sort_values(["source", "row"], kind="stable", ignore_index=True)
        meta = {
            "id": _content_hash(frames, name, currency),
            "name": name,
            "currency": currency,
            "as_of": _as_of(frames).isoformat(),
            "source": source,
            "generated": truth is not None,
            "rows": {table: len(frame) for table, frame in frames.items()},
        }
        self._publish(self.root / "snapshots" / str(meta["id"]), frames, meta)
        if truth:
            self._publish(self.root / "truth" / str(meta["id"]), truth, {"id": meta["id"]})
        if not self.has_snapshot or self.snapshot_id != meta["id"]:
            self._point_to(str(meta["id"]))
        return self.snapshot()

    def write_quality(self, html: str) -> Path:
        """Keeps `html` as the quality report of the present snapshot."""
        _replace_text(self.quality_path, html)
        return self.quality_path

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Holds off other writers of this store while the block reads, merges and writes."""
        self.root.mkdir(parents=True, exist_ok=True)
        with open(self.root / ".lock", "w", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise StoreError(
                    f"something else is writing to the store {self.root}: wait until it has ended"
                ) from None
            for left in (self.root / "snapshots").glob(f"{_UNFINISHED}*"):
                shutil.rmtree(left, ignore_errors=True)  # of a process that was killed
            yield

    @property
    def _pointer(self) -> Path:
        return self.root / "current"

    def _point_to(self, snapshot_id: str) -> None:
        _replace_text(self._pointer, snapshot_id + "\n")

    def _publish(self, folder: Path, frames: Mapping[str, pd.DataFrame], meta: Mapping[str, object]) -> None:
        """Writes a folder beside its final place and renames it there, unless it exists."""
        if (folder / "meta.json").exists():
            return
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=folder.parent))
        try:
            draft.chmod(0o755)  # mkdtemp's 0700 would hide the snapshot from a service under another user
            for table, frame in frames.items():
                pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), draft / f"{table}.parquet")
            (draft / "meta.json").write_text(json.dumps(meta, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
            try:
                draft.rename(folder)
            except OSError:
                if not (folder / "meta.json").exists():
                    raise  # else another process wrote the same content first
        finally:
            shutil.rmtree(draft, ignore_errors=True)


def _canonical(table: str, frame: pd.DataFrame | None) -> pd.DataFrame:
    if frame is None:
        return empty(table)
    return conform(table, frame).sort_values(_ORDER[table], kind="stable", ignore_index=True)


def _content_hash(frames: Mapping[str, pd.DataFrame], name: str, currency: str) -> str:
    digest = hashlib.sha256(f"{name}\0{currency}".encode())
    for table, frame in frames.items():
        digest.update(f"\0{table}\0{len(frame)}".encode())
        for column in frame.columns:
            digest.update(column.encode())
            digest.update(pd.util.hash_pandas_object(frame[column], index=False).to_numpy().tobytes())
    return digest.hexdigest()[:12]


def _as_of(frames: Mapping[str, pd.DataFrame]) -> pd.Timestamp:
    for table, column in (("events", "at"), ("orders", "placed_at"), ("product_days", "day")):
        if len(frames[table]):
            latest: pd.Timestamp = frames[table][column].max()
            return latest
    return _BEGINNING


def _read_meta(path: Path) -> dict[str, Any]:
    try:
        meta: dict[str, Any] = json.loads((path / "meta.json").read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        raise StoreError(f"{path / 'meta.json'} cannot be read: delete its folder and ingest again") from None
    return meta


_PANDAS_TYPES = {pa.string(): pd.StringDtype(), pa.large_string(): pd.StringDtype(), pa.bool_(): pd.BooleanDtype()}


def _read_frame(path: Path) -> pd.DataFrame:
    try:
        frame: pd.DataFrame = pq.read_table(path).to_pandas(types_mapper=_PANDAS_TYPES.get)
    except (OSError, pa.ArrowInvalid):
        raise StoreError(f"{path} cannot be read: delete its folder and ingest again") from None
    return frame


def _replace_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(prefix=_UNFINISHED, dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(draft, 0o644)
        os.replace(draft, path)
    finally:
        Path(draft).unlink(missing_ok=True)
