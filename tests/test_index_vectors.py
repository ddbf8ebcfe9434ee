"""The vector store: the same nearest by looking at all and through lists, filters, growth, and its file."""

from pathlib import Path

import numpy as np
import pytest

from index.embed import Vectors
from index.vectors import Mask, VectorStore

DIMENSION = 24


def unit(rows: int, seed: int = 0) -> Vectors:
    """Unit vectors around 40 centres, as titles of a catalogue lie."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(40, DIMENSION))
    found = centres[rng.integers(0, 40, rows)] + 0.5 * rng.normal(size=(rows, DIMENSION))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def pair() -> tuple[VectorStore, VectorStore]:
    """The same vectors, looked at one by one and in lists."""
    exact, lists = VectorStore(DIMENSION), VectorStore(DIMENSION, large=2000)
    for store in (exact, lists):
        store.add(unit(1500))
        store.add(unit(3500, seed=1))
    return exact, lists


def shared(left: VectorStore, right: VectorStore, takes_part: Mask) -> float:
    """How many of the ten nearest both find, as a share of those that there are."""
    hits = []
    for query in unit(50, seed=2):
        wanted = left.nearest(query, takes_part, 10)[0]
        hits.append(len(np.intersect1d(wanted, right.nearest(query, takes_part, 10)[0])) / max(len(wanted), 1))
    return float(np.mean(hits))


def assert_same(left: VectorStore, right: VectorStore) -> None:
    """Both find the same, to the last bit."""
    everyone = np.ones(len(left), dtype=bool)
    for query in unit(10, seed=9):
        for ours, theirs in zip(left.nearest(query, everyone, 10), right.nearest(query, everyone, 10), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_a_small_store_is_exact_and_a_large_one_uses_lists(pair: tuple[VectorStore, VectorStore]) -> None:
    exact, lists = pair
    assert not exact.approximate
    assert lists.approximate
    assert len(exact) == len(lists) == 5000
    everything = np.concatenate([unit(1500), unit(3500, seed=1)])
    query = unit(1, seed=3)[0]
    found, scores = exact.nearest(query, np.ones(5000, dtype=bool), 10)
    assert found.tolist() == np.argsort(-(everything @ query), kind="stable")[:10].tolist()
    np.testing.assert_allclose(scores, (everything @ query)[found], atol=1e-6)


def test_lists_find_nearly_all_of_the_nearest(pair: tuple[VectorStore, VectorStore]) -> None:
    exact, lists = pair
    assert shared(exact, lists, np.ones(5000, dtype=bool)) > 0.9
    query = unit(1, seed=4)[0]
    one, other = (store.nearest(query, np.ones(5000, dtype=bool), 1)[1][0] for store in pair)
    assert one == pytest.approx(other, abs=0.02)


@pytest.mark.parametrize("share", [0.3, 0.02])
def test_a_filter_is_kept_and_finds_enough(pair: tuple[VectorStore, VectorStore], share: float) -> None:
    takes_part = np.random.default_rng(5).random(5000) < share
    found, _ = pair[1].nearest(unit(1, seed=6)[0], takes_part, 10)
    assert len(found) == 10
    assert takes_part[found].all()
    assert shared(pair[0], pair[1], takes_part) > 0.9


def test_nothing_takes_part(pair: tuple[VectorStore, VectorStore]) -> None:
    for store in pair:
        assert len(store.nearest(unit(1)[0], np.zeros(5000, dtype=bool), 10)[0]) == 0
        assert len(store.nearest(unit(1)[0], np.ones(5000, dtype=bool), 0)[0]) == 0


def test_vectors_come_back_nearly_as_they_went_in(pair: tuple[VectorStore, VectorStore]) -> None:
    went_in = unit(1500)[[3, 700]]
    np.testing.assert_array_equal(pair[0].vectors(np.array([3, 700])), went_in)
    np.testing.assert_allclose(pair[1].vectors(np.array([3, 700])), went_in, atol=0.01)
    assert pair[1].vectors(np.zeros(0, dtype=np.int64)).shape == (0, DIMENSION)


def test_a_saved_store_is_mapped_and_still_grows(pair: tuple[VectorStore, VectorStore], tmp_path: Path) -> None:
    for store in pair:
        store.save(tmp_path / "vectors")
        loaded = VectorStore.load(tmp_path / "vectors", large=2000)
        assert loaded.approximate == store.approximate
        assert_same(loaded, store)
        late = unit(20, seed=8)
        assert loaded.add(late).tolist() == list(range(5000, 5020))
        assert loaded.nearest(late[3], np.ones(5020, dtype=bool), 1)[0][0] == 5003


def test_what_is_kept_is_numbered_anew(pair: tuple[VectorStore, VectorStore]) -> None:
    for store in pair:
        kept = store.kept(np.array([9, 4, 1]))
        assert len(kept) == 3
        assert not kept.approximate
        np.testing.assert_array_equal(kept.vectors(np.array([1])), store.vectors(np.array([4])))


def test_the_same_vectors_make_the_same_lists() -> None:
    one, other = (VectorStore(DIMENSION, large=1000) for _ in range(2))
    for store in (one, other):
        store.add(unit(3000))
    assert_same(one, other)


def test_a_damaged_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "vectors").write_bytes(b"nothing")
    with pytest.raises(RuntimeError):
        VectorStore.load(tmp_path / "vectors")
