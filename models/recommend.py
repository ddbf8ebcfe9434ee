"""What to show next: item neighbours mixed with content, friends and popularity, each item with its evidence."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from data.errors import ToolError
from models.base import Model, load_frame, load_json, save_frame, save_json
from models.evidence import Background, Evidence, Recommendation, strongest_evidence
from models.neighbours import (
    RECENCY_DAYS,
    Matrix,
    age_in_days,
    cut_off,
    decayed,
    item_neighbours,
    ones,
    positions,
    strongest,
)

if TYPE_CHECKING:
    from data.store import Snapshot

__all__ = ["Evidence", "RecommendModel", "Recommendation"]

SIGNALS = {"purchase": 1.0, "add_to_cart": 0.5, "view": 0.2}
"""Weight of an event in p_j before its age counts."""
POPULAR_DAYS = 7.0
TEST_DAYS = 30
TEST_CUSTOMERS = 1500
CUT = 20
EXPLAINED_AT_ONCE = 200
"""Customers whose scores lie in memory at once while pairs are explained."""
MIXES = tuple((content, popular, 0.3) for content in (0.15, 0.3, 0.6) for popular in (0.0, 0.15, 0.4))
"""Weights of content, popularity and friends beside the neighbours' 1, among which the time split chooses."""
REPEAT_SHARE = 0.5
"""Items already bought are shown again only where at least this share of what people buy is bought again."""

Scores = NDArray[np.float64]


