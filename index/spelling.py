"""Spelling correction against a catalogue's own words: no dictionary knows its brands.

Words are found by deleting letters on both sides (Garbe's SymSpell): two words are at most one edit apart only if
they, or one of them with a letter less, meet. A word that the catalogue lacks may also be two of its words written
as one.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

MIN_LETTERS = 4
"""Shorter words are left alone: too many words are one letter away."""
_LONG = 7
"""From so many letters on, two edits are mended."""
_RARE = 2


class Speller:
    """Mends words that a catalogue lacks; `counts` says how many of its texts hold each word."""

    def __init__(self, counts: Mapping[str, int]) -> None:
        self._counts = dict(counts)
        self._by_part: dict[str, list[str]] = defaultdict(list)
        for word, count in sorted(self._counts.items()):
            if count >= _RARE and len(word) >= MIN_LETTERS and word.isalpha():
                for part in _parts(word):
                    self._by_part[part].append(word)
        self._mended = lru_cache(maxsize=10_000)(self._mend)

    def mended(self, words: Sequence[str]) -> list[str]:
        """`words` with each unknown one replaced by the catalogue's word, or two words, that it most likely means.

        >>> Speller({"chain": 9, "link": 9, "faucet": 5, "fence": 7}).mended(["chainlink", "fauset", "xyzzy", "fence"])
        ['chain', 'link', 'faucet', 'xyzzy', 'fence']
        """
        return [part for word in words for part in self._mended(word)]

    def _mend(self, word: str) -> tuple[str, ...]:
        if word in self._counts or len(word) < MIN_LETTERS or not word.isalpha():
            return (word,)
        near = self._near(word, 1)
        halves = [] if near else self._halves(word)
        if halves:
            return max(halves, key=lambda pair: (min(self._counts[half] for half in pair), pair))
        if not near and len(word) >= _LONG:
            near = self._near(word, 2)
        return (max(near, key=lambda known: (known[0] == word[0], self._counts[known], known)),) if near else (word,)

    def _near(self, word: str, edits: int) -> set[str]:
        parts = _parts(word)
        if edits == 2:
            parts |= {shorter for part in tuple(parts) for shorter in _parts(part)}
        near = {known for part in parts for known in self._by_part.get(part, ())}
        return {known for known in near if distance(word, known) <= edits}

    def _halves(self, word: str) -> list[tuple[str, str]]:
        pairs = [(word[:i], word[i:]) for i in range(3, len(word) - 2)]
        return [pair for pair in pairs if all(self._counts.get(half, 0) >= _RARE for half in pair)]


def counts(texts: Iterable[Iterable[str]]) -> dict[str, int]:
    """How many of the texts, each a list of words, hold each word."""
    found: dict[str, int] = defaultdict(int)
    for words in texts:
        for word in set(words):
            found[word] += 1
    return dict(found)


def distance(left: str, right: str) -> int:
    """Edits from one word to the other: letters put in, taken out, changed, or two neighbours swapped.

    Damerau and Levenshtein's, in its restricted form (no letter is edited twice).

    >>> distance("recieve", "receive"), distance("fauset", "faucet"), distance("lamp", "lamp")
    (1, 1, 0)
    """
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, start=1):
        older, before, row = before, row, [i]
        for j, b in enumerate(right, start=1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
    return row[-1]


def _parts(word: str) -> set[str]:
    return {word, *(word[:i] + word[i + 1 :] for i in range(len(word)))}
