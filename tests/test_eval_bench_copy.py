"""The second opinion on copy catches what it should, and the bench counts what a writer does."""

from collections.abc import Mapping
from typing import Any

import pytest

from data.errors import SettingError
from data.store import Store
from eval import bench_copy, copy_check
from eval.task import Inputs
from tools.base import Fact

PRODUCT: dict[str, Any] = {"title": "Best Tea Tray Two", "category": "Tea and Coffee", "price": 20.0}
NAMES = ["Best Tea Tray Two", "Tea and Coffee", "Garden Lamp", "Copperquay"]


@pytest.mark.parametrize(
    ("text", "offer"),
    [
        ("Best Tea Tray Two is here for £20.00. Have a look.", 0.0),
        ("Best Tea Tray Two is 10% off: £18.00 instead of £20.00.", 0.1),
        ("£20.00, no. £18.00, yes. Best Tea Tray Two.", 0.1),
        ("£20.00 in our Tea and Coffee range.", 0.0),
    ],
)
def test_what_the_facts_carry_is_supported(text: str, offer: float) -> None:
    assert copy_check.unsupported(text, PRODUCT, offer, NAMES) == []
    assert copy_check.claims(text, PRODUCT) == []


@pytest.mark.parametrize(
    ("text", "offer", "fault"),
    [
        ("Best Tea Tray Two for £19.00.", 0.0, "the amount £19.00"),
        ("Best Tea Tray Two, 12% off.", 0.1, "the percentage 12%"),
        ("Best Tea Tray Two, reduced.", 0.0, "the offer reduced"),
        ("Best Tea Tray Two costs £20.00.", 0.1, "the old price £20.00 as if it were today's"),
        ("£18.00 instead of 10%.", 0.1, "a discount where a price belongs, 'instead of 10%'"),
        ("Best Tea Tray Two, 3 left.", 0.0, "the number 3"),
        ("Three of Best Tea Tray Two.", 0.0, "the number word Three"),
        ("Best Tea Tray Two by Copperquay.", 0.0, "the name Copperquay"),
        ("Best Tea Tray Two and Garden Lamp.", 0.0, "the name Garden Lamp"),
    ],
)
def test_what_no_fact_carries_is_found(text: str, offer: float, fault: str) -> None:
    assert fault in copy_check.unsupported(text, PRODUCT, offer, NAMES)


def test_a_claim_in_the_texts_own_words_is_found() -> None:
    assert copy_check.claims("The best: Best Tea Tray Two, eco-friendly", PRODUCT) == ["best", "eco"]


@pytest.mark.parametrize(
    ("channel", "text", "over"),
    [
        ("google", "a" * 30 + "\n" + "b" * 90, False),
        ("google", "a" * 31 + "\nb", True),
        ("email", "a" * 61 + "\nb", True),
        ("sms", "a" * 160, False),
        ("sms", "a" * 159 + "€", True),
        ("sms", "茶" * 71, True),
        ("tiktok", "a" * 101, True),
    ],
)
def test_limits_are_counted_anew(channel: str, text: str, over: bool) -> None:
    assert copy_check.over_limit(channel, text) == over


class Author:
    """Writes one good text, or one that no rule lets through."""

    def __init__(self, good: bool) -> None:
        self.good = good

    def write(self, task: str, request: Mapping[str, str], facts: Mapping[str, Fact]) -> str:
        money = "{p.new_price}" if "discount" in facts else "{p.price}"
        body = f"Hello, {{p.title}} for {money}." if self.good else "The best."
        head = {"email": "Subject: For you\n\n", "google": "{p.title}\n"}.get(request["channel"], "")
        return head + body


@pytest.mark.parametrize("good", [True, False])
def test_the_bench_counts_own_words_and_finds_nothing_wrong(tiny_store: Store, good: bool) -> None:
    found = bench_copy.evaluate(Inputs(store=tiny_store), lambda: Author(good), copies=40)
    assert found.metrics["copies"] == 40
    assert (found.metrics["own_words"] >= 0.5) == good  # the second variant is a template, since tones change nothing
    assert found.metrics["first_try"] == float(good)
    assert found.metrics["over_limit"] == found.metrics["forbidden"] == found.metrics["unsupported"] == 0
    assert found.floors["templates alone"]["own_words"] == 0
    assert len(found.misses) == 40


def test_a_bench_of_nothing_is_refused() -> None:
    with pytest.raises(SettingError, match="1 text or more"):
        bench_copy.evaluate(Inputs(), lambda: Author(True), copies=0)
