"""The campaign tools through their door: shapes, threads, failures in words, and the same plan on replay."""

from pathlib import Path
from typing import Any

import pytest

import tools  # noqa: F401 - registers every tool
from campaign import records
from campaign.approval import approve
from campaign.audience import GOALS
from data.operations import Operations
from data.store import Store
from tests.shop import small_shop
from tools.base import Call, ToolContext, ToolResult, call, completed
from tools.facts import SHAPES


class Thread:
    """A conversation of a marketer: calls are lettered and remembered."""

    def __init__(self, folder: Path) -> None:
        self.context: ToolContext = small_shop().context()
        self.context.operations = Operations(folder / "shop.db")

    def ask(self, tool: str, /, **arguments: Any) -> ToolResult:
        result = call(tool, self.context, arguments)
        letter = "abcdefghijklmnopqrstuvwxyz"[len(self.context.calls)]
        self.context.calls.append(Call(letter, tool, arguments, result))
        return result


@pytest.fixture
def thread(tmp_path: Path) -> Thread:
    return Thread(tmp_path)


def _conforms(tool: str, result: ToolResult) -> None:
    """The result's keys, units and cues are those of the shared vocabulary."""
    shape = SHAPES[tool]
    assert not result.failed, result.facts["message"].display
    assert result.cue in shape.cues
    for key, fact in result.facts.items():
        assert fact.key == key
        assert fact.unit == shape.level[key].unit
        assert fact.source
        assert fact.display
    for row in result.rows:
        assert shape.row is not None
        for key, fact in row.facts.items():
            assert fact.unit == shape.row[key].unit
            assert fact.source
            assert fact.display


def test_a_whole_campaign_through_the_tools(thread: Thread) -> None:
    steps: list[tuple[str, dict[str, Any]]] = [
        ("find_audience", {"goal": "loyalty", "size": 60}),
        ("allocate_budget", {"budget": 400, "channels": ["email", "google"]}),
        ("write_copy", {"product": str(small_shop().bestseller()["product_id"]), "channel": "email", "tone": "formal"}),
        ("draft_campaign", {"name": "Thank you", "goal": "loyalty"}),
        ("simulate_campaign", {"campaign_id": "C-0001"}),
        ("launch_campaign", {"campaign_id": "C-0001"}),
    ]
    results = {}
    for tool, arguments in steps:
        results[tool] = thread.ask(tool, **arguments)
        _conforms(tool, results[tool])
    plan = results["draft_campaign"].facts
    assert results["find_audience"].facts["audience"].value == "A-0001"
    assert plan["size"].value == results["find_audience"].facts["size"].value
    assert plan["budget"].value == 400
    assert results["draft_campaign"].rows[0].id == small_shop().bestseller()["product_id"]
    assert results["simulate_campaign"].facts["contacted"].value == plan["contacted"].value
    assert results["launch_campaign"].cue == "approval"
    assert results["launch_campaign"].facts["command"].value == "shopkeeper approve C-0001 --by NAME"
    approve(thread.context.operations, "C-0001", "Ada", despite="a test")
    launched = thread.ask("launch_campaign", campaign_id="C-0001")
    _conforms("launch_campaign", launched)
    assert launched.cue == "launched"
    assert launched.facts["queued"].value == plan["contacted"].value
    measured = thread.ask("measure_campaign", campaign_id="C-0001")
    _conforms("measure_campaign", measured)
    assert measured.cue == "running"
    assert measured.facts["verdict"].value == plan["verdict"].value


def test_the_same_conversation_gives_the_same_briefs_and_bytes(tmp_path: Path) -> None:
    briefs = []
    for name in ("first", "second"):
        one = Thread(tmp_path / name)
        found = one.ask("find_audience", goal="win_back", size=30)
        drafted = one.ask("draft_campaign", name="Back", goal="win_back", audience="A-0001")
        briefs.append(
            [found.brief("a"), drafted.brief("b"), *(f.display for f in drafted.facts.values()), drafted.text]
        )
    assert briefs[0] == briefs[1]


def test_audiences_are_numbered_in_the_conversation_and_found_again(thread: Thread) -> None:
    thread.ask("find_audience", goal="loyalty", size=20)
    second = thread.ask("find_audience", goal="win_back", size=25)
    assert second.facts["audience"].value == "A-0002"
    drafted = thread.ask("draft_campaign", name="Hello", goal="loyalty", audience="a-0001")
    assert drafted.facts["size"].value == 20
    missing = thread.ask("draft_campaign", name="x", goal="loyalty", audience="A-0009")
    assert "the latest is A-0002" in missing.facts["message"].display


def test_a_plan_needs_nothing_but_a_name_and_a_goal(thread: Thread) -> None:
    drafted = thread.ask("draft_campaign", name="Plain", goal="replenish")
    _conforms("draft_campaign", drafted)
    assert drafted.facts["campaign"].value == "C-0001"
    assert "budget" not in drafted.facts


def test_a_discount_is_taken_from_the_copy_and_given_once(thread: Thread) -> None:
    product = str(small_shop().bestseller()["product_id"])
    thread.ask("write_copy", product=product, channel="email", discount_percent=5)
    drafted = thread.ask("draft_campaign", name="Five off", goal="loyalty")
    assert drafted.facts["discount"].display == "5.0%"
    _conforms("draft_campaign", drafted)


