"""Which column of an unknown file is which: a guess from names and first values, and the map that comes of a choice.

A map once chosen is kept with the store for files with the same columns.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import pandas as pd
import yaml

from data.adapters.events import ColumnMap, CustomerColumn, EventColumn, ProductColumn, load_map
from data.adapters.files import read_rows
from data.clean import ISO
from data.errors import SettingError
from data.schema import EVENT_KINDS

EVENTS: tuple[str, ...] = get_args(EventColumn)
PRODUCTS: tuple[str, ...] = get_args(ProductColumn)
CUSTOMERS: tuple[str, ...] = get_args(CustomerColumn)
MEANINGS = EVENTS + PRODUCTS + CUSTOMERS
"""All that a column can be."""

TIMES = ("", "s", "ms", "us", "ns", "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M", "%d.%m.%Y %H:%M", "%d/%m/%Y", "%m/%d/%Y",
         "%d.%m.%Y", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y/%m/%d")  # fmt: skip
"""How times may be written: ISO 8601 (""), counted since 1970, or by a format; where two fit, the first is guessed."""

_UNITS = {"s": (1e8, 1e11), "ms": (1e11, 1e14), "us": (1e14, 1e17), "ns": (1e17, 1e20)}
_SEPARATORS = (";", "\t", "|")
_LOOKED_AT = 1000
_MOST_WORDS = 12
"""So many different words a column may have at most to be one of kinds."""

_NAMES: Mapping[str, str] = {
    "event_id": "event id, event uuid, row id, line id",
    "at": "at, time, timestamp, date, datetime, event time, event date, created, created at, order date, "
    "invoice date, purchase date, placed at, ts, when",
    "customer_id": "customer id, customer, user id, user, visitor id, client id, client, buyer id, member id, "
    "shopper id, customer number",
    "session_id": "session id, session, visit id, visit",
    "kind": "kind, event, event type, event name, type, action, behaviour, behavior, behavior type",
    "product_id": "product id, item id, sku, item, product, stock code, article, article id, product code, "
    "article number",
    "quantity": "quantity, qty, amount, count, units, pieces, number",
    "unit_price": "unit price, price, item price, selling price, price each",
    "order_id": "order id, order, order number, order no, invoice, invoice no, invoice number, receipt, "
    "transaction id, basket id",
    "text": "text, query, search, search term, review, comment",
    "channel": "channel, source, medium, traffic source",
    "campaign_id": "campaign id, campaign",
    "title": "title, product name, product title, item name, description of item, name, article name",
    "description": "description, details, long description",
    "category": "category, category id, department, product category, product type, group",
    "brand": "brand, maker, manufacturer, vendor",
    "price": "list price, catalogue price, catalog price, current price",
    "cost": "cost, unit cost, cost price, purchase price",
    "stock": "stock, inventory, on hand, available",
    "image_url": "image url, image, picture, photo, image link",
    "country": "country, land, country code, shipping country",
    "city": "city, town, shipping city",
    "email": "email, e mail, mail, customer email, email address",
    "phone": "phone, telephone, mobile, phone number",
    "language": "language, locale",
    "consent_email": "consent email, email consent, accepts marketing, newsletter, accepts email marketing",
    "consent_sms": "consent sms, sms consent, accepts sms marketing",
}
_KINDS: Mapping[str, str] = {
    "view": "view, pv, page view, pageview, product view, click, detail, viewed, visit, product viewed",
    "search": "search, query, searched",
    "add_to_cart": "add to cart, addtocart, cart, basket, add, add to basket",
    "purchase": "purchase, buy, order, sale, bought, transaction, purchased, order completed, checkout",
    "return": "return, refund, returned, cancel, cancellation",
    "review": "review, rating, rated",
}


@dataclass(frozen=True)
class Choice:
    """What someone chose, or what is guessed: `columns` from a column of the file to what it is (see `MEANINGS`).

    `words` say which kind of event each word of the kind's column is (None: such rows are left out), `kind` what
    all rows are where no column tells it; `time` is one of `TIMES`, `currency` an ISO code or "", `separator` that of a
    CSV file, "" for a comma.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, str | None] = field(default_factory=dict)
    kind: str = ""
    time: str = ""
    currency: str = ""
    shop: str = ""
    separator: str = ""

    def column(self, meaning: str) -> str | None:
        """The column that is `meaning`."""
        return next((column for column, chosen in self.columns.items() if chosen == meaning), None)


def guess(rows: pd.DataFrame) -> Choice:
    """What the columns of a file most likely are, by their names and first values; a column of no known name is none.

    `rows` are as `read_rows` gives them.

    >>> guess(pd.DataFrame({"OrderDate": ["2024-03-01"], "SKU": ["A1"], "Qty": ["2"]})).columns
    {'OrderDate': 'at', 'SKU': 'product_id', 'Qty': 'quantity'}
    """
    meant: dict[str, str] = {}
    names = {_plain(str(column)): str(column) for column in rows.columns}
    for meaning, words in _NAMES.items():
        found = next((names[w] for w in words.split(", ") if w in names and names[w] not in meant), None)
        if found is not None:
            meant[found] = meaning
    columns = {str(column): meant[str(column)] for column in rows.columns if str(column) in meant}
    head = rows.head(_LOOKED_AT)
    choice = Choice(columns=columns)
    at, kind = choice.column("at"), choice.column("kind")
    words_of = {} if kind is None else kinds_of(rows, kind)
    if kind is not None and (not words_of or not any(words_of.values())):  # a column of types that are no events
        columns.pop(kind)
        words_of = {}
    return Choice(
        columns=columns,
        words=words_of,
        kind="" if words_of else "purchase",
        time="" if at is None else _time_form(head[at]),
    )


