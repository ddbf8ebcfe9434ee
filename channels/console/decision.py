"""A person's decisions on a campaign: yes or no to its plan, then launch, pause, resume and end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nicegui import background_tasks, ui

from campaign import approval, launch, policy_value, records, rejection
from campaign.gate import Logged, shown
from channels.console.desk import SignedOutError
from channels.console.parts import Given, button, el, form, notice
from channels.mail import standing
from channels.mail.worker import wall_clock
from data.errors import CampaignError, ShopkeeperError

if TYPE_CHECKING:
    from nicegui.element import Element

    from channels.console.desk import Desk
    from channels.console.sessions import Visitor


class Decision:
    """The card of one page that says what can be decided; `changed` is called after each deed."""

    def __init__(self, desk: Desk, who: Visitor, place: Element, *, changed: Callable[[], None]) -> None:
        self._desk, self._who, self._say, self._place, self._changed = desk, who, who.say, place, changed
        self._operations, self._client = desk.state.serving.operations, ui.context.client
        self._logs: asyncio.Task[Logged | None] | None = None

    def draw(self, kept: records.Kept, stage: str) -> None:
        """What can be decided at this stage (a `stage_of` word)."""
        self._kept, self._stage, self._id = kept, stage, kept.plan.campaign_id
        self._place.clear()
        with self._place:
            self._draw()

    def _draw(self) -> None:
        say, may = self._say, self._who.may("decide")
        if not may:
            notice(say("campaign.only_looking"))
        if self._stage == "draft":
            self._draw_yes_or_no(may=may)
        elif self._stage == "approved":
            el("p", say("campaign.approved_by", name=self._kept.approver))
            if may:
                el("p", say("campaign.launch_about"), classes="soft")
                with el("div", classes="row"):
                    button(say("campaign.launch"), lambda: self._do(self._launch), classes="main")
                    self.sure("campaign.cancel", self._cancel)
        elif self._stage in ("launched", "measured", "paused"):
            el("p", say("campaign.launched_by", name=self._kept.approver))
            if may:
                with el("div", classes="row"):
                    if self._stage == "paused":
                        button(say("campaign.resume"), lambda: self._do(self._resume), classes="main")
                    else:
                        button(say("campaign.pause"), lambda: self._do(self._pause))
                    self.sure("campaign.cancel", self._cancel)
        else:
            el("p", say("campaign.is_cancelled"))

    def _draw_yes_or_no(self, *, may: bool) -> None:
        say = self._say
        el("p", say("campaign.decide_about", plan=self._kept.plan_hash[:12]))
        self._said_logs = el("p", say("campaign.logs_looking"), classes="soft")
        self._loss = el("div")
        self._tell_logs()
        if not may:
            return
        with form(self._decide, classes="decide"):
            box = "reason"
            el("label", say("campaign.reason"), for_=box)
            el("textarea", id=box, name="reason", rows="2", maxlength="500", aria_describedby="reason-why")
            el("p", say("campaign.reason_about"), classes="soft tiny", id="reason-why")
            with el("div", classes="row"):
                button(say("campaign.approve"), classes="main", name="verdict", value="yes")
                button(say("campaign.reject"), classes="bad", name="verdict", value="no")
        self._fault = el("div")

    def look_at_logs(self) -> None:
        """Begins to ask past logs, which takes seconds; their answer is said when it is there."""
        if self._logs is None:
            snapshot, plan = self._desk.state.serving.now.shop.snapshot, self._kept.plan

            async def look() -> Logged | None:
                try:
                    return (await asyncio.to_thread(policy_value.of_plan, snapshot, plan)).logged
                except ShopkeeperError:
                    return None  # they cannot answer, which is said

            self._logs = background_tasks.create(look(), name="past logs")
            self._logs.add_done_callback(lambda _: self._tell_logs())

    def _tell_logs(self) -> None:
        """The answer of past logs, and a warning where either interval holds a loss."""
        if self._client.is_deleted or self._stage != "draft" or self._logs is None or not self._logs.done():
            return
        say, logs = self._say, self._logs.result()
        currency = self._kept.plan.currency
        self._said_logs.text = (
            say("campaign.logs_silent")
            if logs is None
            else say(
                "campaign.logs",
                profit=say.money(logs.profit, currency),
                low=say.money(logs.low, currency),
                high=say.money(logs.high, currency),
            )
        )
        loss = shown(self._kept.plan, logs).loss
        self._loss.clear()
        if loss is not None:
            with self._loss:
                notice(say("campaign.may_lose", why=loss), kind="warn")

    async def _decide(self, given: Given) -> None:
        """A person's yes or no; what is wrong with it is said beneath the form."""
        reason, name = str(given.get("reason", "")).strip(), self._who.person.name
        self.look_at_logs()
        logs = await self._logs if self._logs is not None else None

        def yes() -> None:
            if records.find(self._operations, self._id).plan_hash != self._kept.plan_hash:
                raise CampaignError(self._say("campaign.changed"))
            approval.approve(self._operations, self._id, name, despite=reason or None, logs=logs)

        def no() -> None:
            rejection.reject(self._operations, self._id, name, reason=reason)

        await self._do(yes if given.get("verdict") == "yes" else no, fault=self._fault)

    async def _do(self, act: Callable[[], Any], *, fault: Element | None = None) -> None:
        """A decision, once it is sure that this person may still take it."""
        try:
            self._desk.require(self._who, "decide")
            await asyncio.to_thread(act)
        except SignedOutError:
            ui.navigate.to("/sign-in")
            return
        except approval.PossibleLossError:
            trouble = self._say("campaign.needs_reason")
        except ShopkeeperError as error:
            trouble = str(error)
        else:
            self._changed()
            return
        place = self._place if fault is None else fault
        if fault is not None:
            fault.clear()
        with place:
            notice(trouble, kind="bad")

    def _launch(self) -> None:
        shop = self._desk.state.serving.now.shop
        launch.launch(shop.snapshot, self._operations, self._id, as_of=shop.snapshot.as_of, models=shop.models)

    def _pause(self) -> None:
        standing.pause(self._operations, self._id, now=wall_clock())

    def _resume(self) -> None:
        standing.resume(self._operations, self._id)

    def _cancel(self) -> None:
        standing.cancel(self._operations, self._id)

    def sure(self, key: str, act: Callable[[], Any]) -> None:
        """A button for what cannot be undone: it asks once more."""
        with el("details", classes="sure"):
            el("summary", self._say(key), classes="button bad")
            with el("div", classes="menu-card"):
                el("p", self._say(f"{key}_about"))
                button(self._say(f"{key}_yes"), lambda: self._do(act), classes="bad")
