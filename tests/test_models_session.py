"""The session model: what past sessions say of the next item, by known answers."""

from pathlib import Path

import numpy as np
import pytest

from data.errors import DataError
from models.session import FEATURES, SessionModel
from models.session_log import AGE_DECAY, EVIDENCE, SessionLog


def walks(count: int = 1500, seed: int = 1) -> list[list[int]]:
    """Sessions that step along one of 30 rings of ten items, now and then two steps at once."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        ring, at = int(rng.integers(30)), int(rng.integers(10))
        steps = np.cumsum(rng.choice([1, 1, 1, 2], size=int(rng.integers(2, 6))))
        found.append([10 * ring + (at + int(step)) % 10 for step in steps])
    return found


@pytest.fixture(scope="module")
def model() -> SessionModel:
    return SessionModel().fit(walks())


def test_what_follows_an_item_in_past_sessions_is_recommended(model: SessionModel) -> None:
    found = model.recommend([[30, 31, 32], [57]], k=3)
    assert 33 in found[0]
    assert 58 in found[1]
    assert all(item // 10 == 3 for item in found[0])


def test_the_next_item_is_found_far_more_often_than_by_chance(model: SessionModel) -> None:
    later = walks(100, seed=2)
    found = model.recommend([session[:-1] for session in later], k=3)
    assert np.mean([session[-1] in items for session, items in zip(later, found, strict=True)]) > 0.7


def test_lists_are_full_distinct_and_do_not_depend_on_company(model: SessionModel) -> None:
    prefixes = [[30, 31], [], [999_999], [57, 57, 57]]
    together = model.recommend(prefixes, k=15)
    assert [len(set(items)) for items in together] == [15] * 4
    assert together == [model.recommend([prefix], k=15)[0] for prefix in prefixes]


def test_the_same_sessions_give_the_same_model(model: SessionModel) -> None:
    again = SessionModel().fit(walks())
    assert again.recommend([[1, 2], [44]]) == model.recommend([[1, 2], [44]])


def test_few_sessions_are_ranked_by_plain_evidence() -> None:
    model = SessionModel().fit([[1, 2], [1, 2, 3], [1, 2], [4, 5]])
    assert model.recommend([[1]], k=2) == [[1, 2]]  # a shopper often comes back to what was just seen
    assert set(model.recommend([[1]], k=99)[0]) == {1, 2, 3, 4, 5}


def test_every_feature_has_its_column(model: SessionModel) -> None:
    assert model._ranker is not None
    assert model._ranker.num_feature() == len(FEATURES)


def test_sessions_of_one_item_teach_nothing() -> None:
    with pytest.raises(DataError, match="no session has two items"):
        SessionModel().fit([[1], [2], []])


def test_evidence_by_hand() -> None:
    log = SessionLog([[10, 20, 30], [20, 10], [40, 50]])
    keys, sums = log.evidence([log.codes([10, 20])])
    assert set(sums) == set(EVIDENCE)
    by_item = dict(zip(log.items[keys].tolist(), range(len(keys)), strict=True))
    assert set(by_item) == {10, 30}  # the last item's matches: what stands beside 20 in the two sessions that hold it
    assert sums["forward"][by_item[30]] > 0 == sums["backward"][by_item[30]]
    assert sums["next"][by_item[10]] > 0 < sums["backward"][by_item[10]]
    assert sums["several"][by_item[30]] > 0


def test_a_session_shared_by_more_items_says_more() -> None:
    log = SessionLog([[9, 2, 8], [1, 2, 7]])
    keys, sums = log.evidence([log.codes([1, 2])])
    alike = dict(zip(log.items[keys].tolist(), sums["alike"].tolist(), strict=True))
    assert alike[7] > alike[8] * np.exp(0.5 / AGE_DECAY)  # more than its session's being the later one explains


def test_neighbours_are_symmetric_and_have_no_loops() -> None:
    graph = SessionLog([[1, 1, 2, 3], [3, 2]]).neighbours().toarray()
    assert (graph == graph.T).all()
    assert (graph.diagonal() == 0).all()
    assert graph[1, 2] > graph[0, 2] > 0


def test_a_saved_model_says_the_same(model: SessionModel, tmp_path: Path) -> None:
    model.save(tmp_path / "visits")
    again = SessionModel.load(tmp_path / "visits")
    prefixes = [[30, 31], [], [57]]
    assert again.recommend(prefixes) == model.recommend(prefixes)


def test_evidence_is_counted_again_while_the_trees_stay() -> None:
    model = SessionModel().fit(walks())
    trees = model._ranker
    model.recount([*walks(), *[[1000, 1001]] * 40])
    assert model._ranker is trees
    assert model.recommend([[1000]], k=1, fill=False) in ([[1001]], [[1000]])
    assert model.recommend([[999_999]], fill=False) == [[]]
