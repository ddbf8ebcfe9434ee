"""All campaigns, the latest first, each with how it stands."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastapi import Request
from fastapi.responses import RedirectResponse, Response
from nicegui import ui
from sqlalchemy import select

from channels.console.frame import framed
from channels.console.parts import el, link
from data.operations import Approval, Campaign

if TYPE_CHECKING:
    from channels.console.desk import Desk
    from channels.console.words import Words
    from data.operations import Operations

_MOST = 100


@dataclass(frozen=True)
class Line:
    """One campaign of the list; money in `currency`."""

    campaign_id: str
    name: str
    stage: str
    goal: str
    profit: float
    cost: float
    currency: str
    contacted: int
    start: str
    end: str


def register(desk: Desk) -> None:
    """The page `/campaigns`."""

    @ui.page("/campaigns")
    def campaigns(request: Request) -> Response | None:
        who = desk.visitor(request)
        if who is None:
            return RedirectResponse("/console/sign-in?next=/console/campaigns")
        say, found = who.say, lines(desk.state.serving.operations)
        with framed(desk, who, "campaigns"):
            with el("div", classes="head"):
                el("h1", say("nav.campaigns"))
                link(say("campaigns.plan"), "/console/#plan", classes="button main")
            if not found:
                with el("div", classes="blank"):
                    el("p", say("campaigns.none"), classes="hello")
                    el("p", say("campaigns.none_more"), classes="soft")
            with el("ul", classes="campaign-list"):
                for line in found:
                    _row(say, line)
        return None


def stage_of(row: Campaign, *, approved: bool) -> str:
    """How a campaign stands, in one word of the console."""
    if row.status == "draft":
        return "approved" if approved else "draft"
    if row.status in ("launched", "measured") and row.paused_at is not None:
        return "paused"
    return str(row.status)


def lines(operations: Operations) -> list[Line]:
    """The campaigns of a store."""
    with operations.session() as session:
        rows = session.scalars(select(Campaign).order_by(Campaign.campaign_id.desc()).limit(_MOST)).all()
        yes = {(a.campaign_id, a.plan_hash) for a in session.scalars(select(Approval))}
        return [_line(row, json.loads(row.plan_json), approved=(row.campaign_id, row.plan_hash) in yes) for row in rows]


def _line(row: Campaign, plan: dict[str, Any], *, approved: bool) -> Line:
    outlook = plan["outlook"]
    return Line(
        campaign_id=row.campaign_id,
        name=row.name,
        stage=stage_of(row, approved=approved),
        goal=plan["goal"],
        profit=float(outlook["profit"]["value"]),
        cost=float(outlook["cost"]["value"]),
        currency=plan["currency"],
        contacted=sum(1 for m in plan["members"] if m["arm"] == "treated"),
        start=plan["start"],
        end=plan["end"],
    )


def _row(say: Words, line: Line) -> None:
    with el("li"), link("", f"/console/campaigns/{line.campaign_id}", classes="campaign-row"):
        with el("span", classes="campaign-name"):
            el("strong", line.name)
            words = f"{line.campaign_id} · {say.of('goal', line.goal)} · {say.day(line.start)} – {say.day(line.end)}"
            el("span", words, classes="soft")
        with el("span", classes="campaign-figures"):
            el("span", say("campaigns.profit", money=say.money(line.profit, line.currency)))
            el("span", say("campaigns.reach", number=say.number(line.contacted)), classes="soft")
        el("span", say(f"stage.{line.stage}"), classes=f"chip {line.stage}")
