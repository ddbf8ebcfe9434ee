"""Weekly demand of items, categories and the shop, with 80% intervals; every path is worked out when fitting."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from data.errors import ToolError
from models.backtest import ORIGINS, RULE, STEP, WIDE, Spread, backtest, scale_of, spread_of
from models.base import Model, load_frame, load_json, save_frame, save_json
from models.candidates import (
    SEASONAL_WEEKS,
    formula_demand,
    formula_level,
    item_candidates,
    rule_candidates,
    season,
    total_candidates,
)
from models.demand import Demand, by_week, demand_of, nothing
from models.neighbours import RECENCY_DAYS, age_in_days, cut_off, decayed, item_neighbours, positions, strongest
from models.reconcile import Contest, Hierarchy, added_up_at, best_way, picked, tallied

if TYPE_CHECKING:
    from data.store import Snapshot

WEEKS = 13
"""Weeks that the methods forecast themselves; beyond, the level goes on, with last year's season if it is known."""
LONGEST_WEEKS = 62
LONGEST_DAYS = 365
LARGEST = 500
SLOW = 0.4
"""An item that sold nothing in more than this share of 26 weeks is slow, and has its own rivals and spread."""
THIN_WEEKS = 13
LEAST_SALES = 8
"""Weeks with sales below which a history is thin."""
GROUPS = ("total", "fast", "slow", "rest")

Series = NDArray[np.float64]
Rivals = Mapping[str, Series]


@dataclass(frozen=True)
class Forecast:
    """Expected demand of one target from the day after the last whole day of data on.

    `weeks`: week_start, mean, low, high (80% interval), the last week cut to the horizon. `units`, `low`, `high` are
    totals over the horizon; the total's interval is narrower than the weeks' sums, since weeks do not all err together.
    `revenue` is in the shop's currency at recent prices. `previous` are the units in as many days before, None where
    the history is shorter. `history`: week_start, units. `error` is the WAPE of past 4-week forecasts of this target
    (NaN where nothing sold then), `thin` marks a history too short to lean on, `method` says what forecasts.
    """

    weeks: pd.DataFrame
    units: float
    low: float
    high: float
    revenue: float
    previous: float | None
    history: pd.DataFrame
    error: float
    thin: bool
    method: str


