"""Unknown files: what their columns are taken for, and the map that comes of a person's choice."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from data.adapters import ADAPTERS
from data.adapters.events import load_map
from data.adapters.mapping import MEANINGS, TIMES, Choice, Mappings, choice_of, guess, kinds_of, look, map_of, write
from data.errors import SettingError

SALES = """Order Number;Order Date;Client ID;SKU;Product Name;Department;Qty;Unit Price;Till
1001;03/02/2024 10:15;C1;A1;Enamel Mug;Kitchen;2;9.50;7
1001;03/02/2024 10:15;C1;A2;Tin Lantern;Lighting;1;24.00;7
1002;28/02/2024 17:40;C2;A1;Enamel Mug;Kitchen;1;9.50;8
"""


@pytest.fixture
def sales(tmp_path: Path) -> Path:
    path = tmp_path / "till export.csv"
    path.write_text(SALES, encoding="utf-8")
    return path


def test_a_till_s_export_is_understood_and_ingested(sales: Path, tmp_path: Path) -> None:
    rows, separator = look(sales)
    found = guess(rows)
    assert dict(found.columns) == {
        "Order Number": "order_id",
        "Order Date": "at",
        "Client ID": "customer_id",
        "SKU": "product_id",
        "Product Name": "title",
        "Department": "category",
        "Qty": "quantity",
        "Unit Price": "unit_price",
    }
    assert (found.kind, found.time, separator) == ("purchase", "%d/%m/%Y %H:%M", ";")
    chosen = Choice(found.columns, kind="purchase", time=found.time, currency="EUR", shop="Till", separator=separator)
    write(chosen, tmp_path / "map.yaml")
    shop = ADAPTERS["events"](sales, tmp_path / "map.yaml")
    assert (shop.name, shop.currency, shop.rows) == ("Till", "EUR", 3)
    events = shop.tables["events"].sort_values("unit_price")
    assert events["at"].tolist()[-1] == pd.Timestamp("2024-02-03 10:15")
    assert events["quantity"].sum() == 4
    assert set(shop.tables["products"]["category"]) == {"Kitchen", "Lighting"}


def test_a_log_s_words_for_kinds_are_known_or_left_to_the_person() -> None:
    log = pd.DataFrame(
        {
            "user": ["1", "2", "3", "4"],
            "item": ["9", "9", "8", "8"],
            "behavior_type": ["pv", "cart", "buy", "wink"],
            "timestamp": ["1511544070", "1511561733", "1511572885", "1511593493"],
        }
    )
    found = guess(log)
    assert found.words == {"pv": "view", "cart": "add_to_cart", "buy": "purchase", "wink": None}
    assert found.time == "s"
    assert map_of(found)["values"]["kind"]["wink"] is None
    assert kinds_of(pd.DataFrame({"k": [str(n) for n in range(40)]}), "k") == {}


def test_a_choice_that_cannot_be_is_told_and_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "map.yaml"
    for chosen, why in (
        (Choice({"a": "at", "b": "at"}, kind="view"), "two columns are both at"),
        (Choice({"a": "product_id"}, kind="view"), "which column is 'at'"),
        (Choice({"a": "at", "b": "unit_price"}, kind="purchase"), "currency"),
    ):
        with pytest.raises(SettingError, match=why):
            write(chosen, path)
        assert list(tmp_path.iterdir()) == []


def test_a_kept_choice_comes_back_for_the_same_columns_in_any_order(tmp_path: Path, sales: Path) -> None:
    rows, separator = look(sales)
    chosen = Choice(guess(rows).columns, kind="purchase", time=TIMES[5], currency="GBP", separator=separator)
    kept = Mappings(tmp_path)
    columns = [str(one) for one in rows.columns]
    assert kept.of(columns) is None
    kept.keep(columns, chosen)
    assert kept.of(columns[::-1]) == chosen
    assert kept.of(columns[1:]) is None


@given(
    columns=st.dictionaries(st.text("abcXYZ _-", min_size=1, max_size=8), st.sampled_from(MEANINGS), max_size=8),
    time=st.sampled_from(TIMES),
    kind=st.sampled_from(["view", "purchase"]),
)
def test_every_map_leads_back_to_its_choice(
    tmp_path_factory: pytest.TempPathFactory, columns: dict[str, str], time: str, kind: str
) -> None:
    once = {meaning: column for column, meaning in columns.items()}  # each meaning once
    columns = {column: meaning for meaning, column in once.items()} | {"when": "at"}
    columns = {c: m for c, m in columns.items() if m != "at" or c == "when"}
    by_column = "kind" in columns.values()
    chosen = Choice(
        columns, words={"a": "view", "b": None} if by_column else {}, kind="" if by_column else kind, time=time,
        currency="EUR",
    )  # fmt: skip
    path = tmp_path_factory.mktemp("maps") / "map.yaml"
    write(chosen, path)
    assert choice_of(load_map(path)) == chosen
    assert yaml.safe_load(path.read_text(encoding="utf-8"))["shop"] == {"currency": "EUR"}
