"""A draft's words: each customer's product has a text, the model is asked once a channel, what was said serves all."""

from collections.abc import Mapping
from typing import Any

import pytest

import tools  # noqa: F401 - registers every tool
from campaign import records
from campaign.plan import Copy, Plan
from data.operations import Operations
from tests.shop import small_shop
from tools.base import Call, Fact, ToolContext, call, money, name, percent
from tools.copy_draft import referring


class Author:
    """A writer that remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []

    def write(self, task: str, request: Mapping[str, str], facts: Mapping[str, Fact]) -> str:
        self.asked.append((request["channel"], *facts))
        worth = "{p.new_price}" if "discount" in facts else "{p.price}"
        head = "Subject: For you\n\n" if request["channel"] == "email" else ""
        return f"{head}Hello, {{p.title}} is yours for {worth}. Tell us what you think."


@pytest.fixture
def context(tmp_path: Any) -> ToolContext:
    found = small_shop().context()
    found.operations = Operations(tmp_path / "shop.db")
    found.writer = Author()
    return found


def _drafted(context: ToolContext, **arguments: Any) -> Plan:
    result = call("draft_campaign", context, {"name": "Hello", "goal": "win_back", "channels": ["email"], **arguments})
    assert not result.failed, result.facts["message"].display
    return records.find(context.operations, str(result.facts["campaign"].value)).plan


def _asked(context: ToolContext) -> list[tuple[str, ...]]:
    assert isinstance(context.writer, Author)
    return context.writer.asked


def _for(plan: Plan, member: Any) -> list[Copy]:
    return [
        c
        for c in plan.copies
        if c.channel == member.channel and c.product_id == member.products[0] and c.offer == plan.offer_of(member)
    ]


def test_every_contacted_customer_has_a_text_about_the_own_product_with_the_own_offer(context: ToolContext) -> None:
    plan = _drafted(context, channels=["email", "sms"], discount_percent=10)
    treated = [m for m in plan.members if m.arm == "treated" and m.products]
    assert treated
    assert all(_for(plan, member) for member in treated)
    asked = _asked(context)
    assert len(asked) == len(set(asked)) <= 4  # a channel once, again where a product has other facts


def test_what_the_conversation_said_is_said_again_of_every_product(context: ToolContext) -> None:
    product = str(small_shop().bestseller()["product_id"])
    arguments = {"product": product, "channel": "email"}
    context.calls.append(Call("a", "write_copy", arguments, call("write_copy", context, arguments)))
    before = len(_asked(context))
    plan = _drafted(context)
    assert len(_asked(context)) == before
    english = [c for c in plan.copies if c.language == "en" and c.offer == 0]
    assert english
    assert all(c.own_words and c.text.startswith("For you\nHello, ") for c in english)


def test_facts_become_references_again() -> None:
    facts = {
        "title": name("title", "Tea Tray", ""),
        "price": money("price", 5.0, "GBP", ""),
        "new_price": money("new_price", 4.5, "GBP", ""),
        "discount": percent("discount", 0.1, ""),
    }
    said = "Tea Tray is 10% off: £4.50 instead of £5.00. Tea Trays at £15.00."
    assert referring(said, facts) == (
        "{p.title} is {p.discount} off: {p.new_price} instead of {p.price}. Tea Trays at £15.00."
    )
