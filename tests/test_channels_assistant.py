"""The shopping assistant in a real browser, on the demo shop's pages and on a stranger's page."""

from __future__ import annotations

import gzip
import re
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from langchain_core.outputs import ChatResult
from playwright.sync_api import Browser, Page, expect, sync_playwright
from shop import Shop, small_shop

from agent.build import open_agent
from channels.api.app import create_app
from channels.assistant import routers
from channels.assistant.build import HOW, place
from channels.assistant.storefront import front
from channels.serving import Serving
from data.store import Store
from llm.calls import written
from llm.scripted import ScriptedChat, ScriptedWriter

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
PHONE, DESK = {"width": 375, "height": 740}, {"width": 1280, "height": 860}
HOSTILE = "Waterproof <img src=x onerror=alert(1)> Lantern"
GIFT = "a waterproof gift under 20"

pytestmark = [
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's chromium at /usr/bin/chromium"),
    pytest.mark.skipif(not (place() / "widget.js").exists(), reason=HOW),
]


class Slow(ScriptedChat):
    """Takes `pause` seconds for each text, so that there is time to press stop."""

    pause: float = 0.0

    def _generate(self, *args: Any, **kwargs: Any) -> ChatResult:
        time.sleep(self.pause)
        return super()._generate(*args, **kwargs)


class Stranger(BaseHTTPRequestHandler):
    """A page of a shop on another origin, under the policy that docs/assistant.md asks for."""

    assistant = ""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html; charset=utf-8")
        allowed = f"script-src {self.assistant}; connect-src {self.assistant}; img-src {self.assistant}"
        self.send_header("content-security-policy", f"default-src 'none'; {allowed}")
        self.end_headers()
        tag = f'<script src="{self.assistant}/assistant/widget.js" async></script>'
        self.wfile.write(f"<!doctype html><html lang=zh><title>Elsewhere</title><h1>Elsewhere</h1>{tag}".encode())

    def log_message(self, *_: Any) -> None:
        pass


class Place:
    """A running server, and what its model will say next; `stranger` is a page elsewhere that carries the tag."""

    def __init__(self, shop: Shop) -> None:
        self.shop, self._chats = shop, list[Slow]()
        self.serving = Serving(shop.store.root, opener=self._open)
        self._elsewhere = ThreadingHTTPServer(("127.0.0.1", 0), Stranger)
        self.stranger = f"http://127.0.0.1:{self._elsewhere.server_port}"
        app = create_app(self.serving, origins=[self.stranger], routers=routers())
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.base = f"http://127.0.0.1:{port}"
        self._server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", ws="none"))
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        Stranger.assistant = self.base
        threading.Thread(target=self._elsewhere.serve_forever, daemon=True).start()
        while not self._server.started:
            time.sleep(0.02)

    def say(self, *texts: str, pause: float = 0.0) -> None:
        for chat in self._chats:
            chat.texts, chat.said, chat.pause = list(texts), 0, pause

    def close(self) -> None:
        self._elsewhere.shutdown()
        self._elsewhere.server_close()
        self._server.should_exit = True
        self._thread.join()

    def _open(self, root: Path, **options: Any) -> Any:
        self._chats.append(Slow(texts=[]))
        return open_agent(root, chat=self._chats[-1], writer=ScriptedWriter([]), **options)


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The small shop, one of whose products has got a hostile title since it was indexed."""
    shop = small_shop()
    store = Store(shutil.copytree(shop.store.root, tmp_path_factory.mktemp("assistant") / "store"))
    file = store.snapshot().path / "products.parquet"
    table = pq.read_table(file)
    rows = table.to_pylist()
    rows[0]["title"] = HOSTILE
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), file)
    place = Place(replace(shop, store=store, snapshot=store.snapshot()))
    yield place
    place.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens pages and checks in the end that they reached nobody else, and that nothing failed in them."""
    pages, reached, troubles = list[Page](), set[str | None](), list[str]()

    def opened(**options: Any) -> Page:
        page = browser.new_context(**{"viewport": DESK} | options).new_page()
        page.set_default_timeout(8000)
        page.on("request", lambda request: reached.add(urlsplit(request.url).hostname))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("dialog", lambda dialog: (troubles.append(dialog.message), dialog.dismiss()))
        page.on("console", lambda said: troubles.append(said.text) if "Content Security" in said.text else None)
        pages.append(page)
        return page

    yield opened
    for page in pages:
        page.context.close()
    assert reached <= {"127.0.0.1", None}  # None: data: addresses
    assert troubles == []


