"""A shopper's basket and orders."""

import pandas as pd
import pytest
from sqlalchemy import select

from data.operations import LiveEvent
from tests.shop import Shop, small_shop
from tools.base import Call, call


@pytest.fixture(scope="module")
def shop() -> Shop:
    return small_shop()


def test_adding_writes_a_live_event(shop: Shop) -> None:
    product, customer = shop.bestseller(), shop.buyer()
    with shop.operations.rehearsal():
        result = shop.shopper("add_to_cart", signed_in=customer, product_id=product["product_id"], quantity=2)
        with shop.operations.session() as session:
            (event,) = session.scalars(select(LiveEvent)).all()
            assert (event.kind, event.customer_id, event.product_id) == ("add_to_cart", customer, product["product_id"])
            assert (event.quantity, event.unit_price) == (2.0, product["price"])
    assert result.cue == "added"
    assert result.facts["total"].value == pytest.approx(2 * product["price"])


def test_adding_twice_writes_two_events(shop: Shop) -> None:
    product = shop.bestseller()["product_id"]
    with shop.operations.rehearsal():
        for _ in range(2):
            assert not shop.shopper("add_to_cart", product_id=product).failed
        with shop.operations.session() as session:
            assert len(session.scalars(select(LiveEvent)).all()) == 2


def test_no_more_is_added_than_there_is(shop: Shop) -> None:
    product = shop.bestseller()
    with shop.operations.rehearsal():
        first = shop.shopper("add_to_cart", product_id=product["product_id"], quantity=999)
        assert first.cue == "limited"
        assert first.facts["quantity"].value == product["stock"]
        thread = [Call("a", "add_to_cart", {"product_id": product["product_id"]}, first)]
        again = call("add_to_cart", shop.context("shopper", calls=thread), {"product_id": product["product_id"]})
    assert again.cue == "out"
    assert "quantity" not in again.facts


@pytest.mark.parametrize("quantity", [0, -1, 10**9])
def test_absurd_quantities_are_refused(shop: Shop, quantity: int) -> None:
    assert shop.shopper("add_to_cart", product_id="P0001", quantity=quantity).failed


def test_an_order_is_told_with_its_lines(shop: Shop) -> None:
    orders, events = shop.snapshot.frame("orders"), shop.snapshot.frame("events")
    order = orders[orders["customer_id"] == shop.buyer()].iloc[0]
    lines = events[(events["order_id"] == order["order_id"]) & (events["kind"] == "purchase")]
    result = shop.shopper("track_order", signed_in=shop.buyer(), order_id=str(order["order_id"]).lower())
    assert result.facts["order"].value == order["order_id"]
    assert result.facts["items"].value == lines["quantity"].sum()
    assert result.facts["total"].value == pytest.approx((lines["quantity"] * lines["unit_price"]).sum())
    assert result.cue in {"delivered", "shipped", "processing", "cancelled", "late"}


def test_another_customers_order_answers_like_an_unknown_one(shop: Shop) -> None:
    orders = shop.snapshot.frame("orders")
    other = str(orders.loc[orders["customer_id"] != shop.buyer(), "order_id"].iloc[0])
    real = shop.shopper("track_order", signed_in=shop.buyer(), order_id=other)
    unknown = shop.shopper("track_order", signed_in=shop.buyer(), order_id="O-99999999")
    assert real.failed
    assert real.facts["message"].display.replace(other, "O-99999999") == unknown.facts["message"].display


def test_orders_need_a_signed_in_shopper(shop: Shop) -> None:
    order = str(shop.snapshot.frame("orders")["order_id"].iloc[0])
    assert "sign in" in shop.shopper("track_order", order_id=order).facts["message"].display


def test_a_late_order_is_called_late(shop: Shop) -> None:
    orders = shop.snapshot.frame("orders")
    now = shop.snapshot.as_of
    open_orders = orders[orders["status"].isin(["shipped", "processing"])]
    for _, order in open_orders.iterrows():
        result = shop.shopper("track_order", signed_in=str(order["customer_id"]), order_id=str(order["order_id"]))
        overdue = not pd.isna(order["expected_at"]) and order["expected_at"] < now.normalize()
        assert (result.cue == "late") == overdue
