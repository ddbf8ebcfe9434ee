"""The statement checker: literal text may name no figure and no product, and each claim must fit the results.

The grammar already makes digits and invented references impossible; what it cannot see is checked here, a sentence
at a time: number words, shop names, the words around each reference, and (`agent.wording`) what words claim alone.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from agent import wording
from agent.absence import absent
from tools.base import REFERENCE, Call, Fact, known_references
from tools.facts import ERROR, SHAPES, Meaning, Shape, shape_of

NUMBER_WORDS = frozenset(
    """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred hundreds thousand thousands million
    millions dozen dozens half halves third thirds quarter quarters both twice thrice once double triple first second
    pair couple single percent fourth fifth sixth seventh eighth ninth tenth fifths tenths billion billions tenfold
    twofold threefold""".split()
)
_ON_HAND = re.compile(
    r"^\s+(?:(?:units?|pieces?|items?)\s+)?"
    r"(?:(?:on|in|to) hand|in stock|on the shel(?:f|ves)|available|left\b(?! out))",
    re.IGNORECASE,
)
_TO_COME = frozenset({"demand", "order", "low", "high"})
_WAS_SOLD = re.compile(
    r"^\s+(?:units?\s+|pieces?\s+|items?\s+)?(?:(?:were|was) sold|ha(?:s|ve) been sold)\b", re.IGNORECASE
)
_PLACES: tuple[tuple[str, re.Pattern[str], frozenset[str]], ...] = tuple(
    (what, re.compile(rf"(?:{before})$", re.IGNORECASE), frozenset(units.split()))
    for what, before, units in (
        (
            "a price",
            r"\b(?:costs?|priced at|price of|price is|at a price of|spend|for just|cheaper at)",
            "money words name",
        ),
        ("a time", r"\b(?:within|over the (?:next|last|coming)|during the (?:next|last))", "days"),
        (
            "a day",
            r"\b(?:with you|arrives?|arrive|delivered|be there|be here|expected)\s+(?:by|on)",
            "date words days",
        ),
        ("a rating", r"\b(?:rates?|rated|rating of|know it as)(?: it| them| this)?(?: at| as| a)?", "words count"),
        ("a month", r"\b(?:best|worst|busiest|strongest|weakest) (?:month|week|day) (?:is|was)", "date words name"),
        ("a duration", r"\bit(?:'s| has) been", "days words"),
        ("an id", r"\b(?:tracking|order|customer|campaign) number", "id"),
    )
)
"""What a reference must be after certain words, and the units that are."""
_SAID: tuple[tuple[re.Pattern[str], frozenset[str]], ...] = tuple(
    (re.compile(rf"\b(?:{before})$", re.IGNORECASE), frozenset(keys.split()))
    for before, keys in {
        r"made by|brand is|brand of|from the brand": "brand",
        r"purchase (?:cost|price)(?: of \S+)? is|costs us|buy (?:it )?in at": "cost",
        r"(?:has|have) spent": "revenue",
        r"(?:decline|rise|growth|increase|drop|fall|change) of(?: about)?": "change lift",
        r"(?:i would|should|to|we) spend": "spend budget cost",
        r"discount of": "discount",
        r"(?:would|will|to|you) pay": "price total new_price",
        r"conversion(?: over all steps| overall)? (?:is|of|stands at)": "conversion",
    }.items()
)
"""Words before an amount or a share that only these facts may follow."""
_THEN: tuple[tuple[re.Pattern[str], frozenset[str]], ...] = (
    (
        re.compile(r"^\s+of (?:all |the |our |your )?customers\b", re.IGNORECASE),
        frozenset({"share", "kept", "best_kept"}),
    ),
    (re.compile(r"^\s+(?:apiece|each)\b", re.IGNORECASE), frozenset({"price", "new_price"})),
)
_LABELS: dict[str, frozenset[str]] = {
    label: frozenset(keys.split())
    for labels, keys in {
        "profit": "profit low high",
        "revenue turnover": "revenue revenue_share low high",
        "cost costs": "cost price new_price total spend gap",
        "budget": "budget kept spend",
        "price": "price new_price gap",
        "margin": "margin",
        "discount": "discount new_price",
        "chance likelihood probability odds": "buy_chance average",
        "lift": "lift low high",
        "return": "return profit",
    }.items()
    for label in labels.split()
}
"""Nouns that say what an amount or a percentage is, and the facts that may be called so."""
_OF_MONEY = frozenset({"profit", "turnover", "cost", "costs", "budget"})
_LINKS = r"(?:of|is|are|was|be|at|to|comes|stands|about|around|roughly|some|only|would|should|will|another|up|put|:)"
_LABEL_BEFORE = re.compile(rf"\b({'|'.join(_LABELS)})\b:?(?:\s+{_LINKS})*\s*$", re.IGNORECASE)
_EXTRA = r"(?:extra|expected|incremental|more|added|additional)"
_LABEL_AFTER = re.compile(
    rf"^\s+(?:(?:of|in|as)\s+)?(?:{_EXTRA}\s+)?({'|'.join(label for label in _LABELS if label != 'return')})\b",
    re.IGNORECASE,
)
_LONGEST_NAME = 8
"""Words of the longest name that is looked for."""

_SENTENCE = re.compile(r"(?<=[.?])\s+|\n+")
_WORD = re.compile(r"[a-z'-]+")


@dataclass(frozen=True)
class Fault:
    """What is wrong, and the sentence in which it stands."""

    reason: str
    sentence: str


_TOKEN = re.compile(r"[\w'&-]+")


@dataclass(frozen=True)
class Names:
    """The shop's own names, which literal text may not contain: titles, brands and categories, in any case."""

    phrases: frozenset[str] = field(default=frozenset())

    @staticmethod
    def of(names: Iterable[str]) -> "Names":
        """From the names as the shop prints them; those of a letter or two are found in ordinary words and left out."""
        return Names(frozenset(" ".join(_TOKEN.findall(name.lower())) for name in names if len(name.strip()) > 2))

    def within(self, text: str) -> str | None:
        """A shop's name that stands in `text`, or None."""
        tokens = _TOKEN.findall(text.lower())
        for at in range(len(tokens)):
            for size in range(1, _LONGEST_NAME + 1):
                phrase = " ".join(tokens[at : at + size])
                if phrase in self.phrases:
                    return phrase
        return None


