"""What a sentence claims in plain words, without any figure, held against the cues of the results it speaks of.

A movement, a state of stock, a kind and a strength of evidence, a verdict, a cause, a certainty: each is told by
words of a closed list, and each must be what the tool's cue says. Words that are denied or hedged claim nothing.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import yaml

from tools.base import REFERENCE


@dataclass(frozen=True)
class Cue:
    """The cue of a result (of one row), and the tool that gave it."""

    tool: str
    words: frozenset[str]


_Wrong = Mapping[str, Collection[re.Pattern[str]]]
"""By a cue's word: the claims that contradict it."""

Cues = Mapping[str, Cue]
"""Cues by level: `a` for call a, `a2` for its second row."""


def _words(name: str) -> re.Pattern[str]:
    """The list `name` of `wording.yaml`, as one expression."""
    return re.compile(rf"\b(?:{'|'.join(_LISTS[name])})", re.IGNORECASE)


_LISTS: dict[str, list[str]] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))

_UP = _words("up")
_DOWN = _words("down")
_STEADY = _words("steady")

_STRONG = _words("strong")
_WEAK = _words("weak")

_KINDS: Mapping[str, re.Pattern[str]] = {
    kind: _words(f"kinds_{kind}") for kind in ("together", "similar", "friends", "popular")
}

_THERE = _words("there")
_GONE = _words("gone")

_SAFE = _words("safe")
_RISKY = _words("risky")
_LOSING = _words("losing")

_WORKED = _words("worked")
_HARMED = _words("harmed")
_UNSURE = _words("unsure")

_LIKELY = _words("likely")
_UNLIKELY = _words("unlikely")

_ABOVE = _words("above")
_BELOW = _words("below")
_FOR_THEM = _words("for_them")
_AGAINST_THEM = _words("against_them")
_FITTED = _words("fitted")
_EVEN = _words("even")
_SUPPORTED = _words("supported")
_MORE = _words("more")
_LESS = _words("less")

_CERTAIN = _words("certain")

_DENIED = re.compile(
    r"""\b(?:no|not|neither|nor|without|hardly|barely|never|little|nobody|nothing|rather\s+than|instead\s+of|cannot|if|whether|may
    |might|could|or|unless|until|too\s+early|far\s+from|less|against|than|before|how|why|nor|open|unknown)\b|n't\b""",
    re.IGNORECASE | re.VERBOSE,
)
_REACH = 6
"""Words before a claim within which a denial or a hedge takes it back."""

_CAUSE = re.compile(
    r"""\b(?:because(?:\s+of)?|thanks\s+to|due\s+to|owing\s+to|driven\s+by|caused\s+by|fuelled\s+by|boosted\s+by|helped\s+by
    |prompted\s+by|as\s+a\s+result\s+of|on\s+account\s+of|on\s+the\s+back\s+of|in\s+response\s+to|comes?\s+from|stems?\s+from
    |the\s+reason\s+(?:is|being)|blame|explained\s+by|down\s+to\s+(?!\{)|now\s+that|seeing\s+that|given\s+(?:that|how)
    |since(?!\s+(?:the\s+last|your\s+last|their\s+last|then|last|yesterday)\b)(?!\s+\{[a-z]+\d?\.(?:start|placed|quiet)\}))\b
    |,\s+as\b(?!\s+(?:far|well|the\s+(?:past|records?|figures|data)|usual|always|a\b|an\b))""",
    re.IGNORECASE | re.VERBOSE,
)
_EFFECT = re.compile(
    r"[,;:]?\s+(?:which\s+is\s+why|that\s+is\s+why|that's\s+why|which\s+explains|hence|and\s+so)\b", re.IGNORECASE
)
_CARRIED = _words("carried")
_FOREIGN = _words("foreign")

_OUTSIDE = _words("outside")
"""What lies outside the shop's data: to mention it is to claim it."""

