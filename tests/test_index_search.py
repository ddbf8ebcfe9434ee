"""The product index: hybrid ranking, filters before the cut, updates without a rebuild, and its manifest."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data.errors import DataError, ModelError
from data.schema import conform
from data.store import Snapshot, Store
from index.build import build
from index.embed import Embedder, Progress, Vectors
from index.search import ProductIndex
from index.words import tokens


class WordEncoder:
    """An embedding model in miniature: each word has a random direction; counts what it embeds."""

    def __init__(self, name: str = "words", dimension: int = 64) -> None:
        self.name = name
        self.dimension = dimension
        self.seen: list[str] = []

    @property
    def fingerprint(self) -> str:
        return f"{self.name}-{self.dimension}"

    def encode(self, texts: Sequence[str], *, progress: Progress | None = None) -> Vectors:
        self.seen.extend(texts)
        vectors = np.stack([self._one(text) for text in texts]) if texts else np.empty((0, self.dimension))
        if progress is not None:
            progress(len(texts), len(texts))
        return vectors.astype(np.float32)

    def _one(self, text: str) -> Vectors:
        total = np.full(self.dimension, 1e-3)
        for word in tokens(text):
            seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4])
            total = total + np.random.default_rng(seed).normal(size=self.dimension)
        unit: Vectors = (total / np.linalg.norm(total)).astype(np.float32)
        return unit


PRODUCTS = conform(
    "products",
    pd.DataFrame(
        [
            ("P1", "Enamel Camping Kettle", "Outdoor", 24.9, 12, True),
            ("P2", "Bamboo Tea Tray", "Tea", 16.5, 3, True),
            ("P3", "Glass Infuser Mug", "Tea", 14.0, 0, True),
            ("P4", "Folding Lantern", "Outdoor", 19.0, None, True),
            ("P5", "Tea Towel", "Kitchen", 6.0, 40, True),
            ("P6", "Old Tea Cosy", "Tea", 5.0, 9, False),
            ("P7", "Mystery Box", None, None, None, True),
        ],
        columns=["product_id", "title", "category", "price", "stock", "active"],
    ),
)


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    return Store(tmp_path / "store").write({"products": PRODUCTS}, name="Shop", currency="GBP", source="test")


@pytest.fixture
def index(snapshot: Snapshot, tmp_path: Path) -> ProductIndex:
    return build(snapshot, tmp_path / "index" / "a", embedder=WordEncoder())


def ids(index: ProductIndex, query: str, **filters: object) -> list[str]:
    return [hit.product_id for hit in index.search(query, **filters)]  # type: ignore[arg-type]


def test_the_named_product_comes_first(index: ProductIndex) -> None:
    assert ids(index, "camping kettles")[0] == "P1"


def test_an_id_finds_its_product(index: ProductIndex) -> None:
    assert ids(index, "p4")[0] == "P4"


def test_misspelt_words_and_other_units_find_their_product(index: ProductIndex) -> None:
    sized = [("P8", "Brass Pipe 1/2 in."), ("P9", "Brass Pipe 3 in."), ("P10", "Steel Pipe 2 in.")]
    index.add(conform("products", pd.DataFrame(sized, columns=["product_id", "title"]).assign(active=True)))
    assert ids(index, "brass half-inch pipe", limit=1) == ["P8"]
    assert ids(index, "bras 3 inch pype", limit=1) == ["P9"]


def test_inactive_products_are_not_found(index: ProductIndex) -> None:
    assert "P6" not in ids(index, "tea cosy", limit=20)


def test_filters_come_before_the_cut(index: ProductIndex) -> None:
    # The kettle is the worst match for "tea" among these, and yet found: nothing else passes.
    assert ids(index, "tea", min_price=20, limit=1) == ["P1"]
    assert set(ids(index, "tea", category="teas")) == {"P2", "P3"}
    assert ids(index, "tea", max_price=6) == ["P5"]


def test_in_stock_leaves_out_what_is_known_to_be_sold_out(index: ProductIndex) -> None:
    found = ids(index, "tea", in_stock=True)
    assert "P3" not in found
    assert "P4" in found  # nobody knows its stock
    assert ids(index, "tea", in_stock=False) == ["P3"]


def test_a_product_without_a_price_passes_no_price_filter(index: ProductIndex) -> None:
    assert "P7" in ids(index, "mystery box")
    assert "P7" not in ids(index, "mystery box", min_price=0)


@pytest.mark.parametrize(
    "query", ["", "  ", "😀🎁", "红色的杯子", "x" * 100_000, "\x00", "a" * 3 + " tea" * 30_000, "{a.total}"]
)
def test_odd_queries_do_not_fail(index: ProductIndex, query: str) -> None:
    assert len(ids(index, query, limit=3)) <= 3


def test_unknown_category_finds_nothing(index: ProductIndex) -> None:
    assert ids(index, "tea", category="submarines") == []


def test_similar_products_leave_out_the_product_itself(index: ProductIndex) -> None:
    similar = [hit.product_id for hit in index.similar("P2", limit=3)]
    assert "P2" not in similar
    assert "P6" not in similar
    assert index.similar("P99") == []


def test_an_added_product_is_found_and_only_it_is_embedded(index: ProductIndex, snapshot: Snapshot) -> None:
    encoder = index._embedder
    assert isinstance(encoder, WordEncoder)
    encoder.seen.clear()
    index.add(conform("products", pd.DataFrame({"product_id": ["P8"], "title": ["Wool Blanket"], "active": [True]})))
    assert encoder.seen == ["Wool Blanket"]
    assert ids(index, "wool blanket")[0] == "P8"
    assert len(index) == len(PRODUCTS) + 1


def test_a_changed_price_is_filtered_by_and_nothing_is_embedded(index: ProductIndex) -> None:
    encoder = index._embedder
    assert isinstance(encoder, WordEncoder)
    encoder.seen.clear()
    index.change(PRODUCTS[PRODUCTS["product_id"] == "P1"].assign(price=9.0))
    assert encoder.seen == []
    assert ids(index, "camping kettle", max_price=10)[0] == "P1"


def test_a_changed_title_replaces_the_old_one(index: ProductIndex) -> None:
    index.change(PRODUCTS[PRODUCTS["product_id"] == "P4"].assign(title="Solar Torch"))
    assert ids(index, "solar torch", limit=1) == ["P4"]
    assert index.search("lantern", limit=10)[0].bm25 == 0
    assert len(index.vectors()) == len(PRODUCTS)


def test_changing_an_unknown_product_is_refused(index: ProductIndex) -> None:
    with pytest.raises(DataError, match="no product P9"):
        index.change(PRODUCTS.head(1).assign(product_id="P9"))


def test_a_removed_product_is_gone(index: ProductIndex) -> None:
    index.remove(["P2", "P99"])
    assert "P2" not in ids(index, "bamboo tea tray", limit=20)
    assert "P2" not in index.vectors().index


def test_every_product_can_be_removed(index: ProductIndex) -> None:
    index.remove(PRODUCTS["product_id"].tolist())
    assert ids(index, "tea") == []
    assert index.vectors().empty


def test_updates_give_the_same_answers_as_a_fresh_build(index: ProductIndex, tmp_path: Path) -> None:
    index.remove(["P5"])
    index.add(PRODUCTS[PRODUCTS["product_id"] == "P5"])
    fresh = ProductIndex(WordEncoder(), 64, "x")
    fresh.add(PRODUCTS)
    for query in ("tea towel", "kettle", "lantern box"):
        assert index.search(query) == fresh.search(query)


def test_saving_and_loading_changes_nothing(index: ProductIndex, tmp_path: Path) -> None:
    index.remove(["P7"])
    index.save()
    loaded = ProductIndex.load(tmp_path / "index" / "a", WordEncoder())
    assert loaded.search("tea", category="tea") == index.search("tea", category="tea")
    pd.testing.assert_frame_equal(loaded.vectors(), index.vectors())
    assert loaded.snapshot_id == index.snapshot_id
    assert len(list((tmp_path / "index" / "a").iterdir())) == 4  # nothing of the first save is left


def test_an_index_of_another_model_is_refused(index: ProductIndex, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="embedding model 'words'"):
        ProductIndex.load(tmp_path / "index" / "a", WordEncoder("others"))


def test_an_absent_or_damaged_index_says_what_to_do(index: ProductIndex, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="train"):
        ProductIndex.load(tmp_path / "nowhere", WordEncoder())
    folder = tmp_path / "index" / "a"
    vectors = folder / json.loads((folder / "manifest.json").read_text())["files"]["vectors"]
    vectors.write_bytes(b"no index")
    with pytest.raises(ModelError, match="damaged"):
        ProductIndex.load(folder, WordEncoder())
    (folder / "manifest.json").write_text("{")
    with pytest.raises(ModelError, match="damaged"):
        ProductIndex.load(folder, WordEncoder())


def test_a_second_build_embeds_only_new_texts(snapshot: Snapshot, tmp_path: Path) -> None:
    folder = tmp_path / "index"
    first = build(snapshot, folder / "a", embedder=WordEncoder())
    changed = Store(tmp_path / "store").write(
        {"products": PRODUCTS.replace({"Tea Towel": "Linen Towel"})}, name="Shop", currency="GBP", source="test"
    )
    encoder, steps = WordEncoder(), list[tuple[str, float]]()
    second = build(changed, folder / "b", embedder=encoder, progress=lambda name, share: steps.append((name, share)))
    assert encoder.seen == ["Linen Towel. Kitchen"]
    assert steps == [("index", 1.0)]
    same = [p for p in PRODUCTS["product_id"] if p != "P5"]
    pd.testing.assert_frame_equal(first.vectors().loc[same], second.vectors().loc[same])


def test_a_shop_without_products_has_an_empty_index(tmp_path: Path) -> None:
    snapshot = Store(tmp_path / "store").write({}, name="Empty", currency="GBP", source="test")
    index = build(snapshot, tmp_path / "index" / "a", embedder=WordEncoder())
    assert index.search("tea") == []
    assert ProductIndex.load(tmp_path / "index" / "a", WordEncoder()).vectors().empty


def test_minilm_knows_meanings(tmp_path: Path) -> None:
    embedder = Embedder()
    index = ProductIndex(embedder, 384, "x")
    index.add(PRODUCTS)
    assert index.search("lamp for a tent", limit=1)[0].product_id == "P4"
    vectors = embedder.encode(["a kettle", "kettle " * 5000])
    assert vectors.shape == (2, 384)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert len(embedder.fingerprint) == 16


def test_many_texts_are_encoded_as_one_is() -> None:
    embedder = Embedder()
    texts = [f"{colour} {thing}" for colour in "red blue oak tin".split() for thing in map(str, range(80))]
    texts[7], texts[70], texts[200] = "", "copper kettle with a lid " * 300, "brushed steel tap for a kitchen " * 5
    done: list[tuple[int, int]] = []
    vectors = embedder.encode(texts, progress=lambda *at: done.append(at))
    for at in (0, 7, 69, 70, 71, 200, 319):
        assert vectors[at] @ embedder.encode([texts[at]])[0] > 0.999
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert done == sorted(done)
    assert done[-1] == (320, 320)


def test_the_company_of_a_text_among_many_does_not_change_its_vector() -> None:
    embedder = Embedder()
    texts = [f"{'steel ' * (i % 9)}bolt M{i}" for i in range(600)]
    vectors = embedder.encode(texts)
    assert np.array_equal(vectors, embedder.encode(texts))
    fewer = embedder.encode(texts[::-2])
    assert np.einsum("ij,ij->i", vectors[::-2], fewer).min() > 0.999


def test_an_unknown_embedding_model_is_one_clear_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match="all-MiniLM-L6-v2"):
        Embedder(str(tmp_path / "empty")).encode(["x"])


def test_a_large_catalogue_is_searched_through_lists_with_the_same_answers(tmp_path: Path) -> None:
    things = "kettle tray mug lantern towel cosy box tent rope lamp".split()
    kinds = "tin oak glass wool paper brass red blue old new".split()
    titles = [f"{kind} {thing} {size}" for kind in kinds for thing in things for size in range(100, 106)]
    products = conform(
        "products",
        pd.DataFrame({"product_id": [f"Q{i}" for i in range(len(titles))], "title": titles, "active": True}),
    )
    exact, large = ProductIndex(WordEncoder(), 64, "x"), ProductIndex(WordEncoder(), 64, "x", large=500)
    for index in (exact, large):
        index.add(products)
    assert large.approximate
    assert not exact.approximate
    for query in ("oak kettle 103", "brass lamps", "q17"):
        assert ids(large, query, limit=3) == ids(exact, query, limit=3)
    large.remove(["Q0"])
    large.add(conform("products", pd.DataFrame({"product_id": ["R1"], "title": ["silver teapot"], "active": [True]})))
    large.save(tmp_path / "index")
    loaded = ProductIndex.load(tmp_path / "index", WordEncoder(), large=500)
    assert loaded.approximate
    assert ids(loaded, "silver teapot", limit=1) == ["R1"]
    assert "Q0" not in loaded
    assert len(loaded.vectors()) == len(titles)
