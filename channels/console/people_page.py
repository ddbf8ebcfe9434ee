"""For the owner: who may sign in, and which programs have keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import Request
from fastapi.responses import RedirectResponse, Response
from nicegui import ui

from channels.console.frame import framed
from channels.console.parts import el, notice, table

if TYPE_CHECKING:
    from channels.console.desk import Desk


def register(desk: Desk) -> None:
    """The page `/people`."""

    @ui.page("/people")
    def people(request: Request) -> Response | None:
        who = desk.visitor(request)
        if who is None:
            return RedirectResponse("/console/sign-in?next=/console/people")
        say = who.say
        with framed(desk, who, "people"):
            el("h1", say("nav.people"))
            if not who.may("own"):
                notice(say("people.owner_only"), kind="warn")
                return None
            with el("section", classes="panel"):
                el("h2", say("people.who"))
                rows = [(one.name, say.of("role", one.role)) for one in desk.state.people.every()]
                table((say("people.name"), say("people.role")), rows, words=2)
                el("p", say("people.who_how"), classes="soft")
                el("p", 'shopkeeper user add "NAME" --role marketer', classes="code")
            with el("section", classes="panel"):
                el("h2", say("people.keys"))
                keys = desk.state.keys.every()
                cells = [
                    (
                        key.name,
                        key.key_id,
                        ", ".join(say.of("scope", scope) for scope in sorted(key.scopes)),
                        say.day(made),
                        say("people.valid") if revoked is None else say("people.revoked", day=say.day(revoked)),
                    )
                    for key, made, revoked in keys
                ]
                head = ("people.name", "people.key", "people.scopes", "people.made", "people.state")
                if cells:
                    table([say(one) for one in head], cells, words=5)
                else:
                    el("p", say("people.no_keys"), classes="soft")
                el("p", say("people.keys_how"), classes="soft")
                el("p", "shopkeeper key new NAME --scope chat", classes="code")
                el("p", "shopkeeper key revoke K-1f0c22aa", classes="code")
        return None
