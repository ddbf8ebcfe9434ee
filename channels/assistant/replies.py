"""Quick replies: the obvious answers to the question that an answer ends with, so that a thumb can give them."""

from __future__ import annotations

import re

MOST = 4
_LONGEST = 28
"""Characters of one reply; what is longer is no button."""

_YES_NO = re.compile(
    r"^(shall|should|may i|do you want|would you like (me|to)|is that|is this|is there|are they|anything)", re.I
)
_LEADS = re.compile(r".*(?::|\b(?:more for|prefer|rather|like|want|mean))\s+", re.I)
_MONEY = re.compile(r"\b(price|budget|spend|cost|how much)\b", re.I)
_OPEN = re.compile(r"\b((what|which) (kind|sort|category)|looking for|fond of|usually like|interests?)\b", re.I)
_ALSO = re.compile(r"\b(anything|something) else\b", re.I)


def replies(text: str, *, symbol: str, categories: list[str]) -> list[str]:
    """Up to four replies to the last question of `text`; none where none is obvious.

    `symbol` is written before an amount ("£"), `categories` are those that people buy from most.

    >>> replies("Is your friend more for loose leaf or quick bags?", symbol="£", categories=[])
    ['loose leaf', 'quick bags']
    >>> replies("It is in stock. Shall I put it into your basket?", symbol="£", categories=[])
    ['Yes, please', 'No, thanks']
    """
    question = _question(text)
    if question is None:
        return []
    if _MONEY.search(question):
        return [f"under {symbol}20", f"under {symbol}50", "any price"]
    if " or " in question:
        return _alternatives(question)
    if _ALSO.search(question):
        return ["No, that is all"]
    if _YES_NO.match(question):
        return ["Yes, please", "No, thanks"]
    if _OPEN.search(question):
        return categories[:MOST]
    return []


def _question(text: str) -> str | None:
    """The sentence that ends `text`, if it is a question."""
    last = re.split(r"(?<=[.!?;])\s+", text.strip())[-1]
    return last.rstrip("?").strip() if last.endswith("?") else None


def _alternatives(question: str) -> list[str]:
    """The parts of "… A, B or C"; none unless each is short enough for a button."""
    parts = [part.strip() for part in re.split(r",\s*|\s+or\s+", question)]
    lead = _LEADS.match(parts[0])
    if lead is None:
        return []
    options = [parts[0][lead.end() :], *(re.sub(r"^(for|rather)\s+", "", part) for part in parts[1:])]
    short = all(0 < len(option) <= _LONGEST and len(option.split()) <= 4 for option in options)
    return options if short and 2 <= len(options) <= MOST else []
