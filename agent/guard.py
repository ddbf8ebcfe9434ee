"""Middleware around the model and the tools: what is shown, how many calls, and what a shopper may never see."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import Any, cast

from langchain.agents.middleware import AgentMiddleware, ModelRequest, ModelResponse
from langchain.tools.tool_node import ToolCallRequest
from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, HumanMessage, ToolMessage
from langgraph.types import Command

from agent.grounding import tidied
from agent.offering import Unknown, known_ids, mentioned, name_of, offer
from data.errors import AgentError
from tools.base import ToolContext, completed

MOST_CALLS = 10
"""Calls in one turn; after that the model must answer."""

MOST_TRIES = 2
"""Words that a plan tries for one tool before it goes on without."""

TURNS_REMEMBERED = 8
"""How many earlier turns the tools know: what is older enters neither a draft nor a trace."""

TURNS_IN_SIGHT = 2
"""How many of the user's turns the model sees, the present one included: as many as in its training conversations."""

STAFF_ONLY = frozenset({"cost", "margin", "buy_chance", "customer"})
"""Facts that a shopper's result may never carry, whatever a tool returns."""


@dataclass(frozen=True)
class Step:
    """One finished tool call, as a face shows it."""

    tool: str
    arguments: dict[str, Any]
    seconds: float
    summary: str
    failed: bool


@dataclass
class Conversation(ToolContext):
    """The context of one turn: what the tools see, who listens, and what the model wrote."""

    task: str = "chat"
    stop: Event | None = None
    on_step: Callable[[Step], None] | None = None
    texts: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)


class StoppedError(AgentError):
    """Nobody waits for the answer any more."""


class Guard(AgentMiddleware[Any, Conversation]):
    """Keeps a turn short, in sight and confidential."""

    def wrap_model_call(
        self, request: ModelRequest[Conversation], handler: Callable[[ModelRequest[Conversation]], ModelResponse]
    ) -> ModelResponse:
        """Shows the last turns, offers the ids in sight, drops invented arguments, ends what leads nowhere."""
        shown, context = in_sight(request.messages), request.runtime.context
        stopped(context)
        unknown = Unknown()
        if context.task == "plan":
            shown, unknown = tried_again(shown)
            given_up = {tool for tool in map(name_of, request.tools) if unknown.tries(tool) >= MOST_TRIES}
            request = request.override(tools=[tool for tool in request.tools if name_of(tool) not in given_up])
        request = request.override(messages=shown)
        if context.task == "plan" and under_way(shown):
            # A plan is whole when it has been drafted; which call brings it there is the model's choice.
            left = [tool for tool in request.tools if name_of(tool) not in repeated(shown)]
            request = request.override(tools=left, tool_choice="any")
        elif spent(shown):
            request = request.override(tools=[])
        request = request.override(tools=list(offer(request.tools, shown, known_ids(context.snapshot), unknown)))
        categories = context.index.categories
        response = handler(request)
        for message in response.result:
            if isinstance(message, AIMessage):
                context.texts.append(str(message.response_metadata.get("raw", message.text)))
                for call in message.tool_calls:
                    given = mentioned(request.tools, shown, call["name"], call["args"])
                    given = tidied(call["name"], given, said(shown), context.role, categories)
                    call["args"] = completed(call["name"], context, given)
        return response

    def wrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], ToolMessage | Command[Any]]
    ) -> ToolMessage | Command[Any]:
        """Times the call, tells who listens, and stops a result that a shopper may not see."""
        context = cast("Conversation", request.runtime.context)
        stopped(context)
        started = time.perf_counter()
        message = handler(request)
        done = context.calls[-1] if context.calls else None
        if done is not None and done.tool == request.tool_call["name"]:
            if context.role == "shopper":
                _confidential(done.result.facts, *(row.facts for row in done.result.rows))
            summary = done.result.facts["message"].display if done.result.failed else done.result.cue
            step = Step(done.tool, dict(done.arguments), time.perf_counter() - started, summary, done.result.failed)
            context.steps.append(step)
            if context.on_step:
                context.on_step(step)
        return message


def stopped(context: Conversation) -> None:
    """Raises `StoppedError` once the one who asked has gone away."""
    if context.stop is not None and context.stop.is_set():
        raise StoppedError("the answer was stopped")


def in_sight(messages: list[AnyMessage]) -> list[AnyMessage]:
    """The messages of the turns that the model sees."""
    return _last(messages, TURNS_IN_SIGHT)


def remembered(messages: list[AnyMessage]) -> list[AnyMessage]:
    """The messages of the turns whose calls the tools know."""
    return _last(messages, TURNS_REMEMBERED)


def _last(messages: list[AnyMessage], turns: int) -> list[AnyMessage]:
    starts = [i for i, message in enumerate(messages) if isinstance(message, HumanMessage)]
    return messages[starts[-turns] :] if len(starts) > turns else messages


def said(messages: Sequence[BaseMessage]) -> str:
    """All that the user wrote in these messages."""
    return "\n".join(str(message.text) for message in messages if isinstance(message, HumanMessage))


def spent(messages: list[AnyMessage]) -> bool:
    """Whether this turn must end: too many calls, the same call again, or a failure that only the user can mend."""
    return _failed(messages) or len(_made(messages)) >= MOST_CALLS or bool(repeated(messages))


def tried_again(messages: list[AnyMessage]) -> tuple[list[AnyMessage], Unknown]:
    """The messages of a plan without this turn's calls that failed over words which the shop does not know, and those
    words: the model chooses again without them, so that one unlucky word doesn't end a whole plan.
    """
    start = max((i for i, message in enumerate(messages) if isinstance(message, HumanMessage)), default=0)
    kept, unknown = messages[: start + 1], Unknown()
    for message in messages[start + 1 :]:
        before = kept[-1]
        if _failed([message]) and isinstance(before, AIMessage) and len(before.tool_calls) == 1:
            told = " ".join(str(fact["display"]) for fact in getattr(message, "artifact", {})["facts"])
            if unknown.learn(before.tool_calls[0]["name"], before.tool_calls[0]["args"], told):
                kept.pop()
                continue
        kept.append(message)
    return kept, unknown


def under_way(messages: list[AnyMessage]) -> bool:
    """Whether a plan was begun in this turn and lacks its draft, with nothing in the way of one."""
    called = {name for name, _ in _made(messages)}
    return (
        bool(called) and "draft_campaign" not in called and not _failed(messages) and len(_made(messages)) < MOST_CALLS
    )


def repeated(messages: list[AnyMessage]) -> set[str]:
    """Tools that this turn called twice with the same arguments."""
    made = _made(messages)
    return {name for at, (name, arguments) in enumerate(made) if (name, arguments) in made[:at]}


def _made(messages: list[AnyMessage]) -> list[tuple[str, str]]:
    """Names and arguments of this turn's calls."""
    start = max((i for i, message in enumerate(messages) if isinstance(message, HumanMessage)), default=0)
    return [(c["name"], repr(c["args"])) for m in messages[start:] if isinstance(m, AIMessage) for c in m.tool_calls]


def _failed(messages: list[AnyMessage]) -> bool:
    last = messages[-1]
    return isinstance(last, ToolMessage) and bool((last.artifact or {}).get("failed"))


def _confidential(*groups: Any) -> None:
    leaked = {key for facts in groups for key in facts} & STAFF_ONLY
    if leaked:
        raise PermissionError(f"a shopper's result carried {sorted(leaked)}")
