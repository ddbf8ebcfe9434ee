# ruff: noqa: E501 - lines of the exports are as long as they are
"""Exports of Shopify, Segment and Google Analytics 4 in their documented forms, whole and broken."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data.adapters import ADAPTERS, Extract
from data.errors import DataError, SettingError
from data.ingest import ingest
from data.store import Store

OLD_PRODUCTS = """Handle,Title,Body (HTML),Vendor,Product Category,Type,Tags,Published,Option1 Name,Option1 Value,Option2 Name,Option2 Value,Option3 Name,Option3 Value,Variant SKU,Variant Grams,Variant Inventory Tracker,Variant Inventory Qty,Variant Inventory Policy,Variant Price,Variant Compare At Price,Image Src,Image Position,Gift Card,Cost per item,Status
wool-socks,Wool Socks,<p>Warm &amp; <b>soft</b></p>,Fern,Apparel > Socks,,warm,TRUE,Colour,Red,Size,M,,,SOCK-R,100,shopify,12,deny,9.50,,https://cdn.example/s1.jpg,1,FALSE,4.00,active
wool-socks,,,,,,,,,Blue,,L,,,SOCK-B,100,shopify,-2,deny,10.50,,https://cdn.example/s2.jpg,2,,4.20,
wool-socks,,,,,,,,,,,,,,,,,,,,,https://cdn.example/s3.jpg,3,,,
tin-mug,Tin Mug,,Fern,,Kitchen,,true,Title,Default Title,,,,,,200,,,deny,7.00,,,,FALSE,,draft
gift,Gift Card,,Fern,,,,TRUE,Amount,10,,,,,,0,,,deny,10.00,,,,TRUE,,active
"""
NEW_PRODUCTS = """Title,URL handle,Description,Vendor,Product category,Type,Tags,Published on online store,Status,SKU,Barcode,Option1 name,Option1 value,Price,Compare-at price,Cost per item,Inventory tracker,Inventory quantity,Product image URL,Gift card
Wool Socks,wool-socks,Warm,Fern,Apparel > Socks,,warm,TRUE,Active,SOCK-R,,Colour,Red,9.50,,4.00,shopify,12,https://cdn.example/s1.jpg,FALSE
,wool-socks,,,,,,,,SOCK-B,,,Blue,10.50,,4.20,shopify,3,,
"""
ORDERS = """Name,Email,Financial Status,Paid at,Fulfillment Status,Accepts Marketing,Currency,Total,Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku,Billing Country,Shipping City,Shipping Country,Cancelled at,Source
#1001,Ada@Example.com,paid,2024-05-01 10:00:00 +0200,fulfilled,yes,EUR,26.00,2024-05-01 10:00:00 +0200,2,Wool Socks - Red / M,9.50,SOCK-R,DE,Berlin,DE,,web
#1001,Ada@Example.com,,,,,,,,1,Tin Mug,7.00,,,,,,
#1002,bob@example.com,refunded,,unfulfilled,no,EUR,10.50,2024-05-03 09:00:00 +0000,1,Wool Socks - Blue / L,10.50,SOCK-B,FR,Paris,FR,,web
#1003,ada@example.com,paid,,,,EUR,5.00,2024-05-04 09:00:00 +0000,1,Old Spoon,5.00,,,,,2024-05-05 09:00:00 +0000,web
#1004,,paid,,fulfilled,,USD,5.00,2024-05-06 09:00:00 +0000,1,Tin Mug,5.00,,,,,,pos
#1005,,paid,,fulfilled,,EUR,0,2024-05-06 09:00:00 +0000,0,Tin Mug,7.00,,,,,,pos
"""
CUSTOMERS = """Customer ID,First Name,Last Name,Email,Accepts Email Marketing,Default Address City,Default Address Country Code,Phone,Accepts SMS Marketing,Total Spent,Total Orders
'7001,Ada,L,ada@example.com,yes,Berlin,DE,'+4930123,no,31.00,2
'7002,Cleo,P,cleo@example.com,no,,,,no,0.00,0
"""


def folder(tmp_path: Path, **files: str) -> Path:
    place = tmp_path / "exports"
    place.mkdir()
    for name, text in files.items():
        (place / f"{name}.csv").write_text(text, encoding="utf-8")
    return place


def shopify(tmp_path: Path, **files: str) -> Extract:
    return ADAPTERS["shopify"](folder(tmp_path, **files), None)


def jsonl(tmp_path: Path, records: list[dict[str, Any]], name: str = "log.jsonl") -> Path:
    path = tmp_path / name
    path.write_text("\n".join(json.dumps(one) for one in records), encoding="utf-8")
    return path


def test_variants_and_pictures_of_shopify_stand_in_continuation_rows(tmp_path: Path) -> None:
    found = shopify(tmp_path, products=OLD_PRODUCTS).tables["products"].set_index("product_id")
    assert list(found.index) == ["SOCK-R", "SOCK-B", "tin-mug"]
    assert found["title"].tolist() == ["Wool Socks - Red / M", "Wool Socks - Blue / L", "Tin Mug"]
    assert found.at["SOCK-B", "description"] == "Warm & soft"
    assert found["category"].tolist() == ["Socks", "Socks", "Kitchen"]
    assert found["stock"].iloc[:2].tolist() == [12.0, 0.0]
    assert pd.isna(found.at["tin-mug", "stock"])  # nobody counts it
    assert found["active"].tolist() == [True, True, False]
    assert found["cost"].iloc[:2].tolist() == [4.0, 4.2]


def test_the_newer_headers_say_the_same(tmp_path: Path) -> None:
    found = shopify(tmp_path, products=NEW_PRODUCTS).tables["products"].set_index("product_id")
    assert found["title"].to_dict() == {"SOCK-R": "Wool Socks - Red", "SOCK-B": "Wool Socks - Blue"}
    assert found["price"].tolist() == [9.5, 10.5]
    assert found["stock"].tolist() == [12.0, 3.0]
    assert found["brand"].tolist() == ["Fern", "Fern"]


def test_orders_find_their_products_and_customers(tmp_path: Path) -> None:
    found = shopify(tmp_path, a_products=OLD_PRODUCTS, b_orders=ORDERS, c_customers=CUSTOMERS)
    events = found.tables["events"]
    bought = events[events["kind"] == "purchase"]
    assert bought["product_id"].tolist() == ["SOCK-R", "tin-mug", "SOCK-B", "old-spoon"]
    assert bought["customer_id"].iloc[[0, 1, 3]].tolist() == ["7001"] * 3
    assert bought["at"].iloc[0] == pd.Timestamp("2024-05-01 08:00")
    assert found.currency == "EUR"
    back = events[events["kind"] == "return"]
    assert sorted(back["order_id"]) == ["#1002", "#1003"]
    assert back.set_index("order_id").at["#1003", "at"] == pd.Timestamp("2024-05-05 09:00")
    orders = found.tables["orders"].set_index("order_id")["status"]
    assert orders.to_dict() == {"#1001": "delivered", "#1002": "returned", "#1003": "cancelled"}
    customers = found.tables["customers"].set_index("customer_id")
    assert len(customers) == 3
    assert customers.at["7001", "consent_email"]
    assert customers.at["7001", "phone"] == "+4930123"
    guest = customers[customers["email"] == "bob@example.com"].iloc[0]
    assert guest.name.startswith("S-")
    assert "bob" not in guest.name
    assert guest["consent_email"] is False or not guest["consent_email"]
    products = found.tables["products"].set_index("product_id")
    assert not products.at["old-spoon", "active"]  # listed no more
    reasons = dict(found.rejects["reason"].value_counts())
    assert reasons == {"a gift card": 1, "counts in another currency": 1, "the quantity is not above zero": 1}


def test_shopify_joins_a_store_and_a_later_catalogue_stands(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    place = folder(tmp_path, products=OLD_PRODUCTS, orders=ORDERS, customers=CUSTOMERS)
    first = ingest(store, place, format="shopify")
    assert first.new_events == 6
    assert not ingest(store, place, format="shopify").changed
    later = tmp_path / "later.csv"
    later.write_text(OLD_PRODUCTS.replace("9.50", "8.00"), encoding="utf-8")
    assert ingest(store, later, format="shopify").changed
    products = store.snapshot().frame("products").set_index("product_id")
    assert products.at["SOCK-R", "price"] == 8.0
    assert "old-spoon" in products.index


def test_files_that_are_no_export_of_shopify(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is no export of products, orders or customers"):
        shopify(tmp_path, other="a,b\n1,2\n")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SettingError, match="there is no CSV file"):
        ADAPTERS["shopify"](tmp_path / "empty", None)
    broken = folder(tmp_path / "empty", products=OLD_PRODUCTS.replace("10.50", "ten"))
    with pytest.raises(DataError, match=r"products.csv, row 3, column Variant Price: 'ten' is not a number"):
        ADAPTERS["shopify"](broken, None)


SOCKS = {"product_id": "P1", "sku": "S1", "name": "Wool Socks", "category": "Socks", "price": 9.5, "quantity": 2}
MUG = {"product_id": "P2", "name": "Tin Mug", "price": 7, "quantity": 1}


def call(event: str, properties: dict[str, Any], **about: Any) -> dict[str, Any]:
    about = {"messageId": f"m-{event}", "timestamp": "2024-05-01T10:00:00.000Z", "anonymousId": "anon-1", **about}
    return {"type": "track", "event": event, "properties": properties, **about}


def test_segment_calls_become_events(tmp_path: Path) -> None:
    log = [
        call("Product Viewed", {**SOCKS, "currency": "GBP"}),
        call("Products Searched", {"query": "warm socks"}),
        call("Product Added", SOCKS, userId="u1"),
        call("Order Completed", {"order_id": "o1", "currency": "GBP", "products": [SOCKS, MUG]}, userId="u1"),
        call("Order Refunded", {"order_id": "o1", "products": [MUG]}, userId="u1"),
        call(
            "Order Completed",
            {"order_id": "o2", "currency": "USD", "products": [MUG]},
            messageId="m9",
            anonymousId="b",
            userId="u2",
        ),
        call("Product Viewed", MUG, messageId="m10", anonymousId="shared"),
        call("Product Viewed", MUG, messageId="m11", anonymousId="shared", userId="u1"),
        call("Product Viewed", MUG, messageId="m12", anonymousId="shared", userId="u3"),
        call("Page Scrolled", {}),
        {"type": "identify", "userId": "u1", "traits": {"email": "ada@example.com", "address": {"country": "GB"}}},
    ]
    found = ADAPTERS["segment"](jsonl(tmp_path, log), None)
    events = found.tables["events"]
    assert events["kind"].tolist()[:6] == ["view", "search", "add_to_cart", "purchase", "purchase", "return"]
    assert events["customer_id"].iloc[0] == "u1"  # the visitor was named later
    assert pd.isna(events.set_index("event_id").at["m10", "customer_id"])  # two customers share the device
    assert events["text"].dropna().tolist() == ["warm socks"]
    assert events.loc[events["kind"] == "purchase", "event_id"].tolist() == [
        "m-Order Completed-0",
        "m-Order Completed-1",
    ]
    assert found.currency == "GBP"
    assert found.rejects["reason"].tolist() == ["left out by the map"]
    customer = found.tables["customers"].set_index("customer_id").loc["u1"]
    assert (customer["email"], customer["country"]) == ("ada@example.com", "GB")
    assert found.tables["products"].set_index("product_id").at["P1", "title"] == "Wool Socks"


def test_segment_files_that_say_nothing_or_are_broken(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no event of a shop"):
        ADAPTERS["segment"](jsonl(tmp_path, [call("Page Scrolled", {})]), None)
    with pytest.raises(DataError, match=r"row 1, column timestamp|row 1, column at"):
        ADAPTERS["segment"](jsonl(tmp_path, [call("Product Viewed", SOCKS, timestamp="soon")]), None)
    with pytest.raises(SettingError, match="takes no map"):
        ADAPTERS["segment"](jsonl(tmp_path, [call("Product Viewed", SOCKS)]), tmp_path / "map.yaml")


def hit(name: str, *items: dict[str, Any], at: int = 1_714_557_600_123_456, **parameters: Any) -> dict[str, Any]:
    typed = [
        {"key": k, "value": {"string_value": None if isinstance(v, int) else v, "int_value": v if isinstance(v, int) else None}}
        for k, v in {"ga_session_id": 77, "currency": "EUR", **parameters}.items()
    ]  # fmt: skip
    return {
        "event_date": "20240501", "event_timestamp": str(at), "event_name": name, "event_params": typed,
        "user_pseudo_id": "dev.1", "user_id": None, "geo": {"country": "Germany", "city": "(not set)"},
        "device": {"language": "de-de"}, "items": list(items),
    }  # fmt: skip


GA_SOCKS = {"item_id": "P1", "item_name": "Wool Socks", "item_category": "Socks", "price": 9.5, "quantity": 2}
GA_MUG = {"item_id": "(not set)", "item_name": "Tin Mug", "item_category": "(not set)", "price": 7.0, "quantity": None}


def test_an_export_of_analytics_becomes_events(tmp_path: Path) -> None:
    log = [
        hit("view_item", GA_SOCKS),
        hit("search", search_term="warm socks"),
        hit("purchase", GA_SOCKS, GA_MUG, transaction_id="t1", at=1_714_560_000_000_000),
        hit("page_view"),
    ]
    found = ADAPTERS["ga4"](jsonl(tmp_path, log), None)
    events = found.tables["events"]
    assert events["kind"].tolist() == ["view", "search", "purchase", "purchase"]
    assert events["at"].iloc[0] == pd.Timestamp("2024-05-01 10:00:00.123456")
    assert set(events["session_id"]) == {"dev.1.77"}
    assert set(events["customer_id"]) == {"dev.1"}
    assert events["quantity"].iloc[2:].tolist() == [2.0, 1.0]
    assert events["order_id"].iloc[2:].tolist() == ["t1", "t1"]
    assert events["product_id"].iloc[3] == "Tin Mug"
    assert found.currency == "EUR"
    customer = found.tables["customers"].iloc[0]
    assert customer["country"] == "Germany"
    assert pd.isna(customer["city"])


def test_late_events_of_analytics_are_added_once(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    day = [hit("view_item", GA_SOCKS), hit("purchase", GA_SOCKS, transaction_id="t1")]
    assert ingest(store, jsonl(tmp_path, day, "events_20240501.jsonl"), format="ga4").new_events == 2
    again = [*day, hit("view_item", GA_MUG, at=1_714_500_000_000_000)]
    report = ingest(store, jsonl(tmp_path, again, "events_20240502.jsonl"), format="ga4")
    assert (report.new_events, report.known_events) == (1, 2)


def test_nested_parquet_is_read(tmp_path: Path) -> None:
    path = tmp_path / "events.parquet"
    pq.write_table(pa.Table.from_pylist([hit("view_item", GA_SOCKS), hit("add_to_cart", GA_SOCKS)]), path)
    assert ADAPTERS["ga4"](path, None).tables["events"]["kind"].tolist() == ["view", "add_to_cart"]
    with pytest.raises(DataError, match="neither JSON lines nor Parquet"):
        ADAPTERS["ga4"](folder(tmp_path, a="x\n1\n") / "a.csv", None)
