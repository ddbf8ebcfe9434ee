"""The read tools as a client of the Model Context Protocol sees them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from mcp.client.client import Client
from shop import Shop, small_shop

from agent.build import open_shop
from channels.mcp_server import server
from tools.base import TOOLS


@pytest.fixture(scope="module")
def shop() -> Shop:
    return small_shop()


def with_client(shop: Shop, ask: Callable[[Client], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        async with Client(server(open_shop(shop.store.root))) as client:
            return await ask(client)

    return asyncio.run(run())


def test_only_what_reads_is_offered(shop: Shop) -> None:
    found = with_client(shop, lambda client: client.list_tools()).tools
    assert {tool.name for tool in found} == {n for n, t in TOOLS.items() if t.kind == "read" and "marketer" in t.roles}
    forecast = next(tool for tool in found if tool.name == "forecast_sales")
    assert forecast.input_schema["required"] == ["target"]
    assert forecast.annotations is not None
    assert forecast.annotations.read_only_hint


def test_a_result_has_its_sources_and_a_failure_its_sentence(shop: Shop) -> None:
    found = with_client(shop, lambda client: client.call_tool("forecast_sales", {"target": "shop"}))
    assert not found.is_error
    assert found.structured_content["facts"]["units"]["source"]
    for name, given, sentence in (
        ("forecast_sales", {"target": "flying carpets"}, ""),
        ("forecast_sales", {"target": "shop", "horizon_days": "soon"}, "horizon_days"),
        ("draft_campaign", {"name": "x", "goal": "win_back"}, "there is no tool draft_campaign"),
    ):
        failed = with_client(shop, lambda client, name=name, given=given: client.call_tool(name, given))
        assert failed.is_error
        assert sentence in failed.content[0].text
