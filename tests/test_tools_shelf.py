"""The products as plain columns: the same values and types as the frame they come from."""

import pandas as pd
import pytest

from tools.shelf import Shelf


def products() -> pd.DataFrame:
    frame = pd.DataFrame({"product_id": ["P1", "P2", "P3"], "title": ["Mug", pd.NA, "Lamp"], "stock": [4.0, None, 0.0]})
    return frame.astype({"product_id": "string", "title": "string"}).set_index("product_id")


def test_an_entry_has_the_frames_own_values():
    entry = Shelf(products()).entry("P2")
    assert entry["title"] is pd.NA
    assert pd.isna(entry["stock"])


def test_a_table_keeps_order_and_types():
    table = Shelf(products()).table(["P3", "P1"], ["title", "stock"])
    expected = products().loc[["P3", "P1"]].reset_index()
    pd.testing.assert_frame_equal(table, expected, check_index_type=False)


def test_an_unknown_product_is_not_there():
    shelf = Shelf(products())
    assert "P9" not in shelf
    with pytest.raises(KeyError):
        shelf.entry("P9")