def sentences(raw: str) -> list[str]:
    """The sentences of an answer, in order."""
    return [part for part in _SENTENCE.split(raw.strip()) if part]


def meanings(calls: Iterable[Call]) -> dict[str, Meaning]:
    """What each reference of these calls stands for."""
    found: dict[str, Meaning] = {}
    for one in calls:
        shape = ERROR if one.result.failed else _shape(one)
        level = shape.level if shape else {}
        row = (shape.row if shape else None) or {}
        for key, fact in one.result.facts.items():
            found[f"{one.letter}.{key}"] = level.get(key, Meaning(fact.unit))
        for number, each in enumerate(one.result.rows, start=1):
            for key, fact in each.facts.items():
                found[f"{one.letter}{number}.{key}"] = row.get(key, Meaning(fact.unit))
    return found


@dataclass(frozen=True)
class Ground:
    """All that a statement may stand on: the facts of the calls in sight, their meanings and cues, the shop's names."""

    known: Mapping[str, Fact]
    meaning: Mapping[str, Meaning]
    cues: wording.Cues
    names: Names

    @staticmethod
    def of(calls: Sequence[Call], names: Names) -> "Ground":
        """The ground that `calls` give."""
        return Ground(known_references(calls), meanings(calls), cues(calls), names)


def cues(calls: Iterable[Call]) -> dict[str, wording.Cue]:
    """The cue of each result and of each row."""
    found: dict[str, wording.Cue] = {}
    for one in calls:
        found[one.letter] = wording.Cue(one.tool, frozenset(one.result.cue.split()))
        for number, row in enumerate(one.result.rows, start=1):
            found[f"{one.letter}{number}"] = wording.Cue(one.tool, frozenset(row.cue.split()))
    return found


def check(raw: str, ground: Ground) -> list[Fault]:
    """Every fault of an answer; an empty list means that each sentence may be shown."""
    return [fault for one in sentences(raw) for fault in check_sentence(one, ground)]


def check_sentence(sentence: str, ground: Ground) -> list[Fault]:
    """The faults of one sentence."""
    faults: list[str] = []
    literal = REFERENCE.sub("\u241f", sentence)
    if re.search(r"\d", literal):
        faults.append("a digit in literal text")
    if re.search(r"[{}]", literal):
        faults.append("a broken reference")
    numbers = [w for w in _WORD.findall(literal.lower()) if any(part in NUMBER_WORDS for part in w.split("-"))]
    if numbers:
        faults.append(f"the number word {numbers[0]!r}")
    # A reference ends the neighbourhood of a name: "the {a.title} Garden" is still checked on each side.
    named = [found for part in literal.split("\u241f") if (found := ground.names.within(part))]
    if named:
        faults.append(f"the shop's own name {named[0]!r}")
    for match in REFERENCE.finditer(sentence):
        reference = match.group(1)
        before, after, about = sentence[: match.start()], sentence[match.end() :], ground.meaning.get(reference)
        if reference not in ground.known:
            faults.append(f"no such fact {reference}")
        elif reason := (
            _misfit(before, after, about)
            or _mislabelled(reference, before, after, about)
            or _too_early(reference.partition(".")[2], after)
        ):
            faults.append(f"{reference} {reason}")
    faults += wording.unfounded(sentence, ground.cues)
    faults += absent(sentence, ground.known, next((at for at in reversed(list(ground.cues)) if at.isalpha()), None))
    return [Fault(reason, sentence) for reason in faults]


