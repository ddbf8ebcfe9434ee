"""The models of the next item: what each closed form learns, what the blend never ranks, one seed is one result."""

import numpy as np
import pytest

from models.next_item import PARTS, NextItem
from models.sequence import NextItemTransformer, Settings
from models.transitions import Log, ahead, alike, slowly, steeply, transitions

SMALL = Settings(dim=16, layers=1, heads=2, epochs=30, batch=16, negatives=16, dropout=0.1, rate=1e-2)
ITEMS = 12


@pytest.fixture(scope="module")
def circle() -> list[np.ndarray]:
    """People who walk around 12 items in one direction, from anywhere."""
    rng = np.random.default_rng(4)
    return [(int(start) + np.arange(length)) % ITEMS for start, length in rng.integers([0, 4], [ITEMS, 8], (80, 2))]


def test_a_log_knows_places_from_both_ends():
    log = Log.of([np.array([5, 3]), np.array([], dtype=np.int64), np.array([3, 4, 1])], 6)
    assert log.person.tolist() == [0, 0, 2, 2, 2]
    assert log.place.tolist() == [0, 1, 0, 1, 2]
    assert log.back.tolist() == [1, 0, 2, 1, 0]
    assert log.histories(slowly).toarray()[2, [3, 4, 1]] == pytest.approx([0.64, 0.8, 1.0])
    assert log.histories(steeply).toarray()[1].tolist() == [0.0] * 6


def test_transitions_have_a_direction_a_distance_and_a_window():
    log = Log.of([np.array([0, 1, 2])], 4)
    plain = transitions(log, window=1, backward=0.5, powers=(0.0, 0.0)).toarray()
    assert plain[0].tolist() == [0.0, 1.0, 0.0, 0.0]
    assert plain[1].tolist() == [0.5, 0.0, 1.0, 0.0]
    wide = transitions(log, window=9, backward=0.0, powers=(0.0, 0.0)).toarray()
    assert wide[0].tolist() == pytest.approx([0.0, 1.0, 2**-0.5, 0.0])
    assert transitions(Log.of([np.array([2])], 4)).nnz == 0


def test_what_everybody_takes_is_damped_as_a_target():
    people = [np.array([0, 1])] * 2 + [np.array([2, 1])] * 30 + [np.array([0, 3])] * 2
    damped = transitions(Log.of(people, 4), powers=(0.0, 0.5)).toarray()
    assert damped[0, 3] > damped[0, 1]


def test_ease_is_the_closed_form(circle):
    log = Log.of(circle, ITEMS)
    taken = log.histories(np.ones_like).toarray().astype(float)
    inverse = np.linalg.inv(taken.T @ taken + 5.0 * np.eye(ITEMS))
    wanted = np.eye(ITEMS) - inverse / np.diag(inverse)
    np.testing.assert_allclose(alike(log, penalty=5.0).weights, wanted, atol=1e-4)


def test_the_regression_ahead_is_ridge_regression():
    # places before the last: 0 -> 1, ½·2 and 0·½, 1 -> 2
    log = Log.of([np.array([0, 1, 2])], 3)
    behind, later = np.array([[1, 0, 0], [0.5, 1, 0]]), np.array([[0, 1, 0.5], [0, 0, 1]])
    wanted = np.linalg.solve(behind.T @ behind + 2.0 * np.eye(3), behind.T @ later)
    np.testing.assert_allclose(ahead(log, penalty=2.0).weights, wanted, atol=1e-5)


def test_a_regression_leaves_rare_items_at_nothing(circle):
    rare = [*circle, np.array([0, 12, 1])]
    log = Log.of(rare, ITEMS + 1)
    few = alike(log, limit=ITEMS)
    assert 12 not in few.known
    assert few.scores(log.histories(slowly))[:, 12].tolist() == [0.0] * len(rare)


def test_the_transformer_learns_an_order(circle):
    model = NextItemTransformer(SMALL).fit(circle, ITEMS)
    starts = [np.array([i, (i + 1) % ITEMS]) for i in range(ITEMS)]
    best = model.scores(starts).argmax(axis=1)
    assert (best == (np.arange(ITEMS) + 2) % ITEMS).mean() > 0.9


def test_one_seed_one_transformer_and_padding_changes_nothing(circle):
    one, two = (NextItemTransformer(SMALL).fit(circle[:20], ITEMS, seed=3) for _ in range(2))
    short, long = np.array([1, 2]), np.arange(9)
    np.testing.assert_array_equal(one.scores([short]), two.scores([short]))
    np.testing.assert_allclose(one.scores([short, long])[0], one.scores([short])[0], atol=1e-5)
    assert one.scores([np.array([], dtype=np.int64)]).tolist() == [[0.0] * ITEMS]


def test_very_long_histories_are_read_from_their_end(circle):
    long = np.arange(130) % ITEMS
    model = NextItemTransformer(SMALL).fit([*circle[:20], long], ITEMS)
    np.testing.assert_allclose(model.scores([long]), model.scores([long[-50:]]), atol=1e-5)


def test_the_blend_ranks_the_next_item_first_and_never_what_was_taken(circle):
    model = NextItem(transformer=SMALL).fit(circle, ITEMS)
    histories = [np.array([i, (i + 1) % ITEMS, (i + 2) % ITEMS]) for i in range(ITEMS)]
    ranked = model.rank(histories, 5)
    assert (ranked[:, 0] == (np.arange(ITEMS) + 3) % ITEMS).mean() > 0.9
    assert all(not set(best) & set(taken.tolist()) for best, taken in zip(ranked.tolist(), histories, strict=True))
    assert set(model.weights) == set(PARTS)


def test_lists_end_where_nothing_is_left_and_strangers_see_what_most_take(circle):
    model = NextItem(transformer=SMALL).fit([*circle, *[np.array([7, 8])] * 30], ITEMS)
    nearly_all, nothing = np.arange(ITEMS - 1), np.array([], dtype=np.int64)
    ranked = model.rank([nearly_all, nothing], 4)
    assert ranked[0].tolist() == [ITEMS - 1, -1, -1, -1]
    assert set(ranked[1, :2].tolist()) == {7, 8}


def test_people_with_one_item_do_no_harm():
    people = [np.array([0]), np.array([1, 2]), np.array([2, 1, 0])]
    assert NextItem(transformer=SMALL).fit(people, 3).rank(people, 2).shape == (3, 2)
