"""Searching, opening, comparing and recommending products."""

import pandas as pd
import pytest

from tests.shop import Shop, small_shop
from tools.base import Call, call


@pytest.fixture(scope="module")
def shop() -> Shop:
    return small_shop()


def test_filters_hold_for_every_row(shop: Shop) -> None:
    result = shop.ask("search_products", query="camping pan", category="CAMPING", max_price=26, in_stock=True, limit=20)
    assert result.cue == "found"
    assert result.facts["count"].value == len(result.rows) > 1
    for row in result.rows:
        assert row.facts["price"].value <= 26
        assert row.facts["category"].value == "Camping"
        assert row.facts["stock"].value > 0


def test_when_nothing_passes_the_nearest_are_shown_as_such(shop: Shop) -> None:
    result = shop.ask("search_products", query="camping kettle", max_price=0.5)
    assert result.cue == "relaxed"
    assert "Kettle" in result.rows[0].facts["title"].value


def test_nothing_like_it_is_said(shop: Shop) -> None:
    result = shop.ask("search_products", query="gearbox oil for lorries")
    assert (result.cue, result.facts["count"].value, list(result.rows)) == ("none", 0, [])


def test_a_limit_is_kept_within_reason(shop: Shop) -> None:
    assert len(shop.ask("search_products", query="camping", limit=500).rows) <= 20


@pytest.mark.parametrize(
    "query", ["😀🎁", "红色的杯子", "x" * 100_000, "tea " * 25_000, "{a1.title}", "'; drop table products; --"]
)
def test_odd_queries_do_not_fail(shop: Shop, query: str) -> None:
    assert shop.ask("search_products", query=query).cue in {"found", "relaxed", "none"}


def test_sold_counts_the_units_of_ninety_days(shop: Shop) -> None:
    product = shop.bestseller()["product_id"]
    events = shop.snapshot.frame("events")
    since = shop.snapshot.as_of - pd.Timedelta(days=90)
    bought = events[(events["kind"] == "purchase") & (events["product_id"] == product) & (events["at"] > since)]
    assert shop.ask("get_product", product_id=product).facts["sold"].value == bought["quantity"].sum() > 0


def test_reviews_and_rating_are_those_of_the_product(shop: Shop) -> None:
    events = shop.snapshot.frame("events")
    reviews = events[events["kind"] == "review"]
    product = str(reviews["product_id"].value_counts().index[0])
    stars = reviews.loc[reviews["product_id"] == product, "quantity"]
    facts = shop.ask("get_product", product_id=product).facts
    assert facts["reviews"].value == len(stars)
    assert facts["rating"].display == f"{stars.mean():.1f} of 5"


def test_margin_is_for_the_marketer_only(shop: Shop) -> None:
    product = shop.bestseller()
    facts = shop.ask("get_product", product_id=product["product_id"]).facts
    assert facts["margin"].value == pytest.approx(1 - product["cost"] / product["price"])
    assert not {"cost", "margin"} & set(shop.shopper("get_product", product_id=product["product_id"]).facts)


@pytest.mark.parametrize("wording", ["p0001", " #P0001 ", "the hammered camping kettle", "Hammered Camping KETTLES"])
def test_a_product_is_known_by_id_or_words(shop: Shop, wording: str) -> None:
    assert shop.ask("get_product", product_id=wording).facts["title"].value == "Hammered Camping Kettle"


def test_words_mean_what_the_thread_has_shown(shop: Shop) -> None:
    shown = shop.ask("search_products", query="cast iron camping pot")
    assert shown.rows[0].id is not None
    thread = [Call("a", "search_products", {"query": "cast iron camping pot"}, shown)]
    context = shop.context("shopper", calls=thread)
    for wording, row in (("the first one", 0), ("a2", 1), ("second", 1)):
        found = call("get_product", context, {"product_id": wording})
        assert found.facts["title"].value == shown.rows[row].facts["title"].value


def test_an_unknown_id_says_what_ids_look_like(shop: Shop) -> None:
    message = shop.ask("get_product", product_id="P00001").facts["message"].display
    assert message == "no product P00001; ids look like P0001"


def test_a_comparison_names_the_cheapest_and_its_gap(shop: Shop) -> None:
    result = shop.ask("compare_products", product_ids=["P0001", "P0005", "P0007"])
    prices = [row.facts["price"].value for row in result.rows]
    assert result.facts["gap"].value == pytest.approx(max(prices) - min(prices))
    cheapest = result.rows[prices.index(min(prices))]
    assert result.facts["cheapest"].value == cheapest.facts["title"].value
    assert "cheapest" in cheapest.cue or cheapest.cue == "out"


def test_recommendations_are_in_stock_and_new_to_the_wish(shop: Shop) -> None:
    result = shop.ask("recommend_products", customer_id=shop.buyer(), max_price=20, limit=10)
    assert result.cue == "personal"
    assert result.facts["customer"].value == shop.buyer()
    for row in result.rows:
        assert row.facts["price"].value <= 20
        assert row.facts["stock"].value > 0


def test_evidence_counts_real_buyers(shop: Shop) -> None:
    events = shop.snapshot.frame("events")
    bought = events[events["kind"] == "purchase"]
    customers = shop.snapshot.frame("customers")["customer_id"].head(15)
    titles = shop.snapshot.frame("products").set_index("title")["product_id"]
    checked = 0
    for customer in customers:
        for row in shop.ask("recommend_products", customer_id=customer, limit=5).rows:
            if row.cue.startswith("together"):
                anchor = titles[row.facts["anchor"].value]
                both = set(bought.loc[bought["product_id"] == anchor, "customer_id"].dropna())
                both &= set(bought.loc[bought["product_id"] == row.id, "customer_id"].dropna())
                assert row.facts["buyers"].value == len(both)
                assert row.facts["share"].value == pytest.approx(len(both) / row.facts["anchor_buyers"].value)
                checked += 1
    assert checked


def test_an_unknown_shopper_gets_what_goes_with_the_thread(shop: Shop) -> None:
    assert shop.shopper("recommend_products").cue == "popular"
    product = str(shop.bestseller()["product_id"])
    opened = shop.shopper("get_product", product_id=product)
    context = shop.context("shopper", calls=[Call("a", "get_product", {"product_id": product}, opened)])
    result = call("recommend_products", context, {})
    assert result.cue == "session"
    assert product not in [row.id for row in result.rows]


def test_a_shopper_can_not_ask_for_another_customer(shop: Shop) -> None:
    assert shop.shopper("recommend_products", customer_id=shop.buyer()).failed


def test_few_friends_are_not_given_away_to_a_shopper(shop: Shop) -> None:
    for customer in shop.snapshot.frame("customers")["customer_id"].head(15):
        for row in shop.shopper("recommend_products", signed_in=customer, limit=10).rows:
            assert "friends" not in row.facts or row.facts["friends"].value >= 3
            assert row.cue not in {"friends weak", "friends fair"}
