"""Budgets: money goes where it brings most, what would not pay is kept, and nothing is made up without history."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaign.budget import allocate
from data.errors import CampaignError
from data.store import Store
from models.response import ResponseModel

CURVES = {"email": (6.0, 9.0), "google": (16.0, 130.0), "tiktok": (1.0, 95.0)}


@pytest.fixture(scope="module")
def response(tmp_path_factory: pytest.TempPathFactory) -> ResponseModel:
    rng = np.random.default_rng(0)
    logs = []
    for channel, (ceiling, scale) in CURVES.items():
        spend = scale * rng.gamma(2.0, 0.5, 300)
        orders = rng.poisson(ceiling * (1 - np.exp(-spend / scale)))
        day = pd.date_range("2024-01-01", periods=300)
        log = {"day": day, "channel": channel, "spend": spend, "conversions": orders}
        logs.append(pd.DataFrame(log | {"revenue": orders * 40.0, "clicks": orders * 12.0}))
    store = Store(tmp_path_factory.mktemp("ads"))
    tables = {"ad_spend": pd.concat(logs), "orders": _orders()}
    return ResponseModel().fit(store.write(tables, name="S", currency="EUR", source="test"))


@pytest.fixture(scope="module")
def blind(tmp_path_factory: pytest.TempPathFactory) -> ResponseModel:
    store = Store(tmp_path_factory.mktemp("blind"))
    return ResponseModel().fit(store.write({"orders": _orders()}, name="S", currency="EUR", source="test"))


def _orders() -> pd.DataFrame:
    return pd.DataFrame({"order_id": ["1"], "placed_at": [pd.Timestamp("2025-06-01")], "status": ["delivered"]})


def spends(plan: object) -> dict[str, float]:
    rows = plan.rows  # type: ignore[attr-defined]
    return dict(zip(rows["channel"], rows["spend"], strict=True))


@pytest.mark.parametrize("objective", ["profit", "revenue", "orders", "clicks"])
def test_no_other_split_brings_more(response: ResponseModel, objective: str) -> None:
    plan = allocate(response, budget=2000, objective=objective, margin=0.5)
    rng = np.random.default_rng(1)
    for share in rng.dirichlet([1, 1, 1], size=200):
        other = {channel: 2000 * float(part) for channel, part in zip(response.channels, share, strict=True)}
        assert response.total(other, objective, margin=0.5)[0] <= plan.expected + 0.1


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(budget=st.floats(1, 1e6), objective=st.sampled_from(["profit", "revenue", "orders", "clicks"]))
def test_every_cent_is_accounted_for(response: ResponseModel, budget: float, objective: str) -> None:
    plan = allocate(response, budget=budget, objective=objective, margin=0.5)
    assert (plan.rows["spend"] >= 0).all()
    assert plan.spend <= budget + 0.01
    assert plan.spend + plan.kept == pytest.approx(budget, abs=0.02)
    assert plan.low <= plan.expected <= plan.high
    assert plan.rows["share"].sum() == pytest.approx(1.0)


def test_money_that_would_not_pay_is_kept(response: ResponseModel) -> None:
    plan = allocate(response, budget=100_000, margin=0.5)
    assert 0 < plan.spend < 20_000
    assert plan.kept == pytest.approx(100_000 - plan.spend)
    assert spends(plan)["tiktok"] == 0, "20 of margin an order, and 95 a day for 0.6 orders"
    more = {channel: spend + 50 for channel, spend in spends(plan).items()}
    assert response.total(more, "profit", margin=0.5)[0] < plan.expected
    assert allocate(response, budget=100_000, margin=0.0).spend == 0


def test_a_small_budget_goes_to_the_steepest_channel(response: ResponseModel) -> None:
    plan = allocate(response, budget=20, margin=0.5)
    assert spends(plan) == {"email": 20, "google": 0, "tiktok": 0}
    assert (plan.kept, plan.assumed) == (0, False)
    assert plan.totals["profit"] == pytest.approx(plan.expected)
    assert plan.rows.set_index("channel").loc["email", "return"] == pytest.approx(plan.totals["revenue"] / 20)


def test_saturated_channels_take_no_more(response: ResponseModel) -> None:
    plan = allocate(response, budget=1e8, objective="clicks", margin=0.5)
    assert plan.spend < 1e6


def test_only_the_named_channels_get_money(response: ResponseModel) -> None:
    assert set(spends(allocate(response, budget=500, channels=["Google", "google "], margin=0.5))) == {"google"}


def test_a_channel_without_history_gets_an_even_part_and_says_so(response: ResponseModel) -> None:
    plan = allocate(response, budget=300, channels=["email", "sms", "google"], margin=0.5)
    row = plan.rows.set_index("channel").loc["sms"]
    assert (row["spend"], bool(row["assumed"])) == (100, True)
    assert np.isnan(row["expected"])
    assert plan.assumed
    assert plan.expected > 0


def test_without_any_history_the_split_is_even(blind: ResponseModel) -> None:
    plan = allocate(blind, budget=100, channels=["email", "sms", "google"], margin=0.5)
    assert plan.spend == 100
    assert plan.rows["spend"].max() - plan.rows["spend"].min() < 0.02
    assert plan.assumed
    assert np.isnan([plan.expected, plan.low, plan.high]).all()
    assert plan.totals == {}


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"budget": 0}, "above 0"),
        ({"budget": -50}, "above 0"),
        ({"budget": float("nan")}, "above 0"),
        ({"budget": float("inf")}, "above 0"),
        ({"budget": 1e12}, "out of all proportion"),
        ({"budget": 0.01}, "too small"),
        ({"channels": ["radio"]}, "no channel radio; choose among email, facebook"),
        ({"objective": "fame"}, "choose one of profit"),
        ({"margin": 40}, "between 0 and 1"),
        ({"days": 0}, "at least 1 day"),
    ],
)
def test_what_cannot_stand_is_said(response: ResponseModel, wish: dict[str, object], said: str) -> None:
    with pytest.raises(CampaignError, match=said):
        allocate(response, **({"budget": 100.0, "margin": 0.5} | wish))  # type: ignore[arg-type]


def test_a_shop_without_history_must_name_its_channels(blind: ResponseModel, tmp_path: Path) -> None:
    with pytest.raises(CampaignError, match="name the channels"):
        allocate(blind, budget=100, margin=0.5)
