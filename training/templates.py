"""The small template language of the seed files: `(a|b)` picks one, `[text]` may vanish, `{slot}` stays.

>>> import random
>>> expand("(win|lure) back {size} customers[ now]", random.Random(3))
'win back {size} customers'
"""

import random
import re

SLOT = re.compile(r"\{([a-z_]+)\}")
REFERENCE = re.compile(r"\{([a-z#u]*[0-9]*\.[a-z_]+)\}")


def expand(template: str, rng: random.Random) -> str:
    """One wording of `template`; parentheses without a bar are ordinary text."""
    text, _ = _sequence(template, 0, "", rng)
    return re.sub(r" +", " ", text).strip()


def slots(template: str) -> list[str]:
    """Names of the slots that `template` mentions, in any of its wordings."""
    return SLOT.findall(template)


def keys_in(text: str) -> set[str]:
    """Keys of the facts that `text` refers to."""
    return {match.group(1).partition(".")[2] for match in REFERENCE.finditer(text)}


def _sequence(template: str, at: int, closing: str, rng: random.Random) -> tuple[str, int]:
    """Expands from `at` up to a character of `closing`; returns the text and the position of that character."""
    text = ""
    while at < len(template) and template[at] not in closing:
        character = template[at]
        if character == "(":
            options, at, barred = _group(template, at + 1, rng)
            text += rng.choice(options) if barred else f"({options[0]})"
        elif character == "[":
            inner, at = _sequence(template, at + 1, "]", rng)
            at += 1
            text += inner if rng.random() < 0.5 else ""
        else:
            text += character
            at += 1
    return text, at


def _group(template: str, at: int, rng: random.Random) -> tuple[list[str], int, bool]:
    """The alternatives of a parenthesis whose content starts at `at`; whether it had a bar."""
    options: list[str] = []
    while True:
        option, at = _sequence(template, at, "|)", rng)
        options.append(option)
        if at >= len(template):
            raise ValueError(f"unclosed parenthesis in {template!r}")
        at += 1
        if template[at - 1] == ")":
            return options, at, len(options) > 1
