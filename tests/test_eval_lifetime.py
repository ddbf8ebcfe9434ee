"""Task `lifetime`: both forms of the file, and what is wrong with a file."""

import gzip
from pathlib import Path

import pytest
from test_models_lifetime import shoppers

from data.errors import DataError, SettingError
from eval.lifetime import evaluate, read
from eval.task import Inputs


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cdnow") / "sample.txt.gz"
    days = shoppers(600, 78, seed=3)
    lines = [
        f" {customer} 0001 {day:%Y%m%d}  1 {money:7.2f}"
        for customer, day, money in days[["customer_id", "day", "money"]].itertuples(index=False)
    ]
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    return path


def test_four_columns_with_a_header_are_the_same_purchases(sample: Path, tmp_path: Path) -> None:
    master = tmp_path / "master.txt"
    rows = [line.split() for line in gzip.decompress(sample.read_bytes()).decode().splitlines()]
    master.write_text("\n".join(["id date units dollars", *(" ".join([r[0], *r[2:]]) for r in rows)]))
    assert read(master).equals(read(sample))


def test_it_measures_beside_its_floor(sample: Path) -> None:
    outcome = evaluate(Inputs(test=sample))
    floor = outcome.floors["BG/NBD and Gamma-Gamma"]
    assert outcome.metrics["total_error"] == abs(outcome.metrics["total_bias"])
    assert outcome.metrics["mae"] < floor["mae"]
    low, high = outcome.intervals["mae"]
    assert low < outcome.metrics["mae"] < high
    assert outcome.files == [sample]


def test_what_is_wrong_is_said(sample: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.txt"
    bad.write_text("00004 19970101 2 29.33\n00004 tomorrow 2 29.73\n00005 19970102 1 9.0\n")
    with pytest.raises(DataError, match="line 2: not a purchase"):
        read(bad)
    bad.write_text("one two\n")
    with pytest.raises(DataError, match="has 2 columns"):
        read(bad)
    with pytest.raises(SettingError, match="--test alone"):
        evaluate(Inputs(train=sample, test=sample))
    with pytest.raises(SettingError, match="name a CDNOW file"):
        evaluate(Inputs())