class ForecastModel(Model):
    """Methods compete on past origins within their group (categories and shop, fast items, slow items).

    Categories and the shop may mix in s_t = Σ r_i q_i, the recommender's scores times quantities; the backtest sets its
    share, and `Forecast.method` says so. Intervals are quantiles of the backtest's errors, in units of each series' own
    spread. What is forecast adds up, items to categories and these to the shop, in a `way` chosen on past origins too.
    `metrics`: WAPE where each origin's method and way were chosen on older origins, and the baselines' WAPE there.
    """

    name: ClassVar[str] = "forecast"

    def __init__(self) -> None:
        super().__init__()
        self.demand = nothing()
        self.methods: dict[str, str] = dict.fromkeys(GROUPS, RULE)
        self.way: str | None = None
        self.spreads: dict[str, Spread] = dict.fromkeys(GROUPS, WIDE)
        self._series = pd.DataFrame(columns=["group", "scale", "error"])
        self._paths: Series = np.zeros((0, LONGEST_WEEKS))

    def predict(
        self,
        snapshot: Snapshot,
        *,
        product_id: str | None = None,
        category: str | None = None,
        horizon_days: int = 28,
    ) -> Forecast:
        """Demand of a product, else of a category (case does not matter), else of the whole shop.

        Raises `ToolError` for an unknown product or category and for a horizon outside 1 to 365 days.
        """
        self.require_fitted()
        horizon = check_horizon(horizon_days)
        key, rows = self._target(product_id, category)
        series, path = self._series.iloc[key], self._paths[key]
        spread = self.spreads[str(series["group"])]
        daily = self.demand.days_of(rows)
        weekly, starts = by_week(daily), self.demand.week_starts()
        part = _parts(horizon)
        mean = path[: len(part)] * part
        ahead = np.arange(1, len(part) + 1, dtype=float)
        scale = float(series["scale"])
        weeks = pd.DataFrame(
            {
                "week_start": pd.date_range(self.demand.end, periods=len(part), freq="7D"),
                "mean": mean,
                "low": np.clip(mean + scale * part * spread.at_week(0.1, ahead), 0.0, mean),
                "high": np.maximum(mean + scale * part * spread.at_week(0.9, ahead), mean),
            }
        )
        units = float(mean.sum())
        low, high = (units + scale * spread.at_total(level, horizon / 7) for level in (0.1, 0.9))
        sold = np.flatnonzero(weekly)
        alive = len(weekly) - int(sold[0]) if len(sold) else 0
        return Forecast(
            weeks=weeks,
            units=units,
            low=min(max(low, 0.0), units),
            high=max(high, units),
            revenue=units * self._price(rows),
            previous=float(daily[-horizon:].sum()) if len(daily) >= horizon else None,
            history=pd.DataFrame({"week_start": starts, "units": weekly}),
            error=float(series["error"]),
            thin=alive < max(THIN_WEEKS, horizon / 7) or len(sold) < LEAST_SALES,
            method=self.methods[str(series["group"])] + ("" if self.way is None else f", added up {self.way}"),
        )

    def outlook(self, days: float, *, level: float) -> pd.DataFrame:
        """Every item's units over `days`, indexed by product_id: their mean and their quantile `level` (0 to 1)."""
        self.require_fitted()
        items = self._series.iloc[: len(self.demand.items)]
        part = _parts(days)
        mean = self._paths[: len(items), : len(part)] @ part
        reach = {group: spread.at_total(level, days / 7) for group, spread in self.spreads.items()}
        error = items["scale"].to_numpy(float) * items["group"].map(reach).to_numpy(float)
        quantile = np.maximum(mean + error, 0.0)
        index = pd.Index(self.demand.items.astype(str), name="product_id")
        return pd.DataFrame({"mean": mean, "quantile": quantile}, index=index)

    def _target(self, product_id: str | None, category: str | None) -> tuple[int, Any]:
        items = len(self.demand.items)
        if product_id is not None:
            row = int(positions(self.demand.items, [product_id])[0])
            if row < 0:
                raise ToolError(f"no product {product_id}; product ids look like {_some(self.demand.items)}")
            return row, [row]
        if category is not None:
            name = self.category_named(category)
            return items + list(self._categories()).index(name), self.demand.rows_of(name)
        return len(self._series) - 1, np.arange(items)

    def category_named(self, category: str) -> str:
        """The shop's spelling of `category`; `ToolError` that names some categories where there is none such."""
        names = self._categories()
        for name in names:
            if name.casefold() == category.strip().casefold():
                return name
        there = f"there are {_some(names, 5)}" if names else "this shop has none"
        raise ToolError(f"no category {category}; {there}")

    def _categories(self) -> list[str]:
        return sorted(name for name in set(self.demand.categories.tolist()) if name)

    def _price(self, rows: Any) -> float:
        """What a unit of the target brings, weighted by the last 8 weeks' sales."""
        recent = np.asarray(self.demand.daily[rows][:, -56:].sum(axis=1)).ravel() if self.demand.days else np.zeros(0)
        prices = self.demand.prices[rows]
        if recent.sum() > 0:
            return float(recent @ prices / recent.sum())
        return float(prices.mean()) if len(prices) else 0.0

    def _fit(self, snapshot: Snapshot, *, as_of: pd.Timestamp, seed: int) -> None:
        self.demand = demand_of(snapshot, as_of)
        weekly = self.demand.weekly()
        categories = self._categories()
        members = np.array([self.demand.categories == name for name in categories] + [np.ones(len(weekly), bool)])
        groups = members.astype(float).reshape(len(categories) + 1, len(weekly))
        totals = groups @ weekly
        # Where an item has no category, its season is the shop's.
        parent = np.array([categories.index(c) if c else len(categories) for c in self.demand.categories], dtype=int)
        kind = _kinds(weekly)
        self._series = pd.DataFrame({"group": [*kind, *["total"] * len(totals)]})
        self._series["scale"] = scale_of(np.vstack([weekly, totals]))
        self._series["error"] = np.nan
        self._paths = np.zeros((len(self._series), LONGEST_WEEKS))
        if weekly.shape[1] == 0:
            self._level_of_days(groups)
            return
        found = [self._compete_totals(snapshot, as_of, groups, weekly)]
        for group in ("fast", "slow", "rest"):
            rows = np.flatnonzero(kind == group)
            if len(rows):
                found.append(self._compete_items(group, rows, weekly, totals[parent[rows]]))
        self._settle(Hierarchy(groups), found)

    def _level_of_days(self, groups: Series) -> None:
        """Less than a week is known: its daily mean goes on, and may be as far off as it is large."""
        if self.demand.days == 0:
            return
        weekly = 7 * np.asarray(self.demand.daily.mean(axis=1), dtype=np.float64).ravel()
        level = np.concatenate([weekly, groups @ weekly])
        self._series["scale"] = np.maximum(level, self._series["scale"])
        self._paths = np.repeat(level[:, np.newaxis], LONGEST_WEEKS, axis=1)

    def _compete_totals(
        self, snapshot: Snapshot, as_of: pd.Timestamp, groups: Series, weekly: Series
    ) -> tuple[Contest, Rivals]:
        totals = groups @ weekly
        weeks = totals.shape[1]
        purchases = _purchases(snapshot, as_of, self.demand)
        buyers = _weekly_buyers(purchases, self.demand)

        def index(before: int) -> Series:
            """s_t of each total, with neighbours of what was bought before week `before`."""
            return np.asarray(groups @ formula_demand(buyers, weekly, _neighbours(purchases, before, self.demand)))

        # Neighbours older than the origins that choose serve all of these, so that none sees what it must foretell.
        oldest = max(weeks - STEP * ORIGINS, 0)
        past = index(oldest)

        def rivals(cut: int) -> Mapping[str, Series]:
            level = formula_level(past[:, :cut], totals[:, :cut]) if cut >= oldest else None
            return total_candidates(totals[:, :cut], level, STEP)

        # The shop's series move together, so it takes many origins to see how far they stray.
        test = backtest(totals, rivals, origins=2 * ORIGINS)
        rows = np.arange(len(weekly), len(self._series))
        final = total_candidates(totals, formula_level(index(weeks), totals), WEEKS)
        return Contest("total", rows, test), {name: _extended(path, totals) for name, path in final.items()}

    def _compete_items(
        self, group: str, rows: NDArray[np.intp], weekly: Series, reference: Series
    ) -> tuple[Contest, Rivals]:
        history = weekly[rows]

        def rivals(cut: int, horizon: int = STEP) -> Mapping[str, Series]:
            if group == "rest":
                return rule_candidates(history[:, :cut], horizon)
            return item_candidates(history[:, :cut], reference[:, :cut], horizon)

        # WAPE flatters a zero of last week where most weeks are zero, yet the shop cannot order by it.
        test = backtest(
            history, rivals, alike=lambda cut: _kinds(weekly[:, :cut])[rows] == group, barred=("last value",)
        )
        final = rivals(history.shape[1], WEEKS)
        return Contest(group, rows, test), {name: _extended(path, reference) for name, path in final.items()}

    def _settle(self, hierarchy: Hierarchy, found: Sequence[tuple[Contest, Rivals]]) -> None:
        """Fills methods, paths that add up, and spreads of the errors that such paths made before."""
        contests = [contest for contest, _ in found]
        origins = range(min(contest.test.origins for contest in contests))
        self.methods |= {contest.group: picked(contest) for contest in contests}
        self.way = best_way(hierarchy, contests, origins[:ORIGINS], picked)
        paths = np.zeros((len(self._series), LONGEST_WEEKS))
        for contest, final in found:
            paths[contest.rows] = final[picked(contest)]
        self._paths = hierarchy.added_up(paths, self._series["scale"].to_numpy("float64"), self.way)
        past = [added_up_at(hierarchy, contests, origin, picked, self.way) for origin in origins]
        for contest in contests:
            method, rows = picked(contest), contest.rows
            test = contest.test.replaced(method, [path[rows] for path in past])
            self.spreads[contest.group] = spread_of(test, method, together=contest.group == "total")
            if test.origins:
                self._series.loc[rows, "error"] = test.errors(method)
        self.metrics = tallied(hierarchy, contests, origins)

    def _save(self, folder: Path) -> None:
        save_frame(folder, "series", self._series)
        np.save(folder / "paths.npy", self._paths)
        sp.save_npz(folder / "daily.npz", self.demand.daily)
        items = {"category": self.demand.categories.astype(str), "price": self.demand.prices}
        save_frame(folder, "items", pd.DataFrame(items, index=self.demand.items.astype(str)))
        spreads = {
            g: {"week": list(s.week), "total": list(s.total), "growth": s.growth} for g, s in self.spreads.items()
        }
        settings = {"end": self.demand.end.isoformat(), "methods": self.methods, "way": self.way, "spreads": spreads}
        save_json(folder, "settings", settings)

    def _load(self, folder: Path) -> None:
        self._series = load_frame(folder, "series")
        self._paths = np.load(folder / "paths.npy")
        settings, items = load_json(folder, "settings"), load_frame(folder, "items")
        self.methods, self.way = settings["methods"], settings.get("way")
        self.spreads = {
            group: Spread(np.array(s["week"]), np.array(s["total"]), s["growth"])
            for group, s in settings["spreads"].items()
        }
        self.demand = Demand(
            items=pd.Index(items.index.astype(object)),
            categories=items["category"].astype(object).to_numpy(),
            prices=items["price"].to_numpy(float),
            daily=sp.load_npz(folder / "daily.npz").tocsr(),
            end=pd.Timestamp(settings["end"]),
        )


