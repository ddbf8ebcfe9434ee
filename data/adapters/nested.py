"""What logs of nested JSON events have in common: looking into them, and one flat row for each thing in an event."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, get_args

import pandas as pd

from data.adapters.base import UNKNOWN_CURRENCY
from data.adapters.events import ColumnMap, EventColumn
from data.errors import DataError

COLUMNS = tuple(name for name in get_args(EventColumn) if name != "campaign_id")
PRODUCT = ("title", "category", "brand", "price", "image_url")
CUSTOMER = ("country", "city", "email", "phone", "language")

OTHER_CURRENCY = "other-currency"
"""The kind of an event that counts in another currency than most do; the map turns such rows away."""


def inside(record: Any, *path: str) -> Any:
    """The value at a path of keys; None where any of them is missing."""
    for key in path:
        if not isinstance(record, Mapping):
            return None
        record = record.get(key)
    return record


def things(record: Any, *path: str) -> list[Mapping[str, Any]]:
    """The objects in the list at a path; empty where there is none."""
    found = inside(record, *path)
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def rows_of(source: str, flat: Iterable[tuple[int, Mapping[str, Any]]]) -> pd.DataFrame:
    """(row number, columns) pairs as rows of text; `DataError` where there is none."""
    pairs = list(flat)
    if not pairs:
        raise DataError(f"{source} holds no event of a shop: views, baskets, searches or purchases")
    names = [*COLUMNS, *PRODUCT, *CUSTOMER]
    table = {name: [_text(columns.get(name)) for _, columns in pairs] for name in names}
    return pd.DataFrame(table, index=pd.Index([number for number, _ in pairs], name="row"), dtype=object)


def commonest_currency(seen: Iterable[Any]) -> str:
    """The currency that most events count in."""
    counts = Counter(str(one).upper() for one in seen if isinstance(one, str) and len(one) == 3)
    return min(counts, key=lambda code: (-counts[code], code)) if counts else UNKNOWN_CURRENCY


def column_map(name: str, currency: str, *, unit: str | None = None) -> ColumnMap:
    """The map for rows of `rows_of`; `unit` is that of `at`, which is ISO 8601 otherwise."""
    return ColumnMap.model_validate(
        {
            "shop": {"name": name, "currency": currency},
            "columns": {column: column for column in COLUMNS},
            "time": {} if unit is None else {"unit": unit},
            "values": {"kind": {OTHER_CURRENCY: None}},
            "products": {column: column for column in PRODUCT},
            "customers": {column: column for column in CUSTOMER},
        }
    )


def _text(value: Any) -> str:
    if value is None or isinstance(value, Mapping | list):
        return ""
    return str(value)
