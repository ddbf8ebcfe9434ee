"""Source files of the two formats, whole and broken."""

import gzip
import json
from pathlib import Path

import pandas as pd
import pytest
import yaml

from data.adapters import ADAPTERS, Extract
from data.errors import DataError, SettingError, ShopkeeperError

RETAIL = """InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
536365,85123A,WHITE HANGING HEART T-LIGHT HOLDER,6.0,2010-12-01 08:26:00,2.55,17850.0,United Kingdom
536365,71053,WHITE METAL LANTERN,6.0,2010-12-01 08:27:00,3.39,17850.0,United Kingdom
536366,85123a,white hanging heart t-light holder ,2.0,2010-12-01 09:00:00,2.55,,EIRE
536366,POST,POSTAGE,1.0,2010-12-01 09:00:00,18.0,,EIRE
536367,71053,damaged,-4.0,2010-12-01 10:00:00,0.0,,United Kingdom
C536379,71053,WHITE METAL LANTERN,-2.0,2010-12-02 09:41:00,3.39,17850.0,EIRE
536380,22016,Dotcomgiftshop Gift Voucher £100.00,1.0,2010-12-02 10:00:00,83.0,,United Kingdom
C536381,71053,WHITE METAL LANTERN,2.0,2010-12-02 10:00:00,3.39,,United Kingdom
536382,85123A,WHITE HEART,1.0,2010-12-02 10:30:00,2.95,12346.0,Unspecified
536383,10002,,1.0,2010-12-02 11:00:00,0.85,12346.0,Unspecified
"""

TAOBAO_MAP = """
shop: {name: Taobao, currency: CNY}
header: [user_id, item_id, category_id, behavior_type, timestamp, price]
columns: {at: timestamp, kind: behavior_type, customer_id: user_id, product_id: item_id, unit_price: price}
time: {unit: s}
values: {kind: {pv: view, fav: null, cart: add_to_cart, buy: purchase}}
constants: {channel: web}
products: {category: category_id}
"""
TAOBAO = """1,2268318,2520377,pv,1511544070,10
1,2268318,2520377,cart,1511544080,10
1,2268318,2520377,buy,1511544090,10
1,2333346,2520771,buy,1511561733,20
1,2333346,2520771,buy,1511641733,20
2,2576651,149192,fav,1511572885,5
2,2576651,149192,hover,1511572885,5
2,,149192,buy,1511572886,5
2,2576651,149192,pv,1511572887,5
2,2576651,149192,pv,-99999999999999,5
"""


def retail(tmp_path: Path, text: str = RETAIL, name: str = "retail.csv") -> Extract:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return ADAPTERS["online-retail"](path, None)


def log(tmp_path: Path, text: str = TAOBAO, column_map: str = TAOBAO_MAP, name: str = "log.csv") -> Extract:
    (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "map.yaml").write_text(column_map, encoding="utf-8")
    return ADAPTERS["events"](tmp_path / name, tmp_path / "map.yaml")


def test_online_retail(tmp_path: Path) -> None:
    found = retail(tmp_path)
    assert (found.currency, found.rows) == ("GBP", 10)
    events = found.tables["events"].set_index("order_id")
    assert events["kind"].value_counts().to_dict() == {"purchase": 5, "return": 1}
    assert events.loc["C536379", "quantity"] == 2
    assert events.loc["536366", "product_id"] == "85123A"
    assert events["customer_id"].isna().to_dict()["536366"]
    orders = found.tables["orders"].set_index("order_id")
    assert orders.loc["536365", "placed_at"] == pd.Timestamp("2010-12-01 08:26")
    assert "C536379" not in orders.index
    customers = found.tables["customers"].set_index("customer_id")
    assert customers["country"].fillna("unknown").to_dict() == {"17850": "Ireland", "12346": "unknown"}
    assert found.tables["products"].set_index("product_id")["title"].to_dict() == {
        "85123A": "White Hanging Heart T-Light Holder",
        "71053": "White Metal Lantern",
        "10002": "Product 10002",
    }
    assert {"stock", "cost", "price"}.isdisjoint(found.tables["products"].columns)
    assert found.rejects.groupby("reason")["row"].apply(list).to_dict() == {
        "not a product: postage, fee, voucher or correction": [5, 8],
        "the price is not above zero": [6],
        "the sign of the quantity contradicts the invoice": [9],
    }
    assert len(events) + len(found.rejects) == found.rows


def test_online_retail_of_the_second_edition_and_in_latin_script(tmp_path: Path) -> None:
    text = RETAIL.replace("InvoiceNo", "Invoice").replace("UnitPrice", "Price").replace("CustomerID", "Customer ID")
    path = tmp_path / "retail.csv.gz"
    path.write_bytes(gzip.compress(text.encode("cp1252")))
    assert len(ADAPTERS["online-retail"](path, None).tables["events"]) == 6


