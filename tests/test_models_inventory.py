"""Reorder plans: order-up-to levels, unknown stock, overstock, and what cannot be asked."""

import numpy as np
import pandas as pd
import pytest

from data.errors import ToolError
from data.store import Snapshot, Store
from models.forecast import ForecastModel
from models.inventory import reorder_plan

END = pd.Timestamp("2024-07-01")
STOCK = {"low": 5.0, "plenty": 90.0, "heap": 5000.0, "unknown": np.nan, "never": 4.0, "retired": 0.0}


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    rng = np.random.default_rng(0)
    days = pd.date_range(end=END - pd.Timedelta(days=1), periods=182, freq="D")
    logs = [
        pd.DataFrame(
            {"at": days + pd.Timedelta(hours=20), "product_id": product, "quantity": rng.poisson(2, len(days))}
        )
        for product in STOCK
        if product != "never"
    ]
    events = pd.concat(logs, ignore_index=True).assign(kind="purchase", unit_price=3.0)
    events["event_id"] = [f"e{number}" for number in range(len(events))]
    products = pd.DataFrame({"product_id": list(STOCK), "title": "Thing", "stock": list(STOCK.values()), "price": 3.0})
    products = products.assign(
        active=products["product_id"] != "retired",
        category=np.where(products["product_id"] == "low", "Kitchen", "Garden"),
        cost=np.where(products["product_id"] == "plenty", np.nan, 1.5),
    )
    store = Store(tmp_path_factory.mktemp("shop"))
    return store.write({"events": events, "products": products}, name="S", currency="EUR", source="test")


@pytest.fixture(scope="module")
def forecast(snapshot: Snapshot) -> ForecastModel:
    return ForecastModel().fit(snapshot)


def test_the_level_covers_review_and_lead_time_with_safety(snapshot: Snapshot, forecast: ForecastModel) -> None:
    plan = reorder_plan(snapshot, forecast).set_index("product_id")
    low = plan.loc["low"]
    assert low["demand"] == pytest.approx(2 * 28, rel=0.2)
    assert 1.0 < low["level"] / (2 * 42) < 2.0, "six weeks' demand and a safety stock on top"
    assert low["level"] == np.ceil(low["level"])
    assert low["order"] == low["level"] - 5
    assert low["cost"] == pytest.approx(low["order"] * 1.5)
    assert low["cover_days"] == pytest.approx(2.5, rel=0.2)


def test_more_service_or_a_longer_wait_needs_more(snapshot: Snapshot, forecast: ForecastModel) -> None:
    def level(**given: float) -> float:
        return float(reorder_plan(snapshot, forecast, **given).set_index("product_id").loc["low", "level"])  # type: ignore[arg-type]

    assert level(service_level=0.8) < level(service_level=0.95) < level(service_level=0.99)
    assert level(lead_time_days=7) < level(lead_time_days=28)
    assert level(horizon_days=14) < level(horizon_days=56)


def test_unknown_stock_gives_a_level_but_no_order(snapshot: Snapshot, forecast: ForecastModel) -> None:
    unknown = reorder_plan(snapshot, forecast).set_index("product_id").loc["unknown"]
    assert unknown["level"] > 0
    assert np.isnan([unknown["order"], unknown["cover_days"], unknown["cost"]]).all()
    assert not unknown["overstock"]


def test_what_never_sells_is_not_ordered(snapshot: Snapshot, forecast: ForecastModel) -> None:
    never = reorder_plan(snapshot, forecast).set_index("product_id").loc["never"]
    assert (never["level"], never["order"]) == (0, 0)
    assert never["cover_days"] == np.inf
    assert never["overstock"]


def test_a_heap_is_overstock_and_an_unknown_cost_stays_unknown(snapshot: Snapshot, forecast: ForecastModel) -> None:
    plan = reorder_plan(snapshot, forecast).set_index("product_id")
    assert set(plan.index[plan["overstock"]]) == {"heap", "never"}
    assert plan["cost"].isna()["plenty"]


def test_the_most_urgent_come_first_and_the_retired_not_at_all(snapshot: Snapshot, forecast: ForecastModel) -> None:
    plan = reorder_plan(snapshot, forecast)
    assert plan["product_id"].iloc[0] == "low"
    assert "retired" not in set(plan["product_id"])
    pd.testing.assert_frame_equal(plan, reorder_plan(snapshot, forecast))
    assert reorder_plan(snapshot, forecast, category="kitchen")["product_id"].tolist() == ["low"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"service_level": 95}, "between 0 and 1"),
        ({"service_level": 0}, "between 0 and 1"),
        ({"service_level": float("nan")}, "between 0 and 1"),
        ({"horizon_days": 0}, "1 to 365 days"),
        ({"lead_time_days": -1}, "0 to 180 days"),
        ({"category": "Shoes"}, "there are Garden, Kitchen"),
    ],
)
def test_what_cannot_be_is_said(
    snapshot: Snapshot, forecast: ForecastModel, given: dict[str, object], said: str
) -> None:
    with pytest.raises(ToolError, match=said):
        reorder_plan(snapshot, forecast, **given)  # type: ignore[arg-type]
