"""What was sold each day, item by item: the panel from which the weekly series of forecasts come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from models.neighbours import Matrix, cut_off, positions

if TYPE_CHECKING:
    from data.store import Snapshot

MISTAKE_DAYS = 2
"""A purchase given back in full within these days was a mistake, not demand."""
CLOSING_HOURS = 3.0
PRICE_DAYS = 56

Series = NDArray[np.float64]


@dataclass(frozen=True)
class Demand:
    """Units sold: `daily` is CSR (items × days), the last day being the one before `end` (midnight, exclusive).

    `prices` are what a unit brought in lately; `categories` the item's category, "" where unknown.
    """

    items: pd.Index
    categories: NDArray[Any]
    prices: Series
    daily: Matrix
    end: pd.Timestamp

    @property
    def days(self) -> int:
        """Days covered."""
        return int(self.daily.shape[1])

    @property
    def weeks(self) -> int:
        """Full weeks covered; weeks are counted back from `end`, so only the first can be cut, and it is left out."""
        return self.days // 7

    def days_of(self, rows: Any) -> Series:
        """Daily units of the sum of `rows`."""
        return np.asarray(self.daily[rows].sum(axis=0), dtype=np.float64).ravel()

    def weeks_of(self, rows: Any) -> Series:
        """Weekly units of the sum of `rows`, (weeks,)."""
        return by_week(self.days_of(rows))

    def weekly(self) -> Series:
        """Weekly units of every item, (items × weeks)."""
        if self.weeks == 0:
            return np.zeros((len(self.items), 0))
        first = self.days - 7 * self.weeks
        week = np.repeat(np.arange(self.weeks), 7)
        into = sp.csr_matrix((np.ones(len(week)), (np.arange(len(week)), week)), shape=(len(week), self.weeks))
        return np.asarray((self.daily[:, first:] @ into).toarray(), dtype=np.float64)

    def week_starts(self) -> pd.DatetimeIndex:
        """First day of each full week."""
        return pd.date_range(end=self.end - pd.Timedelta(7, "D"), periods=self.weeks, freq="7D")

    def rows_of(self, category: str) -> NDArray[np.intp]:
        """Rows of the items of a category."""
        return np.flatnonzero(self.categories == category)


def nothing() -> Demand:
    """The panel of a shop without products."""
    none = np.zeros(0)
    return Demand(pd.Index([], dtype=object), none.astype(object), none, sp.csr_matrix((0, 0)), pd.Timestamp(0))


def by_week(daily: Series) -> Series:
    """Sums of 7 days counted back from the last; a cut first week is left out."""
    weeks = len(daily) // 7
    return np.asarray(daily[len(daily) - 7 * weeks :].reshape(weeks, 7).sum(axis=1))


def demand_of(snapshot: Snapshot, as_of: pd.Timestamp) -> Demand:
    """The panel of all that was sold before `as_of`, anonymous sales included, mistaken orders left out."""
    now = cut_off(snapshot, as_of)
    events = snapshot.frame("events")
    events = events[events["kind"].isin(["purchase", "return"]) & (events["at"] < now) & events["product_id"].notna()]
    columns = ["at", "customer_id", "kind", "product_id", "quantity", "unit_price"]
    sold = without_mistakes(events[columns])
    products = snapshot.frame("products")
    items = pd.Index(products["product_id"].astype(object))
    item = positions(items, sold["product_id"])
    sold, item = sold[item >= 0], item[item >= 0]
    end = _end(sold["at"], now)
    inside = (sold["at"] < end).to_numpy(bool)
    sold, item = sold[inside], item[inside]
    units = sold["quantity"].fillna(1.0).abs().to_numpy(np.float64)
    first = sold["at"].min().normalize() if len(sold) else end
    days = int((end - first).days)
    day = ((sold["at"].dt.normalize() - first) // pd.Timedelta(1, "D")).to_numpy(np.int64)
    daily = sp.coo_matrix((units, (item, day)), shape=(len(items), days)).tocsr()
    return Demand(
        items=items,
        categories=products["category"].fillna("").astype(object).to_numpy(),
        prices=_prices(sold, item, units, products["price"].to_numpy(np.float64), end),
        daily=daily,
        end=end,
    )


def without_mistakes(events: pd.DataFrame) -> pd.DataFrame:
    """The purchases of `events` (at, customer_id, kind, product_id, quantity) but for those soon given back whole."""
    sold = events[events["kind"] == "purchase"]
    back = events[(events["kind"] == "return") & events["customer_id"].notna()]
    if back.empty:
        return sold
    keys = ["customer_id", "product_id", "units"]
    bought = sold.assign(units=sold["quantity"].abs(), row=np.arange(len(sold)))
    back = back.assign(units=back["quantity"].abs())
    pairs = bought.merge(back[[*keys, "at"]], on=keys, suffixes=("", "_back"))
    gap = pairs["at_back"] - pairs["at"]
    mistaken = pairs.loc[(gap >= pd.Timedelta(0)) & (gap <= pd.Timedelta(MISTAKE_DAYS, "D")), "row"]
    keep = np.ones(len(sold), dtype=bool)
    keep[mistaken.to_numpy(np.int64)] = False
    return sold[keep]


def _end(at: pd.Series, now: pd.Timestamp) -> pd.Timestamp:
    """Midnight after the last whole day: a day that broke off hours before the usual close does not count."""
    today = now.normalize()
    if now == today or at.empty:
        return today if now == today else today + pd.Timedelta(1, "D")
    recent = at[at >= today - pd.Timedelta(28, "D")]
    closing = recent.groupby(recent.dt.normalize()).max()
    hours = (closing.to_numpy() - closing.index.to_numpy()) / np.timedelta64(1, "h")
    usual = float(np.median(hours)) if len(hours) else 0.0
    whole = (now - today) / pd.Timedelta(1, "h") >= usual - CLOSING_HOURS
    return today + pd.Timedelta(1, "D") if whole else today


def _prices(sold: pd.DataFrame, item: NDArray[np.intp], units: Series, listed: Series, end: pd.Timestamp) -> Series:
    """Money a unit brought in over the last 8 weeks; else the list price; else 0."""
    lately = (sold["at"] >= end - pd.Timedelta(PRICE_DAYS, "D")).to_numpy(bool) & sold["unit_price"].notna().to_numpy(
        bool
    )
    money = np.bincount(item[lately], (units * sold["unit_price"].fillna(0.0).to_numpy(float))[lately], len(listed))
    count = np.bincount(item[lately], units[lately], len(listed))
    return np.where(count > 0, money / np.maximum(count, 1e-12), np.nan_to_num(listed))
