"""`shopkeeper demo`: a shop, its models and an agent that answers, in one go."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer

from channels.options import DebugOption, StoreOption, at_store

if TYPE_CHECKING:
    from channels.terminal import Screen
    from data.store import Snapshot, Store

DEFAULT_STORE = Path("var/demo")
CUSTOMER = "10233"
QUESTION = f"Which three things should we show customer {CUSTOMER}, and why?"
BRIEF = "Win back 500 lapsed customers with 400 to spend, email and sms, warm tone"


def demo(
    *,
    fresh: Annotated[bool, typer.Option("--fresh", help="Make the shop and its models anew.")] = False,
    store: StoreOption = None,
    _debug: DebugOption = False,
) -> None:
    """Builds the demo shop, trains its models, recommends with reasons and makes a campaign plan.

    What a former run has built is used again, so the second time takes seconds.

    Examples:

    - `shopkeeper demo`
    - `shopkeeper demo --fresh`
    """
    from channels.commands_chat import converse, open_agent
    from channels.commands_plan import make
    from channels.terminal import Screen
    from data.store import Store

    screen, place = Screen(), Store(store or DEFAULT_STORE)
    _shop(screen, place, fresh=fresh)
    _models(screen, place, fresh=fresh)
    agent = open_agent(place.root)
    try:
        agent.decide("hello")  # loads the language model, which would count as thinking
        pace = agent.decide(QUESTION).seconds
        screen.say(f"Agent: SmolLM2-135M + shopkeeper adapter, {pace:.1f} s a decision on this machine")
        screen.say()
        converse(screen, agent, QUESTION, thread=uuid4().hex)
    finally:
        agent.close()
    planner = open_agent(place.root, task="plan")
    try:
        make(screen, planner, place, BRIEF)
    finally:
        planner.close()
    screen.say()
    screen.say(f"Your turn: shopkeeper chat{at_store(place)}")


def _shop(screen: Screen, store: Store, *, fresh: bool) -> None:
    """The demo shop in `store`, made unless it is there. Raises `SettingError` for a store that holds a real shop."""
    from data import demo_shop
    from data.errors import SettingError

    started = time.perf_counter()
    if store.has_snapshot:
        snapshot = store.snapshot()
        if not snapshot.meta.get("generated"):
            raise SettingError(
                f"the store {store.root} holds the shop {snapshot.name}, which the demo must not replace: "
                "leave --store out, or name another folder"
            )
    if fresh or not store.has_snapshot:
        shop = demo_shop.generate()
        with store.writing():
            snapshot = store.write(
                shop.tables, name=shop.name, currency=shop.currency, source="the demo shop, seed 7", truth=shop.truth
            )
    screen.say(f"Demo shop: {_size(snapshot)}", seconds=time.perf_counter() - started)


def _models(screen: Screen, store: Store, *, fresh: bool) -> None:
    """Trained models and a product index, made unless they are there and of this version."""
    from channels.commands_train import fit
    from data.errors import ModelError
    from index.embed import Embedder
    from index.search import ProductIndex
    from models.registry import MODELS, ModelSet

    started = time.perf_counter()
    try:
        if fresh:
            raise ModelError("asked for")
        models = ModelSet(store.models_path)
        for name in MODELS:
            models[name]
        ProductIndex.load(store.index_path, Embedder())
    except ModelError:
        fit(screen, store)
    else:
        screen.say("Training: done before; --fresh does it again", seconds=time.perf_counter() - started)


def _size(snapshot: Snapshot) -> str:
    rows: dict[str, int] = snapshot.meta["rows"]
    events = snapshot.frame("events")["at"]
    months = round((events.max() - events.min()).days / 30.4)
    return (
        f"{rows['customers']:,} customers · {rows['products']:,} products · {months} months · "
        f"{rows['events'] / 1e6:.1f} M events"
    )
