"""Leaving with one press: signed links, and the pages behind them. A look changes nothing; only a POST does."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, FastAPI, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy import update

from campaign.plan import Plan
from channels.mail.letter import words
from data.operations import Campaign, Consent, OutboxMessage

if TYPE_CHECKING:
    from channels.mail.links import Links
    from channels.mail.settings import Settings
    from data.operations import Operations

_STYLE = (
    "body{margin:0;background:#f3f1ec;color:#26322d;font:17px/1.55 system-ui,sans-serif}"
    "main{max-width:32rem;margin:12vh auto 0;padding:2rem 1.5rem}"
    "h1{font:400 1.9rem/1.25 Georgia,serif;margin:0 0 1rem}p{margin:0 0 1rem}"
    "button,.button{font:inherit;font-weight:600;color:#fff;background:#1f5c46;border:0;border-radius:24px;"
    "padding:.8rem 1.8rem;cursor:pointer;text-decoration:none;display:inline-block}"
    "button:focus-visible,a:focus-visible{outline:3px solid #7fb69f;outline-offset:3px}"
    "@media(prefers-color-scheme:dark){body{background:#14181a;color:#eef0ec}button,.button{background:#8cc4ac;"
    "color:#101413}}"
)


def withdraw(operations: Operations, customer_id: str, channel: str, *, source: str, at: datetime) -> None:
    """Records that the customer wants nothing more by `channel`, and takes back what is queued for them."""
    with operations.session() as session:
        session.merge(Consent(customer_id=customer_id, channel=channel, granted=False, source=source, at=at))
        session.execute(
            update(OutboxMessage)
            .where(
                OutboxMessage.customer_id == customer_id,
                OutboxMessage.channel == channel,
                OutboxMessage.status == "queued",
            )
            .values(status="suppressed", error=f"consent was withdrawn: {source}")
        )


def router(operations: Operations, links: Links, settings: Settings) -> APIRouter:
    """The routes `/u/{token}` and `/why/{token}`.

    The token is the authority, so a POST needs no session and no form token: RFC 8058's one-click request and the
    button of the page are the same request. Its body is not read.
    """
    routes = APIRouter()

    @routes.get("/u/{token}")
    def ask(token: str) -> Response:
        known = links.read(token)
        return _page("bad", settings, "en") if known is None else _page("ask", settings, _language(operations, known))

    @routes.post("/u/{token}")
    def leave(token: str) -> Response:
        known = links.read(token)
        if known is None:
            return _page("bad", settings, "en")
        now = datetime.now(UTC).replace(tzinfo=None)
        withdraw(operations, known[1], known[2], source="unsubscribe link", at=now)
        return _page("done", settings, _language(operations, known))

    @routes.get("/why/{token}")
    def why(token: str) -> Response:
        known = links.read(token)
        told = None if known is None else _story(operations, known)
        if told is None:
            return _page("bad", settings, "en")
        return _page("why", settings, _language(operations, known), link=f"../u/{token}", **told)

    return routes


def create_app(operations: Operations, links: Links, settings: Settings) -> FastAPI:
    """The pages as an app of their own, to be mounted where `public_url` leads."""
    app = FastAPI(title="Unsubscribe", docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(router(operations, links, settings))
    return app


def _language(operations: Operations, known: tuple[str, str, str] | None) -> str:
    if known is None:
        return "en"
    with operations.session() as session:
        row = session.get(OutboxMessage, (*known, 1))
        spoken = json.loads(row.payload_json).get("language", "en") if row is not None else "en"
    return "zh" if spoken == "zh" else "en"


def _story(operations: Operations, known: tuple[str, str, str]) -> dict[str, Any] | None:
    with operations.session() as session:
        row = session.get(Campaign, known[0])
        if row is None:
            return None
        plan = Plan.from_json(row.plan_json)
    return {"name": plan.name, "audience": plan.audience.meaning, "day": datetime.fromisoformat(plan.as_of)}


def _page(kind: str, settings: Settings, language: str, **told: Any) -> Response:
    say = words()[language]["page"]
    if "day" in told:
        told["day"] = told["day"].strftime(say["when"])
    values = {"shop": settings.name, **told}
    said = {key: text.format_map(_Known(values)) for key, text in say.items()}
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, undefined=StrictUndefined
    )
    text = environment.get_template("page.html.j2").render(
        kind=kind, say=said, language=language, style=_STYLE, link=told.get("link")
    )
    return Response(text, 404 if kind == "bad" else 200, headers=_headers(), media_type="text/html; charset=utf-8")


class _Known(dict[str, Any]):
    """Leaves a placeholder of another page as it is."""

    def __missing__(self, key: str) -> str:
        return ""


def _headers() -> dict[str, str]:
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    return {
        "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "X-Robots-Tag": "noindex, nofollow",
        "Cache-Control": "no-store",
    }
