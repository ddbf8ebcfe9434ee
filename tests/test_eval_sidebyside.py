"""Ways of doing the same in processes of their own: turns, failures, memory; and the bench built on them."""

import os
from collections.abc import Callable
from typing import Any

import pytest

from data.errors import SettingError
from data.store import Store
from eval import bench_agent
from eval.sidebyside import Worker, peak_mb
from eval.task import Inputs


def _adds(more: int) -> Callable[[Any], Any]:
    return lambda number: (number + more, os.getpid())


def _never_opens() -> Callable[[Any], Any]:
    raise SettingError("nothing to open")


def _fails() -> Callable[[Any], Any]:
    def do(task: Any) -> Any:
        raise ValueError(f"cannot do {task}")

    return do


def _dies() -> Callable[[Any], Any]:
    return lambda _: os._exit(3)


def test_each_way_runs_in_a_process_of_its_own() -> None:
    with Worker(_adds, 1) as one, Worker(_adds, 10) as ten:
        one.ready(), ten.ready()
        results = [one.do(1).result, ten.do(1).result, one.do(5).result]
        assert [number for number, _ in results] == [2, 11, 6]
        processes = [process for _, process in results]
        assert processes[0] == processes[2] != processes[1]
        assert os.getpid() not in processes
        assert 0 < one.peak_mb() < peak_mb()  # far less than this process, which has the models' libraries loaded


def test_a_way_that_fails_says_why() -> None:
    with Worker(_never_opens) as worker, pytest.raises(SettingError, match="nothing to open"):
        worker.ready()
    with Worker(_fails) as worker:
        worker.ready()
        with pytest.raises(SettingError, match="cannot do 7"):
            worker.do(7)
    with Worker(_dies) as worker:
        worker.ready()
        with pytest.raises(SettingError, match="ended early"):
            worker.do(1)


def _agent(store: Any) -> Callable[[Any], Any]:
    return lambda task: "track_order" if task[0] == "decide" else (1, 0.25)


def _pipeline() -> Callable[[Any], Any]:
    return lambda _: "track_order"


def test_the_bench_compares_request_by_request(tiny_store: Store) -> None:
    outcome = bench_agent.evaluate(Inputs(store=tiny_store), bench_agent.Ways(_agent, _pipeline), requests=5)
    assert outcome.metrics["decisions"] == 5
    assert outcome.metrics["answers"] == 3
    assert outcome.metrics["first_word_s"] == 0.25
    assert outcome.metrics["same_tool"] == 1.0
    assert set(outcome.floors["Hugging Face pipeline"]) == {"decision_s", "peak_mb"}
    assert outcome.metrics["faster"] > 0


def test_a_bench_of_nothing_is_refused() -> None:
    with pytest.raises(SettingError, match="1 request or more"):
        bench_agent.evaluate(Inputs(), bench_agent.Ways(_agent, _pipeline), requests=0)
