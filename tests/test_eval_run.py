"""Running by name, records and the leaderboard."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from data.errors import DataError, SettingError
from data.store import Store
from eval import leaderboard
from eval.record import Record, append, commit_of, read_runs, sha256_of
from eval.run import TASKS, keep, run
from eval.task import Asker, Decider, Inputs

RECORD = Record(
    task="orchestrator",
    metrics={"tool_accuracy": 0.875, "full_accuracy": 0.75, "invalid_calls": 0.0},
    intervals={"tool_accuracy": [0.8, 0.93]},
    floors={"keyword router": {"tool_accuracy": 0.4}},
    arguments={"model": "a|b"},
    commit="0123456789abcdef",
    dirty=False,
    versions={"python": "3.11"},
    data_sha256="f" * 64,
    seconds=1.0,
    peak_mb=100.0,
)


class Planner:
    """Plans nothing."""

    def plan(self, say: str) -> Sequence[tuple[str, Mapping[str, Any]]]:
        return []

    def planner(self) -> "Planner":
        return self

    def decider(self) -> Decider:
        raise NotImplementedError

    def asker(self) -> Asker:
        raise NotImplementedError


def test_every_registered_task_can_be_loaded_and_evaluates() -> None:
    for name, module in TASKS.items():
        assert callable(import_module(module).evaluate), name


def test_an_unknown_task_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SettingError, match=r"'fortune'.*orchestrator"):
        run("fortune", Inputs(), arguments={})


def test_a_run_makes_the_record_of_the_design(tmp_path: Path, tiny_store: Store) -> None:
    path = tmp_path / "plans.jsonl"
    path.write_text('{"say": "plan", "needs": ["find_audience"]}\n', encoding="utf-8")
    found = run(
        "plans",
        Inputs(test=path, store=tiny_store, open_bench=lambda _: Planner()),
        arguments={"test": path, "out": None},
        repository=tmp_path,
    )
    record = json.loads(found.record.line())
    assert set(record) == {
        "task", "metrics", "intervals", "floors", "arguments", "commit", "dirty", "versions", "data_sha256", "seconds",
        "peak_mb",
    }  # fmt: skip
    assert record["metrics"]["needed_tools"] == 0
    assert record["intervals"]["full_plans"] == [0, 0]
    assert record["arguments"] == {"test": str(path)}
    assert (record["commit"], record["dirty"]) == ("unknown", True)  # no repository there
    assert record["data_sha256"] == sha256_of([path])
    assert "python" in record["versions"]
    assert record["peak_mb"] > 1
    assert len(found.misses) == 1


def test_records_survive_the_file_and_a_broken_line_is_named(tmp_path: Path) -> None:
    runs = tmp_path / "runs.jsonl"
    assert read_runs(runs) == []
    append(RECORD, runs)
    append(replace(RECORD, commit="fedcba98"), runs)
    assert [record.commit for record in read_runs(runs)] == [RECORD.commit, "fedcba98"]
    with open(runs, "a", encoding="utf-8") as file:
        file.write('{"task": "plans"}\n')
    with pytest.raises(DataError, match="line 3"):
        read_runs(runs)


def test_the_leaderboard_shows_floor_and_every_run_latest_first(tmp_path: Path) -> None:
    runs = tmp_path / "runs.jsonl"
    append(replace(RECORD, metrics={"tool_accuracy": 0.9}, dirty=True, commit="aaaaaaaaaa"), runs)
    path = keep(RECORD, runs)
    lines = path.read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith("| ")]
    assert rows[0].startswith("|  | tool_accuracy | full_accuracy |")
    assert rows[2].startswith("| floor: keyword router | 0.4 |")
    assert rows[3].startswith("| **ours** | 0.875 [0.8, 0.93] | 0.75 |")
    assert "01234567, data ffffff, model=a\\|b" in rows[3]
    assert rows[4].startswith("| ours, earlier | 0.9 ")
    assert "aaaaaaaa*" in rows[4]
    assert len({row.replace("\\|", "").count("|") for row in rows}) == 1  # every row has as many cells


def test_the_leaderboard_needs_no_records() -> None:
    assert leaderboard.page([]).startswith("# Leaderboard")


def test_the_table_has_a_cell_for_each_floor() -> None:
    rows = leaderboard.table(RECORD)
    assert rows[0] == ("metric", "value", "95% interval", "keyword router")
    assert rows[1] == ("tool_accuracy", "0.875", "0.8 to 0.93", "0.4")
    assert rows[2] == ("full_accuracy", "0.75", "", "")


def test_a_folder_outside_any_repository_has_no_commit(tmp_path: Path) -> None:
    assert commit_of(tmp_path) == ("unknown", True)
