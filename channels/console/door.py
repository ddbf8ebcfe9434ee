"""At the console's door: no foreign page may speak on its websocket, and strict headers on every answer.

The policy is the narrowest that NiceGUI works with. Scripts come from this server alone and inline ones need the
page's nonce, so that text which became markup by some fault still could not run. `unsafe-eval` stays: NiceGUI makes
functions of event handlers and templates in the browser. Styles are inline in its pages, so `style-src` allows that.
"""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

NONCE = "console_nonce"
"""Where a request's scope holds the nonce of its inline scripts."""

REFERRER = "same-origin"
"""A form of a page that sends no referrer at all has the origin "null", which says nothing."""


def policy(nonce: str) -> str:
    """The console's content security policy."""
    return (
        f"default-src 'none'; script-src 'self' 'nonce-{nonce}' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; font-src 'self'; connect-src 'self'; frame-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )


def same_origin(headers: dict[str, str]) -> bool:
    """Whether a request comes from a page of this server, by its Origin; one without comes from no other page."""
    origin = headers.get("origin")
    if origin is None:
        return headers.get("sec-fetch-site", "same-origin") in {"same-origin", "none"}
    return urlsplit(origin).netloc == headers.get("host", "")


class ConsoleDoor:
    """ASGI middleware inside the console: refuses foreign origins, sets the policy, keeps pages out of caches."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request or socket."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        writes = (
            scope["type"] == "websocket" or scope["method"] not in {"GET", "HEAD"} or "_nicegui_ws" in scope["path"]
        )
        if writes and not same_origin(headers):
            await _refuse(scope, send)
            return
        nonce = secrets.token_urlsafe(16)
        scope[NONCE] = nonce

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = list(message["headers"])
                there = {name.lower(): value for name, value in kept}
                kept.append((b"content-security-policy", policy(nonce).encode()))
                kept.append((b"referrer-policy", REFERRER.encode()))
                if there.get(b"content-type", b"").startswith(b"text/html") and b"cache-control" not in there:
                    kept.append((b"cache-control", b"no-store"))
                message = {**message, "headers": kept}
            await send(message)

        await self._app(scope, receive, guarded)


async def _refuse(scope: Scope, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    start: dict[str, Any] = {
        "type": "http.response.start",
        "status": 403,
        "headers": [(b"content-type", b"text/plain")],
    }
    await send(start)
    await send({"type": "http.response.body", "body": b"this request comes from another site"})
