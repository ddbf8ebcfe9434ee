"""The task `product_search`: metrics by hand, an honest split, explicit files, and sentences about broken ones."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data.errors import DataError, SettingError
from eval.product_search import Search, evaluate, measured, read, split
from eval.task import Inputs
from index.embed import Progress, Vectors

THINGS = "faucet hammer ladder mower heater lantern shovel bucket".split()
KINDS = "steel brass copper oak garden kitchen bath cordless folding solar".split()


class LetterEncoder:
    """An embedding model in miniature: how often each letter occurs."""

    name = "letters"
    fingerprint = "letters-1"

    def encode(self, texts: Sequence[str], *, progress: Progress | None = None) -> Vectors:
        counted = np.array([[text.lower().count(chr(97 + i)) + 1e-3 for i in range(26)] for text in texts], np.float32)
        return counted / np.linalg.norm(counted, axis=1, keepdims=True)


def judged(kinds: Sequence[str]) -> pd.DataFrame:
    rows = []
    for kind in kinds:
        for i, thing in enumerate(THINGS):
            rows.append((f"{kind} {thing}", f"{kind.title()} {thing.title()} 2 in.", 3.0))
            rows.append((f"{kind} {thing}", f"{kind.title()} {THINGS[i - 1].title()} 2 in.", 1.33))
    return pd.DataFrame(rows, columns=["search_term", "product_title", "relevance"])


def test_explicit_files(tmp_path: Path) -> None:
    judged(KINDS[:7]).to_csv(tmp_path / "train.csv", index=False)
    judged(KINDS[7:]).to_csv(tmp_path / "test.csv.gz", index=False)
    inputs = Inputs(train=tmp_path / "train.csv", test=tmp_path / "test.csv.gz", keep=tmp_path / "keep")
    outcome = evaluate(inputs, encoder=LetterEncoder())
    assert outcome.metrics["searches"] == 3 * len(THINGS)
    assert outcome.metrics["titles"] == len(KINDS) * len(THINGS)
    assert outcome.metrics["recall@10"] > 0.9
    assert outcome.metrics["recall@100"] == 1
    assert set(outcome.floors) == {"BM25", "MiniLM", "rank fusion"}
    assert set(outcome.intervals) == {"recall@10", "recall@100", "ndcg@10"}
    assert list((tmp_path / "keep" / "cache").iterdir())  # the vectors are kept for the next run


def test_the_split_keeps_searches_apart_and_all_rows() -> None:
    pairs = judged(KINDS)
    train, test = split(pairs)
    assert not set(train["search_term"]) & set(test["search_term"])
    assert len(train) + len(test) == len(pairs)
    assert test["search_term"].nunique() == int(0.3 * pairs["search_term"].nunique())
    pd.testing.assert_frame_equal(split(pairs)[1], test)


def test_metrics_by_hand() -> None:
    scores = np.linspace(1, 0, 200).astype(np.float32)
    search = Search("x", np.array([0, 50, 150]), np.array([1.0, 3.0, 2.33]))
    found = measured(scores, search)
    assert found["recall@10"] == 0
    assert found["recall@100"] == 0.5
    gains = np.array([1, 7, 2**2.33 - 1])
    discount = 1 / np.log2([2, 3, 4])
    assert found["ndcg@10"] == pytest.approx(gains @ discount / (np.sort(gains)[::-1] @ discount))


def test_a_search_without_relevant_titles_has_no_recall() -> None:
    assert set(measured(np.ones(5, np.float32), Search("x", np.array([1]), np.array([1.0])))) == {"ndcg@10"}


def test_double_judgements_are_averaged_and_gaps_left_out(tmp_path: Path) -> None:
    rows = [("a", "T", "3"), ("a", "T", "1"), ("b", None, "2"), ("c", "U", "nonsense"), ("NA", "V", "2")]
    pd.DataFrame(rows, columns=["search_term", "product_title", "relevance"]).to_csv(tmp_path / "x.csv", index=False)
    assert read(tmp_path / "x.csv").to_numpy().tolist() == [["a", "T", 2.0]]


def test_broken_files_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="--data"):
        evaluate(Inputs())
    with pytest.raises(SettingError, match="both --train"):
        evaluate(Inputs(train=tmp_path / "x.csv"))
    with pytest.raises(DataError, match="no file"):
        read(tmp_path / "none.csv")
    (tmp_path / "x.csv").write_text("search_term,relevance\na,3\n")
    with pytest.raises(DataError, match="lacks the column product_title"):
        read(tmp_path / "x.csv")
    (tmp_path / "y.csv").write_text("search_term,product_title,relevance\n,,\n")
    with pytest.raises(DataError, match="no judged search"):
        read(tmp_path / "y.csv")
