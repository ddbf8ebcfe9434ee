"""Ordering the top of lists again: kept where it helps, left alone where it cannot, whatever is missing."""

import numpy as np
import pytest
import scipy.sparse as sp

from models.reranking import Reranker, Tops, _places, worth

ITEMS, LONG = 40, 20


@pytest.fixture
def reranker() -> Reranker:
    return Reranker(np.arange(ITEMS, dtype=float), sp.csr_matrix((ITEMS, ITEMS)), ["one", "two"])


def _tops(rng: np.random.Generator, people: int) -> tuple[Tops, np.ndarray]:
    """Lists whose wanted item has the largest value of the second part, which the sum passes over."""
    items = np.array([rng.permutation(ITEMS)[:LONG] for _ in range(people)])
    values = rng.normal(size=(people, LONG, 2)).astype(np.float32)
    order = np.argsort(-values[..., 0], axis=1)
    values = np.take_along_axis(values, order[..., None], axis=1)
    wanted = np.take_along_axis(items, values[..., 1].argmax(axis=1)[:, None], axis=1)[:, 0]
    return Tops(items, values[..., 0].astype(float), values, [np.arange(3)] * people), wanted


def test_trees_find_what_the_sum_passes_over(reranker):
    rng = np.random.default_rng(0)
    taught, wanted = _tops(rng, 900)
    reranker.fit([taught], wanted)
    fresh, truth = _tops(rng, 100)
    ordered = reranker.ordered(fresh)
    assert (ordered[:, 0] == truth).mean() > 0.8
    assert (np.sort(ordered, axis=1) == np.sort(fresh.items, axis=1)).all()


def test_a_perfect_order_is_left_alone(reranker):
    taught, _ = _tops(np.random.default_rng(0), 300)
    reranker.fit([taught], taught.items[:, 0])
    assert reranker.trees is None
    assert (reranker.ordered(taught) == taught.items).all()


def test_lists_that_end_early_and_short_histories_do_no_harm(reranker):
    rng = np.random.default_rng(1)
    taught, wanted = _tops(rng, 600)
    items = np.where(np.arange(LONG) < 12, taught.items, -1)
    short = Tops(items, taught.sums, taught.values, [np.zeros(0, dtype=np.int64)] * 600)
    reranker.fit([short], wanted)
    assert (reranker.ordered(short)[:, 12:] == -1).all()


def test_nobody_to_learn_from(reranker):
    taught, wanted = _tops(np.random.default_rng(1), 30)
    assert reranker.fit([taught], np.full_like(wanted, ITEMS + 1)).trees is None


def test_places_of_the_wanted_rows():
    places = _places(
        np.array([0.1, 0.9, 0.5, 0.3, 0.2]), np.array([1.0, 0.0, 0.0, 0.0, 0.0]), np.array([4, 4, 4, 7, 7])
    )
    assert places.tolist() == [2.0, np.inf]
    assert worth(places) == pytest.approx((1 + 0.5) / 2)
