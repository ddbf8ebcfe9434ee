"""Adapter for JSON lines of Segment's or RudderStack's e-commerce events (the specification both share, version 2).

Read are track calls (Product Viewed, Products Searched, Product Added, Order Completed, Order Refunded, Order
Cancelled, Product Reviewed) and identify calls, whose traits tell of the customer. What an anonymous visitor did
counts for the one customer whom another call names with the same anonymousId. Other calls are passed over.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from data.adapters.base import Extract
from data.adapters.events import from_rows
from data.adapters.files import read_records
from data.adapters.nested import OTHER_CURRENCY, column_map, commonest_currency, inside, rows_of, things
from data.errors import SettingError

KINDS = {
    "product viewed": "view",
    "products searched": "search",
    "product added": "add_to_cart",
    "order completed": "purchase",
    "order refunded": "return",
    "order cancelled": "return",
    "product reviewed": "review",
}
_BASKET_LIKE = ("purchase", "return")

Record = Mapping[str, Any]


def extract(source: Path, map_file: Path | None = None) -> Extract:
    """The shop of a log of calls; raises `DataError` that names the row of a broken line."""
    if map_file is not None:
        raise SettingError("the format segment has fixed names and takes no map: leave --map out")
    records = read_records(source)
    people = _people(records)
    currency = commonest_currency(inside(r, "properties", "currency") for r in records.values())
    traits = _traits(records, people)
    flat = ((number, row) for number, r in records.items() for row in _rows(r, people, traits, currency))
    return from_rows(source.name, rows_of(source.name, flat), column_map(source.name.split(".")[0], currency))


def _people(records: Mapping[int, Record]) -> dict[str, str]:
    """The customer of each anonymous visitor; one whose device several customers share stays anonymous."""
    seen: dict[str, set[str]] = {}
    for record in records.values():
        if record.get("anonymousId") and record.get("userId"):
            seen.setdefault(str(record["anonymousId"]), set()).add(str(record["userId"]))
    return {visitor: next(iter(customers)) for visitor, customers in seen.items() if len(customers) == 1}


def _who(record: Record, people: Mapping[str, str]) -> str | None:
    if record.get("userId"):
        return str(record["userId"])
    return people.get(str(record.get("anonymousId") or ""))


def _traits(records: Mapping[int, Record], people: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """What identify calls say of each customer; a later one overrides an earlier one."""
    found: dict[str, dict[str, Any]] = {}
    for record in records.values():
        who, traits = _who(record, people), record.get("traits") or inside(record, "context", "traits")
        if who is None or not isinstance(traits, Mapping):
            continue
        told = {
            "email": traits.get("email"),
            "phone": traits.get("phone"),
            "country": inside(traits, "address", "country") or traits.get("country"),
            "city": inside(traits, "address", "city") or traits.get("city"),
            "language": traits.get("language"),
        }
        found.setdefault(who, {}).update({name: value for name, value in told.items() if value})
    return found


def _rows(
    record: Record, people: Mapping[str, str], traits: Mapping[str, Record], currency: str
) -> Iterator[dict[str, Any]]:
    kind = KINDS.get(str(record.get("event") or "").strip().lower())
    at = record.get("timestamp") or record.get("originalTimestamp")
    if record.get("type", "track") != "track" or kind is None or not at:
        return
    told = record.get("properties")
    properties: Record = told if isinstance(told, Mapping) else {}
    foreign = str(properties.get("currency") or currency).upper() != currency
    who = _who(record, people)
    common = {
        "at": at,
        "customer_id": who,
        "session_id": inside(record, "context", "sessionId") or record.get("anonymousId"),
        "kind": OTHER_CURRENCY if foreign else kind,
        "order_id": properties.get("order_id"),
        "text": properties.get("query") if kind == "search" else properties.get("review_body"),
        "channel": inside(record, "context", "campaign", "source"),
        **traits.get(who or "", {}),
    }
    products = things(properties, "products") if kind in _BASKET_LIKE else [properties]
    for place, product in enumerate(products):
        message = record.get("messageId")
        yield {
            **common,
            "event_id": None if not message else f"{message}" if len(products) == 1 else f"{message}-{place}",
            "product_id": product.get("product_id") or product.get("sku"),
            "quantity": product.get("quantity"),
            "unit_price": product.get("price"),
            "title": product.get("name"),
            "category": product.get("category"),
            "brand": product.get("brand"),
            "price": product.get("price") if kind == "view" else None,
            "image_url": product.get("image_url"),
        }
