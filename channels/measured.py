"""The agent as the evaluation sees it: deciding, planning and answering, with nothing kept of what it does.

`eval` says what it needs (`eval.task.Bench`) and opens no agent itself; this is the one that people meet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langchain_core.messages import HumanMessage, SystemMessage

from agent import claims
from agent.build import default_model, open_agent
from agent.offering import mentioned, offer
from agent.orchestrator import Agent, Answer
from eval.task import Asker, Chooser, Decider, Decision, Planner, Thread
from llm import endpoint, signatures
from llm.calls import CALL
from llm.local import LISTENER, LocalChat
from tools.base import Call, Role

if TYPE_CHECKING:
    from agent.orchestrator import Task

Made = list[tuple[str, Mapping[str, Any]]]


class AgentBench:
    """The agent on the store at `path`, opened once for each role, customer and task.

    Raises `AgentError` where there is no language model: a case that it fails would count as its answer.
    """

    def __init__(self, path: Path, *, model: Path | None = None) -> None:
        self._path, self._model = path, model
        if model is None and endpoint.configured() is None:
            default_model()
        self._agents: dict[tuple[str, str | None, str], Agent] = {}
        self._threads = 0

    def decider(self) -> Decider:
        """What it would do first."""
        return _Decider(self)

    def planner(self) -> Planner:
        """How it plans."""
        return _Planner(self)

    def asker(self) -> Asker:
        """How it answers."""
        return _Asker(self)

    def chooser(self) -> Chooser:
        """The bare model, with other tools than the shop's."""
        return _Chooser(LocalChat(path=self._model or default_model()))

    def agent(self, role: Role, customer_id: str | None = None, task: Task = "chat") -> Agent:
        """The agent for one role, customer and task."""
        key = (role, customer_id, task)
        if key not in self._agents:
            self._agents[key] = open_agent(
                self._path, role=role, customer_id=customer_id, task=task, model=self._model, keep=False
            )
        return self._agents[key]

    def ask(self, agent: Agent, say: str, thread: Thread = ()) -> Answer:
        """The answer after the turns of `thread`; whatever the tools wrote is undone."""
        self._threads += 1
        name = str(self._threads)
        with agent.operations.rehearsal():
            agent.recall(_messages(thread), thread=name)
            return agent.ask(say, thread=name)


@dataclass(frozen=True)
class _Decider:
    bench: AgentBench

    def decide(self, *, role: str, say: str, thread: Thread) -> Decision:
        found = self.bench.agent(role_of(role)).decide(say, thread)
        return Decision(found.tool, found.arguments, found.text, found.seconds, found.valid)

    def run_on(self, *, role: str, say: str, thread: Thread) -> Made:
        return _made(self.bench.ask(self.bench.agent(role_of(role)), say, thread))


@dataclass(frozen=True)
class _Planner:
    bench: AgentBench

    def plan(self, say: str) -> Made:
        return _made(self.bench.ask(self.bench.agent("marketer", task="plan"), say))


@dataclass(frozen=True)
class Checked:
    """An answer, with what the claim checker says of its words as they are shown."""

    raw: str
    text: str
    fallback: bool
    faults: Sequence[str]
    calls: Sequence[Call]
    stopped: int


@dataclass(frozen=True)
class _Asker:
    bench: AgentBench

    def ask(self, say: str, role: str, customer_id: str | None) -> Checked:
        agent = self.bench.agent(role_of(role), customer_id)
        answer = self.bench.ask(agent, say)
        products = agent.snapshot.frame("products")
        names = claims.Names.of(str(n) for c in ("title", "brand", "category") for n in products[c].dropna().unique())
        ground = claims.Ground.of(answer.calls, names)
        faults = [f"{f.reason}: {f.sentence}" for f in claims.check(answer.raw, ground)]
        stopped = len({fault.partition(": ")[2] for fault in answer.faults})
        return Checked(answer.raw, answer.text, answer.fallback, faults, answer.calls, stopped)


@dataclass(frozen=True)
class _Chooser:
    chat: LocalChat

    def choose(self, say: str, tools: Sequence[Mapping[str, Any]]) -> tuple[str, Mapping[str, Any]] | None:
        said = [SystemMessage(signatures.prompt_of(tools)), HumanMessage(say)]
        described = [{"type": "function", "function": dict(tool)} for tool in tools]
        token = LISTENER.set(_CallsOnly())
        try:
            calls: Any = self.chat.bind_tools(offer(described, said, frozenset())).invoke(said).tool_calls
        except _AnsweredError:
            return None
        finally:
            LISTENER.reset(token)
        if not calls:  # a call that is cut off is none
            return None
        name = calls[0]["name"]
        return name, mentioned(described, said, name, calls[0]["args"])


class _AnsweredError(Exception):
    """The model answers instead of calling: what it would say need not be waited for."""


class _CallsOnly:
    """Ends the decoding of anything but a call."""

    _calls = False

    def __call__(self, piece: str) -> None:
        self._calls = self._calls or piece.startswith(CALL)
        if not self._calls:
            raise _AnsweredError


def _made(answer: Answer) -> Made:
    return [(call.tool, call.arguments) for call in answer.calls]


def role_of(role: str) -> Role:
    """The role of a case; what is no shopper is a marketer."""
    return "shopper" if role == "shopper" else "marketer"


def _messages(thread: Thread) -> list[Any]:
    from langchain_core.messages import AIMessage, HumanMessage

    kinds: dict[str, Any] = {"user": HumanMessage, "assistant": AIMessage}
    return [kinds[turn["role"]](turn["content"]) for turn in thread]
