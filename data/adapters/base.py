"""What an adapter makes of a source file."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

UNKNOWN_CURRENCY = "XXX"
"""ISO 4217's code for "no currency": for sources without a single price."""


@dataclass(frozen=True)
class Extract:
    """One source file as canonical tables, not yet merged with what the store holds.

    `tables` may lack tables and nullable columns. `derive` names what the source does not say and
    the shop's events can: "price", "active" and "category" (from titles) of products, "product_days". `rows` is the
    number of rows read, `rejects` those turned away, with the columns of `data.store.REJECTS`.
    """

    tables: dict[str, pd.DataFrame]
    rejects: pd.DataFrame
    name: str
    currency: str
    rows: int
    derive: frozenset[str] = field(default_factory=frozenset)


Adapter = Callable[[Path, Path | None], Extract]
"""Reads a source file, with a column map where the format has one; raises `DataError` or `SettingError`."""
