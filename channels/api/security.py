"""At the door of the API: keys and scopes, how much one may ask, how large a request may be, and strict headers."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from fastapi import HTTPException, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from channels.access import Key, Visit

if TYPE_CHECKING:
    from channels.api.state import State

LARGEST_BODY = 256 * 1024
"""Bytes of a request; five hundred events fit."""

LARGER = {"/console/upload": 100 * 1024 * 1024}
"""Bytes of a request to what takes whole files."""

HEADERS = {
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
}
_bearer = HTTPBearer(auto_error=False, description="An API key (`shopkeeper key new`), or a visit's token.")


def state_of(request: Request) -> State:
    """What the app serves."""
    state: State = request.app.state.shopkeeper
    return state


def needs(scope: str) -> Callable[..., Awaitable[Key]]:
    """A dependency: the request's key, which must have `scope`."""

    async def check(request: Request, given: HTTPAuthorizationCredentials | None = Security(_bearer)) -> Key:
        state = state_of(request)
        key = None if given is None else state.keys.of(given.credentials)
        if key is None:
            state.pace.spend("unknown", _address(request))
            raise HTTPException(
                401,
                "this needs an API key: make one with `shopkeeper key new NAME --scope SCOPE` and send it as "
                "Authorization: Bearer KEY",
                headers={"www-authenticate": "Bearer"},
            )
        if scope not in key.scopes:
            raise HTTPException(403, f"the key {key.key_id} lacks the scope {scope}: make one that has it")
        state.pace.spend(scope, key.key_id)
        return key

    return check


async def visiting(request: Request, given: HTTPAuthorizationCredentials | None = Security(_bearer)) -> Visit:
    """A dependency: the shopper's visit, whose token the shop signed."""
    state = state_of(request)
    visit = None if given is None else state.visits.read(given.credentials)
    if visit is None:
        state.pace.spend("unknown", _address(request))
        raise HTTPException(
            401,
            "this visit is unknown or over: begin a new one (POST /assistant/visit)",
            headers={"www-authenticate": "Bearer"},
        )
    state.pace.spend("visit", visit.session_id)
    return visit


class Pace:
    """How much each key, visit or address may ask (a moving window a minute)."""

    def __init__(self, per_minute: dict[str, int]) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._limits = {kind: parse(f"{most}/minute") for kind, most in per_minute.items()}

    def spend(self, kind: str, who: str) -> None:
        """Counts one request; a 429 with a time to wait when there were too many."""
        limit = self._limits.get(kind)
        if limit is not None and not self._limiter.hit(limit, kind, who):
            raise HTTPException(
                429,
                f"too many requests: {limit.amount} a minute are possible, so wait a little and try again",
                headers={"retry-after": "10"},
            )


class Door:
    """ASGI middleware: refuses bodies that are too large, as announced and as sent, and sets strict headers.

    Pages bring a content security policy of their own, which stays.
    """

    def __init__(self, app: ASGIApp, *, largest: int = LARGEST_BODY) -> None:
        self._app, self._largest = app, largest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced, largest = (
            dict(scope["headers"]).get(b"content-length", b"0"),
            LARGER.get(scope["path"], self._largest),
        )
        if not announced.isdigit() or int(announced) > largest:
            await self._refuse(send, largest)
            return
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > largest:
                raise HTTPException(413, _too_large(largest))
            return message

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                there = {name.lower() for name, _ in message["headers"]}
                extra = [(k.encode(), v.encode()) for k, v in HEADERS.items() if k.encode() not in there]
                message = {**message, "headers": [*message["headers"], *extra]}
            await send(message)

        await self._app(scope, counted, guarded)

    async def _refuse(self, send: Callable[[dict[str, Any]], Awaitable[None]], largest: int) -> None:
        text = json.dumps({"detail": _too_large(largest)}).encode()
        headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 413, "headers": headers})
        await send({"type": "http.response.body", "body": text})


def _too_large(largest: int) -> str:
    return f"a request may have {largest // 1024} KB at most: send it in parts"


def _address(request: Request) -> str:
    return request.client.host if request.client else "unknown"
