"""Weekly units of a shop's largest items from invoice lines (Online Retail's form), before and after one day."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.errors import DataError, SettingError
from eval.task import Inputs
from models.demand import without_mistakes

FILE = Path("online_retail") / "online_retail.csv.gz"
LARGEST = 500
LEAST_WEEKS = 8
_COLUMNS = ["InvoiceNo", "StockCode", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID"]
_CLOSED_DAYS = 2
"""Days without sales at the end of a file that still count, since a shop closes on weekends."""

Series = NDArray[np.float64]


@dataclass(frozen=True)
class Weeks:
    """`history` and `coming` are weekly units, (items × weeks), of the largest items before `day`, largest first.

    `price` is the median price of an item's lines before `day`, and `usual` their lower quartile of units, (items,).
    """

    day: pd.Timestamp
    items: pd.Index
    history: Series
    coming: Series
    price: Series
    usual: Series


def read(path: Path) -> pd.DataFrame:
    """Lines sold: item, day, units, price. Cancelled lines, free ones and codes that are no items are left out."""
    try:
        frame = pd.read_csv(path, dtype={"InvoiceNo": str, "StockCode": str, "CustomerID": str}, low_memory=False)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is not a CSV file: {error}") from None
    if lacking := [name for name in _COLUMNS if name not in frame.columns]:
        raise DataError(f"{path} has no column {', '.join(lacking)}; it needs {', '.join(_COLUMNS)}")
    at = pd.to_datetime(frame["InvoiceDate"], errors="coerce")
    if at.isna().any():
        row = int(np.flatnonzero(at.isna())[0]) + 2
        raise DataError(f"{path}, line {row}: InvoiceDate is not a date; write it like 2011-10-31 12:05:00")
    units = pd.to_numeric(frame["Quantity"], errors="coerce")
    back = frame["InvoiceNo"].fillna("").str.upper().str.startswith("C") | (units < 0)
    lines = pd.DataFrame(
        {
            "product_id": frame["StockCode"].fillna(""),
            "customer_id": frame["CustomerID"],
            "kind": np.where(back, "return", "purchase"),
            "quantity": units,
            "price": pd.to_numeric(frame["UnitPrice"], errors="coerce"),
            "at": at,
        }
    )
    # Postage, fees and manual corrections have codes without a leading digit, and no stock.
    lines = lines[lines["product_id"].str.match(r"\d") & (lines["price"] > 0) & lines["quantity"].abs().gt(0)]
    sold = without_mistakes(lines)
    if sold.empty:
        raise DataError(f"{path} has no line with an item, units and a price above 0")
    sold = sold.assign(day=sold["at"].dt.normalize())
    return sold[["product_id", "day", "quantity", "price"]].reset_index(drop=True)


def splits(inputs: Inputs, *, horizon: int, origins: int) -> tuple[list[Weeks], list[Path]]:
    """What was known and what came: of the two files, or of one file cut `origins` times, `horizon` weeks apart.

    With files, as many of the test's full weeks count as there are, `horizon` at most.
    """
    if inputs.test is not None and inputs.train is None:
        raise SettingError("name the weeks before the test file's as well: --train CSV of the same columns")
    path = inputs.train or _given(inputs.data)
    lines = read(path)
    end = lines["day"].max() + pd.Timedelta(1, "D")
    if inputs.test is None:
        days = [end - pd.Timedelta(7 * horizon * back, "D") for back in range(1, origins + 1)]
        return [weeks_of(lines, day, horizon) for day in days], [path]
    later = read(inputs.test)
    first, last = later["day"].min(), later["day"].max() + pd.Timedelta(1, "D")
    if first < end:
        raise DataError(
            f"the test file begins on {first.date()}, before the training file ends "
            f"({(end - pd.Timedelta(1, 'D')).date()}): give the weeks that follow it"
        )
    weeks = min(((last - first).days + _CLOSED_DAYS) // 7, horizon)
    if weeks < 1:
        raise DataError(f"the test file covers {(last - first).days} days; it needs a week or more")
    return [weeks_of(pd.concat([lines, later], ignore_index=True), first, weeks)], [path, inputs.test]


def weeks_of(lines: pd.DataFrame, day: pd.Timestamp, horizon: int) -> Weeks:
    """Weeks of 7 days counted back from `day` (a cut first one is left out) and `horizon` weeks from it on."""
    week = ((lines["day"] - day).dt.days // 7).to_numpy(np.int64)
    before = lines[week < 0]
    weeks = 0 if before.empty else int((day - before["day"].min()).days // 7)
    if weeks < LEAST_WEEKS:
        raise DataError(f"only {weeks} weeks lie before {day.date()}; forecasts of items need {LEAST_WEEKS} or more")
    inside = (week >= -weeks) & (week < horizon)
    volume = lines[inside & (week < 0)].groupby("product_id")["quantity"].sum()
    items = volume.sort_index().sort_values(ascending=False, kind="stable").index[:LARGEST]
    row = items.get_indexer(pd.Index(lines["product_id"]))
    chosen = inside & (row >= 0)
    units = np.zeros((len(items), weeks + horizon))
    np.add.at(units, (row[chosen], week[chosen] + weeks), lines["quantity"].to_numpy(np.float64)[chosen])
    by_item = before.groupby("product_id")
    return Weeks(
        day=day,
        items=items,
        history=units[:, :weeks],
        coming=units[:, weeks:],
        price=by_item["price"].median().reindex(items).to_numpy(np.float64),
        usual=by_item["quantity"].quantile(0.25).reindex(items).to_numpy(np.float64),
    )


def _given(data: Path | None) -> Path:
    path = None if data is None else data / FILE
    if path is None or not path.exists():
        raise SettingError("name files with --train and --test, or the folder of the benchmark data with --data")
    return path