def check_horizon(days: int) -> int:
    """`days` if it can be forecast; else a `ToolError` that says what can."""
    if not 1 <= days <= LONGEST_DAYS:
        raise ToolError(f"a horizon of {days} days cannot be forecast; give 1 to {LONGEST_DAYS} days")
    return int(days)


def _parts(days: float) -> Series:
    """How much of each coming week lies within `days`: ones, then a fraction."""
    weeks = math.ceil(days / 7)
    return np.clip(days / 7 - np.arange(weeks), 0.0, 1.0)


def _extended(path: Series, reference: Series) -> Series:
    """Paths to a year and a week: after 13 weeks the level of their end, moved by last year's season if known."""
    level = path[:, -4:].mean(axis=1, keepdims=True)
    rest = np.repeat(level, LONGEST_WEEKS - WEEKS, axis=1)
    if reference.shape[1] >= SEASONAL_WEEKS:
        course = season(reference, LONGEST_WEEKS)
        rest = rest * course[:, WEEKS:] / course[:, WEEKS - 4 : WEEKS].mean(axis=1, keepdims=True)
    return np.hstack([path, rest])


def _kinds(weekly: Series) -> NDArray[Any]:
    """The group of each item, (items,): fast or slow among the largest of the last 26 weeks, else rest."""
    recent = weekly[:, -26:]
    volume = recent.sum(axis=1)
    large = np.argsort(-volume, kind="stable")[:LARGEST]
    large = large[volume[large] > 0]
    kinds = np.full(len(weekly), "rest", dtype=object)
    if len(large):
        kinds[large] = np.where((recent[large] == 0).mean(axis=1) > SLOW, "slow", "fast")
    return kinds


