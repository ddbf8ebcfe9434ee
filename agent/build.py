"""The composition root: store, models, index, chat model and tools become an `Agent` that answers.

agent = open_agent(Path("var"), role="marketer")
print(agent.ask("What should we reorder?").text)
"""

import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any, Literal

import pandas as pd
from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver

import prompts
from agent import claims, toolbox, trace
from agent.finish import Finished, finish
from agent.grounding import tidied
from agent.guard import Conversation, Guard, Step, in_sight, remembered, said
from agent.listening import Listener
from agent.offering import known_ids, offer
from agent.records import as_record, from_record
from campaign import history
from data.errors import AgentError
from data.operations import Operations
from data.store import Snapshot, Store
from index.embed import Embedder
from index.search import ProductIndex
from llm import endpoint, local, weights
from llm.scripted import ScriptedChat, ScriptedWriter
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
        *,
        snapshot: Snapshot,
        operations: Operations,
        models: ModelSet,
        index: ProductIndex,
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
        self.snapshot, self.operations, self.models, self.index = snapshot, operations, models, index
        self.role, self.customer_id, self.task, self.seed = role, customer_id, task, seed
        self._writer, self._traces, self._describe = writer, traces, describe
        self._checkpointer = checkpointer
        self.prompt = prompts.load(("general_" if general else "") + ("plan" if task == "plan" else role))
        self._chat, self._tools = chat, toolbox.bound(role)
        self._names = _names(snapshot)
        self._versions = {name: models[name].version for name in MODELS}
        self._graph = create_agent(
            chat,
            self._tools,
            system_prompt=self.prompt.text,
            middleware=[Guard()],
            context_schema=Conversation,
            checkpointer=checkpointer,
        )

    def ask(
        self,
        text: str,
        *,
        thread: str = "default",
        on_step: Callable[[Step], None] | None = None,
        on_token: Callable[[str], None] | None = None,
    ) -> Answer:
        """Answers `text` within `thread`.

        `on_step` hears each finished call, `on_token` each sentence of the answer once it has been checked.
        Raises `AgentError` for a message that is empty or too long.
        """
        if not text.strip():
            raise AgentError("the message is empty; ask something, or type help")
        size = len(text.encode())
        if size > LONGEST_MESSAGE:
            most = LONGEST_MESSAGE * len(text) // size
            raise AgentError(f"the message has {len(text):,} characters; please keep it under {most:,}")
        started = time.perf_counter()
        where: Any = {
            "configurable": {"thread_id": f"{self.role}:{self.customer_id or ''}:{thread}"},
            "recursion_limit": 60,
        }
        before = remembered(list(self._graph.get_state(where).values.get("messages", [])))
        context = self._context(before)
        earlier = len(context.calls)
        written = _Recorded(self._writer) if self._writer else None
        context.writer, context.on_step = written, on_step
        listener = Listener(context, self._names, earlier, on_token) if on_token else None
        token = local.LISTENER.set(listener)
        try:
            state = self._graph.invoke({"messages": [HumanMessage(text)]}, where, context=context)
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
            where: Any = {"configurable": {"thread_id": f"{self.role}:{self.customer_id or ''}:{thread}"}}
            self._graph.update_state(where, {"messages": list(messages)})

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


def open_agent(
    store_path: Path,
    *,
    role: Role = "marketer",
    customer_id: str | None = None,
    task: Task = "chat",
    model: Path | None = None,
    chat: BaseChatModel | None = None,
    writer: Writer | None = None,
    keep: bool = True,
    exact: bool = False,
) -> Agent:
    """The agent for a store, ready to be asked.

    `model` is the GGUF file (default: the server that the environment names, see `llm.endpoint`, else the
    exported file); `chat` and `writer` replace the language model, as tests and replays do; with `keep` False
    neither threads nor traces are stored.
    Raises `StoreError`, `ModelError` or `AgentError` with a sentence that says what to run first.
    """
    store = Store(store_path)
    snapshot = store.snapshot()
    _prepared(snapshot, role)
    index = ProductIndex.load(store.index_path, Embedder())
    describe: dict[str, Any] = {}
    server = endpoint.configured() if chat is None and model is None else None
    if server is not None:
        chat, describe = endpoint.EndpointChat(settings=server), {"url": server.url, "model": server.model}
        writer = writer or endpoint.EndpointWriter(server, prompts.load("general_copy").text)
    elif chat is None:
        path = model or default_model()
        local.engine(path)
        chat, describe = (
            local.LocalChat(path=path, exact=exact),
            {"file": path.name, "fingerprint": weights.fingerprint(path)},
        )
        writer = writer or local.LocalWriter(path, prompts.load("copy").text, exact=exact)
    saver: BaseCheckpointSaver[Any] = InMemorySaver()
    if keep:
        saver = SqliteSaver(sqlite3.connect(store_path / "threads.db", check_same_thread=False))
    return Agent(
        snapshot=snapshot,
        operations=Operations(store_path / "shop.db"),
        models=ModelSet(store.models_path),
        index=index,
        chat=chat,
        writer=writer,
        role=role,
        customer_id=customer_id,
        task=task,
        checkpointer=saver,
        traces=store_path / "traces" if keep else None,
        describe=describe,
        general=server is not None,
    )


def replay(path: Path, store_path: Path, *, decode: bool = False) -> trace.Replay:
    """Repeats a trace on the store's present data: the recorded words, the tools anew, and nothing kept.

    With `decode` the language model decodes again as well, one slot and no cache.
    """
    recorded = trace.read(path)
    served = "url" in recorded["llm"]
    if decode and served:
        raise AgentError(
            "this answer came from a server, which can't be made to repeat itself: replay without --decode"
        )
    chat = None if decode else ScriptedChat(texts=recorded["texts"], repairs=served)
    writer = None if decode else ScriptedWriter(recorded["written"])
    agent = open_agent(
        store_path,
        role=recorded["role"],
        customer_id=recorded["customer_id"],
        task=recorded["task"],
        model=default_model() if decode else None,  # never the server that the environment may name by now
        chat=chat,
        writer=writer,
        keep=False,
        exact=decode,
    )
    with agent.operations.rehearsal():
        agent.recall(trace.unpacked(recorded["before"]))
        agent.ask(recorded["say"])
    return trace.compare(recorded, agent.last)


def default_model() -> Path:
    """Where `shopkeeper export-model` puts the orchestrator. Raises `AgentError` when it is not there."""
    return weights.exported()


def _prepared(snapshot: Snapshot, role: Role) -> None:
    """Works out what most answers of the role need, so that the first one doesn't wait for it."""
    known_ids(snapshot)
    if role == "marketer":
        history.customers(snapshot, snapshot.as_of)
    else:
        snapshot.table("events").count().execute()  # the first query loads what every later one needs


def _names(snapshot: Snapshot) -> claims.Names:
    products = snapshot.frame("products")
    return claims.Names.of(
        str(name) for column in ("title", "brand", "category") for name in products[column].dropna().unique()
    )
