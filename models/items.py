"""Weekly demand of single items with short histories: the mixture that proved best on the items' own past."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.backtest import backtest
from models.candidates import item_candidates
from models.demand_trees import DemandTrees
from models.stocking import Supply

Series = NDArray[np.float64]

_ROUNDS = 100


@dataclass(frozen=True)
class ItemForecast:
    """Expected units, (items × weeks), and what forecasts them."""

    mean: Series
    method: str


def forecast_items(history: Series, horizon: int, *, seed: int = 0) -> ItemForecast:
    """Forecasts items, (items × weeks), by the method that erred least over the last five 4-week origins.

    The last value stands for itself only as a baseline: it flatters the error where most weeks are zero, and no shop
    can order by it.
    """

    def rivals(cut: int, weeks: int = 4) -> Mapping[str, Series]:
        return item_candidates(history[:, :cut], history[:, :cut], weeks, seed=seed)

    method = backtest(history, rivals, barred=("last value",)).best()
    return ItemForecast(rivals(history.shape[1], horizon)[method], method)


@dataclass(frozen=True)
class ItemLevels:
    """Order-up-to levels: the quantile of demand over the cover that the service asks for, by trees over all items.

    The trees are fitted again on each history that they are asked about, as a shop would every week.
    """

    supply: Supply
    seed: int = 0

    def __call__(self, history: Series) -> Series:
        """Whole units, (items,), from the demand so far, (items × periods)."""
        cover, service = self.supply.cover, self.supply.service
        trees = DemandTrees(cover, objective="quantile", level=service, rounds=_ROUNDS)
        return np.asarray(np.ceil(cover * trees.fit(history, seed=self.seed).predict(history)))
