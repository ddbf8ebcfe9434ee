"""Slot values of the training conversations: what a person writes, and the argument that it means."""

import random
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import yaml

Drawn = tuple[str, Any]
"""A surface as a person would write it, and the value of the argument."""

SEEDS = Path(__file__).parent / "seeds"

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
).split()
_TENS = "_ _ twenty thirty forty fifty sixty seventy eighty ninety".split()
_DAYS_OF = {"day": 1, "week": 7, "fortnight": 14, "month": 30, "quarter": 90, "year": 365}


@cache
def lists() -> dict[str, Any]:
    """The word lists of `seeds/words.yaml`."""
    loaded: dict[str, Any] = yaml.safe_load((SEEDS / "words.yaml").read_text(encoding="utf-8"))
    return loaded


@cache
def entries(pattern: str) -> list[Any]:
    """The entries of all seed files that match `pattern`, file after file, or their `seeds`."""
    loaded = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(SEEDS.glob(pattern))]
    return [entry for one in loaded for entry in (one["seeds"] if isinstance(one, dict) else one)]


def spoken(number: int) -> str:
    """A whole number below a million in words: 1200 → "one thousand two hundred"."""
    if number < 20:
        return _ONES[number]
    if number < 100:
        rest = number % 10
        return _TENS[number // 10] + (f"-{_ONES[rest]}" if rest else "")
    for size, word in ((1000, "thousand"), (100, "hundred")):
        if number >= size:
            rest = number % size
            return f"{spoken(number // size)} {word}" + (f" {spoken(rest)}" if rest else "")
    raise AssertionError(number)


class SaidInt(int):
    """A whole number with the words that a person used for it: what the LLM copies, and the agent counts."""

    surface: str


class SaidFloat(float):
    """The same for a number with decimals."""

    surface: str


COPIED = frozenset(
    """size limit budget min_price max_price quantity horizon_days service_level discount_percent""".split()
)
"""Slots whose words the LLM copies; plain digits are written as a number."""


def draw(slot: str, rng: random.Random) -> Drawn:
    """A value for `slot`. Raises `KeyError` for a slot that nobody defined."""
    surface, value = _SLOTS[slot](rng)
    if slot in COPIED and surface != str(value):
        return surface, said(value, surface)
    return surface, value


def said(value: int | float, surface: str) -> SaidInt | SaidFloat:
    """`value` with the words that mean it."""
    number = SaidFloat(value) if isinstance(value, float) else SaidInt(value)
    number.surface = surface
    return number


def known() -> set[str]:
    """Names of all slots."""
    return set(_SLOTS)


def _customer_id(rng: random.Random) -> Drawn:
    form = rng.choices("nnnnCcus", k=1)[0]
    number = rng.randint(100, 99999) if rng.random() < 0.8 else rng.randint(1, 9999999)
    value = {"n": str(number), "C": f"C-{number:05d}", "c": f"c{number}", "u": f"U{number:04d}", "s": f"cust_{number}"}[
        form
    ]
    return (f"#{value}" if form == "n" and rng.random() < 0.08 else value), value


def _product_id(rng: random.Random) -> Drawn:
    number = rng.randint(1, 9999)
    form = rng.randrange(6)
    value = (
        f"P{number:04d}",
        f"{rng.randint(20000, 90999)}",
        f"{rng.randint(20000, 90999)}{rng.choice('ABCDEFGLMNS')}",
        f"SKU-{number}",
        f"{rng.choice('ABGKTWXZ')}{rng.choice('BCDHKLRT')}-{rng.randint(100, 999)}",
        f"p-{number}",
    )[form]
    return value, value


def _prefixed(prefixes: str, low: int, high: int, width: int) -> Callable[[random.Random], Drawn]:
    def drawn(rng: random.Random) -> Drawn:
        value = f"{rng.choice(prefixes.split())}{rng.randint(low, high):0{width}d}"
        return value, value

    return drawn


def _order_id(rng: random.Random) -> Drawn:
    form = rng.randrange(4)
    value = (
        f"{rng.randint(100000, 999999)}",
        f"O-{rng.randint(1000, 99999)}",
        f"ORD{rng.randint(1000, 999999)}",
        f"#{rng.randint(1000, 99999)}",
    )[form]
    return value, value.lstrip("#")


def _of(key: str) -> Callable[[random.Random], Drawn]:
    def drawn(rng: random.Random) -> Drawn:
        value = str(rng.choice(lists()[key]))
        if key == "categories" and rng.random() < 0.45:
            return value.lower(), value.lower()
        return value, value

    return drawn


def _product(rng: random.Random) -> Drawn:
    roll = rng.random()
    if roll < 0.3:
        return _product_id(rng)
    return _of("titles")(rng) if roll < 0.6 else _of("products")(rng)


def _target(rng: random.Random) -> Drawn:
    roll = rng.random()
    if roll < 0.25:
        return _product_id(rng)
    if roll < 0.6:
        return _of("categories")(rng)
    return _of("products")(rng) if roll < 0.85 else _of("titles")(rng)


def _query(rng: random.Random) -> Drawn:
    return _of("products")(rng)


def _round_number(rng: random.Random, low: int, high: int) -> int:
    """A number as people pick them: mostly round, sometimes not."""
    steps = [s for s in (1, 5, 10, 25, 50, 100, 250, 500, 1000, 5000) if low <= s * 2 and s * 2 <= high] or [1]
    step = rng.choice(steps)
    return max(low, min(high, step * rng.randint(1, max(2, min(30, high // step)))))


def _figure(value: int, rng: random.Random, *, spoken_share: float = 0.2) -> str:
    """A whole number as digits, with a comma, as 12k, or in words."""
    roll = rng.random()
    if roll < spoken_share and (value <= 20 or value % (10 ** (len(str(value)) - 1)) == 0 or value % 100 == 0):
        said = spoken(value)
        return said.replace("one ", "a ", 1) if said.startswith("one ") and rng.random() < 0.5 else said
    if value >= 1000 and value % 100 == 0 and roll < 0.5:
        return f"{value / 1000:g}{rng.choice(['k', 'K', 'k', ' thousand'])}"
    return f"{value:,}" if value >= 1000 and roll < 0.75 else str(value)


def _in_money(figure: str, rng: random.Random) -> str:
    word = figure[-1].isalpha() and figure[-1] not in "kK"
    if word or rng.random() < 0.3:
        unit = rng.choice(["pounds", "euros", "dollars", "quid", "bucks", "euro", "GBP", "EUR"])
        return f"{figure} {unit}"
    return rng.choice(["{}", "{}", "£{}", "£{}", "€{}", "${}", "{}€", "{} eur"]).format(figure)


def _money(low: int, high: int) -> Callable[[random.Random], Drawn]:
    def drawn(rng: random.Random) -> Drawn:
        value = _round_number(rng, low, high)
        if high <= 1000 and rng.random() < 0.08:
            return f"{value - 0.01:.2f}", round(value - 0.01, 2)
        return _in_money(_figure(value, rng), rng), value

    return drawn


def _size(rng: random.Random) -> Drawn:
    value = _round_number(rng, 10, 20000)
    return _figure(value, rng, spoken_share=0.25), value


def _small(low: int, high: int) -> Callable[[random.Random], Drawn]:
    def drawn(rng: random.Random) -> Drawn:
        value = rng.randint(low, high)
        if value == 2 and rng.random() < 0.3:
            return rng.choice(["a couple of", "a pair of"]), value
        if value in (6, 12) and rng.random() < 0.3:
            return ("half a dozen" if value == 6 else "a dozen"), value
        return (spoken(value) if value > 0 and rng.random() < 0.5 else str(value)), value

    return drawn


def _horizon_days(rng: random.Random) -> Drawn:
    unit = rng.choices(list(_DAYS_OF), weights=[4, 6, 2, 5, 2, 1], k=1)[0]
    lead = rng.choice(["", "the next ", "the coming ", "the next "])
    if unit == "fortnight":
        return rng.choice(["a fortnight", "the next fortnight", "the coming fortnight", "a fortnight"]), 14
    if unit == "day":
        number = rng.choice([3, 5, 7, 10, 14, 20, 21, 28, 30, 40, 45, 60, 90, 100, 120, 180, rng.randint(2, 200)])
    elif unit == "year":
        said = rng.choice(["a year", "the next year", "the coming year", "the next twelve months", "12 months"])
        return said, 365 if "year" in said else 12 * _DAYS_OF["month"]
    else:
        number = rng.randint(1, {"week": 16, "month": 9, "quarter": 3}[unit])
    if number == 1:
        return rng.choice(
            [f"a {unit}", f"the next {unit}", f"the coming {unit}", f"next {unit}", f"one {unit}"]
        ), _DAYS_OF[unit]
    figure = spoken(number) if number <= 20 and rng.random() < 0.5 else str(number)
    return f"{lead}{figure} {unit}s", number * _DAYS_OF[unit]


def _service_level(rng: random.Random) -> Drawn:
    value = rng.choice([80, 85, 90, 92, 95, 96, 97, 98, 99])
    roll = rng.random()
    surface = (
        f"{value}%"
        if roll < 0.6
        else f"{value} percent"
        if roll < 0.75
        else f"0.{value}"
        if roll < 0.9
        else f"{spoken(value)} percent"
    )
    return surface, value / 100


def _discount(rng: random.Random) -> Drawn:
    value = rng.choice([5, 8, 10, 10, 12, 15, 15, 20, 20, 25, 30, 33, 35, 40, 50, 60, 70])
    said = {20: "a fifth", 25: "a quarter", 33: "a third", 50: "half", 10: "a tenth"}
    if value in said and rng.random() < 0.15:
        return said[value], value
    roll = rng.random()
    return (f"{value}%" if roll < 0.65 else f"{value} percent" if roll < 0.8 else f"{spoken(value)} percent"), value


def _enum(key: str) -> Callable[[random.Random], Drawn]:
    def drawn(rng: random.Random) -> Drawn:
        value = rng.choice(sorted(lists()[key]))
        return str(rng.choice(lists()[key][value])), value

    return drawn


def _channels(rng: random.Random) -> Drawn:
    names = rng.sample(sorted(lists()["channels"]), k=rng.choices([1, 2, 3, 4], weights=[3, 6, 3, 1], k=1)[0])
    said = [str(rng.choice(lists()["channels"][name])) for name in names]
    if len(said) == 1:
        return said[0], names
    glue = rng.choice([" and ", " and ", " & ", " plus "])
    return ", ".join(said[:-1]) + glue + said[-1], names


def _name(rng: random.Random) -> Drawn:
    value = str(rng.choice(lists()["campaign_names"]))
    return rng.choice([f'"{value}"', f"'{value}'", value]), value


def _start_date(rng: random.Random) -> Drawn:
    value = f"20{rng.randint(24, 29)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"
    return value, value


def _several_products(number: int) -> Callable[[random.Random], Drawn]:
    def drawn(rng: random.Random) -> Drawn:
        ids = [_product_id(rng)[1] for _ in range(number)]
        return ", ".join(ids[:-1]) + rng.choice([" and ", " and ", " or ", " with "]) + ids[-1], ids

    return drawn


_SLOTS: dict[str, Callable[[random.Random], Drawn]] = {
    "customer_id": _customer_id,
    "product_id": _product_id,
    "order_id": _order_id,
    "campaign_id": _prefixed("C-", 1, 99, 4),
    "audience": _prefixed("A-", 1, 99, 4),
    "category": _of("categories"),
    "query": _query,
    "product": _product,
    "product_words": _of("titles"),
    "report": _enum("reports"),
    "target": _target,
    "min_price": _money(1, 200),
    "max_price": _money(3, 400),
    "budget": _money(50, 50000),
    "size": _size,
    "limit": _small(2, 12),
    "quantity": _small(1, 8),
    "horizon_days": _horizon_days,
    "service_level": _service_level,
    "discount_percent": _discount,
    "channel": _enum("channels"),
    "channels": _channels,
    "tone": _enum("tones"),
    "objective": _enum("objectives"),
    "language": _enum("languages"),
    "name": _name,
    "start_date": _start_date,
    "two_products": _several_products(2),
    "three_products": _several_products(3),
}

ARGUMENT_OF = {"two_products": "product_ids", "three_products": "product_ids", "product_words": "product_id"}
"""Slots whose argument has another name."""
