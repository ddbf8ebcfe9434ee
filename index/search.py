"""Hybrid product search: MiniLM vectors in FAISS and BM25 over mended stems, joined in one sum.

Filters on price, category and stock decide who takes part, before any ranking is cut. Products are added,
changed and removed one at a time; only a changed text is embedded again.
"""

import json
import os
import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import bm25s
import faiss
import numpy as np
import numpy.typing as npt
import pandas as pd

from data.errors import DataError, ModelError
from index.embed import Encoder, Vectors
from index.spelling import Speller, counts
from index.terms import terms
from index.words import match_categories

FORMAT = 1
WORDS_WEIGHT = 2.0
"""What the words count beside the cosine, their BM25 score taken as a share of the query's whole weight; chosen on
judged searches of another shop, where it finds a fifth more in the first ten than fusing the ranks."""
_K1, _B = 1.0, 0.4
_BY_ID = 10.0
_DEPTH = 100
_COLUMNS = ("product_id", "title", "category", "price", "stock", "active", "text", "key")


@dataclass(frozen=True)
class Hit:
    """One product found: `score` joins the others; `similarity` is the cosine, `bm25` the score by words (0: none)."""

    product_id: str
    score: float
    similarity: float
    bm25: float


class ProductIndex:
    """An index over the active products of one snapshot; made by `index.build` or `ProductIndex.load`."""

    def __init__(self, embedder: Encoder, dimension: int, snapshot_id: str) -> None:
        self.snapshot_id = snapshot_id
        self._embedder = embedder
        self._faiss: Any = faiss.IndexIDMap2(faiss.IndexFlatIP(dimension))
        self._products = pd.DataFrame({column: [] for column in _COLUMNS}).set_index("product_id")
        self._tokens: dict[str, list[str]] = {}
        self._bm25: bm25s.BM25 | None = None
        self._counts: dict[str, int] = {}
        self._speller = Speller({})
        self._folder: Path | None = None

    def __len__(self) -> int:
        return len(self._products)

    def __contains__(self, product_id: object) -> bool:
        return product_id in self._tokens

    @property
    def categories(self) -> list[str]:
        """Names of all categories, sorted."""
        return sorted(self._products["category"].dropna().unique())

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
        dense = self._nearest(vector, passes, depth)
        by_words, most = self._by_words(query, passes, depth)
        named = [p for p in self._products.index[passes] if p.lower() == query.strip().lower()]
        hits = []
        for product_id in {*dense, *by_words, *named}:
            similarity, bm25 = float(self._vector(product_id) @ vector), by_words.get(product_id, 0.0)
            score = similarity + WORDS_WEIGHT * bm25 / most + _BY_ID * (product_id in named)
            hits.append(Hit(product_id, score, similarity, bm25))
        return sorted(hits, key=lambda hit: (-hit.score, hit.product_id))[:limit]

    def similar(self, product_id: str, limit: int = 10) -> list[Hit]:
        """The products whose texts are closest to that of `product_id`, without itself; `[]` if it is unknown."""
        if product_id not in self or limit < 1:
            return []
        passes = (self._products.index != product_id) & self._products["active"].to_numpy(dtype=bool)
        nearest = self._nearest(self._vector(product_id), passes, limit)
        return [Hit(other, similarity, similarity, 0.0) for other, similarity in nearest.items()]

    def vectors(self) -> pd.DataFrame:
        """Unit vectors of all products, float32, index product_id in sorted order."""
        keys = self._products["key"].to_numpy(dtype=np.int64)
        held: Vectors = self._faiss.reconstruct_batch(keys) if len(keys) else np.empty((0, self._faiss.d), np.float32)
        return pd.DataFrame(held, index=self._products.index).sort_index()

    # --- changing -------------------------------------------------------------------------------------------

    def add(self, products: pd.DataFrame, *, vectors: Vectors | None = None) -> None:
        """Adds canonical `products`, or replaces those of the same id; `vectors` spares embedding their texts."""
        rows = _prepared(products)
        known = rows.index.isin(self._products.index)
        texts = self._products["text"].reindex(rows.index)
        same = known & (texts == rows["text"]).to_numpy(dtype=bool)
        keys = self._products["key"].reindex(rows.index)
        fresh = ~same
        if fresh.any():
            held = self._embedder.encode(rows.loc[fresh, "text"].tolist()) if vectors is None else vectors[fresh]
            first = int(self._products["key"].max()) + 1 if len(self) else 0
            new_keys = np.arange(first, first + int(fresh.sum()), dtype=np.int64)
            self._forget(keys[fresh & known])
            self._faiss.add_with_ids(np.ascontiguousarray(held, dtype=np.float32), new_keys)
            keys[fresh] = new_keys
        rows["key"] = keys.astype("int64")
        kept = self._products[~self._products.index.isin(rows.index)]
        self._products = pd.concat([kept, rows]) if len(kept) else rows
        for product_id, title, text in zip(rows.index, rows["title"], rows["text"], strict=True):
            # The title counts twice: a word there says more of a product than one in its description.
            self._tokens[product_id] = [*terms(title), *terms(text), *terms(product_id)]
        self._bm25 = None

    def change(self, products: pd.DataFrame) -> None:
        """Replaces known products; raises `DataError` for one that was never added."""
        missing = [p for p in products["product_id"] if p not in self]
        if missing:
            raise DataError(f"the index holds no product {missing[0]}: add it first")
        self.add(products)

    def remove(self, product_ids: Collection[str]) -> None:
        """Takes products out; unknown ids are no error."""
        gone = self._products.index.isin(list(product_ids))
        self._forget(self._products.loc[gone, "key"])
        self._products = self._products[~gone]
        for product_id in product_ids:
            self._tokens.pop(product_id, None)
        self._bm25 = None

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
        tag = uuid.uuid4().hex[:12]
        files = {"products": f"products-{tag}.parquet", "vectors": f"vectors-{tag}.faiss"}
        self._products.reset_index().to_parquet(target / files["products"], index=False)
        faiss.write_index(self._faiss, str(target / files["vectors"]))
        manifest = {
            "format": FORMAT,
            "model": self._embedder.name,
            "fingerprint": self._embedder.fingerprint,
            "dimension": int(self._faiss.d),
            "snapshot": self.snapshot_id,
            "products": len(self),
            "files": files,
        }
        draft = target / f"manifest-{tag}.json"
        draft.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        os.replace(draft, target / "manifest.json")
        for pattern in ("products-*.parquet", "vectors-*.faiss", "manifest-*.json"):
            for old in target.glob(pattern):
                if tag not in old.name:
                    old.unlink(missing_ok=True)
        self._folder = target

    @classmethod
    def load(cls, folder: Path, embedder: Encoder) -> Self:
        """Reads an index; `ModelError` when there is none, it is damaged, or another model made its vectors."""
        manifest = _manifest(folder)
        if manifest.get("format") != FORMAT or manifest.get("fingerprint") != embedder.fingerprint:
            raise ModelError(
                f"the product index was built with the embedding model {manifest.get('model')!r}, not with this "
                f"version of {embedder.name!r}: run `shopkeeper train` to build it again"
            )
        index = cls(embedder, int(manifest["dimension"]), str(manifest["snapshot"]))
        try:
            index._faiss = faiss.read_index(str(folder / manifest["files"]["vectors"]))
            index._products = pd.read_parquet(folder / manifest["files"]["products"]).set_index("product_id")
        except (OSError, RuntimeError, KeyError, ValueError) as error:
            raise ModelError(f"the product index in {folder} is damaged: run `shopkeeper train`") from error
        if not index._faiss.ntotal == len(index) == manifest["products"] or index._faiss.d != manifest["dimension"]:
            raise ModelError(f"the product index in {folder} is damaged: run `shopkeeper train`")
        for product_id, title, text in index._products[["title", "text"]].itertuples():
            index._tokens[product_id] = [*terms(title), *terms(text), *terms(product_id)]
        index._folder = folder
        return index

    # --- inside ---------------------------------------------------------------------------------------------

    def _passing(
        self, category: str | None, min_price: float | None, max_price: float | None, in_stock: bool | None
    ) -> npt.NDArray[np.bool_]:
        products = self._products
        passes = products["active"].to_numpy(dtype=bool)
        if category is not None:
            passes = passes & products["category"].isin(match_categories(self.categories, category)).to_numpy()
        if min_price is not None:
            passes = passes & (products["price"] >= min_price).to_numpy(dtype=bool)
        if max_price is not None:
            passes = passes & (products["price"] <= max_price).to_numpy(dtype=bool)
        if in_stock is not None:
            sold_out = (products["stock"] <= 0).to_numpy(dtype=bool)
            passes = passes & (~sold_out if in_stock else sold_out)
        return passes

    def _vector(self, product_id: str) -> Vectors:
        held: Vectors = self._faiss.reconstruct(int(self._products["key"][product_id]))
        return held

    def _nearest(self, vector: Vectors, passes: npt.NDArray[np.bool_], depth: int) -> dict[str, float]:
        keys = self._products["key"].to_numpy(dtype=np.int64)
        selector = faiss.IDSelectorBatch(keys[passes])
        wanted = min(depth, int(passes.sum()))
        if wanted == 0:
            return {}
        asked = np.ascontiguousarray(vector, dtype=np.float32).reshape(1, -1)
        parameters = faiss.SearchParameters(sel=selector)  # type: ignore[call-arg]
        scores, found = self._faiss.search(asked, wanted, params=parameters)
        id_of = dict(zip(keys.tolist(), self._products.index, strict=True))
        pairs = [(id_of[k], float(s)) for k, s in zip(found[0].tolist(), scores[0].tolist(), strict=True) if k >= 0]
        return dict(sorted(pairs, key=lambda pair: (-pair[1], pair[0])))

    def _by_words(self, query: str, passes: npt.NDArray[np.bool_], depth: int) -> tuple[dict[str, float], float]:
        """BM25 scores of the products that hold a word of the query, and the weight of all its words together."""
        if self._bm25 is None:
            # Scores depend on the whole collection, so they are recomputed, lazily; the words are not split again.
            self._bm25 = bm25s.BM25(k1=_K1, b=_B)
            self._bm25.index([self._tokens[p] for p in self._products.index], show_progress=False)
            self._counts = counts(self._tokens[p] for p in self._products.index)
            self._speller = Speller(self._counts)
        asked = list(dict.fromkeys(self._speller.mended(terms(query))))
        known = [word for word in asked if word in self._bm25.vocab_dict]
        if not known:
            return {}, 1.0
        scores = np.where(passes, self._bm25.get_scores(known), 0.0)
        found = np.flatnonzero(scores > 0)
        pairs = [(str(self._products.index[int(i)]), float(scores[i])) for i in found]
        return dict(sorted(pairs, key=lambda pair: (-pair[1], pair[0]))[:depth]), sum(map(self._rarity, asked))

    def _rarity(self, word: str) -> float:
        """The word's inverse document frequency, as BM25 weighs it."""
        held = self._counts.get(word, 0)
        return float(np.log1p((len(self) - held + 0.5) / (held + 0.5)))

    def _forget(self, keys: Iterable[float]) -> None:
        gone = np.asarray(list(keys), dtype=np.int64)
        if len(gone):
            self._faiss.remove_ids(gone)


def product_texts(products: pd.DataFrame) -> list[str]:
    """What is embedded of each product: title, brand, category and description, as far as known."""
    parts = products.reindex(columns=["title", "brand", "category", "description"]).astype("string").fillna("")
    return [". ".join(part for part in row if part) for row in parts.itertuples(index=False)]


def _prepared(products: pd.DataFrame) -> pd.DataFrame:
    rows = products.reindex(columns=["product_id", "title", "category", "price", "stock", "active"]).copy()
    rows["text"] = product_texts(products)
    rows["category"] = rows["category"].astype(object).where(rows["category"].notna(), None)
    rows["active"] = rows["active"].fillna(True).astype(bool)
    rows = rows.astype({"product_id": str, "title": str, "price": float, "stock": float})
    if not rows["product_id"].is_unique:
        raise DataError("two of the products to index share an id: keep one of them")
    return rows.set_index("product_id")


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError("there is no product index yet: run `shopkeeper train`") from None
    except (OSError, json.JSONDecodeError) as error:
        raise ModelError(f"the product index in {folder} is damaged: run `shopkeeper train`") from error
    return manifest
