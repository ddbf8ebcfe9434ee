"""Task `product_search`: rank the titles of a catalogue for searches whose relevance people judged.

The searches are split, not the pairs; the titles of both parts are ranked. A judged relevance of 2.33 or more (of 1 to
3) counts as relevant.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import bm25s
import numpy as np
import numpy.typing as npt
import pandas as pd

from data.errors import DataError, SettingError
from eval.metrics import interval, share
from eval.task import Inputs, Outcome
from index.build import embedded
from index.embed import Embedder, Encoder, Vectors
from index.fusion import RELEVANT, Judged, LearnedSearch

GIVEN = Path("home_depot") / "relevance.csv.gz"
COLUMNS = ("product_title", "search_term", "relevance")
TEST_SHARE = 0.3
SPLIT_SEED = 7
RECALLS = (10, 100)
NDCG = 10
RRF_K = 60
"""Damping of the floor that joins ranks, as in Cormack, Clarke and Büttcher (2009)."""

Scores = npt.NDArray[np.float32]
Rank = Callable[[str, Vectors], Scores]


@dataclass(frozen=True)
class Search:
    """A search with its judged titles, as places in the list of titles."""

    text: str
    places: npt.NDArray[np.intp]
    relevance: npt.NDArray[np.float64]


def evaluate(inputs: Inputs, *, encoder: Encoder | None = None) -> Outcome:
    """Learns the order from the training searches, and ranks all titles for the others."""
    paths, train, test = _parts(inputs)
    encoder = encoder or Embedder()
    titles = sorted({*train["product_title"], *test["product_title"]})
    texts = [*titles, *sorted({*train["search_term"], *test["search_term"]})]
    cache = None if inputs.keep is None else inputs.keep / "cache" / f"{encoder.fingerprint}.npz"
    held = embedded(texts, encoder, cache, lambda _, done: inputs.report("texts", int(100 * done), 100))
    vectors, of_query = held[: len(titles)], dict(zip(texts[len(titles) :], held[len(titles) :], strict=True))
    model = LearnedSearch(titles, vectors, seed=inputs.seed)
    model.fit(_judged(train, titles, of_query), progress=lambda done, total: inputs.report("training", done, total))
    rankings = {"": model.scores, **_floors(titles, vectors)}
    searches = _searches(test, titles)
    values: dict[str, dict[str, list[float]]] = {name: {metric: [] for metric in _METRICS} for name in rankings}
    for done, search in enumerate(searches):
        for name, rank in rankings.items():
            for metric, value in measured(rank(search.text, of_query[search.text]), search).items():
                values[name][metric].append(value)
        inputs.report("searches", done + 1, len(searches))
    means = {name: {metric: share(found) for metric, found in each.items()} for name, each in values.items()}
    bounds = {metric: interval(found, seed=inputs.seed) for metric, found in values[""].items()}
    return Outcome(
        metrics=means.pop("") | {"searches": float(len(searches)), "titles": float(len(titles))},
        intervals={metric: found for metric, found in bounds.items() if found is not None},
        floors=means,
        files=paths,
    )


def read(path: Path) -> pd.DataFrame:
    """The judged pairs of a CSV file with the columns of `COLUMNS`; rows that lack one of them are left out."""
    try:
        found = pd.read_csv(
            path, encoding="utf-8", encoding_errors="replace", dtype={"product_title": str, "search_term": str}
        )
    except FileNotFoundError:
        raise DataError(f"there is no file {path}") from None
    except (OSError, ValueError, pd.errors.ParserError) as error:
        raise DataError(f"{path} is not a CSV file of judged searches: {error}") from None
    missing = [column for column in COLUMNS if column not in found]
    if missing:
        raise DataError(f"{path} lacks the column {missing[0]}: it needs {', '.join(COLUMNS)}")
    found["relevance"] = pd.to_numeric(found["relevance"], errors="coerce")
    found = found.dropna(subset=list(COLUMNS))
    if found.empty:
        raise DataError(f"{path} holds no judged search: each row needs {', '.join(COLUMNS)}")
    # A title sold under two ids was judged twice: its relevance is their mean.
    return found.groupby(["search_term", "product_title"], sort=False)["relevance"].mean().reset_index()


def split(judged: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Training and test pairs with no search in both; always the same for the same file."""
    terms = judged["search_term"].unique()
    held_out = np.random.default_rng(SPLIT_SEED).permutation(len(terms))[: int(len(terms) * TEST_SHARE)]
    chosen = judged["search_term"].isin(terms[held_out])
    return judged[~chosen], judged[chosen]


