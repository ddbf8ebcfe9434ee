"""Adapter for Shopify's CSV exports of products, orders and customers, with the older or the newer headers.

`source` is one export, or a folder that holds several; each is told by its columns. Each variant of a product is a
product of its own here. Further variants and pictures stand in continuation rows, which leave the title empty; so do
an order's further items, which leave all but its name and the item empty. Customers are matched to orders by their
e-mail address, which never becomes an id. A cancelled or refunded order counts as bought and returned. Stock of
which Shopify does not keep count is unknown.
"""

import hashlib
import html
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from data.adapters.base import UNKNOWN_CURRENCY, Extract
from data.adapters.files import read_rows
from data.clean import ISO, Cleaner, event_ids
from data.errors import DataError, SettingError

_NAMES: Mapping[str, Sequence[str]] = {
    # what we call a column: its names in the exports, the newer first
    "handle": ("URL handle", "Handle"),
    "title": ("Title",),
    "description": ("Description", "Body (HTML)"),
    "brand": ("Vendor",),
    "kind": ("Type",),
    "group": ("Product category", "Product Category", "Standardized Product Type", "Custom Product Type"),
    "published": ("Published on online store", "Published"),
    "status": ("Status",),
    "sku": ("SKU", "Variant SKU"),
    "tracker": ("Inventory tracker", "Variant Inventory Tracker"),
    "stock": ("Inventory quantity", "Variant Inventory Qty"),
    "price": ("Price", "Variant Price"),
    "cost": ("Cost per item",),
    "image_url": ("Product image URL", "Image Src"),
    "gift": ("Gift card", "Gift Card"),
    **{f"option{n}": (f"Option{n} value", f"Option{n} Value") for n in (1, 2, 3)},
    "order": ("Name",),
    "email": ("Email",),
    "financial": ("Financial Status",),
    "fulfilment": ("Fulfillment Status",),
    "accepts": ("Accepts Email Marketing", "Accepts Marketing"),
    "accepts_sms": ("Accepts SMS Marketing",),
    "currency": ("Currency",),
    "created": ("Created at",),
    "cancelled": ("Cancelled at",),
    "quantity": ("Lineitem quantity",),
    "item": ("Lineitem name",),
    "item_price": ("Lineitem price",),
    "item_sku": ("Lineitem sku",),
    "country": ("Default Address Country Code", "Country Code", "Country", "Shipping Country", "Billing Country"),
    "city": ("Default Address City", "City", "Shipping City", "Billing City"),
    "phone": ("Phone", "Default Address Phone"),
    "customer": ("Customer ID",),
    "source": ("Source",),
}
_WITHOUT_OPTIONS = "Default Title"
_TIMES = ("%Y-%m-%d %H:%M:%S %z", ISO)
_STATUSES = {"fulfilled": "delivered", "partial": "shipped", "unfulfilled": "processing"}


def extract(source: Path, map_file: Path | None = None) -> Extract:
    """The shop of one or several exports; raises `DataError` that names file, row and column for a broken one."""
    if map_file is not None:
        raise SettingError("the format shopify has fixed columns and takes no map: leave --map out")
    files = sorted(p for p in source.iterdir() if ".csv" in p.suffixes) if source.is_dir() else [source]
    if not files:
        raise SettingError(f"there is no CSV file in {source}: put the exports of Shopify there")
    read = 0
    shapes: dict[str, list[_Sheet]] = {"products": [], "orders": [], "customers": []}
    for file in files:
        sheet = _Sheet(file)
        read += len(sheet.cleaner.rows)
        shapes[sheet.shape].append(sheet)
    products, customers = _products(shapes["products"]), _customers(shapes["customers"])
    orders = _Orders.of(shapes["orders"], products, customers)
    rejects = [sheet.cleaner.rejects() for sheets in shapes.values() for sheet in sheets]
    tables = {
        "products": _with_unlisted(products, orders.lines),
        "customers": _with_guests(customers, orders),
        "orders": orders.orders,
        "events": orders.events,
    }
    return Extract(
        tables=tables,
        rejects=pd.concat(rejects, ignore_index=True),
        name="Shopify shop",
        currency=orders.currency,
        rows=read,
        derive=frozenset({"price", "category", "product_days"}),
    )


