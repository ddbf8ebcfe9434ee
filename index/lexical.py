"""A catalogue's words: BM25 over stems, spelling mended against the catalogue's own."""

from collections.abc import Iterable
from pathlib import Path
from typing import Self

import bm25s
import numpy as np
import numpy.typing as npt

from index.spelling import Speller
from index.terms import terms

Scores = npt.NDArray[np.float32]

_K1, _B = 1.0, 0.4


class WordIndex:
    """Scores texts, numbered from 0, by the words that a query shares with them."""

    def __init__(self, bm25: bm25s.BM25) -> None:
        self._bm25 = bm25
        # Each word has one entry a text that holds it.
        held = np.diff(bm25.scores["indptr"])
        self._counts = {word: int(held[at]) for word, at in bm25.vocab_dict.items() if at < len(held) and held[at]}
        self._speller = Speller(self._counts)
        self._texts = int(bm25.scores["num_docs"])

    @classmethod
    def of(cls, texts: Iterable[list[str]]) -> Self:
        """Of texts as lists of terms; there must be one text or more."""
        given = list(texts)
        if not any(given):  # no library of words without a word, so each text holds one that nobody can ask for
            given = [["-"]] * len(given)
        bm25 = bm25s.BM25(k1=_K1, b=_B)
        bm25.index(given, show_progress=False)
        return cls(bm25)

    def scores(self, query: str) -> tuple[Scores, float]:
        """The BM25 score of every text, (texts,), and the weight of all the query's words together."""
        asked = list(dict.fromkeys(self._speller.mended(terms(query))))
        known = [word for word in asked if word in self._bm25.vocab_dict]
        if not known:
            return np.zeros(self._texts, np.float32), 1.0
        return self._bm25.get_scores(known), sum(map(self._rarity, asked))

    def save(self, folder: Path) -> None:
        """Writes everything into `folder`."""
        self._bm25.save(folder, show_progress=False)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Reads what `save` wrote; the postings stay in their files and are mapped."""
        return cls(bm25s.BM25.load(folder, mmap=True, show_progress=False))

    def _rarity(self, word: str) -> float:
        """The word's inverse document frequency, as BM25 weighs it."""
        held = self._counts.get(word, 0)
        return float(np.log1p((self._texts - held + 0.5) / (held + 0.5)))