def kinds_of(rows: pd.DataFrame, column: str) -> dict[str, str | None]:
    """The words of a column that may name kinds of events, each with the kind that it likely is; {} for too many."""
    words = rows[column].astype(str).str.strip().value_counts()
    found = [str(word) for word in words.index if str(word)]
    if len(found) > _MOST_WORDS:
        return {}
    known = {name: kind for kind, names in _KINDS.items() for name in names.split(", ")}
    known |= {_plain(kind): kind for kind in EVENT_KINDS}
    return {word: known.get(_plain(word)) for word in found}


def map_of(choice: Choice) -> dict[str, Any]:
    """The column map of a choice, as the format `events` takes it (see `data.adapters.events`).

    Raises `SettingError` where a meaning was chosen twice.
    """
    chosen = [meaning for meaning in choice.columns.values() if meaning]
    if twice := next((meaning for meaning in chosen if chosen.count(meaning) > 1), None):
        raise SettingError(f"two columns are both {twice.replace('_', ' ')}: choose one of them")

    def of(meanings: Sequence[str]) -> dict[str, str]:
        return {meaning: column for column, meaning in choice.columns.items() if meaning in meanings}

    found: dict[str, Any] = {"columns": of(EVENTS)}
    found |= {name: part for name, part in (("products", of(PRODUCTS)), ("customers", of(CUSTOMERS))) if part}
    shop = {"name": choice.shop, "currency": choice.currency}
    found |= {"shop": {key: value for key, value in shop.items() if value}} if any(shop.values()) else {}
    if choice.separator:
        found["separator"] = choice.separator
    if choice.time:
        found["time"] = {"unit": choice.time} if choice.time in _UNITS else {"format": choice.time}
    if "kind" in found["columns"]:
        found["values"] = {"kind": dict(choice.words)}
    elif choice.kind:
        found["constants"] = {"kind": choice.kind}
    return found


def choice_of(column_map: ColumnMap) -> Choice:
    """The choice that `map_of` would make this map of."""
    named: dict[str, str] = dict([*column_map.columns.items(), *column_map.products.items()])
    named |= dict(column_map.customers.items())
    return Choice(
        columns={column: str(meaning) for meaning, column in named.items()},
        words=column_map.values.get("kind", {}),
        kind=str(column_map.constants.get("kind", "")),
        time=column_map.time.unit or column_map.time.format or "",
        currency=column_map.shop.currency or "",
        shop=column_map.shop.name or "",
        separator=column_map.separator or "",
    )


class Mappings:
    """The maps of a store, by the columns of the files that they are for."""

    def __init__(self, root: Path) -> None:
        self._folder = root / "mappings"

    def of(self, columns: Sequence[str]) -> Choice | None:
        """The choice that was kept for files with these columns; None where there is none that can be read."""
        path = self._path(columns)
        try:
            return choice_of(load_map(path)) if path.exists() else None
        except SettingError:
            return None

    def keep(self, columns: Sequence[str], choice: Choice) -> None:
        """Keeps a choice for files with these columns."""
        self._folder.mkdir(parents=True, exist_ok=True)
        write(choice, self._path(columns))

    def _path(self, columns: Sequence[str]) -> Path:
        return self._folder / f"{hashlib.sha256(chr(0).join(sorted(columns)).encode()).hexdigest()[:16]}.yaml"


def write(choice: Choice, path: Path) -> None:
    """Writes the map of a choice; `SettingError` says what is missing or wrong, and then nothing is there."""
    draft = path.with_suffix(".draft.yaml")
    draft.write_text(yaml.safe_dump(map_of(choice), allow_unicode=True, sort_keys=False), encoding="utf-8")
    try:
        load_map(draft)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def look(source: Path) -> tuple[pd.DataFrame, str]:
    """The rows of a file and its separator, "" for the usual one. Raises as `read_rows` does."""
    rows = read_rows(source)
    if len(rows.columns) > 1:
        return rows, ""
    line = str(rows.columns[0])
    likely = max(_SEPARATORS, key=line.count)
    return (read_rows(source, separator=likely), likely) if likely in line else (rows, "")


def _plain(name: str) -> str:
    """A name in small letters and single words: "OrderDate" and "order_date" are "order date"."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return " ".join(re.sub(r"[^0-9a-zA-Z]+", " ", parted).lower().split())


def _time_form(values: pd.Series) -> str:
    """How a column's times are written; ISO 8601 where nothing else fits."""
    text = values.astype(str).str.strip()
    text = text[text != ""]
    counts = pd.to_numeric(text, errors="coerce")
    if len(text) and counts.notna().all():
        for unit, (low, high) in _UNITS.items():
            if counts.abs().median() >= low and counts.abs().median() < high:
                return unit
    for form in (ISO, *(one for one in TIMES if "%" in one)):
        if len(text) and pd.to_datetime(text, format=form, errors="coerce", utc=True).notna().all():
            return "" if form == ISO else form
    return ""