class _Sheet:
    """One export: its rows under our names for its columns, and what it is an export of."""

    def __init__(self, file: Path) -> None:
        rows = read_rows(file)
        by_lower = {str(column).strip().lower(): column for column in rows.columns}
        self.names = {
            ours: by_lower[theirs.lower()]
            for ours, options in _NAMES.items()
            for theirs in reversed(options)
            if theirs.lower() in by_lower
        }
        self.cleaner = Cleaner(file.name, rows)
        if "item" in self.names and "order" in self.names:
            self.shape = "orders"
        elif "handle" in self.names and "title" in self.names:
            self.shape = "products"
        elif "email" in self.names and ("accepts" in self.names or "customer" in self.names):
            self.shape = "customers"
        else:
            raise DataError(
                f"{file.name} is no export of products, orders or customers of Shopify: its columns are "
                f"{', '.join(map(str, rows.columns[:6]))} …"
            )

    def text(self, ours: str) -> pd.Series:
        """A column as tidy text; null where the export lacks it."""
        if ours not in self.names:
            return pd.Series(pd.NA, index=self.cleaner.rows.index, dtype="string")
        return self.cleaner.text(self.names[ours])

    def ids(self, ours: str) -> pd.Series:
        """A column as ids; spreadsheets put an apostrophe before long numbers."""
        return self.text(ours).str.lstrip("'").str.replace(r"^(\d+)\.0+$", r"\1", regex=True)

    def numbers(self, ours: str) -> pd.Series:
        """A column of numbers; null where the export lacks it."""
        if ours not in self.names:
            return pd.Series(float("nan"), index=self.cleaner.rows.index)
        return self.cleaner.numbers(self.names[ours])

    def times(self, ours: str) -> pd.Series:
        """A column of times in UTC; null where the export lacks it."""
        if ours not in self.names:
            return pd.Series(pd.NaT, index=self.cleaner.rows.index, dtype="datetime64[us]")
        return self.cleaner.times(self.names[ours], formats=_TIMES)

    def flags(self, ours: str) -> pd.Series:
        """A column of yes and no."""
        said = self.text(ours).str.lower()
        return said.map({"yes": True, "true": True, "no": False, "false": False}).astype("boolean")


def _products(sheets: Sequence[_Sheet]) -> pd.DataFrame:
    """One row a variant: product_id (its SKU, else handle and options), title, and what is known of it."""
    found = [_variants(sheet) for sheet in sheets]
    columns = [
        "product_id",
        "title",
        "description",
        "category",
        "brand",
        "price",
        "cost",
        "stock",
        "image_url",
        "active",
    ]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=columns)


def _variants(sheet: _Sheet) -> pd.DataFrame:
    handle = sheet.ids("handle")
    sheet.cleaner.reject(handle.isna(), sheet.names["handle"], "no handle")
    frame = pd.DataFrame(
        {
            name: sheet.text(name)
            for name in ("title", "description", "brand", "kind", "group", "status", "image_url", "tracker")
        }
    ).assign(
        handle=handle, sku=sheet.ids("sku"), price=sheet.numbers("price"), cost=sheet.numbers("cost"),
        stock=sheet.numbers("stock"), published=sheet.flags("published"), gift=sheet.flags("gift"),
        options=_options(sheet),
    )  # fmt: skip
    about = ["title", "description", "brand", "kind", "group", "status", "image_url", "published", "gift"]
    frame[about] = frame.groupby("handle")[about].transform("first")  # continuation rows leave them empty
    sheet.cleaner.reject(frame["gift"].fillna(False).astype(bool), sheet.names.get("gift", "Gift card"), "a gift card")
    sheet.cleaner.reject(frame["price"] < 0, sheet.names.get("price", "Price"), "the price is below zero")
    picture = frame["price"].isna() & frame["sku"].isna() & frame["options"].isna()
    frame = frame[sheet.cleaner.kept & ~picture]
    several = frame["handle"].map(frame["handle"].value_counts()) > 1
    named = several & frame["options"].notna()
    own = frame["handle"] + ("/" + frame["options"].fillna("")).where(named, "")
    counted = frame["tracker"].notna()
    return pd.DataFrame(
        {
            "product_id": frame["sku"].fillna(own),
            "handle": frame["handle"],
            "title": frame["title"].fillna(frame["handle"]) + (" - " + frame["options"].fillna("")).where(named, ""),
            "description": frame["description"].map(_plain, na_action="ignore").astype("string"),
            "category": frame["kind"].fillna(frame["group"].str.rsplit(">", n=1).str[-1].str.strip()),
            "brand": frame["brand"],
            "price": frame["price"],
            "cost": frame["cost"].where(frame["cost"] >= 0),
            "stock": frame["stock"].clip(lower=0.0).where(counted),
            "image_url": frame["image_url"],
            "active": ~frame["status"].str.lower().isin(["draft", "archived"]).fillna(False)
            & frame["published"].fillna(True).astype(bool),
        }
    ).drop_duplicates("product_id", keep="first")


