"""Search terms of titles and queries: measures in one spelling, words cut to their stems."""

import re

from index.quantities import normalised
from index.words import MAX_CHARACTERS, STOP, singular

_TERM = re.compile(r"\d+(?:\.\d+)?(?![^\W_])|[^\W_]+")
_VOWEL = re.compile(r"[aeiouy]")
_MIN_STEM = 3


def words(text: str) -> list[str]:
    """The words and numbers of `text` with its measures in one spelling, stop words left out.

    >>> words('The 1/2" brass Valves')
    ['0.5', 'in', 'brass', 'valves']
    """
    found = _TERM.findall(normalised(text[:MAX_CHARACTERS]).replace("'s ", " "))
    return [word for word in found if word == "in" or word not in STOP]


def stem(word: str) -> str:
    """`word` without its plural and its commonest verbal endings; a light cut that rarely joins what differs.

    >>> [stem(word) for word in ("valves", "mounted", "mounting", "drilled", "lighting", "ring", "shed", "r20")]
    ['valve', 'mount', 'mount', 'drill', 'light', 'ring', 'shed', 'r20']
    """
    word = singular(word)
    for ending in ("ing", "ed"):
        kept = word.removesuffix(ending)
        if kept != word and len(kept) >= _MIN_STEM and _VOWEL.search(kept):
            double = len(kept) > _MIN_STEM and kept[-1] == kept[-2] and kept[-1] not in "lsz"
            return kept[:-1] if double else kept
    return word


def terms(text: str) -> list[str]:
    """The stems of `text`'s words.

    >>> terms("wall mounted 60-Watt lights")
    ['wall', 'mount', '60', 'watt', 'light']
    """
    return [stem(word) for word in words(text)]
