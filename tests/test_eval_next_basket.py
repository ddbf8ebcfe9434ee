"""The task of new products: who is tested on what, both ways to give files, and what is said of wrong ones."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data.errors import DataError, SettingError
from eval.next_basket import evaluate, held_out
from eval.task import Inputs


def _rows(*rows: tuple[str, str, str]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["at", "customer_id", "product_id"])
    return table.assign(at=pd.to_datetime(table["at"]), unit_price=1.0)


def _csv(path: Path, purchases: pd.DataFrame) -> Path:
    lines = pd.DataFrame(
        {
            "InvoiceNo": 536000 + np.arange(len(purchases)),
            "StockCode": purchases["product_id"],
            "Description": "MUG",
            "Quantity": 1.0,
            "InvoiceDate": purchases["at"].dt.strftime("%Y-%m-%d %H:%M:%S"),
            "UnitPrice": 2.5,
            "CustomerID": purchases["customer_id"],
            "Country": "France",
        }
    )
    lines.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def shop() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    rows = []
    for customer in range(40):
        for product in rng.permutation(14)[:9]:
            at = pd.Timestamp("2011-05-01") + pd.Timedelta(int(rng.integers(0, 180)), "D")
            rows.append((at, f"{12000 + customer}", f"{20000 + product + 14 * (customer % 2)}"))
    return pd.DataFrame(rows, columns=["at", "customer_id", "product_id"]).sort_values("at", ignore_index=True)


def test_only_known_customers_and_new_products_are_tested():
    past = _rows(("2021-01-01", "ann", "p"), ("2021-01-02", "bob", "q"))
    later = _rows(
        ("2021-02-03", "ann", "p"), ("2021-02-04", "ann", "r"), ("2021-02-05", "bob", "q"), ("2021-02-10", "eve", "p")
    )
    cases = held_out(past, later, pd.Timestamp("2021-02-01"))
    assert cases.wanted == {"ann": frozenset({"r"})}
    assert cases.days == 9
    with pytest.raises(DataError, match="weeks that follow"):
        held_out(past, later[later["customer_id"] == "eve"], pd.Timestamp("2021-02-01"))


def test_own_cut_and_explicit_files_agree(tmp_path, shop):
    (tmp_path / "online_retail").mkdir()
    whole = tmp_path / "online_retail" / "online_retail.csv.gz"
    _csv(whole, shop)
    before = shop["at"] < "2011-10-01"
    train, test = _csv(tmp_path / "train.csv", shop[before]), _csv(tmp_path / "test.csv", shop[~before])
    own, given = evaluate(Inputs(data=tmp_path)), evaluate(Inputs(train=train, test=test))
    assert own.metrics["customers"] == given.metrics["customers"] > 5
    assert own.floors["co-occurrence"] == given.floors["co-occurrence"]  # it knows no time
    assert given.metrics["ndcg@10"] > given.floors["popularity, 30 days"]["ndcg@10"]
    served = [done.floors["the shop's recommender"]["recall@20"] for done in (own, given)]
    assert served[0] == served[1] > 0.5  # the whole file, cut, is the history alone: nothing later counts
    assert 0.5 < given.metrics["recall@20"] <= 1.0
    low, high = given.intervals["recall@20"]
    assert low <= given.metrics["recall@20"] <= high
    assert given.files == [train, test]


def test_wrong_inputs_say_what_to_give(tmp_path, shop):
    train = _csv(tmp_path / "train.csv", shop)
    with pytest.raises(SettingError, match="both files"):
        evaluate(Inputs(train=train))
    with pytest.raises(SettingError, match="benchmark data"):
        evaluate(Inputs(data=tmp_path))
    with pytest.raises(SettingError, match="check the path"):
        evaluate(Inputs(train=train, test=tmp_path / "absent.csv"))
    strangers = _csv(tmp_path / "strangers.csv", shop.assign(customer_id=""))
    with pytest.raises(DataError, match="CustomerID"):
        evaluate(Inputs(train=strangers, test=train))
