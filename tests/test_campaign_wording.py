"""Copy's rules: limits as each channel counts them, what may be said, which sentences stand, and how texts compare."""

import re

import pytest

from campaign import claims, copy_score, sentences, wording
from campaign.wording import Language

CHANNELS = ["email", "sms", "google", "facebook", "instagram", "tiktok"]
TONES = ["friendly", "playful", "formal", "urgent", "luxury"]
ALL = ["title", "price", "category", "discount", "new_price"]


def test_the_limits_are_the_channels_own() -> None:
    assert {c: wording.parts(c) for c in CHANNELS} == {
        "email": {"subject": 60, "body": 600},
        "sms": {"text": 160},
        "google": {"headline": 30, "description": 90},
        "facebook": {"text": 125},
        "instagram": {"text": 125},
        "tiktok": {"text": 100},
    }


@pytest.mark.parametrize(
    ("text", "length", "limit"),
    [
        ("Tea", 3, None),
        ("@£$¥èéùìòÇØøÅåΔΦΓΛΩΠΨΣΘΞÆæßÉ¤¡ÄÖÑÜ§¿äöñüà", 41, None),
        ("€", 2, None),
        ("^{}\\[~]|€\f", 20, None),
        ("a" * 158 + "€", 160, None),
        ("ç", 1, 70),  # GSM has the capital alone
        ("’", 1, 70),
        ("\x1b", 1, 70),  # ESC leads into the extension and is no character of a text
        ("茶", 1, 70),
        ("🍵", 2, 70),  # UCS-2 counts both halves of a surrogate pair
        ("Tea 🍵 for £2", 13, 70),
    ],
)
def test_a_text_message_is_counted_as_a_phone_does(text: str, length: int, limit: int | None) -> None:
    assert wording.length("sms", text) == (length, limit)


def test_two_channels_count_wide_characters_twice() -> None:
    for channel in ("google", "tiktok"):
        assert wording.length(channel, "茶杯 Tea") == (8, None)
    assert wording.length("facebook", "茶杯 Tea") == (6, None)


def test_typewriter_marks_keep_a_message_in_its_alphabet() -> None:
    assert wording.length("sms", "It’s here – now…")[1] == 70
    assert wording.length("sms", wording.plain_marks("It’s here – now…"))[1] is None


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("offer", [True, False])
@pytest.mark.parametrize("channel", CHANNELS)
def test_every_template_keeps_every_markets_rules(channel: str, language: Language, offer: bool) -> None:
    for part in wording.parts(channel):
        for tone in TONES:
            for text in wording.templates(channel, part, language=language, offer=offer, tone=tone):
                filled = text if re.sub(r"\{[^}]*\}", "", text).strip() else f"{text} Tea 茶"[: len(text) + 4]
                found = wording.faults(filled, language=language, offer=offer, channel=channel)
                assert [f for f in found if "language" not in f] == [], text


@pytest.mark.parametrize("offer", [True, False])
def test_a_chinese_text_message_has_a_template_within_seventy(offer: bool) -> None:
    known = {"title": "珐琅露营水壶", "price": "¥249.00", "discount": "15%", "new_price": "¥211.65"}
    for tone in TONES:
        first = wording.templates("sms", "text", language="zh", offer=offer, tone=tone)[0]
        text = first.format_map({"p": type("Facts", (), known)}) + wording.ending("sms", "zh")
        assert wording.length("sms", text)[0] <= 70


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("Yours for 20", "a figure that no fact gives"),
        ("Twenty of them", "the number word 'twenty'"),
        ("On sale now", "the offer 'sale' where there is none"),
        ("Look at this!", "an exclamation mark"),
        ("Link in bio", "'link in bio', which means nothing on sms"),
        ("This message is for you", "words about the text itself or its time, 'this message'"),
        ("Just arrived: {p.title}", "words about the text itself or its time, 'just arrived'"),
        ("欢迎 {p.title}", "another language than English"),
    ],
)
def test_a_fault_is_said_in_words(text: str, fault: str) -> None:
    assert wording.faults(text, language="en", offer=False, channel="sms") == [fault]


def test_a_claim_is_a_fault_in_the_markets_that_the_text_goes_to() -> None:
    (fault,) = wording.faults("Approved by us", language="en", offer=False, markets=["eu"])
    assert fault.startswith("the claim 'approved', ")
    assert "UCPD" in fault
    assert wording.faults("Approved by us", language="en", offer=False, markets=["uk", "us"]) == []
    assert wording.faults("Approved by us", language="en", offer=False) != []


