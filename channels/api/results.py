"""Tool results over HTTP: each figure with its unit, its display form and its source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from anyio import to_thread
from fastapi import HTTPException, Response
from pydantic import BaseModel, ConfigDict, JsonValue

import tools  # noqa: F401 - registers every tool
from tools.base import Role, ToolContext, call

if TYPE_CHECKING:
    from channels.api.state import State
    from tools.base import Fact, ToolResult


class FactOut(BaseModel):
    """One figure or name, and where it comes from."""

    value: Any
    unit: str
    display: str
    source: str


class RowOut(BaseModel):
    """One row of a result: its id, its facts, and a word on how it stands ("in stock", "together strong")."""

    id: str | None
    facts: dict[str, FactOut]
    cue: str


_EXAMPLE: dict[str, JsonValue] = {
    "facts": {"count": {"value": 1, "unit": "count", "display": "1", "source": "index, snapshot abf50a"}},
    "rows": [
        {
            "id": "P0409",
            "facts": {
                "title": {"value": "Tin Mug", "unit": "name", "display": "Tin Mug", "source": "products table"},
                "price": {"value": 9.5, "unit": "money", "display": "£9.50", "source": "products table"},
            },
            "cue": "in stock",
        }
    ],
    "cue": "found",
    "text": None,
}


class ResultOut(BaseModel):
    """What was found. `cue` is a word on the whole ("found", "relaxed", "popular"); `text` more words, if any."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    facts: dict[str, FactOut]
    rows: list[RowOut]
    cue: str
    text: str | None


def asked(
    state: State,
    tool: str,
    arguments: Mapping[str, Any],
    *,
    role: Role,
    customer_id: str | None = None,
    session_id: str | None = None,
) -> ResultOut:
    """Runs a read tool and tells what it found; a 404 or 422 with the tool's own sentence when it cannot."""
    live = state.serving.now.feed.of(customer_id=customer_id, session_id=session_id)
    result = ran(state, tool, arguments, role=role, customer_id=customer_id, live=live)
    if result.failed:
        sentence = result.facts["message"].display
        raise HTTPException(404 if sentence.startswith("no ") else 422, sentence)
    return told(result)


async def looked_up(
    state: State,
    tool: str,
    arguments: Mapping[str, Any],
    *,
    customer_id: str | None = None,
    session_id: str | None = None,
) -> Response:
    """What a shopper's read tool found, as JSON: for routes that many call at once."""

    def found() -> bytes:
        result = asked(state, tool, arguments, role="shopper", customer_id=customer_id, session_id=session_id)
        return result.model_dump_json().encode()

    content = await to_thread.run_sync(found, limiter=state.lookups)
    return Response(content, media_type="application/json")


def ran(
    state: State,
    tool: str,
    arguments: Mapping[str, Any],
    *,
    role: Role,
    customer_id: str | None = None,
    live: tuple[tuple[str, str], ...] = (),
) -> ToolResult:
    """Runs a read tool for someone who did `live` since the snapshot; arguments that are None are left out."""
    shop = state.serving.now.shop
    context = ToolContext(
        snapshot=shop.snapshot,
        operations=shop.operations,
        models=shop.models,
        index=shop.index,
        role=role,
        as_of=shop.snapshot.as_of,
        customer_id=customer_id,
        live=live,
    )
    result = call(tool, context, {name: value for name, value in arguments.items() if value is not None})
    state.measures.tools.labels(tool, "failed" if result.failed else "done").inc()
    return result


def told(result: ToolResult) -> ResultOut:
    """A result as it goes over the wire."""
    rows = [RowOut(id=row.id, facts=_facts(row.facts), cue=row.cue) for row in result.rows]
    return ResultOut(facts=_facts(result.facts), rows=rows, cue=result.cue, text=result.text)


def _facts(found: Mapping[str, Fact]) -> dict[str, FactOut]:
    return {
        key: FactOut(value=fact.value, unit=fact.unit, display=fact.display, source=fact.source)
        for key, fact in found.items()
    }
