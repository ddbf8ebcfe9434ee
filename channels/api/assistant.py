"""Routes of the shopping assistant on the shop's own page; a signed visit, and nothing else, says who is asking."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from channels.access import VISIT_HOURS, Visit
from channels.api.answering import pieces
from channels.api.cards import Card, Comparison, Order, cards, comparison, order
from channels.api.results import ResultOut, looked_up
from channels.api.security import state_of, visiting
from channels.api.shop import Category, EventIn, EventsIn, Limit, Price, Taken, take
from channels.assistant.openers import Questions, categories, questions
from channels.assistant.replies import replies
from channels.live import Seen
from data.money import symbol

if TYPE_CHECKING:
    from agent.orchestrator import Answer
    from data.store import Snapshot

routes = APIRouter(prefix="/assistant", tags=["assistant"])
Here = Annotated[Visit, Depends(visiting)]


class VisitOut(BaseModel):
    """The token of a visit, to be sent as Authorization: Bearer TOKEN."""

    token: str
    hours: int


class QuestionIn(BaseModel):
    """What the shopper says."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"say": "a waterproof gift under 20"}]})

    say: Annotated[str, Field(min_length=1, max_length=4000)]


class Put(BaseModel):
    """Something that the answer put into the basket; the page shows it there."""

    product_id: str
    title: str
    quantity: int


class AnswerOut(BaseModel):
    """The last event of an answer's stream: all its words, and what belongs beside them.

    `basket` is what the answer put there, `replies` are obvious answers to the question that it ends with.
    """

    text: str
    cards: list[Card]
    basket: list[Put]
    comparison: Comparison | None = None
    order: Order | None = None
    replies: list[str] = []


@routes.post("/visit", status_code=201, summary="Begin a visit of someone who is not signed in")
def begin(request: Request) -> VisitOut:
    """A signed-in customer's token is made by the shop's own server instead (see the docs)."""
    state = state_of(request)
    state.pace.spend("begin", request.client.host if request.client else "unknown")
    return VisitOut(token=state.visits.sign(state.visits.new()), hours=VISIT_HOURS)


@routes.get("/start", summary="What the shopper could ask, before anything was said")
def start(request: Request, visit: Here) -> Questions:
    """Questions that this shop can answer; about an order only where the shopper is signed in."""
    return questions(state_of(request).serving.now.shop.snapshot, visit.customer_id)


@routes.post(
    "/chat",
    summary="Ask the shopping assistant",
    responses={200: {"content": {"text/event-stream": {}}, "description": "Events: step, words, done, or error."}},
    response_class=StreamingResponse,
)
async def chat(request: Request, visit: Here, asked_: QuestionIn) -> StreamingResponse:
    """Streams `step` (a tool's name), `words`, and last `done` with the whole answer and its product cards."""
    state = state_of(request)
    if state.waiting >= state.most_waiting:
        raise HTTPException(503, "many people are asking just now: try again in a moment", headers={"retry-after": "5"})
    headers = {"cache-control": "no-store"}
    return StreamingResponse(_told(request, visit, asked_.say), media_type="text/event-stream", headers=headers)


@routes.get("/recommendations", summary="What suits this visit, each with its evidence", response_model=ResultOut)
async def recommendations(
    request: Request, visit: Here, category: Category = None, max_price: Price = None, limit: Limit = 5
) -> Response:
    """By what the customer bought and what the visit looked at."""
    given = {"category": category, "max_price": max_price, "limit": limit}
    who = {"customer_id": visit.customer_id, "session_id": visit.session_id}
    return await looked_up(state_of(request), "recommend_products", given, **who)


@routes.post("/events", status_code=202, summary="What this visit does on the shop's page")
def events(request: Request, visit: Here, sent: EventsIn) -> Taken:
    """Views, searches and baskets of this visit only; purchases come from the shop's own server."""
    mine: list[EventIn] = []
    for one in sent.events:
        if one.kind not in ("view", "search", "add_to_cart"):
            raise HTTPException(422, f"a page may not tell of a {one.kind}: the shop's server does, with its key")
        who = {"customer_id": visit.customer_id, "session_id": visit.session_id, "event_id": None, "at": None}
        mine.append(one.model_copy(update=who))
    return take(request, mine)


async def _told(request: Request, visit: Visit, say: str) -> AsyncIterator[str]:
    state = state_of(request)
    now = state.serving.now
    agent = now.agent("shopper", visit.customer_id)
    live = now.feed.of(customer_id=visit.customer_id, session_id=visit.session_id)
    try:
        async for piece in pieces(state, agent, say, thread=f"visit-{visit.session_id}", live=live):
            if piece.kind == "step":
                yield _event("step", {"tool": piece.value.tool, "failed": piece.value.failed})
            elif piece.kind == "words":
                yield _event("words", {"text": piece.value})
            elif piece.kind == "error":
                yield _event("error", {"message": piece.value})
            else:
                done = _done(piece.value, now.shop.snapshot)
                for put in done.basket:
                    now.feed.note(_put(put, visit))
                yield _event("done", done.model_dump())
    except HTTPException as error:
        yield _event("error", {"message": error.detail})


def _event(kind: str, content: dict[str, Any]) -> str:
    return f"event: {kind}\ndata: {json.dumps(content, ensure_ascii=False)}\n\n"


def _done(answer: Answer, snapshot: Snapshot) -> AnswerOut:
    put = [c for c in answer.calls if c.tool == "add_to_cart" and "quantity" in c.result.facts]
    basket = [
        Put(
            product_id=str(c.result.table["product_id"].iloc[0]),
            title=c.result.facts["title"].display,
            quantity=int(c.result.facts["quantity"].value),
        )
        for c in put
        if c.result.table is not None
    ]
    return AnswerOut(
        text=answer.text,
        cards=cards(answer.calls, snapshot),
        basket=basket,
        comparison=comparison(answer.calls, snapshot),
        order=order(answer.calls),
        replies=replies(answer.text, symbol=symbol(snapshot.currency), categories=categories(snapshot)),
    )


def _put(put: Put, visit: Visit) -> Seen:
    return Seen(
        event_id=f"noted-{uuid4().hex}",
        at=datetime.now(UTC).replace(tzinfo=None),
        kind="add_to_cart",
        customer_id=visit.customer_id,
        session_id=visit.session_id,
        product_id=put.product_id,
        quantity=float(put.quantity),
    )
