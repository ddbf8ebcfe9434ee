"""Words of queries and category names."""

from hypothesis import given, settings
from hypothesis import strategies as st

from index.words import match_categories, tokens

CATEGORIES = ["Kitchen & Dining", "Garden", "Garden Lighting", "Toys", "Tea", "Stationery"]


def test_tokens_are_singular_lower_case_and_without_stop_words() -> None:
    assert tokens("The Enamel KETTLES for our kitchen") == ["enamel", "kettle", "kitchen"]


def test_scripts_without_blanks_are_split_into_signs() -> None:
    assert tokens("红色 cups") == ["红", "色", "cup"]


def test_emoji_have_no_words() -> None:
    assert tokens("😀🎁") == []


def test_category_without_case_in_singular_or_plural() -> None:
    assert match_categories(CATEGORIES, "toy") == ["Toys"]
    assert match_categories(CATEGORIES, "GARDENS") == ["Garden"]


def test_category_by_contained_word() -> None:
    assert match_categories(CATEGORIES, "dining") == ["Kitchen & Dining"]
    assert match_categories(CATEGORIES, "tea accessories") == ["Tea"]


def test_category_by_near_spelling() -> None:
    assert match_categories(CATEGORIES, "stationary") == ["Stationery"]


def test_unknown_category_matches_nothing() -> None:
    assert match_categories(CATEGORIES, "submarines") == []
    assert match_categories(CATEGORIES, "") == []


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_any_text_can_be_asked(text: str) -> None:
    assert set(match_categories(CATEGORIES, text)) <= set(CATEGORIES)
    assert all(word == word.strip() and word for word in tokens(text))
