"""What copy may be: a channel's limits, forbidden claims, and templates that always fit (`wording.yaml`)."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

Language = Literal["en", "zh"]

_GSM = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""The basic alphabet of GSM 03.38."""
_GSM_TWO = set("^{}\\[~]|€")
"""Its extension, two characters each."""
_HAN = re.compile(r"[\u4e00-\u9fff]")


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

    A text message in the GSM-7 alphabet counts its extension characters twice; one character outside of it
    makes the whole message Unicode, with a limit of 70.
    """
    if channel != "sms":
        return len(text), None
    if all(c in _GSM or c in _GSM_TWO for c in text):
        return sum(2 if c in _GSM_TWO else 1 for c in text), None
    return len(text.encode("utf-16-le")) // 2, rules()["sms_limit_unicode"]


def ending(channel: str, language: Language) -> str:
    """What must close a text on `channel`: how to stop text messages."""
    return str(rules()["sms_ending"][language]) if channel == "sms" else ""


def faults(prose: str, *, language: Language, offer: bool) -> list[str]:
    """What `prose` (references not yet filled in) says that it may not: figures, forbidden claims, untrue offers."""
    literal = re.sub(r"\{[^{}]*\}", " ", prose)
    found = ["a figure that no fact gives"] if re.search(r"\d", literal) else []
    banned: dict[str, list[str]] = rules()["forbidden"]
    figures: list[str] = rules()["figures"]["en"]
    found += [f"the number word {w!r}" for w in figures if _says(literal, w, "en")]
    found += [f"the claim {w!r}" for tongue in banned for w in banned[tongue] if _says(literal, w, tongue)]
    if not offer:
        untrue: dict[str, list[str]] = rules()["offers"]
        found += [f"the offer {w!r}" for tongue in untrue for w in untrue[tongue] if _says(literal, w, tongue)]
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


def _says(text: str, phrase: str, language: str) -> bool:
    if language == "zh":
        return phrase in text
    return re.search(rf"(?<![\w-]){re.escape(phrase)}(?![\w-])", text, re.IGNORECASE) is not None
