"""The frame of every page: its head, the bar with the ways through the console, and the visitor's menu."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from nicegui import ui

from channels.console.parts import button, el, link, post
from channels.console.sessions import THEMES
from channels.console.words import LANGUAGES, TAGS

if TYPE_CHECKING:
    from channels.console.desk import Desk
    from channels.console.sessions import Visitor

WAYS = {"ask": "/console/", "campaigns": "/console/campaigns", "data": "/console/data", "people": "/console/people"}
_HEAD = """<meta name="shopkeeper-theme" content="{theme}">
<link rel="icon" href="/console/assets/favicon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/console/assets/style.css">
<script src="/console/assets/keys.js" defer></script>"""


@contextmanager
def framed(desk: Desk, who: Visitor, here: str, *, title: str = "", back: str = "") -> Iterator[None]:
    """A page of the console; `here` is its way, `back` where a changed preference leads (the way itself unless given).

    What the block makes stands in the page's main part.
    """
    say, client = who.say, ui.context.client
    page = copy.copy(client.page)
    page.language = "zh-CN" if who.language == "zh" else "en-GB"
    client.page = page
    ui.page_title(f"{title or say(f'nav.{here}')} · Shopkeeper")
    ui.add_head_html(_HEAD.format(theme=who.theme))
    with client.layout:  # beside NiceGUI's own main element, which stays empty: a page has one main part
        el("a", say("nav.skip"), classes="skip", href="#main")
        with el("header", classes="bar"):
            with link("", WAYS["ask"], classes="brand", aria_label="Shopkeeper"):
                el("img", src="/console/assets/favicon.svg", alt="", width="28", height="28")
                el("span", "Shopkeeper")
            with el("nav", aria_label=say("nav.label"), classes="ways"):
                for name, href in WAYS.items():
                    if name == "people" and not who.may("own"):
                        continue
                    link(say(f"nav.{name}"), href, aria_current="page" if name == here else None)
            _menu(desk, who, back or WAYS[here])
        with el("main", classes=f"page {here}", id="main", lang=TAGS[who.language]):
            yield


def _menu(desk: Desk, who: Visitor, back: str) -> None:
    say, token = who.say, desk.sessions.form_token(who.token)
    with el("details", classes="menu"):
        with el("summary", aria_label=say("menu.label", name=who.person.name)):
            el("span", who.person.name[:1].upper(), classes="initial", aria_hidden="true")
            el("span", who.person.name, classes="who")
        with el("div", classes="menu-card"):
            el("p", f"{who.person.name} · {say.of('role', who.person.role)}", classes="soft")
            _choices(token, say("menu.language"), "language", LANGUAGES, who.language, back)
            themes = {theme: say(f"theme.{theme}") for theme in THEMES}
            _choices(token, say("menu.theme"), "theme", themes, who.theme, back)
            with post("/console/sign-out", token):
                button(say("menu.sign_out"), classes="wide")


def _choices(token: str, title: str, name: str, options: dict[str, str], chosen: str, back: str) -> None:
    with post("/console/preferences", token, classes="choices", back=back), el("fieldset"):
        el("legend", title)
        for value, text in options.items():
            pressed = "true" if value == chosen else "false"
            lang = TAGS[value] if name == "language" else None
            button(text, classes="choice", name=name, value=value, aria_pressed=pressed, lang=lang)
