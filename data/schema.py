"""The canonical tables: names, columns and types, validated by pandera at the door.

Ids are strings everywhere, money is a float amount in the shop's currency, times are naive UTC.
An optional column is always present in a validated frame and holds nulls where the source is silent.
"""

from typing import Literal, get_args

import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaError

from data.errors import DataError

EventKind = Literal[
    "view",
    "search",
    "add_to_cart",
    "purchase",
    "return",
    "review",
    "email_sent",
    "email_open",
    "email_click",
    "ad_click",
]
EVENT_KINDS: tuple[str, ...] = get_args(EventKind)
RELATION_KINDS: tuple[str, ...] = ("friend", "referral", "household")

_TEXT = pd.StringDtype()
_TIME = "datetime64[us]"


def _text(*, unique: bool = False) -> pa.Column:
    return pa.Column(_TEXT, nullable=False, unique=unique)


def _text_or_null() -> pa.Column:
    return pa.Column(_TEXT, nullable=True)


def _number(*, nullable: bool = False, minimum: float | None = None) -> pa.Column:
    checks = [] if minimum is None else [pa.Check.ge(minimum)]
    return pa.Column("float64", checks, nullable=nullable)


def _time(*, nullable: bool = False) -> pa.Column:
    return pa.Column(_TIME, nullable=nullable)


def _flag(*, nullable: bool = False) -> pa.Column:
    return pa.Column(pd.BooleanDtype(), nullable=nullable)


TABLES: dict[str, pa.DataFrameSchema] = {
    "customers": pa.DataFrameSchema(
        {
            "customer_id": _text(unique=True),
            "joined_at": _time(nullable=True),
            "country": _text_or_null(),
            "city": _text_or_null(),
            "email": _text_or_null(),
            "phone": _text_or_null(),
            "language": _text_or_null(),
            "consent_email": _flag(nullable=True),
            "consent_sms": _flag(nullable=True),
            "consent_source": _text_or_null(),
            "consent_at": _time(nullable=True),
        }
    ),
    "products": pa.DataFrameSchema(
        {
            "product_id": _text(unique=True),
            "title": _text(),
            "description": _text_or_null(),
            "category": _text_or_null(),
            "brand": _text_or_null(),
            "price": _number(nullable=True, minimum=0),
            "cost": _number(nullable=True, minimum=0),
            "stock": _number(nullable=True, minimum=0),
            "image_url": _text_or_null(),
            "created_at": _time(nullable=True),
            "active": _flag(),
            # True where the category was derived from the title, the price from what was paid, not given by the source.
            "category_derived": _flag(nullable=True),
            "price_derived": _flag(nullable=True),
        }
    ),
    "product_days": pa.DataFrameSchema(
        {
            "day": _time(),
            "product_id": _text(),
            "price": _number(minimum=0),
            "stock": _number(nullable=True, minimum=0),
            "promoted": _flag(),
        }
    ),
    "orders": pa.DataFrameSchema(
        {
            "order_id": _text(unique=True),
            "customer_id": _text_or_null(),
            "placed_at": _time(),
            "status": _text(),
            "tracking": _text_or_null(),
            "expected_at": _time(nullable=True),
        }
    ),
    "events": pa.DataFrameSchema(
        {
            "event_id": _text(unique=True),
            "at": _time(),
            "customer_id": _text_or_null(),
            "session_id": _text_or_null(),
            "kind": pa.Column(_TEXT, pa.Check.isin(EVENT_KINDS)),
            "product_id": _text_or_null(),
            "quantity": _number(nullable=True),
            "unit_price": _number(nullable=True),
            "order_id": _text_or_null(),
            "text": _text_or_null(),
            "channel": _text_or_null(),
            "campaign_id": _text_or_null(),
        }
    ),
    "relations": pa.DataFrameSchema(
        {
            "customer_id": _text(),
            "other_id": _text(),
            "kind": pa.Column(_TEXT, pa.Check.isin(RELATION_KINDS)),
        }
    ),
    "exposures": pa.DataFrameSchema(
        {
            "decision_id": _text(unique=True),
            "at": _time(),
            "policy": _text(),
            "customer_id": _text(),
            "action": _text(),
            "propensity": pa.Column("float64", [pa.Check.gt(0), pa.Check.le(1)]),
            "reward": _number(nullable=True),
        }
    ),
    "ad_spend": pa.DataFrameSchema(
        {
            "day": _time(),
            "channel": _text(),
            "spend": _number(minimum=0),
            "impressions": _number(nullable=True, minimum=0),
            "clicks": _number(nullable=True, minimum=0),
            "conversions": _number(nullable=True, minimum=0),
            "revenue": _number(nullable=True, minimum=0),
        }
    ),
}
"""Schema of each canonical table, in the order in which they are written."""


def empty(table: str) -> pd.DataFrame:
    """An empty frame of the canonical `table`, with every column typed."""
    return conform(table, pd.DataFrame())


def conform(table: str, frame: pd.DataFrame) -> pd.DataFrame:
    """`frame` with the columns of `table`, in order, typed and validated.

    Missing columns become null; other columns are dropped. Raises `DataError` that names the first
    offending column and row (position in `frame`).
    """
    schema = TABLES[table]
    columns: dict[str, pd.Series] = {}
    for name, column in schema.columns.items():
        series = frame[name] if name in frame else pd.Series(None, index=frame.index, dtype=object)
        try:
            columns[name] = _cast(series, str(column.dtype))
        except (TypeError, ValueError) as error:
            raise DataError(f"table {table}, column {name}: {error}") from error
    typed = pd.DataFrame(columns, index=frame.index).reset_index(drop=True)
    try:
        return schema.validate(typed)
    except SchemaError as error:
        raise DataError(f"table {table}: {_first_failure(error)}") from error


def _cast(series: pd.Series, dtype: str) -> pd.Series:
    if dtype.startswith("datetime64"):
        times = pd.to_datetime(series, errors="raise")
        if isinstance(times.dtype, pd.DatetimeTZDtype):
            times = times.dt.tz_convert("UTC").dt.tz_localize(None)
        return times.astype("datetime64[us]")
    if dtype == "float64":
        return pd.to_numeric(series, errors="raise").astype("float64")
    if dtype == "boolean":
        return series.astype("boolean")
    return series.astype("string")


def _first_failure(error: SchemaError) -> str:
    column = getattr(error.schema, "name", None) or "?"
    cases = error.failure_cases
    if isinstance(cases, pd.DataFrame) and len(cases):
        row = cases.iloc[0]
        return f"column {column}, row {row.get('index')}: {row.get('failure_case')!r} fails {error.check}"
    return f"column {column} fails {error.check}"
