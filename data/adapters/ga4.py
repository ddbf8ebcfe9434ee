"""Adapter for the BigQuery export of Google Analytics 4 as JSON lines or Parquet: events_YYYYMMDD, items nested.

Times are microseconds of UTC since 1970. An event that came late stands in its own day's table, and a day may be
exported again; ids are made from what an event says, so that a second reading adds only what is new. A visitor is
`user_id` where the shop sets it, else the device (`user_pseudo_id`). Read are view_item, add_to_cart, purchase,
refund and searches.
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
    "view_item": "view",
    "add_to_cart": "add_to_cart",
    "purchase": "purchase",
    "in_app_purchase": "purchase",
    "refund": "return",
    "view_search_results": "search",
    "search": "search",
}
_UNSET = ("(not set)", "(not provided)", "")

Record = Mapping[str, Any]


def extract(source: Path, map_file: Path | None = None) -> Extract:
    """The shop of an export; raises `DataError` that names the row of a broken line."""
    if map_file is not None:
        raise SettingError("the format ga4 has fixed names and takes no map: leave --map out")
    records = read_records(source)
    currency = commonest_currency(_parameter(r, "currency") for r in records.values())
    flat = ((number, row) for number, r in records.items() for row in _rows(r, currency))
    rows = rows_of(source.name, flat)
    return from_rows(source.name, rows, column_map(source.name.split(".")[0], currency, unit="us"))


def _parameter(record: Record, key: str) -> Any:
    """An event's parameter, whatever its type."""
    for one in things(record, "event_params"):
        if one.get("key") == key and isinstance(one.get("value"), Mapping):
            return next((value for value in one["value"].values() if value is not None), None)
    return None


def _rows(record: Record, currency: str) -> Iterator[dict[str, Any]]:
    kind = KINDS.get(str(record.get("event_name") or ""))
    if kind is None:
        return
    device, visit = record.get("user_pseudo_id"), _parameter(record, "ga_session_id")
    foreign = str(_parameter(record, "currency") or currency).upper() != currency
    common = {
        "at": record.get("event_timestamp"),
        "customer_id": record.get("user_id") or device,
        "session_id": f"{device}.{visit}" if device and visit is not None else None,
        "kind": OTHER_CURRENCY if foreign else kind,
        "order_id": _set(inside(record, "ecommerce", "transaction_id")) or _set(_parameter(record, "transaction_id")),
        "text": _parameter(record, "search_term") if kind == "search" else None,
        "channel": inside(record, "collected_traffic_source", "manual_source")
        or inside(record, "traffic_source", "source"),
        "country": _set(inside(record, "geo", "country")),
        "city": _set(inside(record, "geo", "city")),
        "language": inside(record, "device", "language"),
    }
    if kind == "search":
        yield common
        return
    for item in things(record, "items"):
        yield {
            **common,
            "product_id": _set(item.get("item_id")) or _set(item.get("item_name")),
            "quantity": item.get("quantity"),
            "unit_price": item.get("price"),
            "title": _set(item.get("item_name")),
            "category": _set(item.get("item_category")),
            "brand": _set(item.get("item_brand")),
            "price": item.get("price") if kind == "view" else None,
        }


def _set(value: Any) -> Any:
    """The value, unless Analytics says that there is none."""
    return None if value in _UNSET else value
