"""One role's orchestrator over a shop: a message in, tools called, an answer out whose every figure has a source."""

import copy
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any, Literal

import pandas as pd
from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import (
    AIMessage,
    AnyMessage,
    BaseMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.sqlite import SqliteSaver

import prompts
from agent import claims, toolbox, trace
from agent.finish import Finished, finish
from agent.grounding import tidied
from agent.guard import Conversation, Guard, Step, in_sight, remembered, said
from agent.listening import Listener
from agent.offering import known_ids, offer
from agent.records import as_record, from_record
from data.errors import AgentError
from data.operations import Operations
from data.store import Snapshot
from index.search import ProductIndex
from llm import local
from models.registry import MODELS, ModelSet
from tools.base import Call, Citation, Role, Writer

LONGEST_MESSAGE = 4000
"""Bytes of one message in UTF-8, so that two fit into the model's context in any script; nobody asks at such length."""

Task = Literal["chat", "plan"]

_MEND = """These sentences can't be shown:
{faults}
Write the whole answer again without these faults, as short as before, with references only."""
"""What a model is told that isn't held to a grammar, once."""


@dataclass(frozen=True)
class Shop:
    """What every agent of a shop shares: the snapshot, the records, the models trained on it and its index."""

    snapshot: Snapshot
    operations: Operations
    models: ModelSet
    index: ProductIndex


@dataclass(frozen=True)
class Answer:
    """An answer as shown, with its sources and how it came about."""

    text: str
    raw: str
    citations: tuple[Citation, ...]
    calls: list[Call]
    fallback: bool
    faults: list[str]
    trace: Path | None
    seconds: float


@dataclass(frozen=True)
class Decision:
    """What the model would do first: a call (`tool`, `arguments`) or an answer (`text`)."""

    tool: str | None
    arguments: dict[str, Any]
    text: str
    seconds: float
    valid: bool


class Agent:
    """One role's orchestrator over one store; threads are kept by name."""

    def __init__(
        self,
        shop: Shop,
        *,
        chat: BaseChatModel,
        writer: Writer | None,
        role: Role,
        customer_id: str | None,
        task: Task,
        checkpointer: BaseCheckpointSaver[Any],
        traces: Path | None,
        describe: Mapping[str, Any],
        general: bool = False,
        seed: int = 0,
    ) -> None:
        self.snapshot, self.operations, self.models, self.index = (
            shop.snapshot, shop.operations, shop.models, shop.index,
        )  # fmt: skip
        self.role, self.customer_id, self.task, self.seed = role, customer_id, task, seed
        self.may_launch = True
        self._writer, self._traces, self._describe = writer, traces, describe
        self._checkpointer = checkpointer
        self.prompt = prompts.load(("general_" if general else "") + ("plan" if task == "plan" else role))
        self._chat, self._tools = chat, toolbox.bound(role)
        self._names = _names(shop.snapshot)
        self._versions = {name: shop.models[name].version for name in MODELS}
        self._graph = create_agent(
            chat,
            self._tools,
            system_prompt=self.prompt.text,
            middleware=[Guard()],
            context_schema=Conversation,
            checkpointer=checkpointer,
        )

    def serving(self, customer_id: str | None) -> "Agent":
        """The same agent for another shopper; both may be asked at the same time."""
        other = copy.copy(self)
        other.customer_id = customer_id
        return other

    def looking(self) -> "Agent":
        """The same agent for a person who may ask and plan, but launch nothing."""
        other = copy.copy(self)
        other.may_launch = False
        return other

    def ask(
        self,
        text: str,
        *,
        thread: str = "default",
        live: Sequence[tuple[str, str]] = (),
        minimum_spend: Mapping[str, float] | None = None,
        capacity: Mapping[str, int] | None = None,
        on_step: Callable[[Step], None] | None = None,
        on_token: Callable[[str], None] | None = None,
        stop: Event | None = None,
    ) -> Answer:
        """Answers `text` within `thread`.

        `live` is what the shopper did since the snapshot, as (kind of event, product id), the latest first.
        `minimum_spend` (money) and `capacity` (messages a day), by channel, bind whatever campaign is drafted.
        `on_step` hears each finished call, `on_token` each sentence of the answer once it has been checked. Once
        `stop` is set the answer ends with `StoppedError`, and the thread is as it was before.
        Raises `AgentError` for a message that is empty or too long.
        """
        if not text.strip():
            raise AgentError("the message is empty; ask something, or type help")
        size = len(text.encode())
        if size > LONGEST_MESSAGE:
            most = LONGEST_MESSAGE * len(text) // size
            raise AgentError(f"the message has {len(text):,} characters; please keep it under {most:,}")
        started = time.perf_counter()
        where = self._where(thread)
        whole = self.messages(thread)
        before = remembered(whole)
        context = self._context(before)
        earlier = len(context.calls)
        written = _Recorded(self._writer) if self._writer else None
        context.writer, context.on_step, context.stop = written, on_step, stop
        context.live = tuple(live)
        context.minimum_spend, context.capacity = dict(minimum_spend or {}), dict(capacity or {})
        listener = Listener(context, self._names, earlier, on_token) if on_token or stop else None
        token = local.LISTENER.set(listener)
        try:
            state = self._graph.invoke({"messages": [HumanMessage(text)]}, where, context=context)
        except BaseException:
            self._forget(where, whole)
            raise
        finally:
            local.LISTENER.reset(token)
        raw = str(state["messages"][-1].text)
        fresh = context.calls[earlier:]
        done = finish(raw, context.calls, fresh, self._names)
        if done.faults and getattr(self._chat, "repairs", False):
            done = self._mended(state["messages"], done, context, fresh, where)
        if listener:
            listener.close(done)
        content = {
            **self._about(),
            "before": trace.packed(before),
            "say": text,
            **({"live": [list(event) for event in live]} if live else {}),
            **({"minimum_spend": context.minimum_spend} if minimum_spend else {}),
            **({"capacity": context.capacity} if capacity else {}),
            "texts": context.texts,
            "written": written.texts if written else [],
            "calls": [as_record(call) for call in fresh],
            "raw": done.raw,
            "text": done.rendered.text,
            "citations": [[c.number, c.reference, c.fact.display, c.fact.source] for c in done.rendered.citations],
            "fallback": done.fallback,
        }
        path = trace.write(self._traces, content) if self._traces else None
        self.last = content
        faults = [f"{fault.reason}: {fault.sentence}" for fault in done.faults]
        seconds = time.perf_counter() - started
        return Answer(
            done.rendered.text, done.raw, done.rendered.citations, fresh, done.fallback, faults, path, seconds
        )

    def warm(self) -> None:
        """Loads in the background what a search needs: seconds, which pass while the person types."""
        Thread(target=self.index.warm, daemon=True).start()

    def close(self) -> None:
        """Closes the threads' database; the agent can't be asked any more."""
        if isinstance(self._checkpointer, SqliteSaver):
            self._checkpointer.conn.close()

    def decide(self, say: str, thread: Sequence[Mapping[str, str]] = ()) -> Decision:
        """The model's first step for `say`, with nothing run: what an evaluation looks at."""
        kinds = {"user": HumanMessage, "assistant": AIMessage}
        turns: list[Any] = [kinds[turn["role"]](turn["content"]) for turn in thread]
        started = time.perf_counter()
        messages: list[BaseMessage] = [SystemMessage(self.prompt.text), *in_sight([*turns, HumanMessage(say)])]
        tools = offer(self._tools, messages, known_ids(self.snapshot))
        reply = self._chat.bind_tools(tools).invoke(messages)
        seconds = time.perf_counter() - started
        if not reply.tool_calls:
            return Decision(None, {}, str(reply.text), seconds, not str(reply.text).startswith("call "))
        call = reply.tool_calls[0]
        arguments = tidied(call["name"], call["args"], said(messages), self.role, self.index.categories)
        return Decision(call["name"], arguments, "", seconds, toolbox.valid(call["name"], arguments, self.role))

    def _mended(
        self, messages: list[AnyMessage], done: Finished, context: Conversation, fresh: Sequence[Call], where: Any
    ) -> Finished:
        """One more try at an answer with faults: the better of both, which also stays in the thread."""
        faults = "\n".join(f"- {fault.reason}: {fault.sentence}" for fault in done.faults)
        asked = HumanMessage(_MEND.format(faults=faults))
        reply = self._chat.invoke([SystemMessage(self.prompt.text), *in_sight(messages), asked])
        context.texts.append(str(reply.text))
        again = finish(str(reply.text), context.calls, fresh, self._names)
        if (again.fallback, len(again.faults)) < (done.fallback, len(done.faults)):
            done = again
        self._graph.update_state(where, {"messages": [AIMessage(done.raw, id=messages[-1].id)]})
        return done

    def recall(self, messages: Sequence[BaseMessage], thread: str = "default") -> None:
        """Puts earlier messages into a thread: how a replay takes up a conversation in its middle."""
        if messages:
            self._graph.update_state(self._where(thread), {"messages": list(messages)})

    def forget(self, thread: str) -> None:
        """Takes a thread away for good; the traces of its answers stay."""
        self._checkpointer.delete_thread(self._where(thread)["configurable"]["thread_id"])

    def messages(self, thread: str = "default") -> list[AnyMessage]:
        """All that was said in a thread, with the calls and their results between."""
        return list(self._graph.get_state(self._where(thread)).values.get("messages", []))

    def _where(self, thread: str) -> Any:
        name = f"{self.role}:{self.customer_id or ''}:{thread}"
        return {"configurable": {"thread_id": name}, "recursion_limit": 60}

    def _forget(self, where: Any, whole: Sequence[AnyMessage]) -> None:
        """Takes out of a thread what a turn that came to no end has put there."""
        kept = {message.id for message in whole}
        left = [m for m in self._graph.get_state(where).values.get("messages", []) if m.id not in kept]
        if left:
            removals = [RemoveMessage(id=str(m.id)) for m in left]
            self._graph.update_state(where, {"messages": removals}, as_node="__start__")

    def _context(self, before: Sequence[BaseMessage]) -> Conversation:
        records = [m.artifact for m in before if isinstance(m, ToolMessage) and m.artifact]
        return Conversation(
            snapshot=self.snapshot,
            operations=self.operations,
            models=self.models,
            index=self.index,
            role=self.role,
            as_of=pd.Timestamp(self.snapshot.as_of),
            customer_id=self.customer_id,
            calls=[from_record(record) for record in records],
            seed=self.seed,
            task=self.task,
            may_launch=self.may_launch,
        )

    def _about(self) -> dict[str, Any]:
        return {
            "role": self.role,
            "customer_id": self.customer_id,
            "task": self.task,
            "seed": self.seed,
            "snapshot": self.snapshot.id,
            "models": self._versions,
            "prompt": {"name": self.prompt.name, "version": self.prompt.version, "sha256": self.prompt.sha256},
            "llm": dict(self._describe),
        }


class _Recorded:
    """A writer that remembers what it wrote, for the trace."""

    def __init__(self, inner: Writer) -> None:
        self._inner = inner
        self.texts: list[str] = []

    def write(self, task: str, request: Mapping[str, str], facts: Mapping[str, Any]) -> str:
        self.texts.append(self._inner.write(task, request, facts))
        return self.texts[-1]


def _names(snapshot: Snapshot) -> claims.Names:
    products = snapshot.frame("products")
    return claims.Names.of(
        str(name) for column in ("title", "brand", "category") for name in products[column].dropna().unique()
    )
