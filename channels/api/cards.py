"""What a face shows beside an answer's words: product cards, a comparison, an order's state."""

from __future__ import annotations

import functools
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
from pydantic import BaseModel

if TYPE_CHECKING:
    from data.store import Snapshot
    from tools.base import Call, Row

_COMPARED = ("price", "stock", "sold", "share", "rating")
"""Keys of a comparison's lines, in the order shown."""
_SHOWING = frozenset({"search_products", "recommend_products", "get_product", "compare_products"})
_MOST = 6
_REASONS = {
    "together": "{share} of those who have {anchor} chose it too",
    "similar": "much like {anchor}",
    "friends": "{friends} people you are connected with have it",
}
_WEAK = "a loose link: {reason}"


class Card(BaseModel):
    """One product as a card; displays carry their currency, `stock` is in words."""

    product_id: str
    title: str
    category: str | None = None
    price: str | None = None
    stock: str | None = None
    image_url: str | None = None
    why: str | None = None


class Line(BaseModel):
    """One line of a comparison: what is compared, and a display for each product ("" where it is unknown)."""

    key: str
    cells: list[str]


class Comparison(BaseModel):
    """Products side by side; `best` names those that stand out ("cheapest", "bestseller") by product id."""

    products: list[Card]
    lines: list[Line]
    best: dict[str, str]


class Order(BaseModel):
    """An order of the shopper; `state` is processing, late, shipped, delivered or cancelled."""

    order_id: str
    state: str
    placed: str | None = None
    expected: str | None = None
    items: str | None = None
    total: str | None = None
    tracking: str | None = None


def cards(calls: Sequence[Call], snapshot: Snapshot) -> list[Card]:
    """The products that the calls of one answer found, the latest call's first, each once."""
    products = _products(snapshot)
    found: dict[str, Card] = {}
    for call in reversed(calls):
        if call.tool not in _SHOWING or call.result.failed:
            continue
        for product_id, facts, reason in _shown(call):
            if product_id in found or product_id not in products or "title" not in facts:
                continue
            found[product_id] = card(product_id, products[product_id], facts, reason)
    return list(found.values())[:_MOST]


def card(product_id: str, product: Mapping[Hashable, Any], facts: Mapping[str, str], why: str | None = None) -> Card:
    """The card of a row of the products table, with the displays that a tool gave for it."""
    picture, group = product["image_url"], product["category"]
    return Card(
        product_id=product_id,
        title=facts["title"],
        category=None if pd.isna(group) else str(group),
        price=facts.get("price"),
        stock=None if pd.isna(product["stock"]) else "in stock" if float(product["stock"]) > 0 else "sold out",
        image_url=str(picture) if isinstance(picture, str) and picture.startswith("https://") else None,
        why=why,
    )


def comparison(calls: Sequence[Call], snapshot: Snapshot) -> Comparison | None:
    """The latest comparison of an answer."""
    call = _latest(calls, "compare_products")
    if call is None:
        return None
    products = _products(snapshot)
    rows = [row for row in call.result.rows if row.id in products]
    displays = [{key: fact.display for key, fact in row.facts.items()} for row in rows]
    lines = [Line(key=key, cells=[shown.get(key, "") for shown in displays]) for key in _COMPARED]
    return Comparison(
        products=[card(str(row.id), products[str(row.id)], shown) for row, shown in zip(rows, displays, strict=True)],
        lines=[line for line in lines if any(line.cells)],
        best={str(row.id): row.cue for row in rows if row.cue},
    )


def order(calls: Sequence[Call]) -> Order | None:
    """The order that an answer looked up."""
    call = _latest(calls, "track_order")
    if call is None:
        return None
    shown = {key: fact.display for key, fact in call.result.facts.items()}
    known = {key: shown[key] for key in ("placed", "expected", "items", "total", "tracking") if key in shown}
    return Order(order_id=shown["order"], state=call.result.cue, **known)


def why(row: Row) -> str | None:
    """The evidence of a recommendation in a few words; none is better than a vague one."""
    kind, _, strength = row.cue.partition(" ")
    template, displays = _REASONS.get(kind), {k: f.display for k, f in row.facts.items()}
    if template is None:
        return None
    try:
        reason = template.format_map(displays)
    except KeyError:
        return None
    return _WEAK.format(reason=reason) if strength == "weak" else reason


@functools.lru_cache(maxsize=2)
def _products(snapshot: Snapshot) -> dict[str, dict[Hashable, Any]]:
    """The rows of the products table by id."""
    return {str(row["product_id"]): row for row in snapshot.frame("products").to_dict("records")}


def _latest(calls: Sequence[Call], tool: str) -> Call | None:
    return next((call for call in reversed(calls) if call.tool == tool and not call.result.failed), None)


def _shown(call: Call) -> list[tuple[str, dict[str, str], str | None]]:
    """(product id, displays by key, reason) of each product of a result."""
    rows = [(str(r.id), {k: f.display for k, f in r.facts.items()}, why(r)) for r in call.result.rows if r.id]
    table = call.result.table
    if rows or table is None or "product_id" not in table or len(table) != 1:
        return rows
    return [(str(table["product_id"].iloc[0]), {k: f.display for k, f in call.result.facts.items()}, None)]