_TURNED = re.compile(
    r"\{([a-z]+\d?)\.high\}[^.?{]{0,12}?(?<!down )\b(?:and|to)\s+(?:\w+\s+)?\{\1\.low\}", re.IGNORECASE
)
_LEAST = (
    r"at least|no (?:less|fewer|lower) than|not (?:less|fewer|lower) than|cautious|lower (?:end|bound)|at worst"
    r"|worst case|low case|minimum|floor|starts? (?:at|from)|pessimistic|bottom"
)
_MOST = (
    r"at most|no more than|not more than|up to|upper (?:end|bound)|at best|best case|high case|maximum|ceiling|ends at"
    r"|as much as|as many as|optimistic|at the top"
)
_SPAN = r"[^.,?;{]{0,30}?"
_WRONG_END = re.compile(
    rf"\b(?:{_LEAST})\b{_SPAN}\{{[a-z]+\d?\.high\}}|\b(?:{_MOST})\b{_SPAN}\{{[a-z]+\d?\.low\}}"
    rf"|\.high\}}\s+(?:as|is|being) (?:the|a|its) (?:{_LEAST})|\.low\}}\s+(?:as|is|being) (?:the|a|its) (?:{_MOST})",
    re.IGNORECASE,
)
_REST = re.compile(r"\bthe (?:rest|others?)(?: (?:is|are))?:? \{([a-z]+1)\.title\}", re.IGNORECASE)
_NAMING = frozenset({"title", "channel", "segment", "step", "cohort"})
_CLAUSE = re.compile(r"[,;:()?]|\.(?=\s|$)|\b(?:and|but|while|whereas|yet|though|although)\b", re.IGNORECASE)
_LIST = re.compile(r"\s*(?:,\s*(?:and|or)|,|and|or|&)\s*")
"""What stands between the references of a list."""

_SUPERLATIVE: Mapping[str, re.Pattern[str]] = {
    kind: _words(f"superlative_{kind}") for kind in ("cheapest", "bestseller")
}


def unfounded(sentence: str, cues: Cues) -> list[str]:
    """What the sentence's words claim against the cues, or without a ground; empty when nothing."""
    return [
        *_mixed_rows(sentence),
        *_bounds(sentence),
        *_leftover(sentence),
        *_certainty(sentence),
        *_causes(sentence),
        *_against(sentence, cues),
    ]


def _mixed_rows(sentence: str) -> Iterator[str]:
    """A row's figure beside the name of another row.

    A figure belongs to the name with which it shares its clause, else to the one behind the weaker border, the one
    before it where both are alike; lists of names and of figures run in the same order.
    """
    found = [_Mention(match) for match in REFERENCE.finditer(sentence)]
    found = [one for one in found if one.level[-1].isdigit()]
    listed: set[int] = set()
    for names, figures in _parallel(found, sentence):
        listed.update(one.start for one in figures)
        if sorted(one.level for one in names) == sorted(one.level for one in figures):
            if [one.level for one in names] != [one.level for one in figures]:
                yield f"gives {names[0].level} a figure of {figures[0].level}"
        else:
            yield f"gives {names[-1].level} a figure of {figures[-1].level}"
    for at, one in enumerate(found):
        if one.names or one.start in listed:
            continue
        before = next((o for o in reversed(found[:at]) if o.names and o.letter == one.letter), None)
        after = next((o for o in found[at + 1 :] if o.names and o.letter == one.letter), None)
        left = _border(sentence[before.end : one.start]) if before else _NO_WAY
        right = _border(sentence[one.end : after.start]) if after else _NO_WAY
        if _COMPARED.search(sentence) and any(o.names and o.level == one.level for o in found):
            continue
        owners = [o for o, border in ((before, left), (after, right)) if o and border == min(left, right)]
        if owners and all(owner.level != one.level for owner in owners):
            yield f"gives {owners[0].level} a figure of {one.level}"


