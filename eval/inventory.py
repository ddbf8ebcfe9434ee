"""Task `inventory`: stock of the 500 largest items of Online Retail under a budget and packs, run on real demand.

Once a week an order goes out, up to a level, and comes 2 weeks later; the service level is 95%. Without files of its
own it simulates the last 12 weeks. The floor is the classical rule: mean demand plus z σ √(weeks to cover).
"""

from __future__ import annotations

import numpy as np

from eval.forecasts import over_series
from eval.task import Inputs, Outcome
from eval.weekly_items import Weeks, splits
from models.items import ItemLevels
from models.stocking import Held, Supply, equal_service, normal_levels, simulate

WEEKS = 12
LEAD, SERVICE = 2, 0.95
COST_SHARE = 0.5
"""Unit cost as a share of the price; the source knows no costs."""
LARGEST_PACK = 12
BUDGET = 1.5
"""The weekly budget over the cost of a usual week's demand."""


def evaluate(inputs: Inputs) -> Outcome:
    """Runs our policy and the classical rule through the weeks that came, both from the same weeks before them."""
    (weeks, *_), files = splits(inputs, horizon=WEEKS, origins=1)
    supply = supply_of(weeks)
    inputs.report("policies", 0, 3)
    levels = ItemLevels(supply, seed=inputs.seed)
    ours = simulate(weeks.history, weeks.coming, levels, supply)
    inputs.report("policies", 1, 3)
    nominal = simulate(weeks.history, weeks.coming, lambda known: normal_levels(known, supply), supply)
    inputs.report("policies", 2, 3)
    equal = equal_service(weeks.history, weeks.coming, supply, ours.fill_rate)
    inputs.report("policies", 3, 3)
    items = len(weeks.items)
    bounds = {
        "stock_cost": over_series(lambda rows: items * float(ours.by_item[rows].mean()), items, seed=inputs.seed),
        "gain": over_series(
            lambda rows: 1 - float(ours.by_item[rows].sum() / equal.by_item[rows].sum()), items, seed=inputs.seed
        ),
    }
    return Outcome(
        metrics=_measures(ours) | {"gain": 1 - ours.cost / equal.cost if equal.cost > 0 else float("nan")},
        intervals={name: bound for name, bound in bounds.items() if bound is not None},
        floors={"normal, equal fill rate": _measures(equal), "normal, 95%": _measures(nominal)},
        files=files,
    )


def supply_of(weeks: Weeks) -> Supply:
    """The terms of supply: packs as the item is usually sold, one pack at least, 1.5 usual weeks' money a week."""
    pack = np.clip(np.round(weeks.usual), 1, LARGEST_PACK)
    cost = COST_SHARE * weeks.price
    usual = float(weeks.history[:, -8:].mean(axis=1) @ cost)
    return Supply(LEAD, SERVICE, cost, pack, pack, BUDGET * usual)


def _measures(held: Held) -> dict[str, float]:
    return {
        "stock_cost": held.cost,
        "fill_rate": held.fill_rate,
        "holding": held.holding,
        "shortage": held.shortage,
        "spent": held.spent,
    }
