"""The views of taste: the sparse lists are those of the dense scores, and content's neighbours are the nearest."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from models.content import nearest_content
from models.taste import Views

PEOPLE, ITEMS = 6, 12


def sparse(rng: np.random.Generator, rows: int, columns: int, share: float = 0.3) -> sp.csr_matrix:
    return sp.random(rows, columns, density=share, random_state=rng, format="csr")


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), popular=st.sampled_from([0.0, 0.4]), limit=st.integers(0, ITEMS + 2))
def test_lists_are_those_of_the_dense_scores(seed: int, popular: float, limit: int) -> None:
    rng = np.random.default_rng(seed)
    views = Views(
        together=sparse(rng, ITEMS, ITEMS),
        similar=sparse(rng, ITEMS, ITEMS),
        bought=sparse(rng, PEOPLE, ITEMS),
        popular=rng.integers(0, 3, ITEMS).astype(float),
    )
    taste, friends, had = sparse(rng, PEOPLE, ITEMS), sparse(rng, PEOPLE, PEOPLE), sparse(rng, PEOPLE, ITEMS)
    open_to = rng.random(ITEMS) < 0.8
    mix = (0.3, popular, 0.3)
    dense = views.scores(views.parts(taste, friends), mix)
    dense[:, ~open_to] = -np.inf
    dense[had.toarray() > 0] = -np.inf
    lists = list(views.best(taste, friends, mix, open_to=open_to, had=had, limit=limit))
    assert len(lists) == PEOPLE
    for row, (items, scores) in enumerate(lists):
        wanted = np.argsort(-dense[row], kind="stable")[: min(limit, int(np.isfinite(dense[row]).sum()))]
        np.testing.assert_allclose(scores, dense[row][wanted], rtol=1e-9)
        np.testing.assert_allclose(dense[row][items], scores, rtol=1e-9)


def test_a_stranger_gets_the_best_sellers() -> None:
    nothing = sp.csr_matrix((ITEMS, ITEMS))
    views = Views(nothing, nothing, sp.csr_matrix((PEOPLE, ITEMS)), np.arange(ITEMS, dtype=float))
    stranger = sp.csr_matrix((1, ITEMS))
    everything = np.ones(ITEMS, dtype=bool)
    friends = sp.csr_matrix((1, PEOPLE))
    items, _ = next(views.best(stranger, friends, (0.3, 0.0, 0.3), open_to=everything, had=None, limit=3))
    assert items.tolist() == [11, 10, 9]


@pytest.mark.parametrize("as_words", [False, True])
def test_contents_neighbours_are_the_nearest_above_the_mean(as_words: bool) -> None:
    rows = np.random.default_rng(0).normal(size=(30, 8)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    rows[4] = 0.0  # says nothing
    found = nearest_content(sp.csr_matrix(rows) if as_words else rows, near=5).toarray()
    cosines = rows @ rows.T
    for item in range(30):
        above = cosines[item] - cosines[item].mean()
        best = np.argsort(-above)[:5] if item != 4 else []
        assert set(np.flatnonzero(found[item])) == set(best)
        np.testing.assert_allclose(found[item][best], above[best], atol=1e-6)
