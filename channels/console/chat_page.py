"""The chat: conversations on the left, questions and answers in the middle, sentence by sentence as they come."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

from fastapi import HTTPException, Request
from fastapi.responses import RedirectResponse, Response
from nicegui import background_tasks, ui

from channels.api.answering import Piece, pieces
from channels.console import answers
from channels.console.desk import SignedOutError
from channels.console.entry import TOUR_COOKIE
from channels.console.frame import framed
from channels.console.parts import Given, button, el, form, link, post
from channels.console.turns import Shown, Talk, Task, told
from data.errors import ShopkeeperError

if TYPE_CHECKING:
    from agent.guard import Step
    from agent.orchestrator import Agent
    from channels.console.desk import Desk
    from channels.console.sessions import Visitor

_LONGEST = 4000
_SUGGESTIONS = 6
_log = logging.getLogger("shopkeeper.console")


def register(desk: Desk) -> None:
    """The pages `/` and `/chat/{thread}`."""

    @ui.page("/")
    def fresh(request: Request) -> Response | None:
        return _open(desk, request, None)

    @ui.page("/chat/{thread_id}")
    def again(request: Request, thread_id: str) -> Response | None:
        return _open(desk, request, thread_id)


def _open(desk: Desk, request: Request, thread_id: str | None) -> Response | None:
    who = desk.visitor(request)
    here = "/console/" if thread_id is None else f"/console/chat/{thread_id}"
    if who is None:
        return RedirectResponse(f"/console/sign-in?next={here}")
    talk = None if thread_id is None else desk.talks.find(who.person.name, thread_id)
    if thread_id is not None and talk is None:
        return RedirectResponse("/console/")
    with framed(desk, who, "ask", title=talk.title if talk else "", back=here):
        Chat(desk, who, talk, toured=request.cookies.get(TOUR_COOKIE) == "done")
    return None


class Chat:
    """One page of the chat."""

    def __init__(self, desk: Desk, who: Visitor, talk: Talk | None, *, toured: bool) -> None:
        self._desk, self._who, self._say, self._talk = desk, who, who.say, talk
        self._client = ui.context.client
        self._running: asyncio.Task[None] | None = None
        self._search = ""
        with el("aside", classes="talks", aria_label=self._say("talks.label")):
            self._side()
        with el("section", classes="talk", aria_label=self._say("chat.label")):
            turns = [] if talk is None else desk.talks.turns(talk.thread_id)
            el("h1", talk.title if talk else self._say("chat.title"), classes="aloud")
            self._empty = el("div", classes="empty")
            with self._empty:
                if not turns:
                    self._welcome(toured=toured)
            with el("div", classes="log", role="log", aria_label=self._say("chat.log")) as self._log:
                for shown in turns:
                    self._show(shown)
            self._composer()
        self._client.on_delete(self.stop)

    # --- the conversations ---

    def _side(self) -> None:
        say = self._say
        link(say("talks.new"), "/console/", classes="button main wide")
        search = el(
            "input",
            classes="search",
            type="search",
            placeholder=say("talks.search"),
            aria_label=say("talks.search"),
            aria_keyshortcuts="/",
        )
        search.on("input", self._found, js_handler="(e) => emit(e.target.value)", throttle=0.2, leading_events=False)
        self._list = el("ul", classes="talk-list")
        self._list_talks()

    def _still(self) -> bool:
        """Whether the session still holds; else the way leads to the sign-in."""
        try:
            self._desk.require(self._who)
        except SignedOutError:
            ui.navigate.to("/sign-in")
            return False
        return True

    def _found(self, event: Any) -> None:
        if not self._still():
            return
        self._search = str(event.args)[:200]
        self._list_talks()

    def _list_talks(self) -> None:
        talks = self._desk.talks.of(self._who.person.name, self._search)
        self._list.clear()
        with self._list:
            for talk in talks:
                self._row(talk)
            if not talks:
                el("li", self._say("talks.none_found" if self._search else "talks.none"), classes="soft")

    def _row(self, talk: Talk) -> None:
        say, current = self._say, self._talk is not None and self._talk.thread_id == talk.thread_id
        with el("li", classes="talk-row"):
            href = f"/console/chat/{talk.thread_id}"
            link(talk.title, href, aria_current="page" if current else None)
            with el("details", classes="kebab"):
                el("summary", "⋯", aria_label=say("talks.more", title=talk.title))
                with el("div", classes="menu-card"):
                    with form(lambda given: self._rename(talk, given)):
                        box = f"name-{talk.thread_id}"
                        el("label", say("talks.name"), for_=box)
                        el("input", id=box, name="title", value=talk.title, maxlength="80", required=True)
                        button(say("talks.rename"))
                    with form(lambda _: self._delete(talk)):
                        button(say("talks.delete"), classes="bad")

    def _rename(self, talk: Talk, given: Given) -> None:
        if not self._still():
            return
        self._desk.talks.rename(self._who.person.name, talk.thread_id, str(given.get("title", "")))
        self._list_talks()

    def _delete(self, talk: Talk) -> None:
        if not self._still():
            return
        self._desk.talks.delete(self._who.person.name, talk.thread_id)
        self._desk.state.serving.now.agent("marketer").forget(talk.thread_id)
        if self._talk is not None and self._talk.thread_id == talk.thread_id:
            self.stop()
            ui.navigate.to("/")
            return
        self._list_talks()

    # --- the empty page, and the box to write in ---

    def _welcome(self, *, toured: bool) -> None:
        say, now = self._say, self._desk.state.serving.now
        el("p", say("chat.hello", name=self._who.person.name.split()[0]), classes="hello")
        el("p", say("chat.about", shop=now.shop.snapshot.name), classes="soft")
        if not toured:
            with el("section", classes="tour", aria_label=say("tour.title")):
                el("h2", say("tour.title"))
                with el("ol"):
                    for number in (1, 2, 3):
                        el("li", say(f"tour.{number}"))
                token = self._desk.sessions.form_token(self._who.token)
                with post("/console/preferences", token, tour="done"):
                    button(say("tour.done"))
        el("h2", say("chat.try"), classes="small-head")
        category = next(iter(now.shop.index.categories), "")
        with el("div", classes="suggestions"):
            for number in range(1, _SUGGESTIONS + 1):
                text = say(f"suggestion.{number}", category=category)
                task: Task = "plan" if number == _SUGGESTIONS else "ask"
                button(text, partial(self.ask, text, task), classes="suggestion")

    def _composer(self) -> None:
        say = self._say
        with form(self._submit, classes="composer", empties=True):
            with el("div", classes="modes", role="radiogroup", aria_label=say("chat.mode")):
                for task in ("ask", "plan"):
                    with el("label", classes="mode"):
                        checked = True if task == "ask" else None
                        el("input", type="radio", name="task", value=task, checked=checked)
                        el("span", say(f"chat.mode_{task}"))
            with el("div", classes="write"):
                el(
                    "textarea",
                    name="say",
                    rows="1",
                    maxlength=str(_LONGEST),
                    placeholder=say("chat.placeholder"),
                    aria_label=say("chat.placeholder"),
                )
                self._send = button(say("chat.send"), classes="main send")
                self._stop = button(say("chat.stop"), self.stop, classes="stop", hidden=True)
            el("p", say("chat.keys"), classes="soft tiny keys")

    def _submit(self, given: Given) -> None:
        self.ask(str(given.get("say", "")), "plan" if given.get("task") == "plan" else "ask")

    # --- asking ---

    def ask(self, text: str, task: Task) -> None:
        """Begins an answer; nothing while another one is being written."""
        said = text.strip()[: _LONGEST + 1]  # one too many, so that the agent says what is too long
        if not said or self._running is not None or not self._still():
            return
        if self._talk is None or task == "plan":  # a plan's calls are lettered anew, so it begins a conversation
            if self._talk is not None:
                self._log.clear()
            self._talk = self._desk.talks.begin(self._who.person.name, said)
            ui.navigate.history.replace(f"/console/chat/{self._talk.thread_id}")
            self._list_talks()
        self._empty.clear()
        self._busy(True)
        self._running = background_tasks.create(self._answer(said, task, self._talk), name="answer in the console")

    def stop(self) -> None:
        """Ends the answer that is being written."""
        if self._running is not None:
            self._running.cancel()

    def _busy(self, is_busy: bool) -> None:
        self._stop.props["hidden"] = not is_busy
        self._send.props["hidden"] = is_busy
        self._stop.update()
        self._send.update()

    def _show(self, shown: Shown) -> None:
        answers.question(self._say, shown.said)
        with el("article", classes="answer"):
            answers.answer(self._say, shown)

    async def _answer(self, said: str, task: Task, talk: Talk) -> None:
        with self._log:
            answers.question(self._say, said)
            with el("article", classes="answer", aria_busy="true") as place:
                with el("div", classes="steps") as steps:
                    pass
                words = el("div", "", classes="prose")
                el("p", self._say("chat.thinking"), classes="thinking soft")
        shown = Shown(said=said, task=task)
        try:
            shown = await self._written(shown, talk, steps, words)
        except asyncio.CancelledError:
            shown = shown.model_copy(update={"stopped": True, "text": words.text})
        except HTTPException as error:
            shown.trouble = str(error.detail)
        except ShopkeeperError as error:
            shown.trouble = str(error)
        except Exception:
            _log.exception("an answer in the console failed")
            shown.trouble = self._say("error.unexpected")
        self._desk.talks.keep(talk.thread_id, shown)
        self._running = None
        if self._client.is_deleted:
            return
        place.clear()
        place.props["aria-busy"] = "false"
        with place:
            answers.answer(self._say, shown)
        self._busy(False)

    async def _written(self, shown: Shown, talk: Talk, steps: Any, words: Any) -> Shown:
        """Follows the agent; the shown answer, or why there is none in its `trouble`."""
        now = self._desk.state.serving.now
        heard: list[Step] = []
        agent = now.planner if shown.task == "plan" else now.agent("marketer")
        if not self._who.may("decide"):
            agent = agent.looking()
        thread = f"plan-{uuid4().hex}" if shown.task == "plan" else talk.thread_id
        written = pieces(self._desk.state, agent, shown.said, thread=thread)
        async with aclosing(cast("AsyncGenerator[Piece, None]", written)) as stream:
            async for piece in stream:
                if piece.kind == "step":
                    heard.append(piece.value)
                    self._step(steps, piece.value)
                elif piece.kind == "words":
                    words.text += piece.value
                elif piece.kind == "error":
                    return shown.model_copy(update={"trouble": piece.value})
                else:
                    if shown.task == "plan":
                        await asyncio.to_thread(_taken_up, agent, now.agent("marketer"), thread, talk.thread_id)
                    return told(shown.said, shown.task, piece.value, heard, now.shop.snapshot)
        return shown.model_copy(update={"trouble": self._say("error.unexpected")})

    def _step(self, steps: Any, step: Step) -> None:
        with steps, el("div", classes="step live"):
            answers.step_line(self._say, step.tool, step.arguments, step.seconds, failed=step.failed)


def _taken_up(planner: Agent, agent: Agent, thread: str, into: str) -> None:
    """Lets the chat go on from what was planned."""
    agent.recall(planner.messages(thread), into)
