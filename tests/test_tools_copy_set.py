"""A campaign's words: every cell once, variants that truly differ, the model asked once, and only for open drafts."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

import tools  # noqa: F401 - registers every tool
from campaign import copy_score, records, reword
from campaign.approval import approve
from campaign.plan import Copy, Plan
from data.errors import CampaignError
from data.operations import Campaign, Operations
from tests.shop import small_shop
from tools import copy_set
from tools.base import Fact, call
from tools.copy_set import Cell

TEXTS = {
    "friendly": "Hello, {p.title} is here for {money}. Have a look.",
    "playful": "Guess who winked at us: {p.title}, {money}. Your move.",
    "formal": "Dear customer, we are pleased to present {p.title} at {money}.",
}


class Author:
    """A writer with one text a tone, which counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []

    def write(self, task: str, request: Mapping[str, str], facts: Mapping[str, Fact]) -> str:
        self.asked.append((*request.values(), *facts))
        money = "{p.new_price}" if "discount" in facts else "{p.price}"
        text = TEXTS[request["tone"]].replace("{money}", money)
        return f"Subject: For you: {request['tone']}, {{p.title}}\n\n{text}" if request["channel"] == "email" else text


def _products(count: int) -> list[str]:
    products = small_shop().snapshot.frame("products")
    return sorted(products.loc[products["active"] & (products["stock"] > 0), "product_id"].astype(str))[:count]


def test_the_variants_of_a_cell_truly_differ_and_the_model_is_asked_once_for_all_products() -> None:
    author = Author()
    wanted = [Cell("loyal", product, "facebook", "en", 0.0, "friendly") for product in _products(5)]
    heard: list[tuple[int, int]] = []
    found = copy_set.write_all(
        small_shop().snapshot, author, wanted, progress=lambda done, of: heard.append((done, of))
    )
    assert [(c.product_id, c.variant) for c in found] == [(p, v) for p in _products(5) for v in "AB"]
    assert all(c.own_words and c.segment == "loyal" and c.offer == 0.0 for c in found)
    for one, other in zip(found[::2], found[1::2], strict=True):
        assert copy_score.overlap(one.text, other.text) < 0.9
        assert one.text.startswith("Hello")
        assert other.text.startswith("Guess")
    assert len(author.asked) == len(set(author.asked))
    assert heard[-1] == (4, 5)


def test_an_e_mails_variants_have_two_subjects() -> None:
    found = copy_set.write_all(
        small_shop().snapshot, Author(), [Cell("new", _products(1)[0], "email", "en", 0.1, "playful")]
    )
    subjects = [c.text.split("\n")[0] for c in found]
    assert len(set(subjects)) == len(found) == 2
    assert all(c.offer == 0.1 for c in found)


def test_without_a_model_templates_stand_in_and_near_copies_are_left_out() -> None:
    for language in ("en", "zh"):
        wanted = [Cell("everyone", _products(1)[0], "sms", language, 0.15, "formal")]
        found = copy_set.write_all(small_shop().snapshot, None, wanted, variants=4)
        assert 1 <= len(found) <= 4
        assert not any(c.own_words for c in found)
        assert len({c.text for c in found}) == len(found)
        assert all(c.length <= c.limit for c in found)


@pytest.fixture
def operations(tmp_path: Path) -> Operations:
    return Operations(tmp_path / "shop.db")


@pytest.fixture
def plan(operations: Operations) -> Plan:
    context = small_shop().context()
    context.operations = operations
    drafted = call(
        "draft_campaign", context, {"name": "Hello", "goal": "win_back", "channels": ["email"], "budget": 100}
    )
    return records.find(operations, str(drafted.facts["campaign"].value)).plan


def test_the_cells_are_what_customers_and_ads_meet(plan: Plan) -> None:
    snapshot = small_shop().snapshot
    hero, other = plan.products[0].product_id, plan.products[1].product_id
    treated = [m for m in plan.members if m.arm == "treated"]
    assert len(treated) > 2
    changed = {
        treated[0].customer_id: replace(treated[0], segment="loyal", products=(other,), offer=0.1),
        treated[1].customer_id: replace(treated[1], segment="lapsed", products=(hero,), offer=0.0),
    }
    members = tuple(changed.get(m.customer_id, replace(m, segment="new", products=(hero,))) for m in plan.members)
    ads = tuple(replace(c, channel="google") for c in plan.channels[:1])
    found = copy_set.cells(snapshot, replace(plan, members=members, channels=plan.channels + ads), language="en")
    assert found == sorted(set(found))
    assert {(c.segment, c.product_id, c.offer) for c in found if c.channel == "email"} >= {
        ("loyal", other, 0.1),
        ("lapsed", hero, 0.0),
    }
    assert [c.channel for c in found if c.segment == "everyone"] == ["google"]
    assert {c.tone for c in copy_set.cells(snapshot, plan, tone="luxury")} == {"luxury"}


def test_new_words_change_the_plan_and_its_hash(operations: Operations, plan: Plan) -> None:
    copy = Copy("email", plan.products[0].product_id, "en", "A\nB", 1, 60, True, {}, segment="loyal", offer=0.0)
    changed = reword.reworded(operations, plan.campaign_id, [copy])
    kept = records.find(operations, plan.campaign_id)
    assert kept.plan == changed == replace(plan, copies=(copy,))
    assert kept.plan_hash == changed.content_hash != plan.content_hash


def test_an_approved_or_launched_plan_keeps_its_words(operations: Operations, plan: Plan) -> None:
    approve(operations, plan.campaign_id, "Ada Miller", despite="a test")
    with pytest.raises(CampaignError, match="Ada Miller has approved"):
        reword.reworded(operations, plan.campaign_id, [])
    with operations.session() as session:
        session.get_one(Campaign, plan.campaign_id).status = "launched"
    with pytest.raises(CampaignError, match="is launched, so its words stay"):
        reword.open_draft(operations, plan.campaign_id)
    assert records.find(operations, plan.campaign_id).plan == plan


def test_a_plan_shows_one_text_of_a_kind_and_counts_the_others(plan: Plan) -> None:
    some = [
        Copy("email", f"P{number}", "en", "A\nB", 1, 60, True, {}, segment="loyal", variant=letter, offer=0.0)
        for number in range(3)
        for letter in "AB"
    ]
    shown = replace(plan, copies=tuple(some)).wordings
    assert [(one.product_id, one.variant, more) for one, more in shown] == [("P0", "A", 2), ("P0", "B", 2)]


def test_an_optimised_plan_gives_an_offer_to_whom_it_chose(plan: Plan) -> None:
    member = next(m for m in plan.members if m.arm == "treated")
    optimised = replace(plan, discount=0.1)
    assert optimised.solution is not None
    assert optimised.offer_of(member) == member.offer
    assert replace(optimised, solution=None, members=(member,)).offer_of(member) == 0.1
