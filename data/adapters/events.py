"""Adapter for any log of events (CSV, JSON lines or Parquet, also .gz) with a column map in YAML or JSON.

The map says which column of the file is which canonical one. For a Taobao-style log without a header line:

    shop: {name: Taobao, currency: CNY}       # currency is needed where a price is mapped
    header: [user_id, item_id, category_id, behavior_type, timestamp]   # only for CSV without a line of names
    separator: ","                            # CSV only; a comma unless given
    columns:                                  # canonical column of events: column of the file
      at: timestamp
      kind: behavior_type
      customer_id: user_id
      product_id: item_id
    time: {unit: s}                           # s, ms, us or ns since 1970; or {format: "%d/%m/%Y %H:%M"};
                                              # {zone: Asia/Shanghai} for local times; ISO 8601 in UTC unless given
    values:                                   # words of the file: canonical words, for any mapped column;
      kind: {pv: view, fav: view, cart: add_to_cart, buy: purchase}     # null leaves the row out, with that reason
    constants: {channel: web}                 # canonical column of events: one value for all rows
    products: {category: category_id}         # optional: title, description, category, brand, price, cost, stock,
                                              # image_url
    customers: {country: land}                # optional: country, city, email, phone, language, consent_email,
                                              # consent_sms

`at` and `kind` must be mapped (or be constants). Canonical columns: event_id, at, customer_id, session_id, kind,
product_id, quantity, unit_price, order_id, text, channel, campaign_id. Without a quantity, a purchase, return or
add-to-cart is one unit; without an order id, what a customer buys on one day is one order. The last known value of
a product's or customer's column stands; a stock below zero counts as none.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from data.adapters.base import UNKNOWN_CURRENCY, Extract
from data.adapters.files import read_rows
from data.clean import ISO, Cleaner, TimeUnit, event_ids, far_from_the_rest
from data.errors import DataError, SettingError
from data.schema import EVENT_KINDS

EventColumn = Literal[
    "event_id",
    "at",
    "customer_id",
    "session_id",
    "kind",
    "product_id",
    "quantity",
    "unit_price",
    "order_id",
    "text",
    "channel",
    "campaign_id",
]
ProductColumn = Literal["title", "description", "category", "brand", "price", "cost", "stock", "image_url"]
CustomerColumn = Literal["country", "city", "email", "phone", "language", "consent_email", "consent_sms"]

_NUMBERS = ("quantity", "unit_price", "price", "cost", "stock")
_IDS = ("event_id", "customer_id", "session_id", "product_id", "order_id", "campaign_id", "category")
_YES = {"true": True, "yes": True, "y": True, "1": True, "false": False, "no": False, "n": False, "0": False}
_COUNTED_KINDS = ("purchase", "return", "add_to_cart")
_GOODS_KINDS = ("purchase", "return", "add_to_cart", "view")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)


class ShopMap(_Strict):
    """Whose log it is."""

    name: str | None = None
    currency: str | None = Field(default=None, pattern="^[A-Z]{3}$")


class TimeMap(_Strict):
    """How the file writes times."""

    unit: TimeUnit | None = None
    format: str | None = None
    zone: str | None = None


class ColumnMap(_Strict):
    """The whole map; see the head of this file."""

    columns: dict[EventColumn, str]
    shop: ShopMap = ShopMap()
    header: list[str] | None = None
    separator: str | None = None
    time: TimeMap = TimeMap()
    values: dict[str, dict[str, str | None]] = {}
    constants: dict[EventColumn, str | float] = {}
    products: dict[ProductColumn, str] = {}
    customers: dict[CustomerColumn, str] = {}


def load_map(map_file: Path) -> ColumnMap:
    """The column map of a YAML or JSON file; `SettingError` says what is wrong with it."""
    try:
        text = map_file.read_text(encoding="utf-8")
        raw = json.loads(text) if map_file.suffix.lower() == ".json" else yaml.safe_load(text)
        column_map = ColumnMap.model_validate(raw)
    except OSError:
        raise SettingError(f"there is no map {map_file}: check the path") from None
    except (yaml.YAMLError, json.JSONDecodeError, UnicodeDecodeError) as error:
        where = " ".join(str(error).split())
        raise SettingError(f"the map {map_file.name} is neither YAML nor JSON: {where}") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise SettingError(f"the map {map_file.name}, at {place}: {first['msg']}") from None
    given = set(column_map.columns) | set(column_map.constants)
    for needed in ("at", "kind"):
        if needed not in given:
            raise SettingError(f"the map {map_file.name} does not say which column is {needed!r}: add it to `columns`")
    for name, value in column_map.constants.items():
        try:
            _constant(name, value)
        except (ValueError, TypeError):
            kind = "time" if name == "at" else "number"
            raise SettingError(f"the map {map_file.name}, at constants.{name}: {value!r} is no {kind}") from None
    if column_map.time.format is not None:
        try:
            pd.to_datetime(pd.Series(["2024"]), format=column_map.time.format, errors="coerce")
        except ValueError as error:
            raise SettingError(f"the map {map_file.name}, at time.format: {error}") from None
    prices = {"price", "cost"} & set(column_map.products) or {"unit_price"} & given
    if prices and column_map.shop.currency is None:
        raise SettingError(
            f"the map {map_file.name} maps prices, so it must name their currency: `shop: {{currency: EUR}}`"
        )
    return column_map


def extract(source: Path, map_file: Path | None = None) -> Extract:
    """The shop of a log of events, by its map; raises `DataError` that names row and column for a broken file."""
    if map_file is None:
        raise SettingError("the format events needs a column map: add --map FILE (its form: data/adapters/events.py)")
    column_map = load_map(map_file)
    return from_rows(
        source.name, read_rows(source, header=column_map.header, separator=column_map.separator), column_map
    )


def from_rows(source: str, rows: pd.DataFrame, column_map: ColumnMap) -> Extract:
    """The shop of the rows of a file named `source` (text columns, indexed by row number), by a map."""
    cleaner = Cleaner(source, rows)
    cleaner.require([*column_map.columns.values(), *column_map.products.values(), *column_map.customers.values()])
    events = _events(cleaner, column_map)
    products = _attributes(cleaner, events, "product_id", dict(column_map.products), column_map.values)
    customers = _attributes(cleaner, events, "customer_id", dict(column_map.customers), column_map.values)
    if "event_id" in column_map.columns:
        ids = events["event_id"].where(cleaner.kept)
        again = ids.notna() & ids.duplicated()
        cleaner.reject(again, column_map.columns["event_id"], "an event of this id stands in an earlier row")
    kept = cleaner.kept
    events, products, customers = events[kept], products[kept], customers[kept]
    events = _with_ids(events)
    tables = {
        "events": events,
        "orders": _orders(events),
        "products": _last_known(products, "product_id").drop(columns="at"),
        "customers": _customers(customers),
    }
    derive = {"active", "product_days"}
    if "price" not in column_map.products:
        derive.add("price")
    if "title" in column_map.products and "category" not in column_map.products:
        derive.add("category")
    if "title" not in tables["products"]:
        tables["products"]["title"] = pd.Series(pd.NA, index=tables["products"].index, dtype="string")
    tables["products"]["title"] = tables["products"]["title"].fillna("Product " + tables["products"]["product_id"])
    return Extract(
        tables=tables,
        rejects=cleaner.rejects(),
        name=column_map.shop.name or source.split(".", maxsplit=1)[0],
        currency=column_map.shop.currency or UNKNOWN_CURRENCY,
        rows=len(rows),
        derive=frozenset(derive),
    )


def _events(cleaner: Cleaner, column_map: ColumnMap) -> pd.DataFrame:
    """The typed canonical columns of every row; rows that cannot be used are rejected in `cleaner`."""
    events = pd.DataFrame(index=cleaner.rows.index)
    for name, column in column_map.columns.items():
        if name == "at":
            time = column_map.time
            events["at"] = cleaner.times(column, formats=(time.format or ISO,), unit=time.unit, zone=time.zone)
        else:
            events[name] = _column(cleaner, name, column, column_map.values)
    for name, value in column_map.constants.items():
        events[name] = _constant(name, value)
    kind_column = column_map.columns.get("kind", "kind")
    named: dict[str, str] = dict(
        [*column_map.columns.items(), *column_map.products.items(), *column_map.customers.items()]
    )
    for of, words in column_map.values.items():
        left_out = [word for word, meaning in words.items() if meaning is None]
        if left_out and of in named:
            cleaner.reject(cleaner.text(named[of]).isin(left_out), named[of], "left out by the map")
    cleaner.reject(~events["kind"].isin(EVENT_KINDS), kind_column, "unknown kind of event")
    time_column = column_map.columns.get("at", "at")
    cleaner.reject(events["at"].isna(), time_column, "no time, or none of the calendar")
    cleaner.reject(far_from_the_rest(events["at"]), time_column, "the time lies far from all others")
    if "product_id" in events:
        bare = events["kind"].isin(_GOODS_KINDS[:3]) & events["product_id"].isna()
        cleaner.reject(bare, column_map.columns.get("product_id", "product_id"), "no product")
    if "quantity" in events:
        quantity = column_map.columns.get("quantity", "quantity")
        counted = events["kind"].isin(_COUNTED_KINDS)
        returned = events["kind"].isin(["return"])
        events["quantity"] = events["quantity"].mask(returned, events["quantity"].abs())
        events["quantity"] = events["quantity"].mask(counted & events["quantity"].isna(), 1.0)
        cleaner.reject(counted & ~(events["quantity"] > 0), quantity, "the quantity is not above zero")
    else:
        events["quantity"] = events["kind"].isin(_COUNTED_KINDS).map({True: 1.0, False: None}).astype("float64")
    if "unit_price" in events:
        column = column_map.columns.get("unit_price", "unit_price")
        cleaner.reject(events["unit_price"] < 0, column, "the price is below zero")
    for name in ("customer_id", "product_id", "session_id", "order_id"):
        if name not in events:
            events[name] = pd.Series(pd.NA, index=events.index, dtype="string")
    return events


def _constant(name: str, value: str | float) -> Any:
    """The typed value of a constant; ValueError or TypeError where it has not the column's type."""
    return pd.Timestamp(value) if name == "at" else float(value) if name in _NUMBERS else str(value)


