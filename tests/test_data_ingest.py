"""Ingestion: idempotent, additive, all or nothing."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data.errors import DataError, SettingError
from data.ingest import IngestReport, ingest
from data.store import Store

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
NAMES = {"10001": "BLUE MUG", "10002": "RED TEAPOT", "10003": "GLASS LANTERN", "10004": "PAPER BUNTING"}
MAP = "shop: {name: Log, currency: GBP}\ncolumns: {at: at, kind: kind, customer_id: who, product_id: sku}\n"


def month(path: Path, number: int, *, price: float = 4.0) -> Path:
    """A file of invoices of one month of 2024: 60 lines, one of them twice, and one of postage."""
    generator = np.random.default_rng(number)
    lines = [HEADER]
    for line in range(60):
        day = 1 + line // 3
        code = str(10001 + int(generator.integers(4)))
        who = "" if line % 7 == 0 else str(12000 + int(generator.integers(9)))
        at = f"2024-{number:02}-{day:02} 10:{line:02}:00"
        lines.append(f"{number}{line // 2:04},{code},{NAMES[code]},{1 + line % 3},{at},{price},{who},France")
    lines += [lines[-1], f"{number}0099,POST,POSTAGE,1,2024-{number:02}-20 12:00:00,9.0,,France"]
    path.write_text("\n".join(lines) + "\n")
    return path


def take(store: Store, path: Path, **more: object) -> IngestReport:
    return ingest(store, path, format="online-retail", **more)  # type: ignore[arg-type]


def files(root: Path) -> dict[str, tuple[int, bytes]]:
    found = sorted(path for path in root.rglob("*") if path.is_file() and path.name != ".lock")
    return {str(path.relative_to(root)): (path.stat().st_mtime_ns, path.read_bytes()) for path in found}


@pytest.fixture(scope="module")
def first_month(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, IngestReport]:
    """A folder with January's file and a store that holds it, and the report of that ingestion."""
    folder = tmp_path_factory.mktemp("first")
    return folder, take(Store(folder / "var"), month(folder / "m1.csv", 1))


@pytest.fixture
def january(first_month: tuple[Path, IngestReport], tmp_path: Path) -> Path:
    """January's file, in a folder of its own beside a store `var` that holds it."""
    shutil.copytree(first_month[0], tmp_path, dirs_exist_ok=True)
    return tmp_path / "m1.csv"


@pytest.fixture
def store(january: Path) -> Store:
    """A store that holds January."""
    return Store(january.parent / "var")


def test_every_row_is_an_event_or_kept_with_its_reason(first_month: tuple[Path, IngestReport]) -> None:
    folder, report = first_month
    snapshot = Store(folder / "var").snapshot()
    assert report.changed
    assert (report.rows, report.new_events, report.known_events) == (62, 61, 0)
    assert report.rejected == {"not a product: postage, fee, voucher or correction": 1}
    assert len(snapshot.frame("events")) + len(snapshot.rejects()) == report.rows
    assert snapshot.rejects()[["source", "row", "column"]].to_numpy().tolist() == [["m1.csv", 63, "StockCode"]]
    assert "62 rows read, 61 new events, 1 row kept apart" in report.summary
    assert (snapshot.name, snapshot.currency) == ("Online Retail", "GBP")
    assert report.quality_path.read_text().startswith("<!doctype html>")


def test_what_the_source_does_not_say_is_derived_or_stays_unknown(store: Store) -> None:
    products = store.snapshot().frame("products").set_index("product_id")
    assert products["category"].to_dict() == {
        "10001": "Kitchen",
        "10002": "Kitchen",
        "10003": "Lighting",
        "10004": "Party",
    }
    assert products["category_derived"].all()
    assert products["price"].eq(4.0).all()
    assert products["active"].all()
    assert products[["cost", "stock"]].isna().all(axis=None)
    assert store.snapshot().frame("customers")[["consent_email", "consent_sms"]].isna().all(axis=None)


def test_the_same_file_again_changes_nothing(store: Store, january: Path) -> None:
    first = store.snapshot_id
    before = {name: content for name, (_, content) in files(store.root).items()}
    again = take(store, january.rename(january.with_name("renamed.csv")))
    assert (again.changed, again.new_events, again.known_events) == (False, 0, 61)
    assert again.snapshot_id == first
    assert "already in the store" in again.summary
    assert {name: content for name, (_, content) in files(store.root).items()} == before


def test_a_second_file_adds_to_the_first_in_either_order(store: Store, january: Path, tmp_path: Path) -> None:
    february = month(tmp_path / "m2.csv", 2, price=5.0)
    report = take(store, february)
    assert (report.new_events, len(store.snapshot().frame("events"))) == (61, 122)
    assert store.snapshot().frame("products")["price"].tolist() == [5.0] * 4
    assert take(store, january).snapshot_id == report.snapshot_id
    other = Store(tmp_path / "other")
    take(other, february)
    assert take(other, january).snapshot_id == report.snapshot_id


def test_an_overlapping_file_adds_only_what_is_new(store: Store, january: Path, tmp_path: Path) -> None:
    february = month(tmp_path / "m2.csv", 2)
    both = tmp_path / "both.csv"
    both.write_text(january.read_text() + february.read_text().split("\n", 1)[1])
    report = take(store, both)
    assert (report.new_events, report.known_events) == (61, 61)