class RecommendModel(Model):
    """r_i = Σ_j w_ij p_j over a customer's recency-decayed history, mixed with three other views of taste.

    Each part is scaled to a largest value of 1 and the parts are added; the weights come from a time split.
    `metrics` hold recall@20 and ndcg@20 of the new items of 30 days, and popularity's on the same customers.
    """

    name: ClassVar[str] = "recommend"

    def __init__(self) -> None:
        super().__init__()
        self.items = pd.Index([], dtype=object)
        self.customers = pd.Index([], dtype=object)
        self.mix: tuple[float, float, float] = (0.3, 0.15, 0.3)
        self.repeats = False
        self._vectors: pd.DataFrame | None = None
        self._content_name = "titles"
        self._signals: Matrix = sp.csr_matrix((0, 0))
        self._bought: Matrix = sp.csr_matrix((0, 0))
        self._buyers_of: Matrix = sp.csc_matrix((0, 0))
        self._friends: Matrix = sp.csr_matrix((0, 0))
        self._weights: Matrix = sp.csr_matrix((0, 0))
        self._content: Any = np.zeros((0, 1), dtype=np.float32)
        self._popular: Scores = np.zeros(0)
        self._shoppers = 0
        self._masks: dict[str, NDArray[np.bool_]] = {}

    def fit(
        self,
        snapshot: Snapshot,
        *,
        as_of: pd.Timestamp | None = None,
        seed: int = 0,
        vectors: pd.DataFrame | None = None,
    ) -> Self:
        """Fits; `vectors` are the index's (one row a product id, unit length), else titles' TF-IDF is the content."""
        self._vectors = vectors
        try:
            return super().fit(snapshot, as_of=as_of, seed=seed)
        finally:
            self._vectors = None

    def recommend(
        self,
        snapshot: Snapshot,
        customer_id: str | None,
        *,
        seeds: Sequence[str] = (),
        live: Sequence[tuple[str, str]] = (),
        allowed: Collection[str] | None = None,
        limit: int = 3,
    ) -> list[Recommendation]:
        """The best `limit` products for a customer, best first, each with its evidence.

        The customer's history leads, with what happened since the snapshot (`live`: kind of event and product
        id) added to it; without any the session's `seeds` (product ids) do; without either the best sellers are
        shown. Out-of-stock and inactive products never come (unknown stock may), nor do the seeds or, in a shop
        where few things are bought twice, what the customer has. `allowed` narrows the choice to these product ids.
        """
        self.require_fitted()
        if self.items.empty:
            return []
        customer = int(positions(self.customers, [customer_id])[0]) if customer_id is not None else -1
        taste = self._signals[customer] if customer >= 0 else sp.csr_matrix((1, len(self.items)))
        friends = self._friends[customer] if customer >= 0 else sp.csr_matrix((1, len(self.customers)))
        fresh = self._live(live)
        taste = (taste + fresh).tocsr()
        seeded = positions(self.items, seeds)
        seeded = seeded[seeded >= 0]
        if taste.nnz == 0 and len(seeded):
            taste = sp.csr_matrix((np.ones(len(seeded)), (np.zeros(len(seeded), int), seeded)), shape=taste.shape)
        open_to = self._available(snapshot)
        open_to[seeded] = False
        if not self.repeats:
            open_to[self._live([one for one in live if one[0] == "purchase"]).indices] = False
            if customer >= 0:
                open_to[self._bought[customer].indices] = False
        return self._explained(taste, friends, self._narrowed(open_to, allowed), limit)

    def favourites(
        self, snapshot: Snapshot, customer_ids: Sequence[str], *, allowed: Collection[str] | None = None, limit: int = 3
    ) -> list[list[str]]:
        """For each customer the ids that `recommend` would give, the best first: many at once, without evidence."""
        self.require_fitted()
        rows = positions(self.customers, customer_ids)
        if self.items.empty or not len(rows):
            return [[] for _ in rows]
        known = sp.diags((rows >= 0).astype(float))  # the row of someone unknown is empty
        taste, friends = (known @ self._signals[rows]).tocsr(), (known @ self._friends[rows]).tocsr()
        scores = _mixed(self._parts(taste, friends), self.mix)
        if not self.repeats:
            scores[(known @ self._bought[rows]).nonzero()] = -np.inf
        columns = np.flatnonzero(self._narrowed(self._available(snapshot), allowed))
        scores, names = scores[:, columns], self.items[columns].astype(str).to_numpy()
        best = np.argsort(-scores, axis=1, kind="stable")[:, : max(limit, 0)]
        return [
            [str(name) for name in names[chosen[np.isfinite(row[chosen])]]]
            for row, chosen in zip(scores, best, strict=True)
        ]

    def explain(self, pairs: Sequence[tuple[str, str]]) -> list[Evidence]:
        """What speaks for each (customer, product), in the order given; a product that is unknown has no buyers."""
        self.require_fitted()
        found = [Evidence("popular", "weak", buyers=0)] * len(pairs)
        customers = positions(self.customers, [customer for customer, _ in pairs])
        items = positions(self.items, [product for _, product in pairs])
        background = Background(self.items, self._weights, self._buyers_of, self._content, self._shoppers)
        known, row_of = np.unique(customers, return_inverse=True)
        for start in range(0, len(known), EXPLAINED_AT_ONCE):
            rows = known[start : start + EXPLAINED_AT_ONCE]
            there = sp.diags((rows >= 0).astype(float))  # of someone unknown nothing is known
            taste, friends = (there @ self._signals[rows]).tocsr(), (there @ self._friends[rows]).tocsr()
            parts = self._parts(taste, friends)
            inside = (row_of >= start) & (row_of < start + len(rows)) & (items >= 0)
            for place in np.flatnonzero(inside):
                row, item = int(row_of[place]) - start, int(items[place])
                given = {name: float(part[row, item]) for name, part in parts.items()}
                found[place] = strongest_evidence(item, given, taste[row], friends[row], background=background)
        return found

    def bought(self, customer_id: str) -> frozenset[str]:
        """Products that the customer has bought."""
        row = int(positions(self.customers, [customer_id])[0])
        return frozenset(map(str, self.items[self._bought[row].indices])) if row >= 0 else frozenset()

    def buyers(self, product_id: str) -> int:
        """How many customers ever bought the product."""
        item = int(positions(self.items, [product_id])[0])
        return int(np.diff(self._buyers_of.indptr)[item]) if item >= 0 else 0

    def related(
        self, snapshot: Snapshot, product_id: str, *, allowed: Collection[str] | None = None, limit: int = 3
    ) -> list[Recommendation]:
        """Products that go with one product; `ToolError` when the shop has no such product."""
        self.require_fitted()
        item = int(positions(self.items, [product_id])[0])
        if item < 0:
            examples = ", ".join(map(str, self.items[:3]))
            raise ToolError(f"no product {product_id}; product ids look like {examples}")
        return self.recommend(snapshot, None, seeds=[product_id], allowed=allowed, limit=limit)

    def _explained(
        self, taste: Matrix, friends: Matrix, open_to: NDArray[np.bool_], limit: int
    ) -> list[Recommendation]:
        parts = self._parts(taste, friends)
        scores = np.where(open_to, _mixed(parts, self.mix), -np.inf)[0]
        best = np.argsort(-scores, kind="stable")[: max(limit, 0)]
        background = Background(self.items, self._weights, self._buyers_of, self._content, self._shoppers)
        found = []
        for item in best[np.isfinite(scores[best])]:
            given = {name: part[0, item] for name, part in parts.items()}
            evidence = strongest_evidence(int(item), given, taste, friends, background=background)
            found.append(Recommendation(str(self.items[item]), float(scores[item]), evidence))
        return found

    def _parts(self, taste: Matrix, friends: Matrix) -> dict[str, Scores]:
        """The four parts, each (rows of `taste` × items) with a largest value of 1 a row, or all zero."""
        together = (taste @ self._weights.T).toarray()
        profile = np.asarray((taste @ self._content).todense() if sp.issparse(self._content) else taste @ self._content)
        similar = np.asarray(self._content @ profile.T, dtype=np.float64).T
        # What lies near everything says nothing of this taste, so only what is above the mean counts.
        similar = np.maximum(similar - similar.mean(axis=1, keepdims=True), 0.0)
        circle = (friends @ self._bought).toarray()
        popular = np.tile(self._popular, (taste.shape[0], 1))
        parts = {"together": together, "similar": similar, "popular": popular, "friends": circle}
        return {name: _scaled(part) for name, part in parts.items()}

    def _live(self, events: Sequence[tuple[str, str]]) -> Matrix:
        """The signals of what happened since the snapshot, one row over the items."""
        weights: dict[int, float] = {}
        told = [(SIGNALS[kind], product) for kind, product in events if kind in SIGNALS]
        for (weight, _), item in zip(told, positions(self.items, [product for _, product in told]), strict=True):
            if item >= 0:
                weights[int(item)] = max(weight, weights.get(int(item), 0.0))
        items = sorted(weights)
        shape = (1, len(self.items))
        return sp.csr_matrix(([weights[i] for i in items], (np.zeros(len(items), int), items)), shape=shape)

    def _available(self, snapshot: Snapshot) -> NDArray[np.bool_]:
        if snapshot.id not in self._masks:
            products = snapshot.frame("products").set_index("product_id")
            sellable = products["active"].astype(bool) & ~(products["stock"] <= 0)
            self._masks[snapshot.id] = sellable.reindex(self.items, fill_value=False).to_numpy(dtype=bool)
        return self._masks[snapshot.id].copy()

    def _narrowed(self, open_to: NDArray[np.bool_], allowed: Collection[str] | None) -> NDArray[np.bool_]:
        if allowed is None:
            return open_to
        inside = np.zeros(len(self.items), dtype=bool)
        found = positions(self.items, allowed)
        inside[found[found >= 0]] = True
        return open_to & inside

    def _fit(self, snapshot: Snapshot, *, as_of: pd.Timestamp, seed: int) -> None:
        self._masks = {}
        now = cut_off(snapshot, as_of)
        products = snapshot.frame("products")
        self.items = pd.Index(products["product_id"].astype(object))
        events = snapshot.frame("events")
        known = events["kind"].isin(list(SIGNALS)) & events["customer_id"].notna() & (events["at"] < now)
        events = events.loc[known, ["at", "customer_id", "kind", "product_id"]]
        relations = snapshot.frame("relations")
        ids = [snapshot.frame("customers")["customer_id"], events["customer_id"]]
        self.customers = pd.Index(pd.unique(pd.concat([i.astype(object) for i in ids]))).sort_values()
        self._content, self._content_name = _content(products, self.items, self._vectors)
        self._friends = self._circles(relations)
        log = pd.DataFrame(
            {
                "at": events["at"],
                "customer": positions(self.customers, events["customer_id"]),
                "item": positions(self.items, events["product_id"]),
                "weight": events["kind"].astype(object).map(SIGNALS).astype(float),
                "bought": events["kind"].eq("purchase").astype(bool),
            }
        )
        log = log[log["item"] >= 0]
        self.repeats = _repeat_share(log, now) >= REPEAT_SHARE
        self._measure(log, now)
        self._learn(log, now)

    def _circles(self, relations: pd.DataFrame) -> Matrix:
        one = positions(self.customers, relations["customer_id"])
        other = positions(self.customers, relations["other_id"])
        fine = (one >= 0) & (other >= 0) & (one != other)
        size = len(self.customers)
        links = sp.coo_matrix((np.ones(fine.sum()), (one[fine], other[fine])), shape=(size, size)).tocsr()
        return ones((links + links.T).tocsr())

    def _learn(self, log: pd.DataFrame, now: pd.Timestamp) -> None:
        shape = (len(self.customers), len(self.items))
        customer, item = log["customer"].to_numpy(), log["item"].to_numpy()
        fresh = decayed(age_in_days(log["at"], now), RECENCY_DAYS)
        self._signals = strongest(customer, item, fresh * log["weight"].to_numpy(), shape)
        bought = log["bought"].to_numpy()
        recent = strongest(customer[bought], item[bought], fresh[bought], shape)
        self._bought = ones(recent)
        self._index_buyers()
        self._weights = item_neighbours(recent)
        # A half-life of 90 days becomes one of 7: 0.5 ** (t / 7) = (0.5 ** (t / 90)) ** (90 / 7).
        recent.data = recent.data ** (RECENCY_DAYS / POPULAR_DAYS)
        self._popular = np.asarray(recent.sum(axis=0)).ravel()

    def _index_buyers(self) -> None:
        self._buyers_of = self._bought.tocsc()
        self._shoppers = int(np.count_nonzero(np.diff(self._bought.indptr)))

    def _measure(self, log: pd.DataFrame, now: pd.Timestamp) -> None:
        """Chooses the mix on half of the customers of the last 30 days and scores it on the other half."""
        cut = now - pd.Timedelta(TEST_DAYS, "D")
        past = log[log["at"] < cut]
        later = log[(log["at"] >= cut) & log["bought"]]
        if past["bought"].sum() == 0 or later.empty:
            return
        self._learn(past, cut)
        later = later[later["customer"].isin(past["customer"])]
        shape = self._bought.shape
        wanted = ones(sp.csr_matrix((np.ones(len(later)), (later["customer"], later["item"])), shape=shape))
        wanted = (wanted - wanted.multiply(self._bought)).tocsr()
        wanted.eliminate_zeros()
        testers = np.flatnonzero(np.diff(wanted.indptr))
        if len(testers) < 4:
            return
        testers = testers[np.linspace(0, len(testers) - 1, min(len(testers), TEST_CUSTOMERS)).astype(int)]
        choose, judge = testers[::2], testers[1::2]
        chosen = self._recall(choose, wanted, MIXES)
        self.mix = MIXES[int(np.argmax([recall for recall, _ in chosen]))]
        (recall, ndcg), (plain, plain_ndcg) = self._recall(judge, wanted, [self.mix, None])
        self.metrics = {
            "recall@20": recall,
            "recall@20_popular": plain,
            "ndcg@20": ndcg,
            "ndcg@20_popular": plain_ndcg,
            "customers": float(len(judge)),
        }

    def _recall(
        self, testers: NDArray[np.intp], wanted: Matrix, mixes: Sequence[tuple[float, float, float] | None]
    ) -> list[tuple[float, float]]:
        """Mean (recall@20, ndcg@20) over `testers` for each mix; None stands for popularity alone."""
        sums = np.zeros((len(mixes), 2))
        for start in range(0, len(testers), 100):
            rows = testers[start : start + 100]
            parts = self._parts(self._signals[rows], self._friends[rows])
            had, new = self._bought[rows].toarray() > 0, wanted[rows].toarray() > 0
            for number, mix in enumerate(mixes):
                scores = parts["popular"] if mix is None else _mixed(parts, mix)
                sums[number] += _hits(np.where(had, -1.0, scores), new)
        return [(float(recall), float(ndcg)) for recall, ndcg in sums / max(len(testers), 1)]

    def _parameters(self) -> Mapping[str, Any]:
        return {"content": self._content_name, "mixes": [list(mix) for mix in MIXES]}

    def _save(self, folder: Path) -> None:
        for name in ("_signals", "_bought", "_friends", "_weights"):
            sp.save_npz(folder / f"{name.strip('_')}.npz", getattr(self, name))
        if sp.issparse(self._content):
            sp.save_npz(folder / "content.npz", self._content)
        else:
            np.save(folder / "content.npy", self._content)
        save_frame(folder, "items", pd.DataFrame({"popular": self._popular}, index=self.items.rename("product_id")))
        save_frame(folder, "customers", pd.DataFrame({"customer_id": self.customers.astype(str)}))
        settings = {"mix": list(self.mix), "repeats": self.repeats, "content": self._content_name}
        save_json(folder, "settings", settings)

    def _load(self, folder: Path) -> None:
        for name in ("_signals", "_bought", "_friends", "_weights"):
            setattr(self, name, sp.load_npz(folder / f"{name.strip('_')}.npz").tocsr())
        self._index_buyers()
        settings = load_json(folder, "settings")
        content, popular, friends = settings["mix"]
        self.mix, self.repeats = (content, popular, friends), bool(settings["repeats"])
        self._content_name = settings["content"]
        sparse = self._content_name == "titles"
        self._content = sp.load_npz(folder / "content.npz").tocsr() if sparse else np.load(folder / "content.npy")
        items = load_frame(folder, "items")
        self.items, self._popular = pd.Index(items.index.astype(object)), items["popular"].to_numpy(float)
        self.customers = pd.Index(load_frame(folder, "customers")["customer_id"].astype(object))
        self._masks = {}