def test_a_segment_has_a_tone_that_the_model_was_taught() -> None:
    tones = wording.rules()["tones"]
    assert set(tones.values()) <= set(TONES)
    assert wording.tone_for("Lapsed") == "friendly"
    assert wording.tone_for("a segment of somebody's own") == wording.tone_for("everyone")


def test_sentences_end_where_a_reader_would_stop() -> None:
    assert sentences.sentences("Hi, {p.title} is here. Is it yours? {p.price}.\n\nSee you.") == [
        "Hi, {p.title} is here.",
        "Is it yours?",
        "{p.price}.",
        "See you.",
    ]
    assert sentences.sentences("想到了您。{p.title}，售价 {p.price}。") == ["想到了您。", "{p.title}，售价 {p.price}。"]


@pytest.mark.parametrize(
    ("sentence", "offer"),
    [
        ("{p.title} is {p.discount} off: {p.new_price} instead of {p.price}.", True),
        ("We have reduced {p.title} by {p.discount}, from {p.price} to {p.new_price}.", True),
        ("{p.price}, no.", True),
        ("{p.title} for {p.price} in our {p.category} range.", False),
        ("Have a look at {p.title}.", False),
        ("Some things are chosen slowly.", False),
        ("See you in the shop.", False),
    ],
)
def test_a_sentence_that_makes_sense_stands(sentence: str, offer: bool) -> None:
    assert sentences.loose(sentence, language="en", offer=offer, known=ALL) == []


@pytest.mark.parametrize(
    ("sentence", "offer", "fault"),
    [
        ("{p.title} for {p.new_price} instead of {p.discount}.", True, "discount where it makes no sense"),
        ("{p.title} down to {p.discount} today.", True, "discount where it makes no sense"),
        ("{p.title} is available at {p.price}.", True, "price where it makes no sense"),
        ("It was {p.new_price}.", True, "new_price where it makes no sense"),
        ("{p.discount} lighter, now {p.title}.", True, "title where it makes no sense"),
        ("{p.title} is here: {p.category}.", False, "category where it makes no sense"),
        ("{p.title} is in the shop for {p.title}.", False, "title said twice"),
        ("{p.title} has {p.rating}.", False, "the fact 'rating' that is not known"),
        ("We are listening.", False, "a sentence without a fact"),
        ("It was a loss in the shop.", False, "a sentence without a fact"),
    ],
)
def test_a_sentence_that_makes_none_does_not(sentence: str, offer: bool, fault: str) -> None:
    assert fault in sentences.loose(sentence, language="en", offer=offer, known=ALL)


def _score(text: str, *, tone: str = "friendly", offer: bool = False, fullness: float = 0.5) -> float:
    return copy_score.score({"text": text}, language="en", tone=tone, offer=offer, fullness=fullness)


def test_the_score_is_what_its_docstring_says() -> None:
    good = "Hello, {p.title} is here for {p.price}. Have a look."
    assert _score(good) == 1.0
    assert _score(good, fullness=0.99) == 0.85
    assert _score(good, offer=True) == 0.875  # an offer that it does not tell of
    assert _score(good, tone="luxury") == 0.9
    assert _score("Hello, {p.title} is here for {p.price}.") == 0.8  # nothing is asked of the reader
    assert _score(good + " Order today. See you soon.") < 0.85
    assert _score("Hello, here for {p.price}. Have a look.") == 0.875
    assert _score("Tea tea tea tea tea tea.") < _score("A small warm pot of tea.")


def test_two_texts_differ_in_words_opening_and_subject() -> None:
    one = {"text": "{p.title} is here for {p.price}. Have a look."}
    near = {"text": "{p.title} is here at {p.price}. Have a look."}
    other = {"text": "Good news: {p.title}, yours for {p.price}."}
    assert not copy_score.different(one, one)
    assert not copy_score.different(one, near)
    assert copy_score.different(one, other)
    mails = [
        {"subject": subject, "body": text}
        for subject, text in (("{p.title}", "Hi {p.title}."), ("{p.title}", "See {p.price}, dear."))
    ]
    assert not copy_score.different(*mails)
    assert copy_score.different(mails[0], mails[1] | {"subject": "For you"})
    assert copy_score.overlap("{p.title}", "{p.price}") == 1.0
    assert claims.markets()
