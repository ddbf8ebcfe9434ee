"""The task `session_rec`: known ranks, the two forms of files, and sentences that say how to mend a file."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from data.errors import DataError, SettingError
from eval.session_rec import Counts, Numbers, evaluate, every_prefix, read_cases, read_sessions
from eval.task import Inputs

RINGS, LENGTH = 20, 8


def sessions(count: int, seed: int) -> list[list[str]]:
    """Shoppers who walk along one of 20 rings of items, one step at a time."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        ring, at = rng.integers(RINGS), int(rng.integers(LENGTH))
        found.append([f"item-{ring}-{(at + step) % LENGTH}" for step in range(int(rng.integers(2, 6)))])
    return found


def written(path: Path, lines: list[object]) -> Path:
    text = "".join(json.dumps(line) + "\n" for line in lines)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return path


def test_own_split_of_the_benchmark_file(tmp_path: Path) -> None:
    (tmp_path / "diginetica").mkdir()
    written(tmp_path / "diginetica" / "train_sessions.jsonl.gz", list(sessions(1500, 1)))
    outcome = evaluate(Inputs(data=tmp_path))
    assert outcome.metrics["p@20"] == pytest.approx(1.0, abs=0.02)
    assert outcome.metrics["mrr@20"] > 0.8  # the next step is certain
    low, high = outcome.intervals["mrr@20"]
    assert low <= outcome.metrics["mrr@20"] <= high
    assert outcome.floors["last-item co-occurrence"]["mrr@20"] < outcome.metrics["mrr@20"]
    assert set(outcome.floors) == {"last-item co-occurrence", "article's formula r", "popularity"}


def test_explicit_files_with_items_that_training_lacks(tmp_path: Path) -> None:
    train = written(tmp_path / "train.jsonl", list(sessions(300, 1)))
    lines: list[object] = [[["item-3-1", "item-3-2"], "item-3-3"], [["new"], "item-1-1"], [["item-1-1"], "never seen"]]
    outcome = evaluate(Inputs(train=train, test=written(tmp_path / "test.jsonl", lines)))
    assert outcome.metrics["cases"] == 3
    assert 1 / 3 <= outcome.metrics["p@20"] <= 2 / 3


def test_every_prefix_of_a_session_is_a_case() -> None:
    assert [(case.prefix, case.target, case.group) for case in every_prefix([[1, 2, 3], [4, 5]])] == [
        ([1], 2, 0),
        ([1, 2], 3, 0),
        ([4], 5, 1),
    ]


def test_floors_by_hand() -> None:
    counts = Counts([[0, 1], [0, 1], [0, 2], [2, 3, 2]])
    assert counts.last_item([[3, 0], [9]]) == [[1, 2], []]
    assert counts.popular([[0]])[0][:2] == [0, 1]
    assert counts.formula([[0, 3]])[0][:2] == [2, 1]  # 2 is near both: 1/√6 + 1/√2 > 2/√6


def test_ids_of_any_kind_are_one_item_each() -> None:
    numbers = Numbers()
    assert numbers.of([7, "7", "a"]) == [0, 0, 1]


@pytest.mark.parametrize(("line", "said"), [({"a": 1}, "line 1: no session"), ([[1], 2], "line 1: no session")])
def test_a_broken_session_is_named(tmp_path: Path, line: object, said: str) -> None:
    with pytest.raises(DataError, match=said):
        read_sessions(written(tmp_path / "x.jsonl", [line]), Numbers())


@pytest.mark.parametrize("line", [[1, 2, 3], [[1], [2]], "x", [[1]]])
def test_a_broken_case_is_named(tmp_path: Path, line: object) -> None:
    with pytest.raises(DataError, match="line 1: no case"):
        read_cases(written(tmp_path / "x.jsonl", [line]), Numbers())


def test_missing_and_foreign_files_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="--data"):
        evaluate(Inputs())
    with pytest.raises(SettingError, match="both --train"):
        evaluate(Inputs(test=tmp_path / "t.jsonl"))
    with pytest.raises(DataError, match="no file"):
        read_sessions(tmp_path / "none.jsonl", Numbers())
    (tmp_path / "x.jsonl").write_text("no json")
    with pytest.raises(DataError, match="JSON lines"):
        read_sessions(tmp_path / "x.jsonl", Numbers())
    with pytest.raises(DataError, match="two items"):
        read_sessions(written(tmp_path / "one.jsonl", [[1], [2]]), Numbers())