def test_a_log_by_its_map(tmp_path: Path) -> None:
    found = log(tmp_path)
    events = found.tables["events"]
    assert events["kind"].tolist() == ["view", "add_to_cart", "purchase", "purchase", "purchase", "view"]
    assert events["quantity"].fillna(0).tolist() == [0, 1, 1, 1, 1, 0]
    assert events["at"].iloc[0] == pd.Timestamp("2017-11-24 17:21:10")
    assert set(events["channel"]) == {"web"}
    assert found.tables["orders"]["order_id"].tolist() == ["O-1-20171124", "O-1-20171125"]
    products = found.tables["products"].set_index("product_id")
    assert (products["title"]["2268318"], products["category"]["2268318"]) == ("Product 2268318", "2520377")
    assert (found.name, found.currency) == ("Taobao", "CNY")
    assert found.rejects.set_index("row")["reason"].to_dict() == {
        6: "left out by the map",
        7: "unknown kind of event",
        8: "no product",
        10: "no time, or none of the calendar",
    }


def test_the_same_log_as_json_lines_and_parquet(tmp_path: Path) -> None:
    names = ["user_id", "item_id", "category_id", "behavior_type", "timestamp", "price"]
    frame = pd.DataFrame([line.split(",") for line in TAOBAO.splitlines()], columns=names)
    frame["timestamp"] = frame["timestamp"].astype("int64")
    frame["item_id"] = pd.to_numeric(frame["item_id"]).astype("Int64")
    bare_map = "\n".join(line for line in TAOBAO_MAP.splitlines() if not line.startswith("header"))
    (tmp_path / "map.json").write_text(json.dumps(yaml.safe_load(bare_map)))
    frame.to_json(tmp_path / "log.jsonl.gz", orient="records", lines=True)
    frame.to_parquet(tmp_path / "log.parquet")
    expected = log(tmp_path).tables["events"]
    for name in ("log.jsonl.gz", "log.parquet"):
        events = ADAPTERS["events"](tmp_path / name, tmp_path / "map.json").tables["events"]
        pd.testing.assert_frame_equal(events.reset_index(drop=True), expected.reset_index(drop=True))


def test_long_numbers_of_json_stay_whole(tmp_path: Path) -> None:
    lines = '{"at": "2024-01-01", "kind": "view", "item": 9007199254740993}\n\n{"at": "2024-01-01", "kind": "view"}\n'
    events = log(tmp_path, lines, "columns: {at: at, kind: kind, product_id: item}", "log.jsonl").tables["events"]
    assert events["product_id"].fillna("none").to_dict() == {1: "9007199254740993", 3: "none"}


def test_products_and_customers_of_a_log(tmp_path: Path) -> None:
    text = (
        "when,what,who,sku,name,eur,mail,ok\n"
        "2024-01-02,purchase,7,A1,Blue Mug,5.00,ann@example.org,yes\n"
        "2024-01-01,purchase,7,A1,Mug,4.00,,\n"
        "2024-01-03,view,8,,,,bob@example.org,no\n"
    )
    column_map = (
        "shop: {currency: EUR}\ncolumns: {at: when, kind: what, customer_id: who, product_id: sku, unit_price: eur}\n"
        "products: {title: name, price: eur}\ncustomers: {email: mail, consent_email: ok}"
    )
    found = log(tmp_path, text, column_map)
    product = found.tables["products"].iloc[0]
    assert (product["product_id"], product["title"], product["price"]) == ("A1", "Blue Mug", 5.0)
    customers = found.tables["customers"].set_index("customer_id")
    assert customers["consent_email"].tolist() == [True, False]
    assert customers.loc["7", "email"] == "ann@example.org"
    assert customers.loc["7", "joined_at"] == pd.Timestamp("2024-01-01")
    assert "category" in found.derive
    assert "price" not in found.derive


