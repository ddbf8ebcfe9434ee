"""Runs an evaluation task by name and makes the record of it. A new task is one module and one line in `TASKS`."""

import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from data.errors import SettingError
from eval import leaderboard
from eval.plots import Plot
from eval.record import RUNS, Record, append, commit_of, sha256_of, tidy, versions
from eval.task import Inputs, Outcome, Task

TASKS: dict[str, str] = {
    "orchestrator": "eval.orchestrator",
    "plans": "eval.plans",
    "answers": "eval.answers",
    "consistency": "eval.consistency",
    "function_calling": "eval.function_calling",
    "statements": "eval.statements",
    "injection": "eval.injection",
    "next_purchase": "eval.next_purchase",
    "campaign_response": "eval.campaign_response",
    "session_purchase": "eval.session_purchase",
    "session_rec": "eval.session_rec",
    "product_search": "eval.product_search",
    "budget": "eval.budget",
    "off_policy": "eval.off_policy",
    "email_uplift": "eval.email_uplift",
    "lifetime": "eval.lifetime",
    "sales_forecast": "eval.sales_forecast",
    "intermittent": "eval.intermittent",
    "sku_forecast": "eval.sku_forecast",
    "inventory": "eval.inventory",
    "sequential_rec": "eval.sequential_rec",
    "next_basket": "eval.next_basket",
}
"""Each task's module; names, so that one task need not load what another measures with."""


@dataclass(frozen=True)
class Run:
    """A finished run: its record, lines about what went wrong, for a developer, and pictures."""

    record: Record
    misses: tuple[str, ...] = field(default=())
    plots: Mapping[str, Plot] = field(default_factory=dict)


def run(task: str, inputs: Inputs, *, arguments: Mapping[str, Any], repository: Path | None = None) -> Run:
    """Measures `task`; `arguments` are those that the person gave, kept in the record.

    `repository` is the folder whose commit is recorded, this package's own unless given. Raises `SettingError` for
    an unknown task.
    """
    return measure(task, _module(task).evaluate, inputs, arguments=arguments, repository=repository)


def measure(
    name: str,
    evaluate: Callable[[Inputs], Outcome],
    inputs: Inputs,
    *,
    arguments: Mapping[str, Any],
    repository: Path | None = None,
) -> Run:
    """The same for anything else that measures, recorded under `name`."""
    start = time.perf_counter()
    outcome = evaluate(inputs)
    record = _record(name, outcome, arguments, repository, time.perf_counter() - start)
    return Run(record, tuple(outcome.misses), outcome.plots)


def keep(record: Record, runs: Path = RUNS) -> Path:
    """Appends `record` to the recorded runs and writes the leaderboard beside them again; gives the latter's path."""
    append(record, runs)
    return leaderboard.write(runs)


def _module(task: str) -> Task:
    if task not in TASKS:
        raise SettingError(f"there is no evaluation task {task!r}; there are {', '.join(TASKS)}")
    return cast(Task, import_module(TASKS[task]))


def _record(
    task: str, outcome: Outcome, arguments: Mapping[str, Any], repository: Path | None, seconds: float
) -> Record:
    commit, dirty = commit_of(repository or Path(__file__).resolve().parent.parent)
    return Record(
        task=task,
        metrics=tidy(outcome.metrics),
        intervals={name: [round(low, 6), round(high, 6)] for name, (low, high) in outcome.intervals.items()},
        floors={name: tidy(metrics) for name, metrics in outcome.floors.items()},
        arguments={name: str(v) if isinstance(v, Path) else v for name, v in arguments.items() if v is not None},
        commit=commit,
        dirty=dirty,
        versions=versions(),
        data_sha256=sha256_of(outcome.files),
        seconds=round(seconds, 3),
        peak_mb=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    )
