"""An answer on the page: its steps with their tables and charts, prose whose figures open their sources, cards."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from channels.console import charts
from channels.console.parts import drawing, el, link, notice, table

if TYPE_CHECKING:
    from channels.api.cards import Card
    from channels.console.turns import Figure, Shown, Stage
    from channels.console.words import Words

_numbers = itertools.count(1)
"""Keeps the ids of a page's drawings apart."""


def question(say: Words, text: str) -> None:
    """What the person said."""
    with el("div", classes="said"):
        el("span", say("chat.you"), classes="aloud")
        el("p", text)


def answer(say: Words, shown: Shown) -> None:
    """The whole answer, in the element that is open."""
    drawn = {n: svg for n, stage in enumerate(shown.stages) if (svg := _drawn(stage))}
    last = max(drawn, default=None)
    if shown.stages:
        with el("div", classes="steps"):
            for number, stage in enumerate(shown.stages):
                _stage(say, stage, drawn.get(number, "") if number != last else "")
    if shown.text:
        _prose(say, shown)
    if last is not None:
        _chart(say, shown.stages[last], drawn[last])
    for note in shown.notes:
        el("p", note, classes="note")
    if shown.cards:
        _cards(say, shown.cards)
    if shown.campaign:
        href = f"/console/campaigns/{shown.campaign}"
        link(say("chat.open_plan", campaign=shown.campaign), href, classes="button main plan-link")
    if shown.stopped:
        notice(say("chat.stopped"))
    if shown.trouble:
        notice(shown.trouble, kind="bad")
    if shown.text and not shown.stopped:
        words = say("chat.foot", seconds=f"{shown.seconds:.1f}", figures=len(shown.figures))
        el("p", words, classes="soft foot")


def step_line(say: Words, tool: str, arguments: dict[str, Any], seconds: float, *, failed: bool) -> None:
    """What a step did, on one line."""
    el("span", say.of("tool", tool), classes="step-name")
    given = " · ".join(f"{say.of('argument', name)} {_given(say, name, value)}" for name, value in arguments.items())
    if given:
        el("span", given, classes="step-given")
    el("span", say("chat.failed") if failed else say.seconds(seconds), classes="step-time")


def _drawn(stage: Stage) -> str:
    return charts.svg(stage.chart, f"chart{next(_numbers)}") if stage.chart else ""


def _chart(say: Words, stage: Stage, svg: str) -> None:
    what, title = say.table.get(f"chart.{stage.tool}"), str((stage.chart or {}).get("title") or "")
    drawing(svg, ": ".join(part for part in (what, title) if part) or say.of("tool", stage.tool))


def _stage(say: Words, stage: Stage, svg: str) -> None:
    with el("details", classes="step failed" if stage.failed else "step"):
        with el("summary"):
            step_line(say, stage.tool, stage.arguments, stage.seconds, failed=stage.failed)
        with el("div", classes="step-body"):
            el("p", f"{stage.tool}({', '.join(f'{k}={v!r}' for k, v in stage.arguments.items())})", classes="code")
            if stage.failed and stage.summary:
                el("p", stage.summary)
            if svg:
                _chart(say, stage, svg)
            if stage.sheet:
                head = [name.replace("_", " ") for name in stage.sheet.columns]
                table(head, stage.sheet.rows)
                if stage.sheet.more:
                    el("p", say("chat.more_rows", number=say.number(stage.sheet.more)), classes="soft")


def _prose(say: Words, shown: Shown) -> None:
    """The text, where each figure and name is a button that shows its source."""
    with el("div", classes="prose"):
        place = 0
        for figure in shown.figures:
            if figure.start < place:
                continue
            if figure.start > place:
                el("span", shown.text[place : figure.start])
            _figure(say, figure)
            place = figure.end
        if place < len(shown.text):
            el("span", shown.text[place:])


def _figure(say: Words, figure: Figure) -> None:
    made = el("button", figure.display, classes="fig", type="button", aria_haspopup="dialog")
    with el("div", classes="source", popover="auto", role="dialog", aria_label=say("source.title")) as card:
        with el("p", classes="source-value"):
            el("strong", figure.display)
            el("span", figure.key.replace("_", " "), classes="soft")
        with el("dl"):
            if figure.tool:
                row = f", {say('source.row', number=figure.row)}" if figure.row else ""
                _pair(say("source.tool"), f"{say.of('tool', figure.tool)} ({figure.tool}){row}")
                given = ", ".join(f"{say.of('argument', k)} {_given(say, k, v)}" for k, v in figure.arguments.items())
                if given:
                    _pair(say("source.asked"), given)
            _pair(say("source.from"), figure.source)
            if figure.unit not in ("name", "words", "id", "date") and isinstance(figure.value, int | float):
                _pair(say("source.exact"), f"{figure.value:,.6g}" if figure.value < 1e6 else f"{figure.value:,.2f}")
    made.props["popovertarget"] = f"c{card.id}"


def _pair(name: str, value: str) -> None:
    el("dt", name)
    el("dd", value)


def _cards(say: Words, found: list[Card]) -> None:
    with el("ul", classes="cards", aria_label=say("cards.label")):
        for card in found:
            with el("li", classes="card"):
                _picture(card)
                el("strong", card.title)
                with el("p", classes="card-line"):
                    el("span", card.price or say("cards.no_price"), classes="price")
                    if card.stock:
                        stock = "in_stock" if card.stock == "in stock" else "sold_out"
                        el("span", say(f"cards.{stock}"), classes=f"chip {stock}")
                if card.why:
                    el("p", card.why, classes="soft")
                el("p", card.product_id, classes="soft tiny")


def _picture(card: Card) -> None:
    """A placeholder: pictures lie on other servers, and no request leaves this one."""
    hue = sum(map(ord, card.category or card.title)) % 6
    el("div", card.title[:1].upper(), classes=f"placeholder hue{hue}", aria_hidden="true")


def _given(say: Words, name: str, value: Any) -> str:
    if name == "goal":
        return say.of("goal", str(value))
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
