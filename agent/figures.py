"""What a text holds for tools that were never taught, whose figures and words are copied like all others.

>>> figures(["Invest $1.5 million at 5% for two years, from -3 to 12th"])
[1500000, 5, 0.05, -3, 12, 2]
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from agent.quantities import NUMBER_WORDS, number_of
from llm.grammar import NARROWED

MOST = 40
"""So many figures make a choice; a text with more is data, and is read freely."""

_SCALES = {"hundred": 100, "thousand": 1000, "k": 1000, "million": 10**6, "m": 10**6, "billion": 10**9, "bn": 10**9}
_FIGURE = re.compile(
    r"(?P<sign>(?<![\w)\].])[-−]\s?)?(?<![A-Za-z_])(?P<digits>\d+(?:,\d{3}(?!\d))*(?:\.\d+)?|\.\d+)"
    r"(?:\s?(?P<scale>hundred|thousand|k|million|m|billion|bn)\b)?(?P<percent>\s?(?:%|percent\b|per cent\b))?",
    re.IGNORECASE,
)
_ORDINALS = """first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth""".split()
_MEANT: Mapping[str, Sequence[float]] = {
    **{word: (number,) for number, word in enumerate(_ORDINALS, start=1)},
    **{"half": (0.5,), "quarter": (0.25, 4), "twice": (2,), "double": (2,), "triple": (3,), "single": (1,)},
    **{"daily": (365,), "weekly": (52,), "monthly": (12,), "quarterly": (4,), "annually": (1,), "yearly": (1,)},
}
_WORD = re.compile(r"[a-z]+|[^\s\w-]", re.IGNORECASE)
"""A word, or what ends a run of them."""
_GLUE = frozenset({"and", "a", "point"})


def figures(texts: Iterable[str]) -> list[int | float]:
    """Every number in `texts`: written in figures or words, with its scale; a percentage also as a share."""
    found: dict[float, None] = {}
    for text in texts:
        for match in _FIGURE.finditer(text):
            value = float(match["digits"].replace(",", "")) * (-1 if match["sign"] else 1)
            scale = (match["scale"] or "").lower()
            # 5m and 300K may be metres and kelvins.
            values = [value] if not scale else [value * _SCALES[scale], *([value] if len(scale) == 1 else [])]
            found.update(dict.fromkeys([*values, value / 100] if match["percent"] else values))
        found.update(dict.fromkeys(_in_words(_FIGURE.sub(" . ", text))))
    return [int(value) if value.is_integer() else round(value, 10) for value in map(float, found)]


def copying(
    schema: Mapping[str, Any], said: Sequence[int | float], *, texts: Sequence[str] = (), optional: bool = False
) -> dict[str, Any]:
    """The JSON schema of an argument, its numbers narrowed to those `said` and its words to those of `texts`.

    A number that is needed may also be 0 or 1, and any digits where no number was said. Words may also come from
    the argument's description, which often lists its values; without `texts` they stay open.
    """
    kinds = {option.get("type") for option in schema.get("anyOf", [schema])}
    if "enum" in schema:
        return dict(schema)
    if kinds & {"integer", "number"}:
        kind = "number" if "number" in kinds else "integer"
        fitting = [one for one in said if kind == "number" or isinstance(one, int)]
        if not 0 < len(fitting) <= MOST:
            return {**schema, NARROWED: {"type": kind, "digits": True}}
        return {**schema, NARROWED: {"enum": fitting if optional else list(dict.fromkeys([*fitting, 0, 1]))}}
    if "array" in kinds and "items" in schema:
        return {**schema, "items": copying(schema["items"], said, texts=texts)}
    if "object" in kinds and "properties" in schema:
        within = {name: copying(one, said, texts=texts) for name, one in schema["properties"].items()}
        return {**schema, "properties": within}
    if "string" in kinds and texts:
        described = [str(schema[key]) for key in ("description", "default") if schema.get(key)]
        return {**schema, NARROWED: {"type": "string", "copied": [*texts, *described], "symbols": True}}
    return dict(schema)


def _in_words(text: str) -> list[float]:
    """Numbers that words spell: each longest run of them."""
    found: list[float] = []
    run: list[str] = []
    for word in [*(word.lower() for word in _WORD.findall(text)), ""]:
        if word in NUMBER_WORDS or (run and word in _GLUE):
            run.append(word)
            continue
        if run and (number := number_of(" ".join(run))) is not None:
            found.append(number)
        run = []
        found += _MEANT.get(word, ())
    return found
