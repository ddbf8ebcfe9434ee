"""Quantities as people write them, turned into numbers: the model copies the words, code does the arithmetic.

>>> quantity("horizon_days", "the next six weeks"), quantity("budget", "1.2k"), quantity("discount_percent", "a fifth")
(42, 1200, 20)
>>> quantity("horizon_days", "a month and a half"), quantity("max_price", "a tenner"), quantity("size", "everybody")
(45, 10, None)
"""

import re

_UPTO_NINETEEN = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
sixteen seventeen eighteen nineteen""".split()
_ONES: dict[str, float] = {word: number for number, word in enumerate(_UPTO_NINETEEN)}
_ONES |= {"couple": 2, "pair": 2, "both": 2, "few": 3, "several": 3, "handful": 5, "fiver": 5, "tenner": 10}
_TENS = {
    word: 10 * number
    for number, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), start=2)
}
_SCALES = {"dozen": 12, "hundred": 100, "thousand": 1000, "grand": 1000, "k": 1000, "million": 10**6, "m": 10**6}
_PARTS = {"half": 1 / 2, "third": 1 / 3, "quarter": 1 / 4, "fifth": 1 / 5, "eighth": 1 / 8, "tenth": 1 / 10}

NUMBER_WORDS = frozenset(word + ending for word in (*_ONES, *_TENS, *_SCALES, *_PARTS) for ending in ("", "s"))
"""Words that make up a number."""

_UNITS: dict[float, str] = {
    1 / 24: "hours? hrs?",
    1: "days? daily today tonight tomorrow",
    7: "weeks? wks? weekly",
    14: "fortnights? fortnightly",
    30: "months? mths? mos? monthly",
    90: "quarters? qtrs? quarterly seasons?",
    365: "years? yrs? yearly annual annually",
}
"""Words of time by their days; a single letter counts only right after a figure (90d)."""
_LETTERS: dict[float, str] = {1 / 24: "h", 1: "d", 7: "w", 365: "y"}
_DAYS_OF = {
    days: re.compile(rf"(?:(?:\b|(?<=\d))(?:{'|'.join(names.split())})|(?<=\d){_LETTERS.get(days, '(?!)')})\b")
    for days, names in _UNITS.items()
}
TIME_WORD = re.compile("|".join(pattern.pattern for pattern in _DAYS_OF.values()))
"""A unit of time, in lower case."""

MONEY_WORD = re.compile(r"\b(?:pounds?|quid|euros?|dollars?|bucks?|eur|gbp|usd)\b|[£€$]")
"""A currency, in lower case."""
_MINOR = re.compile(r"(?:(?<=\d)p|\bp(?:ence)?|\bcents?|(?<=\d)c)\b")
_TOKEN = re.compile(r"\d[\d.,'’\u00a0]*(?: \d{3}(?!\d))*|[a-z]+")
_RANGE = re.compile(r"(?<=\d)\s*[-–—]\s*(?=[£€$]?\d)|\s(?:or|to|and)\s")


def quantity(argument: str, text: str) -> int | float | None:
    """The number that `text` means for `argument`; None when it means none.

    A period becomes days (week 7, fortnight 14, month 30, quarter 90, year 365), a discount points of a hundred, a
    service level a share. Of a range the upper end counts.
    """
    said = re.sub(r"(?<=\d)½", ".5", text.lower().strip()).replace("½", "half").replace("per cent", "percent")
    found = _read(argument, said)
    if found is None:
        return None
    if argument != "discount_percent" and re.match(r"(?:minus\b|[-−–]\s*[£€$]?\s*\d)", said):
        found = -found  # the tool refuses it; 20% off is often written with a minus
    return int(found) if float(found).is_integer() else round(found, 6)


def _read(argument: str, said: str) -> float | None:
    """The size of the quantity, without its sign."""
    if argument == "horizon_days":
        days = _days(said)
        return None if days is None else max(1, round(days))
    if argument == "discount_percent":
        return _points(said)
    if argument == "service_level":
        points = _points(said)
        return points if points is None or points <= 1 else points / 100
    return _money(said) if argument in ("budget", "min_price", "max_price") else _number(said)


def _days(said: str) -> float | None:
    """Days of a period; a bare number counts as days."""
    said = re.sub(r"\bquarter(?: of)?(?: an?)?(?= year)", "0.25", said)
    units = list(TIME_WORD.finditer(said))
    if not units:
        return _number(said)
    total, start = 0.0, 0
    for unit in units:
        days = next(days for days, pattern in _DAYS_OF.items() if pattern.fullmatch(said, unit.start(), unit.end()))
        number = _number(said[start : unit.start()])
        total += (1 if number is None else number) * days
        rest = said[unit.end() :]
        if re.match(r"\s+and a half\b", rest):
            total += days / 2
        elif (either := re.match(r"\s+or\s+(\w+)$", rest)) and (more := _number(either.group(1))):
            total = more * days
        start = unit.end()
    return total


def _points(said: str) -> float | None:
    """Points of a hundred: "15%", "a third", "three quarters", "9 out of 10"."""
    if re.search(r"%|\b(?:percent|points?|pc)\b", said):
        return _number(said)
    if of := re.search(r"([\w.]+)\s*(?:/|\bout of\b|\bin\b)\s*(\w+)", said):
        part, whole = _number(of.group(1)), _number(of.group(2))
        if part is not None and whole:
            return round(100 * part / whole, 2)
    for word, part in _PARTS.items():
        if found := re.search(rf"(.*)\b{word}s?\b", said):
            many = _number(found.group(1))
            return round(100 * part * (many or 1)) if word == "third" else 100 * part * (many or 1)
    value = _number(said)
    # A share of one (0.2) is meant as points.
    return 100 * value if value is not None and 0 < value < 1 else value


def _money(said: str) -> float | None:
    """An amount: "five pounds fifty", "99p", "€1.200,50"."""
    parts = MONEY_WORD.split(_last_of_range(said))
    if len(parts) == 2 and (whole := _number(parts[0])) is not None:
        rest = _number(parts[1])
        return whole + (rest / 100 if rest is not None and rest < 100 else 0)
    if len(parts) == 1 and _MINOR.search(said):
        pence = _number(_MINOR.sub(" ", said))
        return None if pence is None else pence / 100
    return _number(said)


def _last_of_range(said: str) -> str:
    """The upper end of "4-5", "two or three", "between ten and twenty"; else the text as it is."""
    if " and " in said and "between" not in said:
        said = said.replace(" and ", " & ")  # "a hundred and fifty" is no range
    low, *rest = (part for part in _RANGE.split(said))
    high = rest[-1] if rest else ""
    both = number_of(low.replace(" & ", " and ")) is not None and number_of(high.replace(" & ", " and ")) is not None
    return (high if both else said).replace(" & ", " and ")


def _number(said: str) -> float | None:
    return number_of(_last_of_range(said))


def number_of(said: str) -> float | None:
    """The first number in figures with its scales, else the number that the words spell."""
    tokens = _TOKEN.findall(said.replace("-", " "))
    if figure := next((at for at, token in enumerate(tokens) if token[0].isdigit()), None):
        # "top 50", "for 200": what stands before a figure does not count.
        tokens = tokens[figure:]
    total, group, scale, found = 0.0, 0.0, 1, False
    for at, token in enumerate(tokens):
        word = token.removesuffix("s") if token.removesuffix("s") in _SCALES else token
        if token[0].isdigit():
            if found:
                break
            group, found = _plain(token), True
        elif word == "half":
            # "two and a half thousand", but "a million and a half"
            total, group = (total + scale / 2, group) if scale > 1 and not group else (total, group + 0.5)
            found = True
        elif word == "quarter" and _scaled(tokens[at + 1 :]):
            group, found = 0.25, True
        elif word in _SCALES:
            scaled = (group or 1) * _SCALES[word]
            total, group = (total, scaled) if _SCALES[word] < 1000 else (total + scaled, 0.0)
            scale, found = _SCALES[word], True
        elif word in _TENS:
            # "one fifty", "five twenty" leave the hundred out.
            group, found = (100 * group if 0 < group < 20 else group) + _TENS[word], True
        elif word in _ONES:
            group, found = group + _ONES[word], True
    if found:
        return total + group
    return 1 if {"a", "an"} & set(tokens) else None


def _scaled(after: list[str]) -> bool:
    """Whether a scale follows, as in "a quarter of a million"."""
    return next((token for token in after if token not in ("of", "a", "an")), "") in _SCALES


def _plain(digits: str) -> float:
    """1,200, 1.200, 1'200 and 1 200 are thousands; 19.99 and 19,99 are not."""
    digits = re.sub(r"['’\s]", "", digits).rstrip(".,")
    if re.fullmatch(r"[1-9]\d{0,2}([.,]\d{3})+", digits):
        return float(re.sub(r"[.,]", "", digits))
    head, dot, tail = digits.replace(",", ".").rpartition(".")
    return float(head.replace(".", "") + dot + tail)
