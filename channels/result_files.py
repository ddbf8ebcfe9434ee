"""Files of customers and results that a person brings, checked row by row."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from data.adapters.files import read_rows
from data.errors import DataError, SettingError


def rows_of(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """The rows of a CSV, JSON lines or Parquet file as text, by row number; raises where it or a column is missing."""
    if not path.exists():
        raise SettingError(f"there is no file {path}")
    rows = read_rows(path)
    if missing := [name for name in columns if name not in rows.columns]:
        raise DataError(f"{path.name} has no column {missing[0]}; it needs {', '.join(columns)}")
    return rows.apply(lambda column: column.astype(str).str.strip())


def customers_of(path: Path, *more: str) -> pd.DataFrame:
    """Rows with a customer_id, each customer once."""
    rows = rows_of(path, ["customer_id", *more])
    ids = rows["customer_id"]
    if (blank := ids.eq("")).any():
        raise DataError(f"{path.name}, row {first_row(blank)}: the customer_id is empty")
    if (again := ids.duplicated()).any():
        row = first_row(again)
        raise DataError(f"{path.name}, row {row}: customer {ids[row]} stands there twice; give each one row")
    return rows


def numbers(
    path: Path, rows: pd.DataFrame, column: str, *, least: float = -math.inf, most: float = math.inf
) -> pd.Series:
    """A column as numbers from `least` to `most`."""
    found = pd.to_numeric(rows[column], errors="coerce").astype("float64")
    wrong = found.isna() | found.abs().eq(math.inf) | found.lt(least) | found.gt(most)
    if wrong.any():
        row = first_row(wrong)
        bounds = [f"{word} {bound:g}" for word, bound in (("from", least), ("up to", most)) if math.isfinite(bound)]
        what = " ".join(["a number", *bounds])
        raise DataError(f"{path.name}, row {row}: {column} is {rows[column][row]!r}, not {what}")
    return found


def times(path: Path, rows: pd.DataFrame, column: str) -> pd.Series:
    """A column as dates, written as 2026-11-27."""
    found = pd.to_datetime(rows[column], format="%Y-%m-%d", errors="coerce")
    if found.isna().any():
        row = first_row(found.isna())
        raise DataError(f"{path.name}, row {row}: {column} is {rows[column][row]!r}, not a date such as 2026-11-27")
    return found


def first_row(wrong: pd.Series) -> int:
    """The number of the first such row, as a spreadsheet shows it."""
    return int(wrong.index[int(wrong.to_numpy().argmax())])
