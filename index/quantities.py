"""One way of writing for what shoppers write in many: measures, fractions, dimensions and compound words.

"1/2 inch", '1/2"', "half-inch" and "0.5 in." become the same words, so that a search by size meets the title.
"""

import html
import re

_UNITS = {
    "in": "in inch inches",
    "ft": "ft foot feet",
    "yd": "yd yard yards",
    "mm": "mm millimeter millimeters millimetre millimetres",
    "cm": "cm centimeter centimeters centimetre centimetres",
    "m": "m meter meters metre metres",
    "gal": "gal gals gallon gallons",
    "qt": "qt quart quarts",
    "ml": "ml milliliter milliliters millilitre millilitres",
    "l": "l liter liters litre litres",
    "oz": "oz ounce ounces",
    "lb": "lb lbs pound pounds",
    "g": "g gram grams gramme grammes",
    "kg": "kg kilo kilos kilogram kilograms",
    "volt": "v volt volts",
    "watt": "w watt watts",
    "amp": "a amp amps ampere amperes",
    "ga": "ga gauge",
    "btu": "btu btus",
    "hp": "hp horsepower",
    "psi": "psi",
    "pack": "pk pack packs",
    "piece": "pc pcs piece pieces",
}
_UNIT_OF = {word: unit for unit, words in _UNITS.items() for word in words.split()}
_FRACTIONS = {"half": "1/2", "quarter": "1/4", "third": "1/3"}
_NUMBER_WORDS = {
    word: str(number)
    for number, word in enumerate("one two three four five six seven eight nine ten eleven twelve".split(), start=1)
}
_GLYPHS = {
    "½": " 1/2",
    "¼": " 1/4",
    "¾": " 3/4",
    "⅓": " 1/3",
    "⅔": " 2/3",
    "⅛": " 1/8",
    "⅜": " 3/8",
    "⅝": " 5/8",
    "⅞": " 7/8",
}

_SIZED = "|".join(sorted(_UNIT_OF, key=len, reverse=True))
_LONG = "|".join(unit for unit in sorted(_UNIT_OF, key=len, reverse=True) if len(unit) > 1)  # "5 a day" has no ampere
_NUMBER = r"\d+(?:\.\d+)?(?:/\d+)?"
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_AREA = re.compile(r"\b(sq|square|cu|cubic)\b\.?\s*(ft|foot|feet|in|inch|inches|yd|yard|yards)\b")
_WORDED = re.compile(rf"\b({'|'.join(_FRACTIONS)})[\s-]+(?=(?:{_SIZED})\b)")
_COUNTED = re.compile(rf"\b({'|'.join(_NUMBER_WORDS)})[\s-]+(?=(?:{_SIZED})\b)")
_MIXED = re.compile(r"\b(\d+)[\s-]+(\d+)/([1-9]\d*)")
_FRACTION = re.compile(r"\b(\d{1,3})/(\d{1,3})(?!\d)")
_MARKED = re.compile(rf"({_NUMBER})\s*(''|\"|”|″|')")
_TIMES = re.compile(r"(?<=\d)\s*(?:in|ft|\"|')?\.?\s*[x×*]\s*(?=\.?\d)|(?<=\d)\s+by\s+(?=\d)")
_MEASURE = re.compile(rf"({_NUMBER})(?:-?([avwlmg])|[\s-]*({_LONG}))\b\.?")


def normalised(text: str) -> str:
    """`text` in lower case with its measures in one spelling: the number (at most three decimals), then the unit.

    >>> [normalised(text) for text in ('1/2" Pipe', "half-inch pipe", "0.5 in. pipe")]
    ['0.5 in pipe', '0.5 in pipe', '0.5 in pipe']
    >>> normalised("4x8 plywood, 1,500W heater, 10 sq. ft."), normalised("two gallon can")
    ('4 x 8 plywood, 1500 watt heater, 10 sqft.', '2 gal can')
    """
    text = html.unescape(text).lower()
    for glyph, written in _GLYPHS.items():
        text = text.replace(glyph, f" {written}")
    text = _THOUSANDS.sub("", text)
    text = _AREA.sub(lambda m: m[1][:2] + _UNIT_OF[m[2]], text)
    text = _WORDED.sub(lambda m: _FRACTIONS[m[1]] + " ", text)
    text = _COUNTED.sub(lambda m: _NUMBER_WORDS[m[1]] + " ", text)
    text = _MIXED.sub(lambda m: _decimal(int(m[1]), int(m[2]), int(m[3])), text)
    text = _FRACTION.sub(lambda m: _decimal(0, int(m[1]), int(m[2])) if int(m[2]) else m[0], text)
    text = _MARKED.sub(lambda m: f"{m[1]} {'ft' if m[2] == chr(39) else 'in'} ", text)
    text = _TIMES.sub(" x ", text)
    text = _MEASURE.sub(lambda m: f"{_plain(m[1])} {_UNIT_OF[m[2] or m[3]]}", text)
    return " ".join(text.split())


def _decimal(whole: int, over: int, under: int) -> str:
    return f"{whole + over / under:.3f}".rstrip("0").rstrip(".")


def _plain(number: str) -> str:
    return number.rstrip("0").rstrip(".") if "." in number and "/" not in number else number
