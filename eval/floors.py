"""Floors to beat: what a list of keywords does with the same requests. Nothing here is part of the product."""

import re
import time
from collections.abc import Iterable, Mapping
from typing import Any

from eval.task import Decision, Thread

_GOALS = {
    "win_back": ("win back", "win-back", "lapsed", "inactive", "churn", "lost", "back"),
    "new_arrivals": ("new arrival", "arrivals", "new product", "latest", "launch"),
    "clearance": ("clearance", "overstock", "leftover", "unsold", "clear"),
    "loyalty": ("loyal", "vip", "regular", "best customer"),
    "replenish": ("replenish", "refill", "running low", "run out", "reminder"),
    "cross_sell": ("cross-sell", "cross sell", "add-on", "together"),
}
_REPORTS = {
    "funnel": ("funnel", "checkout", "conversion"),
    "cohorts": ("cohort", "retention"),
    "top_products": ("best seller", "bestseller", "top", "best-selling"),
    "channels": ("channel",),
    "segments": ("segment", "group", "kinds of customers"),
}
_TONES = {"friendly": ("friendly", "warm"), "playful": ("playful", "fun"), "formal": ("formal",), "urgent": ("urgent",)}
_CHANNELS = {
    "email": ("email", "e-mail", "mail"),
    "sms": ("sms", "text message"),
    "google": ("google",),
    "facebook": ("facebook",),
    "instagram": ("instagram",),
    "tiktok": ("tiktok",),
}
_DAYS = {"week": 7, "fortnight": 14, "month": 30, "quarter": 90, "year": 365}
_COUNTED = re.compile(r"(\d+)[ -](day|week|month|quarter|year)")
_CAMPAIGN = re.compile(r"\bC-\d+\b")
_PRODUCT = re.compile(r"\b(?:P\d+|\d{5}[A-Z]?)\b")
_NUMBER = re.compile(r"\b\d+(?:,\d{3})*(?:\.\d+)?\b")

_MARKETER: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("launch_campaign", ("launch", "go live", "send out")),
    ("measure_campaign", ("measure", "lift", "did the campaign", "outcome", "results")),
    ("simulate_campaign", ("simulate", "dry run")),
    ("draft_campaign", ("draft", "campaign")),
    ("allocate_budget", ("budget", "split", "allocate", "divide", "spread")),
    ("write_copy", ("write", "copy", "caption", "post", " ad", "words")),
    ("forecast_sales", ("forecast", "predict sales", "demand", "will sell", "outlook")),
    ("plan_inventory", ("reorder", "restock", "inventory", "stock")),
    ("find_audience", ("audience", "customers who", "who ", "people", "lapsed")),
    ("analyse_behaviour", ("funnel", "cohort", "segment", "best seller", "bestseller", "top", "channel")),
    ("recommend_products", ("recommend", "suggest", "show")),
    ("predict_behaviour", ("likely", "will buy", "chance", "customer")),
    ("compare_products", ("compare", "versus", " or ")),
    ("get_product", ("product", "price", "margin")),
    ("search_products", ("search", "find", "list")),
)
_SHOPPER: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("track_order", ("order", "parcel", "package", "delivery", "shipped")),
    ("add_to_cart", ("cart", "basket", "trolley", "buy", "take", "add")),
    ("compare_products", ("compare", "difference", " or ", "better", "versus")),
    ("recommend_products", ("recommend", "suggest", "for me", "surprise")),
    ("get_product", ("in stock", "available", "how much", "review")),
    ("search_products", ("looking for", "show", "have you", "do you", "any", "find", "search", "under")),
)


class KeywordRouter:
    """A floor only: the first tool of a fixed list that has a keyword in the request, arguments by pattern."""

    name = "keyword router"

    def __init__(self, categories: Iterable[str] = ()) -> None:
        self.categories = tuple(categories)

    def decide(self, *, role: str, say: str, thread: Thread) -> Decision:
        """The first tool whose keyword occurs; the thread is not looked at."""
        start = time.perf_counter()
        text = f" {say.casefold()} "
        rules = _SHOPPER if role == "shopper" else _MARKETER
        tool = next((name for name, words in rules if any(word in text for word in words)), None)
        arguments = {} if tool is None else self._arguments(tool, say, text)
        return Decision(tool, arguments, "", time.perf_counter() - start, True)

    def _arguments(self, tool: str, say: str, text: str) -> dict[str, Any]:
        products, campaigns = _PRODUCT.findall(say), _CAMPAIGN.findall(say)
        numbers = [float(found.replace(",", "")) for found in _NUMBER.findall(say)]
        category = next((one for one in self.categories if one.casefold() in text), None)
        days = _days(text)
        channels = [name for name, words in _CHANNELS.items() if any(word in text for word in words)]
        first = numbers[0] if numbers else None
        found: dict[str, dict[str, Any]] = {
            "launch_campaign": {"campaign_id": _first(campaigns)},
            "measure_campaign": {"campaign_id": _first(campaigns)},
            "simulate_campaign": {"campaign_id": _first(campaigns)},
            "draft_campaign": {"name": say, "goal": _pick(_GOALS, text), "budget": first},
            "allocate_budget": {"budget": first, "channels": channels},
            "write_copy": {
                "product": _first(products) or say,
                "channel": _first(channels),
                "tone": _pick(_TONES, text),
            },
            "forecast_sales": {"target": _first(products) or category or "shop", "horizon_days": days},
            "plan_inventory": {"category": category, "horizon_days": days},
            "find_audience": {"goal": _pick(_GOALS, text), "size": first, "category": category},
            "analyse_behaviour": {"report": _pick(_REPORTS, text), "category": category, "horizon_days": days},
            "recommend_products": {"customer_id": _first(products), "category": category},
            "predict_behaviour": {"customer_id": _first(products), "horizon_days": days},
            "compare_products": {"product_ids": products},
            "get_product": {"product_id": _first(products)},
            "search_products": {"query": say, "category": category, "max_price": first},
            "track_order": {"order_id": str(int(first)) if first else None},
            "add_to_cart": {"product_id": _first(products)},
        }
        return {name: value for name, value in found[tool].items() if value is not None}


def _days(text: str) -> int | None:
    counted = _COUNTED.search(text)
    if counted is not None:
        return int(counted.group(1)) * _DAYS.get(counted.group(2), 1)
    return next((days for word, days in _DAYS.items() if word in text), None)


def _pick(words_of: Mapping[str, tuple[str, ...]], text: str) -> str | None:
    return next((name for name, words in words_of.items() if any(word in text for word in words)), None)


def _first(values: list[str]) -> str | None:
    return values[0] if values else None
