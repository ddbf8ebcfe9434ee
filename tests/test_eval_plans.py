"""What a plan's calls are worth."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from data.store import Store
from eval import plans
from eval.casefile import PlanCase
from eval.plans import judge
from eval.task import Asker, Decider, Inputs

CASE = PlanCase(
    1,
    "win back fifty",
    ("find_audience", "write_copy", "draft_campaign"),
    {"find_audience": {"goal": "win_back", "size": 50}, "write_copy": {"tone": "formal"}},
)
GOOD: list[tuple[str, Mapping[str, Any]]] = [
    ("find_audience", {"goal": "win_back", "size": 50, "category": "Tea"}),
    ("write_copy", {"tone": "urgent"}),
    ("write_copy", {"tone": "formal", "channel": "sms"}),
    ("draft_campaign", {"name": "x", "goal": "win_back"}),
]


class Scripted:
    """Makes the calls it was told, or fails."""

    def __init__(self, calls: Sequence[tuple[str, Mapping[str, Any]]] | None) -> None:
        self.calls = calls

    def plan(self, say: str) -> Sequence[tuple[str, Mapping[str, Any]]]:
        if self.calls is None:
            raise RuntimeError("no plan today")
        return self.calls

    def planner(self) -> "Scripted":
        return self

    def decider(self) -> Decider:
        raise NotImplementedError

    def asker(self) -> Asker:
        raise NotImplementedError


def test_one_right_call_of_each_tool_is_enough() -> None:
    found = judge(Scripted(GOOD), CASE)
    assert found.full
    assert (found.needed, found.calls) == (1, 4)


def test_a_missing_tool_is_named_once_and_costs_its_share() -> None:
    found = judge(Scripted(GOOD[1:]), CASE)
    assert not found.full
    assert found.needed == pytest.approx(2 / 3)
    assert found.faults == ("find_audience was not called",)


def test_a_wrong_argument_spoils_the_plan_but_not_the_tools() -> None:
    found = judge(Scripted([("find_audience", {"goal": "win_back", "size": 5}), *GOOD[1:]]), CASE)
    assert (found.needed, found.full) == (1, False)
    assert "size" in found.miss()


def test_the_task_counts_briefs_that_fail(tmp_path: Path, tiny_store: Store) -> None:
    path = tmp_path / "plans.jsonl"
    path.write_text(json.dumps({"say": CASE.say, "needs": CASE.needs, "args": CASE.args}) + "\n", encoding="utf-8")

    def measured(calls: Sequence[tuple[str, Mapping[str, Any]]] | None) -> Mapping[str, float]:
        inputs = Inputs(test=path, store=tiny_store, open_bench=lambda _: Scripted(calls))
        return plans.evaluate(inputs).metrics

    good, failed = measured(GOOD), measured(None)
    assert (good["full_plans"], good["needed_tools"], good["errors"]) == (1, 1, 0)
    assert (failed["full_plans"], failed["needed_tools"], failed["errors"]) == (0, 0, 1)