_METRICS = (*(f"recall@{k}" for k in RECALLS), f"ndcg@{NDCG}")


def measured(scores: Scores, search: Search) -> dict[str, float]:
    """Recall of the relevant titles among all, where there are any, and NDCG over the judged ones (gain 2^r - 1)."""
    relevant = search.places[search.relevance >= RELEVANT]
    found = {}
    if len(relevant):
        top = _first(scores, max(RECALLS))
        found = {f"recall@{k}": float(np.isin(relevant, top[:k]).mean()) for k in RECALLS}
    gain = 2**search.relevance - 1
    discount = 1 / np.log2(np.arange(2, 2 + min(NDCG, len(gain))))
    reached = gain[np.argsort(-scores[search.places], kind="stable")][:NDCG] @ discount
    return found | {f"ndcg@{NDCG}": float(reached / (np.sort(gain)[::-1][:NDCG] @ discount))}


def _first(scores: Scores, k: int) -> npt.NDArray[np.intp]:
    """The places of the `k` largest scores, best first."""
    top = np.argpartition(-scores, k - 1)[:k] if len(scores) > k else np.arange(len(scores))
    return top[np.argsort(-scores[top], kind="stable")]


def _parts(inputs: Inputs) -> tuple[list[Path], pd.DataFrame, pd.DataFrame]:
    if inputs.train is not None and inputs.test is not None:
        return [inputs.train, inputs.test], read(inputs.train), read(inputs.test)
    if inputs.train is not None or inputs.test is not None:
        raise SettingError("give both --train and --test, CSV files of judged searches, or neither")
    if inputs.data is None or not (inputs.data / GIVEN).exists():
        raise SettingError("name CSV files with --train and --test, or the benchmark data's folder with --data")
    path = inputs.data / GIVEN
    return [path], *split(read(path))


def _judged(pairs: pd.DataFrame, titles: list[str], of_query: dict[str, Vectors]) -> Judged:
    terms = sorted(pairs["search_term"].unique())
    return Judged(
        queries=terms,
        vectors=np.stack([of_query[term] for term in terms]),
        query=pd.Index(terms).get_indexer(pd.Index(pairs["search_term"])),
        title=pd.Index(titles).get_indexer(pd.Index(pairs["product_title"])),
        relevance=pairs["relevance"].to_numpy(float),
    )


def _searches(pairs: pd.DataFrame, titles: list[str]) -> list[Search]:
    place = pd.Index(titles)
    return [
        Search(str(term), place.get_indexer(pd.Index(group["product_title"])), group["relevance"].to_numpy(float))
        for term, group in pairs.groupby("search_term", sort=True)
    ]


def _floors(titles: list[str], vectors: Vectors) -> dict[str, Rank]:
    """BM25 as its library comes, the encoder alone, and both joined by their ranks (Cormack et al. 2009)."""
    index = bm25s.BM25()
    index.index(_split(titles), show_progress=False)

    def bm25(query: str, _: Vectors) -> Scores:
        known = [word for word in _split([query])[0] if word in index.vocab_dict]
        return index.get_scores(known) if known else np.zeros(len(titles), np.float32)

    def meaning(_: str, vector: Vectors) -> Scores:
        return vectors @ vector

    def fused(query: str, vector: Vectors) -> Scores:
        return _by_rank(bm25(query, vector)) + _by_rank(meaning(query, vector))

    return {"BM25": bm25, "MiniLM": meaning, "rank fusion": fused}


def _split(texts: list[str]) -> list[list[str]]:
    return bm25s.tokenize(texts, stopwords="en", return_ids=False, show_progress=False)


def _by_rank(scores: Scores) -> Scores:
    ranks = np.empty(len(scores), dtype=np.float32)
    ranks[np.argsort(-scores)] = np.arange(1, len(scores) + 1)
    return np.float32(1) / (RRF_K + ranks)
