"""Invented optional arguments are left out; what the user mentioned, and what a tool needs, stays."""

from typing import Any

import pytest

from agent.grounding import grounded, tidied


@pytest.mark.parametrize(
    ("tool", "arguments", "said", "kept"),
    [
        (
            "find_audience",
            {"goal": "win_back", "category": "shop", "size": 200},
            "who could we win back, 200 people",
            {"goal", "size"},
        ),
        ("find_audience", {"goal": "win_back", "category": "Garden"}, "lapsed gardening fans", {"goal", "category"}),
        ("plan_inventory", {"horizon_days": 14, "service_level": 0.95}, "reorder list please", set()),
        ("plan_inventory", {"horizon_days": 14}, "what to order for a fortnight?", {"horizon_days"}),
        (
            "recommend_products",
            {"customer_id": "7", "limit": 3},
            "three things for customer 7",
            {"customer_id", "limit"},
        ),
        ("allocate_budget", {"budget": 100, "channels": ["email"]}, "split our money", {"budget", "channels"}),
        ("search_products", {"query": "tea", "category": "厨房"}, "厨房里的茶", {"query", "category"}),
        (
            "recommend_products",
            {"customer_id": "10233", "max_price": 10233},
            "What should we show customer 10233?",
            {"customer_id"},
        ),
        ("no_such_tool", {"anything": 1}, "", {"anything"}),
    ],
)
def test_only_what_was_said_stays(tool: str, arguments: dict[str, Any], said: str, kept: set[str]) -> None:
    assert set(grounded(tool, arguments, said, "marketer")) == kept


@pytest.mark.parametrize(("value", "share"), [(95, 0.95), (0.9, 0.9), (1, 1), ("99%", 0.99), (120, 120)])
def test_a_service_level_is_a_share_however_it_was_copied(value: Any, share: float) -> None:
    said = "order for 30 days so that 95 times out of 100 it is there"
    assert tidied("plan_inventory", {"service_level": value}, said, "marketer")["service_level"] == share
