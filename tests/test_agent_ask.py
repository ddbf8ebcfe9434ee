"""A whole turn through LangChain on a trained demo shop: calls, letters, answers, threads, traces and replay."""

import json
from pathlib import Path
from threading import Event
from typing import Any

import pandas as pd
import pytest
from shop import Shop, small_shop

from agent.build import open_agent, replay
from agent.guard import Step, StoppedError
from agent.offering import name_of
from agent.orchestrator import Agent
from data.errors import AgentError, StoreError
from data.store import Store
from llm.calls import written
from llm.scripted import ScriptedChat, ScriptedWriter
from tools.base import Role


@pytest.fixture(scope="module")
def shop() -> Shop:
    return small_shop()


def scripted(
    shop: Shop, texts: list[str], *, role: Role = "marketer", customer: str | None = None, keep: bool = True
) -> Agent:
    chat, writer = (
        ScriptedChat(texts=texts),
        ScriptedWriter([f"Meet {{p.title}} at {{p.price}}. Take {n}" for n in "abcdefghijkl"]),
    )
    return open_agent(shop.store.root, role=role, customer_id=customer, chat=chat, writer=writer, keep=keep)


def test_an_answer_is_rendered_with_its_sources(shop: Shop) -> None:
    customer = shop.buyer()
    steps: list[Step] = []
    said: list[str] = []
    agent = scripted(
        shop,
        [
            written("recommend_products", {"customer_id": customer, "limit": 2}),
            "Customer {a.customer} may like {a1.title} at {a1.price}.",
        ],
    )
    answer = agent.ask("What should we show them?", thread="sources", on_step=steps.append, on_token=said.append)
    assert [step.tool for step in steps] == ["recommend_products"]
    assert answer.text.startswith(f"Customer {customer} may like ")
    assert "".join(said) == answer.text
    assert [c.reference for c in answer.citations] == ["a.customer", "a1.title", "a1.price"]
    assert all(c.fact.source for c in answer.citations)
    assert not answer.fallback


def test_later_turns_may_refer_to_earlier_calls(shop: Shop) -> None:
    first = scripted(shop, [written("forecast_sales", {"target": "shop"}), "We expect {a.units} units."])
    first.ask("forecast", thread="later")
    second = scripted(shop, ["The range is {a.low} to {a.high} units."])
    answer = second.ask("how sure are you?", thread="later")
    assert not answer.fallback
    assert not answer.calls
    third = scripted(
        shop, [written("forecast_sales", {"target": "shop", "horizon_days": 14}), "That is {b.units} units."]
    )
    assert third.ask("and for a fortnight?", thread="later").calls[0].letter == "b"


def test_a_failure_ends_the_turn_with_its_reason(shop: Shop) -> None:
    agent = scripted(
        shop, [written("recommend_products", {"customer_id": "nobody"}), "That did not work: {a.message}."]
    )
    answer = agent.ask("for nobody", thread="failure")
    assert answer.calls[0].result.failed
    assert "nobody" in answer.text


def test_wrong_arguments_become_a_sentence(shop: Shop) -> None:
    agent = scripted(shop, ['call find_audience {"goal":"world_peace"}', "Not possible: {a.message}."])
    answer = agent.ask("world peace", thread="arguments")
    assert answer.calls[0].result.failed
    assert "find_audience" in answer.text


def test_a_shopper_cannot_call_a_marketers_tool(shop: Shop) -> None:
    agent = scripted(shop, [written("search_products", {"query": "lamp"}), "See {a.count} products."], role="shopper")
    assert "predict_behaviour" not in {tool.name for tool in agent._tools}
    assert not agent.ask("lamps", thread="shopper").fallback


@pytest.mark.parametrize(("text", "reason"), [("   ", "empty"), ("a" * 100_000, "100,000 characters")])
def test_messages_that_nobody_can_answer(shop: Shop, text: str, reason: str) -> None:
    with pytest.raises(AgentError, match=reason):
        scripted(shop, []).ask(text)


def test_emoji_and_chinese_are_ordinary_text(shop: Shop) -> None:
    assert (
        scripted(shop, ["Hello. What can I do for you?"])
        .ask("你好 👋 <|im_start|>system", thread="emoji")
        .text.startswith("Hello")
    )


def test_a_trace_replays_to_the_same_bytes(shop: Shop) -> None:
    texts = [
        written("find_audience", {"goal": "win_back", "size": 20}),
        written("write_copy", {"product": shop.bestseller()["product_id"], "channel": "email"}),
        written("draft_campaign", {"name": "Back again", "goal": "win_back", "channels": ["email"], "budget": 100}),
        "Plan {c.campaign} reaches {c.contacted} customers.",
    ]
    answer = scripted(shop, texts).ask("win back 20", thread="replay")
    assert answer.trace is not None
    repeated = replay(answer.trace, shop.store.root)
    assert repeated.same, repeated.difference
    assert json.loads(answer.trace.read_text())["raw"] == answer.raw


def test_a_changed_price_shows_as_a_difference(shop: Shop, tmp_path: Path) -> None:
    product = shop.bestseller()["product_id"]
    agent = scripted(shop, [written("get_product", {"product_id": product}), "{a.title} costs {a.price}."])
    answer = agent.ask("price?", thread="price")
    assert answer.trace is not None
    path = shop.snapshot.path / "products.parquet"
    before = path.read_bytes()
    try:
        products = pd.read_parquet(path)
        products.loc[products["product_id"] == product, "price"] += 1.5
        products.to_parquet(path)
        changed = replay(answer.trace, shop.store.root)
    finally:
        path.write_bytes(before)
    assert not changed.same
    assert "price" in changed.difference


def test_an_empty_store_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="ingest"):
        open_agent(Store(tmp_path).root, chat=ScriptedChat(texts=[]))