_NO_WAY = 9
_COMPARED = re.compile(r"\b(?:than|against|versus|compared|instead)\b", re.IGNORECASE)
"""Where rows are compared, a figure may stand beside either name."""


class _Mention:
    """One reference in a sentence: its place, its row, and whether it is the row's name."""

    def __init__(self, match: re.Match[str]) -> None:
        self.start, self.end = match.span()
        level, _, key = str(match.group(1)).partition(".")
        self.level: str = level
        self.key: str = key
        self.letter = self.level.rstrip("0123456789")
        self.names = self.key in _NAMING


def _border(between: str) -> int:
    """How much parts two references: 0 nothing but words, 1 a comma or "and", 2 a semicolon or more."""
    bare = REFERENCE.sub("", between)
    if re.search(r"[;:()?]|\.(?=\s)|\b(?:while|whereas|but|yet|though|although)\b", bare, re.IGNORECASE):
        return 2
    return 1 if re.search(r",|\b(?:and|or)\b", bare, re.IGNORECASE) else 0


def _parallel(found: Sequence[_Mention], sentence: str) -> Iterator[tuple[list[_Mention], list[_Mention]]]:
    """Lists of names with the equally long list of figures of one kind that follows each."""
    runs: list[list[_Mention]] = []
    for one in found:
        joined = runs and runs[-1][-1].key == one.key and _LIST.fullmatch(sentence[runs[-1][-1].end : one.start])
        if joined:
            runs[-1].append(one)
        else:
            runs.append([one])
    for names, figures in pairwise(runs):
        if len(names) == len(figures) > 1 and names[0].names and not figures[0].names:
            yield names, figures


def _bounds(sentence: str) -> Iterator[str]:
    if _TURNED.search(sentence) or _WRONG_END.search(sentence):
        yield "exchanges the lower and the upper end"


def _leftover(sentence: str) -> Iterator[str]:
    """The first row is none of the rest."""
    if match := _REST.search(sentence):
        yield f"calls {match.group(1)} one of the rest"


def _certainty(sentence: str) -> Iterator[str]:
    if claim := _claimed(_CERTAIN, sentence):
        yield f"promises more than an estimate can: {claim!r}"


def _causes(sentence: str) -> Iterator[str]:
    """A cause must be a fact of a result, or of the closed list of what the tools go by."""
    for match in _CAUSE.finditer(sentence):
        if re.search(r"\bnot\s+$", sentence[: match.start()], re.IGNORECASE):
            continue
        cause = re.split(r"[;?]|\.(?=\s|$)|,\s", sentence[match.end() :])[0]
        if not _is_ground(cause):
            yield f"names a cause that no result carries: {cause.strip()!r}"
    if claim := _claimed(_OUTSIDE, sentence):
        yield f"speaks of what no result knows: {claim!r}"
    for match in _EFFECT.finditer(sentence):
        if not _is_ground(sentence[: match.start()]):
            yield f"names a cause that no result carries: {sentence[: match.start()].strip()!r}"


def _is_ground(cause: str) -> bool:
    return not _FOREIGN.search(REFERENCE.sub("", cause)) and bool(REFERENCE.search(cause) or _CARRIED.search(cause))


def _against(sentence: str, cues: Cues) -> Iterator[str]:
    whole = _letters(sentence) or set([level for level in cues if level.isalpha()][-1:])
    rows_of_all = {level for level in _levels(sentence) if level[-1].isdigit() and level in cues}
    named = rows_of_all if len(rows_of_all) == 1 else set[str]()
    for clause in _clauses(sentence):
        # A clause without a reference speaks of the one result that its sentence, or else the last call, is about.
        about = _letters(clause) or (whole if len(whole) == 1 else set())
        for letter in sorted(about & set(cues)):
            yield from _call(clause, cues[letter], alone=len(about) == 1)
        rows = {level for level in _levels(clause) if level[-1].isdigit() and level in cues}
        named = rows or named
        if len(named) == 1:
            yield from _row(clause, cues[min(named)])


