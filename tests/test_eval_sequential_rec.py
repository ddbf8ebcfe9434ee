"""The task of leave one out: both forms of file, what is held out, and the floors."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from data.errors import DataError, SettingError
from eval.sequential_rec import Cases, _floors, evaluate, leave_one_out, read
from eval.task import Inputs


def _lines(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_both_forms_say_the_same(tmp_path):
    rows = _lines(tmp_path / "rows.txt", ["ann x y z", "bob y w"])
    pairs = _lines(tmp_path / "pairs.txt", ["ann x", "ann y", "bob y", "ann z", "bob w"])
    assert read(rows) == read(pairs) == [["x", "y", "z"], ["y", "w"]]
    packed = tmp_path / "rows.txt.gz"
    packed.write_bytes(gzip.compress(rows.read_bytes()))
    assert read(packed) == read(rows)


def test_the_last_item_is_held_out():
    people = [[f"i{n}" for n in range(12)], ["i3", "i4"], ["lonely"]]
    cases = leave_one_out(people, Path("f"))
    assert [len(history) for history in cases.histories] == [11, 1]
    assert cases.wanted.tolist() == [11, 4]
    assert cases.items == 12


def test_the_floor_counts_pairs_within_five_places_of_the_five_last():
    history = np.arange(8)
    cases = Cases([history, np.array([0, 9]), np.array([7, 8]), np.array([7])], np.array([8, 1, 1, 8]), 12)
    floors = _floors(cases)
    # of item 7's companions 8 was seen once beside it, as were 2 to 6; item 9 and 1 only with 0
    assert set(floors["co-occurrence"][3, :6].tolist()) == {2, 3, 4, 5, 6, 8}
    assert floors["co-occurrence"][0, 0] == 8
    assert floors["popularity"][1, 0] == 7


def test_a_file_is_measured_with_intervals_and_floors(tmp_path):
    rng = np.random.default_rng(1)
    starts = rng.integers(0, 30, 60)
    path = _lines(
        tmp_path / "f.txt", [f"u{u} " + " ".join(f"i{(s + n) % 30}" for n in range(6)) for u, s in enumerate(starts)]
    )
    found = evaluate(Inputs(test=path))
    assert found.metrics["hr@10"] > 0.9
    assert found.metrics["hr@10"] >= found.metrics["ndcg@10"] > found.floors["popularity"]["ndcg@10"]
    low, high = found.intervals["ndcg@10"]
    assert low <= found.metrics["ndcg@10"] <= high
    assert found.files == [path]


@pytest.mark.parametrize("lines", [["ann x y", "bob"], ["ann x y", "bob x"]])
def test_unusable_files_say_why(tmp_path, lines):
    with pytest.raises(DataError, match=r"line 2|more than 10"):
        evaluate(Inputs(test=_lines(tmp_path / "f.txt", lines)))


def test_what_is_missing_is_asked_for(tmp_path):
    with pytest.raises(SettingError, match="--test"):
        evaluate(Inputs(data=tmp_path))
    with pytest.raises(SettingError, match="one file"):
        evaluate(Inputs(train=tmp_path, test=tmp_path))
    with pytest.raises(DataError, match="no text file"):
        evaluate(Inputs(test=tmp_path / "absent.txt"))
