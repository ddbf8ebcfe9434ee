"""The console's plain routes: signing in and out, preferences, its style and icon, and the pages that it frames."""

from __future__ import annotations

import asyncio
import re
import secrets
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.datastructures import UploadFile

from campaign import records
from channels import plan_page
from channels.api.campaigns import PLAN_CSP
from channels.commands_ingest import Format
from channels.console.door import REFERRER, same_origin
from channels.console.letters import letters
from channels.console.sessions import (
    COOKIE,
    HOURS,
    LANGUAGE_COOKIE,
    THEME_COOKIE,
    THEMES,
    Visitor,
    language_of,
    theme_of,
)
from channels.console.words import LANGUAGES, TAGS, words

if TYPE_CHECKING:
    from channels.console.desk import Desk

HOME, DATA = "/console/", "/console/data"
FORMATS = tuple(one.value for one in Format)
TOUR_COOKIE = "shopkeeper_tour"
_FORM_COOKIE = "shopkeeper_form"
_HERE = Path(__file__).parent
_ASSETS = {"style.css": "text/css", "favicon.svg": "image/svg+xml", "keys.js": "text/javascript"}
_LONGEST_NAME = 80
_YEAR = 365 * 24 * 3600
_PAGE_CSP = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
FRAME_CSP = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"


def router(desk: Desk) -> APIRouter:
    """The routes over `desk`, to be included before the console is mounted."""
    routes = APIRouter(prefix="/console", include_in_schema=False)
    _signing(routes, desk)
    _frames(routes, desk)
    _feeding(routes, desk)

    @routes.get("/assets/{name}")
    def asset(name: str) -> Response:
        if name not in _ASSETS:
            raise HTTPException(404, "no such file")
        return FileResponse(_HERE / name, media_type=_ASSETS[name], headers={"cache-control": "no-cache"})

    @routes.post("/preferences")
    def prefer(
        request: Request,
        form_token: Annotated[str, Form(max_length=200)],
        language: Annotated[str, Form()] = "",
        theme: Annotated[str, Form()] = "",
        tour: Annotated[str, Form()] = "",
        back: Annotated[str, Form(max_length=500)] = HOME,
    ) -> Response:
        _posted(desk, request, form_token)
        answer = RedirectResponse(_within(back), 303)
        chosen = {LANGUAGE_COOKIE: (language, LANGUAGES), THEME_COOKIE: (theme, THEMES), TOUR_COOKIE: (tour, ("done",))}
        for name, (value, allowed) in chosen.items():
            if value in allowed:
                _set(answer, request, name, value, seconds=_YEAR)
        return answer

    return routes


def _signing(routes: APIRouter, desk: Desk) -> None:
    @routes.get("/sign-in")
    def ask(request: Request, next: str = HOME) -> Response:
        if desk.visitor(request) is not None:
            return RedirectResponse(_within(next), 303)
        return _sign_in_page(desk, request, next)

    @routes.post("/sign-in")
    def sign_in(
        request: Request,
        name: Annotated[str, Form(max_length=200)] = "",
        password: Annotated[str, Form(max_length=1000)] = "",
        form_token: Annotated[str, Form(max_length=200)] = "",
        next: Annotated[str, Form(max_length=500)] = HOME,
    ) -> Response:
        say = words(language_of(request.cookies, request.headers.get("accept-language", "")))
        expected = request.cookies.get(_FORM_COOKIE, "")
        if not same_origin(dict(request.headers)) or not expected or not secrets.compare_digest(expected, form_token):
            return _sign_in_page(desk, request, next, fault=say("sign_in.stale"), status=403)
        try:
            desk.state.pace.spend("sign_in", request.client.host if request.client else "unknown")
        except HTTPException:
            return _sign_in_page(desk, request, next, fault=say("sign_in.too_often"), status=429)
        person = desk.state.people.signed_in(name, password)
        if person is None:
            return _sign_in_page(desk, request, next, fault=say("sign_in.wrong"), status=401, name=name)
        answer = RedirectResponse(_within(next), 303)
        _set(answer, request, COOKIE, desk.sessions.begin(person), seconds=HOURS * 3600)
        answer.delete_cookie(_FORM_COOKIE, path="/console")
        return answer

    @routes.post("/sign-out")
    def sign_out(request: Request, form_token: Annotated[str, Form(max_length=200)]) -> Response:
        who = _posted(desk, request, form_token)
        desk.sessions.end(who.token)
        answer = RedirectResponse("/console/sign-in", 303)
        answer.delete_cookie(COOKIE, path="/console")
        return answer


