"""Text features: what a customer's words are about, and how alike the things are that they buy and look at.

Topics are the main directions of the shop's catalogue (latent semantic analysis, Deerwester et al. 1990): titles
and descriptions as hashed words weighted by rarity, then the leading eigenvectors. The catalogue does not move with
time, so a topic means the same at every cut-off. Memory grows with pairs of customer and product or text, not with
events.
"""

import re
import zlib

import ibis
import numpy as np
import pandas as pd
from ibis import _
from numpy.typing import NDArray
from scipy import linalg, sparse

Floats = NDArray[np.float64]

TOPICS = 4
_WIDTH = 512
_RECENT_DAYS = 30.0
_WORD = re.compile(r"[^\W\d_]{3,}|[\u4e00-\u9fff]")
_STOP = frozenset(("and", "for", "the", "with", "without", "from", "this", "that", "set", "not", "very", "was", "but"))


def topic_features(
    past: ibis.Table, products: ibis.Table, customers: pd.Index, vectors: pd.DataFrame | None
) -> pd.DataFrame:
    """Index `customers`; topic_1 to topic_4 (of searches, reviews and titles bought), taste_focus and interest_fit.

    `past` are events before the cut-off with their `age` in days. taste_focus is the mean cosine between the
    things bought (1: all alike); interest_fit the cosine between what was looked at in the last 30 days and
    what was bought. NaN where nothing was said, bought or looked at.
    """
    catalogue = products.select("product_id", "title", "description").execute().sort_values("product_id")
    titles = catalogue["title"].fillna("").astype(str)
    names = _hashed(titles.tolist())
    words = names + _hashed(catalogue["description"].fillna("").astype(str).tolist())
    rarity = np.log((1 + len(catalogue)) / (1 + np.asarray((words > 0).sum(axis=0)).ravel()))
    axes = _axes(_unit_rows(words @ sparse.diags(rarity)))
    alike = _unit_rows(names) if vectors is None else _product_space(catalogue["product_id"], vectors)
    place = pd.Series(np.arange(len(catalogue)), index=catalogue["product_id"].astype(str))

    bought = _pairs(past.filter(_.kind == "purchase"), "product_id", place, customers)
    looked = _pairs(
        past.filter(_.kind.isin(("view", "add_to_cart")) & (_.age <= ibis.literal(_RECENT_DAYS, "float64"))),
        "product_id",
        place,
        customers,
    )
    said = past.filter(_.kind.isin(("search", "review")) & _.text.notnull())
    texts = pd.Index(sorted(said.select("text").distinct().execute()["text"].astype(str)))
    spoken = _pairs(said, "text", pd.Series(np.arange(len(texts)), index=texts), customers)
    own_words = spoken @ _hashed(list(texts)) + bought @ names
    topics = _unit_rows(own_words @ sparse.diags(rarity)) @ axes
    silent = np.asarray(own_words.sum(axis=1)).ravel() == 0
    frame = pd.DataFrame(np.where(silent[:, None], np.nan, topics), index=customers)
    frame.columns = pd.Index([f"topic_{i + 1}" for i in range(TOPICS)])
    frame["taste_focus"], frame["interest_fit"] = _likeness(bought, looked, alike)
    return frame


def _hashed(texts: list[str]) -> sparse.csr_matrix:
    """Bags of words, (texts, _WIDTH): stable hashes of the words' stems, so no vocabulary needs to be kept."""
    rows, columns = [], []
    for row, text in enumerate(texts):
        for word in _WORD.findall(text.lower()):
            if word not in _STOP:
                stem = word[:-1] if word.endswith("s") and len(word) > 3 else word
                rows.append(row)
                columns.append(zlib.crc32(stem.encode()) % _WIDTH)
    counts = np.ones(len(rows))
    return sparse.csr_matrix((counts, (rows, columns)), shape=(len(texts), _WIDTH))


def _unit_rows(matrix: sparse.spmatrix) -> sparse.csr_matrix:
    length = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    return sparse.diags(1 / np.where(length > 0, length, 1.0)) @ matrix


def _axes(matrix: sparse.csr_matrix) -> Floats:
    """The leading TOPICS directions of the rows, (_WIDTH, TOPICS), turned so that the largest entry is positive."""
    gram = (matrix.T @ matrix).toarray()
    _values, directions = linalg.eigh(gram, subset_by_index=(_WIDTH - TOPICS, _WIDTH - 1))
    axes = directions[:, ::-1]
    strongest = np.abs(axes).argmax(axis=0)
    return np.asarray(axes * np.where(axes[strongest, np.arange(TOPICS)] < 0, -1.0, 1.0))


def _product_space(ids: pd.Series, vectors: pd.DataFrame) -> Floats:
    """Unit vectors of the products, by position; zeros where `vectors` has none."""
    rows = vectors.reindex(ids.astype(str)).fillna(0.0).to_numpy(dtype=np.float64)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(length > 0, length, 1.0))


def _pairs(events: ibis.Table, column: str, place: "pd.Series[int]", customers: pd.Index) -> sparse.csr_matrix:
    """How often each customer met each product or text, (customers, len(place))."""
    counts = events.filter(events[column].notnull()).group_by("customer_id", thing=events[column]).agg(n=_.count())
    frame = counts.execute()
    row = customers.get_indexer(frame["customer_id"].astype(str))
    thing = place.reindex(frame["thing"].astype(str)).to_numpy(dtype=np.float64)
    known = (row >= 0) & np.isfinite(thing)
    cells = (row[known], thing[known].astype(np.int64))
    return sparse.csr_matrix((frame["n"].to_numpy(np.float64)[known], cells), shape=(len(customers), len(place)))


def _likeness(
    bought: sparse.csr_matrix, looked: sparse.csr_matrix, alike: "sparse.csr_matrix | Floats"
) -> tuple[Floats, Floats]:
    owned, seen = bought @ alike, looked @ alike
    number = np.asarray(bought.sum(axis=1)).ravel()
    length, length_seen = np.sqrt(_dots(owned, owned)), np.sqrt(_dots(seen, seen))
    with np.errstate(divide="ignore", invalid="ignore"):
        focus = np.where(number > 0, (length / number) ** 2, np.nan)
        both = (length > 0) & (length_seen > 0)
        fit = np.where(both, _dots(owned, seen) / (length * length_seen), np.nan)
    return focus, fit


def _dots(one: "sparse.csr_matrix | Floats", other: "sparse.csr_matrix | Floats") -> Floats:
    products = sparse.csr_matrix(one).multiply(other) if sparse.issparse(one) else np.asarray(one) * other
    return np.asarray(products.sum(axis=1), dtype=np.float64).ravel()
