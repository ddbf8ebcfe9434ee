"""The chat model over a server: a real llama.cpp server over HTTP, and what is asked of it and kept of its answers."""

from typing import Any

import pytest
import xllamacpp
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage

from agent import build, toolbox
from agent.offering import offer
from data.errors import AgentError
from llm.endpoint import EndpointChat, EndpointWriter, Settings, configured
from llm.scripted import ScriptedWriter
from tests.shop import small_shop
from training.base import gguf_file


def test_the_environment_names_server_and_model() -> None:
    assert configured({}) is None
    with pytest.raises(AgentError, match="SHOPKEEPER_LLM_MODEL"):
        configured({"SHOPKEEPER_LLM_URL": "http://here/v1"})
    said = {"SHOPKEEPER_LLM_URL": "http://here/v1", "SHOPKEEPER_LLM_MODEL": "qwen", "SHOPKEEPER_LLM_KEY": "k"}
    assert configured(said) == Settings("http://here/v1", "qwen", "k")


@pytest.fixture(scope="module")
def server() -> Settings:
    """llama.cpp's own server with the untuned base: it need not be clever to speak the protocol."""
    path = gguf_file("smollm2")
    assert path is not None
    settings = xllamacpp.CommonParams()
    settings.model.path = str(path)
    settings.n_ctx = 4096
    settings.n_parallel = 1
    settings.cpuparams.n_threads = 1
    settings.hostnames, settings.port = ["127.0.0.1"], 0
    settings.use_jinja = True
    settings.verbosity = -1
    running = xllamacpp.Server(settings)
    _KEPT.append(running)
    return Settings(f"{running.listening_address}/v1", "smollm2")


_KEPT: list[Any] = []


def test_a_required_call_comes_back_in_the_form_of_traces(server: Settings) -> None:
    said = [SystemMessage("You call tools."), HumanMessage("Forecast the whole shop for 30 days")]
    tools = [one for one in offer(toolbox.bound("marketer"), said, frozenset()) if _name(one) == "forecast_sales"]
    reply = EndpointChat(settings=server).bind_tools(tools, tool_choice="any").invoke(said)
    assert reply.tool_calls[0]["name"] == "forecast_sales"
    assert str(reply.response_metadata["raw"]).startswith("call forecast_sales {")


def test_a_conversation_with_a_result_goes_on_in_prose(server: Settings) -> None:
    asked = AIMessage("", tool_calls=[{"name": "forecast_sales", "args": {"target": "shop"}, "id": "call_2"}])
    told = ToolMessage("a: units low high (up)", tool_call_id="call_2")
    messages = [SystemMessage("Answer."), HumanMessage("Forecast the shop"), asked, told]
    reply = EndpointChat(settings=server).invoke(messages)
    assert reply.tool_calls == []
    assert str(reply.text).strip()


def test_copy_is_written_by_the_server(server: Settings) -> None:
    assert EndpointWriter(server, "You write copy.").write("copy", {"channel": "sms"}, {"title": None, "price": None})


def test_a_server_that_is_not_there_is_named() -> None:
    chat = EndpointChat(settings=Settings("http://127.0.0.1:9/v1", "none"))
    with pytest.raises(AgentError, match="did not answer"):
        chat.invoke([HumanMessage("hi")])


class _Careless(EndpointChat):
    """Names a figure in its first answer, and mends it when told."""

    script: list[str]

    def _asked(self, messages: list[Any], **options: Any) -> AIMessage:
        text = self.script.pop(0)
        if text.startswith("call "):
            name = text.removeprefix("call ")
            return AIMessage("", tool_calls=[{"name": name, "args": {"target": "shop"}, "id": "x"}])
        if text == "mended":
            assert "can't be shown" in str(messages[-1].text)
            return AIMessage("{a.units} units are likely.")
        return AIMessage(text)


def test_an_answer_with_faults_gets_one_more_try() -> None:
    script = ["call forecast_sales", "I expect 12 units.", "mended"]
    chat = _Careless(settings=Settings("http://nowhere", "x"), script=script)
    agent = build.open_agent(small_shop().store.root, chat=chat, writer=ScriptedWriter([]), keep=False)
    answer = agent.ask("What will the shop sell?")
    assert answer.raw == "{a.units} units are likely."
    assert not answer.fallback
    assert len(agent.last["texts"]) == 3


def _name(tool: Any) -> str:
    return str(tool["function"]["name"]) if isinstance(tool, dict) else str(tool.name)
