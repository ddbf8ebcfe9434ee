"""What the console's plain routes share: who sent a form, cookies, and where a visitor may be led."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from fastapi import HTTPException, Request
from fastapi.responses import Response

from channels.console.door import same_origin

if TYPE_CHECKING:
    from channels.console.desk import Desk
    from channels.console.sessions import Visitor

HOME = "/console/"


def set_cookie(
    answer: Response, request: Request, name: str, value: str, *, seconds: int, strict: bool = False
) -> None:
    """Sets a cookie that only this console's own requests carry, and no script reads."""
    answer.set_cookie(
        name,
        value,
        max_age=seconds,
        path="/console",
        httponly=True,
        samesite="strict" if strict else "lax",
        secure=request.url.scheme == "https",
    )


def known(desk: Desk, request: Request) -> Visitor:
    """Who asks; a 401 for someone who is not signed in."""
    who = desk.visitor(request)
    if who is None:
        raise HTTPException(401, "sign in first")
    return who


def posted(desk: Desk, request: Request, form_token: str) -> Visitor:
    """Who sent a form of this console; a 403 for one that another site sent."""
    who = known(desk, request)
    if not same_origin(dict(request.headers)) or not desk.sessions.is_form_of(who.token, form_token):
        raise HTTPException(403, "this form is stale: open the page again")
    return who


def within(path: str) -> str:
    """`path` when it leads into the console, else its first page."""
    parts = urlsplit(path)
    fine = not parts.scheme and not parts.netloc and parts.path.startswith("/console/") and "\\" not in path
    return parts.path if fine else HOME