_NOUNS = frozenset(
    noun
    for shape in SHAPES.values()
    for meaning in (*shape.level.values(), *(shape.row or {}).values())
    for noun in meaning.nouns
    if " " not in noun
)


def _misfit(before: str, after: str, meaning: Meaning | None) -> str | None:
    """Why a reference does not fit the words around it; None when it does."""
    if meaning is None:
        return None
    before, after = before.rstrip(), REFERENCE.split(after)[0]
    following = _WORD.findall(after.lower())[:6]
    directly = _WORD.findall(re.split(r"[.,;:?()\n]", after)[0].lower())[:2]
    if meaning.unit == "count" and meaning.nouns:
        # Of two or three words only the last is the noun: "new customers", "extra orders".
        own = any(noun in " ".join(following) for noun in meaning.nouns)
        foreign = next((w for w in directly if w in _NOUNS and w not in _words(meaning.nouns)), None)
        if foreign and not (own and directly.index(foreign) > 0) and not re.match(r"\s+(?:\w+\s+)?left out\b", after):
            return f"is followed by {foreign!r}"
        if directly and directly[0] in _UNIT_WORDS | _OTHER_NOUNS:
            return f"is followed by {directly[0]!r}"
        if "units" in meaning.nouns and "on hand" not in meaning.nouns and _ON_HAND.search(after):
            return "is called stock"
    if meaning.unit in ("money", "percent", "days", "date"):
        foreign = next(
            (w for w in directly[:1] if w in _NOUNS - {"left", "sold", "available", "sales"} or w in _UNIT_WORDS), None
        )
        if foreign:
            return f"is followed by {foreign!r}"
    of_it = following[:1] == ["characters"] or (meaning.unit == "percent" and following[:1] == ["of"])
    # "Customers rate {a.title} {a.rating}" names first what is rated.
    excused = {"a time": of_it, "a rating": after.isspace()}
    for what, words, units in _PLACES:
        if words.search(before) and meaning.unit not in units and not excused.get(what):
            return f"stands where {what} belongs"
    return None


def _too_early(key: str, after: str) -> str | None:
    """Why what is to come is not what has been ("{a1.demand} units were sold"); None when nobody says so."""
    return "has not been sold" if key in _TO_COME and _WAS_SOLD.search(after) else None


def _mislabelled(reference: str, before: str, after: str, meaning: Meaning | None) -> str | None:
    """Why the noun beside an amount or a percentage is another fact's ("a profit of {a.cost}"); None when it is not."""
    level, key = reference.split(".")
    if meaning is None or level == "u" or meaning.unit not in ("money", "percent"):
        return None
    near = _LAST_TEXT.sub("", before.rstrip())
    for pattern, keys in _SAID:
        if (words := pattern.search(before.rstrip())) and key not in keys:
            return f"is called {words.group()}"
    for pattern, keys in _THEN:
        if (words := pattern.search(after)) and key not in keys:
            return f"is called {words.group().strip()}"
    if key == "average" and re.search(r"\bchance is$", before.rstrip(), re.IGNORECASE):
        return "is the shop's average"
    found = _LABEL_BEFORE.search(REFERENCE.split(before)[-1]) or _LABEL_BEFORE.search(_TIMES.sub(" ", near))
    if found is None and meaning.unit == "money":  # "{a.share} of revenue" is a share
        found = _LABEL_AFTER.search(after)
    label = found.group(1).lower() if found else ""
    if label and (key not in _LABELS[label] or (label in _OF_MONEY and meaning.unit != "money")):
        return f"is called {label}"
    return None


_OTHER_NOUNS = frozenset(
    "suppliers words shops stores stars hours minutes categories brands letters pages miles".split()
)
_TIMES = re.compile(r"\s+(?:over|within|for|in|of)\s+\{[a-z]+\d?\.(?:horizon|window|target|title)\}|\s+of that\b")
_LAST_TEXT = re.compile(r"^.*[.;]\s(?=[^.;]*$)", re.DOTALL)
_UNIT_WORDS = frozenset("days day weeks week months percent points pounds euros dollars".split())


def _words(nouns: Collection[str]) -> set[str]:
    return {word for noun in nouns for word in noun.split()}


def _shape(call: Call) -> Shape | None:
    try:
        return shape_of(call.tool, dict(call.arguments))
    except KeyError:
        return None