def test_what_a_log_writes_loosely_is_understood_or_kept_with_its_reason(tmp_path: Path) -> None:
    text = (
        "id,when,what,who,sku,n,left\n"
        "1,2024-01-01,purchase,7,A1,2,4\n"
        "1,2024-01-01,purchase,7,B2,1,3\n"
        "2,2024-01-02,add_to_cart,7,A1,,-1\n"
        "3,2024-01-03,return,7,A1,-2,5\n"
        "4,2024-01-03,view,test,A1,,5\n"
    )
    column_map = (
        "columns: {event_id: id, at: when, kind: what, customer_id: who, product_id: sku, quantity: n}\n"
        "products: {stock: left}\nvalues: {customer_id: {test: null}}"
    )
    found = log(tmp_path, text, column_map)
    assert found.tables["events"]["quantity"].tolist() == [2, 1, 2]
    assert found.rejects.set_index("row")["reason"].to_dict() == {
        3: "an event of this id stands in an earlier row",
        6: "left out by the map",
    }
    assert found.tables["products"]["stock"].tolist() == [5]


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (
            RETAIL.replace("3.39,17850.0,United", "three,17850.0,United"),
            "row 3, column UnitPrice: 'three' is not a number",
        ),
        (RETAIL.replace("2010-12-01 09:00:00", "soon"), "row 4, column InvoiceDate: 'soon' is not a time"),
        (RETAIL.replace(",17850.0,United Kingdom\n", "\n", 1), "row 2 ends before column CustomerID"),
        (RETAIL.replace("WHITE METAL", "WHITE, METAL", 1), "row 3, column 9: 9 columns instead of 8"),
        (
            RETAIL.replace("TOR", "", 1).replace("WHITE HANGING", "WHITE, HANGING", 1),
            "row 2, column 9: 9 columns instead of 8",
        ),
        (RETAIL.replace("UnitPrice", "Cost"), "has no column 'UnitPrice': its columns are InvoiceNo"),
        (RETAIL.splitlines()[0] + "\n", "has no rows"),
        ("", "is empty"),
        (
            RETAIL.replace("2.95,12346.0,Uns", '2.95,12346.0,"Uns'),
            "row 10, column Country: a quotation mark is never closed",
        ),
        (RETAIL.replace("Quantity", "Country"), "row 1: the column 'Country' is there twice"),
        (
            RETAIL.replace("WHITE METAL", '"WHITE METAL', 1),
            "row 3, column Description: a quotation mark is never closed",
        ),
    ],
)
def test_a_broken_csv_file_is_one_clear_error(tmp_path: Path, broken: str, says: str) -> None:
    with pytest.raises(DataError, match=says):
        retail(tmp_path, broken)


def test_files_that_are_no_such_file(tmp_path: Path) -> None:
    whole = gzip.compress((RETAIL * 50).encode(), mtime=0)
    (tmp_path / "cut.csv.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "fake.csv.gz").write_text(RETAIL)
    (tmp_path / "fake.parquet").write_text(RETAIL)
    (tmp_path / "shop.xlsx").write_text("x")
    for name, says in (
        ("cut.csv.gz", r"is cut off after row \d+: fetch the file again"),
        ("fake.csv.gz", "not a sound gzip file"),
        ("fake.parquet", "not a sound Parquet file"),
        ("shop.xlsx", "neither CSV, JSON lines nor Parquet"),
        ("none.csv", "there is no file"),
    ):
        with pytest.raises(ShopkeeperError, match=says):
            ADAPTERS["online-retail"](tmp_path / name, None)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"at": "2024-01-01", ', r"log.jsonl, row 2, column \d+: no sound JSON"),
        ("[1, 2]", "row 2 is not an object"),
        ('{"at": {"day": 1}}', "row 2, column at: a nested value"),
    ],
)
def test_a_broken_line_of_json_is_named(tmp_path: Path, line: str, says: str) -> None:
    with pytest.raises(DataError, match=says):
        log(tmp_path, '{"at": "2024-01-01", "kind": "view"}\n' + line, "columns: {at: at, kind: kind}", "log.jsonl")


@pytest.mark.parametrize(
    ("column_map", "says"),
    [
        ("columns: {at: timestamp}", "does not say which column is 'kind'"),
        ("columns: {at: timestamp, kind: behavior_type, moon: x}", "at columns.moon"),
        ("columns: {at: timestamp, kind: behavior_type}\nspeed: 3", "at speed: Extra inputs"),
        ("columns: [", "neither YAML nor JSON"),
        ("", "at the whole"),
        (TAOBAO_MAP.replace(", currency: CNY", ""), "must name their currency"),
        (TAOBAO_MAP.replace("kind: behavior_type", "kind: behaviour"), "has no column 'behaviour'"),
        ("columns: {kind: behavior_type}\nconstants: {at: soon}", "at constants.at: 'soon' is no time"),
        (TAOBAO_MAP.replace("unit: s", 'format: "%d %k"'), "at time.format"),
    ],
)
def test_a_map_that_cannot_stand_is_one_clear_error(tmp_path: Path, column_map: str, says: str) -> None:
    with pytest.raises(ShopkeeperError, match=says):
        log(tmp_path, column_map=column_map)


def test_maps_where_they_belong(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(RETAIL)
    with pytest.raises(SettingError, match="takes no map"):
        ADAPTERS["online-retail"](tmp_path / "a.csv", tmp_path / "map.yaml")
    with pytest.raises(SettingError, match="needs a column map"):
        ADAPTERS["events"](tmp_path / "a.csv", None)
    with pytest.raises(SettingError, match="there is no map"):
        ADAPTERS["events"](tmp_path / "a.csv", tmp_path / "map.yaml")
