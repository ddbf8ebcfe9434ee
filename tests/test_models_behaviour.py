"""Purchase propensity: better than chance on a time split, calibrated, explained, and calm with odd shops."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data import demo_shop
from data.errors import ModelError
from data.store import Snapshot, Store
from models.baselines import Logistic
from models.behaviour import BehaviourModel
from models.calibration import Platt, calibration_error
from models.scorer import HORIZON


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    demo = demo_shop.generate(seed=5, customers=400, products=60, months=7)
    store = Store(tmp_path_factory.mktemp("demo"))
    return store.write(demo.tables, name=demo.name, currency=demo.currency, source="demo", truth=demo.truth)


@pytest.fixture(scope="module")
def model(snapshot: Snapshot) -> BehaviourModel:
    return BehaviourModel().fit(snapshot)


def write(folder: Path, events: pd.DataFrame, customers: list[str]) -> Snapshot:
    events = events.assign(event_id=[f"E{n:05d}" for n in range(len(events))])
    tables = {
        "customers": pd.DataFrame({"customer_id": customers}),
        "products": pd.DataFrame({"product_id": ["P1"], "title": ["Mug"], "price": [10.0], "active": [True]}),
        "events": events,
    }
    return Store(folder).write(tables, name="Test shop", currency="EUR", source="test")


def purchases(days: list[float], customers: list[str], *, price: float = 10.0) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "at": pd.Timestamp("2026-01-01") + pd.to_timedelta(days, unit="D"),
            "customer_id": customers,
            "kind": "purchase",
            "product_id": "P1",
            "quantity": 1.0,
            "unit_price": price,
            "order_id": [f"O{n:05d}" for n in range(len(days))],
        }
    )


def test_the_time_split_is_reported_and_the_winner_serves(model: BehaviourModel) -> None:
    metrics = model.metrics
    assert metrics["auc"] > 0.7
    assert metrics["auc"] == max(metrics["auc_lightgbm"], metrics["auc_logistic"]) == metrics[f"auc_{model.kind}"]
    assert metrics["ece"] < 0.12
    assert model.kind in model.source("a formula")


def test_chances_follow_the_shop_s_true_ones(model: BehaviourModel, snapshot: Snapshot) -> None:
    truth = pd.read_parquet(snapshot.path.parents[1] / "truth" / snapshot.id / "purchase.parquet")
    real = truth.set_index("customer_id")["probability"]
    chance = model.predict(snapshot)["probability"]
    assert chance.corr(real.reindex(chance.index), method="spearman") > 0.5


def test_chance_and_spend_grow_with_the_horizon(model: BehaviourModel, snapshot: Snapshot) -> None:
    week, month, year = (model.predict(snapshot, horizon_days=days) for days in (7, HORIZON, 365))
    assert (week["probability"] < month["probability"]).all()
    assert (month["spend"] < year["spend"]).all()
    assert year["probability"].between(0, 1).all()
    twice = model.predict(snapshot, horizon_days=2 * HORIZON)["probability"]
    assert np.allclose(twice, 1 - (1 - month["probability"]) ** 2)


def test_a_selection_equals_the_whole(model: BehaviourModel, snapshot: Snapshot) -> None:
    everyone = model.predict(snapshot)
    some = list(everyone.index[[7, 3, 3]])
    pd.testing.assert_frame_equal(model.predict(snapshot, some), everyone.loc[some])
    assert model.average() == pytest.approx(everyone["probability"].mean())


def test_reasons_are_words_and_the_strongest_first(model: BehaviourModel, snapshot: Snapshot) -> None:
    ranked = model.predict(snapshot)["probability"].sort_values()
    likely, unlikely = (model.reasons(snapshot, str(ranked.index[place])) for place in (-1, 0))
    for reasons in (likely, unlikely):
        assert len(reasons) == 3
        assert all(r.words and (r.effect > 0) == (r.direction == "up") for r in reasons)
        sizes = [abs(r.effect) for r in reasons]
        assert sizes == sorted(sizes, reverse=True)
        assert len({r.words for r in reasons}) == 3
    assert likely[0].direction == "up"
    assert unlikely[0].direction == "down"


def test_what_is_unknown_or_absurd_is_said(model: BehaviourModel, snapshot: Snapshot) -> None:
    with pytest.raises(ModelError, match="no customer 99; ids look like"):
        model.predict(snapshot, ["99"])
    with pytest.raises(ModelError, match="no customer 99"):
        model.reasons(snapshot, "99")
    with pytest.raises(ModelError, match="1 or more"):
        model.predict(snapshot, horizon_days=0)
    with pytest.raises(ModelError, match="shopkeeper train"):
        BehaviourModel().predict(snapshot)


def test_a_shop_of_one_purchase_has_a_base_rate(tmp_path: Path) -> None:
    snapshot = write(tmp_path, purchases([0], ["A"]), ["A"])
    model = BehaviourModel().fit(snapshot)
    assert model.kind == "base_rate"
    assert model.predict(snapshot, ["A"])["probability"].between(0.01, 0.5).all()
    assert model.reasons(snapshot, "A") == []


def test_an_empty_shop_does_not_crash(tmp_path: Path) -> None:
    snapshot = write(tmp_path, purchases([], []), [])
    model = BehaviourModel().fit(snapshot)
    assert model.average() == 0.0
    with pytest.raises(ModelError, match=r"no customer A$"):
        model.predict(snapshot, ["A"])


def test_a_shop_where_nobody_ever_returns_has_a_low_constant(tmp_path: Path) -> None:
    customers = [f"C{n:03d}" for n in range(50)]
    views = purchases([float(n) for n in range(50)] + [95.0], [*customers, "C000"]).assign(kind="view")
    snapshot = write(tmp_path, views, customers)
    model = BehaviourModel().fit(snapshot)
    chance = model.predict(snapshot)["probability"]
    assert model.kind == "base_rate"
    assert chance.nunique() == 1
    assert chance.iloc[0] < 0.05


def test_a_few_customers_get_the_logistic_regression(tiny_store: Store) -> None:
    model = BehaviourModel().fit(tiny_store.snapshot())
    assert model.kind in ("logistic", "base_rate")
    assert "auc_lightgbm" not in model.metrics


def test_spend_draws_the_order_value_towards_the_shop_s_mean(tmp_path: Path) -> None:
    dear = purchases([0], ["rich"], price=100.0)
    cheap = purchases([1, 2, 3], ["plain"] * 3, price=10.0)
    both = pd.concat([dear, cheap]).assign(order_id=["R1", "P1", "P2", "P3"])
    snapshot = write(tmp_path, both, ["plain", "rich"])
    scores = BehaviourModel().fit(snapshot).predict(snapshot)
    value = scores["spend"] / -np.log1p(-scores["probability"])  # the shop's mean order is (100 + 30) / 4
    assert value["rich"] == pytest.approx((100 + 2 * 32.5) / 3)
    assert value["plain"] == pytest.approx((30 + 2 * 32.5) / 5)


def test_platt_scaling_mends_overconfidence() -> None:
    rng = np.random.default_rng(0)
    truth = rng.uniform(0.05, 0.6, 4000)
    labels = (rng.random(4000) < truth).astype("float64")
    bold = truth**3 / (truth**3 + (1 - truth) ** 3)
    assert calibration_error(labels, Platt.fitted(bold, labels)(bold)) < 0.3 * calibration_error(labels, bold)


def test_the_logistic_regression_finds_the_direction() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"orders": rng.poisson(3.0, 500), "noise": rng.normal(size=500)})
    labels = np.where(frame["orders"] > 3, 1.0, 0.0)
    fitted = Logistic().fit(frame, labels)
    assert fitted.theta[0] > 5 * abs(fitted.theta[1])
    again = Logistic.from_json(fitted.as_json())
    assert np.array_equal(again.predict(frame), fitted.predict(frame))
