"""Forecasts: weeks counted back from the last whole day, totals, intervals, and what cannot be asked."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data.errors import ToolError
from data.store import Snapshot, Store
from models.backtest import Spread
from models.candidates import formula_demand, formula_level, season, total_candidates
from models.forecast import ForecastModel
from models.neighbours import item_neighbours

END = pd.Timestamp("2024-07-01")

Sold = dict[str, np.ndarray]
Shop = Callable[..., Snapshot]


def lines(product: str, units: np.ndarray, *, hour: int = 20, last: pd.Timestamp = END) -> pd.DataFrame:
    """One purchase a day of `units` (days,), the last on the day before `last`; no line on a day without."""
    days = pd.date_range(end=last - pd.Timedelta(days=1), periods=len(units), freq="D")
    frame = pd.DataFrame(
        {
            "at": days + pd.Timedelta(hours=hour),
            "kind": "purchase",
            "product_id": product,
            "quantity": units.astype(float),
            "unit_price": 2.0,
            "customer_id": [f"c{number % 17}" for number in range(len(units))],
        }
    )
    return frame[frame["quantity"] > 0]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    def make(*logs: pd.DataFrame, categories: dict[str, str] | None = None) -> Snapshot:
        events = pd.concat(logs, ignore_index=True) if logs else pd.DataFrame({"at": []})
        events["event_id"] = [f"e{number}" for number in range(len(events))]
        groups = categories or {"A": "Kitchen", "B": "Garden"}
        products = pd.DataFrame({"product_id": list(groups), "title": "Thing", "category": list(groups.values())})
        tables = {"events": events, "products": products.assign(active=True, price=5.0)}
        return Store(tmp_path).write(tables, name="Shop", currency="EUR", source="test")

    return make


def noisy(days: int, mean: float = 20, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).poisson(mean, days)


def test_a_steady_item_goes_on(shop: Shop) -> None:
    snapshot = shop(lines("A", noisy(26 * 7)))
    found = ForecastModel().fit(snapshot).predict(snapshot, product_id="A")
    assert found.units == pytest.approx(20 * 28, rel=0.1)
    assert found.revenue == pytest.approx(found.units * 2.0)
    assert found.weeks["week_start"].iloc[0] == END
    assert len(found.weeks) == 4
    assert found.low < found.units < found.high
    assert not found.thin
    assert found.error < 0.2


def test_a_total_s_interval_is_narrower_than_the_weeks_together(shop: Shop) -> None:
    snapshot = shop(*(lines(p, noisy(30 * 7, seed=s)) for s, p in enumerate("AB")))
    found = ForecastModel().fit(snapshot).predict(snapshot, horizon_days=28)
    assert (found.weeks["low"] <= found.weeks["mean"]).all()
    assert (found.weeks["mean"] <= found.weeks["high"]).all()
    assert found.high - found.low < (found.weeks["high"] - found.weeks["low"]).sum()


def test_four_in_five_weeks_fall_into_the_interval() -> None:
    spread = Spread(np.linspace(-2, 2, 199), np.linspace(-4, 4, 199), growth=0.5)
    assert spread.at_week(0.9, np.array([1.0]))[0] == pytest.approx(1.6, abs=0.05)
    assert spread.at_total(0.9, 4) == pytest.approx(3.2, abs=0.1)
    assert spread.at_total(0.9, 2) == pytest.approx(3.2 / 2**0.5, abs=0.1)
    assert spread.at_total(0.9, 52) > 13 * spread.at_total(0.9, 4), "a year errs together and drifts"


def test_horizons_are_prorated_from_weeks(shop: Shop) -> None:
    snapshot = shop(lines("A", np.full(20 * 7, 10)))
    model = ForecastModel().fit(snapshot)
    for horizon in (1, 7, 10, 30, 90, 365):
        found = model.predict(snapshot, product_id="A", horizon_days=horizon)
        assert found.units == pytest.approx(10 * horizon, rel=0.02)
        assert found.weeks["mean"].sum() == pytest.approx(found.units)
    assert model.predict(snapshot, horizon_days=365).thin, "20 weeks cannot speak for a year"


def test_previous_counts_the_days_before(shop: Shop) -> None:
    snapshot = shop(lines("A", np.arange(1, 101)))
    model = ForecastModel().fit(snapshot)
    assert model.predict(snapshot, product_id="A", horizon_days=10).previous == sum(range(91, 101))
    assert model.predict(snapshot, product_id="A", horizon_days=100).previous == sum(range(1, 101))
    assert model.predict(snapshot, product_id="A", horizon_days=101).previous is None


def test_weeks_of_history_are_whole(shop: Shop) -> None:
    snapshot = shop(lines("A", np.full(24, 10)))
    history = ForecastModel().fit(snapshot).predict(snapshot, product_id="A").history
    assert history["units"].tolist() == [70, 70, 70]
    assert history["week_start"].iloc[-1] == END - pd.Timedelta(days=7)


def test_a_day_that_broke_off_is_not_counted(shop: Shop) -> None:
    morning = lines("A", np.array([3]), hour=9, last=END + pd.Timedelta(days=1))
    snapshot = shop(lines("A", np.full(70, 10)), morning)
    found = ForecastModel().fit(snapshot).predict(snapshot, product_id="A")
    assert found.weeks["week_start"].iloc[0] == END
    assert found.previous == 280


def test_a_mistaken_order_is_no_demand(shop: Shop) -> None:
    order = lines("A", np.array([7000]))
    back = order.assign(kind="return", at=order["at"] + pd.Timedelta(minutes=10))
    snapshot = shop(lines("A", np.full(70, 10)), order, back)
    assert ForecastModel().fit(snapshot).predict(snapshot, product_id="A").previous == 280


def test_nothing_after_the_cut_off_counts(shop: Shop) -> None:
    snapshot = shop(lines("A", np.concatenate([noisy(140), noisy(28, 90)])))
    cut = END - pd.Timedelta(days=28)
    found = ForecastModel().fit(snapshot, as_of=cut).predict(snapshot, product_id="A")
    assert found.weeks["week_start"].iloc[0] == cut
    assert found.units == pytest.approx(20 * 28, rel=0.15)


def test_categories_are_found_whatever_their_case_and_add_up(shop: Shop) -> None:
    snapshot = shop(lines("A", np.full(140, 10)), lines("B", np.full(140, 5)))
    model = ForecastModel().fit(snapshot)
    assert model.predict(snapshot, category=" kitchen ").units == pytest.approx(280, rel=0.02)
    assert model.predict(snapshot).units == pytest.approx(420, rel=0.02)


def test_what_does_not_exist_is_said_with_examples(shop: Shop) -> None:
    snapshot = shop(lines("A", np.full(70, 10)))
    model = ForecastModel().fit(snapshot)
    with pytest.raises(ToolError, match="no product Z; product ids look like A, B"):
        model.predict(snapshot, product_id="Z")
    with pytest.raises(ToolError, match="no category Shoes; there are Garden, Kitchen"):
        model.predict(snapshot, category="Shoes")
    for horizon in (0, -3, 366):
        with pytest.raises(ToolError, match="1 to 365 days"):
            model.predict(snapshot, horizon_days=horizon)


def test_a_product_without_sales_and_an_empty_shop(shop: Shop, tmp_path: Path) -> None:
    snapshot = shop(lines("A", np.full(70, 10)))
    found = ForecastModel().fit(snapshot).predict(snapshot, product_id="B")
    assert (found.units, found.low, found.thin) == (0.0, 0.0, True)
    products = pd.DataFrame({"product_id": ["A"], "title": ["Thing"], "active": [True]})
    empty = Store(tmp_path / "empty").write({"products": products}, name="E", currency="EUR", source="test")
    nothing = ForecastModel().fit(empty).predict(empty)
    assert (nothing.units, nothing.thin, nothing.previous) == (0.0, True, None)


def test_the_backtest_reports_the_baselines_and_chooses_well(shop: Shop) -> None:
    rng = np.random.default_rng(3)
    spiky = rng.poisson(8, 280) * (rng.random(280) < 0.6)
    model = ForecastModel().fit(shop(lines("A", spiky), lines("B", noisy(280))))
    assert model.metrics["wape_item"] < model.metrics["wape_item_last_value"]
    assert {"wape_shop", "wape_shop_8_week_mean", "wape_category", "coverage_80"} <= set(model.metrics)


def test_last_year_s_season_is_read(shop: Shop) -> None:
    weeks = np.arange(104)
    course = (100 + 60 * np.sin(2 * np.pi * weeks / 52))[None, :]
    ahead = 100 + 60 * np.sin(2 * np.pi * (104 + np.arange(13)) / 52)
    level = course[:, -52 - 4 : -52].mean()
    assert season(course, 13)[0] * level == pytest.approx(ahead, rel=0.05)
    units = np.repeat((20 + 14 * np.sin(2 * np.pi * np.arange(104) / 52)).round(), 7)
    snapshot = shop(lines("A", units))
    found = ForecastModel().fit(snapshot).predict(snapshot, horizon_days=182)
    assert found.weeks["mean"].iloc[13] > 1.2 * found.weeks["mean"].iloc[0], "a quarter year on is the peak"


def test_the_formula_sums_scores_times_quantities() -> None:
    bought = pd.DataFrame({"a": [1, 1, 1, 0], "b": [1, 1, 0, 0], "c": [0, 0, 0, 1]}, dtype=float)
    neighbours = item_neighbours(_sparse(bought))
    buyers = np.array([[2.0, 0.0], [0.0, 0.0], [1.0, 1.0]])
    units = np.array([[6.0, 0.0], [0.0, 0.0], [1.0, 1.0]])
    scores = formula_demand(buyers, units, neighbours)
    own = neighbours.sum() / 3
    p = np.array([2 * 0.5**0.25, 0.0, 1 * 0.5**0.25 + 1])
    r = neighbours.toarray() @ p + own * p
    q = np.array([3.0, 0.0, 1.0])
    assert scores[:, 1] == pytest.approx(r * q)


def test_the_formula_can_win() -> None:
    rng = np.random.default_rng(0)
    index = np.cumsum(rng.normal(0, 5, 40))[None, :] + 200
    demand = np.concatenate([[[400.0]], 2 * index[:, :-1]], axis=1)
    level = formula_level(index, demand)
    assert level[0] == pytest.approx(2 * index[0, -1])
    paths = total_candidates(demand, level, 1)
    truth = 2 * index[0, -1]
    assert abs(paths["s_t = Σ r_i q_i"][0, 0] - truth) < abs(paths["8-week mean"][0, 0] - truth)
    half = paths["8-week mean with 50% of s_t = Σ r_i q_i"][0, 0]
    assert half == pytest.approx((truth + paths["8-week mean"][0, 0]) / 2)


def _sparse(frame: pd.DataFrame) -> object:
    import scipy.sparse as sp

    return sp.csr_matrix(frame.to_numpy())
