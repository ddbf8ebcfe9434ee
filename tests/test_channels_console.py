"""The console in a real browser, over a small shop with a scripted model; skipped where Chromium is not installed."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from shop import small_shop
from sqlalchemy import delete, func, select

from channels.access import PERSON_ROLES, People
from channels.console import charts, job, words
from channels.console.entry import FORMATS, OTHER
from channels.console.sessions import THEMES, Sessions
from channels.mail.outbox import STATES
from channels.worth import worth
from data.adapters.mapping import MEANINGS
from data.operations import Operations, OutboxMessage, Rejection, User
from data.schema import EVENT_KINDS
from llm.calls import written
from models.registry import MODELS
from tools.base import TOOLS

CHROMIUM = shutil.which("chromium") or ""
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
HERE = Path(__file__).parent
PASSWORD = "correct horse battery"
HOSTILE = '<img src=x onerror="document.body.dataset.hacked=1"><b>Mug</b>'
PATIENCE = 30_000
FORECAST = written("forecast_sales", {"target": "shop"})
UNITS = "We expect {a.units} units in {a.horizon}. It may be {a.low} to {a.high}."

needs_browser = pytest.mark.skipif(not CHROMIUM, reason="Chromium is not installed, so nothing can be looked at")


@dataclass(frozen=True)
class Site:
    """A running console: its address, store and records."""

    url: str
    operations: Operations
    product: str
    sessions: dict[str, list[Any]] = field(default_factory=dict)

    def script(self, *texts: str) -> None:
        """What the model says next."""
        httpx.post(f"{self.url}/script", json=list(texts)).raise_for_status()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    root = tmp_path_factory.mktemp("console") / "store"
    shutil.copytree(small_shop().store.root, root)
    product = _with_hostile_title(root)
    operations = Operations(root / "shop.db")
    with operations.session() as session:
        session.execute(delete(User))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {k: v for k, v in os.environ.items() if k != "PYTEST_CURRENT_TEST"}
    environment["PYTHONPATH"] = str(HERE.parent)
    command = [sys.executable, str(HERE / "console_server.py"), str(root), str(port)]
    server = subprocess.Popen(command, env=environment)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for(url, server)
        yield Site(url, operations, product)
    finally:
        server.terminate()
        server.wait(30)
        operations.close()


def _with_hostile_title(root: Path) -> str:
    """Gives one product of the stored snapshot a title that would like to be markup; its id."""
    path = root / "snapshots" / (root / "current").read_text(encoding="utf-8").strip() / "products.parquet"
    products = pd.read_parquet(path)
    products.loc[products.index[0], "title"] = HOSTILE
    products.to_parquet(path)
    return str(products["product_id"].iloc[0])


def _wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until and server.poll() is None:
        try:
            httpx.get(f"{url}/healthz", timeout=2)
            return
        except httpx.HTTPError:
            time.sleep(0.2)
    raise RuntimeError("the console did not start")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


class Visits:
    """Browser contexts of one test, and what went wrong or away in them."""

    def __init__(self, browser: Browser, site: Site) -> None:
        self._browser, self._site = browser, site
        self._contexts: list[BrowserContext] = []
        self.trouble: list[str] = []

    def page(self, who: str | None = "Ada Miller", **options: Any) -> Page:
        """A page of the console, signed in as `who`."""
        context = self._browser.new_context(base_url=self._site.url, **options)
        context.set_default_timeout(PATIENCE)
        self._contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: self.trouble.append(str(error)))
        page.on("request", self._asked)
        if who is not None:
            if who not in self._site.sessions:
                self._sign_in(page, who)
            context.add_cookies(self._site.sessions[who])
            page.goto("/console/")
            page.wait_for_selector(".composer")
        return page

    def _sign_in(self, page: Page, who: str) -> None:
        page.goto("/console/sign-in")
        page.fill("#name", who)
        page.fill("#password", PASSWORD)
        page.press("#password", "Enter")
        page.wait_for_url("**/console/")
        self._site.sessions[who] = [c for c in page.context.cookies() if c["name"] == "shopkeeper"]

    def _asked(self, request: Any) -> None:
        if not request.url.startswith((self._site.url, self._site.url.replace("http", "ws"), "data:", "blob:")):
            self.trouble.append(f"a request left the machine: {request.url}")

    def close(self) -> None:
        """Ends them."""
        for context in self._contexts:
            context.close()


@pytest.fixture
def visits(browser: Browser, site: Site) -> Iterator[Visits]:
    people = People(site.operations)
    if not people.every():
        people.add("Ada Miller", PASSWORD, "owner")
        people.add("Vic Viewer", PASSWORD, "viewer")
    found = Visits(browser, site)
    yield found
    found.close()
    assert found.trouble == []


def ask(page: Page, text: str, *, plan: bool = False) -> None:
    """Asks, and waits until the answer stands there."""
    before = page.locator(".answer .foot, .answer .notice").count()
    if plan:
        page.check(".mode input[value=plan]")
    page.fill(".composer textarea", text)
    page.press(".composer textarea", "Enter")
    expect(page.locator(".answer .foot, .answer .notice")).to_have_count(before + 1, timeout=PATIENCE)


def faults(page: Page) -> list[str]:
    """Serious and critical findings of axe."""
    found = Axe().run(page).response["violations"]
    return [f"{v['id']}: {v['nodes'][0]['html']}" for v in found if v["impact"] in ("serious", "critical")]


def english(page: Page) -> list[str]:
    """What a Chinese page says in English, of all that the catalogue has, and what it says in no catalogue's words."""
    chinese = words.words("zh").table
    known = {text for key, text in words.words("en").table.items() if chinese[key] != text}
    shown = page.evaluate(
        """() => {
          const found = [], walk = document.createTreeWalker(document.querySelector("#main"), NodeFilter.SHOW_TEXT);
          while (walk.nextNode()) {
            const held = walk.currentNode.parentElement.closest(
              ".code, code, pre, .campaign-name strong, .talk-row, .suggestion");  // the agent is asked in English
            if (!held) found.push(walk.currentNode.textContent.trim());
          }
          const said = [...document.querySelectorAll("main [aria-label], main [placeholder], main [title]")];
          const names = ["aria-label", "placeholder", "title"];
          return [...found, ...said.flatMap((one) => names.map((name) => one.getAttribute(name) ?? ""))];
        }"""
    )
    sentence = re.compile(r"[A-Za-z]{2,} [A-Za-z]{2,}")
    own = {"Ada Miller", "Vic Viewer"}
    return [t for t in shown if t not in own and (t in known or (t.isascii() and sentence.search(t)))]


