"""`shopkeeper serve`: everything on one port."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Annotated

import typer

from channels.options import DebugOption, StoreOption, oidc_provider, store_at
from data.errors import SettingError

if TYPE_CHECKING:
    from fastapi import APIRouter

    from channels.serving import Serving

MOST_SOCKETS = 256


def serve(
    *,
    host: Annotated[str, typer.Option("--host", help="The address to listen on; 0.0.0.0 for every one.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="The port to listen on.")] = 8000,
    origin: Annotated[
        list[str] | None,
        typer.Option(
            "--origin", metavar="URL", help="A shop page that may call the assistant; may be given several times."
        ),
    ] = None,
    store: StoreOption = None,
    _debug: DebugOption = False,
) -> None:
    """Serves the console, the API, the assistant's routes and the mail's pages until Ctrl-C.

    A store that is trained anew meanwhile is taken over as soon as it is whole; who is talking keeps the old one
    until the answer is finished.

    Examples:

    - `shopkeeper serve`
    - `shopkeeper serve --host 0.0.0.0 --port 80 --origin https://shop.example.com`
    """
    import uvicorn

    from channels.api.app import create_app
    from channels.assistant import routers
    from channels.assistant.build import HOW, place
    from channels.console.mount import mount
    from channels.serving import Serving
    from channels.terminal import Screen

    for one in origin or []:
        if not one.startswith(("https://", "http://")) or one.count("/") > 2:
            raise SettingError(f"{one} is no origin: write it as https://shop.example.com, without a path")
    screen = Screen()
    screen.note("Opening the shop ...")
    serving = Serving(store_at(store).root)
    app = create_app(serving, origins=origin or (), routers=[*_mail(serving), *routers()])
    mount(app, provider=oidc_provider(serving.store.root))
    screen.say(f"Shopkeeper serves {serving.now.shop.snapshot.name} at http://{host}:{port} (its API: /openapi.json)")
    screen.say(f"The marketer's console: http://{host}:{port}/console/")
    if serving.now.shop.snapshot.meta.get("generated"):
        screen.say(f"The demo shop with its shopping assistant: http://{host}:{port}/shop/")
    if not (place() / "widget.js").exists():
        screen.note(HOW[0].upper() + HOW[1:])
    screen.note("Make a key for a program: shopkeeper key new NAME --scope chat. Ctrl-C ends it.")
    logging.basicConfig(level=logging.WARNING)
    uvicorn.run(app, host=host, port=port, log_level="warning", limit_concurrency=MOST_SOCKETS, timeout_keep_alive=10)


def _mail(serving: Serving) -> list[APIRouter]:
    """The pages of unsubscribe links, beneath the path to which the store's letters lead."""
    from urllib.parse import urlsplit

    from fastapi import APIRouter

    from channels.mail import settings
    from channels.mail.links import Links, secret_of
    from channels.mail.unsubscribe import router

    root = serving.store.root
    found = settings.read(root)
    if found is None:
        return []
    pages = APIRouter(prefix=urlsplit(found.public_url).path.rstrip("/"), include_in_schema=False)
    pages.include_router(router(serving.operations, Links(found.public_url, secret_of(root)), found))
    return [pages]