def _levels(text: str) -> set[str]:
    return {reference.split(".")[0] for reference in REFERENCE.findall(text)}


def _letters(text: str) -> set[str]:
    return {re.sub(r"\d", "", level) for level in _levels(text)} - {"u"}


def _call(sentence: str, cue: Cue, *, alone: bool) -> Iterator[str]:
    wrong: _Wrong
    if cue.tool == "forecast_sales":
        wrong = {"up": (_DOWN, _STEADY), "down": (_UP, _STEADY), "flat": (_UP, _DOWN)}
        yield from _contradictions(sentence, cue, wrong)
    elif cue.tool in ("draft_campaign", "simulate_campaign"):
        wrong = {
            "sound": (_RISKY, _LOSING),
            "risky": (_SAFE, _LOSING),
            "loss": (_SAFE,),
            "nobody": (_SAFE, _LOSING),
            "unsupported": (_SAFE, _SUPPORTED),
        }
        yield from _contradictions(sentence, cue, wrong)
    elif cue.tool == "measure_campaign":
        wrong = {
            "positive": (_HARMED, _UNSURE, _LESS),
            "negative": (_WORKED, _UNSURE, _MORE),
            "inconclusive": (_WORKED, _HARMED),
            "running": (_WORKED, _HARMED),
        }
        yield from _contradictions(sentence, cue, wrong)
    elif cue.tool == "predict_behaviour":
        wrong = {"likely": (_UNLIKELY, _BELOW), "unlikely": (_LIKELY, _ABOVE)}
        yield from _contradictions(sentence, cue, wrong)
    elif cue.tool == "allocate_budget":
        yield from _contradictions(sentence, cue, {"fitted": (_EVEN,), "assumed": (_FITTED,)})
    elif cue.tool == "get_product" and alone:
        yield from _stock(sentence, cue)


def _row(clause: str, cue: Cue) -> Iterator[str]:
    if cue.tool == "predict_behaviour":
        yield from _contradictions(clause, cue, {"up": (_AGAINST_THEM,), "down": (_FOR_THEM,)})
    elif cue.tool == "recommend_products":
        yield from _contradictions(clause, cue, {"strong": (_WEAK,), "weak": (_STRONG,)})
        told = {kind for kind, pattern in _KINDS.items() if _claimed(pattern, clause)}
        kinds = cue.words & set(_KINDS)
        if told and kinds and not told & kinds:
            yield f"tells of {min(told)} where the evidence is {min(kinds)}"
    elif cue.tool == "search_products":
        yield from _stock(clause, cue)
    elif cue.tool == "compare_products":
        for word, pattern in _SUPERLATIVE.items():
            if word not in cue.words and _claimed(pattern, clause) and f".{word}}}" not in clause:
                yield f"calls a row {word} that is not"


def _stock(clause: str, cue: Cue) -> Iterator[str]:
    if "out" in cue.words and _claimed(_THERE, clause):
        yield "calls available what is sold out"
    if cue.words & {"available", "low"} and _claimed(_GONE, clause):
        yield "calls sold out what is available"


def _contradictions(text: str, cue: Cue, wrong: _Wrong) -> Iterator[str]:
    for word, patterns in wrong.items():
        for pattern in patterns if word in cue.words else ():
            if claim := _claimed(pattern, text):
                yield f"says {claim!r} where the result says {word}"


def _claimed(pattern: re.Pattern[str], text: str) -> str | None:
    """The first words of `text` that make the claim and are neither denied nor hedged."""
    for match in pattern.finditer(text):
        before = _CLAUSE.split(text[: match.start()])[-1].split()[-_REACH:]
        if not _DENIED.search(" ".join(before)):
            return match.group()
    return None


def _clauses(sentence: str) -> list[str]:
    return [clause for clause in _CLAUSE.split(sentence) if clause.strip()]