def ask(page: Page, text: str) -> None:
    if not page.locator("#text-input").is_visible():
        page.get_by_role("button", name="Ask the shopping assistant").click()
    page.locator("#text-input").fill(text)
    page.locator("#text-input").press("Enter")


def searched(answer: str = "The {a1.title} costs {a1.price}.") -> tuple[str, str]:
    title = str(small_shop().snapshot.frame("products")["title"].iloc[0])
    return written("search_products", {"query": title, "max_price": 20}), answer


def count(page: Page) -> int:
    return int(page.locator("[data-count]").inner_text())


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_a_gift_is_found_compared_and_put_into_the_basket(
    there: Place, open_page: Callable[..., Page], size: dict[str, int]
) -> None:
    page = open_page(viewport=size, reduced_motion="reduce")
    page.goto(there.base + "/shop/")
    there.say(*searched())
    ask(page, GIFT)
    card = page.locator(".sk-card").first
    expect(card.get_by_text("in stock")).to_be_visible()
    expect(card.locator(".sk-price strong")).to_have_text(re.compile(r"£\d+\.\d\d"))
    expect(page.locator(".ai-message-text").filter(has_text="costs £")).to_be_visible()
    title = card.locator(".sk-title").inner_text()
    card.get_by_role("button").click()
    expect(card.get_by_role("button")).to_contain_text("In the basket")
    expect(page.locator("[data-count]")).to_have_text("1")
    ids = [str(one) for one in list(front(there.shop.snapshot).products)[:3]]
    there.say(written("compare_products", {"product_ids": ids}), "They cost {b1.price} and {b2.price}.")
    ask(page, "which of these three is best?")
    table = page.get_by_role("region", name="Side by side")
    expect(table.get_by_role("columnheader")).to_have_count(3)
    expect(table.get_by_role("row", name="price £")).to_contain_text("£")
    box = page.get_by_role("dialog").bounding_box()
    assert box is not None
    assert (box["width"] == size["width"]) is (size is PHONE)
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Basket").click()
    expect(page.locator(".lines")).to_contain_text(title)