def _purchases(snapshot: Snapshot, as_of: pd.Timestamp, demand: Demand) -> pd.DataFrame:
    """Known customers' purchases before the panel's end: customer and item as codes, the panel's week, age in days."""
    events = snapshot.frame("events")
    known = events["kind"].eq("purchase") & events["customer_id"].notna() & (events["at"] < cut_off(snapshot, as_of))
    events = events[known & (events["at"] < demand.end)]
    frame = pd.DataFrame(
        {
            "customer": pd.factorize(events["customer_id"], sort=True)[0],
            "item": positions(demand.items, events["product_id"]),
            "age": age_in_days(events["at"], demand.end),
        }
    )
    frame["week"] = demand.weeks - np.ceil(frame["age"] / 7).clip(lower=1).astype(int)
    return frame[frame["item"] >= 0]


def _weekly_buyers(purchases: pd.DataFrame, demand: Demand) -> Series:
    """Distinct customers who bought each item in each week, (items × weeks)."""
    found = purchases.loc[purchases["week"] >= 0, ["customer", "item", "week"]].drop_duplicates()
    buyers = np.zeros((len(demand.items), demand.weeks))
    np.add.at(buyers, (found["item"].to_numpy(), found["week"].to_numpy()), 1.0)
    return buyers


def _neighbours(purchases: pd.DataFrame, before: int, demand: Demand) -> Any:
    past = purchases[purchases["week"] < before]
    shape = (int(purchases["customer"].max()) + 1 if len(purchases) else 0, len(demand.items))
    age = past["age"].to_numpy(float) - 7 * (demand.weeks - before)
    return item_neighbours(
        strongest(past["customer"].to_numpy(), past["item"].to_numpy(), decayed(age, RECENCY_DAYS), shape)
    )


def _some(names: Any, count: int = 3) -> str:
    return ", ".join(str(name) for name in list(names)[:count])
