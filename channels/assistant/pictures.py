"""A drawn picture for a product that has no photo: a motif of what it is, in the colours of its category and make."""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from markupsafe import escape

_SIZE = 100


@dataclass(frozen=True)
class _Drawn:
    """`motifs.yaml`: motifs and colours by the words of titles, hues by category, words that say little."""

    motifs: Mapping[str, str]
    makes: Mapping[str, str]
    hues: Mapping[str, int]
    vague: Sequence[str]


def picture(title: str, category: str | None) -> str:
    """An SVG of 100 by 100 units, the same for the same words; a title without a motif shows its initial."""
    read, words = _read(), re.findall(r"[a-z]+", title.lower())
    hue = read.hues.get((category or "").lower(), int(_digest(category or title)[:4], 16) % 360)
    turn = int(_digest(title)[:4], 16)
    main = next((read.makes[word] for word in words if word in read.makes), f"hsl({hue} 34% 42%)")
    light, dark = f"hsl({hue} {34 + turn % 14}% {88 + turn % 5}%)", f"hsl({hue} 38% 24%)"
    motif = _motif(words, read.motifs)
    if motif is None:
        initial = escape(next((sign for sign in title if sign.isalnum()), "?").upper())
        shape = (
            f'<text x="50" y="64" font-family="system-ui, sans-serif" font-size="42" font-weight="600" '
            f'text-anchor="middle" fill="{main}">{initial}</text>'
        )
    else:
        shape = motif.replace("MAIN", main).replace("DARK", dark).replace("PALE", f"hsl({hue} 45% 97%)")
    glow = f'<circle cx="{34 + turn % 32}" cy="{30 + turn // 32 % 28}" r="42" fill="hsl({hue} 50% 96%)" opacity=".75"/>'
    ground = f'<ellipse cx="50" cy="86" rx="30" ry="3.5" fill="{dark}" opacity=".12"/>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_SIZE} {_SIZE}" width="{4 * _SIZE}" '
        f'height="{4 * _SIZE}"><rect width="{_SIZE}" height="{_SIZE}" fill="{light}"/>{glow}{ground}{shape}</svg>'
    )


def _motif(words: list[str], motifs: Mapping[str, str]) -> str | None:
    """The motif of the last word that has one: a "Camping Kettle Lid" is a lid first, then a kettle."""
    telling = [word for word in words if word not in _read().vague]
    for word in (*reversed(telling), *reversed(words)):
        for name in (word, word.removesuffix("s"), word.removesuffix("es")):
            if name in motifs:
                return motifs[name]
    return None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@functools.cache
def _read() -> _Drawn:
    read = yaml.safe_load(Path(__file__).with_name("motifs.yaml").read_text(encoding="utf-8"))
    motifs = {word: entry["draw"] for entry in read["motifs"] for word in entry["words"].split()}
    return _Drawn(motifs, read["makes"], read["hues"], read["vague"])