def _mixed(parts: Mapping[str, Scores], mix: tuple[float, float, float]) -> Scores:
    content, popular, friends = mix
    # A whisper of popularity breaks ties, so that someone of whom nothing is known sees the best sellers.
    return (
        parts["together"]
        + content * parts["similar"]
        + (popular + 1e-6) * parts["popular"]
        + friends * parts["friends"]
    )


def _scaled(part: Scores) -> Scores:
    return np.asarray(part / np.maximum(part.max(axis=1, keepdims=True, initial=0.0), 1e-12))


def _hits(scores: Scores, wanted: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Summed recall@20 and ndcg@20 over rows; every row wants something."""
    top = np.argsort(-scores, axis=1, kind="stable")[:, :CUT]
    hit = np.take_along_axis(wanted, top, axis=1)
    counts = wanted.sum(axis=1)
    discount = 1.0 / np.log2(np.arange(2, CUT + 2))
    ideal = np.cumsum(discount)[np.minimum(counts, CUT) - 1]
    return np.array([(hit.sum(axis=1) / counts).sum(), (hit @ discount[: hit.shape[1]] / ideal).sum()])


def _repeat_share(log: pd.DataFrame, now: pd.Timestamp) -> float:
    """Share of (customer, item) pairs first bought 90 days ago or more that were bought on another day since."""
    bought = log.loc[log["bought"], ["customer", "item", "at"]]
    days = bought.assign(day=bought["at"].dt.normalize()).groupby(["customer", "item"])["day"].agg(["min", "max"])
    old = days[days["min"] < now - pd.Timedelta(90, "D")]
    return float((old["max"] > old["min"]).mean()) if len(old) else 0.0


def _content(products: pd.DataFrame, items: pd.Index, vectors: pd.DataFrame | None) -> tuple[Any, str]:
    """Unit rows, one an item, and their name: the index's vectors, or TF-IDF of titles, brands and categories."""
    if vectors is not None:
        dense = vectors.reindex(items).fillna(0.0).to_numpy(dtype=np.float32)
        return dense, "vectors " + hashlib.sha256(dense.tobytes()).hexdigest()[:12]
    from sklearn.feature_extraction.text import TfidfVectorizer  # slow to import, and needed for fitting only

    words = products[["title", "category", "brand"]].fillna("").astype(str).agg(" ".join, axis=1)
    try:
        return TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True).fit_transform(words).tocsr(), "titles"
    except ValueError:  # not one word in any title
        return sp.csr_matrix((len(items), 1)), "titles"
