"""Tools that the model was never taught: figures and words of their arguments are copied, and none is made up."""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.figures import Figure, figures
from llm.grammar import NARROWED

MOST = 40
"""So many figures make a choice; a text with more is data, and is read freely."""

_SHARE = re.compile(r"rate|share|fraction|ratio|proportion|probabilit|yield|return|growth", re.IGNORECASE)
_PERCENT = re.compile(r"percent|per cent|pct|%", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+")
_STEM = 4
"""Letters by which a value and the user's word for it agree."""


@dataclass(frozen=True)
class Said:
    """What a call may copy: the user's words, and the figures in them; without `texts` words stay open."""

    texts: Sequence[str]
    figures: Sequence[Figure] = field(default=())

    @classmethod
    def of(cls, texts: Sequence[str], *, open_words: bool = False) -> "Said":
        """All that `texts` hold."""
        return cls(() if open_words else tuple(texts), tuple(figures(texts)))

    def numbers(self, kind: str, meaning: str) -> list[int | float]:
        """The numbers of the JSON type `kind` for an argument of this name and description, each once.

        5% is .05 to a rate, 5 to a percentage, and either where neither is said.
        """
        found: list[int | float] = []
        percent = bool(_PERCENT.search(meaning))
        share = kind == "number" and not percent
        for one in self.figures:
            if one.share is None or not (share and _SHARE.search(meaning)):
                found.append(one.value)
            if one.share is not None and share:
                found.append(one.share)
        return list(dict.fromkeys(one for one in found if kind == "number" or isinstance(one, int)))


def copying(name: str, schema: Mapping[str, Any], said: Said, *, optional: bool = False) -> dict[str, Any]:
    """The JSON schema of the argument `name`, narrowed to what was `said`.

    A number that is needed may also be 0 or 1, and any digits where no number was said. Words may also come from
    the argument's description, which often lists its values.
    """
    kinds = {option.get("type") for option in schema.get("anyOf", [schema])}
    if "enum" in schema:
        return dict(schema)
    if kinds & {"integer", "number"}:
        kind = "number" if "number" in kinds else "integer"
        fitting = said.numbers(kind, f"{name.replace('_', ' ')} {schema.get('description', '')}")
        if not 0 < len(fitting) <= MOST:
            return {**schema, NARROWED: {"type": kind, "digits": True}}
        return {**schema, NARROWED: {"enum": fitting if optional else list(dict.fromkeys([*fitting, 0, 1]))}}
    if "array" in kinds and "items" in schema:
        return {**schema, "items": copying(name, schema["items"], said)}
    if "object" in kinds and "properties" in schema:
        within = {inner: copying(inner, one, said) for inner, one in schema["properties"].items()}
        return {**schema, "properties": within}
    if "string" in kinds and said.texts:
        described = [str(schema[key]) for key in ("description", "default") if schema.get(key)]
        return {**schema, NARROWED: {"type": "string", "copied": [*said.texts, *described], "symbols": True}}
    return dict(schema)


def supported(function: Mapping[str, Any], arguments: Mapping[str, Any], said: Said) -> dict[str, Any]:
    """`arguments` of a call without the optional ones that nobody mentioned: words of which none was said, figures
    that another argument took already.
    """
    schema = function.get("parameters") or {}
    required: Collection[str] = schema.get("required") or []
    left = Counter(number for one in said.figures for number in {one.value, one.share} - {None})
    for name in required:
        left.subtract(_numbers(arguments.get(name)))
    kept = {}
    for name, value in arguments.items():
        if name not in required:
            wanted = Counter(_numbers(value))
            taken = said.figures and any(left[number] < times for number, times in wanted.items())
            words = isinstance(value, str) and "enum" not in (schema.get("properties") or {}).get(name, {})
            if taken or (words and said.texts and not _shares_word(value, said.texts)):
                continue
            left.subtract(wanted)
        kept[name] = value
    return kept


def _numbers(value: Any) -> Iterator[int | float]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from _numbers(one)


def _shares_word(value: str, texts: Sequence[str]) -> bool:
    words = {word[:_STEM] for text in texts for word in _WORD.findall(text.lower())}
    return any(word[:_STEM] in words for word in _WORD.findall(value.lower()))
