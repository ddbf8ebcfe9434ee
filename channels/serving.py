"""A store as a server sees it: agents, models and index, exchanged as a whole when the shop was retrained."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.build import open_agent, open_shop
from channels.live import LiveFeed
from data.errors import ShopkeeperError
from data.store import Store
from index.embed import Embedder
from models.registry import MODELS, being_trained

if TYPE_CHECKING:
    from agent.orchestrator import Agent, Shop
    from data.operations import Operations
    from tools.base import Role

AT_ONCE = 4
"""Answers that are written at the same time."""
LOOK_EVERY = 3.0
"""Seconds between two looks whether the shop was retrained."""

Opener = Callable[..., "Agent"]
_log = logging.getLogger("shopkeeper.serving")


@dataclass(frozen=True)
class Loaded:
    """One state of the shop, whole: what an answer starts with it ends with."""

    shop: Shop
    agents: dict[str, Agent]
    planner: Agent
    feed: LiveFeed
    mark: Any

    def agent(self, role: Role, customer_id: str | None = None) -> Agent:
        """The role's agent, for a shopper the one who speaks as `customer_id`."""
        return self.agents[role] if role == "marketer" else self.agents[role].serving(customer_id)


class Serving:
    """Holds the present `Loaded`, and watches for the next one.

    `opener` opens an agent as `agent.build.open_agent` does; tests give one with a scripted model. Raises what
    opening a store raises, so that a server does not start over an empty one.
    """

    def __init__(self, root: Path, *, opener: Opener = open_agent) -> None:
        self.store = Store(root)
        self._opener, self._embedder = opener, Embedder()
        self._loaded = self._load()
        self._closed = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True, name="watch the store")

    @property
    def now(self) -> Loaded:
        """The present state; keep it for the length of one request."""
        return self._loaded

    @property
    def operations(self) -> Operations:
        """The records, the same whatever was retrained."""
        return self._loaded.shop.operations

    def start(self) -> None:
        """Begins to watch the store."""
        self._watcher.start()

    def close(self) -> None:
        """Ends watching and closes the threads' databases."""
        self._closed.set()
        for agent in (*self._loaded.agents.values(), self._loaded.planner):
            agent.close()

    def refresh(self) -> bool:
        """Takes over a new snapshot or newly trained models once all of them are there; says whether it did.

        Whatever is missing or damaged leaves the old state in place.
        """
        try:
            mark = self._mark()
            if mark is None or mark == self._loaded.mark:
                return False
            self._loaded = self._load()
        except ShopkeeperError as error:
            _log.warning("the shop stays as it was: %s", error)
            return False
        return True

    def _watch(self) -> None:
        while not self._closed.wait(LOOK_EVERY):
            self.refresh()

    def _mark(self) -> Any:
        """What changes whenever the shop was retrained; None while it is being trained, or half there."""
        folder = self.store.models_path
        manifests = [folder / name / "manifest.json" for name in MODELS] + [self.store.index_path / "manifest.json"]
        if being_trained(folder) or not all(path.exists() for path in manifests):
            return None
        return self.store.snapshot_id, tuple(path.stat().st_mtime_ns for path in manifests)

    def _load(self) -> Loaded:
        mark = self._mark()
        shop = open_shop(self.store.root, embedder=self._embedder)
        for name in MODELS:  # now, not when first asked for: a training that swaps them later must not mix with these
            shop.models[name]
        shared = {"shop": shop, "slots": AT_ONCE}
        agents = {role: self._opener(self.store.root, role=role, **shared) for role in ("marketer", "shopper")}
        planner = self._opener(self.store.root, role="marketer", task="plan", **shared)
        shop.index.warm()
        return Loaded(shop, agents, planner, LiveFeed(shop.operations, since=shop.snapshot.as_of.to_pydatetime()), mark)
