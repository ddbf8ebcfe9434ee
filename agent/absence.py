"""What a sentence calls missing must be missing from the results that it speaks of."""

import re
from collections.abc import Collection, Iterator

from tools.base import REFERENCE

_NOUNS: dict[str, frozenset[str]] = {
    nouns: frozenset(keys.split())
    for nouns, keys in {
        r"stocks?(?: figures?)?|how many (?:are left|we have)|left on the shelf": "stock",
        r"ratings?": "rating",
        r"reviews?|reviewed": "reviews",
        r"(?:purchase |unit )?costs?(?! \{)": "cost",
        r"margins?": "margin",
        r"brands?": "brand",
        r"categor(?:y|ies)": "category",
        r"tracking(?: number)?": "tracking",
        r"spend|spending": "spend",
        r"ranges?": "low high",
        r"lift|effect": "lift",
        r"profit": "profit",
        r"revenue|turnover": "revenue",
        r"clicks": "clicks",
        r"segment": "segment",
        r"change": "change",
    }.items()
}
"""What a fact may be called, and its keys."""

_MISSING = re.compile(
    r"""\b(?:not|never|n't)\s+(?:on\s+record|known|recorded|in\s+the\s+data)\b
    | \b(?:is|are|is\s+also|stocks?)\s+unknown\b
    | \bno\s+(?:\w+\s+){0,2}?(?:figures?|record)\b | \bmissing\s+from\s+the\s+data\b
    | \b(?:have|has|there\s+is|there\s+are|there's)\s+no\s+(?:rating|reviews?|brand|range|tracking|figure)\w*
    | \bwhat\s+i\s+(?:don't|do\s+not)\s+have\b | \bnobody\s+has\s+(?:reviewed|recorded|rated)\b
    | \b(?:can't|cannot)\s+(?:give|be\s+(?:worked\s+out|given))\b""",
    re.IGNORECASE | re.VERBOSE,
)
_CLAUSE = re.compile(r"[;:]|\.(?=\s|$)|,\s+(?:and|but|since|as|because|so)\b|\b(?:but|since|because)\b", re.IGNORECASE)
_OTHERS = re.compile(r"\.unknown\}|\bsome\b", re.IGNORECASE)
"""Words of the products that are not shown."""


def absent(sentence: str, known: Collection[str], last: str | None) -> Iterator[str]:
    """What the sentence calls missing although the results hold it.

    `known` are the references in sight, such as `a.stock` and `a2.price`; `last` is the letter of the last call, of
    which a sentence without references speaks. A row that is named is looked at alone; else all rows must have it.
    """
    levels = {reference.split(".")[0] for reference in REFERENCE.findall(sentence)}
    rows = {level for level in levels if level[-1].isdigit()}
    letters = {level.rstrip("0123456789") for level in levels} - {"u"} or ({last} if last else set())
    for clause in _CLAUSE.split(sentence):
        if not _MISSING.search(clause) or _OTHERS.search(clause):
            continue
        for nouns, keys in _NOUNS.items():
            called = re.search(rf"\b(?:{nouns})\b", REFERENCE.sub("{}", clause), re.IGNORECASE)
            told = {reference.partition(".")[2] for reference in REFERENCE.findall(clause)}
            if called and not told & keys and any(_holds(keys, letter, rows, known) for letter in letters):
                yield f"calls {called.group()!r} missing, which the result holds"


def _holds(keys: Collection[str], letter: str, rows: Collection[str], known: Collection[str]) -> bool:
    own = {row for row in rows if row.rstrip("0123456789") == letter}
    all_rows = {one.split(".")[0] for one in known if re.fullmatch(rf"{letter}\d+\..+", one)}
    asked = own or all_rows
    return any(f"{letter}.{key}" in known for key in keys) or (
        bool(asked) and any(all(f"{row}.{key}" in known for row in asked) for key in keys)
    )
