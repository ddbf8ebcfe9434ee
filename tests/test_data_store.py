"""The analysis store: snapshots that are immutable, named by content and swapped whole."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest

from data.errors import DataError, SettingError, StoreError
from data.schema import TABLES
from data.store import Snapshot, Store


def shop(price: float = 4.5) -> dict[str, pd.DataFrame]:
    return {
        "products": pd.DataFrame(
            {"product_id": ["2", "1"], "title": ["Lamp 灯", "Mug ☕"], "price": price, "active": True}
        ),
        "events": pd.DataFrame(
            {
                "event_id": ["b", "a"],
                "at": ["2024-01-02 10:00", "2024-01-01 09:00"],
                "kind": ["view", "purchase"],
                "quantity": [None, 2],
            }
        ),
    }


def write(store: Store, tables: dict[str, pd.DataFrame], **more: object) -> Snapshot:
    return store.write(tables, name="Corner Shop", currency="EUR", source="test", **more)  # type: ignore[arg-type]


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def test_an_empty_store_says_how_to_fill_it(tmp_path: Path) -> None:
    store = Store(tmp_path / "var")
    assert not store.has_snapshot
    with pytest.raises(StoreError, match="is empty: run `shopkeeper ingest"):
        store.snapshot()
    with pytest.raises(StoreError, match="is empty"):
        _ = store.models_path


def test_a_store_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(SettingError, match="a store is a folder"):
        Store(tmp_path / "file")


def test_what_was_written_is_read_in_canonical_order_and_types(tmp_path: Path) -> None:
    store = Store(tmp_path)
    snapshot = write(store, shop())
    assert (snapshot.name, snapshot.currency, snapshot.as_of) == (
        "Corner Shop",
        "EUR",
        pd.Timestamp("2024-01-02 10:00"),
    )
    events = snapshot.frame("events")
    assert events["event_id"].tolist() == ["a", "b"]
    assert snapshot.frame("products")["title"].tolist() == ["Mug ☕", "Lamp 灯"]
    for name, schema in TABLES.items():
        schema.validate(snapshot.frame(name))
        assert snapshot.table(name).count().execute() == len(snapshot.frame(name))
    bought = snapshot.table("events").filter(lambda event: event.kind == "purchase")
    assert bought.quantity.sum().execute() == 2.0
    assert store.models_path == tmp_path / "models" / snapshot.id
    assert store.index_path == tmp_path / "index" / snapshot.id


def test_adding_a_column_to_a_frame_does_not_change_the_snapshot(tmp_path: Path) -> None:
    snapshot = write(Store(tmp_path), shop())
    frame = snapshot.frame("events")
    frame["extra"] = 1
    assert "extra" not in snapshot.frame("events")


def test_the_same_content_changes_nothing_and_other_content_another_id(tmp_path: Path) -> None:
    store = Store(tmp_path)
    first = write(store, shop())
    before = files(tmp_path)
    shuffled = {name: frame.iloc[::-1] for name, frame in shop().items()}
    assert write(store, shuffled).id == first.id
    assert files(tmp_path) == before
    second = write(store, shop(price=5.0))
    assert second.id != first.id
    assert store.snapshot().id == second.id
    assert store.snapshot(first.id).frame("products")["price"].tolist() == [4.5, 4.5]
    assert write(store, shop()).id == first.id == store.snapshot_id


def test_a_table_that_breaks_its_schema_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    store = Store(tmp_path)
    write(store, shop())
    before = files(tmp_path)
    broken = shop()
    broken["events"]["kind"] = ["view", "sneeze"]
    with pytest.raises(DataError, match=r"table events: column kind, row 1: 'sneeze'"):
        write(store, broken)
    assert files(tmp_path) == before


def test_a_write_that_fails_halfway_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    store = Store(tmp_path)
    write(store, shop())
    before = files(tmp_path)
    unwritable = {"plans": pd.DataFrame({"mixed": [1, "one", object()]})}
    with pytest.raises(Exception, match="mixed"):
        write(store, shop(price=5.0), truth=unwritable)
    assert store.snapshot().id in next(iter(before.values())).decode()
    assert {name for name in files(tmp_path) if "unfinished" in name} == set()


def test_the_truth_lies_apart_from_the_snapshot(tmp_path: Path) -> None:
    store = Store(tmp_path)
    snapshot = write(store, shop(), truth={"uplift": pd.DataFrame({"customer_id": ["1"], "uplift": [0.1]})})
    assert (tmp_path / "truth" / snapshot.id / "uplift.parquet").exists()
    assert snapshot.meta["generated"] is True
    assert not [path for path in snapshot.path.iterdir() if "uplift" in path.name]


def test_two_writers_at_once_are_told_apart(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store.writing(), pytest.raises(StoreError, match="something else is writing"), Store(tmp_path).writing():
        pytest.fail("the second writer was let in")
    with store.writing():
        write(store, shop())


def test_what_a_killed_writer_left_is_swept_away(tmp_path: Path) -> None:
    left = tmp_path / "snapshots" / ".unfinished-x"
    left.mkdir(parents=True)
    (left / "events.parquet").write_bytes(b"half")
    with Store(tmp_path).writing():
        assert not left.exists()


def test_a_damaged_store_is_one_clear_error(tmp_path: Path) -> None:
    store = Store(tmp_path)
    snapshot = write(store, shop())
    os.remove(snapshot.path / "events.parquet")
    with pytest.raises(StoreError, match=r"events.parquet is missing"):
        store.snapshot().frame("events")
    with pytest.raises(StoreError, match="has no snapshot 123"):
        store.snapshot("123")


def test_a_shop_without_events_has_a_present(tmp_path: Path) -> None:
    store = Store(tmp_path)
    orders = pd.DataFrame({"order_id": ["1"], "placed_at": ["2024-03-01"], "status": ["shipped"]})
    assert write(store, {"orders": orders}).as_of == pd.Timestamp("2024-03-01")
    assert write(store, {}).as_of == pd.Timestamp("1970-01-01")


def test_an_unknown_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="no canonical table 'evnets'"):
        write(Store(tmp_path), {"evnets": pd.DataFrame()})
    with pytest.raises(KeyError, match="no canonical table 'evnets'"):
        write(Store(tmp_path), {}).frame("evnets")


def test_several_threads_may_ask_one_snapshot(tiny_store: Store) -> None:
    snapshot = tiny_store.snapshot()
    events = snapshot.table("events")
    products = sorted(set(snapshot.frame("events")["product_id"]))

    def sold(product: str) -> int:
        return int(events.filter(events["product_id"] == product).count().execute())

    alone = [sold(product) for product in products]
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(sold, products * 8)) == alone * 8