def _options(sheet: _Sheet) -> pd.Series:
    """ "Red / L", as order lines write a variant; null for a product without any."""
    found = pd.DataFrame({n: sheet.text(f"option{n}") for n in (1, 2, 3)})
    joined = found.apply(lambda row: " / ".join(row.dropna()), axis=1).astype("string")
    return joined.mask((joined == "") | (joined == _WITHOUT_OPTIONS))


def _customers(sheets: Sequence[_Sheet]) -> pd.DataFrame:
    columns = ["customer_id", "email", "phone", "country", "city", "consent_email", "consent_sms", "consent_source"]
    frames = []
    for sheet in sheets:
        email = sheet.text("email").str.lower()
        frame = pd.DataFrame(
            {
                "customer_id": sheet.ids("customer").fillna(_guest(email)),
                "email": email,
                "phone": sheet.ids("phone"),
                "country": sheet.text("country"),
                "city": sheet.text("city"),
                "consent_email": sheet.flags("accepts"),
                "consent_sms": sheet.flags("accepts_sms"),
            }
        )
        sheet.cleaner.reject(frame["customer_id"].isna(), sheet.names["email"], "neither an id nor an e-mail address")
        told = frame["consent_email"].notna() | frame["consent_sms"].notna()
        frames.append(
            frame.assign(consent_source=pd.Series("Shopify", index=frame.index).where(told))[sheet.cleaner.kept]
        )
    if not frames:
        return pd.DataFrame(columns=columns)
    return pd.concat(frames, ignore_index=True).drop_duplicates("customer_id", keep="last")


class _Orders:
    """The orders of the exports as canonical tables, and the lines behind them."""

    def __init__(self, lines: pd.DataFrame, currency: str) -> None:
        self.lines, self.currency = lines, currency
        bought = lines.assign(kind="purchase")
        back = lines[lines["returned_at"].notna()]
        events = pd.concat([bought, back.assign(kind="return", at=back["returned_at"])], ignore_index=True)
        columns = ["at", "customer_id", "product_id", "quantity", "unit_price", "order_id", "kind", "channel"]
        self.events = events[columns].copy()
        self.events["event_id"] = event_ids(self.events)
        self.orders = lines.groupby("order_id", as_index=False, sort=False).agg(
            customer_id=("customer_id", "first"), placed_at=("at", "first"), status=("status", "first")
        )

    @classmethod
    def none(cls) -> "_Orders":
        """No order at all."""
        text = pd.Series(dtype="string")
        columns = ("order_id", "customer_id", "email", "product_id", "title", "status", "channel", "country", "city")
        return cls(
            pd.DataFrame(
                dict.fromkeys(columns, text)
                | {"at": pd.Series(dtype="datetime64[us]"), "returned_at": pd.Series(dtype="datetime64[us]")}
                | {"quantity": pd.Series(dtype="float64"), "unit_price": pd.Series(dtype="float64")}
                | {"accepts": pd.Series(dtype="boolean")}
            ),
            UNKNOWN_CURRENCY,
        )

    @classmethod
    def of(cls, sheets: Sequence[_Sheet], products: pd.DataFrame, customers: pd.DataFrame) -> "_Orders":
        """The lines of all order exports, each with its product and customer."""
        if not sheets:
            return cls.none()
        currency = _currency(sheets)
        frames = [_lines(sheet, currency) for sheet in sheets]
        lines = pd.concat(frames, ignore_index=True)
        by_title = dict(zip(products["title"], products["product_id"], strict=True))
        lines["product_id"] = lines["sku"].fillna(lines["title"].map(by_title)).fillna(_slug(lines["title"]))
        known = customers.dropna(subset=["email"]) if len(customers) else customers
        by_email = dict(zip(known["email"], known["customer_id"], strict=True))
        lines["customer_id"] = lines["email"].map(by_email).astype("string").fillna(_guest(lines["email"]))
        return cls(lines, currency)


