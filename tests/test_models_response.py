"""Response curves: the truth is found again within its interval, and what was never measured is not made up."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data.errors import ToolError
from data.store import Snapshot, Store
from models.response import ResponseModel

TRUTH = {"google": (16.0, 130.0), "email": (6.0, 9.0)}
ORDER_VALUE = 40.0

Shop = Callable[..., Snapshot]


def ad_days(channel: str, ceiling: float, scale: float, days: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng([1, len(channel)])
    spend = scale * rng.gamma(2.0, 0.5, days)
    orders = rng.poisson(ceiling * (1 - np.exp(-spend / scale)))
    return pd.DataFrame(
        {
            "day": pd.date_range("2024-01-01", periods=days),
            "channel": channel,
            "spend": spend,
            "clicks": rng.poisson(10 * orders),
            "conversions": orders,
            "revenue": orders * ORDER_VALUE * rng.gamma(20, 1 / 20, days),
        }
    )


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    def make(*logs: pd.DataFrame, cost: float | None = 4.0) -> Snapshot:
        products = pd.DataFrame({"product_id": ["A"], "title": "Thing", "price": 10.0, "cost": cost, "active": True})
        end = pd.DataFrame({"event_id": ["e"], "at": [pd.Timestamp("2025-12-31")], "kind": ["search"]})
        tables = {"products": products, "events": end} | ({"ad_spend": pd.concat(logs)} if logs else {})
        return Store(tmp_path).write(tables, name="S", currency="EUR", source="test")

    return make


@pytest.fixture
def model(shop: Shop) -> ResponseModel:
    return ResponseModel().fit(shop(*(ad_days(c, *truth) for c, truth in TRUTH.items())))


@pytest.mark.parametrize("channel", TRUTH)
@pytest.mark.parametrize("share", [0.3, 1.0, 2.0])
def test_the_true_curve_lies_near_the_interval(model: ResponseModel, channel: str, share: float) -> None:
    ceiling, scale = TRUTH[channel]
    truth = 28 * ceiling * (1 - np.exp(-share))
    mean, low, high = model.value(channel, 28 * share * scale, "orders")
    assert low <= mean <= high
    assert mean == pytest.approx(truth, rel=0.1)
    assert low < truth * 1.05
    assert high > truth * 0.95


def test_revenue_is_orders_times_their_value_and_profit_is_after_the_spend(model: ResponseModel) -> None:
    orders = model.value("google", 2000, "orders")[0]
    revenue = model.value("google", 2000, "revenue")[0]
    assert revenue / orders == pytest.approx(ORDER_VALUE, rel=0.05)
    assert model.margin == pytest.approx(0.6)
    assert model.value("google", 2000, "profit")[0] == pytest.approx(0.6 * revenue - 2000)
    assert model.value("google", 2000, "profit", margin=0.1)[0] == pytest.approx(0.1 * revenue - 2000)


def test_more_spend_brings_more_but_ever_less(model: ResponseModel) -> None:
    values = [model.value("email", spend, "clicks")[0] for spend in (0, 100, 200, 300, 400)]
    gains = np.diff(values)
    assert values[0] == 0
    assert (gains > 0).all()
    assert (np.diff(gains) < 0).all()


def test_the_same_money_over_more_days_saturates_less(model: ResponseModel) -> None:
    assert model.value("email", 500, "orders", days=56)[0] > model.value("email", 500, "orders", days=14)[0]


def test_a_total_is_surer_than_its_parts(model: ResponseModel) -> None:
    spends = {"google": 3000.0, "email": 200.0}
    mean, low, high = model.total(spends, "revenue")
    parts = [model.value(channel, spend, "revenue") for channel, spend in spends.items()]
    assert mean == pytest.approx(sum(part[0] for part in parts))
    assert high - low < sum(part[2] - part[1] for part in parts)


def test_curves_beat_a_straight_line_on_later_weeks(model: ResponseModel) -> None:
    assert model.metrics["wape_orders"] < model.metrics["wape_orders_proportional"]


def test_a_shop_without_ads_has_no_curves(shop: Shop, tmp_path: Path) -> None:
    model = ResponseModel().fit(shop(cost=None))
    assert (model.fitted, model.channels, model.margin, model.metrics) == (False, (), None, {})
    model.save(tmp_path / "m")
    assert not ResponseModel.load(tmp_path / "m").fitted
    with pytest.raises(ToolError, match="channels with a history: none"):
        model.value("google", 100, "orders")


def test_what_is_unknown_is_said(shop: Shop) -> None:
    barren = ad_days("tiktok", 5, 50).assign(conversions=np.nan, revenue=np.nan)
    model = ResponseModel().fit(shop(barren, ad_days("google", 16, 130), cost=None))
    assert model.knows("tiktok", "clicks")
    assert not model.knows("tiktok", "profit")
    with pytest.raises(ToolError, match="what tiktok returns in orders is not known"):
        model.value("tiktok", 100, "orders")
    with pytest.raises(ToolError, match="profit needs a margin"):
        model.value("google", 100, "profit")
    with pytest.raises(ToolError, match="no objective fame; there are profit"):
        model.value("google", 100, "fame")


def test_days_after_the_cut_off_do_not_count(shop: Shop) -> None:
    early = ad_days("google", 16, 130, days=200)
    boom = early.assign(day=early["day"] + pd.Timedelta(days=200), conversions=99.0)
    cut = pd.Timestamp("2024-01-01") + pd.Timedelta(days=200)
    known = ResponseModel().fit(shop(early, boom), as_of=cut)
    assert known.value("google", 2000, "orders") == ResponseModel().fit(shop(early)).value("google", 2000, "orders")


def test_spend_that_works_on_is_found_and_daily_spend_is_not_mistaken_for_it(shop: Shop) -> None:
    days = ad_days("google", 16, 130)
    lasting = days["spend"].ewm(alpha=0.4, adjust=False).mean()
    sold = np.random.default_rng(3).poisson(16 * (1 - np.exp(-lasting / 130)))
    carried = days.assign(channel="tiktok", conversions=sold)
    model = ResponseModel().fit(shop(days, carried))
    assert model.carry_over == {"google": 0.0, "tiktok": 0.6}
    truth = 28 * 16 * (1 - np.exp(-1.0))
    assert model.value("tiktok", 28 * 130, "orders")[0] == pytest.approx(truth, rel=0.1)
