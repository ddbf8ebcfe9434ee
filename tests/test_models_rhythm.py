"""Rhythm, expected spend and track record: what is said of customers to come agrees with how they were made."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data import demo_shop
from data.store import Snapshot, Store
from models.behaviour import BehaviourModel
from models.lifetime import BGNBD
from models.rhythm import Rhythm, purchases, spent
from models.spend import ONE_ORDER, compete, expected_spend
from models.track_record import TrackRecord


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    demo = demo_shop.generate(seed=5, customers=400, products=60, months=7)
    store = Store(tmp_path_factory.mktemp("demo"))
    return store.write(demo.tables, name=demo.name, currency=demo.currency, source="demo")


def rhythm_of(*rows: tuple[float, float, float]) -> Rhythm:
    """Customers A, B, ... with (x, recency, age) of a known process."""
    names = list("ABCDEF"[: len(rows)])
    table = pd.DataFrame(rows, columns=["x", "recency", "age"], index=names)
    model = BGNBD(r=0.6, alpha=4.0, a=0.8, b=2.5)
    return Rhythm(model, table.assign(alive=model.alive(table), money=20.0, factor=1.0))


def test_the_rhythm_comes_from_what_lay_before(snapshot: Snapshot) -> None:
    cut = snapshot.as_of - pd.Timedelta(days=30)
    found = Rhythm.of(snapshot, cut)
    assert found is not None
    bought = purchases(snapshot)
    assert set(found.table.index) == set(bought.loc[bought["at"] < cut, "customer_id"])
    assert found.table["alive"].between(0, 1).all()
    assert (found.orders(90) > found.orders(30)).all()


def test_a_shop_of_few_purchases_has_no_rhythm(tiny_store: Store, snapshot: Snapshot) -> None:
    assert Rhythm.of(snapshot, snapshot.frame("events")["at"].min()) is None
    early = tiny_store.snapshot().frame("events")["at"].min() + pd.Timedelta(days=20)
    assert Rhythm.of(tiny_store.snapshot(), early) is None


def test_half_of_those_who_come_back_do_so_by_the_day_that_is_said() -> None:
    rhythm = rhythm_of((5.0, 20.0, 22.0))
    rng = np.random.default_rng(0)
    rate = rng.gamma(rhythm.model.r + 5, 1 / (rhythm.model.alpha + 22), 200_000)
    assert rhythm.half_back_days("A") == pytest.approx(7 * np.median(rng.exponential(1 / rate)), rel=0.02)
    assert rhythm_of((1.0, 3.0, 22.0)).half_back_days("A") > rhythm.half_back_days("A")


def test_money_spent_is_that_of_the_days_asked_for(snapshot: Snapshot) -> None:
    bought = purchases(snapshot)
    who = pd.Index([bought["customer_id"].iloc[0], "stranger"])
    first, end = bought["at"].min(), bought["at"].max() + pd.Timedelta(1, "us")
    assert spent(snapshot, first, end, who).tolist() == [
        pytest.approx(bought.loc[bought["customer_id"] == who[0], "money"].sum()),
        0.0,
    ]
    assert spent(snapshot, first, first, who).tolist() == [0.0, 0.0]


def test_spend_counts_more_than_one_order() -> None:
    chance, value = pd.Series({"A": 1 - np.exp(-2.0), "Z": 0.0}), pd.Series({"A": 10.0, "Z": 10.0})
    by_chance = expected_spend("chance", chance, value, None, 30)
    assert by_chance.to_dict() == {"A": pytest.approx(20.0), "Z": 0.0}
    rhythm = rhythm_of((5.0, 20.0, 22.0))
    by_rhythm = expected_spend("rhythm", chance, value, rhythm, 30)
    assert by_rhythm["A"] == pytest.approx(10 * rhythm.orders(30)["A"])
    assert by_rhythm["Z"] == by_chance["Z"]


def test_the_rule_that_held_wins_and_both_are_measured() -> None:
    rhythm = rhythm_of((8.0, 20.0, 22.0), (0.0, 0.0, 22.0))
    value = pd.Series({"A": 20.0, "B": 20.0})
    real = (rhythm.orders(30) * 20.0).to_numpy("float64")
    wrong = pd.Series({"A": 0.05, "B": 0.9})
    rule, measures = compete(real, wrong, value, rhythm, 30)
    assert rule == "rhythm"
    assert measures["spend_off"] == pytest.approx(0.0, abs=1e-9)
    assert measures["spend_deviance_rhythm"] < measures["spend_deviance_chance"]
    assert f"spend_off_{ONE_ORDER}" in measures
    right = pd.Series(1 - np.exp(-real / 20.0), index=["A", "B"])
    assert compete(real, right, value, None, 30)[0] == "chance"


@pytest.fixture(scope="module")
def record() -> TrackRecord:
    """Four months of well calibrated chances."""
    rng = np.random.default_rng(1)
    chances, months = np.tile(np.linspace(0.02, 0.98, 600), 4), np.repeat(np.arange(4), 600)
    found = TrackRecord.of(chances, (rng.random(len(chances)) < chances).astype("float64"), months)
    assert found is not None
    return found


@settings(deadline=None, max_examples=50)
@given(chance=st.floats(0.0, 1.0))
def test_the_range_of_a_chance_lies_about_it(record: TrackRecord, chance: float) -> None:
    low, high = record.around(chance)
    assert 0 <= low <= high <= 1
    assert high - low < 0.5
    assert low - 0.15 < chance < high + 0.15


def test_the_range_holds_in_another_month_and_not_in_a_very_different_one() -> None:
    rng = np.random.default_rng(2)
    chances = rng.random(6000)
    months = np.repeat(np.arange(5), 1200)
    labels = (rng.random(6000) < chances).astype("float64")
    record = TrackRecord.of(chances, labels, months)
    assert record is not None
    later = rng.random(4000)
    assert record.held(later, (rng.random(4000) < later).astype("float64")) > 0.6
    assert record.held(later, (rng.random(4000) < 0.5 * later).astype("float64")) < 0.4
    assert TrackRecord.of(chances[:50], labels[:50], months[:50]) is None


def test_the_product_s_model_uses_them_and_keeps_them(snapshot: Snapshot, tmp_path: Path) -> None:
    model = BehaviourModel().fit(snapshot)
    assert model.rhythm is not None
    assert abs(model.metrics["spend_off"]) < abs(model.metrics[f"spend_off_{ONE_ORDER}"])
    low, high = model.held_range(0.4) or (0.0, 0.0)
    assert 0 < low < high < 1
    wide = model.held_range(0.7, horizon_days=90)
    assert wide is not None
    assert wide[0] < wide[1]
    model.save(tmp_path)
    again = BehaviourModel.load(tmp_path)
    assert (again.held_range(0.4), again.spend_formula) == (model.held_range(0.4), model.spend_formula)
    assert again.predict(snapshot, horizon_days=90).equals(model.predict(snapshot, horizon_days=90))
