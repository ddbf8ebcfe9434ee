"""Small pieces of a page: native elements whose text is text, forms, tables, notices."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, overload

from nicegui import ui
from nicegui.element import Element
from nicegui.elements.mixins.text_element import TextElement

_SUBMIT = """(e) => {
  e.preventDefault();
  const given = Object.fromEntries(new FormData(e.target, e.submitter));
  if (e.target.dataset.empties) e.target.reset();
  emit(given);
}"""
Given = Mapping[str, str]
OnSubmit = Callable[[Given], Awaitable[None] | None]


@overload
def el(tag: str, text: str, *, classes: str = "", **props: Any) -> TextElement: ...
@overload
def el(tag: str, text: None = None, *, classes: str = "", **props: Any) -> Element: ...


def el(tag: str, text: str | None = None, *, classes: str = "", **props: Any) -> Element:
    """An element of plain HTML. `text` is shown as text whatever it holds; `aria_label` sets aria-label, and so on.

    An attribute that is None is left out.
    """
    made: Element = Element(tag) if text is None else TextElement(tag=tag, text=text)
    if classes:
        made.classes(classes)
    for name, value in props.items():
        if value is not None:
            made.props[name.rstrip("_").replace("_", "-")] = value
    return made


def link(text: str, href: str, *, classes: str = "", **props: Any) -> Element:
    """A link within the console; `href` begins with /console."""
    return el("a", text, classes=classes, href=href, **props)


def button(text: str, act: Callable[[], Any] | None = None, *, classes: str = "", **props: Any) -> Element:
    """A button; without `act` it submits its form."""
    made = el("button", text, classes=f"button {classes}", type="submit" if act is None else "button", **props)
    if act is not None:
        made.on("click", lambda _: act(), js_handler="() => emit()")
    return made


def form(on_submit: OnSubmit, *, classes: str = "", empties: bool = False, **props: Any) -> Element:
    """A form whose fields go to `on_submit` by name over the page's own socket; `empties` clears it at once."""
    made = el("form", classes=classes, **props)
    if empties:
        made.props["data-empties"] = "1"
    made.on("submit", lambda event: on_submit(event.args), js_handler=_SUBMIT)
    return made


def post(action: str, token: str, *, classes: str = "", **hidden: str) -> Element:
    """A plain form of HTML that posts to `action` with the session's form token."""
    made = el("form", classes=classes, method="post", action=action)
    with made:
        for name, value in {"form_token": token, **hidden}.items():
            el("input", type="hidden", name=name, value=value)
    return made


def notice(text: str, *, kind: str = "info") -> Element:
    """A sentence in a box: info, good, warn or bad."""
    return el("p", text, classes=f"notice {kind}", role="alert" if kind == "bad" else "status")


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, caption: str = "", words: int = 1) -> Element:
    """A table that scrolls sideways where it is too wide; all columns but the first `words` are figures."""
    with el("div", classes="scroll", role="group", tabindex="0", aria_label=caption or head[0]) as made, el("table"):
        if caption:
            el("caption", caption, classes="soft")
        with el("thead"), el("tr"):
            for place, name in enumerate(head):
                el("th", name, classes="" if place < words else "n", scope="col")
        with el("tbody"):
            for row in rows:
                with el("tr"):
                    for place, cell in enumerate(row):
                        el("td", cell, classes="" if place < words else "n")
    return made


def drawing(svg: str, caption: str) -> None:
    """A chart that this server drew, with what it shows above it."""
    with el("figure", classes="chart"):
        el("figcaption", caption, classes="soft")
        ui.html(svg, sanitize=False)


def pairs(found: Sequence[tuple[str, str]]) -> None:
    """Names and values, the value large."""
    with el("dl", classes="key"):
        for name, value in found:
            with el("div"):
                el("dt", name)
                el("dd", value)
