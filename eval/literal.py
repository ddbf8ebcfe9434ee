"""What may not stand in the literal text of an answer: digits, number words, and names from the shop's catalogue."""

import re
import unicodedata
from collections.abc import Iterable, Mapping

from data.store import Snapshot
from tools.base import REFERENCE

_NUMBER_WORDS = (
    "zero two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred hundreds thousand thousands "
    "million millions billion dozen dozens twice thrice double triple half thirds quarters"
).split()
_NUMBER = re.compile(
    rf"\b(?:{'|'.join(_NUMBER_WORDS)})\b|\bone (?:in|out of|percent|day|week|month|year|customer|order|unit|product)\b"
    r"|[二两三四五六七八九十百千万亿]+(?=[个件天周月年元名位次种款成])",
    re.IGNORECASE,
)
_SHORTEST_NAME = 3
"""Shorter names would be found inside ordinary words."""


class LiteralCheck:
    """The checker of one shop: knows its titles, brands and categories."""

    def __init__(self, names: Mapping[str, Iterable[str]]) -> None:
        self._names = {kind: _pattern(values) for kind, values in names.items()}

    @classmethod
    def of(cls, snapshot: Snapshot) -> "LiteralCheck":
        """The checker for the catalogue of `snapshot`."""
        products = snapshot.frame("products")
        columns = {"titles": "title", "brands": "brand", "categories": "category"}
        return cls({kind: products[column].dropna().astype(str) for kind, column in columns.items()})

    def faults(self, raw: str) -> dict[str, list[str]]:
        """What the literal text of `raw` (references taken out) has that it may not have, by kind.

        >>> check = LiteralCheck({"titles": ["Enamel Kettle"], "brands": [], "categories": ["Pets"]})
        >>> check.faults("The {a1.title} costs {a1.price} and suits a petshop.")
        {}
        >>> check.faults("Three of you own the enamel kettle, for 3 pets, ½ price.")
        {'digits': ['3', '½'], 'number_words': ['Three'], 'titles': ['enamel kettle'], 'categories': ['pets']}
        """
        text = REFERENCE.sub(" ¦ ", raw)  # a mark, so that the words on both sides can't join into a name
        found = {"digits": [c for c in text if unicodedata.category(c) in ("Nd", "No", "Nl")]}
        found["number_words"] = _NUMBER.findall(text)
        for kind, pattern in self._names.items():
            found[kind] = [] if pattern is None else pattern.findall(text)
        return {kind: what for kind, what in found.items() if what}


def _pattern(values: Iterable[str]) -> re.Pattern[str] | None:
    names = {" ".join(value.split()).casefold() for value in values}
    longest = sorted((name for name in names if len(name) >= _SHORTEST_NAME), key=lambda name: (-len(name), name))
    if not longest:
        return None
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest))})(?!\w)", re.IGNORECASE)