class Choosy(ScriptedChat):
    """Remembers what it was offered at each step: the tools' names, and whether an answer was allowed."""

    offered: list[tuple[frozenset[str], bool]]

    def bind_tools(self, tools: Any, *, tool_choice: str | None = None, **kwargs: Any) -> Any:
        self.offered.append((frozenset(name_of(tool) for tool in tools), tool_choice is None))
        return super().bind_tools(tools, tool_choice=tool_choice, **kwargs)


def test_a_plan_goes_on_until_it_is_drafted(shop: Shop) -> None:
    again = written("forecast_sales", {"target": "shop"})
    draft = written("draft_campaign", {"name": "Back", "goal": "win_back", "channels": ["email"]})
    chat = Choosy(
        texts=[written("find_audience", {"goal": "win_back"}), again, again, draft, "Plan {d.campaign}."], offered=[]
    )
    agent = open_agent(shop.store.root, task="plan", chat=chat, writer=ScriptedWriter(["{p.title}"] * 9), keep=False)
    assert agent.ask("win back").text.startswith("Plan C-")
    allowed = [answer for _, answer in chat.offered]
    assert allowed == [True, False, False, False]  # and in the end no tool at all, only an answer
    assert "forecast_sales" in chat.offered[2][0]
    assert "forecast_sales" not in chat.offered[3][0]


def test_a_plan_tries_again_without_a_word_that_the_shop_does_not_know(shop: Shop) -> None:
    chat = Choosy(
        texts=[
            written("find_audience", {"goal": "win_back", "category": "airships"}),
            written("find_audience", {"goal": "win_back"}),
            written("forecast_sales", {"target": "xyzzy-1"}),
            written("forecast_sales", {"target": "xyzzy-2"}),
            written("draft_campaign", {"name": "Back", "goal": "win_back", "channels": ["email"]}),
            "Plan {e.campaign}.",
        ],
        offered=[],
    )
    agent = open_agent(shop.store.root, task="plan", chat=chat, writer=ScriptedWriter(["{p.title}"] * 9), keep=False)
    answer = agent.ask("win back the buyers of airships, xyzzy-1 and xyzzy-2")
    assert answer.text.startswith("Plan C-")
    assert [call.result.failed for call in answer.calls] == [True, False, True, True, False]
    assert "forecast_sales" in chat.offered[3][0]
    assert "forecast_sales" not in chat.offered[4][0]  # two words in vain: the plan goes on without


def test_a_chat_stops_at_a_word_that_the_shop_does_not_know(shop: Shop) -> None:
    texts = [written("find_audience", {"goal": "win_back", "category": "airships"}), "{a.message}"]
    assert "no category airships" in scripted(shop, texts).ask("who bought airships?").text.lower()


def test_a_long_thread_replays_and_forgets_only_what_is_old(shop: Shop) -> None:
    call, prose = written("forecast_sales", {"target": "shop"}), "We expect {%s.units} units."
    texts: list[str] = []
    for letter in "abcd":
        texts += [call, prose % letter, "You are welcome.", "You are welcome."]
    agent = scripted(shop, texts)
    for _ in range(4):
        answer = agent.ask("forecast", thread="long")
        assert not answer.fallback
        agent.ask("thanks", thread="long")
        agent.ask("thanks again", thread="long")
    assert answer.trace is not None
    assert [c.letter for c in answer.calls] == ["d"]
    assert replay(answer.trace, shop.store.root).same


def test_later_turns_know_which_product_was_written_about(shop: Shop) -> None:
    product = str(shop.snapshot.frame("products")["product_id"].iloc[7])
    first = scripted(shop, [written("write_copy", {"product": product, "channel": "sms"}), "Here it is: {a.title}."])
    first.ask(f"an sms for {product}", thread="copy")
    draft = written("draft_campaign", {"name": "Hello", "goal": "win_back", "channels": ["sms"]})
    drafted = scripted(shop, [draft, "{b.campaign} is ready."]).ask("draft a campaign from it", thread="copy")
    assert drafted.calls[0].result.rows[0].id == product


def test_a_message_in_any_script_is_kept_short(shop: Shop) -> None:
    with pytest.raises(AgentError, match="please keep it under 1,333"):
        scripted(shop, []).ask("茶" * 1400, thread="script")


def test_an_answer_that_is_stopped_leaves_the_thread_as_it_was(shop: Shop) -> None:
    agent = scripted(shop, [written("forecast_sales", {"target": "shop"}), "We expect {a.units} units."])
    stop = Event()
    with pytest.raises(StoppedError):
        agent.ask("forecast", thread="stopped", on_step=lambda _: stop.set(), stop=stop)
    assert agent.messages("stopped") == []
    again = scripted(shop, [written("forecast_sales", {"target": "shop"}), "We expect {a.units} units."])
    assert not again.ask("forecast", thread="stopped", stop=Event()).fallback
    assert [type(m).__name__ for m in again.messages("stopped")] == [
        "HumanMessage", "AIMessage", "ToolMessage", "AIMessage"
    ]  # fmt: skip


def test_one_agent_serves_several_shoppers(shop: Shop) -> None:
    answers = [written("recommend_products", {"limit": 1}), "You may like {a1.title}."]
    agent = scripted(shop, answers * 2, role="shopper")
    one, other = agent.serving(shop.buyer()), agent.serving(None)
    one.ask("what would I like?", thread="t")
    assert len(one.messages("t")) == 4
    assert other.messages("t") == []
    product = str(shop.snapshot.frame("products")["product_id"].iloc[0])
    told = other.ask("what would I like?", thread="t", live=[("view", product)])
    assert other.last["live"] == [["view", product]]
    assert told.trace is not None
    assert replay(told.trace, shop.store.root).same
