"""Closed lists of ids: what stands in the conversation may be named, and nothing else."""

from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from agent import toolbox
from agent.offering import Unknown, name_of, offer
from llm.grammar import NARROWED

NOBODY: frozenset[str] = frozenset()


def ids(
    tool: str, argument: str, *messages: BaseMessage, known: frozenset[str] = NOBODY, role: Any = "marketer"
) -> Any:
    """The closed list of an argument; None where the tool is not offered, "absent" where only the argument is not."""
    found = {name_of(one): one for one in offer(toolbox.bound(role), messages, known)}
    if tool not in found:
        return None
    one = found[tool]
    assert isinstance(one, dict)
    return one["function"]["parameters"]["properties"].get(argument, {"enum": "absent"})["enum"]


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ("How likely is customer 17850 to buy?", ["17850"]),
        ("is C00417 coming back in 30 days", ["C00417", "30"]),
        ("customer #10233's chances, please.", ["10233"]),
        ("顾客10233会买吗", ["10233"]),
        ("CUST-0042, any hope?", ["CUST-0042", "0042"]),
        ("10233.Thanks", ["10233"]),
        ("cus_NffrFeUfNV2Hib again?", ["cus_NffrFeUfNV2Hib"]),
        ("will 3f2b8c1e-77aa-4d0e-9b1c-5a6d7e8f9012 buy", ["3f2b8c1e-77aa-4d0e-9b1c-5a6d7e8f9012"]),
        ("customer12748", ["customer12748", "12748"]),
    ],
)
def test_what_could_be_an_id_is_offered(said: str, named: list[str]) -> None:
    assert ids("predict_behaviour", "customer_id", HumanMessage(said)) == named


def test_without_an_id_the_tool_that_needs_one_cannot_be_called() -> None:
    said = HumanMessage("where is my order?")
    assert ids("track_order", "order_id", said, role="shopper") is None
    assert ids("recommend_products", "customer_id", HumanMessage("what should we recommend?")) == "absent"


def test_ids_of_earlier_results_come_first() -> None:
    drafted = {"facts": [{"key": "campaign", "unit": "id", "value": "C-0007"}]}
    thread = (
        HumanMessage("Draft a campaign with 400"),
        AIMessage("", tool_calls=[{"name": "draft_campaign", "args": {"name": "Hi"}, "id": "1"}]),
        ToolMessage("a: campaign", tool_call_id="1", artifact=drafted),
        AIMessage("{a.campaign} is ready."),
        HumanMessage("what would it bring?"),
    )
    assert ids("simulate_campaign", "campaign_id", *thread) == ["C-0007", "400"]
    asked = AIMessage("", tool_calls=[{"name": "predict_behaviour", "args": {"customer_id": "8"}, "id": "2"}])
    assert ids("recommend_products", "customer_id", asked, HumanMessage("what do we offer them?")) == ["8"]


def test_a_word_is_an_id_only_where_the_shop_has_such_ids() -> None:
    said = HumanMessage("will Alice buy again?")
    assert ids("predict_behaviour", "customer_id", said) is None
    assert ids("predict_behaviour", "customer_id", said, known=frozenset({"alice"})) == ["Alice"]
    mail = HumanMessage("what about ann.o@example.org?")
    assert ids("predict_behaviour", "customer_id", mail, known=frozenset({"ann.o@example.org"})) == [
        "ann.o@example.org"
    ]


def schema(tool: str, argument: str, *messages: BaseMessage, role: Any = "marketer") -> Any:
    """The narrowed schema of an argument; the plain one where it stays open, None where it is not offered."""
    found = {name_of(one): one for one in offer(toolbox.bound(role), messages, NOBODY)}
    one = found[tool]["function"]["parameters"]["properties"].get(argument)  # type: ignore[index]
    return one and one.get("narrowed", one)


def test_figures_are_copied_from_what_was_said() -> None:
    said = HumanMessage("Find 2.000 customers who spend half a grand in the next six weeks")
    assert schema("find_audience", "size", said)["enum"] == ["2.000", "half a grand"]
    assert schema("forecast_sales", "horizon_days", said)["enum"] == [
        "the next six weeks",
        "next six weeks",
        "six weeks",
    ]
    assert schema("plan_inventory", "service_level", HumanMessage("what to reorder?")) is None


def test_a_tool_whose_figure_nobody_named_cannot_be_called() -> None:
    offered = {name_of(one) for one in offer(toolbox.bound("marketer"), [HumanMessage("split our budget")], NOBODY)}
    assert "allocate_budget" not in offered
    assert "find_audience" in offered


def test_figures_in_other_scripts_stay_open() -> None:
    assert schema("find_audience", "size", HumanMessage("找三百个老客户"))["anyOf"]


def test_words_for_products_are_those_of_the_user_or_of_results() -> None:
    found = {"rows": [{"id": "P0007"}, {"id": None}], "facts": []}
    thread = (
        HumanMessage("something with cats"),
        AIMessage("", tool_calls=[{"name": "search_products", "args": {"query": "cats"}, "id": "1"}]),
        ToolMessage("a: count", tool_call_id="1", artifact=found),
        AIMessage("{a1.title} would do; P0188 is gone."),
        HumanMessage("the first one, please"),
    )
    product = schema("add_to_cart", "product_id", *thread, role="shopper")
    assert product["enum"] == ["P0007", "P0188"]
    assert product["copied"] == ["the first one, please", "something with cats"]
    assert schema("search_products", "query", *thread, role="shopper")["enum"] == ["cats"]


def test_very_long_words_stay_open() -> None:
    assert "copied" not in schema("search_products", "query", HumanMessage("tea " * 400))


def test_figures_and_words_of_a_tool_of_ones_own_are_those_said() -> None:
    properties = {"size": {"type": "number"}, "product": {"type": "string"}}
    own = {"type": "function", "function": {"name": "weigh_parcel", "parameters": {"properties": properties}}}
    [one] = offer([own], [HumanMessage("a parcel of 2.5 kg with the blue mug")], NOBODY)
    assert isinstance(one, dict)
    offered = one["function"]["parameters"]["properties"]
    assert offered["size"][NARROWED] == {"enum": [2.5]}
    said = "a parcel of 2.5 kg with the blue mug"
    assert offered["product"][NARROWED] == {"type": "string", "copied": [said], "symbols": True}


def test_words_that_were_unknown_are_not_copied_again() -> None:
    said = HumanMessage("a campaign for tents and lamps, with a forecast")
    unknown = Unknown()
    assert unknown.learn("forecast_sales", {"target": "tents"}, "neither a product nor a category fits tents")
    assert unknown.learn("find_audience", {"goal": "loyalty", "category": "tents"}, "no category tents")
    assert not unknown.learn("write_copy", {"product": "lamps"}, "the channel needs a budget")
    offered = {name_of(one): one for one in offer(toolbox.bound("marketer"), [said], NOBODY, unknown)}
    forecast, audience = offered["forecast_sales"], offered["find_audience"]
    assert isinstance(forecast, dict)
    assert isinstance(audience, dict)
    target = forecast["function"]["parameters"]["properties"]["target"][NARROWED]
    assert target["copied"] == ["a campaign for ", " and lamps, with a forecast"]
    assert "category" not in audience["function"]["parameters"]["properties"]  # it may be left out
    assert unknown.tries("forecast_sales") == 1