def _lines(sheet: _Sheet, currency: str) -> pd.DataFrame:
    order = sheet.ids("order")
    frame = pd.DataFrame(
        {
            "order_id": order,
            "email": sheet.text("email").str.lower(),
            "at": sheet.times("created"),
            "cancelled_at": sheet.times("cancelled"),
            "financial": sheet.text("financial").str.lower(),
            "fulfilment": sheet.text("fulfilment").str.lower(),
            "currency": sheet.text("currency").str.upper(),
            "country": sheet.text("country"),
            "city": sheet.text("city"),
            "accepts": sheet.flags("accepts"),
            "channel": sheet.text("source"),
            "title": sheet.text("item"),
            "sku": sheet.ids("item_sku"),
            "quantity": sheet.numbers("quantity"),
            "unit_price": sheet.numbers("item_price"),
        }
    )
    about = [c for c in frame.columns if c not in ("order_id", "title", "sku", "quantity", "unit_price")]
    frame[about] = frame.groupby("order_id")[about].transform("first")  # continuation rows leave them empty
    reject = sheet.cleaner.reject
    reject(order.isna(), sheet.names["order"], "no order name")
    reject(frame["at"].isna(), sheet.names.get("created", "Created at"), "no time")
    reject(frame["title"].isna() & frame["sku"].isna(), sheet.names["item"], "no product")
    reject(~(frame["quantity"] > 0), sheet.names.get("quantity", "Lineitem quantity"), "the quantity is not above zero")
    reject(frame["unit_price"] < 0, sheet.names.get("item_price", "Lineitem price"), "the price is below zero")
    reject(frame["currency"] != currency, sheet.names.get("currency", "Currency"), "counts in another currency")
    refunded = frame["financial"].isin(["refunded", "voided"])
    frame["returned_at"] = frame["cancelled_at"].fillna(frame["at"].where(refunded))
    status = frame["fulfilment"].map(_STATUSES).fillna("processing")
    frame["status"] = status.mask(refunded, "returned").mask(frame["cancelled_at"].notna(), "cancelled")
    return frame[sheet.cleaner.kept]


def _currency(sheets: Sequence[_Sheet]) -> str:
    counts = pd.concat([sheet.text("currency") for sheet in sheets]).str.upper().value_counts()
    return str(counts.index[0]) if len(counts) else UNKNOWN_CURRENCY


def _with_unlisted(products: pd.DataFrame, lines: pd.DataFrame) -> pd.DataFrame:
    """`products`, and what was bought and is listed no more, which is not for sale."""
    listed = products.drop(columns="handle", errors="ignore")
    gone = lines[~lines["product_id"].isin(listed["product_id"])].drop_duplicates("product_id", keep="last")
    if gone.empty:
        return listed
    unlisted = gone[["product_id"]].assign(title=gone["title"].fillna(gone["product_id"]), active=listed.empty)
    return pd.concat([listed, unlisted], ignore_index=True) if len(listed) else unlisted


def _with_guests(customers: pd.DataFrame, orders: _Orders) -> pd.DataFrame:
    """`customers` with those who only ordered; everyone joined with their first order."""
    lines = orders.lines.dropna(subset=["customer_id"]).sort_values("at", kind="stable")
    seen = lines.groupby("customer_id", as_index=False).agg(
        email=("email", "last"), country=("country", "last"), city=("city", "last"), consent_email=("accepts", "last"),
        joined_at=("at", "first"),
    )  # fmt: skip
    guests = seen[~seen["customer_id"].isin(customers["customer_id"])]
    guests = guests.assign(
        consent_source=pd.Series("Shopify", index=guests.index).where(guests["consent_email"].notna())
    )
    first = seen.set_index("customer_id")["joined_at"]
    known = customers.assign(joined_at=customers["customer_id"].map(first))
    return pd.concat([f for f in (known, guests) if len(f)], ignore_index=True) if len(known) or len(guests) else known


def _guest(email: pd.Series) -> pd.Series:
    """An id for someone of whom only the e-mail address is known."""
    return email.map(lambda e: "S-" + hashlib.sha256(e.encode()).hexdigest()[:10], na_action="ignore").astype("string")


def _slug(title: pd.Series) -> pd.Series:
    return title.str.lower().str.replace(r"[^\w]+", "-", regex=True).str.strip("-")


def _plain(text: str) -> str:
    """HTML as the words it shows."""
    words = html.unescape(re.sub(r"<[^>]*>", " ", text))
    return " ".join(words.split())
