"""Categories derived from titles."""

import pytest

from data.categories import OTHER, derive_categories


@pytest.mark.parametrize(
    ("title", "category"),
    [
        ("White Hanging Heart T-Light Holder", "Candles"),
        ("Jumbo Bag Red Retrospot", "Bags"),
        ("Lunch Box with Cutlery Retrospot", "Kitchen"),
        ("Set of 3 Cake Tins Pantry Design", "Kitchen"),
        ("Jumbo Bag 50's Christmas", "Christmas"),
        ("Doormat Hearts", "Textiles"),
        ("Silver Hoop Earrings with Flower", "Jewellery"),
        ("Watering Can Blue Elephant", "Garden"),
        ("Green Diamante Pen in Gift Box", "Stationery"),
        ("Merino Hiking Socks", "Clothing"),
        ("Glass Star Lantern", "Lighting"),
        ("Buddha", OTHER),
        ("红色灯笼", OTHER),
        ("", OTHER),
    ],
)
def test_the_thing_itself_decides(title: str, category: str) -> None:
    known = ["Blue Mug", "Red Teapot"] * 10  # most titles are named, so common words stay out of it
    assert derive_categories([*known, title]).iloc[-1] == category


def test_common_words_name_what_the_lists_do_not() -> None:
    titles = [f"Blue Gizmo {letter}" for letter in "abcdefgh"] + [f"Widget {letter} Red" for letter in "abcd"] + ["Odd"]
    assert derive_categories(titles).tolist() == ["Gizmo"] * 8 + ["Widget"] * 4 + [OTHER]


def test_no_titles_no_categories() -> None:
    assert derive_categories([]).tolist() == []


def test_a_speck_of_a_category_is_folded_away() -> None:
    found = derive_categories(["Blue Mug"] * 1000 + ["Hiking Boots"])
    assert set(found) == {"Kitchen", OTHER}
