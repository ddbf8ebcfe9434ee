"""What speaks for a title as the answer to a query: by words, by letters, by meaning; in scores and in features."""

from collections.abc import Sequence

import bm25s
import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from sklearn.feature_extraction.text import TfidfVectorizer

from index.embed import Vectors
from index.spelling import Speller, counts
from index.terms import stem, words

Scores = npt.NDArray[np.float32]
Places = npt.NDArray[np.intp]

K1, B = 1.0, 0.4
"""BM25 for titles: a word is rarely there twice, and a long one is little worse; chosen on training searches."""
_LETTERS = (3, 5)
_HEAD_ENDS = frozenset("with in for by and".split())
CHANNELS = ("words", "head", "letters", "meaning")
COVERAGE = (
    *("covered", "covered_idf", "missing_idf", "first_found", "last_found", "lead_asked", "title_covered"),
    *("numbers_found", "numbers_missing", "title_length", "query_length", "mended"),
)


class Channels:
    """Scores every one of `titles` for a query; `vectors` are the titles' unit vectors, (titles, dimension)."""

    def __init__(self, titles: Sequence[str], vectors: Vectors) -> None:
        self.vectors = vectors
        stems = [[stem(word) for word in words(title)] for title in titles]
        known = counts(stems)
        self._speller = Speller(known)
        self._bm25, self._head = _bm25(stems), _bm25([_head(title) for title in stems])
        self._letters = TfidfVectorizer(
            analyzer="char_wb",
            ngram_range=_LETTERS,
            sublinear_tf=True,
            dtype=np.float32,
            min_df=2 if len(titles) > 1 else 1,
        )
        self._by_letters = self._letters.fit_transform([" ".join(title) or "-" for title in stems]).T.tocsr()
        self._place = {word: i for i, word in enumerate(known)}
        self._idf = np.log1p(len(titles) / np.array([known[word] for word in known], dtype=np.float32))
        self._unknown_idf = float(np.log1p(len(titles)))
        self._holds = _incidence(stems, self._place)
        self._lead = np.array([self._place[title[0]] if title else -1 for title in stems], dtype=np.intp)
        self._length = np.array([len(set(title)) for title in stems], dtype=np.float32)

    def __len__(self) -> int:
        return len(self._length)

    def asked(self, query: str) -> list[str]:
        """The query's stems, spelling mended against the titles' words, none twice."""
        return list(dict.fromkeys(self._speller.mended([stem(word) for word in words(query)])))

    def scores(self, query: str, vector: Vectors) -> dict[str, Scores]:
        """The score of every title in each of `CHANNELS`; `vector` is the query's unit vector."""
        asked = self.asked(query)
        letters = self._letters.transform([" ".join(asked)])
        return {
            "words": _bm25_scores(self._bm25, asked, len(self)),
            "head": _bm25_scores(self._head, asked, len(self)),
            "letters": np.asarray((letters @ self._by_letters).todense(), dtype=np.float32).ravel(),
            "meaning": self.vectors @ vector,
        }

    def coverage(self, query: str, places: Places) -> npt.NDArray[np.float32]:
        """How the titles at `places` and the query cover each other, columns as in `COVERAGE`."""
        asked, plain = self.asked(query), [stem(word) for word in words(query)]
        at = np.array([self._place.get(word, -1) for word in asked], dtype=np.intp)
        found = np.zeros((len(places), len(asked)), dtype=np.float32)
        if (at >= 0).any():
            found[:, at >= 0] = self._holds[places][:, at[at >= 0]].toarray()
        idf = np.where(at >= 0, self._idf[at], self._unknown_idf) if len(at) else np.zeros(0, np.float32)
        number = np.array([word[0].isdigit() for word in asked], dtype=bool)
        one = np.ones(len(places), dtype=np.float32)
        none = 0 * one
        columns = [
            found.mean(axis=1) if len(asked) else none,
            (found * idf).sum(axis=1) / max(float(idf.sum()), 1e-9),
            ((1 - found) * idf).max(axis=1) if len(asked) else none,
            found[:, 0] if len(asked) else none,
            found[:, -1] if len(asked) else none,
            np.isin(self._lead[places], at[at >= 0]),
            found.sum(axis=1) / np.maximum(self._length[places], 1),
            found[:, number].sum(axis=1),
            (1 - found[:, number]).sum(axis=1),
            self._length[places],
            one * len(asked),
            one * len(set(asked) - set(plain)),
        ]
        return np.stack([np.asarray(column, dtype=np.float32) for column in columns], axis=1)


def _head(title: Sequence[str]) -> list[str]:
    """The part of a title that names the thing, before what it comes with: "gas mower with engine" is no engine."""
    ends = [i for i, word in enumerate(title) if i > 1 and word in _HEAD_ENDS]
    return list(title[: ends[0]] if ends else title)


def _incidence(stems: Sequence[Sequence[str]], place: dict[str, int]) -> sp.csr_matrix:
    rows = [i for i, title in enumerate(stems) for _ in set(title)]
    columns = [place[word] for title in stems for word in set(title)]
    shape = (len(stems), max(len(place), 1))
    return sp.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=shape)


def _bm25(stems: Sequence[Sequence[str]]) -> bm25s.BM25:
    index = bm25s.BM25(k1=K1, b=B)
    index.index([list(title) or ["-"] for title in stems], show_progress=False)
    return index


def _bm25_scores(index: bm25s.BM25, asked: Sequence[str], size: int) -> Scores:
    known = [word for word in asked if word in index.vocab_dict]
    return index.get_scores(known) if known else np.zeros(size, np.float32)
