"""The rhythm of a shop's customers: who still is one, how often they will buy, for how much, when they come back.

BG/NBD and Gamma-Gamma, mixed with how buying really went on in the same shop (`models.lifetime_mix`), for any horizon.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from data.errors import DataError
from models.base import load_frame, load_json, save_frame, save_json
from models.calibration import Array
from models.demand import without_mistakes
from models.lifetime import BGNBD, purchase_days
from models.lifetime_mix import forecast

if TYPE_CHECKING:
    from data.store import Snapshot

AHEAD = 13
"""Weeks ahead at which BG/NBD is corrected; the correction of a customer then holds for any horizon."""
LEAST_WEEKS = 8
WEEK = 7.0


@dataclass(frozen=True)
class Rhythm:
    """What past purchases say of each customer who bought; `table` has the index customer_id.

    Columns: x, recency, age (weeks, as in `models.lifetime.history`), alive (probability), money (expected of a
    purchase, in the shop's currency) and factor (purchases that the mix expects for each that BG/NBD does).
    """

    model: BGNBD
    table: pd.DataFrame

    @classmethod
    def of(cls, snapshot: Snapshot, now: pd.Timestamp, *, seed: int = 0) -> Rhythm | None:
        """From what was bought before `now`; None where too few came back, or too few weeks are known, to say."""
        bought = purchases(snapshot)
        bought = bought[bought["at"] < now]
        if bought.empty:
            return None
        days = purchase_days(bought[["customer_id", "day", "money", "units"]])
        last = bought["day"].max()
        weeks = int((last - bought["day"].min()).days + 1) // 7
        if weeks < LEAST_WEEKS:
            return None
        start = last - pd.Timedelta(days=7 * weeks - 1)
        try:
            found = forecast(days, start=start, weeks=weeks, ahead=AHEAD, seed=seed)
        except DataError:
            return None
        rows = found.rows
        table = found.known[["x", "recency", "age"]].assign(
            alive=rows["alive"], money=rows["spend"], factor=rows["mean"] / np.maximum(rows["bgnbd"], 1e-9)
        )
        return cls(found.model, table)

    def orders(self, horizon_days: float) -> pd.Series:
        """Expected purchases of each customer within `horizon_days`; two invoices of a day count as one."""
        expected = self.model.purchases(self.table, horizon_days / WEEK)
        return pd.Series(expected * self.table["factor"], index=self.table.index)

    def alive(self, customer_id: str) -> float:
        """The probability that this customer still is one; 1 for who bought only once: nothing speaks against it."""
        return float(self.table["alive"].to_numpy("float64")[self.table.index.get_loc(customer_id)])

    def half_back_days(self, customer_id: str) -> float:
        """Days within which half of those like this customer come back who come back at all.

        A customer who is still one buys at a rate ~ Gamma(r + x, α + age), so none within t has the chance
        ((α + age) / (α + age + t))^(r + x), and the median follows.
        """
        x, age = self.table[["x", "age"]].to_numpy("float64")[self.table.index.get_loc(customer_id)]
        return float(WEEK * (self.model.alpha + age) * (2.0 ** (1.0 / (self.model.r + x)) - 1.0))

    def save(self, folder: Path) -> None:
        """Writes it into the existing `folder`."""
        save_frame(folder, "rhythm", self.table)
        save_json(folder, "rhythm", asdict(self.model))

    @classmethod
    def load(cls, folder: Path) -> Rhythm | None:
        """What `save` wrote; None where nothing was."""
        if not (folder / "rhythm.json").exists():
            return None
        return cls(BGNBD(**load_json(folder, "rhythm")), load_frame(folder, "rhythm"))


def purchases(snapshot: Snapshot) -> pd.DataFrame:
    """Lines that known customers bought and did not soon give back: customer_id, at, day, units, money."""
    events = snapshot.frame("events")
    events = events[events["kind"].isin(["purchase", "return"]) & events["customer_id"].notna()]
    sold = without_mistakes(events[["at", "customer_id", "kind", "product_id", "quantity", "unit_price"]])
    units = sold["quantity"].fillna(1.0).abs().to_numpy("float64")
    return pd.DataFrame(
        {
            "customer_id": sold["customer_id"].astype(str).to_numpy(),
            "at": sold["at"].to_numpy(),
            "day": sold["at"].dt.normalize().to_numpy(),
            "units": units,
            "money": units * sold["unit_price"].fillna(0.0).to_numpy("float64"),
        }
    )


def spent(snapshot: Snapshot, start: pd.Timestamp, end: pd.Timestamp, customers: pd.Index) -> Array:
    """Money that each of `customers` paid from `start` on and before `end`, (customers,)."""
    bought = purchases(snapshot)
    inside = bought[(bought["at"] >= start) & (bought["at"] < end)]
    return inside.groupby("customer_id")["money"].sum().reindex(customers).fillna(0.0).to_numpy("float64")