def _column(cleaner: Cleaner, name: str, column: str, values: Mapping[str, Mapping[str, str | None]]) -> pd.Series:
    """One column of the file as the canonical column `name`: translated by the map and typed."""
    if name in _NUMBERS:
        return cleaner.numbers(column)
    found = cleaner.ids(column) if name in _IDS else cleaner.text(column)
    if name in values:
        words = values[name]
        found = found.map(lambda word: words.get(word, word), na_action="ignore").astype("string")
    if name.startswith("consent_"):
        flags = found.str.lower().map(_YES)
        bad = found.notna() & flags.isna()
        if bad.any():
            place = int(bad.to_numpy().argmax())
            where = f"{cleaner.source}, row {found.index[place]}, column {column}"
            raise DataError(f"{where}: {found.iloc[place]!r} is neither yes nor no")
        return flags.astype("boolean")
    return found


def _attributes(
    cleaner: Cleaner,
    events: pd.DataFrame,
    key: str,
    columns: Mapping[Any, str],
    values: Mapping[str, Mapping[str, str | None]],
) -> pd.DataFrame:
    """For every row its product or customer with the attributes it names, and the time."""
    found = events[[key, "at"]].copy()
    for name, column in columns.items():
        found[name] = _column(cleaner, name, column, values)
        if name == "stock":
            found[name] = found[name].clip(lower=0.0)  # sold before it came in
        elif name in _NUMBERS:
            cleaner.reject(found[name] < 0, column, f"the {name} is below zero")
    return found


