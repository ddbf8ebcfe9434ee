"""How people really type: lower case, missing punctuation, politeness, a typo now and then."""

import random
import re

_BEFORE = (
    "hi, ", "hey ", "hello, ", "please ", "quick question: ", "ok ", "ok, ", "right, ", "morning. ", "so ", "um, ",
    "hey there, ",
    "could you help me: ", "next: ", "and now ", "good afternoon, ", "listen, ", "hiya, ",
)  # fmt: skip
_AFTER = (
    " please",
    " thanks",
    " thank you",
    ", please",
    " asap",
    " if you can",
    " pls",
    " today",
    " cheers",
    " when you have a moment",
)
_SAFE = re.compile(r"^[a-z]{5,}$")


def rough(text: str, rng: random.Random) -> str:
    """`text` as a hurried or a polite person might have typed it; figures, ids and quoted names stay whole."""
    roll = rng.random()
    if roll < 0.10:
        text = rng.choice(_BEFORE) + _decapitalised(text)
    elif roll < 0.18:
        text = text.rstrip(".?! ") + rng.choice(_AFTER) + (text[-1] if text[-1:] in "?." and rng.random() < 0.5 else "")
    if rng.random() < 0.25:
        text = text.rstrip(".?!")
    if rng.random() < 0.15 and "'" not in text and '"' not in text:
        text = _decapitalised(text)
    elif rng.random() < 0.35:
        text = text[:1].upper() + text[1:]
    if rng.random() < 0.10:
        text = _typo(text, rng)
    return text


def _decapitalised(text: str) -> str:
    first = text.split(" ", 1)[0]
    return text if any(c.isdigit() for c in first) or first == "I" else text[:1].lower() + text[1:]


_MEANT = frozenset(
    """weeks months quarter fortnight hundred thousand percent pounds euros dollars email instagram facebook google
    tiktok price prices stock margin rating ratings revenue profit chance spend orders units range share return
    clicks category brand total demand cost costs reasons segment lift status""".split()
)


def _typo(text: str, rng: random.Random) -> str:
    """Two letters of one plain word swapped, one left out or one doubled."""
    words = text.split(" ")
    places = [i for i, word in enumerate(words[:7]) if _SAFE.match(word) and word not in _MEANT]
    if not places:
        return text
    place = rng.choice(places)
    word = words[place]
    at = rng.randint(1, len(word) - 3)
    how = rng.randrange(3)
    words[place] = (
        word[:at] + word[at + 1] + word[at] + word[at + 2 :],
        word[:at] + word[at + 1 :],
        word[:at] + word[at] + word[at:],
    )[how]
    return " ".join(words)
