"""How a call is compared with what was wanted, and how sure a share of right ones is."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

_IDS = ("_id", "_ids")
_ROUNDS = 2000


@dataclass(frozen=True)
class Match:
    """How one call's arguments compare: those that are wrong or missing, and those that nobody asked for."""

    wrong: tuple[str, ...]
    extra: tuple[str, ...]

    @property
    def right(self) -> bool:
        """Whether every named argument and every `has` is met; extra arguments don't count against it."""
        return not self.wrong


def match(wanted: Mapping[str, Any], has: Mapping[str, Sequence[str]], given: Mapping[str, Any]) -> Match:
    """Compares the arguments of a call with the wanted ones; `has` names words of which any must occur.

    >>> match({"goal": "win_back", "size": 500}, {}, {"goal": "win_back", "size": 500.0, "category": "Garden"})
    Match(wrong=(), extra=('category',))
    >>> match({"max_price": 30}, {"query": ["teapot", "tea pot"]}, {"query": "a nice Tea Pot"})
    Match(wrong=('max_price',), extra=())
    """
    wrong = [name for name, value in wanted.items() if name not in given or not same(name, value, given[name])]
    wrong += [name for name, words in has.items() if name not in given or not contains_any(given[name], words)]
    extra = [name for name in given if name not in wanted and name not in has]
    return Match(tuple(dict.fromkeys(wrong)), tuple(extra))


def same(name: str, wanted: Any, given: Any) -> bool:
    """Whether two values of the argument `name` mean the same.

    Numbers compare as numbers, ids as strings, lists as sets, other text without case:

    >>> same("size", 500, "500"), same("budget", 75.5, 75.50), same("size", 500, 50)
    (True, True, False)
    >>> same("customer_id", "17850", 17850), same("product_id", "85123A", "85123B")
    (True, False)
    >>> same("channels", ["email", "sms"], ["SMS", "email"]), same("channels", ["email"], ["email", "sms"])
    (True, False)
    >>> same("category", "tea and coffee", "Tea  and Coffee")
    True
    >>> same("in_stock", True, 1), same("limit", 1, True)
    (False, False)
    """
    if isinstance(wanted, bool) or isinstance(given, bool):
        return isinstance(wanted, bool) and isinstance(given, bool) and wanted == given
    if isinstance(wanted, list | tuple):
        return isinstance(given, list | tuple) and _set(name, wanted) == _set(name, given)
    if isinstance(given, list | tuple | dict):
        return False
    if name.endswith(_IDS):
        return _id(wanted) == _id(given)
    if isinstance(wanted, int | float):
        number = _number(given)
        return number is not None and bool(np.isclose(number, wanted, rtol=1e-9, atol=1e-9))
    return _text(wanted) == _text(given)


def contains_any(given: Any, words: Sequence[str]) -> bool:
    """Whether any of `words` occurs in the argument's text, without case.

    >>> contains_any("Enamel Camping Kettle", ["kettle", "pot"]), contains_any(["oak desk"], ["pine"])
    (True, False)
    """
    text = _text(" ".join(map(str, given)) if isinstance(given, list | tuple) else given)
    return any(_text(word) in text for word in words)


def share(values: Sequence[float]) -> float:
    """The mean of 0s and 1s; NaN of none.

    >>> share([1, 0, 1, 1])
    0.75
    """
    return float(np.mean(values)) if len(values) else float("nan")


def interval(
    values: Sequence[float], *, groups: Sequence[Hashable] | None = None, seed: int = 0
) -> tuple[float, float] | None:
    """The bootstrap 95% percentile interval of the mean (Efron 1979); None of no values.

    Values of one of the `groups` (wordings of one task, say) are drawn together, since they are not independent.

    >>> interval([1.0] * 20)
    (1.0, 1.0)
    >>> low, high = interval([1, 1, 1, 0] * 25)
    >>> 0.6 < low < 0.75 < high < 0.9
    True
    """
    if not len(values):
        return None
    owners = range(len(values)) if groups is None else groups
    place = {owner: i for i, owner in enumerate(dict.fromkeys(owners))}
    index = np.array([place[owner] for owner in owners])
    sums = np.bincount(index, weights=np.asarray(values, float), minlength=len(place))
    counts = np.bincount(index, minlength=len(place))
    drawn = np.random.default_rng(seed).integers(0, len(place), (_ROUNDS, len(place)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def _set(name: str, values: Sequence[Any]) -> set[str]:
    return {_id(value) if name.endswith(_IDS) else _text(value) for value in values}


def _id(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip()


def _text(value: Any) -> str:
    return " ".join(str(value).casefold().split())


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
