"""The bench of recommendations: the crowd that it makes, and both ways on a small one."""

from pathlib import Path

import numpy as np
import pytest

from data.errors import SettingError
from eval import bench_recommend
from eval.task import Inputs


def crowd(path: Path) -> Path:
    """120 people of two tastes, who take five of ten items each."""
    rng = np.random.default_rng(0)
    lines = []
    for person in range(120):
        taste = "a" if person % 2 else "b"
        lines.append(f"p{person} " + " ".join(f"{taste}{item}" for item in rng.permutation(10)[:5]))
    path.write_text("\n".join(lines) + "\n")
    return path


def test_everyones_last_item_is_held_out() -> None:
    found = bench_recommend.held_out([["x", "y", "z"], ["y"], ["z", "x"]], 5)
    assert [history.tolist() for history in found.histories] == [[0, 1], [2]]
    assert found.last.tolist() == [2, 0]
    assert found.items == 5


def test_the_shops_recommender_is_asked_as_campaigns_ask_it(tmp_path: Path) -> None:
    people = bench_recommend._people([crowd(tmp_path / "people.txt")])
    found = bench_recommend.held_out(people, 40)
    recommend = bench_recommend.ours(bench_recommend._snapshot(found, tmp_path / "store"), seed=0)
    lists = recommend(np.arange(20, dtype=np.intp))
    for person, best in enumerate(lists):
        had = set(map(str, found.histories[person].tolist()))
        assert len(best) == bench_recommend.K
        assert not had & set(best)
        # What is left of a person's own taste comes before the other's.
        own = {str(item) for number in range(person % 2, 120, 2) for item in found.histories[number].tolist()} - had
        assert len(own & set(best[: len(own)])) >= len(own) - 1


def test_both_ways_are_measured(tmp_path: Path) -> None:
    pytest.importorskip("implicit", reason="implicit is no part of the environment: pip install --no-deps implicit")
    done = bench_recommend.evaluate(Inputs(test=crowd(tmp_path / "people.txt")), users=50, items=40)
    assert done.metrics["users"] == 50
    assert done.metrics["ndcg@20"] > 0.2
    assert set(done.floors) == {"implicit ALS", "implicit cosine"}


def test_it_says_what_it_needs(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="--test"):
        bench_recommend.evaluate(Inputs())
