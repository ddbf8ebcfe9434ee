"""Every read tool of the catalogue, customer, sales and stock families keeps to the shapes that prose relies on."""

import json
import math
import re
from collections.abc import Mapping

import pytest

from tests.shop import Shop, small_shop
from tools.base import TOOLS, Fact, ToolResult
from tools.facts import ERROR, Meaning, Shape, shape_of

CUSTOMER, PRODUCT, ORDER = "<customer>", "<product>", "<order>"

MARKETER: list[tuple[str, dict[str, object]]] = [
    ("search_products", {"query": "camping kettle"}),
    ("search_products", {"query": "kettle", "category": "camping", "max_price": 0.01, "in_stock": True}),
    ("search_products", {"query": "quantum chromodynamics lecture"}),
    ("recommend_products", {"customer_id": CUSTOMER, "limit": 20}),
    ("get_product", {"product_id": PRODUCT}),
    ("compare_products", {"product_ids": ["P0001", "P0002", "P0031"]}),
    ("predict_behaviour", {"customer_id": CUSTOMER}),
    ("predict_behaviour", {"customer_id": CUSTOMER, "horizon_days": 7}),
    ("analyse_behaviour", {"report": "segments"}),
    ("analyse_behaviour", {"report": "segments", "category": "camping", "horizon_days": 90}),
    ("analyse_behaviour", {"report": "funnel"}),
    ("analyse_behaviour", {"report": "funnel", "horizon_days": 30}),
    ("analyse_behaviour", {"report": "cohorts"}),
    ("analyse_behaviour", {"report": "cohorts", "horizon_days": 120}),
    ("analyse_behaviour", {"report": "top_products", "category": "travel"}),
    ("analyse_behaviour", {"report": "channels", "horizon_days": 60}),
    ("analyse_behaviour", {"report": "channels", "category": "camping"}),
    ("forecast_sales", {"target": "shop"}),
    ("forecast_sales", {"target": "camping", "horizon_days": 7}),
    ("forecast_sales", {"target": PRODUCT, "horizon_days": 365}),
    ("plan_inventory", {}),
    ("plan_inventory", {"category": "camping", "horizon_days": 60, "service_level": 0.9}),
]
SHOPPER: list[tuple[str, dict[str, object]]] = [
    ("search_products", {"query": "something for the tea table", "max_price": 20.0}),
    ("recommend_products", {"limit": 20}),
    ("recommend_products", {"category": "camping"}),
    ("get_product", {"product_id": PRODUCT}),
    ("compare_products", {"product_ids": ["P0001", "P0002"]}),
    ("track_order", {"order_id": ORDER}),
]
HIDDEN_FROM_SHOPPERS = {"cost", "margin", "buy_chance", "customer", "customer_id"}


@pytest.fixture(scope="module")
def shop() -> Shop:
    return small_shop()


def filled(shop: Shop, arguments: Mapping[str, object]) -> dict[str, object]:
    orders = shop.snapshot.frame("orders")
    order = str(orders.loc[orders["customer_id"] == shop.buyer(), "order_id"].iloc[-1])
    real = {CUSTOMER: shop.buyer(), PRODUCT: str(shop.bestseller()["product_id"]), ORDER: order}
    return {key: real.get(value, value) if isinstance(value, str) else value for key, value in arguments.items()}


def check(facts: Mapping[str, Fact], meanings: Mapping[str, Meaning]) -> None:
    for key, fact in facts.items():
        assert key == fact.key
        assert key in meanings, f"{key} is not in the shape"
        assert fact.unit == meanings[key].unit, key
        assert fact.display, key
        assert not re.search(r"\bnan\b|[{}]", fact.display), (key, fact.display)
        assert not isinstance(fact.value, float) or math.isfinite(fact.value), key
        assert fact.source, key


def check_result(result: ToolResult, shape: Shape) -> None:
    check(result.facts, shape.level)
    assert result.cue in ("", *shape.cues)
    assert bool(result.cue) == bool(shape.cues)
    assert not result.rows or shape.row is not None
    for row in result.rows:
        check(row.facts, shape.row or {})
        assert row.cue in ("", *shape.row_cues)
    json.dumps(result.chart, allow_nan=False)


