"""The task on files of its form: visits drawn with a known pattern."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data.errors import DataError, SettingError
from eval import session_purchase
from eval.task import Inputs
from models.visits import AMOUNTS, CODES


def visits(path: Path, rows: int, seed: int) -> Path:
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({name: rng.gamma(1.0, 5.0, rows).round(1) for name in AMOUNTS})
    table = table.assign(**{code: rng.integers(1, 4, rows) for code in CODES})
    table["Month"] = rng.choice(["May", "Nov"], rows)
    chance = 1 / (1 + np.exp(2.5 - 0.3 * table["PageValues"]))
    table.assign(Revenue=rng.random(rows) < chance).to_csv(path, index=False)
    return path


def test_the_model_is_measured_with_and_without_page_values(tmp_path: Path) -> None:
    train, test = visits(tmp_path / "train.csv", 240, 0), visits(tmp_path / "test.csv", 150, 1)
    found = session_purchase.evaluate(Inputs(train=train, test=test))
    assert found.metrics["roc_auc"] > 0.7 > found.metrics["roc_auc_without_page_values"]
    low, high = found.intervals["pr_auc"]
    assert low < found.metrics["pr_auc"] < high
    assert set(found.floors) == {"logistic regression", "the article's network", "LightGBM as it comes"}
    assert all("ece_without_page_values" in floor for floor in found.floors.values())


def test_what_cannot_be_measured_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="--train and --test"):
        session_purchase.evaluate(Inputs())
    path = visits(tmp_path / "few.csv", 15, 0)
    with pytest.raises(DataError, match="too small to learn from"):
        session_purchase.evaluate(Inputs(train=path))
