"""What a channel gives back for its spend: saturating curves with carry-over, and their uncertainty."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.signal import lfilter

from data.errors import ToolError
from models.base import Model, load_frame, load_json, save_frame, save_json
from models.neighbours import cut_off

if TYPE_CHECKING:
    from data.store import Snapshot

Objective = Literal["profit", "revenue", "orders", "clicks"]
OBJECTIVES: tuple[Objective, ...] = ("profit", "revenue", "orders", "clicks")
DAYS = 28
"""Days over which a spend is spread evenly, unless said otherwise."""
DRAWS = 200
LEAST_DAYS = 14
TEST_DAYS = 56
_GRID = 80
_DECAYS = (0.0, 0.2, 0.4, 0.6, 0.8)
"""Shares of a day's effect that may last into the next day."""

Floats = NDArray[np.float64]


class ResponseModel(Model):
    """y(x) = ceiling · (1 − exp(−x / scale)) for a day's spend x, one curve a channel and measure.

    Where days show it, spend works on: x is then the geometric adstock (1 − d) Σ dⁱ spend_{t−i} (Broadbent 1979), which
    is the day's own spend where that is even. `carry_over` has each channel's d, chosen by the Bayesian information
    criterion, so that days without it keep d = 0.
    Revenue is the orders' curve times what an order brought, where orders are known: its own noise is far larger.
    Uncertainty comes from refitting on weeks drawn with replacement. `fitted` is False where no ad spend is known.
    `metrics`: WAPE of daily orders in the last 8 weeks, and that of orders in proportion to spend.
    """

    name: ClassVar[str] = "response"

    def __init__(self) -> None:
        super().__init__()
        self.margin: float | None = None
        self.carry_over: dict[str, float] = {}
        self._curves: dict[tuple[str, str], Floats] = {}

    @property
    def channels(self) -> tuple[str, ...]:
        """Channels with a curve, in alphabetical order."""
        return tuple(sorted({channel for channel, _ in self._curves}))

    @property
    def fitted(self) -> bool:
        """Whether any channel's spend and results are known."""
        return bool(self._curves)

    def curve(self, channel: str, objective: str, *, margin: float | None = None) -> tuple[float, float]:
        """(ceiling a day, scale in money a day) of an objective; profit's is margin × revenue, before the spend.

        Raises `ToolError` for an unknown channel or objective, or for profit when no margin is known.
        """
        ceiling, scale = self._draws(channel, objective, margin)
        return float(ceiling[0]), float(scale[0])

    def value(
        self, channel: str, spend: float, objective: str, *, margin: float | None = None, days: int = DAYS
    ) -> tuple[float, float, float]:
        """(mean, low, high) of what `spend`, spread evenly over `days`, brings: an 80% interval.

        `profit` (margin × revenue − spend) and `revenue` are money, `orders` and `clicks` counts. `margin` is the share
        of revenue that is not cost, the shop's own unless given.
        """
        ceiling, scale = self._draws(channel, objective, margin)
        gains = _gains(ceiling, scale, spend, days) - (spend if objective == "profit" else 0.0)
        low, high = np.quantile(gains[1:], [0.1, 0.9])
        mean = float(gains[0])
        return mean, min(float(low), mean), max(float(high), mean)

    def total(
        self, spends: Mapping[str, float], objective: str, *, margin: float | None = None, days: int = DAYS
    ) -> tuple[float, float, float]:
        """(mean, low, high) of several channels together; they err independently, so intervals do not add up."""
        gains = np.zeros(DRAWS + 1)
        for channel, spend in sorted(spends.items()):
            ceiling, scale = self._draws(channel, objective, margin)
            gains += _gains(ceiling, scale, spend, days) - (spend if objective == "profit" else 0.0)
        low, high = np.quantile(gains[1:], [0.1, 0.9])
        mean = float(gains[0])
        return mean, min(float(low), mean), max(float(high), mean)

    def knows(self, channel: str, objective: str) -> bool:
        """Whether `objective` was measured on `channel`."""
        return (channel, "revenue" if objective == "profit" else objective) in self._curves

    def _draws(self, channel: str, objective: str, margin: float | None) -> tuple[Floats, Floats]:
        """Ceilings and scales a day, (1 + DRAWS,): the fit first, then the refits."""
        self.require_fitted()
        if objective not in OBJECTIVES:
            raise ToolError(f"no objective {objective}; there are {', '.join(OBJECTIVES)}")
        if not self.knows(channel, objective):
            known = ", ".join(self.channels) or "none"
            raise ToolError(f"what {channel} returns in {objective} is not known; channels with a history: {known}")
        share = 1.0
        if objective == "profit":
            known_margin = self.margin if margin is None else margin
            if known_margin is None:
                raise ToolError("no product's cost is known, so profit needs a margin: give one between 0 and 1")
            share = known_margin
        ceiling, scale = self._curves[channel, "revenue" if objective == "profit" else objective]
        return ceiling * share, scale

    def _fit(self, snapshot: Snapshot, *, as_of: pd.Timestamp, seed: int) -> None:
        self.margin = _margin(snapshot)
        self._curves, self.carry_over = {}, {}
        spend = snapshot.frame("ad_spend")
        spend = spend[spend["day"] < cut_off(snapshot, as_of)].sort_values(["channel", "day"], kind="stable")
        missed = straight = sold = 0.0
        for number, (channel, rows) in enumerate(spend.groupby("channel", sort=True)):
            if (rows["spend"] > 0).sum() < LEAST_DAYS:
                continue
            rng = np.random.default_rng([seed, number])
            self.carry_over[str(channel)] = _decay(rows)
            days = rows.assign(spend=_carried(rows, self.carry_over[str(channel)]))
            self._curves |= {(str(channel), measure): c for measure, c in _channel_curves(days, rng).items()}
            past = days["day"] < days["day"].max() - pd.Timedelta(TEST_DAYS - 1, "D")
            spent_before = days.loc[past, "spend"].gt(0).any()
            if (
                spent_before
                and past.sum() >= TEST_DAYS
                and days.loc[past, "conversions"].notna().all()
                and not past.all()
            ):
                x, y = _carried(rows, _decay(rows[past])), days["conversions"].fillna(0.0).to_numpy(float)
                train, test = past.to_numpy(bool), ~past.to_numpy(bool)
                ceiling, scale = _least_squares(x[train], y[train])
                missed += np.abs(y[test] - ceiling * _rise(x[test], scale)).sum()
                straight += np.abs(y[test] - x[test] * y[train].sum() / max(x[train].sum(), 1e-9)).sum()
                sold += y[test].sum()
        if sold > 0:
            self.metrics = {"wape_orders": float(missed / sold), "wape_orders_proportional": float(straight / sold)}

    def _save(self, folder: Path) -> None:
        rows = [
            pd.DataFrame({"channel": channel, "measure": measure, "ceiling": curve[0], "scale": curve[1]})
            for (channel, measure), curve in sorted(self._curves.items())
        ]
        empty = pd.DataFrame({"channel": [], "measure": [], "ceiling": [], "scale": []})
        save_frame(folder, "curves", pd.concat(rows, ignore_index=True) if rows else empty)
        save_json(folder, "settings", {"margin": self.margin, "carry_over": self.carry_over})

    def _load(self, folder: Path) -> None:
        settings = load_json(folder, "settings")
        self.margin, self.carry_over = settings["margin"], settings.get("carry_over", {})
        self._curves = {
            (str(channel), str(measure)): rows[["ceiling", "scale"]].to_numpy(float).T
            for (channel, measure), rows in load_frame(folder, "curves").groupby(["channel", "measure"])
        }

    def _parameters(self) -> Mapping[str, Any]:
        return {"decays": list(_DECAYS)}


