"""The vectors of an index: compared one by one in a small catalogue, found through inverted lists in a large one."""

from pathlib import Path
from typing import Any, Self

import faiss
import numpy as np
import numpy.typing as npt

from index.embed import Vectors

Numbers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

LARGE = 200_000
"""From so many vectors on they are grouped into lists, of which a search reads a part; below, it reads them all."""
READ = 1 / 3
"""The part of the lists that a search reads; more where few vectors take part, so that enough of those are seen."""
_TRAINED_ON = 40
"""Vectors a list that its centre is learned from."""
_ROUNDS = 5
_LOOKED_AT = 300
"""Vectors whose scores are worked out again from their bytes; at least `_FOLD` times as many as are wanted."""
_FOLD = 5
_ONE_THREAD = 12
"""FAISS's name of the scan whose result does not hang on how threads share the lists."""


class VectorStore:
    """Unit vectors numbered 0, 1, 2 … as they are added, shape (dimension,) each, searched by inner product.

    From `large` vectors on they lie in inverted lists (Sivic and Zisserman, 2003), twice: as product codes of half a
    byte for three numbers (Jégou et al., 2011; scanned as by André et al., 2015), which find some hundreds, and with a
    byte a number, which puts those in order. That is a third of the memory, and scores right to about a thousandth.
    What is added later joins the lists as they are. Nothing is taken out: whoever searches says which numbers take
    part, and `kept` leaves the rest behind.
    """

    def __init__(self, dimension: int, *, large: int = LARGE) -> None:
        self.large = large
        self._faiss: Any = faiss.IndexFlatIP(dimension)
        self._mapped: Path | None = None

    def __len__(self) -> int:
        return int(self._faiss.ntotal)

    @property
    def dimension(self) -> int:
        """Numbers of a vector."""
        return int(self._faiss.d)

    @property
    def approximate(self) -> bool:
        """Whether a search may miss some of the nearest."""
        return isinstance(self._faiss, faiss.IndexRefine)

    def add(self, vectors: Vectors) -> Numbers:
        """Adds `vectors`, shape (n, dimension), and gives their numbers."""
        first, total = len(self), len(self) + len(vectors)
        if not self.approximate and total >= self.large:
            vectors = np.concatenate([self.vectors(np.arange(first)), vectors]) if first else vectors
            self._faiss = _lists(self.dimension, vectors)
        elif self._mapped is not None:  # what is mapped can only be read
            self._faiss, self._mapped = _read(self._mapped, mapped=False), None
        self._faiss.add(np.ascontiguousarray(vectors, dtype=np.float32))
        return np.arange(first, total)

    def vectors(self, numbers: Numbers) -> Vectors:
        """The vectors under `numbers`, shape (len(numbers), dimension), as exact as they are kept."""
        if not len(numbers):
            return np.empty((0, self.dimension), np.float32)
        held: Vectors = self._faiss.reconstruct_batch(np.ascontiguousarray(numbers, dtype=np.int64))
        return held

    def nearest(self, vector: Vectors, takes_part: Mask, limit: int) -> tuple[Numbers, Vectors]:
        """The numbers and inner products of the `limit` vectors nearest to `vector`, best first.

        `takes_part`, (len(self),), says which may be found. Fewer come back where fewer take part or, in lists, were
        read.
        """
        part = int(np.count_nonzero(takes_part))
        if part == 0 or limit < 1:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        parameters = self._parameters(takes_part, part, limit)
        asked = np.ascontiguousarray(vector, dtype=np.float32).reshape(1, -1)
        scores, found = self._faiss.search(asked, min(limit, part), params=parameters)
        there = found[0] >= 0
        return found[0][there], scores[0][there]

    def _parameters(self, takes_part: Mask, part: int, limit: int) -> Any:
        whole: Any = faiss.SearchParameters
        lists: Any = faiss.SearchParametersIVF
        refined: Any = faiss.IndexRefineSearchParameters
        if not self.approximate:
            return whole(sel=_bitmap(takes_part))
        count = int(_base(self._faiss).nlist)
        chosen = {"nprobe": min(count, int(np.ceil(READ * count * len(takes_part) / part)))}
        found = lists(**chosen) if part == len(takes_part) else lists(sel=_bitmap(takes_part), **chosen)
        return refined(k_factor=max(_LOOKED_AT / limit, _FOLD), base_index_params=found)

    def kept(self, numbers: Numbers) -> Self:
        """A store of the vectors under `numbers` alone, numbered anew in that order."""
        other = type(self)(self.dimension, large=self.large)
        other.add(self.vectors(numbers))
        return other

    def save(self, path: Path) -> None:
        """Writes everything to `path`."""
        faiss.write_index(self._faiss, str(path))
        self._mapped = path if self._mapped is not None else None  # the file that was mapped may go now

    @classmethod
    def load(cls, path: Path, *, large: int = LARGE) -> Self:
        """Reads what `save` wrote; `RuntimeError` where it is damaged.

        The bytes stay in the file and are mapped: opening takes no time, and processes share what they read.
        """
        store = cls(1, large=large)
        store._faiss = _read(path, mapped=True)
        if isinstance(store._faiss, faiss.IndexIDMap2):  # older files hold ids beside the vectors: 0, 1, 2 … as well
            store._faiss = faiss.clone_index(faiss.downcast_index(store._faiss.index))
        store._mapped = path if store.approximate else None
        return store


def _lists(dimension: int, vectors: Vectors) -> Any:
    """Empty lists whose centres and codes suit `vectors`; the same vectors, the same lists."""
    count = max(min(int(len(vectors) ** 0.5), len(vectors) // _TRAINED_ON), 1)
    sample = np.random.default_rng(0).permutation(len(vectors))[: max(count * _TRAINED_ON, 10_000)]
    inner, together = faiss.METRIC_INNER_PRODUCT, next(n for n in (3, 4, 2, 1) if dimension % n == 0)
    lists: Any = faiss.IndexIVFPQFastScan(
        faiss.IndexFlatIP(dimension), dimension, count, dimension // together, 4, inner
    )
    lists.by_residual, lists.implem = False, _ONE_THREAD
    lists.cp.niter, lists.cp.max_points_per_centroid, lists.cp.spherical = _ROUNDS, _TRAINED_ON, True
    bytes_each = faiss.IndexScalarQuantizer(dimension, faiss.ScalarQuantizer.QT_8bit, inner)
    index = faiss.IndexRefine(lists, bytes_each)
    index.train(np.ascontiguousarray(vectors[np.sort(sample)], dtype=np.float32))
    return index


def _base(index: Any) -> Any:
    """The lists below a refined index."""
    return faiss.downcast_index(index.base_index)


def _bitmap(takes_part: Mask) -> Any:
    selector: Any = faiss.IDSelectorBitmap
    return selector(np.packbits(takes_part, bitorder="little"))


def _read(path: Path, *, mapped: bool) -> Any:
    index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC if mapped else 0)
    if isinstance(index, faiss.IndexRefine):
        _base(index).implem = _ONE_THREAD
    return index