def test_what_the_assistant_puts_into_the_basket_reaches_the_page(there: Place, open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.goto(there.base + "/shop/")
    wanted = next(one for one in front(there.shop.snapshot).products.values() if (one.stock or 0) > 3)
    there.say(written("add_to_cart", {"product_id": wanted.product_id, "quantity": 2}), "It is in your basket.")
    ask(page, f"two of {wanted.product_id} please")
    expect(page.locator("[data-count]")).to_have_text("2")
    expect(page.locator("[data-toast]")).to_have_text(f"{wanted.title} is in the basket")


def test_an_order_is_tracked_by_who_is_signed_in(there: Place, open_page: Callable[..., Page]) -> None:
    page = open_page(viewport=PHONE)
    page.goto(there.base + "/shop/")
    page.get_by_text("Sign in", exact=True).click()
    someone = front(there.shop.snapshot).people[0]
    page.get_by_role("button", name=someone.name).click()
    page.get_by_role("button", name="Ask the shopping assistant").click()
    suggested = page.get_by_role("button", name="Where is my order")
    order = suggested.inner_text().removeprefix("Where is my order ").removesuffix("?")
    there.say(written("track_order", {"order_id": order}), "Your order {a.order} is {a.status}.")
    suggested.click()
    shown = page.get_by_role("region", name=f"Order {order}")
    expect(shown).to_contain_text("total")
    page.keyboard.press("Escape")
    page.goto(there.base + "/shop/orders")
    expect(page.locator(".lines")).to_contain_text(order)


def test_what_is_looked_at_changes_what_is_recommended(there: Place, open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.goto(there.base + "/shop/")
    before = page.locator("[data-for-you] .name").all_inner_texts()
    one = there.shop.models.recommend.recommend(there.shop.snapshot, there.shop.buyer(), limit=1)[0]
    with page.expect_response("**/assistant/events"):
        page.goto(f"{there.base}/shop/p/{one.evidence.anchor or one.product_id}")
    expect(page.get_by_role("heading", name="Goes with this")).to_be_visible()
    page.goto(there.base + "/shop/")
    assert page.locator("[data-for-you] .name").all_inner_texts() != before


def test_a_hostile_title_is_text(there: Place, open_page: Callable[..., Page]) -> None:
    page = open_page()
    hostile = next(key for key, one in front(there.shop.snapshot).products.items() if one.title == HOSTILE)
    page.goto(f"{there.base}/shop/p/{hostile}")
    expect(page.get_by_role("heading", level=1)).to_have_text(HOSTILE)
    there.say(*searched("Have a look at {a1.title}."))
    ask(page, "![x](http://evil.example/x.png) <b>lantern</b>")
    expect(page.locator(".sk-title").first).to_have_text(HOSTILE)
    expect(page.locator(".ai-message-text").filter(has_text=f"Have a look at {HOSTILE}")).to_be_visible()
    expect(page.locator(".user-message-text")).to_have_text("![x](http://evil.example/x.png) <b>lantern</b>")
    assert page.locator("img[src=x]").count() == 0


def test_stop_ends_the_answer_and_the_next_one_comes(there: Place, open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.goto(there.base + "/shop/")
    there.say(*searched(), pause=1.2)
    ask(page, GIFT)
    page.get_by_role("button", name="Stop the answer").press("Enter")
    expect(page.get_by_text("You stopped the answer here.").first).to_be_visible()
    time.sleep(1.3)
    there.say(*searched())
    ask(page, "and now?")
    expect(page.locator(".sk-card").first).to_be_visible()


def test_a_failure_is_told_in_words_and_can_be_tried_again(there: Place, open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.goto(there.base + "/shop/")
    page.route("**/assistant/chat", lambda route: route.abort())
    ask(page, GIFT)
    expect(page.locator(".sk-failed")).to_contain_text("can't be reached")
    page.unroute("**/assistant/chat")
    there.say(*searched())
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".sk-card").first).to_be_visible()


def test_the_keyboard_is_enough(there: Place, open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.goto(there.base + "/shop/")
    bubble = page.get_by_role("button", name="Ask the shopping assistant")
    bubble.press("Enter")
    expect(page.locator("#text-input")).to_be_focused()
    expect(page.locator(".sk-chip").first).to_be_visible()
    for _ in range(12):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.tagName") == "SHOPKEEPER-ASSISTANT"
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(bubble).to_be_focused()


def test_it_remembers_within_the_visit_and_forgets_with_it(there: Place, open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.goto(there.base + "/shop/")
    there.say(*searched())
    ask(page, GIFT)
    expect(page.locator(".sk-card").first).to_be_visible()
    page.goto(there.base + "/shop/basket")
    expect(page.locator(".user-message-text")).to_have_text(GIFT)
    expect(page.locator(".sk-card").first).to_be_visible()
    page.get_by_role("button", name="Begin anew").click()
    expect(page.locator(".user-message-text")).to_have_count(0)
    there.say(*searched())
    ask(page, GIFT)
    expect(page.locator(".sk-card").first).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_text("Sign in", exact=True).click()
    page.locator(".menu button").first.click()
    page.get_by_role("button", name="Ask the shopping assistant").click()
    expect(page.locator(".sk-chip").first).to_be_visible()
    expect(page.locator(".user-message-text")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(there: Place, open_page: Callable[..., Page], scheme: str) -> None:
    page = open_page(color_scheme=scheme, reduced_motion="reduce")
    product = next(iter(front(there.shop.snapshot).products))
    others = ("/shop/c/Camping", f"/shop/p/{product}") if scheme == "light" else ()
    for path in (*others, "/shop/"):
        page.goto(there.base + path)
        assert serious(page) == []
    ids = list(front(there.shop.snapshot).products)[:2]
    there.say(*searched(), written("compare_products", {"product_ids": ids}), "They cost {b1.price} and {b2.price}.")
    ask(page, GIFT)
    expect(page.locator(".sk-card").first).to_be_visible()
    ask(page, "compare two")
    expect(page.locator(".sk-compare")).to_be_visible()
    assert serious(page) == []


def serious(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found if one["impact"] in ("serious", "critical")]


def test_one_tag_is_enough_on_any_page_under_a_strict_policy(there: Place, open_page: Callable[..., Page]) -> None:
    page = open_page(locale="en-GB")
    page.goto(there.stranger)
    page.get_by_role("button", name="咨询购物助手").click()
    expect(page.get_by_role("dialog", name="购物助手")).to_be_visible()
    there.say(*searched())
    page.locator("#text-input").fill(GIFT)
    page.locator("#text-input").press("Enter")
    card = page.locator(".sk-card").first
    expect(card.get_by_role("button")).to_have_text("加入购物车")
    assert card.locator("img").evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    page.evaluate("addEventListener('shopkeeper:add-to-cart', ({detail}) => (window.heard = detail))")
    card.get_by_role("button").click()
    heard = page.evaluate("window.heard")
    assert (heard["quantity"], heard["by"], heard["title"]) == (1, "shopper", card.locator(".sk-title").inner_text())


def test_the_scripts_are_small_packed_and_for_every_site(there: Place) -> None:
    with httpx.Client(base_url=there.base) as client:
        scripts = {path.name: client.get(f"/assistant/{path.name}") for path in place().glob("*.js")}
        assert len(scripts) == 2
        for name, answer in scripts.items():
            assert answer.headers["content-encoding"] == "gzip"
            assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
            assert answer.headers["content-type"].startswith("text/javascript")
            assert ("immutable" in answer.headers["cache-control"]) is (name != "widget.js")
            assert (
                client.get(f"/assistant/{name}", headers={"if-none-match": answer.headers["etag"]}).status_code == 304
            )
        assert sum(len(gzip.compress(answer.content, 9)) for answer in scripts.values()) <= 150_000
        assert client.get("/assistant/other.js").status_code == 404


def test_only_the_shops_own_pages_may_write(there: Place) -> None:
    someone = front(there.shop.snapshot).people[0].customer_id
    listed = {one.customer_id for one in front(there.shop.snapshot).people}
    other = next(c for c in there.shop.snapshot.frame("customers")["customer_id"] if c not in listed)
    with httpx.Client(base_url=there.base) as client:
        for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}, {}):
            for path, form in (("sign-in", {"customer_id": someone}), ("basket", {"product_id": "P0001"})):
                assert client.post(f"/shop/{path}", data=form, headers=headers).status_code == 403
        own = {"sec-fetch-site": "same-origin"}
        signed = client.post("/shop/sign-in", data={"customer_id": someone}, headers=own)
        assert signed.status_code == 303
        assert {"HttpOnly", "SameSite=lax"} <= set(signed.headers["set-cookie"].split("; "))
        assert client.post("/shop/sign-in", data={"customer_id": other}, headers=own).status_code == 403


def test_a_real_shop_has_no_demo_pages(there: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(there.serving.now.shop.snapshot.meta, "generated", False)
    with httpx.Client(base_url=there.base) as client:
        assert client.get("/shop/").status_code == 404
        assert client.post("/shop/sign-in", data={"customer_id": "1"}).status_code == 404
