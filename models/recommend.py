"""What to show next: views of taste, mixed with what learned models expect, each item with its evidence."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from data.errors import ToolError
from models.base import Model, load_frame, load_json, save_frame, save_json
from models.content import NEAR, content_of, nearest_content
from models.evidence import Background, Evidence, Recommendation, strongest_evidence
from models.expected import LISTED, Expected, shortlists, visit_model, visit_trial, visits_of
from models.neighbours import Matrix, cut_off, positions
from models.signals import SIGNALS, Signals, circles, events_log, newly_bought, repeat_share, signals_of
from models.taste import Mix, Scores, Views
from models.taste_mix import MIXES, WEIGHTS, Trial, choose_mix, choose_weight, judged

if TYPE_CHECKING:
    from data.store import Snapshot

__all__ = ["Evidence", "RecommendModel", "Recommendation"]

TEST_DAYS = 30
EXPLAINED_AT_ONCE = 200
"""Customers whose scores lie in memory at once while pairs are explained."""
REPEAT_SHARE = 0.5
"""Items already bought are shown again only where at least this share of what people buy is bought again."""


class RecommendModel(Model):
    """r_i = Σ_j w_ij p_j over a customer's recency-decayed history, mixed with three other views of taste, with the
    list that boosted trees make for them (`next_basket`) and with what a running visit leads to (`session`).

    Each part is scaled to a largest value of 1 and the parts are added; the weights come from a time split, and what
    doesn't help there weighs nothing. `metrics` hold recall@20 and ndcg@20 of the new items of 30 days, popularity's on
    the same customers and, where lists serve, those of the views alone; `visit_…` are the same of a visit's next step.
    """

    name: ClassVar[str] = "recommend"
    FORMAT: ClassVar[int] = 2

    def __init__(self) -> None:
        super().__init__()
        self.items = pd.Index([], dtype=object)
        self.customers = pd.Index([], dtype=object)
        self.mix: Mix = (0.3, 0.15, 0.3)
        self.repeats = False
        self._vectors: pd.DataFrame | None = None
        self._content_name = "titles"
        self._signals: Matrix = sp.csr_matrix((0, 0))
        self._bought: Matrix = sp.csr_matrix((0, 0))
        self._buyers_of: Matrix = sp.csc_matrix((0, 0))
        self._friends: Matrix = sp.csr_matrix((0, 0))
        self._weights: Matrix = sp.csr_matrix((0, 0))
        self._content: Any = np.zeros((0, 1), dtype=np.float32)
        self._similar: Matrix = sp.csr_matrix((0, 0))
        self._views: Views | None = None
        self._expected = Expected(0)
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
        id, the latest first) added to it; without any the session's `seeds` (product ids, the latest first) do;
        without either the best sellers are shown. Out-of-stock and inactive products never come (unknown stock may),
        nor do the seeds or, in a shop where few things are bought twice, what the customer has. `allowed` narrows the
        choice to these product ids.
        """
        self.require_fitted()
        if self.items.empty:
            return []
        customer = int(positions(self.customers, [customer_id])[0]) if customer_id is not None else -1
        taste = self._signals[customer] if customer >= 0 else sp.csr_matrix((1, len(self.items)))
        friends = self._friends[customer] if customer >= 0 else sp.csr_matrix((1, len(self.customers)))
        path = self._path([product for kind, product in live if kind in SIGNALS])
        if live:
            taste = (taste + self._live(live)).tocsr()
        seeded = positions(self.items, seeds)
        seeded = seeded[seeded >= 0]
        if taste.nnz == 0 and len(seeded):
            path = self._path(seeds)
            taste = sp.csr_matrix((np.ones(len(seeded)), (np.zeros(len(seeded), int), seeded)), shape=taste.shape)
        open_to = self._available(snapshot)
        open_to[seeded] = False
        if not self.repeats:
            open_to[self._live([one for one in live if one[0] == "purchase"]).indices] = False
            if customer >= 0:
                open_to[self._bought[customer].indices] = False
        parts = self._seen().parts(taste, friends, self._expected.now(customer, path))
        best, scores = next(
            self._seen().first(parts, self.mix, open_to=self._narrowed(open_to, allowed), had=None, limit=limit)
        )
        background = self._background()
        given = _given(parts, np.zeros(len(best), dtype=np.intp), best)
        found = []
        for item, score, shares in zip(best, scores, given, strict=True):
            evidence = strongest_evidence(int(item), shares, taste, friends, background=background)
            found.append(Recommendation(str(self.items[item]), float(score), evidence))
        return found

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
        found = self._seen().best(
            taste,
            friends,
            self.mix,
            expected=self._expected.of(rows),
            open_to=self._narrowed(self._available(snapshot), allowed),
            had=None if self.repeats else (known @ self._bought[rows]).tocsr(),
            limit=limit,
        )
        names = self.items.to_numpy()
        return [list(map(str, names[items])) for items, _ in found]

    def explain(self, pairs: Sequence[tuple[str, str]]) -> list[Evidence]:
        """What speaks for each (customer, product), in the order given; a product that is unknown has no buyers."""
        self.require_fitted()
        found = [Evidence("popular", "weak", buyers=0)] * len(pairs)
        customers = positions(self.customers, [customer for customer, _ in pairs])
        items = positions(self.items, [product for _, product in pairs])
        background = self._background()
        known, row_of = np.unique(customers, return_inverse=True)
        for start in range(0, len(known), EXPLAINED_AT_ONCE):
            rows = known[start : start + EXPLAINED_AT_ONCE]
            there = sp.diags((rows >= 0).astype(float))  # of someone unknown nothing is known
            taste, friends = (there @ self._signals[rows]).tocsr(), (there @ self._friends[rows]).tocsr()
            places = np.flatnonzero((row_of >= start) & (row_of < start + len(rows)) & (items >= 0))
            given = _given(self._seen().parts(taste, friends), row_of[places] - start, items[places])
            for place, shares in zip(places, given, strict=True):
                row, item = int(row_of[place]) - start, int(items[place])
                found[place] = strongest_evidence(item, shares, taste[row], friends[row], background=background)
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

    def _seen(self) -> Views:
        """The views of taste, made once of what was fitted or loaded."""
        if self._views is None:
            self._views = Views(self._weights.T.tocsr(), self._similar, self._bought, self._popular)
        return self._views

    def _background(self) -> Background:
        return Background(self.items, self._weights, self._buyers_of, self._content, self._shoppers)

    def _path(self, latest_first: Sequence[str]) -> list[int]:
        """The places of known products, the latest last."""
        found = positions(self.items, latest_first)[::-1]
        return [int(item) for item in found[found >= 0]]

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
        events = events.loc[events["kind"].isin(list(SIGNALS)) & (events["at"] < now)]
        visits = visits_of(events, self.items)
        columns = ["at", "customer_id", "kind", "product_id", "unit_price"]
        events = events.loc[events["customer_id"].notna(), columns].astype(
            {"customer_id": object, "product_id": object}
        )
        ids = [snapshot.frame("customers")["customer_id"], events["customer_id"]]
        self.customers = pd.Index(pd.unique(pd.concat([i.astype(object) for i in ids]))).sort_values()
        self._content, self._content_name = content_of(products, self.items, self._vectors)
        self._similar = nearest_content(self._content)
        self._friends = circles(snapshot.frame("relations"), self.customers)
        log = events_log(events, self.customers, self.items)
        self.repeats = repeat_share(log, now) >= REPEAT_SHARE
        bought = events[events["kind"] == "purchase"]
        weights = self._measure(log, bought, visits, now, seed)
        self._learn(signals_of(log, now, (len(self.customers), len(self.items))))
        lists, ranker = None, weights.visits
        if weights.list_weight:
            lists = self._listed(bought, now, None, seed)
        if ranker is not None and weights.visit_weight:
            ranker.recount([path for _, path in visits])
        self._expected = replace(weights, lists=lists, visits=ranker)

    def _learn(self, known: Signals) -> None:
        self._signals, self._bought, self._weights = known.strength, known.bought, known.weights
        self._popular = known.popular
        self._index_buyers()

    def _index_buyers(self) -> None:
        self._buyers_of = self._bought.tocsc()
        self._shoppers = int(np.count_nonzero(np.diff(self._bought.indptr)))
        self._views = None

    def _measure(
        self,
        log: pd.DataFrame,
        bought: pd.DataFrame,
        visits: list[tuple[pd.Timestamp, list[int]]],
        now: pd.Timestamp,
        seed: int,
    ) -> Expected:
        """Chooses the weights by what happened in the last 30 days, and measures what the first half of it would choose
        on the other half.
        """
        nothing = Expected(len(self.items))
        cut = now - pd.Timedelta(TEST_DAYS, "D")
        past, later = log[log["at"] < cut], log[log["at"] >= cut]
        if past["bought"].sum() == 0 or later["bought"].sum() == 0:
            return nothing
        self._learn(known := signals_of(past, cut, (len(self.customers), len(self.items))))
        wanted = newly_bought(later[later["customer"].isin(past["customer"])], known)
        lists = None
        if not self.repeats:  # lists name what is new to a customer
            takers = [str(customer) for customer in self.customers[np.flatnonzero(np.diff(wanted.indptr))]]
            lists = self._listed(bought, cut, takers, seed)
        trial = Trial.drawn(self._seen(), self._signals, self._friends, wanted, lists)
        mix = choose_mix(trial)
        if mix is None:
            return nothing
        self.mix, weight = mix, choose_weight(trial, mix)
        self.metrics = judged(trial, mix, weight)
        ranker = visit_model([path for at, path in visits if at < cut], seed=seed)
        if ranker is None:
            return replace(nothing, list_weight=weight)
        steps = visit_trial(self._seen(), ranker, [path for at, path in visits if at >= cut])
        step_weight = choose_weight(steps, mix)
        self.metrics |= {f"visit_{name}": value for name, value in judged(steps, mix, step_weight).items()}
        return replace(nothing, list_weight=weight, visits=ranker, visit_weight=step_weight)

    def _listed(self, bought: pd.DataFrame, now: pd.Timestamp, asked: list[str] | None, seed: int) -> Matrix | None:
        return shortlists(bought, now, self.customers, self.items, asked=asked, days=TEST_DAYS, seed=seed)

    def _parameters(self) -> Mapping[str, Any]:
        mixes = [list(mix) for mix in MIXES]
        return {"content": self._content_name, "mixes": mixes, "near": NEAR, "weights": list(WEIGHTS), **LISTED}

    def _save(self, folder: Path) -> None:
        for name in ("_signals", "_bought", "_friends", "_weights", "_similar"):
            sp.save_npz(folder / f"{name.strip('_')}.npz", getattr(self, name))
        if sp.issparse(self._content):
            sp.save_npz(folder / "content.npz", self._content)
        else:
            np.save(folder / "content.npy", self._content)
        save_frame(folder, "items", pd.DataFrame({"popular": self._popular}, index=self.items.rename("product_id")))
        save_frame(folder, "customers", pd.DataFrame({"customer_id": self.customers.astype(str)}))
        settings = {"mix": list(self.mix), "repeats": self.repeats, "content": self._content_name}
        save_json(folder, "settings", settings)
        self._expected.save(folder)

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
        self._similar = sp.load_npz(folder / "similar.npz").tocsr()
        items = load_frame(folder, "items")
        self.items, self._popular = pd.Index(items.index.astype(object)), items["popular"].to_numpy(float)
        self.customers = pd.Index(load_frame(folder, "customers")["customer_id"].astype(object))
        self._expected = Expected.load(folder, len(self.items))
        self._masks = {}


def _given(parts: Mapping[str, Matrix], rows: NDArray[np.intp], items: NDArray[np.intp]) -> list[dict[str, float]]:
    """What each part gives the `items`, each to the row beside it."""
    given = {name: np.asarray(part[rows, items]).ravel() for name, part in parts.items()}
    return [{name: float(values[place]) for name, values in given.items()} for place in range(len(items))]
