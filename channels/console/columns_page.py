"""The page where the columns of an unknown file are named: a guess to start from, and its first rows beside it."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING

from fastapi import Request
from fastapi.responses import RedirectResponse, Response
from nicegui import ui

from channels.console.columns import Draft, Waiting
from channels.console.frame import framed
from channels.console.parts import button, el, link, notice, post
from data.adapters.base import UNKNOWN_CURRENCY
from data.adapters.mapping import MEANINGS, TIMES
from data.errors import ShopkeeperError
from data.schema import EVENT_KINDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from channels.console.desk import Desk
    from channels.console.sessions import Visitor
    from channels.console.words import Words

DATA = "/console/data"
_SHOWN_ROWS = 3
_SHOWN_LETTERS = 40
_EXAMPLE = datetime(2024, 12, 31, 23, 59)


def register(desk: Desk) -> None:
    """The page `/data/columns/{token}`."""

    @ui.page("/data/columns/{token}")
    async def columns(request: Request, token: str) -> Response | None:
        who = desk.visitor(request)
        if who is None:
            return RedirectResponse("/console/sign-in?next=/console/data")
        fault, draft = "", None
        try:
            waiting = Waiting(desk.state.serving.store.root, token)
            draft = await asyncio.to_thread(lambda: waiting.draft)
        except ShopkeeperError as error:
            fault = str(error)
        with framed(desk, who, "data", title=who.say("columns.title"), back=f"{DATA}/columns/{token}"):
            el("h1", who.say("columns.title"))
            if draft is None:
                notice(who.say("data.job_failed", why=fault), kind="bad")
                link(who.say("columns.back"), DATA, classes="button")
            elif not who.may("feed"):
                notice(who.say("data.only_looking"))
            else:
                _form(desk, who, waiting, draft)
        return None


def _form(desk: Desk, who: Visitor, waiting: Waiting, draft: Draft) -> None:
    say, choice = who.say, draft.choice
    el("p", say("columns.known" if draft.remembered else "columns.about", file=waiting.path.name), classes="soft")
    if draft.fault:
        notice(say(draft.fault) if draft.fault.startswith("columns.") else draft.fault, kind="bad")
    kind = choice.column("kind") or ""
    with post("/console/columns", desk.sessions.form_token(who.token), file=waiting.token, kind_of=kind):
        _columns(say, waiting, draft)
        if kind and choice.words:
            with el("fieldset", classes="panel"):
                el("legend", say("columns.words", column=kind))
                with el("div", classes="fields"):
                    for number, (word, meant) in enumerate(choice.words.items()):
                        options = [("", say("columns.leave_out")), *((k, say.of("kind", k)) for k in EVENT_KINDS)]
                        _select(f"word_{number}", word, options, meant or "")
        with el("section", classes="panel fields"):
            kinds = [("", say("columns.by_column")), *((k, say.of("kind", k)) for k in EVENT_KINDS)]
            _select("kind", say("columns.kind_all"), kinds, choice.kind)
            _select("time", say("columns.time"), [(one, _time(say, one)) for one in TIMES], choice.time)
            snapshot = desk.state.serving.now.shop.snapshot
            known = "" if snapshot.currency == UNKNOWN_CURRENCY else snapshot.currency
            _input("currency", say("columns.currency"), choice.currency or known, pattern="[A-Za-z]{3}", maxlength="3")
            _input("shop", say("columns.shop"), choice.shop, maxlength="100")
            with el("div", classes="whole"):
                _input("consent", say("data.consent"), "", maxlength="500")
            with el("label", classes="whole"):
                el("input", type="checkbox", name="remember", value="yes", checked=True)
                el("span", say("columns.remember"))
        with el("div", classes="row"):
            button(say("data.upload_go"), classes="main")
            link(say("columns.back"), DATA, classes="button")


def _columns(say: Words, waiting: Waiting, draft: Draft) -> None:
    """A row for each column of the file: its name, what its first rows hold, and what it is."""
    head = waiting.rows.head(_SHOWN_ROWS)
    meanings = [("", say("columns.nothing")), *((one, say.of("meaning", one)) for one in MEANINGS)]
    label = say("columns.title")
    with el("div", classes="scroll", role="group", tabindex="0", aria_label=label), el("table", classes="columns"):
        with el("thead"), el("tr"):
            for key in ("columns.column", "columns.is", "columns.first_rows"):
                el("th", say(key), scope="col", colspan=str(len(head)) if key == "columns.first_rows" else None)
        with el("tbody"):
            for number, column in enumerate(waiting.columns):
                with el("tr"):
                    el("th", column, scope="row")
                    with el("td"):
                        _options(f"column_{number}", meanings, draft.choice.columns.get(column, ""), aria_label=column)
                    for cell in head[column]:
                        text = str(cell)
                        el("td", text if len(text) <= _SHOWN_LETTERS else text[: _SHOWN_LETTERS - 1] + "…")


def _select(name: str, label: str, options: Sequence[tuple[str, str]], chosen: str) -> None:
    with el("div"):
        el("label", label, for_=name)
        _options(name, options, chosen, id=name)


def _options(name: str, options: Sequence[tuple[str, str]], chosen: str, **props: str) -> None:
    with el("select", name=name, **props):
        for value, text in options:
            el("option", text, value=value, selected=True if value == chosen else None)


def _input(name: str, label: str, value: str, **props: str) -> None:
    with el("div"):
        el("label", label, for_=name)
        el("input", id=name, name=name, value=value, **props)


def _time(say: Words, form: str) -> str:
    if "%" in form:
        return _EXAMPLE.strftime(form)
    return say(f"columns.time_{form or 'iso'}")
