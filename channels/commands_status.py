"""`shopkeeper status`: what the store holds, which models were trained on it, and whether they still fit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from channels.options import DebugOption, StoreOption, at_store, store_at


def status(
    *,
    cards: Annotated[
        Path | None, typer.Option("--cards", metavar="FOLDER", help="Write a card of each model here, as Markdown.")
    ] = None,
    store: StoreOption = None,
    _debug: DebugOption = False,
) -> None:
    """Says what data and models the store holds, what each model is worth, and what to know before leaning on them.

    A model that is older than the data, or that learnt from customers who behaved otherwise, is named.

    Examples:

    - `shopkeeper status`
    - `shopkeeper status --store var/demo --cards cards`
    """
    from channels.commands_chat import warn
    from channels.terminal import Screen
    from channels.worth import worth
    from data.errors import ModelError
    from models.cards import write
    from models.registry import MODELS, ModelSet

    screen, place = Screen(), store_at(store)
    snapshot = place.snapshot()
    screen.say(f"{snapshot.name} · snapshot {snapshot.id} · data up to {snapshot.as_of:%d %b %Y}", style="bold")
    models = ModelSet(place.models_path.parent / snapshot.id)
    try:
        screen.say("Models: " + ", ".join(f"{name} {models[name].version}" for name in MODELS))
        screen.columns([line.cells for line in worth(models)])
        if cards is not None:
            screen.say("Cards: " + ", ".join(str(path) for path in write(models, snapshot, cards)))
    except ModelError as error:
        screen.say(f"Models: {error}")
    warn(screen, place)
    screen.say(f"Next: shopkeeper chat{at_store(place)}")
