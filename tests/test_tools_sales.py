"""Forecasts, inventory, predictions and reports."""

import re

import pandas as pd
import pytest

from tests.shop import Shop, small_shop
from tools.base import ToolResult


@pytest.fixture(scope="module")
def shop() -> Shop:
    return small_shop()


@pytest.mark.parametrize("target", ["shop", "the whole shop", "Everything", "total sales", "Fern & Fable"])
def test_the_whole_shop_has_many_names(shop: Shop, target: str) -> None:
    assert shop.ask("forecast_sales", target=target).facts["target"].value == "Fern & Fable"


def test_a_target_is_a_product_a_category_or_words(shop: Shop) -> None:
    for target, label in (
        ("p0001", "Hammered Camping Kettle"),
        ("camping", "Camping"),
        ("camping kettle", "Camping Kettle"),
    ):
        assert label in shop.ask("forecast_sales", target=target).facts["target"].value


def test_a_forecast_lies_within_its_interval_and_has_a_direction(shop: Shop) -> None:
    facts = shop.ask("forecast_sales", target="shop", horizon_days=14).facts
    assert facts["low"].value <= facts["units"].value <= facts["high"].value
    assert facts["horizon"].display == "14 days"
    change = facts["units"].value / facts["previous"].value - 1
    assert facts["change"].value == pytest.approx(change)
    assert not facts["change"].display.startswith("-")
    cue = shop.ask("forecast_sales", target="shop", horizon_days=14).cue
    assert cue == ("flat" if abs(change) < 0.05 else "up" if change > 0 else "down")


def test_a_forecasts_chart_joins_past_and_future(shop: Shop) -> None:
    chart = shop.ask("forecast_sales", target="shop").chart
    assert chart is not None
    assert len(chart["x"]) == len(chart["history"]) + len(chart["mean"])
    assert all(low <= mean <= high for low, mean, high in zip(chart["low"], chart["mean"], chart["high"], strict=True))


def reorder(shop: Shop, **arguments: object) -> ToolResult:
    return shop.ask("plan_inventory", **arguments)


def test_the_reorder_list_starts_with_what_runs_out_first(shop: Shop) -> None:
    result = reorder(shop)
    assert result.cue == "reorder"
    assert result.table is not None
    cover = result.table["cover_days"].fillna(float("inf"))
    assert cover.is_monotonic_increasing
    assert result.facts["reorder"].value == len(result.table) > 0
    assert result.facts["units"].value == round(result.table["order"].sum())


def test_percent_and_share_mean_the_same_service_level(shop: Shop) -> None:
    assert reorder(shop, service_level=95).facts == reorder(shop, service_level=0.95).facts
    assert (
        reorder(shop, service_level=0.99).facts["units"].value >= reorder(shop, service_level=0.6).facts["units"].value
    )


def test_a_prediction_agrees_with_the_customers_history(shop: Shop) -> None:
    customer = shop.buyer()
    events = shop.snapshot.frame("events")
    own = events[(events["customer_id"] == customer) & (events["kind"] == "purchase")]
    facts = shop.ask("predict_behaviour", customer_id=customer).facts
    assert facts["orders"].value == own["order_id"].nunique()
    assert facts["quiet"].value == pytest.approx((shop.snapshot.as_of - own["at"].max()) / pd.Timedelta(days=1), abs=1)
    assert 0 < facts["buy_chance"].value < 1


def test_a_prediction_says_how_sure_it_is_and_whether_the_customer_still_is_one(shop: Shop) -> None:
    result = shop.ask("predict_behaviour", customer_id=shop.buyer())
    assert result.text is not None
    sure, rhythm = result.text.splitlines()
    low, high = re.findall(r"(\d+)%", sure)
    assert int(low) <= 100 * result.facts["buy_chance"].value <= int(high) + 15
    assert "within 30 days in 4 of 5 cases" in sure
    assert re.search(r"\d+ in 100 customers who bought like this one still are customers; half of those who", rhythm)
    assert result.facts["spend"].source.endswith(shop.models.behaviour.spend_formula)


def test_a_longer_horizon_is_likelier(shop: Shop) -> None:
    chances = [
        shop.ask("predict_behaviour", customer_id=shop.buyer(), horizon_days=days).facts["buy_chance"].value
        for days in (7, 30, 90)
    ]
    assert chances == sorted(chances)
    assert chances[0] < chances[-1]


def test_segments_cover_every_customer(shop: Shop) -> None:
    result = shop.ask("analyse_behaviour", report="segments")
    assert result.facts["customers"].value == sum(row.facts["customers"].value for row in result.rows)
    assert sum(row.facts["share"].value for row in result.rows) == pytest.approx(1)


def test_a_funnel_narrows(shop: Shop) -> None:
    result = shop.ask("analyse_behaviour", report="funnel")
    visitors = [row.facts["visitors"].value for row in result.rows]
    assert visitors == sorted(visitors, reverse=True)
    assert result.facts["conversion"].value == pytest.approx(visitors[-1] / visitors[0])


def test_top_products_of_a_category_are_of_it(shop: Shop) -> None:
    result = shop.ask("analyse_behaviour", report="top_products", category="camping", horizon_days=200)
    assert result.table is not None
    assert set(result.table["category"]) == {"Camping"}
    assert result.facts["window"].display == "200 days"
