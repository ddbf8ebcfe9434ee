"""Puts the console into the app: its plain routes, then NiceGUI with the pages, behind the console's door."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import BaseLoader, Environment
from starlette.responses import RedirectResponse, Response

from channels.console.desk import Desk
from channels.console.door import NONCE, ConsoleDoor
from channels.console.entry import router
from channels.console.jobs import Jobs
from channels.console.sessions import Sessions
from channels.console.turns import Talks

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi import FastAPI

    from channels.console.oidc import Provider

PATH = "/console"
_FAVICON = Path(__file__).parent / "favicon.svg"


def mount(app: FastAPI, *, provider: Provider | None = None) -> None:
    """Adds the console under /console; people may also sign in through `provider`.

    NiceGUI keeps its pages in the process, so one process has one console.
    """
    import nicegui
    from nicegui import client, ui

    from channels.console import campaign_page, campaigns_page, chat_page, columns_page, data_page, people_page

    state = app.state.shopkeeper
    root = state.serving.store.root
    desk = Desk(state, Sessions(state.people), Talks(state.serving.operations), Jobs(root), provider)
    app.include_router(router(desk))
    for page in (chat_page, campaigns_page, campaign_page, data_page, columns_page, people_page):
        page.register(desk)
    environment = client.templates.env
    environment.loader = _Nonced(environment.loader)  # before the first page is rendered
    nicegui.app.add_middleware(ConsoleDoor)
    nicegui.app.config.quasar_config["loadingBar"]["skipHijack"] = True  # a bar without a name says nothing to a reader
    ui.run_with(
        app,
        root=_lost,
        mount_path=PATH,
        title="Shopkeeper",
        favicon=_FAVICON,
        dark=False,  # the style sheet knows both themes
        tailwind=False,
        language="en-GB",
        show_welcome_message=False,
    )


def _lost() -> Response:
    """A path that leads nowhere leads home."""
    return RedirectResponse(f"{PATH}/")


class _Nonced(BaseLoader):
    """NiceGUI's page template with the request's nonce on each of its own scripts.

    The template's source is changed, not the page that was made of it: a script that came from anywhere else gets none.
    """

    def __init__(self, inner: BaseLoader | None) -> None:
        self._inner = inner

    def get_source(self, environment: Environment, template: str) -> tuple[str, str | None, Callable[[], bool] | None]:
        """The source of `template`, with nonces."""
        assert self._inner is not None
        source, path, fresh = self._inner.get_source(environment, template)
        return source.replace("<script", f'<script nonce="{{{{ request.scope["{NONCE}"] }}}}"'), path, fresh
