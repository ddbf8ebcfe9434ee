"""One campaign: its plan, what past logs say, the e-mail at two widths, a person's decision, outbox and result."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from fastapi import HTTPException, Request
from fastapi.responses import RedirectResponse, Response
from nicegui import ui

from campaign import audit, records
from channels.api.results import ResultOut, asked
from channels.console.campaigns_page import stage_of
from channels.console.decision import Decision
from channels.console.desk import SignedOutError
from channels.console.frame import framed
from channels.console.letters import letters
from channels.console.parts import button, el, link, notice, pairs, table
from channels.mail import standing
from channels.mail.outbox import STATES
from data.errors import CampaignError, ShopkeeperError
from data.operations import Campaign

if TYPE_CHECKING:
    from nicegui.element import Element

    from channels.console.desk import Desk
    from channels.console.sessions import Visitor

_WIDTHS = (375, 640)
_MOST_UNKNOWN = 20
_LOOK_EVERY = 5.0


def register(desk: Desk) -> None:
    """The page `/campaigns/{id}`."""

    @ui.page("/campaigns/{campaign_id}")
    def campaign(request: Request, campaign_id: str) -> Response | None:
        who, here = desk.visitor(request), f"/console/campaigns/{campaign_id}"
        if who is None:
            return RedirectResponse(f"/console/sign-in?next={here}")
        try:
            kept = records.find(desk.state.serving.operations, campaign_id)
        except CampaignError as error:
            with framed(desk, who, "campaigns", back=here):
                el("h1", who.say("campaign.missing"))
                notice(str(error), kind="warn")
                link(who.say("campaign.all"), "/console/campaigns", classes="button")
            return None
        with framed(desk, who, "campaigns", title=kept.plan.name, back=here):
            Board(desk, who, kept)
        return None


class Board:
    """One campaign's page."""

    def __init__(self, desk: Desk, who: Visitor, kept: records.Kept) -> None:
        self._desk, self._who, self._say, self._kept = desk, who, who.say, kept
        self._id = kept.plan.campaign_id
        self._head = el("div", classes="head")
        self._figures()
        self._decision = Decision(desk, who, self._section("decision"), changed=self._refresh)
        self._plan()
        self._letters()
        self._simulation()
        self._outbox = self._section("outbox")
        self._result()
        self._trail = self._section("trail")
        self._refresh()
        ui.timer(0.05, self._late, once=True)
        ui.timer(_LOOK_EVERY, self._tick)

    @property
    def _operations(self) -> Any:
        return self._desk.state.serving.operations

    # --- what stands still ---

    def _section(self, name: str) -> Element:
        with el("section", classes="panel", aria_labelledby=f"h-{name}"):
            el("h2", self._say(f"campaign.{name}"), id=f"h-{name}")
            return el("div")

    def _figures(self) -> None:
        say, plan = self._say, self._kept.plan
        outlook, currency = plan.outlook, plan.currency
        between = say(
            "campaign.between_value",
            low=say.money(outlook.low.value, currency),
            high=say.money(outlook.high.value, currency),
        )
        pairs(
            [
                (say("campaign.profit"), say.money(outlook.profit.value, currency)),
                (say("campaign.between"), between),
                (say("campaign.cost"), say.money(outlook.cost.value, currency)),
                (say("campaign.contacted"), say.number(plan.contacted)),
                (say("campaign.holdout"), say.number(plan.test.holdout)),
                (say("campaign.verdict"), say.day(plan.end)),
            ]
        )

    def _plan(self) -> None:
        with self._section("plan"):
            source = f"/console/frames/plan/{self._id}"
            el("iframe", classes="plan-frame", src=source, title=self._say("campaign.plan"), sandbox="", loading="lazy")
            link(self._say("campaign.plan_alone"), source, target="_blank", rel="noopener")

    def _letters(self) -> None:
        self._mail = self._section("mail")
        with self._mail:
            el("p", self._say("campaign.mail_making"), classes="soft")

    def _simulation(self) -> None:
        with self._section("simulation"):
            el("p", self._say("campaign.simulation_about"), classes="soft")
            place = el("div")
            with place:
                button(self._say("campaign.simulate"), lambda: self._ask("simulate_campaign", place))

    def _result(self) -> None:
        with self._section("result"):
            el("p", self._say("campaign.result_about", day=self._say.day(self._kept.plan.end)), classes="soft")
            place = el("div")
            with place:
                button(self._say("campaign.measure"), lambda: self._ask("measure_campaign", place))

    async def _ask(self, tool: str, place: Element) -> None:
        """Runs a tool that reads, and shows what it found in `place`."""
        place.clear()
        with place:
            el("p", self._say("campaign.working"), classes="thinking soft")
        trouble, found = "", None
        try:
            self._desk.require(self._who)
            found = await asyncio.to_thread(asked, self._desk.state, tool, {"campaign_id": self._id}, role="marketer")
        except HTTPException as error:
            trouble = str(error.detail)
        except SignedOutError:
            ui.navigate.to("/sign-in")
            return
        except ShopkeeperError as error:
            trouble = str(error)
        place.clear()
        with place:
            if found is None:
                notice(f"{trouble[:1].upper()}{trouble[1:]}.", kind="warn")
            else:
                self._found(found)

    def _found(self, found: ResultOut) -> None:
        facts = [(self._say.of("fact", k), f.display) for k, f in found.facts.items() if k != "campaign"]
        pairs(facts)
        if found.text:
            el("p", found.text, classes="note")

    async def _late(self) -> None:
        """What takes a second or two: the letters, and what past logs say."""
        self._decision.look_at_logs()
        try:
            found = await asyncio.to_thread(letters, self._desk.state.serving, self._id)
        except ShopkeeperError as error:
            self._mail.clear()
            with self._mail:
                notice(f"{str(error)[:1].upper()}{str(error)[1:]}.")
            return

        def show(number: int) -> None:
            subject.text = f"{self._say('campaign.subject')} {found[number - 1][1].subject}"
            for place, one in enumerate(chosen, start=1):
                one.props["aria-pressed"] = "true" if place == number else "false"
            for frame in frames:
                frame.props["src"] = f"/console/frames/letter/{self._id}/{number}"

        self._mail.clear()
        with self._mail:
            el("p", self._say("campaign.mail_about"), classes="soft")
            with el("div", classes="choices", role="group", aria_label=self._say("campaign.mail_who")):
                chosen = [
                    button(
                        self._say("campaign.mail_customer", customer=customer),
                        partial(show, number),
                        classes="choice",
                        aria_pressed="true" if number == 1 else "false",
                    )
                    for number, (customer, _) in enumerate(found, start=1)
                ]
            subject = el("p", f"{self._say('campaign.subject')} {found[0][1].subject}", classes="subject")
            with el("div", classes="letter-pair", role="group", tabindex="0", aria_label=self._say("campaign.mail")):
                frames = [self._frame(width) for width in _WIDTHS]

    def _frame(self, width: int) -> Element:
        with el("figure", classes=f"letter w{width}"):
            el("figcaption", f"{width} px", classes="soft")
            title = self._say("campaign.mail_at", width=width)
            source = f"/console/frames/letter/{self._id}/1"
            return el("iframe", src=source, title=title, sandbox="", width=str(width), height="720")

    # --- what changes ---

    def _refresh(self) -> None:
        """Draws anew whatever a decision changes."""
        self._kept = records.find(self._operations, self._id)
        with self._operations.session() as session:
            stage = stage_of(session.get_one(Campaign, self._id), approved=self._kept.approver is not None)
        self._stage, self._counts = stage, standing.counts(self._operations, self._id)
        self._decision.draw(self._kept, stage)
        for place, draw in (
            (self._head, self._draw_head),
            (self._outbox, self._draw_outbox),
            (self._trail, self._draw_trail),
        ):
            place.clear()
            with place:
                draw()

    def _tick(self) -> None:
        """Follows the outbox while it is sent, without disturbing what is being typed."""
        if self._desk.sessions.person(self._who.token) is None:
            ui.navigate.to("/sign-in")
            return
        if self._stage != "launched" or standing.counts(self._operations, self._id) == self._counts:
            return
        self._counts = standing.counts(self._operations, self._id)
        for place, draw in ((self._outbox, self._draw_outbox), (self._trail, self._draw_trail)):
            place.clear()
            with place:
                draw()

    def _draw_head(self) -> None:
        say, plan = self._say, self._kept.plan
        with el("div"):
            el("h1", plan.name)
            words = f"{plan.campaign_id} · {say.of('goal', plan.goal)} · {say.day(plan.start)} – {say.day(plan.end)}"
            el("p", words, classes="soft")
        el("span", say(f"stage.{self._stage}"), classes=f"chip {self._stage}")

    def _draw_outbox(self) -> None:
        say = self._say
        if not self._counts:
            el("p", say("campaign.outbox_empty"), classes="soft")
            return
        pairs([(say(f"message.{state}"), say.number(self._counts[state])) for state in STATES if self._counts[state]])
        why = standing.reasons(self._operations, self._id)
        if why:
            head = (say("campaign.reason_head"), say("campaign.state_head"), say("campaign.number_head"))
            rows = [(reason, say(f"message.{state}"), say.number(number)) for state, reason, number in why]
            table(head, rows, words=2)
        self._draw_unknown()

    def _draw_unknown(self) -> None:
        say, rows = self._say, standing.unknown(self._operations, self._id)
        if not rows:
            return
        notice(say("campaign.unknown_about"), kind="warn")
        head = (say("campaign.customer"), say("campaign.address"), say("campaign.begun"))
        shown_rows = [(c, a, "" if at is None else say.moment(at)) for c, a, at in rows[:_MOST_UNKNOWN]]
        table(head, shown_rows, words=3)
        if self._who.may("decide"):
            with el("div", classes="row"):
                self._decision.sure(
                    "campaign.resend", lambda: standing.decide(self._operations, self._id, "resend", [])
                )
                self._decision.sure(
                    "campaign.give_up", lambda: standing.decide(self._operations, self._id, "give up", [])
                )

    def _draw_trail(self) -> None:
        with el("ol", classes="trail"):
            for step in audit.trail(self._operations, self._id):
                with el("li"):
                    el("strong", self._say.of("trail", step.what))
                    el("span", step.words)
                    if step.at is not None:
                        el("span", f"{self._say.moment(step.at)} UTC", classes="soft")