@pytest.mark.parametrize(("tool", "arguments"), MARKETER)
def test_a_marketers_result_keeps_to_its_shape(shop: Shop, tool: str, arguments: dict[str, object]) -> None:
    arguments = filled(shop, arguments)
    result = shop.ask(tool, **arguments)
    assert not result.failed, result.facts["message"].display
    check_result(result, shape_of(tool, arguments))


@pytest.mark.parametrize(("tool", "arguments"), SHOPPER)
def test_a_shoppers_result_keeps_to_its_shape_and_hides_what_is_not_theirs(
    shop: Shop, tool: str, arguments: dict[str, object]
) -> None:
    arguments = filled(shop, arguments)
    result = shop.shopper(tool, signed_in=shop.buyer(), **arguments)
    assert not result.failed, result.facts["message"].display
    check_result(result, shape_of(tool, arguments))
    assert not HIDDEN_FROM_SHOPPERS & set(result.facts)
    assert not any(HIDDEN_FROM_SHOPPERS & set(row.facts) for row in result.rows)
    assert result.table is None or not HIDDEN_FROM_SHOPPERS & set(result.table.columns)


@pytest.mark.parametrize(("tool", "arguments"), MARKETER)
def test_the_same_call_gives_the_same_result(shop: Shop, tool: str, arguments: dict[str, object]) -> None:
    arguments = filled(shop, arguments)
    first, second = shop.ask(tool, **arguments), shop.ask(tool, **arguments)
    assert (first.facts, first.rows, first.cue, first.chart) == (second.facts, second.rows, second.cue, second.chart)


def test_the_lines_that_the_llm_reads_carry_no_figure_or_title(shop: Shop) -> None:
    result = shop.ask("search_products", query="camping kettle")
    brief = result.brief("a")
    for row in result.rows:
        for key in ("title", "price", "category"):
            assert row.facts[key].display not in brief


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("search_products", {"query": "  "}),
        ("search_products", {"query": "tea", "min_price": -1}),
        ("search_products", {"query": "tea", "min_price": 9, "max_price": 3}),
        ("search_products", {"query": "tea", "max_price": float("inf")}),
        ("search_products", {"query": "tea", "limit": -2}),
        ("recommend_products", {}),
        ("recommend_products", {"customer_id": "99"}),
        ("recommend_products", {"customer_id": CUSTOMER, "category": "submarines"}),
        ("recommend_products", {"customer_id": CUSTOMER, "max_price": 0.01}),
        ("get_product", {"product_id": "P9999"}),
        ("get_product", {"product_id": "😀"}),
        ("compare_products", {"product_ids": ["P0001"]}),
        ("compare_products", {"product_ids": [f"P{n:04d}" for n in range(1, 9)]}),
        ("predict_behaviour", {"customer_id": "nobody"}),
        ("predict_behaviour", {"customer_id": CUSTOMER, "horizon_days": -3}),
        ("predict_behaviour", {"customer_id": CUSTOMER, "horizon_days": 10**9}),
        ("analyse_behaviour", {"report": "horoscope"}),
        ("analyse_behaviour", {"report": "funnel", "category": "submarines"}),
        ("forecast_sales", {"target": "intergalactic submarine"}),
        ("forecast_sales", {"target": "shop", "horizon_days": 0}),
        ("plan_inventory", {"service_level": 1.0}),
        ("plan_inventory", {"service_level": -0.5}),
        ("plan_inventory", {"category": "submarines"}),
        ("add_to_cart", {"product_id": "P0001"}),
    ],
)
def test_what_can_not_be_done_comes_back_as_a_sentence(shop: Shop, tool: str, arguments: dict[str, object]) -> None:
    result = shop.ask(tool, **filled(shop, arguments))
    assert result.failed
    assert result.cue == "error"
    check(result.facts, ERROR.level)
    assert len(result.facts["message"].display) < 250


@pytest.mark.parametrize("name", sorted(TOOLS))
def test_every_tool_tells_the_llm_what_it_does(name: str) -> None:
    first = (TOOLS[name].function.__doc__ or "").splitlines()[0]
    assert first.endswith(".")
    assert len(first) < 140
