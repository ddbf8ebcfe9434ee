"""Quantities as people write them, turned into numbers: the model copies the words, code does the arithmetic.

>>> quantity("horizon_days", "the next six weeks"), quantity("budget", "1.2k"), quantity("discount_percent", "a fifth")
(42, 1200, 20)
"""

import re

_UPTO_NINETEEN = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
sixteen seventeen eighteen nineteen""".split()
_ONES = {word: number for number, word in enumerate(_UPTO_NINETEEN)}
_ONES |= {"a": 1, "an": 1, "couple": 2, "pair": 2, "few": 3, "dozen": 12}
_TENS = {
    word: 10 * number
    for number, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), start=2)
}
_SCALES = {"hundred": 100, "thousand": 1000, "grand": 1000, "k": 1000, "million": 1_000_000, "m": 1_000_000}
_PARTS = {"half": 50, "third": 33, "quarter": 25, "fifth": 20, "tenth": 10}
_DAYS = {"day": 1, "week": 7, "fortnight": 14, "month": 30, "quarter": 90, "year": 365}
_DIGITS = re.compile(r"\d[\d.,]*")


def quantity(argument: str, text: str) -> int | float | None:
    """The number that `text` means for `argument`; None when it means none.

    A period becomes days (week 7, fortnight 14, month 30, quarter 90, year 365), a discount points of a hundred, a
    service level a share.
    """
    said = text.lower().strip()
    if argument == "horizon_days":
        return _days(said)
    if argument in ("discount_percent", "service_level"):
        value: int | float | None = next(
            (points for word, points in _PARTS.items() if re.search(rf"\b{word}\b", said)), None
        )
        value = value if value is not None else _number(said)
        if value is None or argument == "discount_percent":
            return value
        return round(value / 100, 4) if value > 1 else value
    return _number(said)


def _days(said: str) -> int | float | None:
    unit = next((u for u in _DAYS if re.search(rf"\b{u}s?\b", said)), None)
    if unit is None:
        return _number(said)
    number = _number(re.sub(rf"\b{unit}s?\b", " ", said))
    if re.search(rf"\bhalf an? {unit}", said):
        number = 0.5
    days = (1 if number is None else number) * _DAYS[unit]
    return 365 if (unit, number) == ("month", 12) else round(days)


def _number(said: str) -> int | float | None:
    if match := _DIGITS.search(said):
        value = _plain(match.group(0).rstrip(".,"))
        scale = re.match(r"\s*(k|thousand|grand|hundred|million|m)\b", said[match.end() :])
        value = value * _SCALES[scale.group(1)] if scale else value
        return int(value) if float(value).is_integer() else round(value, 6)
    return _spoken(said)


def _plain(digits: str) -> float:
    """1,200 and 1.200 are thousands; 19.99 and 19,99 are not."""
    if re.fullmatch(r"\d{1,3}([.,]\d{3})+", digits):
        return float(re.sub(r"[.,]", "", digits))
    head, dot, tail = digits.replace(",", ".").rpartition(".")
    return float(head.replace(".", "") + dot + tail)


def _spoken(said: str) -> int | None:
    total, group, found = 0, 0, False
    words = re.findall(r"[a-z]+", said)
    half = "half" in words and "dozen" in words
    for word in words:
        if word in _TENS:
            group, found = group + _TENS[word], True
        elif word == "hundred":
            group, found = max(group, 1) * 100, True
        elif word in _SCALES:
            total, group, found = total + max(group, 1) * _SCALES[word], 0, True
        elif word in _ONES:
            # "a couple", "a dozen": the article counts only where nothing follows it.
            group = _ONES[word] if word in ("couple", "pair", "few", "dozen") else group + _ONES[word]
            found = True
    return (total + group) // (2 if half else 1) if found else None
