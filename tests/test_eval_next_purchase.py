"""The task on invoices of its form: regulars buy every fortnight, the others now and then."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data.errors import DataError
from eval import next_purchase
from eval.task import Inputs, Outcome

_COLUMNS = ("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country")


def invoices(path: Path, first: int, last: int) -> Path:
    """Invoices of the days `first` to `last` of one shop's only history."""
    rng = np.random.default_rng(0)
    rows = []
    for day in range(121):
        for customer in range(120):
            regular = customer < 40
            if (regular and (day + customer) % 14 == 0) or (not regular and rng.random() < 0.008):
                at = pd.Timestamp("2011-01-01 10:00") + pd.Timedelta(days=day, minutes=customer)
                rows.append((f"{day:03d}{customer:03d}", "85123A", "A MUG", 2, at, 2.5, 12000 + customer, "France"))
    table = pd.DataFrame(rows, columns=list(_COLUMNS))
    days = (table["InvoiceDate"] - pd.Timestamp("2011-01-01")).dt.days
    table[days.between(first, last)].to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    folder = tmp_path_factory.mktemp("shop")
    train, test = invoices(folder / "train.csv", 0, 94), invoices(folder / "test.csv", 95, 115)
    return next_purchase.evaluate(Inputs(train=train, test=test))


def test_regulars_are_told_from_the_others(clean: Outcome) -> None:
    assert clean.metrics["days"] == 21
    assert clean.metrics["roc_auc"] > 0.85
    assert "RFM logistic regression" in clean.floors


def test_days_of_the_test_file_in_the_training_file_change_nothing(clean: Outcome, tmp_path: Path) -> None:
    train, test = invoices(tmp_path / "train.csv", 0, 120), invoices(tmp_path / "test.csv", 95, 115)
    leaky = next_purchase.evaluate(Inputs(train=train, test=test))
    assert leaky.metrics["roc_auc"] == pytest.approx(clean.metrics["roc_auc"])


def test_a_test_file_that_does_not_follow_is_said(tmp_path: Path) -> None:
    train, test = invoices(tmp_path / "train.csv", 60, 90), invoices(tmp_path / "test.csv", 20, 40)
    with pytest.raises(DataError, match="begins before"):
        next_purchase.evaluate(Inputs(train=train, test=test))