def _with_ids(events: pd.DataFrame) -> pd.DataFrame:
    """`events` with event ids and order ids, made from their content where the source gives none."""
    day = events["at"].dt.strftime("%Y%m%d")
    made = "O-" + events["customer_id"] + "-" + day
    events = events.assign(order_id=events["order_id"].fillna(made.where(events["kind"] == "purchase")))
    derived = event_ids(events)
    if "event_id" not in events:
        return events.assign(event_id=derived)
    return events.assign(event_id=events["event_id"].fillna(derived))


def _orders(events: pd.DataFrame) -> pd.DataFrame:
    bought = events[events["kind"].eq("purchase") & events["order_id"].notna()].sort_values("at", kind="stable")
    orders = bought.groupby("order_id", as_index=False).agg(
        customer_id=("customer_id", "first"), placed_at=("at", "min")
    )
    return orders.assign(status="completed")


def _customers(seen: pd.DataFrame) -> pd.DataFrame:
    customers = _last_known(seen, "customer_id").drop(columns="at")
    first = seen.groupby("customer_id")["at"].min()
    return customers.assign(joined_at=customers["customer_id"].map(first))


def _last_known(seen: pd.DataFrame, key: str) -> pd.DataFrame:
    """One row for each `key`, with the last known value of every column."""
    return seen.dropna(subset=key).sort_values("at", kind="stable").groupby(key, as_index=False).last()
