"""The products of an index as rows: what is kept of each, and their columns as arrays."""

from collections import defaultdict
from functools import cached_property

import numpy as np
import pandas as pd

from data.errors import DataError
from index.vectors import Mask, Numbers

_COLUMNS = ("product_id", "title", "category", "price", "stock", "active", "text", "key")


class Catalogue:
    """The products' columns as arrays, by row: made once, since a search looks at every one of a million."""

    def __init__(self, products: pd.DataFrame) -> None:
        self.ids = products.index.to_numpy(dtype=object)
        self.numbers: Numbers = products["key"].to_numpy(dtype=np.int64)
        self.active: Mask = products["active"].to_numpy(dtype=bool)
        self.price = products["price"].to_numpy(dtype=np.float64)
        self.sold_out: Mask = products["stock"].to_numpy(dtype=np.float64) <= 0
        self._category = products["category"]

    @cached_property
    def category(self) -> pd.Categorical:
        """Each row's category."""
        return pd.Categorical(self._category)

    @cached_property
    def categories(self) -> list[str]:
        """Names of all categories, sorted."""
        return sorted(self._category.dropna().unique())

    def named(self, product_id: str, passes: Mask) -> list[int]:
        """Rows of products whose id this is, in any case of letters, among those that pass."""
        return [row for row in self._by_id.get(product_id.lower(), ()) if passes[row]]

    @cached_property
    def row_of(self) -> Numbers:
        """The row of each vector's number; -1 where no product has it."""
        rows = np.full(int(self.numbers.max(initial=-1)) + 1, -1, dtype=np.int64)
        rows[self.numbers] = np.arange(len(self.numbers))
        return rows

    @cached_property
    def _by_id(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = defaultdict(list)
        for row, product_id in enumerate(self.ids):
            found[str(product_id).lower()].append(row)
        return dict(found)


def no_products() -> pd.DataFrame:
    """The rows of an empty catalogue; `key` will be the number of each product's vector."""
    return pd.DataFrame({column: [] for column in _COLUMNS}).set_index("product_id")


def product_texts(products: pd.DataFrame) -> list[str]:
    """What is embedded of each product: title, brand, category and description, as far as known."""
    parts = products.reindex(columns=["title", "brand", "category", "description"]).astype("string").fillna("")
    return [". ".join(part for part in row if part) for row in parts.itertuples(index=False)]


def prepared(products: pd.DataFrame) -> pd.DataFrame:
    """Rows of canonical `products`, all but their `key`; `DataError` where two share an id."""
    rows = products.reindex(columns=["product_id", "title", "category", "price", "stock", "active"]).copy()
    rows["text"] = product_texts(products)
    rows["category"] = rows["category"].astype(object).where(rows["category"].notna(), None)
    rows["active"] = rows["active"].fillna(True).astype(bool)
    rows = rows.astype({"product_id": str, "title": str, "price": float, "stock": float})
    if not rows["product_id"].is_unique:
        raise DataError("two of the products to index share an id: keep one of them")
    return rows.set_index("product_id")
