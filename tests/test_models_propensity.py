"""Stacked propensities: leak-free encodings, calibrated chances, one direction, whatever the columns are called."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from models.calibration import Array, calibration_error
from models.encoding import RateEncoder, WideEncoder
from models.network import Network
from models.propensity import Propensity


def people(rows: int, seed: int = 0) -> tuple[pd.DataFrame, Array, Array]:
    """Mixed columns, outcomes, and the true chances behind them."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "orders, so far": rng.poisson(3, rows).astype("float64"),
            "age [years]": np.where(rng.random(rows) < 0.2, np.nan, rng.normal(40, 10, rows)),
            "source": rng.choice(["mail", "search", "ad"], rows),
            "constant": 1.0,
        }
    )
    score = -2.0 + 0.4 * table["orders, so far"].to_numpy() + 1.2 * (table["source"] == "mail").to_numpy()
    chance = 1 / (1 + np.exp(-score))
    return table, (rng.random(rows) < chance).astype("float64"), chance


@pytest.fixture(scope="module")
def model() -> Propensity:
    table, labels, _ = people(900)
    return Propensity(monotone={"orders, so far": 1}, folds=3).fit(table, labels)


def test_chances_rank_and_are_calibrated(model: Propensity) -> None:
    table, labels, chance = people(3000, seed=1)
    found = model.predict(table)
    assert roc_auc_score(labels, found) > roc_auc_score(labels, chance) - 0.02
    assert calibration_error(chance, found) < 0.05
    assert (model.weights >= 0).all()


def test_more_never_lowers_where_held_to_it() -> None:
    table, labels, _ = people(600)
    model = Propensity(members=("trees",), monotone={"orders, so far": 1}, folds=3).fit(table, labels)
    several = pd.concat([table.iloc[[0]]] * 12, ignore_index=True).assign(**{"orders, so far": np.arange(12.0)})
    assert (np.diff(model.predict(several)) >= 0).all()


def test_the_unseen_and_the_unknown_get_a_chance(model: Propensity) -> None:
    odd = pd.DataFrame(
        {"orders, so far": [np.nan, 2.0], "age [years]": np.nan, "source": ["fax", None], "constant": [5.0, np.nan]}
    )
    assert np.isfinite(model.predict(odd)).all()


def test_the_same_seed_gives_the_same_chances() -> None:
    table, labels, _ = people(300)
    once, again = (Propensity(folds=2).fit(table, labels, seed=4).predict(table) for _ in range(2))
    assert np.array_equal(once, again)


def test_too_few_of_an_outcome_is_said() -> None:
    table, labels, _ = people(100)
    with pytest.raises(ValueError, match="at least 5 times"):
        Propensity().fit(table, np.zeros_like(labels))
    with pytest.raises(ValueError, match="not fitted"):
        Propensity().predict(table)


def test_a_group_never_straddles_a_fold() -> None:
    # Each household's outcome is a coin that only its own rows know: with groups kept together nothing can be learnt.
    rng = np.random.default_rng(0)
    homes = np.repeat(np.arange(150), 6)
    table = pd.DataFrame({"mark": rng.normal(size=150)[homes]})
    labels = (rng.random(150) < 0.5).astype("float64")[homes]
    apart = Propensity(members=("trees",), folds=3).fit(table, labels)
    together = Propensity(members=("trees",), folds=3).fit(table, labels, groups=homes)
    assert apart.weights[0] > 3 * together.weights[0]


def test_a_row_s_own_label_never_enters_its_rate() -> None:
    labels = np.array([0.0, 1.0] * 200)
    table = pd.DataFrame({"id": [f"only {n}" for n in range(400)]})
    encoder = RateEncoder()
    rates = encoder.fit_transform(table, labels)["id rate"]
    assert np.allclose(rates, 0.5)
    assert encoder.transform(table)["id rate"].corr(pd.Series(labels)) > 0.99
    assert encoder.transform(pd.DataFrame({"id": ["new"]})).loc[0, "id rate"] == 0.5


def test_wide_columns_have_no_gaps() -> None:
    table, _, _ = people(200)
    encoder = WideEncoder().fit(table)
    values = encoder.transform(table.assign(source="fax", constant=3.0))
    assert values.shape == (200, 3 + 3)
    assert np.isfinite(values).all()
    assert values[:, 3:].sum() == 0
    assert list(encoder.widen(table).columns)[3:] == ["source=ad", "source=mail", "source=search"]


def test_the_network_learns_and_leaves_torch_as_it_was() -> None:
    import torch

    rng = np.random.default_rng(0)
    values = rng.normal(size=(400, 2))
    labels = (values[:, 0] * values[:, 1] > 0).astype("float64")  # no straight line parts these
    torch.manual_seed(1)
    wanted = torch.rand(1)
    torch.manual_seed(1)
    threads = torch.get_num_threads()
    network = Network().fit(values, labels)
    assert torch.equal(torch.rand(1), wanted)
    assert torch.get_num_threads() == threads
    assert roc_auc_score(labels, network.predict(values)) > 0.9
