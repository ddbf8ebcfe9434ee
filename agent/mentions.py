"""The quantities that a text mentions, as the words that a call may copy for an argument: no other can be decoded.

>>> mentions("budget", ["Two grand for e-mail, 15% off, in the next six weeks"])
['Two grand']
>>> mentions("horizon_days", ["Two grand for e-mail, 15% off, in the next six weeks"])
['the next six weeks', 'next six weeks', 'six weeks']
>>> mentions("discount_percent", ["budget 400, 15% off"])
['15%']
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from agent.quantities import MONEY_WORD, NUMBER_WORDS, TIME_WORD, quantity

PERIODS = frozenset({"horizon_days"})
AMOUNTS = frozenset({"budget", "min_price", "max_price"})
COUNTS = frozenset({"size", "limit", "quantity"})
SHARES = frozenset({"discount_percent", "service_level"})
QUANTITIES = PERIODS | AMOUNTS | COUNTS | SHARES
"""Arguments whose values are copied from what was said."""

_DAYS_DIGITS = 3
_LONGEST = 7
"""Words of the longest mention: "a hundred and twenty five thousand pounds"."""

_TOKEN = re.compile(r"[£€$]?\d[\d.,'’]*[^\W\d_]*%?[£€$]?|[^\W\d_]+|%|[£€$]|\S")
_FIGURE = re.compile(
    r"""[£€$]?\d[\d.,'’]*(?:k|m|p|c|d|w|h|y|pc|x|eur|euros?|gbp|usd|pounds?|quid|bucks?|grand|days?|weeks?|wks?|months?
    |mths?|mos?|hrs?|years?|yrs?|pcs|percent|st|nd|rd|th)?%?[£€$]?""",
    re.IGNORECASE | re.VERBOSE,
)
_LEADS = frozenset("the next coming following past last this a an per between from minus".split())
_LINKS = frozenset("of and or a an out in to the - – — / cent".split())
_GROUP = re.compile(r"\d{3}[€$£]?")
"""Three digits, which may stand apart as the thousands' rest."""
_SCALED = frozenset({"hundred", "thousand"})
_QUARTER = re.compile(r"(?:a|one|three) quarters?", re.IGNORECASE)
_ADVERB = re.compile(r"to(?:day|night|morrow)|\w+ly", re.IGNORECASE)
_ID = re.compile(r"\b[a-z]{1,5}-\d\w*|\b\d{5,}[a-jl-z]\b", re.IGNORECASE)
"""What looks like a product's or a campaign's id, whose letter would else be read as a unit: WK-235, 67158D."""
_DATE = re.compile(r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[./]\d{1,2}[./]\d{2,4}")
_PAIRS = frozenset({"couple", "pair"})
_PERCENT = re.compile(r"%|\b(?:per ?cent|pc|points?)\b", re.IGNORECASE)
_RANGE = re.compile(r"\d\s*[-–—]\s*[£€$]?\d|\b(?:between|from|to|or)\b", re.IGNORECASE)

_SO = r"\W*(?:about|around|of|is|at|just|only|say|a|an)?\W*$"
_NEVER = r"(?:\b(?:no|not|nothing|nor|none|never|without)|n't)\s+(?:\w+\s+){0,3}"
_ALONE = r"\b(?!\s+(?:[£€$]?\d|an?\b|\w+ty\b|\w+teen\b|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve))"
"""What follows "50 and below" where that closes the amount, and doesn't begin the next: "above 50 and below 100"."""
_UPPER_BEFORE = re.compile(
    rf"(?:\b(?:under|below|beneath|max(?:imum)?|at most|up to|less than|cheaper than|lower than|within|until|till|cap"
    rf"|capped|limit)"
    rf"|{_NEVER}(?:more than|above|over|higher than|exceed\w*|beyond|past|dearer than)){_SO}",
    re.IGNORECASE,
)
_UPPER_AFTER = re.compile(
    r"^\s*(?:\w+\s+)?(?:or (?:less|under|below|cheaper|lower)|max\b|maximum|at most|tops\b|at the (?:very )?most"
    rf"|and (?:under|below|less){_ALONE}|limit|cap\b)",
    re.IGNORECASE,
)
_LOWER_BEFORE = re.compile(
    rf"\b(?:over|above|at least|from|min(?:imum)?|more than|starting|upwards? of|higher than|exceeding"
    rf"|dearer than){_SO}",
    re.IGNORECASE,
)
_NOT_UNDER = re.compile(rf"{_NEVER}(?:less than|under|below|cheaper than|lower than){_SO}", re.IGNORECASE)
_LOWER_AFTER = re.compile(
    r"^\s*(?:\w+\s+)?(?:or (?:more|above|over|higher|dearer)|and (?:up\b|(?:more|above|over)" + _ALONE + r")|upwards?\b"
    r"|at least|minimum|min\b|plus\b|\+)",
    re.IGNORECASE,
)
_FROM = re.compile(r"\b(?:between|from)\W*$|^\W*$|\s$", re.IGNORECASE)
_TO = re.compile(r"^\s*(?:to|and|through)\s+[£€$]?(?:\d|[a-z]+ty\b|ten\b|a hundred)", re.IGNORECASE)
_AFTER_FROM = re.compile(
    r"\b(?:between|from)\s+[£€$]?\S+(?:\s+[a-z€]+)?\s+(?:and|to)\s*$|\d\s*[€a-z]*\s+to\s*$", re.IGNORECASE
)
_BEFORE_DASH = re.compile(r"^\s*[-–—]\s*[£€$]?\d")
_AFTER_DASH = re.compile(r"\d\s*[-–—]\s*$")


@dataclass(frozen=True)
class _Word:
    text: str
    start: int
    end: int
    number: bool
    unit: bool
    stops: bool

    @property
    def lower(self) -> str:
        return self.text.lower()


@dataclass(frozen=True)
class _Span:
    """A stretch of words, the word behind it, and the text on both sides."""

    text: str
    behind: str
    left: str
    right: str


def mentions(argument: str, texts: Sequence[str]) -> list[str]:
    """What may be copied for `argument` from `texts`, the latest text first; longer mentions before their parts."""
    spans = [span for text in texts for span in _spans(text)]
    fitting = [span.text for span in spans if _fits(argument, span) and _sensible(argument, span.text)]
    if argument in PERIODS and not fitting:  # "and for 30?"
        fitting = [span.text for span in spans if span.text.isdigit() and len(span.text) <= _DAYS_DIGITS]
    return list(dict.fromkeys(fitting))


def _fits(argument: str, one: _Span) -> bool:
    """Whether the span is of the argument's kind, and no upper bound where a lower one is wanted."""
    span, after = one.text, one.behind  # a span may lack the unit that stands behind it
    time, percent = bool(TIME_WORD.search(span.lower())), bool(_PERCENT.search(span))
    if argument in SHARES and _QUARTER.fullmatch(span):
        return True
    money = bool(MONEY_WORD.search(span.lower()))
    if argument in PERIODS:
        return time and not percent and not money
    if time or (TIME_WORD.fullmatch(after.lower()) and not _ADVERB.fullmatch(after)):
        return False
    if argument in SHARES:
        return not money and (percent or not _PERCENT.fullmatch(after))
    if percent or _PERCENT.fullmatch(after):
        return False
    if argument in COUNTS:
        return not money and not MONEY_WORD.fullmatch(after.lower())
    opposite = {"min_price": "upper", "max_price": "lower"}.get(argument)
    return not _RANGE.search(span) and (opposite is None or _bound(one) != opposite)


def _bound(span: _Span) -> str:
    """Whether the words around an amount make it an "upper" or a "lower" bound; empty where they say neither."""
    if _AFTER_DASH.search(span.left) or _AFTER_FROM.search(span.left):
        return "upper"
    if _BEFORE_DASH.search(span.right) or (_FROM.search(span.left) and _TO.search(span.right)):
        return "lower"
    if _NOT_UNDER.search(span.left):
        return "lower"
    # The word in front binds closer than the one behind, which may belong to the next amount.
    for pattern, text, bound in (
        (_UPPER_BEFORE, span.left, "upper"),
        (_LOWER_BEFORE, span.left, "lower"),
        (_UPPER_AFTER, span.right, "upper"),
        (_LOWER_AFTER, span.right, "lower"),
    ):
        if pattern.search(text):
            return bound
    return ""


def _sensible(argument: str, span: str) -> bool:
    """Whether the span means a number; a share without a percent sign must be one of a hundred."""
    value = quantity(argument, span)
    most = {"discount_percent": 100, "service_level": 1}.get(argument)
    return value is not None and (most is None or 0 < value <= most or bool(_PERCENT.search(span)))


@lru_cache(maxsize=64)
def _spans(text: str) -> tuple[_Span, ...]:
    """Each stretch of words that could be a quantity; every argument of every tool asks for them."""
    return tuple(_stretches(text))


def _stretches(text: str) -> Iterator[_Span]:
    words = _words(text)
    for first, word in enumerate(words):
        if not (word.number or word.unit or word.lower in _LEADS) or _within(words, first):
            continue
        last = first
        while last < len(words) and last - first < _LONGEST and _part(words[last]):
            last += 1
            one, then = words[last - 1], words[last] if last < len(words) else None
            if one.stops or (then and one.number and then.number and not _goes_on(one, then)):
                break
        for end in range(last, first, -1):
            final = words[end - 1]
            closes = final.number or final.unit or (final.lower == "of" and words[end - 2].lower in _PAIRS)
            if closes and not _within(words, end) and any(w.number or w.unit for w in words[first:end]):
                behind = next((w.text for w in words[end:] if w.lower != "-"), "")
                left, right = text[: word.start], text[final.end :]
                yield _Span(text[word.start : final.end], "" if final.stops else behind, left, right)


def _within(words: Sequence[_Word], at: int) -> bool:
    """Whether one quantity goes over the border before word `at`, where no mention may begin or end.

    So it is in "two | grand", "six | weeks", "a hundred | and | fifty" and "half | a | dozen".
    """
    if not 0 < at < len(words):
        return False
    before, word = words[at - 1], words[at]
    if before.stops:
        return False
    period = TIME_WORD.fullmatch(word.lower) and not _ADVERB.fullmatch(word.lower)
    if before.number and (period or _goes_on(before, word)):
        return True
    for left in (at - 1, at - 2):  # a link stands on one side of the border or on the other
        if left < 0 or left + 2 >= len(words) or not words[left + 2].number:
            continue
        link = words[left + 1].lower
        if (words[left].lower in _SCALED and link == "and") or (words[left].lower == "half" and link == "a"):
            return True
    return False


def _goes_on(before: _Word, word: _Word) -> bool:
    """Whether the figure `word` belongs to the one before it: "12 thousand", "1 000", but not "four 67158"."""
    digits = word.text[0] in "£€$0123456789"
    return word.number and (not digits or (before.text[-1].isdigit() and bool(_GROUP.fullmatch(word.text))))


def _part(word: _Word) -> bool:
    return word.number or word.unit or word.lower in _LEADS or word.lower in _LINKS


def _hidden(match: re.Match[str]) -> str:
    return "#" * len(match.group())


def _words(text: str) -> list[_Word]:
    found = []
    text = _ID.sub(_hidden, _DATE.sub(_hidden, text))
    for match in _TOKEN.finditer(text):
        token, start = match.group(), match.start()
        bare = token.rstrip(".,'’") or token
        before = text[max(start - 2, 0) : start]
        glued = before[-1:].isalnum() or (before[-1:] in ("_", "-") and before[:1].isalpha())  # part of an id
        lower = bare.lower()
        number = (bool(_FIGURE.fullmatch(bare)) and not glued) or lower in NUMBER_WORDS
        unit = any(pattern.fullmatch(lower) for pattern in (TIME_WORD, _PERCENT, MONEY_WORD))
        found.append(_Word(bare, start, start + len(bare), number, unit, stops=bare != token))
    return found