def draft(site: Site, page: Page, name: str) -> str:
    """Plans a campaign called `name` and opens its page; its id."""
    call = {"name": name, "goal": "win_back", "channels": ["email"], "budget": 100}
    site.script(written("draft_campaign", call), "The plan {a.campaign} costs {a.cost}.")
    page.goto("/console/")
    ask(page, f"win back lapsed customers, {name[:20]}", plan=True)
    page.click(".plan-link")
    page.wait_for_selector(".trail")
    return page.url.rsplit("/", 1)[1]


@needs_browser
def test_nobody_gets_in_without_a_password(site: Site, browser: Browser) -> None:
    found = Visits(browser, site)
    page = found.page(None)
    page.goto("/console/")
    expect(page.locator("code")).to_contain_text("shopkeeper user add")  # nobody was added yet
    assert faults(page) == []
    People(site.operations).add("Ada Miller", PASSWORD, "owner")
    People(site.operations).add("Vic Viewer", PASSWORD, "viewer")
    page.goto("/console/campaigns")
    page.fill("#name", "Ada Miller")
    page.fill("#password", "not the password")
    page.press("#password", "Enter")
    expect(page.get_by_role("alert")).to_contain_text("do not go together")
    assert faults(page) == []
    page.fill("#password", PASSWORD)
    page.press("#password", "Enter")
    page.wait_for_url("**/console/campaigns")
    (cookie,) = [c for c in page.context.cookies() if c["name"] == "shopkeeper"]
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Lax"
    page.click(".menu summary")
    page.click("text=Sign out")
    page.wait_for_url("**/console/sign-in")
    page.context.add_cookies([cookie])  # a session that has ended stays ended
    page.goto("/console/data")
    page.wait_for_url("**/console/sign-in?**")
    found.close()
    assert found.trouble == []


