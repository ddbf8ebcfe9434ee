"""Every number that a text holds, for tools that were never taught: their figures are copied, like all others.

>>> [one.value for one in figures(["Invest $1.5 million at 5% for two years, from -3 to 12th"])]
[1500000, 5, -3, 12, 2]
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from agent.quantities import NUMBER_WORDS, number_of

_SCALES = {"hundred": 100, "thousand": 1000, "k": 1000, "million": 10**6, "m": 10**6, "billion": 10**9, "bn": 10**9}
_FIGURE = re.compile(
    r"(?P<sign>(?<![\w)\].])[-−]\s?)?(?<![A-Za-z_])(?P<digits>\d+(?:,\d{3}(?!\d))*(?:\.\d+)?|\.\d+)"
    r"(?:\s?(?P<scale>hundred|thousand|k|million|m|billion|bn)\b(?!\s?[/^²³]))?"
    r"(?P<percent>\s?(?:%|percent\b|per cent\b))?",
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


@dataclass(frozen=True)
class Figure:
    """A number that was said; a percentage is also a `share` of one."""

    value: int | float
    share: float | None = None


def figures(texts: Iterable[str]) -> list[Figure]:
    """Every number in `texts` as often as it is said: written in figures or words, with its scale."""
    return [one for text in texts for one in (*_written(text), *_in_words(_FIGURE.sub(" . ", text)))]


def _written(text: str) -> Iterator[Figure]:
    for match in _FIGURE.finditer(text):
        value = float(match["digits"].replace(",", "")) * (-1 if match["sign"] else 1)
        scale = (match["scale"] or "").lower()
        share = round(value / 100, 10) if match["percent"] else None
        yield Figure(_whole(value * _SCALES.get(scale, 1)), share)
        if len(scale) == 1:  # 5m and 300K may be metres and kelvins
            yield Figure(_whole(value))


def _whole(value: float) -> int | float:
    return int(value) if value.is_integer() else round(value, 10)


def _in_words(text: str) -> list[Figure]:
    """Numbers that words spell: each longest run of them."""
    found: list[Figure] = []
    run: list[str] = []
    for word in [*(word.lower() for word in _WORD.findall(text)), ""]:
        if (word in NUMBER_WORDS and (run or len(word) > 1)) or (run and word in _GLUE):
            run.append(word)
            continue
        if run and (number := number_of(" ".join(run))) is not None:
            found.append(Figure(_whole(float(number))))
        run = []
        found += [Figure(_whole(float(number))) for number in _MEANT.get(word, ())]
    return found
