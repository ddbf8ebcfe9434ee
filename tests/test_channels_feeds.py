"""The catalogue as a feed: what is told, what is cut, and hostile titles."""

import csv
import json
from pathlib import Path

import pandas as pd
import pytest

from channels import feeds
from data.store import Snapshot, Store


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    products = pd.DataFrame(
        [
            {
                "product_id": "P1",
                "title": "Tin\tMug\n</script>",
                "price": 9.5,
                "stock": 3,
                "active": True,
                "brand": "Fern",
            },
            {"product_id": "P2", "title": "x" * 200, "price": 1200.0, "stock": 0, "active": True},
            {"product_id": "P3", "title": "Old", "price": 5.0, "active": False},
            {"product_id": "P4", "title": "No price", "active": True},
            {"product_id": "P5", "title": "Unknown stock", "price": 1.0, "active": True, "category": "Kitchen"},
        ]
    )
    store = Store(tmp_path)
    return store.write({"products": products}, name="Fern", currency="EUR", source="test")


def page(product_id: str) -> str:
    return f"https://shop.example/p/{product_id}"


def test_the_merchant_feed_is_one_line_a_product(snapshot: Snapshot) -> None:
    rows = list(csv.DictReader(feeds.merchant(snapshot, page).splitlines(), delimiter="\t"))
    assert [row["id"] for row in rows] == ["P1", "P2", "P5"]
    assert rows[0]["title"] == "Tin Mug </script>"
    assert [row["price"] for row in rows] == ["9.50 EUR", "1200.00 EUR", "1.00 EUR"]
    assert [row["availability"] for row in rows] == ["in_stock", "out_of_stock", "in_stock"]
    assert len(rows[1]["title"]) == 150
    assert rows[2]["link"] == "https://shop.example/p/P5"
    assert rows[2]["product_type"] == "Kitchen"


def test_json_ld_may_stand_in_a_page(snapshot: Snapshot) -> None:
    text = feeds.json_ld(snapshot, page)
    assert "</script" not in text
    graph = json.loads(text)["@graph"]
    assert graph[0]["name"] == "Tin\tMug\n</script>"
    assert graph[0]["brand"] == {"@type": "Brand", "name": "Fern"}
    assert graph[1]["offers"]["availability"] == "https://schema.org/OutOfStock"
    assert "image" not in graph[2]
