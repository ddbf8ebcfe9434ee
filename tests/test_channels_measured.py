"""The agent, and the bare model with foreign tools, as the evaluation sees them."""

from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage

from channels.measured import AgentBench, _Chooser
from data.errors import AgentError
from llm import weights
from llm.local import LISTENER

TOOL = {"name": "area", "description": "", "parameters": {"type": "object", "properties": {}}}


def test_without_a_language_model_nothing_is_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SHOPKEEPER_LLM_URL", raising=False)
    monkeypatch.setattr(weights, "_EXPORTED", Path("nowhere.gguf"))
    with pytest.raises(AgentError, match="export-model"):
        AgentBench(tmp_path)


class Speaking:
    """Says its pieces to whoever listens, then replies as it would."""

    def __init__(self, *pieces: str, reply: AIMessage) -> None:
        self.pieces, self.reply, self.said = pieces, reply, list[str]()

    def bind_tools(self, _: Any) -> "Speaking":
        return self

    def invoke(self, _: Any) -> AIMessage:
        for piece in self.pieces:
            listener = LISTENER.get()
            assert listener is not None
            self.said.append(piece)
            listener(piece)
        return self.reply


def test_a_call_is_read_to_its_end() -> None:
    reply = AIMessage("", tool_calls=[{"name": "area", "args": {}, "id": "1"}])
    chat = Speaking('call area {"a', '":1}', reply=reply)
    assert _Chooser(chat).choose("area?", [TOOL]) == ("area", {})  # type: ignore[arg-type]
    assert chat.said == ['call area {"a', '":1}']


def test_an_answer_is_not_waited_for() -> None:
    chat = Speaking("I", " cannot", " do that.", reply=AIMessage("I cannot do that."))
    assert _Chooser(chat).choose("sing", [TOOL]) is None  # type: ignore[arg-type]
    assert chat.said == ["I"]
    assert LISTENER.get() is None
