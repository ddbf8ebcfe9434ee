"""The statement checker: what it lets through, and what it stops."""

import pytest

from agent import claims
from agent.finish import finish, template
from tools import base
from tools.base import Call, Row, ToolResult

NAMES = claims.Names.of(["Enamel Camping Kettle", "Garden", "Fern & Field", "Home Textiles"])
SOURCE = "products table"
RECOMMENDED = Call(
    "a",
    "recommend_products",
    {"customer_id": "10233", "limit": 3},
    ToolResult(
        base.facts(base.count("count", 2, SOURCE), base.percent("buy_chance", 0.31, SOURCE)),
        [
            Row(
                base.facts(
                    base.name("title", "Enamel Camping Kettle", SOURCE),
                    base.money("price", 24.9, "GBP", SOURCE),
                    base.count("stock", 7, SOURCE),
                    base.name("anchor", "Two-Person Tent", SOURCE),
                    base.percent("share", 0.31, SOURCE),
                    base.count("buyers", 118, SOURCE),
                ),
                "P0412",
                "together strong",
            )
        ],
        cue="personal",
    ),
)
DRAFTED = Call(
    "d",
    "draft_campaign",
    {"name": "Hello", "goal": "win_back"},
    ToolResult(
        base.facts(
            base.money("profit", 1260, "GBP", SOURCE),
            base.money("cost", 394, "GBP", SOURCE),
            base.money("budget", 400, "GBP", SOURCE),
            base.percent("discount", 0.1, SOURCE),
        )
    ),
)
GROUND = claims.Ground.of([RECOMMENDED, DRAFTED], NAMES)


def faults(text: str) -> list[str]:
    return [fault.reason for fault in claims.check(text, GROUND)]


@pytest.mark.parametrize(
    "text",
    [
        "Of the shoppers who bought {a1.anchor}, {a1.share} also took {a1.title}.",
        "{a1.title} costs {a1.price} and there are {a1.stock} left in stock.",
        "I would show {a1.title} (at {a1.price}), which {a1.buyers} customers bought with it.",
        "Is it for the balcony or for the home?",
        "You asked for {u.limit} things; {a.count} products fit.",
        "It costs {d.cost}, which leaves an expected profit of about {d.profit}.",
        "{d.cost} of the budget of {d.budget} is spent at a discount of {d.discount}.",
    ],
)
def test_sound_sentences_pass(text: str) -> None:
    assert faults(text) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("It costs 24.90.", "a digit"),
        ("Both are good and {a1.title} is cheap.", "number word"),
        ("Twenty-five buyers took it.", "number word"),
        ("The enamel camping kettle is a good choice.", "shop's own name"),
        ("Look into our garden range.", "shop's own name"),
        ("{a1.title} costs {a1.share}.", "price belongs"),
        ("There are {a1.buyers} units left.", "followed by 'units'"),
        ("{a1.price} customers bought it.", "followed by 'customers'"),
        ("{a9.title} is nice.", "no such fact"),
        ("Within {a1.price} it should arrive.", "time belongs"),
        ("A {broken reference.", "broken reference"),
        ("The expected profit is {d.cost}.", "called profit"),
        ("It has a cost of {d.profit}.", "called cost"),
        ("That brings {d.budget} in extra profit.", "called profit"),
        ("There is a discount of {a1.share}.", "called discount"),
        ("The chance is about {d.discount}.", "called chance"),
        ("The best month is {a1.share}.", "month belongs"),
        ("It has been {a.buy_chance} for this customer.", "duration belongs"),
    ],
)
def test_wrong_sentences_are_named(text: str, reason: str) -> None:
    assert any(reason in found for found in faults(text)), faults(text)


def test_units_that_will_sell_are_not_stock_and_only_a_rating_rates() -> None:
    order = Call(
        "a",
        "plan_inventory",
        {},
        ToolResult(
            base.facts(base.count("unknown", 2, SOURCE)),
            [Row(base.facts(base.name("title", "Enamel Camping Kettle", SOURCE), base.count("demand", 9, SOURCE)))],
            cue="unknown",
        ),
    )
    product = Call(
        "b", "get_product", {}, ToolResult(base.facts(base.name("category", "Garden", SOURCE)), cue="available")
    )
    ground = claims.Ground.of([order, product], NAMES)
    wrong = [
        "{a1.title} sells at {a1.demand} units, with {a1.demand} units on hand.",
        "Shoppers rate it {b.category}.",
        "{a1.demand} units were sold.",
    ]
    assert [fault.reason for one in wrong for fault in claims.check(one, ground)] == [
        "a1.demand is called stock",
        "b.category stands where a rating belongs",
        "a1.demand has not been sold",
    ]
    assert claims.check("{a1.title} should sell {a1.demand} units. It is in {b.category}.", ground) == []


def test_a_faulty_sentence_is_left_out_and_the_rest_stays() -> None:
    done = finish("{a1.title} costs {a1.price}. It has seven legs.", [RECOMMENDED], [RECOMMENDED], NAMES)
    assert done.rendered.text == "Enamel Camping Kettle costs £24.90."
    assert not done.fallback
    assert len(done.faults) == 1


def test_an_answer_without_facts_gives_way_to_the_template() -> None:
    done = finish("Ten good things.", [RECOMMENDED], [RECOMMENDED], NAMES)
    assert done.fallback
    assert "Enamel Camping Kettle: price £24.90" in done.rendered.text
    assert claims.check(template([RECOMMENDED]), GROUND) == []


def test_talk_without_tools_needs_no_reference() -> None:
    assert finish("Hello. How can I help?", [], [], NAMES).rendered.text == "Hello. How can I help?"


def test_an_answer_names_what_was_found_unless_nothing_was() -> None:
    assert finish("That is all I know.", [RECOMMENDED], [RECOMMENDED], NAMES).fallback
    empty = Call(
        "b", "search_products", {"query": "anvil"}, ToolResult(base.facts(base.count("count", 0, SOURCE)), cue="none")
    )
    done = finish("We carry nothing like that.", [RECOMMENDED, empty], [empty], NAMES)
    assert (done.rendered.text, done.fallback) == ("We carry nothing like that.", False)


def test_all_that_were_asked_for_are_named() -> None:
    rows = [Row(base.facts(base.name("title", title, SOURCE)), title) for title in ("Tent", "Kettle", "Mug", "Lamp")]
    asked = Call("a", "recommend_products", {"limit": 4}, ToolResult({}, rows, cue="personal"))
    done = finish("{a1.title} and {a2.title} suit them.", [asked], [asked], claims.Names.of([]))
    assert done.rendered.text == "Tent and Kettle suit them. Also: Mug and Lamp."
    assert not claims.check(done.raw, claims.Ground.of([asked], NAMES))
    whole = Call("a", "recommend_products", {}, asked.result)  # no number was asked for
    assert finish("{a1.title} suits them.", [whole], [whole], NAMES).rendered.text == "Tent suits them."
