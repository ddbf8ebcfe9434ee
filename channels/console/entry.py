"""The console's plain routes: signing in and out, preferences, its style and icon, and the pages that it frames."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.datastructures import UploadFile

from campaign import records
from channels import plan_page
from channels.api.campaigns import PLAN_CSP
from channels.commands_ingest import Format
from channels.console import signing
from channels.console.columns import Waiting, received
from channels.console.door import same_origin
from channels.console.letters import letters
from channels.console.plain import HOME, known, posted, set_cookie, within
from channels.console.sessions import (
    LANGUAGE_COOKIE,
    THEME_COOKIE,
    THEMES,
)
from channels.console.words import LANGUAGES

if TYPE_CHECKING:
    from channels.console.desk import Desk

DATA = "/console/data"
FORMATS = tuple(one.value for one in Format)
OTHER = "other"
"""A form that nobody knows yet: a person names its columns."""
TOUR_COOKIE = "shopkeeper_tour"
_HERE = Path(__file__).parent
_ASSETS = {"style.css": "text/css", "favicon.svg": "image/svg+xml", "keys.js": "text/javascript"}
_YEAR = 365 * 24 * 3600
FRAME_CSP = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"


def router(desk: Desk) -> APIRouter:
    """The routes over `desk`, to be included before the console is mounted."""
    routes = APIRouter(prefix="/console", include_in_schema=False)
    signing.add(routes, desk)
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
        posted(desk, request, form_token)
        answer = RedirectResponse(within(back), 303)
        chosen = {LANGUAGE_COOKIE: (language, LANGUAGES), THEME_COOKIE: (theme, THEMES), TOUR_COOKIE: (tour, ("done",))}
        for name, (value, allowed) in chosen.items():
            if value in allowed:
                set_cookie(answer, request, name, value, seconds=_YEAR)
        return answer

    return routes


def _frames(routes: APIRouter, desk: Desk) -> None:
    @routes.get("/frames/plan/{campaign_id}")
    def plan(request: Request, campaign_id: str) -> Response:
        known(desk, request)
        kept = records.find(desk.state.serving.operations, campaign_id)
        page = plan_page.html(kept.plan, plan_page.Standing(kept.status, kept.approver, None))
        return HTMLResponse(page, headers={"content-security-policy": PLAN_CSP})

    @routes.get("/frames/letter/{campaign_id}/{number}")
    async def letter(request: Request, campaign_id: str, number: int) -> Response:
        known(desk, request)
        found = await asyncio.to_thread(letters, desk.state.serving, campaign_id)
        if not 1 <= number <= len(found):
            raise HTTPException(404, "no such letter")
        return HTMLResponse(found[number - 1][1].html, headers={"content-security-policy": FRAME_CSP})

    @routes.get("/frames/quality")
    def quality(request: Request) -> Response:
        who = known(desk, request)
        path = desk.state.serving.store.quality_path
        if not path.exists():
            return HTMLResponse(who.say("data.no_report"), headers={"content-security-policy": FRAME_CSP})
        return HTMLResponse(path.read_text(encoding="utf-8"), headers={"content-security-policy": FRAME_CSP})


def _feeding(routes: APIRouter, desk: Desk) -> None:
    @routes.post("/upload")
    async def upload(request: Request) -> Response:
        who = known(desk, request)  # before the file is read
        if not same_origin(dict(request.headers)):
            raise HTTPException(403, "this form comes from another site")
        async with request.form(max_files=2, max_fields=10) as form:
            posted(desk, request, str(form.get("form_token", "")))
            if not who.may("feed"):
                raise HTTPException(403, who.say("data.only_looking"))
            kind, file, mapping = str(form.get("format", "")), form.get("file"), form.get("map")
            if form.get("only") == "train":
                kind, file, mapping = "", None, None
            elif kind not in (*FORMATS, OTHER) or not _is_file(file):
                return RedirectResponse(f"{DATA}?fault=no_file", 303)
            files = (file,) if kind == OTHER else (file, mapping)
            kept = [await asyncio.to_thread(_kept, desk, one) for one in files if _is_file(one)]
        if kind == OTHER:
            return RedirectResponse(f"{DATA}/columns/{kept[0].parent.name}", 303)
        arguments = [str(kept[0]), kind, str(form.get("consent", ""))[:500], *map(str, kept[1:])] if kind else []
        return _begun(desk, arguments, [path.parent for path in kept])

    @routes.post("/columns")
    async def columns(request: Request) -> Response:
        async with request.form(max_fields=500) as form:
            given = {name: value for name, value in form.items() if isinstance(value, str)}
        who = posted(desk, request, given.get("form_token", ""))
        if not who.may("feed"):
            raise HTTPException(403, who.say("data.only_looking"))
        waiting = Waiting(desk.state.serving.store.root, given.get("file", ""))
        mapped = await asyncio.to_thread(waiting.take, given)
        if mapped is None:
            return RedirectResponse(f"{DATA}/columns/{waiting.token}", 303)
        arguments = [str(waiting.path), "events", given.get("consent", "")[:500], str(mapped)]
        return _begun(desk, arguments, [waiting.folder])


def _begun(desk: Desk, arguments: list[str], folders: list[Path]) -> Response:
    """Back to the data page, where the job that was begun is shown, or that another one is still at work."""
    if desk.jobs.start(arguments, clear=folders):
        return RedirectResponse(DATA, 303)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    return RedirectResponse(f"{DATA}?fault=job_busy", 303)


def _is_file(found: object) -> bool:
    return isinstance(found, UploadFile) and bool(found.filename)


def _kept(desk: Desk, file: Any) -> Path:
    return received(desk.state.serving.store.root, str(file.filename), file.file)
