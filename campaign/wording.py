"""What copy may be: a channel's limits, what may not be said, and templates that always fit (`wording.yaml`)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

from campaign import claims

Language = Literal["en", "zh"]

_GSM = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""The basic alphabet of 3GPP TS 23.038, 127 characters; the last, ESC, only leads into the extension."""
_GSM_TWO = set("\f^{}\\[~]|€")
"""Its extension: ESC and a second character, so each takes two places."""
_HAN = re.compile(r"[\u4e00-\u9fff]")
_PLAIN = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "...", "\u00a0": " "})


@cache
def rules() -> dict[str, Any]:
    """The content of `wording.yaml`."""
    loaded: dict[str, Any] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
    return loaded


def parts(channel: str) -> dict[str, int]:
    """The parts of a text on `channel`, in order, with the most characters of each."""
    found: dict[str, int] = rules()["channels"][channel]
    return found


def length(channel: str, text: str) -> tuple[int, int | None]:
    """Characters as the channel counts them, and the limit that replaces the part's own (None: none does).

    A text message in the GSM-7 alphabet counts its extension characters twice; one character outside of it makes
    the whole message UCS-2, counted in 16-bit units, with a limit of 70. Some channels count wide characters twice.
    """
    if channel == "sms":
        if all(c in _GSM or c in _GSM_TWO for c in text):
            return sum(2 if c in _GSM_TWO else 1 for c in text), None
        return len(text.encode("utf-16-le")) // 2, rules()["sms_limit_unicode"]
    if channel in rules()["double_width"]:
        return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text), None
    return len(text), None


def plain_marks(text: str) -> str:
    """`text` with typewriter quotes and dashes, which keep a text message in the GSM-7 alphabet."""
    return text.translate(_PLAIN)


def ending(channel: str, language: Language) -> str:
    """What must close a text on `channel`: how to stop text messages."""
    return str(rules()["sms_ending"][language]) if channel == "sms" else ""


def faults(
    prose: str,
    *,
    language: Language,
    offer: bool,
    channel: str | None = None,
    markets: Collection[str] | None = None,
) -> list[str]:
    """What `prose` (references not yet filled in) says that it may not, each in words.

    Figures, claims that one of `markets` forbids (all of them unless given), offers that are none, words about the
    text itself or that mean nothing on `channel`, exclamation marks, and another language than asked for.
    """
    literal = re.sub(r"\{[^{}]*\}", " ", prose)
    found = ["a figure that no fact gives"] if re.search(r"\d", literal) else []
    found += [f"the number word {w!r}" for w in says(literal, rules()["figures"]["en"])]
    found += [str(claim) for claim in claims.forbidden(literal, markets)]
    found += [f"words about the text itself or its time, {w!r}" for w in says(literal, rules()["unsaid"]["en"])]
    if not offer:
        untrue: dict[str, list[str]] = rules()["offers"]
        found += [f"the offer {w!r} where there is none" for tongue in untrue for w in says(literal, untrue[tongue])]
    if channel is not None:
        homes: dict[str, list[str]] = rules()["only_on"]
        found += [f"{w!r}, which means nothing on {channel}" for w in says(literal, homes) if channel not in homes[w]]
    if "!" in literal or "！" in literal:
        found.append("an exclamation mark")
    if language == "zh" and not _HAN.search(literal):
        found.append("another language than Chinese")
    if language == "en" and _HAN.search(literal):
        found.append("another language than English")
    return found


def templates(channel: str, part: str, *, language: Language, offer: bool, tone: str) -> list[str]:
    """Templates of a part, the preferred first, with the tone's opening filled in."""
    options: list[str] = rules()["templates"][language][channel][part]["offer" if offer else "plain"]
    opening = rules()["openings"][language].get(tone, "")
    return [option.replace("{opening}", opening) for option in options]


def tone_for(segment: str) -> str:
    """The tone for a segment of the audience where the brief gives none."""
    tones: dict[str, str] = rules()["tones"]
    return tones.get(segment.casefold(), tones["everyone"])


def says(text: str, phrases: Collection[str]) -> list[str]:
    """Those of `phrases` that stand in `text`: as whole words in any case, Chinese anywhere."""
    return [phrase for phrase in phrases if _pattern(phrase).search(text)]


@cache
def _pattern(phrase: str) -> re.Pattern[str]:
    return re.compile(claims.says(phrase), re.IGNORECASE)
