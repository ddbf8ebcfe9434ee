"""The products of a snapshot as plain columns: an answer reads ten of a million, which a frame makes slow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from data.store import Snapshot

Entry = dict[str, Any]
"""One product by column, with the canonical table's own values for what is missing."""


class Shelf:
    """Products by their ids; read it only. `KeyError` for an id that is not among them."""

    def __init__(self, products: pd.DataFrame) -> None:
        self._row = {str(product_id): row for row, product_id in enumerate(products.index)}
        self._columns = {str(name): products[name].to_numpy(dtype=object) for name in products.columns}
        self._types = products.dtypes

    def __contains__(self, product_id: object) -> bool:
        return product_id in self._row

    def entry(self, product_id: str) -> Entry:
        """One product."""
        row = self._row[product_id]
        return {name: values[row] for name, values in self._columns.items()}

    def table(self, product_ids: Sequence[str], columns: Sequence[str]) -> pd.DataFrame:
        """Those columns of several, in their canonical types, `product_id` before them."""
        rows = np.array([self._row[product_id] for product_id in product_ids], dtype=np.intp)
        kept = {name: pd.array(self._columns[name][rows], dtype=self._types[name]) for name in columns}
        return pd.DataFrame({"product_id": pd.array(list(product_ids), dtype="string"), **kept})


def shelf(snapshot: Snapshot) -> Shelf:
    """Every product of the snapshot, sold or not."""
    return snapshot.once(_shelved)


def _shelved(snapshot: Snapshot) -> Shelf:
    return Shelf(snapshot.frame("products").set_index("product_id"))
