"""The bench of search: its vectors, its truth, and what it measures on a small catalogue."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data.errors import SettingError
from eval import bench_search
from eval.task import Inputs
from index.embed import Progress, Vectors


class HashEncoder:
    """An embedding model in miniature: the letters of a text, in 24 numbers."""

    name = "letters"
    fingerprint = "letters"

    def encode(self, texts: Sequence[str], *, progress: Progress | None = None) -> Vectors:
        if progress is not None:
            progress(len(texts), len(texts))
        return np.stack([self._one(text) for text in texts])

    def _one(self, text: str) -> Vectors:
        total = np.zeros(24)
        for letters in {text[i : i + 3] for i in range(max(len(text) - 2, 1))}:
            seed = int.from_bytes(hashlib.sha256(letters.encode()).digest()[:4])
            total += np.random.default_rng(seed).normal(size=24)
        unit: Vectors = (total / np.linalg.norm(total)).astype(np.float32)
        return unit


@pytest.fixture
def judged(tmp_path: Path) -> Path:
    titles = [f"{kind} {thing}" for kind in ("oak", "tin", "red", "old") for thing in ("chair", "lamp", "mug", "bench")]
    rows = [(title, title.split()[1], 2.5) for title in titles]
    path = tmp_path / "judged.csv"
    pd.DataFrame(rows, columns=["product_title", "search_term", "relevance"]).to_csv(path, index=False)
    return path


def test_noise_keeps_titles_near_and_the_same_each_time() -> None:
    titles = HashEncoder().encode(["oak chair", "tin lamp"])
    found = bench_search.noisy(titles, 500, seed=1)
    np.testing.assert_array_equal(found, bench_search.noisy(titles, 500, seed=1))
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    assert (found[::2] @ titles[0]).mean() == pytest.approx(1 / np.sqrt(1 + bench_search.NOISE**2), abs=0.03)


def test_the_truth_is_the_largest_inner_products(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_search, "_BLOCK", 30)
    corpus = bench_search.noisy(HashEncoder().encode(["oak chair", "tin lamp", "mug"]), 100)
    asked = HashEncoder().encode(["oak", "lamps"])
    found = bench_search.nearest(corpus, asked, 10)
    expected = np.argsort(-(asked @ corpus.T), axis=1, kind="stable")[:, :10]
    np.testing.assert_array_equal(found, expected)


def test_it_measures_both_ways(judged: Path, tmp_path: Path) -> None:
    encoder = HashEncoder()
    done = bench_search.evaluate(
        Inputs(test=judged, keep=tmp_path), vectors=3000, large=1000, encoder=encoder, plain=encoder.encode
    )
    assert done.metrics["vectors"] == 3000
    assert 0.8 < done.metrics["recall@10"] <= 1
    assert 0 < done.metrics["lists_p50_ms"] <= done.metrics["p95_ms"]
    assert 0 < done.metrics["index_mb"] < 1
    assert set(done.floors) == {"all looked at", "sentence-transformers"}
    small = bench_search.evaluate(
        Inputs(test=judged, keep=tmp_path), vectors=500, encoder=encoder, plain=encoder.encode
    )
    assert small.metrics["recall@10"] == 1  # below the size of a large catalogue nothing is missed


def test_it_says_what_it_needs(judged: Path) -> None:
    with pytest.raises(SettingError, match="--test"):
        bench_search.evaluate(Inputs())
    with pytest.raises(SettingError, match="10 vectors or more"):
        bench_search.evaluate(Inputs(test=judged), vectors=3)