def test_what_earlier_calls_have_settled_stands_in_the_drafts_arguments(thread: Thread) -> None:
    thread.ask("allocate_budget", budget=400, channels=["email", "google"])
    named = {"name": "Hello", "goal": "loyalty"}
    settled = {"budget": 400, "channels": ["email", "google"]}
    assert completed("draft_campaign", thread.context, named) == {**settled, **named}
    assert completed("draft_campaign", thread.context, {**named, "budget": 90})["budget"] == 90
    assert completed("forecast_sales", thread.context, {"target": "shop"}) == {"target": "shop"}


def test_a_size_nobody_can_fill_is_said(thread: Thread) -> None:
    found = thread.ask("find_audience", goal="loyalty", size=100_000)
    _conforms("find_audience", found)
    assert found.cue == "smaller"
    assert found.facts["size"].value == found.facts["eligible"].value
    assert found.facts["mailable"].value <= found.facts["size"].value


def test_a_budget_is_shared_and_the_rest_kept(thread: Thread) -> None:
    found = thread.ask("allocate_budget", budget=5000, channels=["google", "tiktok"])
    _conforms("allocate_budget", found)
    spent = sum(row.facts["spend"].value for row in found.rows)
    assert spent == pytest.approx(found.facts["spend"].value)
    kept = found.facts["kept"].value if "kept" in found.facts else 0.0
    assert spent + kept == pytest.approx(5000, abs=0.05)
    by_orders = thread.ask("allocate_budget", budget=500, channels=["google", "email"], objective="orders")
    _conforms("allocate_budget", by_orders)


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("find_audience", {"goal": "loyalty", "category": "Dragons"}, "no category"),
        ("find_audience", {"goal": "loyalty", "size": -3}, "1 or more"),
        ("find_audience", {"goal": "cross_sell", "product_id": "P99999"}, "no product"),
        ("find_audience", {"goal": "fame"}, "goals are"),
        ("allocate_budget", {"budget": 0, "channels": ["email"]}, "above 0"),
        ("allocate_budget", {"budget": 1e13, "channels": ["email"]}, "check the amount"),
        ("allocate_budget", {"budget": 100, "channels": ["pigeon"]}, "no channel pigeon"),
        ("draft_campaign", {"name": "x", "goal": "loyalty", "budget": -1}, "above 0"),
        ("draft_campaign", {"name": "x", "goal": "loyalty", "start_date": "2001-02-03"}, "in the past"),
        ("draft_campaign", {"name": "x", "goal": "loyalty", "products": ["P99999"]}, "no product"),
        ("draft_campaign", {"name": "x", "goal": "loyalty", "discount_percent": 100}, "0 to 90"),
        ("draft_campaign", {"name": "x", "goal": "loyalty", "audience": "A-0001"}, "find one first"),
        ("simulate_campaign", {"campaign_id": "C-0042"}, "no campaign C-0042"),
        ("launch_campaign", {"campaign_id": "C-0042"}, "C-0001"),
        ("measure_campaign", {"campaign_id": "💥"}, "no campaign"),
    ],
)
def test_failures_are_sentences_that_help(thread: Thread, tool: str, arguments: dict[str, Any], words: str) -> None:
    result = thread.ask(tool, **arguments)
    assert result.failed
    assert words in result.facts["message"].display


def test_a_shop_that_knows_little_still_gets_a_whole_plan_that_says_so(tmp_path: Path) -> None:
    """Like many real logs: no consent, no addresses, no stock, no cost, no experiment, no advertising."""
    shop, thread = small_shop(), Thread(tmp_path)
    tables = {name: shop.snapshot.frame(name) for name in ("customers", "products", "orders", "events")}
    tables["customers"] = tables["customers"].assign(email=None, phone=None, consent_email=None, consent_sms=None)
    tables["products"] = tables["products"].assign(cost=None, stock=None, created_at=None)
    thread.context.snapshot = Store(tmp_path / "store").write(tables, name="Old log", currency="GBP", source="test")
    for goal in GOALS:
        _conforms("find_audience", thread.ask("find_audience", goal=goal, size=30))
    found = thread.ask("find_audience", goal="win_back", size=30)
    assert found.facts["mailable"].value == 0
    assert "stock" not in found.rows[0].facts
    drafted = thread.ask("draft_campaign", name="Back", goal="win_back", channels=["email", "sms"], budget=200)
    _conforms("draft_campaign", drafted)
    assert drafted.facts["contacted"].value == 0
    assert drafted.facts["left_out"].value == 30
    assert drafted.text is not None
    assert "--assume-consent" in drafted.text
    plan = records.find(thread.context.operations, "C-0001").plan
    assert plan.audience.unknown_consent == 30
    assert plan.audience.reachable == 0
    assert plan.products
    assert all(p.stock_after is None and p.margin_left is None for p in plan.products)
    assert any("margin is 40%" in line for line in plan.assumptions)
    simulated = thread.ask("simulate_campaign", campaign_id="C-0001")
    assert simulated.cue == "unsupported"
    approve(thread.context.operations, "C-0001", "Ada", despite="a test")
    assert "cannot start" in thread.ask("launch_campaign", campaign_id="C-0001").facts["message"].display


def test_a_shopper_has_none_of_these_tools() -> None:
    shopper = small_shop().context("shopper", small_shop().buyer())
    for tool in ("find_audience", "allocate_budget", "write_copy", "draft_campaign", "launch_campaign"):
        assert "no tool" in call(tool, shopper, {}).facts["message"].display