def test_what_a_source_gave_is_not_replaced_by_what_events_tell(store: Store, tmp_path: Path) -> None:
    bare = "when,what,who,sku,paid\n" + "".join(f"2024-03-{day:02},purchase,12000,10001,9.0\n" for day in range(1, 25))
    (tmp_path / "bare.csv").write_text(bare)
    columns = (
        "shop: {currency: GBP}\ncolumns: {at: when, kind: what, customer_id: who, product_id: sku, unit_price: paid}"
    )
    (tmp_path / "bare.yaml").write_text(columns)
    title = store.snapshot().frame("products").set_index("product_id")["title"]["10001"]
    ingest(store, tmp_path / "bare.csv", format="events", map_file=tmp_path / "bare.yaml")
    product = store.snapshot().frame("products").set_index("product_id").loc["10001"]
    assert (product["title"], product["category"], product["price"]) == (title, "Kitchen", 9.0)
    (tmp_path / "list.csv").write_text(bare.replace("paid", "paid,list").replace(",9.0\n", ",8.0,12.0\n"))
    (tmp_path / "list.yaml").write_text(columns + "\nproducts: {price: list}")
    ingest(store, tmp_path / "list.csv", format="events", map_file=tmp_path / "list.yaml")
    later = bare.replace("2024-03", "2024-04").replace(",9.0\n", ",5.0\n")
    (tmp_path / "later.csv").write_text(later)
    ingest(store, tmp_path / "later.csv", format="events", map_file=tmp_path / "bare.yaml")
    assert store.snapshot().frame("products").set_index("product_id")["price"]["10001"] == 12.0


def test_a_discounted_day_is_promoted_and_a_price_follows_the_last_weeks(tmp_path: Path) -> None:
    store = Store(tmp_path / "var")
    lines = [
        f"5{day:02},10001,BLUE MUG,1,2024-01-{day:02} 10:00:00,{2.0 if day == 9 else 4.0},12000,France"
        for day in range(1, 29)
    ]
    lines += [f"6{day:02},10001,BLUE MUG,1,2024-03-{day:02} 10:00:00,4.4,12000,France" for day in range(1, 9)]
    (tmp_path / "prices.csv").write_text("\n".join([HEADER, *lines]) + "\n")
    take(store, tmp_path / "prices.csv")
    days = store.snapshot().frame("product_days")
    assert days.loc[days["promoted"], "day"].tolist() == [pd.Timestamp("2024-01-09")]
    assert len(days) == 36
    assert store.snapshot().frame("products")["price"].tolist() == [4.4]


@pytest.mark.parametrize("stage", ["reading", "merging", "writing"])
def test_an_interruption_leaves_the_store_as_it_was(store: Store, tmp_path: Path, stage: str) -> None:
    before = files(store.root)

    def interrupt(message: str) -> None:
        if message == stage:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        take(store, month(tmp_path / "m2.csv", 2), progress=interrupt)
    assert files(store.root) == before
    with store.writing():
        assert store.snapshot().frame("events")["at"].dt.month.unique().tolist() == [1]


def test_a_broken_file_leaves_the_store_as_it_was(store: Store, tmp_path: Path) -> None:
    before = files(store.root)
    broken = month(tmp_path / "m2.csv", 2)
    broken.write_text(broken.read_text().replace("2024-02-20", "20 February"))
    with pytest.raises(DataError, match=r"m2.csv, row \d+, column InvoiceDate: '20 February"):
        take(store, broken)
    assert files(store.root) == before


def test_a_file_without_a_usable_row_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path / "var")
    path = tmp_path / "postage.csv"
    path.write_text(f"{HEADER}\n1,POST,POSTAGE,1,2024-01-01 10:00:00,9.0,,France\n")
    with pytest.raises(DataError, match=r"none of the 1 rows can be used .most often: not a product"):
        take(store, path)
    assert not store.has_snapshot


def test_assumed_consent_is_recorded_and_a_refusal_stays(store: Store, january: Path, tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("at,kind,who,sku,ok\n2023-01-01,view,12001,10001,no\n2023-01-02,view,12002,10001,yes\n")
    (tmp_path / "map.yaml").write_text(MAP + "customers: {consent_email: ok}\n")
    plain = ingest(store, log, format="events", map_file=tmp_path / "map.yaml")
    report = take(store, january, assume_consent="club members")
    assert report.changed
    assert report.snapshot_id != plain.snapshot_id
    customers = store.snapshot().frame("customers").set_index("customer_id")
    assert customers["consent_email"].drop("12001").all()
    assert not customers["consent_email"]["12001"]
    assert customers["consent_sms"].all()
    assert set(customers["consent_source"]) == {"club members"}
    assert take(store, january).snapshot_id == report.snapshot_id
    with pytest.raises(SettingError, match="needs a reason"):
        take(store, january, assume_consent=" ")


def test_a_generated_shop_is_replaced_not_mixed(tmp_path: Path) -> None:
    store = Store(tmp_path / "var")
    events = pd.DataFrame({"event_id": ["demo"], "at": ["2024-05-01"], "kind": ["view"]})
    store.write({"events": events}, name="Demo", currency="EUR", source="demo", truth={"t": pd.DataFrame({"x": [1]})})
    report = take(store, month(tmp_path / "m1.csv", 1))
    assert report.replaced_demo
    assert store.snapshot().name == "Online Retail"
    assert "demo" not in set(store.snapshot().frame("events")["event_id"])


def test_another_currency_needs_another_store(tmp_path: Path) -> None:
    store = Store(tmp_path / "var")
    events = pd.DataFrame({"event_id": ["e"], "at": ["2024-05-01"], "kind": ["view"]})
    store.write({"events": events}, name="Corner Shop", currency="EUR", source="test")
    with pytest.raises(DataError, match="counts in GBP, but the store holds Corner Shop in EUR"):
        take(store, month(tmp_path / "m1.csv", 1))


def test_an_unknown_format_names_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="no format 'excel': choose one of online-retail, events"):
        ingest(Store(tmp_path / "var"), tmp_path / "x.csv", format="excel")
