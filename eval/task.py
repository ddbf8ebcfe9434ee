"""What an evaluation task takes and gives, and the little that it asks of the agent."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from data.store import Store
from eval.plots import Plot
from tools.base import Call

Progress = Callable[[str, float], None]
"""Called with what is being done and the fraction of it that is done."""

Thread = Sequence[Mapping[str, str]]
"""Earlier turns of a conversation, oldest first, each {"role": "user" or "assistant", "content": plain text}."""


@dataclass(frozen=True)
class Decision:
    """What the model would do first: a tool with its arguments, or (`tool` None) an answer `text`.

    `valid` is False where the model wrote a call that cannot be run: a tool that the role doesn't have, an unknown
    argument, a value of the wrong type, or broken JSON.
    """

    tool: str | None
    arguments: Mapping[str, Any]
    text: str
    seconds: float
    valid: bool


class Decider(Protocol):
    """One step of the orchestrator, without running any tool."""

    def decide(self, *, role: str, say: str, thread: Thread) -> Decision:
        """What to do first about `say`."""
        ...


@runtime_checkable
class Runner(Protocol):
    """A decider that can also run on, tool after tool, until it answers."""

    def run_on(self, *, role: str, say: str, thread: Thread) -> Sequence[tuple[str, Mapping[str, Any]]]:
        """Every call made for `say`, in order."""
        ...


class Planner(Protocol):
    """The agent as it plans a campaign from a brief."""

    def plan(self, say: str) -> Sequence[tuple[str, Mapping[str, Any]]]:
        """Every call made for the brief, in order."""
        ...


class Chooser(Protocol):
    """The bare model before tools that it was never taught."""

    def choose(self, say: str, tools: Sequence[Mapping[str, Any]]) -> tuple[str, Mapping[str, Any]] | None:
        """The call that it makes, or None; `tools` are OpenAI-style function descriptions."""
        ...


class Reply(Protocol):
    """An answer before and after its references are filled in."""

    @property
    def raw(self) -> str:
        """Literal text with references {a.key}."""
        ...

    @property
    def text(self) -> str:
        """What the reader sees."""
        ...

    @property
    def fallback(self) -> bool:
        """Whether a template took the place of the model's own words."""
        ...

    @property
    def calls(self) -> Sequence[Call]:
        """The calls that were made for it, in order."""
        ...

    @property
    def stopped(self) -> int:
        """Sentences that the model wrote and the checker left out."""
        ...

    @property
    def faults(self) -> Sequence[str]:
        """What the claim checker (`agent.claims`) still finds wrong with `raw`; empty when every claim holds."""
        ...


class Asker(Protocol):
    """The agent as people meet it; each question opens a thread of its own."""

    def ask(self, say: str, role: str, customer_id: str | None) -> Reply:
        """The answer to `say`."""
        ...


class Bench(Protocol):
    """The agent opened on one store, seen from the sides that are measured."""

    def decider(self) -> Decider:
        """The agent's single steps."""
        ...

    def planner(self) -> Planner:
        """The agent's plans."""
        ...

    def asker(self) -> Asker:
        """The agent's answers."""
        ...

    def chooser(self) -> Chooser:
        """The model with tools that are none of the agent's."""
        ...


@dataclass(frozen=True)
class Inputs:
    """All that a task may use.

    `open_bench` opens the agent on a store's folder (tasks that measure no agent leave it alone); `base` does the
    same with the untuned model, as a floor, where the caller wants to pay for it. `store` is a shop to use instead
    of the evaluation's own; `keep` a folder in which that one is kept between runs. `data` is the benchmark data.
    """

    train: Path | None = None
    test: Path | None = None
    store: Store | None = None
    keep: Path | None = None
    data: Path | None = None
    open_bench: Callable[[Path], Bench] | None = None
    base: Callable[[Path], Bench] | None = None
    seed: int = 0
    progress: Progress | None = None

    def report(self, what: str, done: int, total: int) -> None:
        """Tells the caller how far the task is."""
        if self.progress is not None:
            self.progress(what, done / total if total else 1.0)


@dataclass(frozen=True)
class Outcome:
    """What a task found: metrics by name, 95% intervals, the same metrics of each floor, and the files it read.

    `misses` are lines for a developer's eye, `plots` pictures by name; they never enter a record.
    """

    metrics: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    floors: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    files: Sequence[Path] = ()
    misses: Sequence[str] = ()
    plots: Mapping[str, Plot] = field(default_factory=dict)


class Task(Protocol):
    """A task's module."""

    def evaluate(self, inputs: Inputs) -> Outcome:
        """Measures, and says what was found."""
        ...
