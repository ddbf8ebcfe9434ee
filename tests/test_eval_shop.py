"""The evaluation's own shop."""

from pathlib import Path

import pandas as pd
import pytest

from data.store import Store
from eval.shop import shop_for, with_categories, with_products
from eval.task import Inputs


@pytest.fixture
def products() -> pd.DataFrame:
    categories = ["Garden"] * 8 + ["Pets"] * 8
    return pd.DataFrame({"product_id": [f"P{i}" for i in range(16)], "category": categories})


def test_every_wanted_category_occurs_and_none_is_lost(products: pd.DataFrame) -> None:
    found = with_categories(products, ["garden", "Shoes", "Lamps", "Books"])
    assert set(found["category"]) == {"Garden", "Pets", "Shoes", "Lamps", "Books"}
    assert set(products["category"]) == {"Garden", "Pets"}


def test_nothing_changes_when_nothing_is_missing(products: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(with_categories(products, ["PETS"]), products)


def test_a_wanted_product_takes_the_place_of_one_in_every_table(products: pd.DataFrame) -> None:
    tables = {"products": products, "events": products[["product_id"]], "customers": pd.DataFrame({"customer_id": []})}
    found = with_products(tables, ["P3", "P0412"])
    ids = found["products"]["product_id"]
    assert {"P3", "P0412"} <= set(ids)
    assert ids.is_unique
    assert list(found["events"]["product_id"]) == list(ids)
    assert list(with_products(tables, [])["products"]["product_id"]) == list(products["product_id"])


def test_a_given_store_is_used_as_it_is(tiny_store: Store, tmp_path: Path) -> None:
    with shop_for(["Shoes"], Inputs(store=tiny_store, keep=tmp_path)) as store:
        assert store is tiny_store
    assert list(tmp_path.iterdir()) == []