def _carried(days: pd.DataFrame, decay: float) -> Floats:
    """Adstock of each row's day; a day without a row spent nothing."""
    daily = days.set_index("day")["spend"].resample("D").sum()
    lasting = pd.Series(lfilter([1 - decay], [1, -decay], daily.to_numpy(float)), index=daily.index)
    return np.asarray(lasting.reindex(days["day"]), dtype=np.float64)


def _decay(days: pd.DataFrame) -> float:
    """The carry-over that explains the days' orders (else clicks) best, 0 unless it earns its parameter (BIC)."""
    column = "conversions" if days["conversions"].fillna(0.0).sum() > 0 else "clicks"
    y = days[column].fillna(0.0).to_numpy(float)
    if y.sum() <= 0:
        return 0.0
    costs = {}
    for decay in _DECAYS:
        x = _carried(days, decay)
        ceiling, scale = _least_squares(x, y)
        missed = max(float(((y - ceiling * _rise(x, scale)) ** 2).sum()), 1e-12)
        costs[decay] = len(y) * np.log(missed) + (np.log(len(y)) if decay else 0.0)
    return min(costs, key=lambda decay: costs[decay])


def _gains(ceiling: Floats, scale: Floats, spend: float, days: int) -> Floats:
    return np.asarray(days * ceiling * _rise(spend / days, scale), dtype=np.float64)


