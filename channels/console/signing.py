"""Signing in and out: by a password of this store, or through the house's OpenID Connect provider."""

from __future__ import annotations

import logging
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from channels.console.door import REFERRER, same_origin
from channels.console.oidc import NoRoleError, SignInError
from channels.console.plain import HOME, posted, set_cookie, within
from channels.console.sessions import COOKIE, HOURS, language_of, theme_of
from channels.console.words import TAGS, words

if TYPE_CHECKING:
    from channels.console.desk import Desk
    from channels.console.oidc import Provider

_FORM_COOKIE, _STATE_COOKIE = "shopkeeper_form", "shopkeeper_oidc"
_HERE = Path(__file__).parent
_PAGE_CSP = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_log = logging.getLogger("shopkeeper.sign_in")


def add(routes: APIRouter, desk: Desk) -> None:
    """Adds the routes to sign in and out, and through the provider where there is one."""

    @routes.get("/sign-in")
    def ask(request: Request, next: str = HOME) -> Response:
        if desk.visitor(request) is not None:
            return RedirectResponse(within(next), 303)
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
        person = desk.state.people.signed_in(name, password) if _passwords(desk) else None
        if person is None:
            return _sign_in_page(desk, request, next, fault=say("sign_in.wrong"), status=401, name=name)
        answer = RedirectResponse(within(next), 303)
        set_cookie(answer, request, COOKIE, desk.sessions.begin(person), seconds=HOURS * 3600)
        answer.delete_cookie(_FORM_COOKIE, path="/console")
        return answer

    @routes.post("/sign-out")
    def sign_out(request: Request, form_token: Annotated[str, Form(max_length=200)]) -> Response:
        who = posted(desk, request, form_token)
        desk.sessions.end(who.token)
        answer = RedirectResponse("/console/sign-in", 303)
        answer.delete_cookie(COOKIE, path="/console")
        return answer

    if desk.provider is not None:
        _through(routes, desk, desk.provider)


def _through(routes: APIRouter, desk: Desk, provider: Provider) -> None:
    """The way to the OpenID Connect provider and back."""

    def failed(request: Request, next: str, key: str, error: SignInError) -> Response:
        _log.warning("nobody was signed in: %s", error)
        say = words(language_of(request.cookies, request.headers.get("accept-language", "")))
        return _sign_in_page(desk, request, next, fault=say(key), status=403)

    @routes.get("/oidc/start")
    async def start(request: Request, next: str = HOME) -> Response:
        try:
            desk.state.pace.spend("sign_in", request.client.host if request.client else "unknown")
            address, state = await provider.begin(within(next))
        except SignInError as error:
            return failed(request, next, "sign_in.provider_failed", error)
        answer = RedirectResponse(address, 303, headers={"referrer-policy": "no-referrer"})
        set_cookie(answer, request, _STATE_COOKIE, state, seconds=600)
        return answer

    @routes.get("/oidc/callback")
    async def callback(request: Request, code: str = "", state: str = "") -> Response:
        try:
            brought = request.cookies.get(_STATE_COOKIE, "")
            person, next = await provider.finish(code=code, state=state, brought=brought)
        except NoRoleError as error:
            return failed(request, HOME, "sign_in.no_role", error)
        except SignInError as error:
            return failed(request, HOME, "sign_in.provider_failed", error)
        answer = RedirectResponse(next, 303)
        set_cookie(answer, request, COOKIE, desk.sessions.begin(person, recorded=False), seconds=HOURS * 3600)
        answer.delete_cookie(_STATE_COOKIE, path="/console")
        return answer


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
        nobody=desk.provider is None and not desk.state.people.every(),
        passwords=_passwords(desk),
        provider=None if desk.provider is None else desk.provider.settings.label,
        fault=fault,
        name=name,
        token=token,
        next=within(next),
    )
    headers = {"content-security-policy": _PAGE_CSP, "cache-control": "no-store", "referrer-policy": REFERRER}
    answer = HTMLResponse(page, status, headers=headers)
    set_cookie(answer, request, _FORM_COOKIE, token, seconds=3600, strict=True)
    return answer


def _passwords(desk: Desk) -> bool:
    return desk.provider is None or desk.provider.settings.passwords
