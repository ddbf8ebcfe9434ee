"""`/v1/chat/completions`: the agent behind OpenAI's protocol, so that any chat client can attach."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import uuid4

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import JSONResponse, StreamingResponse
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from pydantic import BaseModel, ConfigDict, Field

from channels.access import Key
from channels.api.answering import pieces
from channels.api.security import needs, state_of

if TYPE_CHECKING:
    from agent.orchestrator import Agent

MODEL = "shopkeeper"
_MOST_TURNS = 200

routes = APIRouter(prefix="/v1", tags=["chat"])
Chat = Annotated[Key, Depends(needs("chat"))]


class Part(BaseModel):
    """A part of a message; only text is read."""

    type: Literal["text"]
    text: str


class Message(BaseModel):
    """One message. Those of the system are taken and change nothing: the agent has instructions of its own."""

    model_config = ConfigDict(extra="ignore")

    role: Literal["system", "developer", "user", "assistant"]
    content: Annotated[str, Field(max_length=20_000)] | list[Part]

    @property
    def text(self) -> str:
        """The message's words."""
        return self.content if isinstance(self.content, str) else "\n".join(part.text for part in self.content)


class CompletionIn(BaseModel):
    """OpenAI's request. Settings of decoding are taken and ignored: the agent decodes greedily under a grammar."""

    model_config = ConfigDict(
        extra="ignore",
        json_schema_extra={
            "examples": [{"model": MODEL, "messages": [{"role": "user", "content": "What should we reorder?"}]}]
        },
    )

    model: str = MODEL
    messages: Annotated[list[Message], Field(min_length=1, max_length=_MOST_TURNS)]
    stream: bool = False


@routes.get("/models", summary="The one model there is")
def models(_key: Chat) -> dict[str, Any]:
    """As OpenAI's protocol lists them."""
    return {"object": "list", "data": [{"id": MODEL, "object": "model", "created": 0, "owned_by": "shopkeeper"}]}


@routes.post(
    "/chat/completions",
    summary="Ask the marketer's agent",
    responses={200: {"content": {"application/json": {}, "text/event-stream": {}}}},
    response_model=None,
)
async def completions(request: Request, key: Chat, asked: CompletionIn) -> JSONResponse | StreamingResponse:
    """The last message is the question; earlier ones are taken up with the results of their tool calls, where known."""
    state = state_of(request)
    turns = [(m.role, m.text) for m in asked.messages if m.role in ("user", "assistant")]
    if not turns or turns[-1][0] != "user":
        raise HTTPException(422, "the last message must be the user's question")
    agent = state.serving.now.agent("marketer")
    before, question = turns[:-1], turns[-1][1]
    thread = state.threads.of(key, before) if before else None
    if thread is None:
        thread = f"v1-{uuid4().hex}"
        _recall(agent, before, thread)
    about = {"id": f"chatcmpl-{uuid4().hex}", "created": int(time.time()), "model": MODEL}
    if asked.stream:
        stream = _stream(request, agent, key, turns, thread, about)
        return StreamingResponse(stream, media_type="text/event-stream", headers={"cache-control": "no-store"})
    async for piece in pieces(state, agent, question, thread=thread):
        if piece.kind == "error":
            raise HTTPException(422, piece.value)
        if piece.kind == "answer":
            state.threads.keep(key, [*turns, ("assistant", piece.value.text)], thread)
            message = {"role": "assistant", "content": piece.value.text}
            choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
            sources = [
                {"number": c.number, "display": c.fact.display, "source": c.fact.source} for c in piece.value.citations
            ]
            return JSONResponse(
                {"object": "chat.completion", **about, "choices": [choice], "usage": None, "sources": sources}
            )
    raise HTTPException(500, "the answer could not be finished: please ask again")


async def _stream(
    request: Request, agent: Agent, key: Key, turns: Sequence[tuple[str, str]], thread: str, about: dict[str, Any]
) -> AsyncIterator[str]:
    def chunk(delta: dict[str, Any], finish: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return _event({"object": "chat.completion.chunk", **about, "choices": [choice]})

    state = state_of(request)
    yield chunk({"role": "assistant", "content": ""})
    try:
        async for piece in pieces(state, agent, turns[-1][1], thread=thread):
            if piece.kind == "words" and piece.value:
                yield chunk({"content": piece.value})
            elif piece.kind == "error":
                yield _event({"error": {"message": piece.value, "type": "invalid_request_error"}})
            elif piece.kind == "answer":
                state.threads.keep(key, [*turns, ("assistant", piece.value.text)], thread)
                yield chunk({}, "stop")
    except HTTPException as error:  # too late for a status
        yield _event({"error": {"message": error.detail, "type": "server_error"}})
    yield "data: [DONE]\n\n"


def _recall(agent: Agent, before: Sequence[tuple[str, str]], thread: str) -> None:
    messages: list[BaseMessage] = [HumanMessage(t) if role == "user" else AIMessage(t) for role, t in before]
    agent.recall(messages, thread)


def _event(content: dict[str, Any]) -> str:
    return f"data: {json.dumps(content, ensure_ascii=False)}\n\n"
