"""Drift and staleness: what moved is named, what merely grew is not, and old models say that they are old."""

from pathlib import Path

import numpy as np
import pandas as pd

from data.store import Snapshot, Store
from models.behaviour import BehaviourModel
from models.cards import TEXTS, card
from models.drift import DRIFT, feature_drift, moved, notes, stability_index
from models.registry import MODELS


def features(scale: float, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    silent = np.where(rng.random(3000) < 0.2 * scale, np.nan, rng.gamma(2, 10, 3000))
    return pd.DataFrame(
        {
            "orders_30": rng.poisson(scale, 3000),
            "spend_90": rng.gamma(2, 10, 3000),
            "views_30": silent,
            "orders_all": 100 * scale,
        }
    )


def test_the_same_customers_have_not_moved() -> None:
    assert feature_drift(features(1, 0), features(1, 1)) == {}
    assert stability_index([0, 0], [1, 2]) == 0.0


def test_what_moved_is_found_and_what_grows_with_history_is_not() -> None:
    found = feature_drift(features(1, 0), features(3, 1))
    assert set(found) == {"orders_30", "views_30"}
    assert min(found.values()) > 0.25
    (sentence,) = moved({f"{DRIFT}{name}": index for name, index in found.items()})
    assert "orders of the last 30 days (PSI " in sentence
    assert moved({f"{DRIFT}orders_30": 0.2, "auc": 0.9}) == []


def test_models_of_an_older_snapshot_are_said_to_be_old(tiny_store: Store, tmp_path: Path) -> None:
    snapshot = tiny_store.snapshot()
    place = tmp_path / "models" / snapshot.id
    assert notes(place, snapshot) == ["No model is trained yet: run `shopkeeper train`."]
    BehaviourModel().fit(snapshot).save(tmp_path / "models" / "000000000000" / "behaviour")
    assert notes(place, snapshot) == ["The models are older than the data: run `shopkeeper train`."]
    BehaviourModel().fit(snapshot).save(place / "behaviour")
    assert not any("older" in line or "know nothing" in line for line in notes(place, snapshot))
    earlier = snapshot.as_of - pd.Timedelta(days=9)
    BehaviourModel().fit(snapshot, as_of=earlier).save(place / "behaviour")
    assert "the last 9 days" in notes(place, snapshot)[0]


def test_a_shop_that_changed_lately_says_so(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    lines = []
    for day in range(210):
        for customer in range(80):
            if rng.random() < (0.02 if day < 180 else 0.08):
                lines.append((pd.Timestamp("2026-01-01") + pd.Timedelta(days=day), f"C{customer:03}"))
    events = pd.DataFrame(lines, columns=["at", "customer_id"]).assign(
        event_id=[f"E{n:05}" for n in range(len(lines))],
        kind="purchase",
        product_id="P1",
        quantity=1.0,
        unit_price=10.0,
        order_id=[f"O{n:05}" for n in range(len(lines))],
    )
    tables = {
        "customers": pd.DataFrame({"customer_id": sorted(events["customer_id"].unique())}),
        "products": pd.DataFrame({"product_id": ["P1"], "title": ["Mug"], "price": [10.0], "active": [True]}),
        "events": events,
    }
    snapshot: Snapshot = Store(tmp_path).write(tables, name="Test shop", currency="EUR", source="test")
    (sentence,) = moved(BehaviourModel().fit(snapshot).metrics)
    assert "orders of the last 30 days" in sentence


def test_every_model_has_a_card_and_claims_nothing_unmeasured(tiny_store: Store) -> None:
    assert set(TEXTS) == set(MODELS)
    model = BehaviourModel().fit(tiny_store.snapshot(), as_of=tiny_store.snapshot().frame("events")["at"].min())
    model.metrics = {}
    assert "Too little history to measure" in card(model, tiny_store.snapshot())
