"""The orchestrator's metrics with deciders that know, guess or fail."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from data.errors import SettingError
from data.store import Store
from eval import consistency, orchestrator
from eval.casefile import read_requests
from eval.floors import KeywordRouter
from eval.orchestrator import REQUESTS, judge_all, summary
from eval.task import Asker, Decider, Decision, Inputs, Planner, Thread

CASES: list[dict[str, Any]] = [
    {"role": "marketer", "say": "one", "tool": "find_audience", "args": {"goal": "loyalty", "size": 5}, "group": "g"},
    {"role": "marketer", "say": "two", "tool": "find_audience", "args": {"goal": "loyalty", "size": 5}, "group": "g"},
    {"role": "shopper", "say": "three", "tool": "search_products", "has": {"query": ["tea"]}},
    {"role": "shopper", "say": "four", "tool": None, "expect": "ask"},
    {"role": "marketer", "say": "five", "tool": None},
    {
        "role": "marketer",
        "say": "six",
        "calls": [{"tool": "find_audience", "args": {"size": 7}}, {"tool": "allocate_budget", "args": {"budget": 9}}],
    },
]
RIGHT: dict[str, tuple[str | None, dict[str, Any]]] = {
    "one": ("find_audience", {"goal": "loyalty", "size": 5}),
    "two": ("find_audience", {"goal": "loyalty", "size": 5}),
    "three": ("search_products", {"query": "green TEA"}),
    "four": (None, {}),
    "five": (None, {}),
    "six": ("find_audience", {"size": 7}),
}


class Scripted:
    """Decides what it was told for each request."""

    def __init__(self, script: Mapping[str, tuple[str | None, dict[str, Any]]], *, valid: bool = True) -> None:
        self.script, self.valid = script, valid

    def decide(self, *, role: str, say: str, thread: Thread) -> Decision:
        tool, arguments = self.script[say]
        return Decision(tool, arguments, "", 0.25, self.valid)


class Running(Scripted):
    """Decides as told, and runs on to a second call."""

    def run_on(self, *, role: str, say: str, thread: Thread) -> Sequence[tuple[str, Mapping[str, Any]]]:
        return [("find_audience", {"size": 7}), ("allocate_budget", {"budget": 9.0, "channels": ["email"]})]


class Bench:
    """An agent's bench that only decides."""

    def __init__(self, decider: Decider) -> None:
        self._decider = decider

    def decider(self) -> Decider:
        return self._decider

    def planner(self) -> Planner:
        raise NotImplementedError

    def asker(self) -> Asker:
        raise NotImplementedError


@pytest.fixture
def requests(tmp_path: Path) -> Path:
    path = tmp_path / "requests.jsonl"
    path.write_text("".join(json.dumps(case) + "\n" for case in CASES), encoding="utf-8")
    return path


def _summary(decider: Decider, path: Path) -> dict[str, float]:
    return summary(judge_all(decider, read_requests(path)))


def test_a_decider_that_knows_everything_gets_everything(requests: Path) -> None:
    found = _summary(Running(RIGHT), requests)
    assert [found[m] for m in ("tool_accuracy", "full_accuracy", "decline_recall")] == [1, 1, 1]
    assert [found[m] for m in ("false_decline_rate", "invalid_calls", "errors")] == [0, 0, 0]
    assert found["extra_arguments"] == 1  # the channels of the second call
    assert found["median_decision_s"] == 0.25
    assert found["by_tool/find_audience"] == found["by_expect/ask"] == 1


def test_several_calls_need_a_decider_that_runs_on(requests: Path) -> None:
    assert _summary(Scripted(RIGHT), requests)["tool_accuracy"] == pytest.approx(5 / 6)


def test_each_kind_of_mistake_is_counted_where_it_belongs(requests: Path) -> None:
    wrong = RIGHT | {
        "one": (None, {}),  # a false decline
        "two": ("find_audience", {"goal": "loyalty", "size": 50, "category": "Tea"}),  # right tool, wrong argument
        "four": ("track_order", {"order_id": "1"}),  # should have asked
    }
    found = _summary(Running(wrong), requests)
    assert found["tool_accuracy"] == pytest.approx(4 / 6)
    assert found["full_accuracy"] == pytest.approx(3 / 6)
    assert found["decline_recall"] == pytest.approx(1 / 2)
    assert found["false_decline_rate"] == pytest.approx(1 / 4)
    assert found["by_expect/ask"] == 0
    assert found["by_role/shopper"] == pytest.approx(1 / 2)


def test_an_invalid_call_is_counted_and_never_fully_right(requests: Path) -> None:
    found = _summary(Scripted(RIGHT, valid=False), requests)
    assert found["invalid_calls"] == 6
    assert found["full_accuracy"] == 0


def test_an_exception_is_counted_and_named_and_the_run_goes_on(requests: Path) -> None:
    verdicts = judge_all(Scripted({k: v for k, v in RIGHT.items() if k != "four"}), read_requests(requests))
    found = summary(verdicts)
    assert found["errors"] == 1
    assert found["decline_recall"] == pytest.approx(1 / 2)  # an exception is not a polite refusal
    assert "KeyError" in verdicts[3].miss()


def test_the_task_measures_agent_and_floors_on_the_store_it_is_given(requests: Path, tiny_store: Store) -> None:
    opened: list[Path] = []
    steps: list[float] = []

    def open_bench(root: Path) -> Bench:
        opened.append(root)
        return Bench(Running(RIGHT))

    outcome = orchestrator.evaluate(
        Inputs(
            test=requests,
            store=tiny_store,
            open_bench=open_bench,
            base=lambda _: Bench(Scripted(dict.fromkeys(RIGHT, (None, {})))),
            progress=lambda _, done: steps.append(done),
        )
    )
    assert opened == [tiny_store.root]
    assert outcome.metrics["full_accuracy"] == 1
    assert outcome.intervals["full_accuracy"] == (1, 1)
    assert outcome.floors["untuned base model"]["false_decline_rate"] == 1
    assert set(outcome.floors) == {"keyword router", "untuned base model"}
    assert list(outcome.files) == [requests]
    assert list(outcome.misses) == []
    assert steps[-1] == 1


def test_a_group_passes_only_when_all_its_wordings_do(requests: Path, tiny_store: Store) -> None:
    def measured(script: Mapping[str, tuple[str | None, dict[str, Any]]]) -> float:
        inputs = Inputs(test=requests, store=tiny_store, open_bench=lambda _: Bench(Scripted(script)))
        return consistency.evaluate(inputs).metrics["pass^4"]

    assert measured(RIGHT) == 1
    assert measured(RIGHT | {"two": (None, {})}) == 0


def test_without_an_agent_the_task_says_what_to_type() -> None:
    with pytest.raises(SettingError, match="shopkeeper eval orchestrator"):
        orchestrator.evaluate(Inputs())


def test_the_keyword_router_is_a_floor_with_room_above() -> None:
    found = summary(judge_all(KeywordRouter(["garden", "kitchen"]), read_requests(REQUESTS)))
    assert 0.2 < found["tool_accuracy"] < 0.85
    assert found["full_accuracy"] < found["tool_accuracy"]
    assert found["errors"] == 0
