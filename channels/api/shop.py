"""Routes for programs: search, recommendations, predictions, forecasts and the live feed."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import uuid4

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from channels.access import Key
from channels.api.results import ResultOut, asked, looked_up
from channels.api.security import needs, state_of
from channels.live import AT_ONCE, Seen

routes = APIRouter(prefix="/api")

Id = Annotated[str, Field(min_length=1, max_length=100)]
Customer = Annotated[str, Path(min_length=1, max_length=100, examples=["10233"])]
Limit = Annotated[int, Query(ge=1, le=20, description="How many products.")]
Price = Annotated[float | None, Query(ge=0, le=1e9, allow_inf_nan=False)]
Category = Annotated[str | None, Query(max_length=200)]
Horizon = Annotated[int, Query(ge=1, le=365, description="Days ahead.")]
Catalogue = Annotated[Key, Depends(needs("catalogue"))]
Insight = Annotated[Key, Depends(needs("insight"))]


@routes.get(
    "/search",
    tags=["catalogue"],
    summary="Find products by words, category, price and stock",
    response_model=ResultOut,
)
async def search(
    request: Request,
    _key: Catalogue,
    q: Annotated[str, Query(min_length=1, max_length=400, examples=["a waterproof gift"])],
    category: Category = None,
    min_price: Price = None,
    max_price: Price = None,
    in_stock: bool | None = None,
    limit: Limit = 10,
) -> Response:
    """Misspelt words are mended and measures compared; the cue is "relaxed" where nothing fits strictly."""
    given = {
        "query": q, "category": category, "min_price": min_price, "max_price": max_price, "in_stock": in_stock,
        "limit": limit,
    }  # fmt: skip
    return await looked_up(state_of(request), "search_products", given)


@routes.get(
    "/products/{product_id}",
    tags=["catalogue"],
    summary="One product's price, stock, sales and reviews",
    response_model=ResultOut,
)
async def product(
    request: Request, _key: Catalogue, product_id: Annotated[str, Path(min_length=1, max_length=200)]
) -> Response:
    """By id, or by words of the title."""
    return await looked_up(state_of(request), "get_product", {"product_id": product_id})


@routes.get(
    "/recommendations",
    tags=["catalogue"],
    summary="Products for a customer or a visit, each with its evidence",
    response_model=ResultOut,
)
async def recommendations(
    request: Request,
    _key: Catalogue,
    customer_id: Annotated[str | None, Query(max_length=100, examples=["10233"])] = None,
    session_id: Annotated[str | None, Query(max_length=100)] = None,
    category: Category = None,
    max_price: Price = None,
    limit: Limit = 5,
) -> Response:
    """By what the customer bought and looked at, and what the visit did a moment ago (POST /api/events)."""
    given = {"category": category, "max_price": max_price, "limit": limit}
    who = {"customer_id": customer_id or None, "session_id": session_id or None}
    return await looked_up(state_of(request), "recommend_products", given, **who)


@routes.get("/predictions/{customer_id}", tags=["insight"], summary="How likely a customer is to buy, and why")
def prediction(request: Request, _key: Insight, customer_id: Customer, horizon_days: Horizon = 30) -> ResultOut:
    """A calibrated chance with its reasons."""
    given = {"customer_id": customer_id, "horizon_days": horizon_days}
    return asked(state_of(request), "predict_behaviour", given, role="marketer")


@routes.get("/forecasts", tags=["insight"], summary="What will sell")
def forecast(
    request: Request,
    _key: Insight,
    target: Annotated[
        str, Query(min_length=1, max_length=200, description='A product id, a category, or "shop".', examples=["shop"])
    ] = "shop",
    horizon_days: Horizon = 28,
) -> ResultOut:
    """Units with an 80% interval, week by week in the rows."""
    given = {"target": target, "horizon_days": horizon_days}
    return asked(state_of(request), "forecast_sales", given, role="marketer")


@routes.get("/inventory", tags=["insight"], summary="What to reorder")
def inventory(
    request: Request,
    _key: Insight,
    category: Category = None,
    horizon_days: Horizon = 28,
    service_level: Annotated[float, Query(ge=0.5, le=0.999)] = 0.95,
) -> ResultOut:
    """Order-up-to quantities for a chance of not running out."""
    given = {"category": category, "horizon_days": horizon_days, "service_level": service_level}
    return asked(state_of(request), "plan_inventory", given, role="marketer")


class EventIn(BaseModel):
    """One thing that a visitor did. At least one of `customer_id` and `session_id` says who."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"kind": "view", "session_id": "v-81f", "product_id": "P0409"}]},
    )

    kind: Literal["view", "search", "add_to_cart", "purchase", "return", "review"]
    event_id: Id | None = None
    at: AwareDatetime | None = None
    customer_id: Id | None = None
    session_id: Id | None = None
    product_id: Id | None = None
    quantity: Annotated[float, Field(gt=0, le=1e6)] | None = None
    unit_price: Annotated[float, Field(ge=0, le=1e9)] | None = None
    order_id: Id | None = None
    text: Annotated[str, Field(max_length=2000)] | None = None


class EventsIn(BaseModel):
    """Up to five hundred events, kept all or none. An `event_id` that was sent before changes nothing."""

    model_config = ConfigDict(extra="forbid")

    events: Annotated[list[EventIn], Field(min_length=1, max_length=AT_ONCE)]


class Taken(BaseModel):
    """How many of the events were new."""

    taken: int


@routes.post("/events", tags=["events"], status_code=202, summary="Tell what visitors do, as they do it")
def events(request: Request, _key: Annotated[Key, Depends(needs("events"))], sent: EventsIn) -> Taken:
    """They change the next recommendation at once, and enter the next snapshot."""
    return take(request, sent.events)


def take(request: Request, sent: list[EventIn]) -> Taken:
    """Keeps events and counts them."""
    state = state_of(request)
    taken = state.serving.now.feed.add([_seen(one) for one in sent])
    state.measures.events.inc(taken)
    return Taken(taken=taken)


def _seen(one: EventIn) -> Seen:
    at = (one.at or datetime.now(UTC)).astimezone(UTC).replace(tzinfo=None)
    known = one.model_dump(exclude={"at", "event_id"})
    known = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in known.items()}
    return Seen(event_id=one.event_id or f"live-{uuid4().hex}", at=at, **known)
