"""LangChain's messages as the embedded LLM reads and writes them: calls as `call NAME {json}`, results as briefs."""

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage

from llm.calls import parsed, written
from llm.chatml import ASSISTANT, END, START, chatml


def plain(messages: Sequence[BaseMessage]) -> list[dict[str, str]]:
    """LangChain messages as {"role", "content"} turns; one turn for each tool call.

    What a user or a tool wrote can't open a turn of its own: the turn markers are taken out of it.
    """
    turns: list[dict[str, str]] = []
    for message in messages:
        content = _clean(str(message.text))
        if isinstance(message, SystemMessage):
            turns.append({"role": "system", "content": content})
        elif isinstance(message, HumanMessage):
            turns.append({"role": "user", "content": content})
        elif isinstance(message, ToolMessage):
            turns.append({"role": "tool", "content": content})
        elif isinstance(message, AIMessage):
            calls: list[Any] = list(message.tool_calls)
            content = written(calls[0]["name"], calls[0]["args"]) if calls else content
            turns.append({"role": "assistant", "content": content})
    return turns


def prompt(messages: Sequence[BaseMessage]) -> str:
    """The text that the LLM completes: the conversation and the opening of the assistant's turn."""
    return chatml(plain(messages)) + ASSISTANT


def reply(text: str, position: int) -> AIMessage:
    """What the model wrote, as LangChain's message: a tool call or prose; `raw` keeps the text itself.

    A call's id follows from its position in the conversation, so that a replayed conversation is the same to the byte.
    """
    found = parsed(text)
    if found is None:
        return AIMessage(content=text.strip(), response_metadata={"raw": text})
    call = {"name": found[0], "args": found[1], "id": f"call_{position}", "type": "tool_call"}
    return AIMessage(content="", tool_calls=[call], response_metadata={"raw": text})


def _clean(text: str) -> str:
    cleaned = text.replace(START, "").replace(END, "")
    return cleaned if cleaned == text else _clean(cleaned)  # a marker may lie inside a marker
