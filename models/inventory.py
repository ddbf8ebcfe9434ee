"""What to order: order-up-to levels from the forecast's quantiles, reorder quantities, cover and overstock."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from data.errors import ToolError
from models.forecast import check_horizon

if TYPE_CHECKING:
    from data.store import Snapshot
    from models.forecast import ForecastModel

OVERSTOCK_DAYS = 180.0
"""Stock that lasts longer than this, and longer than three times the time to cover, is too much."""
LONGEST_LEAD_DAYS = 180


def reorder_plan(
    snapshot: Snapshot,
    forecast: ForecastModel,
    *,
    category: str | None = None,
    horizon_days: int = 28,
    service_level: float = 0.95,
    lead_time_days: int = 14,
) -> pd.DataFrame:
    """One row an active product (of `category`), those that run out first at the top.

    Periodic review: what is ordered now must last until the next order's goods arrive, that is `horizon_days` (review)
    plus `lead_time_days`. The order-up-to `level` is the `service_level` quantile of demand over that time, in whole
    units (Silver, Pyke and Thomas, Inventory and Production Management, chapter 7); a product that is not expected to
    sell at all has level 0. `stock`, `demand` (mean over `horizon_days`), `level` and `order` are units; `cover_days`
    is stock over daily demand (infinite without demand); `cost` is the order at unit cost, in the shop's currency.
    Where stock is unknown `order`, `cover_days` and `cost` are NaN; where the unit cost is, `cost` is.
    Raises `ToolError` for an unknown category, a level outside 0 to 1, or impossible days.
    """
    if not 0 < service_level < 1:
        raise ToolError(f"a service level of {service_level:g} cannot be kept; give one between 0 and 1, such as 0.95")
    if not 0 <= lead_time_days <= LONGEST_LEAD_DAYS:
        raise ToolError(f"a lead time of {lead_time_days} days is not possible; give 0 to {LONGEST_LEAD_DAYS} days")
    horizon = check_horizon(horizon_days)
    protect = min(horizon + lead_time_days, 365)
    products = snapshot.frame("products")
    products = products[products["active"].astype(bool)]
    if category is not None:
        products = products[products["category"] == forecast.category_named(category)]
    index = pd.Index(products["product_id"].astype(str))
    outlook = forecast.outlook(protect, level=service_level).reindex(index, fill_value=0.0)
    demand = forecast.outlook(horizon, level=service_level)["mean"].reindex(index, fill_value=0.0).to_numpy(float)
    mean = outlook["mean"].to_numpy(float)
    level = np.where(mean > 0, np.ceil(outlook["quantile"].to_numpy(float) - 1e-9), 0.0)
    stock = products["stock"].to_numpy(float)
    order = np.maximum(level - stock, 0.0)
    daily = mean / protect
    cover = np.divide(stock, daily, out=np.full(len(stock), math.inf), where=daily > 0)
    cover[np.isnan(stock)] = math.nan
    plan = pd.DataFrame(
        {
            "product_id": index,
            "stock": stock,
            "demand": demand,
            "level": level,
            "order": order,
            "cover_days": cover,
            "cost": order * products["cost"].to_numpy(float),
            "overstock": (stock > level) & (cover > max(OVERSTOCK_DAYS, 3 * protect)),
        }
    )
    urgency = plan["cover_days"].where(plan["order"] > 0)
    plan = plan.assign(urgency=urgency, busy=-plan["demand"])
    plan = plan.sort_values(["urgency", "busy", "product_id"], kind="stable", na_position="last")
    return plan.drop(columns=["urgency", "busy"]).reset_index(drop=True)
