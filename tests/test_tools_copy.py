"""The copy tool: within limits, no claim without a fact, a template where the chat model fails twice."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tools  # noqa: F401 - registers write_copy
from campaign import wording
from data.operations import Operations
from data.store import Store
from tools.base import Fact, ToolContext, ToolResult, call
from tools.facts import SHAPES

CHANNELS = ["email", "sms", "google", "facebook", "instagram", "tiktok"]


class Author:
    """A writer that returns prepared texts and remembers what it was asked."""

    def __init__(self, *texts: str) -> None:
        self.texts = list(texts)
        self.asked: list[tuple[dict[str, str], list[str]]] = []

    def write(self, task: str, request: Mapping[str, str], facts: Mapping[str, Fact]) -> str:
        assert task == "copy"
        self.asked.append((dict(request), list(facts)))
        return self.texts[min(len(self.asked), len(self.texts)) - 1]


def _context(folder: Path, title: str = "Enamel Camping Kettle", price: float | None = 24.9, **row: Any) -> ToolContext:
    products = pd.DataFrame(
        [{"product_id": "P1", "title": title, "price": price, "category": "Camping", "active": True, **row}]
    )
    snapshot = Store(folder / "store").write({"products": products}, name="Shop", currency="GBP", source="test")
    return ToolContext(
        snapshot=snapshot,
        operations=Operations(folder / "shop.db"),
        models=cast(Any, None),
        index=cast(Any, None),
        role="marketer",
        as_of=pd.Timestamp("2026-09-30"),
    )


def _fits(channel: str, result: ToolResult) -> bool:
    assert result.text is not None
    names = list(wording.parts(channel))
    lines = result.text.split("\n", len(names) - 1)
    assert len(lines) == len(names)
    for name, line in zip(names, lines, strict=True):
        length, limit = wording.length(channel, line)
        if length > (limit or wording.parts(channel)[name]):
            return False
    return True


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("language", [None, "Chinese"])
@pytest.mark.parametrize("discount", [None, 15])
def test_a_template_says_what_is_true_and_fits(
    tmp_path: Path, channel: str, language: str | None, discount: int | None
) -> None:
    context = _context(tmp_path)
    result = call(
        "write_copy", context, {"product": "P1", "channel": channel, "language": language, "discount_percent": discount}
    )
    assert not result.failed
    assert result.cue == "template"
    assert result.text is not None
    assert set(result.facts) <= set(SHAPES["write_copy"].level)
    assert _fits(channel, result)
    assert "Kettle" in result.text
    assert ("15%" in result.text) == (discount is not None)
    assert ("new_price" in result.facts) == (discount is not None)
    assert bool(language) == any("\u4e00" <= c <= "\u9fff" for c in result.text)
    if discount is not None:
        assert result.facts["new_price"].display == "£21.16"


def test_the_models_own_words_are_kept_when_they_keep_the_rules(tmp_path: Path) -> None:
    context = _context(tmp_path)
    context.writer = Author("Tea tastes of morning air with {p.title}, yours for {p.price}.")
    result = call("write_copy", context, {"product": "P1", "channel": "facebook", "tone": "playful"})
    assert result.cue == "written"
    assert result.text == "Tea tastes of morning air with Enamel Camping Kettle, yours for £24.90."
    assert context.writer.asked == [
        ({"channel": "facebook", "tone": "playful", "language": "en"}, ["title", "price", "category"])
    ]


@pytest.mark.parametrize(
    "bad",
    [
        "The best kettle: {p.title}.",
        "{p.title} for 20 pounds.",
        "{p.title}, now on sale.",
        "{p.title}, hurry, today only.",
        "{p.title}!",
        "{p.title} with {p.rating} stars.",
        "A kettle without its name for {p.price}.",
        "{p.title} " + "and so on " * 30,
        "",
        "给您推荐 {p.title}",
    ],
)
def test_words_that_break_a_rule_twice_become_a_template(tmp_path: Path, bad: str) -> None:
    context = _context(tmp_path)
    context.writer = Author(bad)
    result = call("write_copy", context, {"product": "P1", "channel": "facebook"})
    assert result.cue == "template"
    assert len(context.writer.asked) == 2
    context.writer = Author(bad, "Have a look at {p.title}.")
    result = call("write_copy", context, {"product": "P1", "channel": "facebook"})
    assert (result.cue, result.text) == ("written", "Have a look at Enamel Camping Kettle.")


def test_an_offer_that_was_asked_for_must_be_in_the_text(tmp_path: Path) -> None:
    context = _context(tmp_path)
    context.writer = Author("Have a look at {p.title}.")
    result = call("write_copy", context, {"product": "P1", "channel": "sms", "discount_percent": 20})
    assert result.cue == "template"
    assert result.text is not None
    assert "20%" in result.text


def test_a_text_message_counts_like_a_phone_and_says_how_to_stop() -> None:
    assert wording.length("sms", "Tea £2") == (6, None)
    assert wording.length("sms", "Tea €2 [new]") == (15, None)
    assert wording.length("sms", "茶 £2") == (4, 70)


def test_text_messages_end_with_the_way_out(tmp_path: Path) -> None:
    result = call("write_copy", _context(tmp_path), {"product": "P1", "channel": "sms"})
    assert result.text is not None
    assert result.text.endswith("Reply STOP to end.")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"product": "P1", "channel": "pigeon"}, "channels are email"),
        ({"product": "P1", "channel": "email", "tone": "angry"}, "tones are friendly"),
        ({"product": "P1", "channel": "email", "language": "Klingon"}, "English or Chinese"),
        ({"product": "P1", "channel": "email", "discount_percent": 120}, "0 to 90"),
        ({"product": "P1", "channel": "email", "discount_percent": float("nan")}, "0 to 90"),
        ({"product": "P9999", "channel": "email"}, "no product P9999"),
    ],
)
def test_wishes_that_cannot_be_met_are_answered_with_how_to_mend_them(
    tmp_path: Path, arguments: dict[str, Any], words: str
) -> None:
    result = call("write_copy", _context(tmp_path), arguments)
    assert result.failed
    assert words in result.facts["message"].display


def test_a_product_without_price_or_category_still_gets_a_text(tmp_path: Path) -> None:
    context = _context(tmp_path, price=None, category=None)
    for channel in CHANNELS:
        result = call("write_copy", context, {"product": "P1", "channel": channel, "discount_percent": 10})
        assert not result.failed
        assert "new_price" not in result.facts
        assert _fits(channel, result)


@given(title=st.text(min_size=1, max_size=400).filter(lambda t: t.strip() != ""))
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_title_fits_every_channel(tmp_path_factory: pytest.TempPathFactory, title: str) -> None:
    context = _context(tmp_path_factory.mktemp("copy"), title=title.replace("\x00", "").replace("\ud800", "") or "x")
    for channel in ("sms", "google"):
        result = call("write_copy", context, {"product": "P1", "channel": channel})
        assert not result.failed
        assert _fits(channel, result)


def test_a_sentence_that_cannot_stand_is_left_out_and_the_rest_is_kept(tmp_path: Path) -> None:
    context = _context(tmp_path)
    context.writer = Author("{p.title} is in the shop for {p.price}. We are listening. The best of all. Have a look.")
    result = call("write_copy", context, {"product": "P1", "channel": "facebook"})
    assert (result.cue, result.text) == (
        "written",
        "Enamel Camping Kettle is in the shop for £24.90. Have a look.",
    )
    assert len(context.writer.asked) == 1


def test_a_text_that_is_too_long_loses_what_names_no_fact_first(tmp_path: Path) -> None:
    context = _context(tmp_path)
    greeting = "Hello, we thought of you and of all those slow mornings in the garden with a cup of tea."
    context.writer = Author(f"{greeting} {{p.title}} is here for {{p.price}}.")
    result = call("write_copy", context, {"product": "P1", "channel": "tiktok"})
    assert (result.cue, result.text) == ("written", "Enamel Camping Kettle is here for £24.90.")


def test_of_two_tries_the_better_text_is_taken(tmp_path: Path) -> None:
    context = _context(tmp_path)
    context.writer = Author("{p.title}.", "Hello, {p.title} is here for {p.price}. Have a look.")
    result = call("write_copy", context, {"product": "P1", "channel": "facebook"})
    assert result.text == "Hello, Enamel Camping Kettle is here for £24.90. Have a look."
    context.writer = Author("{p.title} is here for {p.price}.", "{p.title}.")
    result = call("write_copy", context, {"product": "P1", "channel": "facebook"})
    assert result.text == "Enamel Camping Kettle is here for £24.90."


def test_an_e_mail_has_a_subject_without_the_word(tmp_path: Path) -> None:
    context = _context(tmp_path)
    body = "Hello, {p.title} is here for {p.price}. Have a look."
    context.writer = Author(f"Subject: {{p.title}}, picked for you\n\n{body}")
    result = call("write_copy", context, {"product": "P1", "channel": "email"})
    assert result.cue == "written"
    assert result.text is not None
    assert result.text.split("\n")[0] == "Enamel Camping Kettle, picked for you"
    context.writer = Author(body)
    result = call("write_copy", context, {"product": "P1", "channel": "email"})
    assert result.cue == "template"  # half of it is one


def test_what_is_sold_out_is_not_called_available(tmp_path: Path) -> None:
    context = _context(tmp_path, stock=0.0)
    context.writer = Author("{p.title} is on the shelf now. {p.title}, {p.price}. Tell us what you think.")
    result = call("write_copy", context, {"product": "P1", "channel": "facebook"})
    assert result.text == "Enamel Camping Kettle, £24.90. Tell us what you think."


def test_a_model_without_chinese_is_asked_once(tmp_path: Path) -> None:
    context = _context(tmp_path)
    context.writer = Author("{p.title} is here for {p.price}.")
    result = call("write_copy", context, {"product": "P1", "channel": "sms", "language": "Chinese"})
    assert result.cue == "template"
    assert len(context.writer.asked) == 1
    context.writer = Author("想到了您。{p.title}，售价 {p.price}，欢迎来看看。")
    result = call("write_copy", context, {"product": "P1", "channel": "sms", "language": "Chinese"})
    assert result.cue == "written"


def test_a_typographic_mark_does_not_halve_a_text_message(tmp_path: Path) -> None:
    context = _context(tmp_path)
    context.writer = Author("It’s here – {p.title} for {p.price}. Have a look.")
    result = call("write_copy", context, {"product": "P1", "channel": "sms"})
    assert result.cue == "written"
    assert result.facts["limit"].value == 160
