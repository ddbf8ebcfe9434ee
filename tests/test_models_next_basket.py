"""The next basket: tastes are told apart, nothing bought comes back, the future is not read."""

import numpy as np
import pandas as pd
import pytest

from models.next_basket import NextBasket, _places

NOW = pd.Timestamp("2021-07-01")
HALF = 15


@pytest.fixture(scope="module")
def purchases() -> pd.DataFrame:
    """60 customers of tea or of tools, each with half of their kind's 15 products, over half a year and beyond."""
    rng = np.random.default_rng(2)
    rows = []
    for customer in range(60):
        kind = "tea" if customer % 2 else "tool"
        for product in rng.permutation(HALF)[:11]:
            day = int(rng.integers(0, 210))
            rows.append((pd.Timestamp("2021-01-01") + pd.Timedelta(day, "D"), f"c{customer}", f"{kind}{product}", 2.5))
    return pd.DataFrame(rows, columns=["at", "customer_id", "product_id", "unit_price"])


@pytest.fixture(scope="module")
def model(purchases) -> NextBasket:
    return NextBasket().fit(purchases, NOW)


def test_customers_see_their_own_kind_and_nothing_that_they_have(model, purchases):
    past = purchases[purchases["at"] < NOW]
    had = past.groupby("customer_id")["product_id"].agg(set)
    customers = list(had.index)
    right = []
    for customer, ranked in zip(customers, model.rank(customers, 3), strict=True):
        assert not set(ranked) & had[customer]
        kind = "tea" if int(customer[1:]) % 2 else "tool"
        right += [product.startswith(kind) for product in ranked]
    assert model.trees is not None
    assert np.mean(right) > 0.9


def test_what_comes_after_now_is_not_read(model, purchases):
    past = purchases[purchases["at"] < NOW]
    assert len(past) < len(purchases)
    customers = [f"c{n}" for n in range(60)]
    assert NextBasket().fit(past, NOW).rank(customers, 5) == model.rank(customers, 5)


def test_a_stranger_gets_a_list_too(model):
    (ranked,) = model.rank(["nobody"], 4)
    assert len(set(ranked)) == 4


def test_order_of_rows_and_of_questions_changes_nothing(model, purchases):
    again = NextBasket().fit(purchases.sample(frac=1.0, random_state=1), NOW)
    assert again.rank(["c1", "c2"], 6) == model.rank(["c1", "c2"], 6)
    assert model.rank(["c2", "c1"], 6) == model.rank(["c1", "c2"], 6)[::-1]


def test_without_time_to_learn_from_the_neighbours_rank(purchases):
    short = purchases[purchases["at"] >= NOW - pd.Timedelta(20, "D")]
    model = NextBasket().fit(short, NOW)
    assert model.trees is None
    assert all(model.rank(["c1", "c2"], 3))


def test_without_purchases_nothing_is_ranked(purchases):
    assert NextBasket().fit(purchases, pd.Timestamp("2020-01-01")).rank(["c1", "c2"], 3) == [[], []]


def test_unknown_prices_do_no_harm(purchases):
    blind = purchases.assign(unit_price=np.nan)
    assert len(NextBasket().fit(blind, NOW).rank(["c3"], 3)[0]) == 3


def test_places_count_what_scores_higher():
    scores = np.array([[0.5, 2.0, -np.inf], [1.0, 1.0, 3.0]])
    row, item = np.array([0, 0, 1, 1, 1]), np.array([0, 1, 0, 1, 2])
    assert _places(scores, row, item).tolist() == [1, 0, 1, 1, 0]
