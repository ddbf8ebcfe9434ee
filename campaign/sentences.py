"""Which sentences of a text can stand: bound to a fact, each reference where it makes sense, nothing said twice."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from campaign import wording
from campaign.wording import Language

_END = re.compile(r"(?<=[.?;])\s+(?=[A-ZÀ-Þ{])|(?<=[。？；])|\n+")
NO_FACT = "a sentence without a fact"
REFERENCE = re.compile(r"\{p\.([a-z_]+)\}")


def sentences(text: str) -> list[str]:
    """The sentences of `text`, in order, without the space around them."""
    return [piece.strip() for piece in _END.split(text) if piece and piece.strip()]


def references(text: str) -> list[str]:
    """Keys of the references in `text`, in order, as often as they stand there."""
    return REFERENCE.findall(text)


def loose(sentence: str, *, language: Language, offer: bool, known: Sequence[str]) -> list[str]:
    """What keeps one sentence of copy from standing, in words; empty when it can.

    A sentence names a fact, or asks or greets; a reference stands once, and where its kind makes sense: a discount is
    "off", the price before it is what the new one is "instead of", nothing costs a title.
    """
    keys = references(sentence)
    found = [f"the fact {key!r} that is not known" for key in keys if key not in known]
    found += [f"{key} said twice" for key, times in Counter(keys).items() if times > 1]
    if not keys and not _courteous(sentence, language):
        found.append(NO_FACT)
    if language == "en":
        found += [
            f"{key} where it makes no sense" for key in dict.fromkeys(keys) if not _sensible(sentence, key, offer)
        ]
    return found


def asks(sentence: str, language: Language) -> bool:
    """Whether the sentence asks the reader to do something."""
    return bool(wording.says(sentence, wording.rules()["asking"][language]))


def _courteous(sentence: str, language: Language) -> bool:
    return asks(sentence, language) or bool(wording.says(sentence, wording.rules()["courtesies"][language]))


def _sensible(sentence: str, key: str, offer: bool) -> bool:
    """Whether the reference stands as the patterns of `wording.yaml` want it."""
    letters = {"price": "P"} | {key: "R"}
    seen = REFERENCE.sub(lambda match: letters.get(match.group(1), "X"), sentence)
    kind = "old_price" if key == "price" and offer else key
    wanted, banned = wording.rules()["stands"].get(kind), wording.rules()["stands_not"].get(key)
    return not (wanted and not re.search(wanted, seen, re.IGNORECASE)) and not (
        banned and re.search(banned, seen, re.IGNORECASE)
    )
