"""What an answer calls missing: only what the results lack may be called so."""

import pytest

from agent.absence import absent

PRODUCT = {"a.title", "a.price", "a.stock", "a.sold"}
PAIR = {"a.gap", "a1.title", "a1.price", "a1.rating", "a2.title", "a2.price", "a2.rating", "a2.margin"}
ORDER = {"a.units", "a.unknown", "a1.title", "a1.order", "a1.stock"}


@pytest.mark.parametrize(
    ("sentence", "known"),
    [
        ("The rating is not on record.", PRODUCT),
        ("{a.title} costs {a.price}, and its margin is not known.", PRODUCT),
        ("No cost is on record, so the margin is not known.", PRODUCT),
        ("What I don't have is the brand.", PRODUCT),
        ("{a.title} has no reviews yet.", PRODUCT),
        ("For {a1.title} the margin is not on record.", PAIR),  # the other one's is
        ("The margin is not on record.", PAIR),  # not for both
        ("The stock of {a.unknown} products is not known.", ORDER),  # of those that are not shown
        ("Stock is plenty, and {a.sold} went.", PRODUCT),  # nothing is called missing
        ("{a.title} has {a.stock} left; the rating is not on record.", PRODUCT),
    ],
)
def test_what_is_missing_may_be_called_so(sentence: str, known: set[str]) -> None:
    assert list(absent(sentence, known, "a")) == []


@pytest.mark.parametrize(
    ("sentence", "known", "named"),
    [
        ("The stock is not on record.", PRODUCT, "stock"),
        ("{a.title} costs {a.price}, its stock is unknown.", PRODUCT | {"a.cost"}, "stock"),
        ("The rating is not on record.", PAIR, "rating"),
        ("For {a2.title} the margin is not on record.", PAIR, "margin"),
        ("I have no figures for the brand and the stock.", PRODUCT, "stock"),
        ("Nobody has recorded the stock.", PRODUCT, "stock"),
    ],
)
def test_what_is_there_may_not(sentence: str, known: set[str], named: str) -> None:
    assert list(absent(sentence, known, "a")) == [f"calls {named!r} missing, which the result holds"]


def test_nothing_is_claimed_before_there_is_a_result() -> None:
    assert list(absent("The stock is not on record.", set(), None)) == []
