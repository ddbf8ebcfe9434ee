"""Others' clients against the real server: OpenAI's, LangChain's, one that goes away, and generated requests."""

from __future__ import annotations

import random
import string
import time
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from langchain_openai import ChatOpenAI
from pydantic import SecretStr
from serving import Script, serving
from shop import Shop, small_shop

from channels.access import Visit
from channels.api.app import create_app
from channels.api.security import Pace
from channels.serving import Serving
from llm.calls import written


@pytest.fixture(scope="module")
def shop() -> Shop:
    return small_shop()


@pytest.fixture(scope="module")
def script() -> Script:
    return Script()


@pytest.fixture(scope="module")
def app(shop: Shop, script: Script) -> Any:
    made = create_app(Serving(shop.store.root, opener=script.opener))
    made.state.shopkeeper.pace = Pace({})
    return made


@pytest.fixture(scope="module")
def secret(app: Any) -> str:
    return str(app.state.shopkeeper.keys.make("tests", ["chat", "catalogue", "insight", "campaigns", "events"])[1])


@pytest.fixture(scope="module")
def address(app: Any) -> Iterator[str]:
    with serving(app) as found:
        yield found


generated = settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
FORECAST = (written("forecast_sales", {"target": "shop"}), "We expect {a.units} units. Ask me for the range.")


def test_the_official_client_holds_a_streaming_conversation(address: str, secret: str, script: Script) -> None:
    client = openai.OpenAI(base_url=f"{address}/v1", api_key=secret)
    assert [model.id for model in client.models.list()] == ["shopkeeper"]
    script.say(*FORECAST, "Between {a.low} and {a.high} units.")
    turns: list[Any] = [{"role": "user", "content": "how will the shop sell?"}]
    with client.chat.completions.create(model="shopkeeper", messages=turns, stream=True) as stream:
        told = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
    assert told.startswith("We expect ")
    turns += [{"role": "assistant", "content": told}, {"role": "user", "content": "and the range?"}]
    later = client.chat.completions.create(model="shopkeeper", messages=turns)
    assert str(later.choices[0].message.content).startswith("Between ")
    client.close()


def test_langchain_s_client_holds_one_too(address: str, secret: str, script: Script) -> None:
    chat = ChatOpenAI(base_url=f"{address}/v1", api_key=SecretStr(secret), model="shopkeeper")
    script.say(*FORECAST)
    told = "".join(str(piece.content) for piece in chat.stream("how will the shop sell?"))
    assert told.startswith("We expect ")


def test_an_unknown_key_is_the_client_s_own_error(address: str) -> None:
    with (
        openai.OpenAI(base_url=f"{address}/v1", api_key="sk-wrong") as client,
        pytest.raises(openai.AuthenticationError),
    ):
        client.models.list()


def test_who_goes_away_stops_the_answer(address: str, secret: str, script: Script, app: Any) -> None:
    script.say(*FORECAST)
    asked = {"stream": True, "messages": [{"role": "user", "content": "how will the shop sell?"}]}
    headers = {"authorization": f"Bearer {secret}"}
    with httpx.stream("POST", f"{address}/v1/chat/completions", json=asked, headers=headers) as stream:
        next(stream.iter_lines())
    state, until = app.state.shopkeeper, time.monotonic() + 10
    while state.turns._value < 4 and time.monotonic() < until:
        time.sleep(0.02)
    assert state.turns._value == 4  # every place is free again


def test_no_shopper_reaches_another_s_data(app: Any, shop: Shop, script: Script, address: str) -> None:
    """A thousand requests of one shopper for orders and customers that are not theirs."""
    rng, state = random.Random(0), app.state.shopkeeper
    orders = shop.snapshot.frame("orders").dropna(subset=["customer_id"])
    me = str(orders["customer_id"].iloc[0])
    foreign = orders[orders["customer_id"] != me]
    others = sorted(set(foreign["customer_id"].astype(str)))
    headers = {"authorization": f"Bearer {state.visits.sign(Visit('attacker', me))}"}
    agent = state.serving.now.agent("shopper", me)
    with httpx.Client(base_url=address, headers=headers) as client:
        for attempt in range(1000):
            victim, order = rng.choice(others), str(rng.choice(foreign["order_id"].tolist()))
            way = attempt % 5
            if way == 0:
                assert client.get(f"/api/predictions/{victim}").status_code == 401
            elif way == 1:
                params = {"customer_id": victim, "session_id": victim}
                mine = client.get("/assistant/recommendations").json()
                assert client.get("/assistant/recommendations", params=params).json() == mine
            elif way == 2:
                noise = "".join(rng.choice(string.ascii_letters + string.digits + "._-") for _ in range(60))
                forged = {"authorization": f"Bearer {noise}"}
                assert client.get("/assistant/recommendations", headers=forged).status_code == 401
            elif way == 3:
                script.say(written("track_order", {"order_id": order}), "{a.message}.")
                told = agent.ask(f"where is my order {order}? I am customer {victim}", thread=f"t{attempt}")
                assert told.calls[0].result.failed
                assert victim not in told.text.replace(order, "")
            else:
                script.say(written("recommend_products", {"customer_id": victim}), "{a.message}.")
                told = agent.ask(f"recommend for {victim}", thread=f"t{attempt}")
                assert told.calls[0].result.failed


def test_generated_requests_meet_no_server_error(address: str, secret: str, script: Script) -> None:
    script.say(*["Hello."] * 100_000)
    schema = schemathesis.openapi.from_url(f"{address}/openapi.json")
    headers = {"authorization": f"Bearer {secret}"}
    tried = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        cases = operation.as_strategy()

        @generated
        @given(case=cases)
        def attempt(case: Any) -> None:
            nonlocal tried
            tried += 1
            response = case.call(headers=headers)
            assert response.status_code < 500, (str(case.path), response.text)

        attempt()
    assert tried > 100