def _rise(spend: float | Floats, scale: float | Floats) -> Floats:
    return np.asarray(-np.expm1(-np.asarray(spend) / scale), dtype=np.float64)


def _channel_curves(days: pd.DataFrame, rng: np.random.Generator) -> dict[str, Floats]:
    """Curves of one channel by measure, each (2, 1 + DRAWS): ceilings and scales."""
    x = days["spend"].to_numpy(float)
    week = np.arange(len(x)) // 7
    # A week stays together, since its days are alike.
    drawn = rng.multinomial(week[-1] + 1, np.full(week[-1] + 1, 1 / (week[-1] + 1)), size=DRAWS)[:, week]
    weights = np.vstack([np.ones((1, len(x))), drawn])
    found = {}
    for measure, column in (("orders", "conversions"), ("clicks", "clicks")):
        if days[column].notna().any() and days[column].sum() > 0:
            found[measure] = _refits(x, days[column].fillna(0.0).to_numpy(float), weights)
    revenue = days["revenue"].fillna(0.0).to_numpy(float)
    if revenue.sum() > 0 and "orders" in found:
        orders = days["conversions"].fillna(0.0).to_numpy(float)
        brought = (weights @ revenue) / np.maximum(weights @ orders, 1.0)
        found["revenue"] = np.vstack([found["orders"][0] * brought, found["orders"][1]])
    elif revenue.sum() > 0:
        found["revenue"] = _refits(x, revenue, weights)
    return found


def _refits(x: Floats, y: Floats, weights: Floats) -> Floats:
    """(2, refits): the least-squares fit, then for each further row of `weights` the best scale on a fine grid.

    Given the scale the ceiling is a linear least-squares problem, so all refits of a scale are one product.
    """
    ceiling, scale = _least_squares(x, y)
    grid = np.geomspace(*_scale_range(x), _GRID)
    rises = _rise(x[None, :], grid[:, None])
    top = weights @ (rises * y).T
    bottom = np.maximum(weights @ (rises**2).T, 1e-12)
    best = np.argmax(top**2 / bottom, axis=1)
    rows = np.arange(len(weights))
    ceilings, scales = top[rows, best] / bottom[rows, best], grid[best]
    ceilings[0], scales[0] = ceiling, scale
    return np.vstack([ceilings, scales])


def _least_squares(x: Floats, y: Floats) -> tuple[float, float]:
    """(ceiling, scale) of the curve through the days; both positive, since they are fitted as logarithms."""
    low, high = _scale_range(x)
    start = float(np.median(x[x > 0]))
    guess = [np.log(max(y.mean() / max(_rise(x, start).mean(), 1e-9), 1e-9)), np.log(start)]
    unit = max(float(y.mean()), 1e-9)

    def residual(logs: Floats) -> Floats:
        return np.asarray((np.exp(logs[0]) * _rise(x, np.exp(logs[1])) - y) / unit)

    fit = least_squares(residual, guess, bounds=([-np.inf, np.log(low)], [np.inf, np.log(high)]))
    return float(np.exp(fit.x[0])), float(np.exp(fit.x[1]))


def _scale_range(x: Floats) -> tuple[float, float]:
    """Scales that days like these can tell: beyond five times the largest spend a curve is a straight line to them."""
    spent = x[x > 0]
    return float(np.median(spent)) / 50, float(spent.max()) * 5


def _margin(snapshot: Snapshot) -> float | None:
    """The mean margin of the products whose price and cost are known, as a share of price; None without any."""
    products = snapshot.frame("products")
    known = products[products["price"].gt(0) & products["cost"].notna()]
    if known.empty:
        return None
    return float(np.clip(1 - known["cost"].sum() / known["price"].sum(), 0.0, 1.0))