@needs_browser
def test_an_answer_shows_steps_chart_and_sources_and_is_found_again(site: Site, visits: Visits) -> None:
    page = visits.page()
    assert faults(page) == []
    site.script(FORECAST, UNITS)
    ask(page, "What will the shop sell?")
    page.wait_for_url("**/console/chat/console-*")
    expect(page.locator("figure.chart svg")).to_have_count(1)
    page.click(".step summary")
    expect(page.locator(".step .code")).to_have_text("forecast_sales(target='shop')")
    expect(page.locator(".step table")).to_contain_text("low")
    page.click(".fig >> nth=0")
    expect(page.locator(".source:popover-open")).to_contain_text("model forecast")
    assert faults(page) == []
    page.keyboard.press("Escape")
    expect(page.locator(".source:popover-open")).to_have_count(0)
    text = page.locator(".prose").inner_text()
    page.reload()
    page.wait_for_selector(".fig")
    assert page.locator(".prose").inner_text() == text
    site.script("Between {a.low} and {a.high}.")  # the agent still knows the earlier call
    ask(page, "and the range?")
    expect(page.locator(".prose").last).to_contain_text("Between ")


@needs_browser
def test_conversations_are_searched_renamed_and_deleted(site: Site, visits: Visits) -> None:
    page = visits.page()
    site.script(FORECAST, UNITS)
    ask(page, "how about umbrellas?")
    site.script(FORECAST, UNITS)
    page.goto("/console/")
    ask(page, "and now lanterns")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("/")
    expect(page.locator(".search")).to_be_focused()
    page.keyboard.type("umbrella")
    expect(page.locator(".search")).to_have_value("umbrella")
    expect(page.locator(".talk-row")).to_have_count(1)
    page.click(".kebab summary")
    page.fill(".kebab input", "Rainy days")
    page.click("text=Rename")
    page.fill(".search", "rainy")
    expect(page.locator(".talk-row > a")).to_have_text("Rainy days")
    page.click(".kebab summary")
    page.click("text=Delete")
    expect(page.locator(".talk-row")).to_have_count(0)
    viewer = visits.page("Vic Viewer")
    expect(viewer.locator(".talk-row")).to_have_count(0)
    stolen = page.url.split(site.url)[1]
    viewer.goto(stolen)
    viewer.wait_for_url("**/console/")


@needs_browser
def test_escape_stops_an_answer(site: Site, visits: Visits) -> None:
    page = visits.page()
    site.script(f"wait 1.5 {FORECAST}", UNITS)
    page.fill(".composer textarea", "take your time")
    page.press(".composer textarea", "Enter")
    expect(page.locator(".stop")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".answer .notice")).to_contain_text("You stopped this answer")
    expect(page.locator(".send")).to_be_visible()
    site.script("a digit 3 in prose", "wrong again 4")
    site.script(FORECAST, UNITS)
    ask(page, "once more")
    expect(page.locator(".prose").last).to_contain_text("We expect ")


@needs_browser
def test_a_campaign_is_planned_approved_launched_paused_and_told(site: Site, visits: Visits) -> None:
    page = visits.page()
    campaign = draft(site, page, "Back for spring")
    page.frame_locator(".plan-frame").locator("h1").wait_for()
    page.wait_for_selector(".letter iframe, .notice.info")
    assert faults(page) == []
    page.fill("#reason", "a small test, and we learn from it")
    page.click("button[value=yes]")
    expect(page.locator(".head .chip")).to_have_text("approved")
    page.get_by_role("button", name="Launch").click()
    expect(page.locator(".head .chip")).to_have_text("running")
    with site.operations.session() as session:
        waiting = session.scalar(
            select(func.count()).where(OutboxMessage.campaign_id == campaign, OutboxMessage.status == "queued")
        )
    assert waiting
    expect(page.locator("section", has_text="Outbox").last).to_contain_text(f"waiting{waiting}")
    page.get_by_role("button", name="Pause").click()
    expect(page.locator(".head .chip")).to_have_text("paused")
    page.get_by_role("button", name="Resume").click()
    expect(page.locator(".head .chip")).to_have_text("running")
    expect(page.locator(".trail")).to_contain_text("by Ada Miller")
    page.click("text=Measure now")
    expect(page.locator("section", has_text="What it brought").last).to_contain_text("hold-out")
    page.goto("/console/campaigns")
    expect(page.locator(".campaign-row").first).to_contain_text("Back for spring")
    assert faults(page) == []


