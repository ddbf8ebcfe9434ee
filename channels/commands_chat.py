"""`shopkeeper chat`: a conversation with the agent, at the prompt or sentence by sentence."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import typer

from channels.options import DebugOption, StoreOption, require_customer, store_at
from data.errors import SettingError, ShopkeeperError

if TYPE_CHECKING:
    from agent.orchestrator import Agent, Answer, Task
    from channels.terminal import Screen
    from data.store import Store
    from tools.base import Role

_GOODBYES = {"exit", "quit", "bye", ":q"}


class Speaker(StrEnum):
    """Who is talking."""

    MARKETER = "marketer"
    SHOPPER = "shopper"


def chat(
    *,
    role: Annotated[
        Speaker, typer.Option("--role", help="Who is talking; a shopper sees no costs and no other customers.")
    ] = Speaker.MARKETER,
    customer: Annotated[
        str | None, typer.Option("--customer", metavar="ID", help="The shopper who is signed in.")
    ] = None,
    say: Annotated[
        list[str] | None, typer.Option("--say", metavar="TEXT", help="Say this and end; may be given several times.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line for each answer.")] = False,
    thread: Annotated[
        str, typer.Option("--thread", metavar="NAME", help="The conversation to go on with.")
    ] = "default",
    new: Annotated[
        bool, typer.Option("--new", help="Begin a conversation of its own, which is not gone on with.")
    ] = False,
    store: StoreOption = None,
    _debug: DebugOption = False,
) -> None:
    """Talks with the agent; each tool call is shown, each figure has its source.

    Without --say it asks line by line until you say exit. The next run goes on where this one ended, unless it
    names another --thread or begins a --new one.

    Examples:

    - `shopkeeper chat`
    - `shopkeeper chat --say "What will sell next month?" --say "And in the kitchen category?"`
    - `shopkeeper chat --role shopper --customer 10233 --say "something for a friend who loves tea, under 20"`
    - `shopkeeper chat --json --say "Who is likely to buy again?" | jq .text`
    """
    from channels.terminal import Screen

    place = store_at(store)
    if customer is not None and role is Speaker.MARKETER:
        raise SettingError(
            "--customer says which shopper is signed in: add --role shopper, or name the customer in the question"
        )
    if customer is not None:
        require_customer(place.snapshot(), customer)
    screen, at_prompt = Screen(), not say and sys.stdin.isatty()
    agent = open_agent(place.root, role=role.value, customer_id=customer)
    if role is Speaker.MARKETER and not as_json:
        warn(screen, place)
    if at_prompt:
        agent.warm()
    try:
        talk(
            screen,
            agent,
            say or _lines(screen if at_prompt else None),
            thread=uuid4().hex if new else thread,
            as_json=as_json,
            echo=not at_prompt,
            forgiving=at_prompt,
        )
    finally:
        agent.close()


def warn(screen: Screen, store: Store) -> None:
    """A line for each thing to know before leaning on the models: they are older than the data, or it has moved."""
    from models.drift import notes

    snapshot = store.snapshot()
    for line in notes(store.models_path.parent / snapshot.id, snapshot):
        screen.note(line)


def talk(
    screen: Screen,
    agent: Agent,
    sentences: Iterable[str],
    *,
    thread: str,
    as_json: bool = False,
    echo: bool = True,
    forgiving: bool = False,
) -> None:
    """Says each sentence in turn; when `forgiving`, a failure is shown and the conversation goes on."""
    for sentence in sentences:
        try:
            if as_json:
                record = as_record(sentence, agent.ask(sentence, thread=thread))
                print(json.dumps(record, ensure_ascii=False), flush=True)
            else:
                converse(screen, agent, sentence, thread=thread, echo=echo)
        except ShopkeeperError as error:
            if not forgiving:
                raise
            screen.say(str(error), style="red")


def open_agent(path: Path, *, role: Role = "marketer", customer_id: str | None = None, task: Task = "chat") -> Agent:
    """The agent of the store at `path`; its import takes a second or two, so it is not at the top."""
    from agent import build

    return build.open_agent(path, role=role, customer_id=customer_id, task=task)


def converse(
    screen: Screen,
    agent: Agent,
    text: str,
    *,
    thread: str,
    echo: bool = True,
    minimum_spend: Mapping[str, float] | None = None,
    capacity: Mapping[str, int] | None = None,
) -> Answer:
    """One turn on the screen: what was said, each tool call as it ends, the answer with its sources."""
    if echo:
        screen.asked(text)
    with screen.streaming() as stream:
        answer = agent.ask(
            text,
            thread=thread,
            minimum_spend=minimum_spend,
            capacity=capacity,
            on_step=screen.call,
            on_token=stream.feed,
        )
    screen.answer(answer)
    screen.say()
    return answer


def as_record(said: str, answer: Answer) -> dict[str, Any]:
    """The answer as plain data: text, sources, calls with their facts, and where its trace lies."""
    from agent.records import as_record as call_record

    return {
        "said": said,
        "text": answer.text,
        "raw": answer.raw,
        "citations": [
            {
                "number": c.number,
                "reference": c.reference,
                "start": c.start,
                "end": c.end,
                "display": c.fact.display,
                "unit": c.fact.unit,
                "source": c.fact.source,
            }
            for c in answer.citations
        ],
        "calls": [call_record(call) for call in answer.calls],
        "fallback": answer.fallback,
        "faults": list(answer.faults),
        "trace": str(answer.trace),
        "seconds": round(answer.seconds, 3),
    }


def _lines(screen: Screen | None) -> Iterator[str]:
    """What is typed at the prompt, or stands in a pipe (`screen` None), until the end or a goodbye."""
    typed: Iterable[str] = sys.stdin if screen is None else _prompted(screen)
    for line in typed:
        sentence = line.strip()
        if sentence.lower() in _GOODBYES:
            return
        if sentence:
            yield sentence


def _prompted(screen: Screen) -> Iterator[str]:
    import readline  # noqa: F401  - arrow keys and history at the prompt

    screen.note("Ask away; exit or Ctrl-D ends the conversation.")
    while True:
        try:
            yield input("you    ")
        except EOFError:
            screen.say()
            return
