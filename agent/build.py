"""The composition root: store, models, index, chat model and tools become an `Agent` that answers.

agent = open_agent(Path("var"), role="marketer")
print(agent.ask("What should we reorder?").text)
"""

import sqlite3
from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver

import prompts
from agent import trace
from agent.offering import known_ids
from agent.orchestrator import Agent, Shop, Task
from campaign import history, policy_value
from campaign.draft import WINDOW_DAYS
from data.errors import AgentError
from data.operations import Operations
from data.store import Snapshot, Store
from index.embed import Embedder
from index.search import ProductIndex
from llm import endpoint, local, weights
from llm.scripted import ScriptedChat, ScriptedWriter
from models.registry import ModelSet
from tools.base import Role, Writer


def open_shop(store_path: Path, *, embedder: Embedder | None = None) -> Shop:
    """The store's present snapshot with its models and index, for the agents of all roles to share.

    Raises `StoreError` or `ModelError` with a sentence that says what to run first.
    """
    store = Store(store_path)
    snapshot = store.snapshot()
    return Shop(
        snapshot=snapshot,
        operations=Operations(store.operations_path),
        models=ModelSet(store.models_path.parent / snapshot.id),
        index=ProductIndex.load(store.index_path.parent / snapshot.id, embedder or Embedder()),
    )


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
    slots: int = 1,
    shop: Shop | None = None,
) -> Agent:
    """The agent for a store, ready to be asked.

    `shop` is the store opened before, for agents of several roles to share. `model` is the GGUF file (default: the
    server that the environment names, see `llm.endpoint`, else the exported file); `chat` and `writer` replace the
    language model, as tests and replays do; with `keep` False neither threads nor traces are stored. With several
    `slots` the model answers that many conversations at once; batching may change a token now and then.
    Raises `StoreError`, `ModelError` or `AgentError` with a sentence that says what to run first.
    """
    shop = shop or open_shop(store_path)
    _prepared(shop.snapshot, role)
    describe: dict[str, Any] = {}
    server = endpoint.configured() if chat is None and model is None else None
    if server is not None:
        chat, describe = endpoint.EndpointChat(settings=server), {"url": server.url, "model": server.model}
        writer = writer or endpoint.EndpointWriter(server, prompts.load("general_copy").text)
    elif chat is None:
        path = model or default_model()
        local.engine(path, slots=slots)
        chat, describe = (
            local.LocalChat(path=path, slots=slots, exact=exact),
            {"file": path.name, "fingerprint": weights.fingerprint(path)},
        )
        writer = writer or local.LocalWriter(path, prompts.load("copy").text, slots=slots, exact=exact)
    saver: BaseCheckpointSaver[Any] = InMemorySaver()
    if keep:
        saver = SqliteSaver(sqlite3.connect(store_path / "threads.db", check_same_thread=False))
    return Agent(
        shop,
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
        agent.ask(
            recorded["say"],
            live=[(kind, product) for kind, product in recorded.get("live", ())],
            minimum_spend=recorded.get("minimum_spend"),
            capacity=recorded.get("capacity"),
        )
    return trace.compare(recorded, agent.last)


def default_model() -> Path:
    """Where `shopkeeper export-model` puts the orchestrator. Raises `AgentError` when it is not there."""
    return weights.exported()


def _prepared(snapshot: Snapshot, role: Role) -> None:
    """Works out what most answers of the role need, so that the first one doesn't wait for it."""
    known_ids(snapshot)
    if role == "marketer":
        history.customers(snapshot, snapshot.as_of)
        policy_value.prepare(snapshot, days=WINDOW_DAYS)
    else:
        snapshot.table("events").count().execute()  # the first query loads what every later one needs
