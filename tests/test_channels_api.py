"""The HTTP API over a trained demo shop with a scripted model: keys, sources, live events, chat, visits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from fastapi.testclient import TestClient
from serving import Script
from shop import Shop, small_shop

from channels.access import Visit
from channels.api.app import create_app
from channels.api.security import LARGEST_BODY, Pace
from channels.serving import Serving
from llm.calls import written


@pytest.fixture(scope="module")
def shop() -> Shop:
    return small_shop()


@pytest.fixture(scope="module")
def script() -> Script:
    return Script()


@pytest.fixture(scope="module")
def client(shop: Shop, script: Script) -> Iterator[TestClient]:
    serving = Serving(shop.store.root, opener=script.opener)
    with TestClient(create_app(serving, origins=["https://shop.example"])) as client:
        yield client


@pytest.fixture(scope="module")
def key(client: TestClient) -> dict[str, str]:
    keys = client.app.state.shopkeeper.keys  # type: ignore[attr-defined]
    _, secret = keys.make("tests", ["chat", "catalogue", "insight", "campaigns", "events"])
    return {"authorization": f"Bearer {secret}"}


@pytest.fixture
def say(script: Script) -> Any:
    return script.say


def visit_of(client: TestClient, customer: str | None = None, name: str = "v-1") -> dict[str, str]:
    token = client.app.state.shopkeeper.visits.sign(Visit(name, customer))  # type: ignore[attr-defined]
    return {"authorization": f"Bearer {token}"}


def events_of(text: str) -> list[tuple[str, Any]]:
    blocks = [block.splitlines() for block in text.strip().split("\n\n")]
    return [(block[0].removeprefix("event: "), json.loads(block[1].removeprefix("data: "))) for block in blocks]


def test_nothing_without_a_key_and_nothing_beyond_its_scopes(client: TestClient) -> None:
    assert client.get("/api/search", params={"q": "tea"}).status_code == 401
    assert client.get("/api/search", params={"q": "tea"}, headers={"authorization": "Bearer sk-x"}).status_code == 401
    key, secret = client.app.state.shopkeeper.keys.make("narrow", ["events"])  # type: ignore[attr-defined]
    narrow = {"authorization": f"Bearer {secret}"}
    refused = client.get("/api/search", params={"q": "tea"}, headers=narrow)
    assert refused.status_code == 403
    assert key.key_id in refused.json()["detail"]
    for path in ("/v1/models", "/api/campaigns", "/api/forecasts", "/api/predictions/1"):
        assert client.get(path, headers=narrow).status_code == 403


def test_a_revoked_key_is_refused(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = client.app.state.shopkeeper.keys  # type: ignore[attr-defined]
    key, secret = keys.make("short-lived", ["catalogue"])
    headers = {"authorization": f"Bearer {secret}"}
    assert client.get("/api/search", params={"q": "tea"}, headers=headers).status_code == 200
    keys.revoke(key.key_id)
    monkeypatch.setattr("channels.access._REMEMBERED_SECONDS", 0.0)
    assert client.get("/api/search", params={"q": "tea"}, headers=headers).status_code == 401


def test_results_carry_their_sources(client: TestClient, key: dict[str, str], shop: Shop) -> None:
    title = str(shop.snapshot.frame("products")["title"].iloc[0])
    found = client.get("/api/search", params={"q": title, "limit": 3}, headers=key).json()
    assert found["rows"][0]["facts"]["title"]["value"] == title
    assert found["rows"][0]["facts"]["price"]["source"]
    forecast = client.get("/api/forecasts", params={"target": "shop"}, headers=key).json()
    assert {"units", "low", "high"} <= set(forecast["facts"])
    chance = client.get(f"/api/predictions/{shop.buyer()}", headers=key).json()
    assert 0 <= chance["facts"]["buy_chance"]["value"] <= 1


def test_bad_requests_get_a_sentence(client: TestClient, key: dict[str, str]) -> None:
    missing = client.get("/api/predictions/nobody", headers=key)
    assert missing.status_code == 404
    assert missing.json()["detail"].startswith("no customer nobody")
    assert client.get("/api/search", params={"q": "x", "limit": 99}, headers=key).status_code == 422
    assert client.get("/api/campaigns/C-9999", headers=key).status_code == 404
    swapped = client.get("/api/search", params={"q": "x", "min_price": 9, "max_price": 1}, headers=key)
    assert "swap them" in swapped.json()["detail"]


def test_a_live_event_changes_the_next_recommendation(client: TestClient, key: dict[str, str], shop: Shop) -> None:
    def shown() -> list[str]:
        found = client.get("/api/recommendations", params={"session_id": "v-live", "limit": 5}, headers=key).json()
        return [row["id"] for row in found["rows"]]

    before = shown()
    seen = shop.models.recommend.recommend(shop.snapshot, shop.buyer(), limit=1)[0]
    event = {"kind": "view", "session_id": "v-live", "product_id": seen.evidence.anchor or seen.product_id}
    answer = client.post("/api/events", json={"events": [event | {"event_id": "e1"}]}, headers=key)
    assert (answer.status_code, answer.json()) == (202, {"taken": 1})
    assert shown() != before
    again = client.post("/api/events", json={"events": [event | {"event_id": "e1"}]}, headers=key)
    assert again.json() == {"taken": 0}
    wrong = client.post("/api/events", json={"events": [event, {"kind": "wish"}]}, headers=key)
    assert wrong.status_code == 422


def test_live_events_outlive_the_server(client: TestClient, key: dict[str, str], shop: Shop, script: Script) -> None:
    product = str(shop.snapshot.frame("products")["product_id"].iloc[3])
    event = {"kind": "add_to_cart", "customer_id": "C-live", "product_id": product}
    client.post("/api/events", json={"events": [event]}, headers=key)
    other = Serving(shop.store.root, opener=script.opener)
    assert other.now.feed.of(customer_id="C-live") == (("add_to_cart", product),)
    other.close()


def test_a_chat_client_talks_and_goes_on(client: TestClient, key: dict[str, str], say: Any) -> None:
    say(written("forecast_sales", {"target": "shop"}), "We expect {a.units} units.", "Between {a.low} and {a.high}.")
    first = {"role": "user", "content": "how will the shop sell?"}
    answer = client.post("/v1/chat/completions", json={"model": "shopkeeper", "messages": [first]}, headers=key).json()
    text = answer["choices"][0]["message"]["content"]
    assert text.startswith("We expect ")
    assert answer["sources"][0]["source"]
    turns = [first, {"role": "assistant", "content": text}, {"role": "user", "content": "and the range?"}]
    later = client.post("/v1/chat/completions", json={"messages": turns}, headers=key).json()
    assert later["choices"][0]["message"]["content"].startswith("Between ")


def test_a_stream_is_what_the_protocol_says(client: TestClient, key: dict[str, str], say: Any) -> None:
    say(written("forecast_sales", {"target": "shop"}), "We expect {a.units} units. That is all.")
    asked = {"stream": True, "messages": [{"role": "user", "content": [{"type": "text", "text": "and the shop?"}]}]}
    text = client.post("/v1/chat/completions", json=asked, headers=key).text
    lines = [line.removeprefix("data: ") for line in text.strip().split("\n\n")]
    assert lines[-1] == "[DONE]"
    chunks = [json.loads(line) for line in lines[:-1]]
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    words = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)
    assert words.startswith("We expect ")


def test_the_assistant_shows_cards_and_believes_only_signed_visits(client: TestClient, say: Any, shop: Shop) -> None:
    title = str(shop.snapshot.frame("products")["title"].iloc[0])
    say(written("search_products", {"query": title}), "Have a look at {a1.title} for {a1.price}.")
    told = events_of(client.post("/assistant/chat", json={"say": title}, headers=visit_of(client)).text)
    assert told[0][0] == "step"
    kind, done = told[-1]
    assert kind == "done"
    assert title in done["text"]
    assert done["cards"][0]["title"]
    assert done["cards"][0]["price"]
    assert client.post("/assistant/chat", json={"say": "hi"}).status_code == 401
    expired = {"sid": "v", "aud": "shopkeeper", "exp": datetime.now(UTC) - timedelta(hours=1)}
    secret = client.app.state.shopkeeper.visits.secret  # type: ignore[attr-defined]
    good = expired | {"exp": datetime.now(UTC) + timedelta(hours=1)}
    for token in (
        jwt.encode(good, "another secret, as long as a secret should be", algorithm="HS256"),
        jwt.encode(expired, secret, algorithm="HS256"),
        jwt.encode(good | {"aud": "else"}, secret, algorithm="HS256"),
        jwt.encode(good, None, algorithm="none"),
    ):
        headers = {"authorization": f"Bearer {token}"}
        assert client.get("/assistant/recommendations", headers=headers).status_code == 401


def test_a_shopper_sees_only_their_own_orders(client: TestClient, say: Any, shop: Shop) -> None:
    orders = shop.snapshot.frame("orders")
    mine = orders.iloc[0]
    other = str(orders.loc[orders["customer_id"] != mine["customer_id"], "customer_id"].iloc[0])
    order = str(mine["order_id"])
    for customer, there in ((str(mine["customer_id"]), True), (other, False)):
        say(written("track_order", {"order_id": order}), "It is {a.status}." if there else "{a.message}.")
        headers = visit_of(client, customer, name=f"orders-{customer}")
        _, done = events_of(client.post("/assistant/chat", json={"say": f"order {order}?"}, headers=headers).text)[-1]
        assert ("no order" in done["text"].lower()) is not there


def test_a_page_tells_only_of_its_own_visit(client: TestClient, shop: Shop) -> None:
    product = str(shop.snapshot.frame("products")["product_id"].iloc[5])
    event = {"kind": "view", "customer_id": shop.buyer(), "session_id": "else", "product_id": product}
    headers = visit_of(client, None, name="v-own")
    assert client.post("/assistant/events", json={"events": [event]}, headers=headers).json() == {"taken": 1}
    feed = client.app.state.shopkeeper.serving.now.feed  # type: ignore[attr-defined]
    assert feed.of(session_id="v-own") == (("view", product),)
    assert feed.of(session_id="else") == ()
    bought = client.post("/assistant/events", json={"events": [event | {"kind": "purchase"}]}, headers=headers)
    assert bought.status_code == 422


def test_a_stranger_begins_a_visit(client: TestClient) -> None:
    token = client.post("/assistant/visit").json()["token"]
    shown = client.get("/assistant/recommendations", headers={"authorization": f"Bearer {token}"})
    assert shown.status_code == 200
    assert shown.json()["rows"]


def test_a_brief_becomes_a_campaign_that_waits_for_a_person(client: TestClient, key: dict[str, str], say: Any) -> None:
    say(
        written("find_audience", {"goal": "win_back", "size": 50}),
        written("draft_campaign", {"name": "Back", "goal": "win_back", "channels": ["email"]}),
        "Campaign {b.campaign} is drafted.",
    )
    made = client.post("/api/campaigns", json={"brief": "win back 50 lapsed customers by email"}, headers=key)
    assert made.status_code == 201, made.text
    campaign = made.json()
    assert (campaign["status"], campaign["approver"]) == ("draft", None)
    assert campaign["campaign_id"] in [c["campaign_id"] for c in client.get("/api/campaigns", headers=key).json()]
    plan = client.get(f"/api/campaigns/{campaign['campaign_id']}/plan", headers=key).json()
    assert plan["name"] == "Back"
    page = client.get(f"/api/campaigns/{campaign['campaign_id']}/page", headers=key)
    assert "script-src" not in page.headers["content-security-policy"]
    assert client.get(f"/api/campaigns/{campaign['campaign_id']}/simulation", headers=key).status_code == 200
    assert client.get(f"/api/campaigns/{campaign['campaign_id']}/result", headers=key).status_code == 422


def test_a_body_that_is_too_large_is_refused(client: TestClient, key: dict[str, str]) -> None:
    long = {"messages": [{"role": "user", "content": "x" * (LARGEST_BODY + 1)}]}
    assert client.post("/v1/chat/completions", json=long, headers=key).status_code == 413

    def slowly() -> Iterator[bytes]:
        for _ in range(LARGEST_BODY // 1024 + 2):
            yield b"x" * 1024

    assert client.post("/v1/chat/completions", content=slowly(), headers=key).status_code == 413
    wide = {"messages": [{"role": "user", "content": "what " * 1500}]}
    refused = client.post("/v1/chat/completions", json=wide, headers=key)
    assert refused.status_code == 422
    assert "keep it under" in refused.json()["detail"]


def test_too_many_requests_wait(client: TestClient, key: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client.app.state.shopkeeper, "pace", Pace({"catalogue": 2}))  # type: ignore[attr-defined]
    statuses = [client.get("/api/search", params={"q": "tea"}, headers=key).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]


def test_headers_are_strict_and_other_origins_get_nothing(client: TestClient, key: dict[str, str]) -> None:
    answer = client.get("/healthz")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert answer.headers["x-content-type-options"] == "nosniff"
    asked = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    assert "access-control-allow-origin" not in client.options("/assistant/chat", headers=asked).headers
    asked["origin"] = "https://shop.example"
    assert client.options("/assistant/chat", headers=asked).headers["access-control-allow-origin"] == asked["origin"]


def test_measures_are_there(client: TestClient) -> None:
    assert client.get("/readyz").json()["status"] == "ready"
    text = client.get("/metrics").text
    for name in ("request_seconds", "answer_seconds", "tool_calls", "outbox", "drift_psi", "live_events"):
        assert f"shopkeeper_{name}" in text


def test_a_retrained_shop_is_taken_over_whole(shop: Shop, script: Script) -> None:
    serving = Serving(shop.store.root, opener=script.opener)
    before = serving.now
    assert not serving.refresh()
    manifest = shop.store.models_path / "uplift" / "manifest.json"
    text = manifest.read_text(encoding="utf-8")
    manifest.unlink()
    assert not serving.refresh()
    assert serving.now is before
    manifest.write_text(text, encoding="utf-8")
    assert serving.refresh()
    assert serving.now is not before
    serving.close()
