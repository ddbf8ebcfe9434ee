"""Adapter for the UCI Online Retail form: one line an invoice item, cancellations as invoices that begin with C.

Columns: InvoiceNo, StockCode, Description, Quantity, InvoiceDate, UnitPrice (GBP), CustomerID (may be blank),
Country; the names of the second edition (Invoice, Price, Customer ID) are understood too. Times have no zone and are
taken as they stand. Source: Chen, Sain & Guo (2012), UCI Machine Learning Repository, data set 352.
"""

from pathlib import Path

import pandas as pd

from data.adapters.base import Extract
from data.adapters.files import read_rows
from data.clean import ISO, Cleaner, event_ids, far_from_the_rest, tidy_title
from data.errors import SettingError

COLUMNS = ("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country")
_ALIASES = {"Invoice": "InvoiceNo", "Price": "UnitPrice", "Customer ID": "CustomerID"}
_FORMATS = (ISO, "%m/%d/%Y %H:%M", "%m/%d/%y %H:%M", "%d.%m.%Y %H:%M")

_PRODUCT_CODE = r"^(?:\d{5}|DCGS)"
"""Goods have a five-digit code, perhaps with a letter for the colour, or one that begins with DCGS."""
_NO_PRODUCT = r"gift voucher|\bnext day carriage\b|packing charge|high resolution image|^manual$|^adjust(?:ment)?\b"

_COUNTRIES = {"EIRE": "Ireland", "RSA": "South Africa", "USA": "United States"}
_NO_COUNTRY = ("Unspecified", "European Community")


def extract(source: Path, map_file: Path | None = None) -> Extract:
    """The shop of an Online Retail file: purchases and returns, orders, customers and products.

    Stock and cost are unknown and stay null; price, activity, category and daily prices are derived. Raises
    `DataError` that names row and column for a broken file.
    """
    if map_file is not None:
        raise SettingError("the format online-retail has fixed columns and takes no map: leave --map out")
    rows = read_rows(source).rename(columns=_ALIASES)
    cleaner = Cleaner(source.name, rows)
    cleaner.require(COLUMNS)
    lines = _lines(cleaner)
    lines = lines[cleaner.kept]
    return Extract(
        tables={
            "customers": _customers(lines),
            "products": _products(lines),
            "orders": _orders(lines),
            "events": _events(lines),
        },
        rejects=cleaner.rejects(),
        name="Online Retail",
        currency="GBP",
        rows=len(rows),
        derive=frozenset({"price", "active", "category", "product_days"}),
    )


def _lines(cleaner: Cleaner) -> pd.DataFrame:
    """The typed columns of every row; those that cannot be used are rejected in `cleaner`."""
    lines = pd.DataFrame(
        {
            "order_id": cleaner.ids("InvoiceNo"),
            "product_id": cleaner.ids("StockCode").str.upper(),
            "title": cleaner.text("Description"),
            "quantity": cleaner.numbers("Quantity"),
            "at": cleaner.times("InvoiceDate", formats=_FORMATS),
            "unit_price": cleaner.numbers("UnitPrice"),
            "customer_id": cleaner.ids("CustomerID"),
            "country": cleaner.text("Country"),
        }
    )
    lines["cancelled"] = lines["order_id"].str.upper().str.startswith("C").fillna(False).astype(bool)
    cleaner.reject(lines["order_id"].isna(), "InvoiceNo", "no invoice number")
    cleaner.reject(lines["product_id"].isna(), "StockCode", "no product code")
    goods = lines["product_id"].str.contains(_PRODUCT_CODE, na=False) & ~lines["title"].str.contains(
        _NO_PRODUCT, case=False, na=False
    )
    cleaner.reject(~goods, "StockCode", "not a product: postage, fee, voucher or correction")
    cleaner.reject(lines["at"].isna(), "InvoiceDate", "no time")
    cleaner.reject(far_from_the_rest(lines["at"]), "InvoiceDate", "the time lies far from all others")
    cleaner.reject(~(lines["unit_price"] > 0), "UnitPrice", "the price is not above zero")
    cleaner.reject(lines["quantity"].isna() | (lines["quantity"] == 0), "Quantity", "no quantity")
    wrong_way = lines["cancelled"] != (lines["quantity"] < 0)
    cleaner.reject(wrong_way, "Quantity", "the sign of the quantity contradicts the invoice")
    lines["quantity"] = lines["quantity"].abs()
    return lines


def _events(lines: pd.DataFrame) -> pd.DataFrame:
    events = lines[["at", "customer_id", "product_id", "quantity", "unit_price", "order_id"]].copy()
    events["kind"] = lines["cancelled"].map({True: "return", False: "purchase"}).astype("string")
    events["event_id"] = event_ids(events)
    return events


def _orders(lines: pd.DataFrame) -> pd.DataFrame:
    """One order an invoice, placed at its first line; that it was invoiced is all that is known of it."""
    bought = lines[~lines["cancelled"]].sort_values("at", kind="stable")
    orders = bought.groupby("order_id", as_index=False).agg(
        customer_id=("customer_id", "first"), placed_at=("at", "min")
    )
    return orders.assign(status="completed")


def _customers(lines: pd.DataFrame) -> pd.DataFrame:
    """Each customer with the day they were first seen and the country of their last invoice."""
    known = lines.dropna(subset="customer_id").sort_values("at", kind="stable")
    country = known["country"].replace(_COUNTRIES).mask(known["country"].isin(_NO_COUNTRY))
    return (
        known.assign(country=country)
        .groupby("customer_id", as_index=False)
        .agg(joined_at=("at", "min"), country=("country", "last"))
    )


def _products(lines: pd.DataFrame) -> pd.DataFrame:
    """Each product with its commonest description (the first by alphabet among equals) as title."""
    named = lines.dropna(subset="title")
    spelling = {text: tidy_title(text) for text in named["title"].unique()}
    counts = (
        named.assign(title=named["title"].map(spelling)).groupby(["product_id", "title"]).size().reset_index(name="n")
    )
    commonest = counts.sort_values(["product_id", "n", "title"], ascending=[True, False, True]).drop_duplicates(
        "product_id"
    )
    products = pd.DataFrame({"product_id": lines["product_id"].drop_duplicates()})
    products = products.merge(commonest[["product_id", "title"]], on="product_id", how="left")
    products["title"] = products["title"].replace("", pd.NA).fillna("Product " + products["product_id"])
    return products
