"""The committed orchestrator, exported and run for real: sound decisions on plain requests, and copy over facts."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import HumanMessage, SystemMessage, ToolMessage

import prompts
from agent import toolbox
from llm import weights
from llm.local import CALL_FROM, SURE_FROM, Engine, LocalChat, LocalWriter, offered
from tools import base
from tools.base import REFERENCE, Role

PLAIN = [
    ("marketer", "Which three products should we recommend to customer 10233?", "recommend_products"),
    ("marketer", "Forecast the sales of the whole shop for the next 4 weeks", "forecast_sales"),
    ("marketer", "What do we have to reorder?", "plan_inventory"),
    ("marketer", "Find 300 lapsed customers to win back", "find_audience"),
    ("marketer", "Split 2,000 over google and facebook", "allocate_budget"),
    ("marketer", "Show me the customer segments", "analyse_behaviour"),
    ("shopper", "Where is my order 88213?", "track_order"),
    ("shopper", "Do you have scented candles under 20?", "search_products"),
    ("shopper", "Add two of P0412 to my basket", "add_to_cart"),
    ("marketer", "hello", None),
]


@pytest.fixture(scope="module")
def chat() -> LocalChat:
    return LocalChat(path=weights.exported())


def test_plain_requests_reach_their_tools(chat: LocalChat) -> None:
    right = 0
    for role, say, tool in PLAIN:
        who: Role = "shopper" if role == "shopper" else "marketer"
        system = SystemMessage(prompts.load(role).text)
        reply = chat.bind_tools(toolbox.bound(who)).invoke([system, HumanMessage(say)])
        called = reply.tool_calls[0]["name"] if reply.tool_calls else None
        assert called is None or called in toolbox.names(who)
        right += called == tool
    assert right >= len(PLAIN) - 1


def test_an_answer_speaks_only_of_what_was_found(chat: LocalChat) -> None:
    asked = chat.bind_tools(toolbox.bound("marketer")).invoke(
        [SystemMessage(prompts.load("marketer").text), HumanMessage("Forecast the sales of the whole shop")]
    )
    result = ToolMessage("a: target units low high horizon (up)", tool_call_id=asked.tool_calls[0]["id"])
    messages = [SystemMessage(prompts.load("marketer").text), HumanMessage("Forecast the whole shop"), asked, result]
    reply = chat.invoke(messages)
    assert set(REFERENCE.findall(str(reply.text))) <= set(offered(messages))
    assert REFERENCE.search(str(reply.text))
    assert not re.search(r"\d", str(reply.text))


def test_copy_is_written_over_the_products_facts() -> None:
    writer = LocalWriter(weights.exported(), prompts.load("copy").text)
    facts = base.facts(base.name("title", "Enamel Kettle", "products"), base.money("price", 24.9, "GBP", "products"))
    text = writer.write("copy", {"channel": "email", "tone": "friendly", "language": "en"}, facts)
    assert set(REFERENCE.findall(text)) <= {"p.title", "p.price"}
    assert "{p.title}" in text


def test_a_fingerprint_tells_two_files_apart(tmp_path: Path) -> None:
    one, other = tmp_path / "a.gguf", tmp_path / "b.gguf"
    one.write_bytes(b"x" * 3000)
    other.write_bytes(b"x" * 2999 + b"y")
    assert weights.fingerprint(one) != weights.fingerprint(other)
    assert weights.fingerprint(one) == weights.fingerprint(one)


class _Server:
    """Stands for llama.cpp's: says how likely a call is, and the tool's name; keeps the grammars it was then given."""

    def __init__(self, chance: float, name: str) -> None:
        self.chance, self.name = chance, name
        self.grammar = ""

    def handle_completions(
        self, request: dict[str, Any], receive: Callable[[dict[str, Any]], bool] | None = None
    ) -> dict[str, Any] | None:
        if receive is None:
            assert (request["n_probs"], request["n_predict"]) == (20, 1)
            likely = {"content": [{"top_probs": [{"token": "call", "prob": self.chance}]}]}
            return {"choices": [{"text": "call" if self.chance > 0.2 else "Which", "logprobs": likely}]}
        for text in self._texts(request):
            if receive({"choices": [{"text": text}]}):
                break
        return None

    def _texts(self, request: dict[str, Any]) -> list[str]:
        if request["prompt"].endswith("call"):
            return [f" {self.name[:5]}", self.name[5:]]
        self.grammar = request["grammar"]
        if self.grammar.startswith("root ::= prose"):
            return ["Which order is it?"]
        opened = request["prompt"].endswith(f'call {self.name} {{"target') and self.name
        return ['":', '"shop"}'] if opened else ['call forecast_sales {"target":"shop"}']


def _chat(monkeypatch: pytest.MonkeyPatch, server: _Server) -> LocalChat:
    engine = Engine.__new__(Engine)
    engine._server = server
    monkeypatch.setattr("llm.local.engine", lambda *_, **__: engine)
    return LocalChat(path=Path("none.gguf"))


@pytest.mark.parametrize(
    ("chance", "name", "called"),
    [
        (0.9, "forecast_sales", "forecast_sales"),
        (CALL_FROM + 0.01, "forecast_sales", "forecast_sales"),  # prose as a whole is likelier, but begins in many ways
        (CALL_FROM - 0.01, "forecast_sales", None),
        (0.9, "track_order", None),  # not on offer: its id is still to be asked for
    ],
)
def test_a_call_is_made_when_it_is_likely_enough(
    monkeypatch: pytest.MonkeyPatch, chance: float, name: str, called: str | None
) -> None:
    server = _Server(chance, name)
    chat = _chat(monkeypatch, server).bind_tools(toolbox.bound("marketer"))
    reply = chat.invoke([SystemMessage("x"), HumanMessage("y")])
    assert [call["name"] for call in reply.tool_calls] == ([called] if called else [])
    assert server.grammar.startswith("root ::= prose" if called is None else r'root ::= "\":"')


@pytest.mark.parametrize(("chance", "called"), [(SURE_FROM + 0.01, ["weigh_parcel"]), (SURE_FROM - 0.01, [])])
def test_a_tool_that_was_never_taught_must_be_likelier(
    monkeypatch: pytest.MonkeyPatch, chance: float, called: list[str]
) -> None:
    own = {"name": "weigh_parcel", "parameters": {"properties": {"target": {"type": "string"}}, "required": ["target"]}}
    tools = [{"type": "function", "function": own | {"untaught": True}}, *toolbox.bound("marketer")]
    chat = _chat(monkeypatch, _Server(chance, "weigh_parcel")).bind_tools(tools)
    reply = chat.invoke([SystemMessage("x"), HumanMessage("y")])
    assert [call["name"] for call in reply.tool_calls] == called


def test_where_a_call_must_be_made_nobody_asks_how_likely_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    server = _Server(0.0, "")
    chat = _chat(monkeypatch, server).bind_tools(toolbox.bound("marketer"), tool_choice="any")
    chat.invoke([SystemMessage("x"), HumanMessage("y")])
    assert server.grammar.startswith('root ::= "call "')
