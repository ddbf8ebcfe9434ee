"""Hybrid product search: MiniLM vectors in FAISS and BM25 over mended stems, joined in one sum.

Filters on price, category and stock decide who takes part, before any ranking is cut. Products are added,
changed and removed one at a time; only a changed text is embedded again. A large catalogue's vectors are searched
through inverted lists (`index.vectors`).
"""

import json
import os
import shutil
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from data.errors import DataError, ModelError
from index.catalogue import Catalogue, no_products, prepared
from index.embed import Encoder, Vectors
from index.lexical import WordIndex
from index.terms import terms
from index.vectors import LARGE, Mask, VectorStore
from index.words import match_categories

FORMAT = 1
WORDS_WEIGHT = 2.0
"""What the words count beside the cosine, their BM25 score taken as a share of the query's whole weight; chosen on
judged searches of another shop, where it finds a fifth more in the first ten than fusing the ranks."""
_BY_ID = 10.0
_DEPTH = 100


@dataclass(frozen=True)
class Hit:
    """One product found: `score` joins the others; `similarity` is the cosine, `bm25` the score by words (0: none)."""

    product_id: str
    score: float
    similarity: float
    bm25: float


class ProductIndex:
    """An index over the active products of one snapshot; made by `index.build` or `ProductIndex.load`.

    From `large` products on their vectors are searched through inverted lists instead of one by one.
    """

    def __init__(self, embedder: Encoder, dimension: int, snapshot_id: str, *, large: int = LARGE) -> None:
        self.snapshot_id = snapshot_id
        self._embedder = embedder
        self._store = VectorStore(dimension, large=large)
        self._products = no_products()
        self._catalogue = Catalogue(self._products)
        self._terms: dict[str, list[str]] = {}
        self._words: WordIndex | None = None
        self._folder: Path | None = None

    def __len__(self) -> int:
        return len(self._products)

    def __contains__(self, product_id: object) -> bool:
        return product_id in self._products.index

    @property
    def categories(self) -> list[str]:
        """Names of all categories, sorted."""
        return self._catalogue.categories

    @property
    def approximate(self) -> bool:
        """Whether the catalogue is so large that a search may miss some of the nearest vectors."""
        return self._store.approximate

    def warm(self) -> None:
        """Does once what the first search would wait for: seconds of loading, which may pass in another thread."""
        self._embedder.encode(["warm"])

    # --- asking ---------------------------------------------------------------------------------------------

    def search(
        self,
        query: str,
        *,
        category: str | None = None,
        min_price: float | None = None,
        max_price: float | None = None,
        in_stock: bool | None = None,
        limit: int = 10,
    ) -> list[Hit]:
        """The products that fit `query` best among those that pass every filter, best first.

        `category` is matched tolerantly (case, plural, contained words). A product without a price passes no
        price filter. `in_stock=True` leaves out what is known to be sold out, `False` keeps nothing else.
        A product whose id is the query comes first. Misspelt words are mended against the catalogue's, and measures
        compared in one spelling; a query of unknown words still gets its nearest vectors.
        """
        passes = self._passing(category, min_price, max_price, in_stock)
        if not query.strip() or limit < 1 or not passes.any():
            return []
        depth = max(_DEPTH, 3 * limit)
        vector = self._embedder.encode([query])[0]
        named = self._catalogue.named(query.strip(), passes)
        by_words, most = self._by_words(query, passes, depth)
        rows = sorted({*self._nearest(vector, passes, depth), *by_words, *named})
        ids, held = self._catalogue.ids[rows], self._store.vectors(self._catalogue.numbers[rows])
        hits = []
        for row, product_id, own in zip(rows, ids, held, strict=True):
            similarity, bm25 = float(own @ vector), by_words.get(row, 0.0)
            score = similarity + WORDS_WEIGHT * bm25 / most + _BY_ID * (row in named)
            hits.append(Hit(str(product_id), score, similarity, bm25))
        return sorted(hits, key=lambda hit: (-hit.score, hit.product_id))[:limit]

    def similar(self, product_id: str, limit: int = 10) -> list[Hit]:
        """The products whose texts are closest to that of `product_id`, without itself; `[]` if it is unknown."""
        if product_id not in self or limit < 1:
            return []
        row = int(np.flatnonzero(self._catalogue.ids == product_id)[0])
        passes = self._catalogue.active.copy()
        passes[row] = False
        own = self._store.vectors(self._catalogue.numbers[[row]])[0]
        nearest = self._nearest(own, passes, limit)
        return [Hit(str(self._catalogue.ids[other]), near, near, 0.0) for other, near in nearest.items()]

    def vectors(self) -> pd.DataFrame:
        """Unit vectors of all products, float32, index product_id in sorted order."""
        held = self._store.vectors(self._catalogue.numbers)
        return pd.DataFrame(held, index=self._products.index).sort_index()

    # --- changing -------------------------------------------------------------------------------------------

    def add(self, products: pd.DataFrame, *, vectors: Vectors | None = None) -> None:
        """Adds canonical `products`, or replaces those of the same id; `vectors` spares embedding their texts."""
        rows = prepared(products)
        known = rows.index.isin(self._products.index)
        texts = self._products["text"].reindex(rows.index)
        fresh = ~(known & (texts == rows["text"]).to_numpy(dtype=bool))
        numbers = self._products["key"].reindex(rows.index)
        if fresh.any():
            held = self._embedder.encode(rows.loc[fresh, "text"].tolist()) if vectors is None else vectors[fresh]
            numbers[fresh] = self._store.add(held)
        rows["key"] = numbers.astype("int64")
        kept = self._products[~self._products.index.isin(rows.index)]
        self._changed_to(pd.concat([kept, rows]) if len(kept) else rows, rows.index)

    def change(self, products: pd.DataFrame) -> None:
        """Replaces known products; raises `DataError` for one that was never added."""
        missing = [p for p in products["product_id"] if p not in self]
        if missing:
            raise DataError(f"the index holds no product {missing[0]}: add it first")
        self.add(products)

    def remove(self, product_ids: Collection[str]) -> None:
        """Takes products out; unknown ids are no error."""
        gone = self._products.index.isin(list(product_ids))
        self._changed_to(self._products[~gone], product_ids)

    # --- keeping --------------------------------------------------------------------------------------------

    def save(self, folder: Path | None = None) -> None:
        """Writes the index to `folder` (default: where it was loaded from or last saved).

        The manifest is swapped last and names the files that belong to it, so a reader, or a crash half-way,
        always finds a whole index.
        """
        target = folder or self._folder
        if target is None:
            raise ModelError("this index was never saved: say which folder it shall lie in")
        target.mkdir(parents=True, exist_ok=True)
        self._compact()
        tag = uuid.uuid4().hex[:12]
        files = {"products": f"products-{tag}.parquet", "vectors": f"vectors-{tag}.faiss", "words": f"words-{tag}"}
        self._products.reset_index().to_parquet(target / files["products"], index=False)
        self._store.save(target / files["vectors"])
        if len(self):
            self._by_terms().save(target / files["words"])
        manifest = {
            "format": FORMAT,
            "model": self._embedder.name,
            "fingerprint": self._embedder.fingerprint,
            "dimension": self._store.dimension,
            "snapshot": self.snapshot_id,
            "products": len(self),
            "files": files,
        }
        draft = target / f"manifest-{tag}.json"
        draft.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        os.replace(draft, target / "manifest.json")
        for pattern in ("products-*.parquet", "vectors-*.faiss", "words-*", "manifest-*.json"):
            for old in target.glob(pattern):
                if tag not in old.name:
                    shutil.rmtree(old) if old.is_dir() else old.unlink(missing_ok=True)
        self._folder = target

    @classmethod
    def load(cls, folder: Path, embedder: Encoder, *, large: int = LARGE) -> Self:
        """Reads an index; `ModelError` when there is none, it is damaged, or another model made its vectors."""
        manifest = _manifest(folder)
        if manifest.get("format") != FORMAT or manifest.get("fingerprint") != embedder.fingerprint:
            raise ModelError(
                f"the product index was built with the embedding model {manifest.get('model')!r}, not with this "
                f"version of {embedder.name!r}: run `shopkeeper train` to build it again"
            )
        index = cls(embedder, int(manifest["dimension"]), str(manifest["snapshot"]), large=large)
        damaged = ModelError(f"the product index in {folder} is damaged: run `shopkeeper train`")
        try:
            index._store = VectorStore.load(folder / manifest["files"]["vectors"], large=large)
            products = pd.read_parquet(folder / manifest["files"]["products"]).set_index("product_id")
            words = manifest["files"].get("words")
            index._changed_to(products, ())
            index._words = WordIndex.load(folder / words) if words and len(index) else None
        except (OSError, RuntimeError, KeyError, ValueError) as error:
            raise damaged from error
        if not len(index._store) == len(index) == manifest["products"]:
            raise damaged
        if index._store.dimension != manifest["dimension"]:
            raise damaged
        index._folder = folder
        return index

    # --- inside ---------------------------------------------------------------------------------------------

    def _passing(
        self, category: str | None, min_price: float | None, max_price: float | None, in_stock: bool | None
    ) -> Mask:
        held = self._catalogue
        passes = held.active
        if category is not None:
            passes = passes & held.category.isin(match_categories(held.categories, category))
        if min_price is not None:
            passes = passes & (held.price >= min_price)
        if max_price is not None:
            passes = passes & (held.price <= max_price)
        if in_stock is not None:
            passes = passes & (~held.sold_out if in_stock else held.sold_out)
        return np.asarray(passes, dtype=bool)

    def _nearest(self, vector: Vectors, passes: Mask, depth: int) -> dict[int, float]:
        """The rows with the nearest vectors and their cosines; equal ones in the order of their ids."""
        takes_part = np.zeros(len(self._store), dtype=bool)
        takes_part[self._catalogue.numbers] = passes
        found, scores = self._store.nearest(vector, takes_part, depth)
        rows = self._catalogue.row_of[found]
        ids = self._catalogue.ids[rows]
        best = sorted(zip(rows.tolist(), scores.tolist(), ids, strict=True), key=lambda one: (-one[1], one[2]))
        return {row: score for row, score, _ in best}

    def _by_words(self, query: str, passes: Mask, depth: int) -> tuple[dict[int, float], float]:
        """BM25 scores of the rows that hold a word of the query, and the weight of all its words together."""
        every, most = self._by_terms().scores(query)
        found = np.flatnonzero((every > 0) & passes)
        if len(found) > depth:  # a common word is in half of the catalogue
            found = found[every[found] >= np.partition(every[found], -depth)[-depth]]
        pairs = zip(found.tolist(), every[found].tolist(), self._catalogue.ids[found], strict=True)
        best = sorted(pairs, key=lambda one: (-one[1], one[2]))[:depth]
        return {row: score for row, score, _ in best}, most

    def _by_terms(self) -> WordIndex:
        """The index of words. Scores depend on the whole collection: it is made anew, when it is asked for."""
        if self._words is None:
            for product_id, title, text in self._products[["title", "text"]].itertuples():
                if product_id not in self._terms:
                    # The title counts twice: a word there says more of a product than one in its description.
                    self._terms[product_id] = [*terms(title), *terms(text), *terms(product_id)]
            self._words = WordIndex.of(self._terms[product_id] for product_id in self._products.index)
        return self._words

    def _changed_to(self, products: pd.DataFrame, changed: Collection[str]) -> None:
        """Takes `products` for those held; the words of `changed` are split again when they are needed."""
        self._products, self._catalogue, self._words = products, Catalogue(products), None
        for product_id in changed:
            self._terms.pop(product_id, None)

    def _compact(self) -> None:
        """Leaves behind the vectors of products that are gone or changed."""
        if len(self._store) > len(self):
            self._store = self._store.kept(self._catalogue.numbers)
            products = self._products.assign(key=np.arange(len(self), dtype=np.int64))
            self._products, self._catalogue = products, Catalogue(products)


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError("there is no product index yet: run `shopkeeper train`") from None
    except (OSError, json.JSONDecodeError) as error:
        raise ModelError(f"the product index in {folder} is damaged: run `shopkeeper train`") from error
    return manifest
