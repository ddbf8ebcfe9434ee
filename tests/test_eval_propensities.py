"""Measures of chances against known answers, and files that cannot be used."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from data.errors import DataError
from eval.propensities import Part, intervals, perfect_ece, ranking, read_csv, scores, yes_or_no
from models.calibration import Array, calibration_error


def drawn(rows: int, seed: int = 0) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    chances = np.round(rng.uniform(0.05, 0.7, rows), 2)  # with ties
    return (rng.random(rows) < chances).astype("float64"), chances


def test_ranking_agrees_with_scikit_learn() -> None:
    labels, chances = drawn(500)
    found = scores(labels, chances)
    assert found["roc_auc"] == pytest.approx(roc_auc_score(labels, chances))
    assert found["pr_auc"] == pytest.approx(average_precision_score(labels, chances))


def test_a_weight_of_two_is_a_row_twice() -> None:
    labels, chances = drawn(60)
    weights = np.random.default_rng(1).integers(0, 3, 60).astype("float64")
    twice = np.repeat(np.arange(60), weights.astype(int))
    for name, value in ranking(labels, chances, weights[None, :]).items():
        assert value[0] == pytest.approx(scores(labels[twice], chances[twice])[name])


def test_intervals_hold_the_value_and_shrink() -> None:
    small, large = (intervals([Part(np.arange(n), *drawn(n))])["roc_auc"] for n in (200, 3000))
    assert small[0] < scores(*drawn(200))["roc_auc"] < small[1]
    assert large[1] - large[0] < 0.5 * (small[1] - small[0])
    assert intervals([Part(np.arange(3), np.zeros(3), np.full(3, 0.5))]) == {}


def test_a_calibrated_model_stays_under_its_limit_and_a_bold_one_does_not() -> None:
    labels, chances = drawn(4000, seed=3)
    assert calibration_error(labels, chances) < perfect_ece(chances)
    bold = np.clip(1.5 * chances, 0, 1)
    assert calibration_error(labels, bold) > perfect_ece(bold)


def test_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    path = tmp_path / "some.csv"
    path.write_text("a,said\n1,TRUE\n2,no\n3,perhaps\n")
    table = read_csv(path, ("a", "said"))
    assert yes_or_no(table.head(2), "said", path).tolist() == [1.0, 0.0]
    with pytest.raises(DataError, match=r"row 4: said is 'perhaps'"):
        yes_or_no(table, "said", path)
    with pytest.raises(DataError, match="lacks the column b"):
        read_csv(path, ("a", "b"))
    path.write_text("a,said\n")
    with pytest.raises(DataError, match="has no rows"):
        read_csv(path, ("a",))
    path.write_text("")
    with pytest.raises(DataError, match="cannot be read as CSV"):
        read_csv(path, ("a",))
