"""The app: every route, the door before them, and how failures are told."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from channels.access import Keys, People, Visits
from channels.api import assistant, campaigns, chat, shop
from channels.api.measures import Measures
from channels.api.security import Door, state_of
from channels.api.state import State
from channels.mail.links import secret_of
from data.errors import ShopkeeperError

if TYPE_CHECKING:
    from fastapi import APIRouter

    from channels.serving import Serving


_ABOUT = """Every figure in an answer comes with its source.

Programs send an API key (`shopkeeper key new NAME --scope SCOPE`), the shop's page sends the token of a visit, both as
`Authorization: Bearer …`."""


def create_app(serving: Serving, *, origins: Sequence[str] = (), routers: Sequence[APIRouter] = ()) -> FastAPI:
    """The app over `serving`.

    `origins` are the addresses of the shop's pages that may call the assistant from a browser; `routers` are further
    routes, such as the mail's.
    """
    operations = serving.operations
    state = State(
        serving,
        keys=Keys(operations),
        people=People(operations),
        visits=Visits(secret_of(serving.store.root)),
        measures=Measures(),
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        serving.start()
        yield
        serving.close()

    app = FastAPI(title="Shopkeeper", version="1", description=_ABOUT, lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.shopkeeper = state
    for routes in (shop.routes, chat.routes, campaigns.routes, assistant.routes, *routers):
        app.include_router(routes)
    _health(app)
    _failures(app)
    app.add_middleware(_Timed, measures=state.measures)
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(origins),
            allow_methods=["GET", "POST"],
            allow_headers=["authorization", "content-type"],
        )
    app.add_middleware(Door)
    return app


def _health(app: FastAPI) -> None:
    @app.get("/healthz", tags=["health"], summary="Whether the process lives")
    def alive() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/readyz", tags=["health"], summary="Whether it can answer, and over which data")
    def ready(request: Request) -> dict[str, str]:
        snapshot = state_of(request).serving.now.shop.snapshot
        return {"status": "ready", "snapshot": snapshot.id, "as_of": snapshot.as_of.isoformat()}

    @app.get("/metrics", tags=["health"], summary="Counters for Prometheus", response_class=Response)
    def metrics(request: Request) -> Response:
        state = state_of(request)
        return Response(state.measures.read(state.serving), media_type="text/plain; version=0.0.4")


def _failures(app: FastAPI) -> None:
    @app.exception_handler(ShopkeeperError)
    async def mendable(_: Request, error: ShopkeeperError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 422)


class _Timed:
    """ASGI middleware: how long each route took until its last byte, by status."""

    def __init__(self, app: ASGIApp, measures: Measures) -> None:
        self._app, self._measures = app, measures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), "500"

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            self._measures.requests.labels(route, status).observe(time.perf_counter() - started)
