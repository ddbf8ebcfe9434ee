"""A shop that knows next to nothing: one customer, products without price, stock, category or description."""

from pathlib import Path

import pandas as pd
import pytest

from data.store import Store
from tests.shop import Shop, stored


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    titles = ["Blue mug {a.total}", "红色的杯子"]
    products = pd.DataFrame({"product_id": ["A", "B"], "title": titles, "active": [True, True]})
    events = pd.DataFrame(
        {
            "event_id": ["1", "2"],
            "at": pd.to_datetime(["2024-05-01", "2024-05-09"]),
            "customer_id": ["7", "7"],
            "kind": ["view", "purchase"],
            "product_id": ["A", "A"],
        }
    )
    tables = {"customers": pd.DataFrame({"customer_id": ["7"]}), "products": products, "events": events}
    store = Store(Path(tmp_path_factory.mktemp("bare")))
    store.write(tables, name="Bare", currency="EUR", source="test")
    return stored(store)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    store = Store(Path(tmp_path_factory.mktemp("empty")))
    store.write({}, name="Empty", currency="EUR", source="test")
    return stored(store)


def test_what_is_unknown_is_left_out(bare: Shop) -> None:
    result = bare.ask("get_product", product_id="A")
    assert result.cue == "unknown"
    assert set(result.facts) == {"title", "sold", "window"}
    assert "{" not in result.facts["title"].display


def test_products_without_anything_are_found(bare: Shop) -> None:
    assert bare.ask("search_products", query="mug").rows[0].id == "A"
    assert bare.ask("search_products", query="红色").rows[0].id == "B"
    assert bare.ask("search_products", query="mug", max_price=10).cue == "relaxed"


def test_no_categories_are_said(bare: Shop) -> None:
    assert "no categories" in bare.ask("plan_inventory", category="Kitchen").facts["message"].display


def test_unknown_stock_is_said(bare: Shop) -> None:
    result = bare.ask("plan_inventory")
    assert result.cue == "unknown"
    assert result.facts["unknown"].value == 2
    assert "order" not in result.rows[0].facts


def test_one_customer_is_enough(bare: Shop) -> None:
    prediction = bare.ask("predict_behaviour", customer_id="7")
    assert not prediction.failed
    assert prediction.facts["orders"].value == 1
    assert [row.id for row in bare.ask("recommend_products", customer_id="7").rows]
    assert bare.ask("forecast_sales", target="A").cue == "thin"
    assert bare.ask("forecast_sales", target="shop").facts["target"].value == "Bare"
    for report in ("segments", "funnel", "cohorts", "top_products"):
        bare.ask("analyse_behaviour", report=report)
    assert bare.ask("analyse_behaviour", report="channels").failed


def test_a_product_without_price_or_stock_can_be_wished_for(bare: Shop) -> None:
    with bare.operations.rehearsal():
        result = bare.shopper("add_to_cart", product_id="A", quantity=2)
    assert result.cue == "added"
    assert "total" not in result.facts


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("recommend_products", {"customer_id": "7"}),
        ("get_product", {"product_id": "A"}),
        ("compare_products", {"product_ids": ["A", "B"]}),
        ("predict_behaviour", {"customer_id": "7"}),
        ("analyse_behaviour", {"report": "segments"}),
        ("analyse_behaviour", {"report": "funnel"}),
        ("analyse_behaviour", {"report": "cohorts"}),
        ("analyse_behaviour", {"report": "top_products"}),
        ("analyse_behaviour", {"report": "channels"}),
    ],
)
def test_an_empty_shop_says_so(empty: Shop, tool: str, arguments: dict[str, object]) -> None:
    assert empty.ask(tool, **arguments).failed


def test_an_empty_shop_has_nothing_to_find_or_order(empty: Shop) -> None:
    assert empty.ask("search_products", query="mug").cue == "none"
    assert empty.ask("plan_inventory").cue == "none"
    assert not empty.ask("forecast_sales", target="shop").rows
