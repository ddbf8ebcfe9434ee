"""What the store holds, what its models are worth, its quality report, and the door for new files."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fastapi import Request
from fastapi.responses import RedirectResponse, Response
from nicegui import ui

from channels.api.security import LARGER
from channels.console.entry import FORMATS, OTHER
from channels.console.frame import framed
from channels.console.parts import button, el, notice, pairs, post, table
from channels.worth import worth

if TYPE_CHECKING:
    from nicegui.element import Element

    from channels.console.desk import Desk
    from channels.console.jobs import Job
    from channels.console.sessions import Visitor
    from channels.console.words import Words
    from channels.serving import Loaded

_LOOK_EVERY = 0.5
"""Seconds between two looks at a job."""


def register(desk: Desk) -> None:
    """The page `/data`."""

    @ui.page("/data")
    def data(request: Request) -> Response | None:
        who = desk.visitor(request)
        if who is None:
            return RedirectResponse("/console/sign-in?next=/console/data")
        say, now = who.say, desk.state.serving.now
        with framed(desk, who, "data"):
            el("h1", say("nav.data"))
            fault = request.query_params.get("fault")
            if fault in ("no_file", "job_busy"):
                notice(say(f"data.{fault}"), kind="bad")
            _holds(say, now)
            _feed(desk, who)
            _models(say, now)
            _quality(say, is_there=desk.state.serving.store.quality_path.exists())
        return None


def _quality(say: Words, *, is_there: bool) -> None:
    with el("section", classes="panel"):
        el("h2", say("data.quality"))
        if not is_there:
            el("p", say("data.no_report"), classes="soft")
            return
        source, title = "/console/frames/quality", say("data.quality")
        el("iframe", classes="report-frame", src=source, title=title, sandbox="", loading="lazy")


def _holds(say: Words, now: Loaded) -> None:
    snapshot = now.shop.snapshot
    events = snapshot.frame("events")
    with el("section", classes="panel"):
        el("h2", say("data.holds"))
        el(
            "p",
            say(
                "data.about",
                shop=snapshot.name,
                source=snapshot.meta["source"],
                snapshot=snapshot.id,
                currency=snapshot.currency,
            ),
            classes="soft",
        )
        counted = [
            (say(f"data.{name}"), say.number(len(snapshot.frame(name)))) for name in ("customers", "products", "orders")
        ]
        pairs(
            [
                *counted,
                (say("data.events"), say.number(len(events))),
                (say("data.since"), say.day(events["at"].min())),
                (say("data.until"), say.day(snapshot.as_of)),
            ]
        )


def _feed(desk: Desk, who: Visitor) -> None:
    """The form for a file, and how the work on the latest one stands."""
    say, token = who.say, desk.sessions.form_token(who.token)
    with el("section", classes="panel", aria_labelledby="h-feed"):
        el("h2", say("data.upload"), id="h-feed")
        place = el("div")
        Progress(desk, who, place)
        if not who.may("feed"):
            el("p", say("data.only_looking"), classes="soft")
            return
        size = LARGER["/console/upload"] // 2**20
        el("p", say("data.upload_about", size=size), classes="soft")
        with post("/console/upload", token) as form:
            form.props["enctype"] = "multipart/form-data"
            with el("div", classes="fields"):
                with el("div"):
                    el("label", say("data.format"), for_="format")
                    with el("select", id="format", name="format"):
                        for name in (*FORMATS, OTHER):
                            el("option", say.of("format", name), value=name)
                with el("div"):
                    el("label", say("data.file"), for_="file")
                    el("input", id="file", name="file", type="file", required=True)
                with el("div"):
                    el("label", say("data.map"), for_="map")
                    el("input", id="map", name="map", type="file", accept=".yaml,.yml")
                with el("div", classes="whole"):
                    el("label", say("data.consent"), for_="consent")
                    el("input", id="consent", name="consent", maxlength="500")
            with el("div", classes="row"):
                button(say("data.upload_go"), classes="main")
                button(say("data.train_go"), name="only", value="train", formnovalidate=True)


class Progress:
    """The latest job, followed while it runs."""

    def __init__(self, desk: Desk, who: Visitor, place: Element) -> None:
        self._desk, self._say, self._place = desk, who.say, place
        self._seen: Job | None = None
        self._look()
        ui.timer(_LOOK_EVERY, self._look)

    def _look(self) -> None:
        job, say = self._desk.jobs.latest, self._say
        if job is None or job == self._seen:
            return
        self._seen = job
        self._place.clear()
        with self._place:
            if job.stage == "failed":
                notice(say("data.job_failed", why=job.words), kind="bad")
            elif job.stage == "done":
                notice(f"{job.words} {say('data.job_done')}".strip(), kind="good")
            else:
                el("p", f"{say(f'data.job_{job.stage}')} {say.of('part', job.part)}", role="status")
                known = job.stage == "train"
                value = f"{job.share:.3f}" if known else None
                el("progress", max="1", value=value, aria_label=say(f"data.job_{job.stage}"))
                el("p", say("data.job_keeps"), classes="soft")


def _models(say: Words, now: Loaded) -> None:
    with el("section", classes="panel"):
        el("h2", say("data.models"))
        el("p", say("data.models_about"), classes="soft")
        rows = [
            (
                say.phrase(line.what),
                say.phrase(line.measure),
                line.model,
                _said(say, line.baseline),
                _said(say, line.remark),
            )
            for line in worth(now.shop.models)
        ]
        head = ("data.what", "data.measure", "data.model", "data.baseline", "data.remark")
        table([say(one) for one in head], rows, words=5)
        if now.mark:
            latest = max(now.mark[1]) / 1e9
            el("p", say("data.trained", day=say.moment(datetime.fromtimestamp(latest, UTC))), classes="soft")


def _said(say: Words, text: str) -> str:
    """A remark in the visitor's language: as a whole, else part by part."""
    known = say.phrase(text)
    return known if known != text else ", ".join(map(say.phrase, text.split(", ")))
