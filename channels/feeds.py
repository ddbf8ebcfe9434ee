"""The catalogue as a feed for others: Google Merchant's TSV and schema.org's JSON-LD."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from data.store import Snapshot

Address = Callable[[str], str]
"""The web address of a product's page."""

_COLUMNS = (
    "id", "title", "description", "link", "image_link", "availability", "price", "brand", "condition", "product_type",
    "identifier_exists",
)  # fmt: skip
_WITHOUT_CENTS = frozenset(["CLP", "ISK", "JPY", "KRW", "PYG", "UGX", "VND", "XAF", "XOF"])
_LONGEST = {"id": 50, "title": 150, "description": 5000, "brand": 70, "product_type": 750}


def merchant(snapshot: Snapshot, address: Address) -> str:
    """The feed of Google Merchant Center: one line a product for sale that has a price, tab-separated.

    A text is cut to the length that the feed allows; tabs and line ends within one become blanks. Products without
    known stock count as in stock, since they are for sale.
    """
    lines = ["\t".join(_COLUMNS)]
    for row in _for_sale(snapshot):
        values = {
            "id": row["product_id"],
            "title": row["title"],
            "description": row["description"] or row["title"],
            "link": address(row["product_id"]),
            "image_link": row["image_url"] or "",
            "availability": _availability(row, "in_stock", "out_of_stock"),
            "price": f"{_amount(row['price'], snapshot.currency)} {snapshot.currency}",
            "brand": row["brand"] or "",
            "condition": "new",
            "product_type": row["category"] or "",
            "identifier_exists": "no",
        }
        lines.append("\t".join(" ".join(str(values[c]).split())[: _LONGEST.get(c)] for c in _COLUMNS))
    return "\n".join(lines) + "\n"


def json_ld(snapshot: Snapshot, address: Address) -> str:
    """The catalogue as one JSON-LD document of schema.org Products, each with its Offer.

    "<" is escaped, so that the text may stand in a page's script element whatever a title says.
    """
    found = []
    for row in _for_sale(snapshot):
        offer = {
            "@type": "Offer",
            "price": _amount(row["price"], snapshot.currency),
            "priceCurrency": snapshot.currency,
            "availability": "https://schema.org/" + _availability(row, "InStock", "OutOfStock"),
            "itemCondition": "https://schema.org/NewCondition",
            "url": address(row["product_id"]),
        }
        product: dict[str, Any] = {
            "@type": "Product",
            "sku": row["product_id"],
            "name": row["title"],
            "description": row["description"],
            "category": row["category"],
            "brand": None if row["brand"] is None else {"@type": "Brand", "name": row["brand"]},
            "image": row["image_url"],
            "offers": offer,
        }
        found.append({key: value for key, value in product.items() if value is not None})
    text = json.dumps({"@context": "https://schema.org", "@graph": found}, ensure_ascii=False, indent=1)
    return text.replace("<", "\\u003c") + "\n"


def _for_sale(snapshot: Snapshot) -> list[dict[str, Any]]:
    products = snapshot.frame("products")
    kept = products[products["active"].fillna(True).astype(bool) & products["price"].gt(0).fillna(False)]
    rows = kept.sort_values("product_id").to_dict("records")
    return [{str(k): None if pd.isna(v) else v for k, v in row.items()} for row in rows]


def _availability(row: dict[str, Any], there: str, gone: str) -> str:
    return gone if row["stock"] is not None and row["stock"] <= 0 else there


def _amount(price: float, currency: str) -> str:
    return f"{price:.0f}" if currency in _WITHOUT_CENTS else f"{price:.2f}"