@needs_browser
def test_a_no_needs_a_reason_and_a_viewer_decides_nothing(site: Site, visits: Visits) -> None:
    page = visits.page()
    campaign = draft(site, page, "Back for summer")
    page.click("button[value=no]")
    expect(page.locator(".notice.bad")).to_contain_text("a no needs a reason")
    viewer = visits.page("Vic Viewer")
    viewer.goto(f"/console/campaigns/{campaign}")
    expect(viewer.locator(".notice").first).to_contain_text("You may look")
    expect(viewer.locator("button[value=yes]")).to_have_count(0)
    page.fill("#reason", "too close to the last one")
    page.click("button[value=no]")
    expect(page.locator(".head .chip")).to_have_text("ended")
    with site.operations.session() as session:
        assert session.get_one(Rejection, campaign).reason == "too close to the last one"
    expect(page.locator(".trail")).to_contain_text("too close to the last one")


@needs_browser
def test_a_viewer_launches_nothing_by_way_of_the_chat(site: Site, visits: Visits) -> None:
    page = visits.page()
    campaign = draft(site, page, "Back for autumn")
    page.fill("#reason", "we learn from it")
    page.click("button[value=yes]")
    expect(page.locator(".head .chip")).to_have_text("approved")
    viewer = visits.page("Vic Viewer")
    site.script(written("launch_campaign", {"campaign_id": campaign}), "Sorry: {a.message}.")
    ask(viewer, f"launch {campaign}")
    expect(viewer.locator(".answer")).to_contain_text("ask a marketer")
    page.reload()
    expect(page.locator(".head .chip")).to_have_text("approved")


@needs_browser
def test_the_language_is_the_visitors_choice(visits: Visits) -> None:
    page = visits.page()
    page.click(".tour button")
    expect(page.locator(".suggestion")).to_have_count(6)
    expect(page.locator(".tour")).to_have_count(0)
    page.click(".menu summary")
    page.click("text=中文")
    expect(page.locator(".ways a").first).to_have_text("提问")
    assert page.locator("html").get_attribute("lang") == "zh-CN"
    for path in ("/console/data", "/console/campaigns", "/console/people", "/console/"):
        page.goto(path)
        page.wait_for_selector("main h1")
        assert english(page) == [], path
    page.goto("/console/data")
    expect(page.locator("h2").first).to_have_text("存有的数据")
    expect(page.locator(".key").first).to_contain_text("年")
    assert faults(page) == []


