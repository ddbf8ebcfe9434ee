"""What products are about: one unit row each, and which lie near each other."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from models.neighbours import Matrix

NEAR = 100
"""Nearest products kept of each, itself among them: what was looked at speaks for itself, too."""
_CELLS = 20_000_000


def content_of(products: pd.DataFrame, items: pd.Index, vectors: pd.DataFrame | None) -> tuple[Any, str]:
    """Unit rows, one an item, and their name: the index's vectors, or TF-IDF of titles, brands and categories."""
    if vectors is not None:
        dense = vectors.reindex(items).fillna(0.0).to_numpy(dtype=np.float32)
        return dense, "vectors " + hashlib.sha256(dense.tobytes()).hexdigest()[:12]
    from sklearn.feature_extraction.text import TfidfVectorizer  # slow to import, and needed for fitting only

    words = products[["title", "category", "brand"]].fillna("").astype(str).agg(" ".join, axis=1)
    try:
        return TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True).fit_transform(words).tocsr(), "titles"
    except ValueError:  # not one word in any title
        return sp.csr_matrix((len(items), 1)), "titles"


def nearest_content(content: Any, *, near: int = NEAR) -> Matrix:
    """CSR (items × items): of each item (row) the `near` most similar ones, by how far above the mean they lie.

    What lies near everything says nothing of a taste, so a cosine counts only above the row's mean. Items without
    content have none.
    """
    items = content.shape[0]
    told = np.asarray(abs(content).sum(axis=1)).ravel() > 0
    rows = np.flatnonzero(told)
    turned = content.T.tocsc() if sp.issparse(content) else content.T
    parts: list[Matrix] = []
    step = max(16, _CELLS // max(items, 1))
    for start in range(0, len(rows), step):
        cosines = content[rows[start : start + step]] @ turned
        cosines = np.asarray(cosines.toarray() if sp.issparse(cosines) else cosines, dtype=np.float32)
        cosines -= cosines.mean(axis=1, keepdims=True)
        parts.append(_largest(cosines, near))
    found = sp.vstack(parts, format="csr") if parts else sp.csr_matrix((0, items), dtype=np.float32)
    # Back to one row an item: rows of items that say nothing are empty.
    starts = np.zeros(items + 1, dtype=np.int64)
    starts[1:][told] = np.diff(found.indptr)
    return sp.csr_matrix((found.data, found.indices, np.cumsum(starts)), shape=(items, items))


def _largest(dense: NDArray[np.float32], near: int) -> Matrix:
    """The positive ones among each row's `near` largest values; of equal ones the first."""
    near = min(near, dense.shape[1])
    least = np.partition(dense, -near, axis=1)[:, -near] if near else np.zeros(len(dense))
    return sp.csr_matrix(np.where((dense >= least[:, None]) & (dense > 0), dense, np.float32(0)))
