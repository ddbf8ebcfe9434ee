"""Builds the product index of a snapshot, embedding only texts that were never embedded before."""

import hashlib
import os
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from data.store import Snapshot
from index.catalogue import product_texts
from index.embed import Embedder, Encoder, Vectors
from index.search import ProductIndex

Progress = Callable[[str, float], None]
"""Called with "index" and the fraction of the texts that are embedded."""


def build(
    snapshot: Snapshot, folder: Path, *, embedder: Encoder | None = None, progress: Progress | None = None
) -> ProductIndex:
    """Indexes the products of `snapshot` and saves the index in `folder`.

    Vectors are kept by text beside `folder` (in `cache/`), so a second build, or one of a snapshot with a few
    changed products, takes no time. `progress` is called as the models' training calls it.
    """
    encoder = embedder or Embedder()
    products = snapshot.frame("products")
    texts = product_texts(products)
    vectors = embedded(texts, encoder, folder.parent / "cache" / f"{encoder.fingerprint}.npz", progress)
    index = ProductIndex(encoder, vectors.shape[1], snapshot.id)
    if len(products):
        index.add(products, vectors=vectors)
    index.save(folder)
    return index


def embedded(texts: Sequence[str], encoder: Encoder, path: Path | None, progress: Progress | None = None) -> Vectors:
    """Unit vectors of `texts`; those that the file `path` holds are read from it, the others are added to it."""
    hashes = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32] for text in texts]
    known = {} if path is None else _read(path)
    missing = {h: text for h, text in zip(hashes, texts, strict=True) if h not in known}
    if missing or not hashes:
        fresh = encoder.encode(
            list(missing.values()),
            progress=None if progress is None else lambda done, total: progress("index", done / max(total, 1)),
        )
        known |= dict(zip(missing, fresh, strict=True))
        if not hashes:
            return fresh
        if path is not None:
            _write(path, known)
    return np.stack([known[h] for h in hashes])


def _read(path: Path) -> dict[str, Vectors]:
    try:
        with np.load(path) as held:
            return dict(zip(held["hashes"].tolist(), held["vectors"], strict=True))
    except (OSError, ValueError, KeyError, BadZipFile):
        return {}  # absent or damaged: it is only a cache


def _write(path: Path, known: dict[str, Vectors]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{uuid.uuid4().hex}.npz")
    try:
        np.savez(draft, hashes=np.array(list(known)), vectors=np.stack(list(known.values())))
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