@needs_browser
def test_dark_phone_pages_have_no_serious_fault(visits: Visits) -> None:
    page = visits.page(viewport={"width": 375, "height": 800}, color_scheme="dark")
    for path in ("/console/", "/console/campaigns", "/console/data", "/console/people"):
        page.goto(path)
        page.wait_for_selector("main h1")
        assert faults(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= 375, path


@needs_browser
def test_hostile_text_stays_text(site: Site, visits: Visits) -> None:
    page = visits.page()
    site.script(written("get_product", {"product_id": site.product}), "It is {a.title} for {a.price}.")
    ask(page, f"tell me of {HOSTILE}")
    expect(page.locator(".card strong")).to_have_text(HOSTILE)
    expect(page.locator(".said p")).to_have_text(f"tell me of {HOSTILE}")
    draft(site, page, f"Sale {HOSTILE}")
    expect(page.locator("h1").first).to_contain_text("<b>")
    page.goto("/console/campaigns")
    page.wait_for_selector(".campaign-row")
    assert page.evaluate("document.body.dataset.hacked") is None
    assert page.locator("main img, main b").count() == 0


@needs_browser
def test_other_sites_can_neither_post_nor_listen(site: Site, visits: Visits) -> None:
    page = visits.page()
    cookies = {c["name"]: c["value"] for c in page.context.cookies()}
    foreign = {"origin": "https://evil.example"}
    with httpx.Client(base_url=site.url, cookies=cookies) as client:
        token = page.locator("input[name=form_token]").first.get_attribute("value") or ""
        for headers, form in ((foreign, token), ({}, "guessed")):
            answer = client.post("/console/sign-out", data={"form_token": form}, headers=headers)
            assert answer.status_code == 403
        socket_path = "/console/_nicegui_ws/socket.io/?EIO=4&transport=polling"
        assert client.get(socket_path, headers=foreign).status_code == 403
        assert client.get("/console/frames/quality").status_code == 200
        assert httpx.get(f"{site.url}/console/frames/quality").status_code == 401
        policy = client.get("/console/").headers["content-security-policy"]
        assert "script-src 'self' 'nonce-" in policy
        assert "unsafe-inline" not in policy.split("script-src")[1].split(";")[0]


@needs_browser
def test_a_broken_file_is_told_and_changes_nothing(site: Site, visits: Visits, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("a,b\n1,2\n", encoding="utf-8")
    page = visits.page()
    page.goto("/console/data")
    page.set_input_files("#file", wrong)
    page.click("text=Add and train")
    expect(page.locator(".notice.bad")).to_contain_text("wrong.csv has no column", timeout=60_000)
    viewer = visits.page("Vic Viewer")
    viewer.goto("/console/data")
    expect(viewer.locator("text=A marketer or the owner adds files")).to_be_visible()
    expect(viewer.locator("#file")).to_have_count(0)


@needs_browser
def test_an_unknown_file_is_named_and_trained_while_the_old_shop_serves(
    site: Site, visits: Visits, tmp_path: Path
) -> None:
    """The last of these tests that looks at the shop: it is another one afterwards."""
    page, file = visits.page(), till_export(tmp_path / "till.csv")
    before = serves(site)
    unnamed(page, file)
    for place, meaning in enumerate(("order_id", "at", "customer_id", "product_id", "title", "category", "quantity")):
        expect(page.locator(f"select[name=column_{place}]")).to_have_value(meaning)
    expect(page.locator("table.columns tr", has_text="Product Name")).to_contain_text("Enamel")
    assert faults(page) == []
    page.fill("#currency", "")
    page.click("text=Add and train")
    expect(page.locator(".notice.bad")).to_contain_text("currency is needed")
    page.fill("#currency", "eur")
    page.click("text=Add and train")
    page.wait_for_url("**/console/data")
    expect(page.locator("progress")).to_be_visible()
    other = visits.page()
    site.script(written("get_product", {"product_id": "A1"}), "{a.message}.")
    ask(other, "tell me of A1")
    expect(other.locator(".answer")).to_contain_text("no product")
    assert serves(site) == before
    expect(page.locator(".notice.good")).to_contain_text("900 new events", timeout=120_000)
    until = time.monotonic() + 30
    while serves(site) == before and time.monotonic() < until:
        time.sleep(0.1)
    site.script(written("get_product", {"product_id": "A1"}), "It is {a.title} for {a.price}.")
    other.goto("/console/")
    ask(other, "tell me of A1")
    expect(other.locator(".prose .fig").first).to_have_text("Enamel Mug")
    page.reload()
    expect(page.frame_locator(".report-frame").locator("body")).to_contain_text("Data quality of till")
    unnamed(page, file)
    expect(page.locator("#main")).to_contain_text("the same columns as an earlier file")
    expect(page.locator("#currency")).to_have_value("EUR")


def till_export(path: Path) -> Path:
    """Nine hundred purchases as a till writes them, under headers of its own."""
    rng = random.Random(5)
    nouns = ("Mug", "Teapot", "Plate", "Bowl", "Lantern", "Lamp", "Candle", "Torch", "Spade", "Rake")
    lines = ["Order Number;Order Date;Client ID;SKU;Product Name;Department;Qty;Unit Price;Till"]
    for number in range(900):
        at, place = datetime(2024, 1, 1, 9) + timedelta(hours=number * 4), rng.randrange(len(nouns))
        group, price = ("Kitchen", "Lighting", "Garden")[place // 4], 5 + place
        sold = f"A{place + 1};Enamel {nouns[place]};{group};{rng.randrange(1, 4)};{price}.50"
        lines.append(f"{number};{at:%d/%m/%Y %H:%M};C{rng.randrange(60)};{sold};7")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def unnamed(page: Page, file: Path) -> None:
    """Uploads a file of no known form, and waits for the page where its columns are named."""
    page.goto("/console/data")
    page.select_option("#format", "other")
    page.set_input_files("#file", file)
    page.click("text=Add and train")
    page.wait_for_url("**/console/data/columns/*")


def serves(site: Site) -> str:
    """The snapshot that answers come from just now."""
    return str(httpx.get(f"{site.url}/readyz").json()["snapshot"])


@needs_browser
def test_passwords_cannot_be_tried_in_bulk(site: Site) -> None:
    with httpx.Client(base_url=site.url) as client:
        client.get("/console/sign-in")
        form = {"name": "Ada Miller", "password": "guess", "form_token": client.cookies["shopkeeper_form"]}
        found = [client.post("/console/sign-in", data=form).status_code for _ in range(21)]
    assert found[0] == 401
    assert found[-1] == 429


def test_both_languages_have_the_same_words() -> None:
    tables = [dict(words.words(language).table) for language in words.LANGUAGES]
    assert set(tables[0]) == set(tables[1])
    path = Path(words.__file__).parent / "en.yaml"
    assert len(yaml.safe_load(path.read_text(encoding="utf-8"))) == len(tables[0])
    for key, text in tables[0].items():
        slots = {part.split("}")[0] for part in text.split("{")[1:]}
        assert slots == {part.split("}")[0] for part in tables[1][key].split("{")[1:]}, key


def test_whatever_a_page_names_has_words_in_both_languages() -> None:
    named = {
        "tool": TOOLS,
        "argument": {argument for tool in TOOLS.values() for argument in tool.parameters("marketer")},
        "role": PERSON_ROLES,
        "theme": THEMES,
        "format": (*FORMATS, OTHER),
        "kind": EVENT_KINDS,
        "meaning": MEANINGS,
        "message": STATES,
        "part": (*MODELS, "index", "reading", "merging", "writing", "checking quality"),
    }
    for language in words.LANGUAGES:
        wanted = {f"{group}.{one}" for group, ones in named.items() for one in ones}
        assert wanted - set(words.words(language).table) == set()
    say = words.words("zh")
    for line in worth(small_shop().models):
        for text in (line.what, line.remark, line.baseline):
            parts = [say.phrase(part) for part in (text.split(", ") if say.phrase(text) == text else [text])]
            assert all(re.search("[\u4e00-\u9fff]", part) for part in parts if part), text


def test_charts_are_drawn_from_what_the_tools_give() -> None:
    bars = charts.svg({"kind": "bars", "title": '"><script>', "x": ["a $ b $", "<b>"], "y": [1, 2.5]}, "one")
    assert bars.startswith("<svg")
    assert "<script>" not in bars
    assert "<b>" not in bars
    funnel = {"kind": "funnel", "title": "Funnel", "x": ["view", "buy"], "y": [200, 10]}
    assert "(5.0%)" in charts.svg(funnel, "two")
    heat = {"kind": "heatmap", "title": "Again", "x": ["month 1"], "y": ["2026-01", "2026-02"], "z": [[0.25], [None]]}
    assert "25%" in charts.svg(heat, "three")
    assert charts.svg({"kind": "unknown"}, "four") == ""


def test_a_job_tells_what_went_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "wrong.csv"
    source.write_text("a,b\n1,2\n", encoding="utf-8")
    assert job.main([str(tmp_path / "store"), str(source), "online-retail", ""]) == 2
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last["stage"] == "failed"
    assert "no column" in last["words"]


def test_a_changed_role_and_a_removed_person_count_at_once(tmp_path: Path) -> None:
    operations = Operations(tmp_path / "shop.db")
    people = People(operations)
    sessions = Sessions(people)
    token = sessions.begin(people.add("Ada", PASSWORD, "marketer"))
    assert sessions.person(token) is not None
    people.add("Ada", PASSWORD, "viewer")
    assert getattr(sessions.person(token), "role", None) == "viewer"
    with operations.session() as session:
        session.execute(delete(User))
    assert sessions.person(token) is None
    assert not sessions.is_form_of(token, json.dumps("no"))
    operations.close()