def _frames(routes: APIRouter, desk: Desk) -> None:
    @routes.get("/frames/plan/{campaign_id}")
    def plan(request: Request, campaign_id: str) -> Response:
        _known(desk, request)
        kept = records.find(desk.state.serving.operations, campaign_id)
        page = plan_page.html(kept.plan, plan_page.Standing(kept.status, kept.approver, None))
        return HTMLResponse(page, headers={"content-security-policy": PLAN_CSP})

    @routes.get("/frames/letter/{campaign_id}/{number}")
    async def letter(request: Request, campaign_id: str, number: int) -> Response:
        _known(desk, request)
        found = await asyncio.to_thread(letters, desk.state.serving, campaign_id)
        if not 1 <= number <= len(found):
            raise HTTPException(404, "no such letter")
        return HTMLResponse(found[number - 1][1].html, headers={"content-security-policy": FRAME_CSP})

    @routes.get("/frames/quality")
    def quality(request: Request) -> Response:
        who = _known(desk, request)
        path = desk.state.serving.store.quality_path
        if not path.exists():
            return HTMLResponse(who.say("data.no_report"), headers={"content-security-policy": FRAME_CSP})
        return HTMLResponse(path.read_text(encoding="utf-8"), headers={"content-security-policy": FRAME_CSP})


def _feeding(routes: APIRouter, desk: Desk) -> None:
    @routes.post("/upload")
    async def upload(request: Request) -> Response:
        who = _known(desk, request)  # before the file is read
        if not same_origin(dict(request.headers)):
            raise HTTPException(403, "this form comes from another site")
        async with request.form(max_files=2, max_fields=10) as form:
            _posted(desk, request, str(form.get("form_token", "")))
            if not who.may("feed"):
                raise HTTPException(403, who.say("data.only_looking"))
            kind, file, mapping = str(form.get("format", "")), form.get("file"), form.get("map")
            if form.get("only") == "train":
                kind, file, mapping = "", None, None
            elif kind not in FORMATS or not _is_file(file):
                return RedirectResponse(f"{DATA}?fault=no_file", 303)
            kept = [await asyncio.to_thread(_kept, desk, one) for one in (file, mapping) if _is_file(one)]
        arguments = [str(kept[0]), kind, str(form.get("consent", ""))[:500], *map(str, kept[1:])] if kind else []
        if not desk.jobs.start(arguments, clear=[path.parent for path in kept]):
            for path in kept:
                shutil.rmtree(path.parent, ignore_errors=True)
            return RedirectResponse(f"{DATA}?fault=job_busy", 303)
        return RedirectResponse(DATA, 303)


def _is_file(found: object) -> bool:
    return isinstance(found, UploadFile) and bool(found.filename)


def _kept(desk: Desk, file: Any) -> Path:
    """An uploaded file in a folder of its own within the store; its name is made harmless."""
    name = re.sub(r"[^\w.-]", "_", Path(str(file.filename)).name)[-_LONGEST_NAME:].lstrip(".") or "file"
    path = desk.state.serving.store.root / "uploads" / secrets.token_hex(8) / name
    path.parent.mkdir(parents=True)
    with path.open("wb") as target:
        shutil.copyfileobj(file.file, target)
    return path


def _sign_in_page(
    desk: Desk, request: Request, next: str, *, fault: str = "", status: int = 200, name: str = ""
) -> Response:
    language = language_of(request.cookies, request.headers.get("accept-language", ""))
    token = request.cookies.get(_FORM_COOKIE) or secrets.token_urlsafe(24)
    environment = Environment(loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined)
    page = environment.get_template("sign_in.html.j2").render(
        say=words(language),
        lang=TAGS[language],
        theme=theme_of(request.cookies),
        shop=desk.state.serving.now.shop.snapshot.name,
        nobody=not desk.state.people.every(),
        fault=fault,
        name=name,
        token=token,
        next=_within(next),
    )
    headers = {"content-security-policy": _PAGE_CSP, "cache-control": "no-store", "referrer-policy": REFERRER}
    answer = HTMLResponse(page, status, headers=headers)
    _set(answer, request, _FORM_COOKIE, token, seconds=3600, strict=True)
    return answer


def _set(answer: Response, request: Request, name: str, value: str, *, seconds: int, strict: bool = False) -> None:
    answer.set_cookie(
        name,
        value,
        max_age=seconds,
        path="/console",
        httponly=True,
        samesite="strict" if strict else "lax",
        secure=request.url.scheme == "https",
    )


def _known(desk: Desk, request: Request) -> Visitor:
    who = desk.visitor(request)
    if who is None:
        raise HTTPException(401, "sign in first")
    return who


def _posted(desk: Desk, request: Request, form_token: str) -> Visitor:
    """Who sent a form of this console; a 403 for one that another site sent."""
    who = _known(desk, request)
    if not same_origin(dict(request.headers)) or not desk.sessions.is_form_of(who.token, form_token):
        raise HTTPException(403, "this form is stale: open the page again")
    return who


def _within(path: str) -> str:
    """`path` when it leads into the console, else its first page."""
    parts = urlsplit(path)
    fine = not parts.scheme and not parts.netloc and parts.path.startswith("/console/") and "\\" not in path
    return parts.path if fine else HOME
