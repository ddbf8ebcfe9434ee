"""Uplift from randomised exposures, and the stated assumption where there are none."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data.store import Snapshot, Store
from models.uplift import ASSUMED, UpliftModel, covariates

START = pd.Timestamp("2026-01-01")
CUSTOMERS = 600
ROUNDS = 6


def shop(folder: Path, *, effect: float, control: str = "none", treated: str = "email") -> Snapshot:
    """A shop whose first half buys often; a mail multiplies the chance to buy by 1 + `effect`."""
    rng = np.random.default_rng(5)
    ids = [f"C{n:04d}" for n in range(CUSTOMERS)]
    chance = np.where(np.arange(CUSTOMERS) < CUSTOMERS // 2, 0.30, 0.03)
    events, exposures = [], []
    for day in range(0, 60, 5):
        events += [
            {"at": START + pd.Timedelta(days=day), "customer_id": c, "kind": "purchase", "order_id": f"{c}-{day}"}
            for c in np.array(ids)[rng.random(CUSTOMERS) < chance]
        ]
    for number in range(ROUNDS):
        mailed = rng.random(CUSTOMERS) < 0.5
        bought = rng.random(CUSTOMERS) < chance * np.where(mailed, 1 + effect, 1.0)
        exposures.append(
            pd.DataFrame(
                {
                    "decision_id": [f"{number}-{c}" for c in ids],
                    "at": START + pd.Timedelta(days=61 + number),
                    "policy": "coin",
                    "customer_id": ids,
                    "action": np.where(mailed, treated, control),
                    "propensity": 0.5,
                    "reward": np.where(bought, 12.0, -0.1),
                }
            )
        )
    frame = pd.DataFrame(events)
    frame["event_id"] = [f"E{n}" for n in range(len(frame))]
    frame["product_id"], frame["quantity"], frame["unit_price"] = "P1", 1.0, 12.0
    last = {"at": START + pd.Timedelta(days=80), "kind": "view", "event_id": "last", "customer_id": ids[0]}
    tables = {
        "customers": pd.DataFrame({"customer_id": ids}),
        "products": pd.DataFrame({"product_id": ["P1"], "title": ["Mug"], "active": [True]}),
        "events": pd.concat([frame, pd.DataFrame([last])], ignore_index=True),
        "exposures": pd.concat(exposures, ignore_index=True),
    }
    return Store(folder).write(tables, name="Test shop", currency="EUR", source="test")


@pytest.fixture(scope="module")
def helped(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return shop(tmp_path_factory.mktemp("helped"), effect=0.6)


def test_the_experiment_gives_the_true_average_and_its_shape(helped: Snapshot) -> None:
    model = UpliftModel().fit(helped)
    uplift = model.predict(helped, [f"C{n:04d}" for n in range(CUSTOMERS)])
    keen, seldom = uplift[: CUSTOMERS // 2].mean(), uplift[CUSTOMERS // 2 :].mean()
    assert model.evidence == "experiment"
    assert model.metrics["average_uplift"] == pytest.approx(0.6 * 0.165, abs=3 * model.metrics["average_uplift_error"])
    assert keen == pytest.approx(0.6 * 0.30, abs=0.06)
    assert seldom == pytest.approx(0.6 * 0.03, abs=0.03)
    assert model.metrics["uplift_of_best_third"] > model.metrics["average_uplift"]
    assert "from 3,600 randomised exposures" in model.source("x")


def test_a_harmful_mail_is_not_dressed_up(tmp_path: Path) -> None:
    snapshot = shop(tmp_path, effect=-0.6)
    assert UpliftModel().fit(snapshot).predict(snapshot, ["C0010"]).item() < -0.02


def test_other_names_of_arms_are_understood(tmp_path: Path) -> None:
    snapshot = shop(tmp_path, effect=0.6, control="No E-Mail", treated="Mens E-Mail")
    assert UpliftModel().fit(snapshot).evidence == "experiment"


def test_an_unknown_customer_gets_the_average(helped: Snapshot) -> None:
    model = UpliftModel().fit(helped)
    assert model.predict(helped, ["nobody"]).item() == model.average


def test_without_exposures_the_constant_is_said_to_be_assumed(tmp_path: Path) -> None:
    snapshot = Store(tmp_path).write(
        {"customers": pd.DataFrame({"customer_id": ["A"]})}, name="Tiny", currency="EUR", source="test"
    )
    model = UpliftModel().fit(snapshot)
    assert (model.evidence, model.predict(snapshot, ["A"]).to_dict()) == ("assumed", {"A": ASSUMED})
    assert "assumed 0.3%" in model.source()


def test_decisions_without_chance_are_no_experiment(tmp_path: Path) -> None:
    snapshot = shop(tmp_path / "a", effect=0.6)
    certain = snapshot.frame("exposures").assign(propensity=1.0)
    tables = {name: snapshot.frame(name) for name in ("customers", "products", "events")} | {"exposures": certain}
    again = Store(tmp_path / "b").write(tables, name="Certain", currency="EUR", source="test")
    assert UpliftModel().fit(again).evidence == "assumed"


def test_decisions_after_the_cut_off_do_not_count(helped: Snapshot) -> None:
    early = UpliftModel().fit(helped, as_of=START + pd.Timedelta(days=63))
    assert early.metrics["decisions"] == 3 * CUSTOMERS


def test_covariates_see_only_what_came_before(helped: Snapshot) -> None:
    first = helped.frame("events")["at"].min()
    asked = pd.DataFrame({"customer_id": ["C0010", "C0010"], "at": [first, first + pd.Timedelta(days=60)]})
    before, after = covariates(helped, asked)["orders"]
    assert before == 0.0
    assert after > 0.0


def test_a_message_with_an_offer_has_its_own_effect_and_depth(tmp_path: Path) -> None:
    """A third plain mails, a third with 20% off, which sell three times as much more."""
    rng = np.random.default_rng(4)
    ids = np.array([f"C{n:04d}" for n in range(CUSTOMERS)])
    exposures, events, price = [], [], 10.0
    for number in range(ROUNDS):
        at = START + pd.Timedelta(days=20 * number)
        arm = rng.integers(0, 3, CUSTOMERS)
        bought = rng.random(CUSTOMERS) < np.array([0.10, 0.15, 0.25])[arm]
        exposures.append(
            pd.DataFrame(
                {
                    "decision_id": [f"{number}-{c}" for c in ids], "at": at, "policy": "coin", "customer_id": ids,
                    "action": np.array(["none", "email", "email_discount"])[arm], "propensity": 1 / 3,
                    "reward": np.where(bought, 4.0, -0.1),
                }
            )
        )  # fmt: skip
        paid = np.where(arm == 2, 0.8 * price, price)[bought]
        events.append(pd.DataFrame({"customer_id": ids[bought], "at": at + pd.Timedelta(days=2), "unit_price": paid}))
    sold = pd.concat(events, ignore_index=True).assign(kind="purchase", product_id="P1", quantity=1.0)
    sold["event_id"] = sold["order_id"] = [f"E{n}" for n in range(len(sold))]
    days = pd.date_range(START, periods=20 * ROUNDS + 20, freq="D")
    tables = {
        "customers": pd.DataFrame({"customer_id": ids}),
        "products": pd.DataFrame({"product_id": ["P1"], "title": ["Mug"], "active": [True]}),
        "product_days": pd.DataFrame({"day": days, "product_id": "P1", "price": price, "promoted": False}),
        "events": sold,
        "exposures": pd.concat(exposures, ignore_index=True),
    }
    snapshot = Store(tmp_path / "store").write(tables, name="Test shop", currency="EUR", source="test")
    model = UpliftModel().fit(snapshot)
    assert model.offer_depth == pytest.approx(0.2)
    plain, half, full, more = (
        model.predict(snapshot, ["new"]).item(),
        *(model.with_offer(snapshot, ["new"], discount=d).item() for d in (0.1, 0.2, 0.4)),  # type: ignore[union-attr]
    )
    assert plain == pytest.approx(0.05, abs=0.04)
    assert full == pytest.approx(0.15, abs=0.04)
    assert half == pytest.approx((plain + full) / 2)
    assert more == full
    model.save(tmp_path / "model")
    again = UpliftModel.load(tmp_path / "model").with_offer(snapshot, ["new"], discount=0.2)
    assert again is not None
    assert again.item() == full


def test_without_a_logged_offer_nobody_knows_what_one_adds(helped: Snapshot) -> None:
    assert UpliftModel().fit(helped).with_offer(helped, ["C0001"], discount=0.1) is None
