"""`shopkeeper train`: fits every model on the store and says what each is worth."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from channels.options import DebugOption, StoreOption, at_store, store_at

if TYPE_CHECKING:
    from channels.terminal import Screen
    from data.store import Store


def train(*, store: StoreOption = None, _debug: DebugOption = False) -> None:
    """Fits every model on the store's snapshot, builds the product index, and shows what each model is worth.

    The worth is measured on a time split: on days that the model had not seen.

    Examples:

    - `shopkeeper train`
    - `shopkeeper train --store var/demo`
    """
    from channels.terminal import Screen

    screen, place = Screen(), store_at(store)
    snapshot = place.snapshot()
    screen.say(f"{snapshot.name} · snapshot {snapshot.id} · as of {snapshot.as_of:%d %b %Y}")
    fit(screen, place)
    screen.say(f'Next: shopkeeper chat{at_store(place)} --say "Which products sell best?"')


def fit(screen: Screen, store: Store) -> None:
    """Trains the models and builds the index of `store`, with progress; then prints their worth."""
    from channels.worth import worth
    from index.build import build
    from models import registry

    snapshot = store.snapshot()
    started = time.perf_counter()
    with screen.progress() as show:
        models = registry.train(store, progress=show)
        build(snapshot, store.index_path.parent / snapshot.id, progress=show)
    parts = " ▸ ".join([*registry.MODELS, "index"])
    screen.say(f"Training: {parts}", seconds=time.perf_counter() - started)
    screen.columns([line.cells for line in worth(models)])
