"""How good a text is, as one number that can be explained, and whether two texts are truly different."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from statistics import fmean

from campaign import sentences, wording
from campaign.wording import Language

SAME_FROM = 0.5
"""Two texts that share this much of their words (Jaccard) are one text in two versions."""

_LONG = 16
"""Words of a sentence that a phone's reader takes in at a glance."""
_ROOM = 0.95
_OPENING = 2
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")


def score(prose: Mapping[str, str], *, language: Language, tone: str, offer: bool, fullness: float) -> float:
    """0 to 1 for a text by part, its references not yet filled in; the same text always gets the same score.

    - .25 it names the product, and the price, or the discount or new price where there is one (half of it each)
    - .20 exactly one sentence asks the reader to do something (half for two, none for none or more)
    - .15 it leaves room: `fullness`, the fullest part's share of its limit, is .95 or less
    - .15 sentences are short: 16 words or fewer on average, less in proportion above
    - .15 nothing is repeated: the share of different words among the words (references count as words)
    - .10 a word of the asked tone is heard
    """
    whole = "\n".join(prose.values())
    said = set(sentences.references(whole))
    money = said & ({"discount", "new_price"} if offer else {"price"})
    asked = sum(sentences.asks(one, language) for one in sentences.sentences(whole))
    long = fmean(_words_in(one, language) for one in sentences.sentences(whole)) if whole.strip() else 0.0
    words = _tokens(prose[list(prose)[-1]], language)
    return round(
        0.125 * ("title" in said)
        + 0.125 * bool(money)
        + {1: 0.2, 2: 0.1}.get(asked, 0.0)
        + 0.15 * (fullness <= _ROOM)
        + 0.15 * min(1.0, _LONG / long if long else 1.0)
        + 0.15 * (len(set(words)) / len(words) if words else 0.0)
        + 0.1 * (language != "en" or bool(wording.says(whole, wording.rules()["flavour"][tone]))),
        4,
    )


def overlap(one: str, other: str, language: Language = "en") -> float:
    """Jaccard similarity of the words beside the references, 0 (nothing shared) to 1 (the same words)."""
    first, second = set(_literal(one, language)), set(_literal(other, language))
    return len(first & second) / len(first | second) if first | second else 1.0


def different(one: Mapping[str, str], other: Mapping[str, str], language: Language = "en") -> bool:
    """Whether two texts by part are truly different.

    Their last part shares less than half of its words and opens otherwise (first two words, references included),
    and an e-mail has another subject. A headline that is the product's name alone may be the same.
    """
    part = list(one)[-1]
    openings = (_tokens(one[part], language)[:_OPENING], _tokens(other[part], language)[:_OPENING])
    subjects = one.get("subject"), other.get("subject")
    return (
        overlap(one[part], other[part], language) < SAME_FROM
        and openings[0] != openings[1]
        and (subjects[0] is None or subjects[0] != subjects[1])
    )


def _words_in(sentence: str, language: Language) -> float:
    return len(_tokens(sentence, language)) / (2 if language == "zh" else 1)  # a Chinese word has two characters or so


def _literal(text: str, language: Language) -> Sequence[str]:
    return _tokens(sentences.REFERENCE.sub(" ", text), language)


def _tokens(text: str, language: Language) -> list[str]:
    """Words in lower case and references as they are; in Chinese, characters."""
    pieces = re.findall(r"\{[^{}]*\}|[^{}]+", text)
    found: list[str] = []
    for piece in pieces:
        if piece.startswith("{"):
            found.append(piece)
        else:
            found += [c for c in piece if c.isalnum()] if language == "zh" else _WORD.findall(piece.casefold())
    return found
