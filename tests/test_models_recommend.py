"""Recommendations: neighbours, evidence counted from real customers, stock, and what a stranger sees."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from data.errors import ModelError, ToolError
from data.store import Snapshot, Store
from models.evidence import wilson_low
from models.recommend import RecommendModel

NOW = pd.Timestamp("2024-05-01 18:00")
TENT, KETTLE, SOCKS, LAMP, ROPE, MUG = "P1", "P2", "P3", "P4", "P5", "P6"
TITLES = {
    TENT: "Storm Tent",
    KETTLE: "Camping Kettle",
    SOCKS: "Wool Socks",
    LAMP: "Paper Lamp",
    ROPE: "Storm Rope",
    MUG: "Tin Mug",
}

Shop = Callable[..., Snapshot]


def purchases(customer: str, *products: str, days_ago: int = 40) -> list[dict[str, Any]]:
    at = NOW - pd.Timedelta(days=days_ago)
    return [{"customer_id": customer, "product_id": p, "kind": "purchase", "quantity": 1, "at": at} for p in products]


def campers() -> list[dict[str, Any]]:
    """40 tent buyers of whom 36 have the kettle too, and 60 lamp buyers, 20 of whom have the socks."""
    log: list[dict[str, Any]] = []
    for number in range(40):
        log += purchases(f"c{number}", TENT, *([KETTLE] if number < 36 else []), days_ago=10 + number)
    for number in range(60):
        log += purchases(f"d{number}", LAMP, *([SOCKS] if number < 20 else []), days_ago=10 + number)
    return log


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    def make(
        log: list[dict[str, Any]],
        *,
        relations: list[tuple[str, str]] | None = None,
        products: dict[str, dict[str, object]] | None = None,
    ) -> Snapshot:
        changed = products or {}
        catalogue = [{"product_id": p, "title": t, "active": True} | changed.get(p, {}) for p, t in TITLES.items()]
        log = [*log, {"kind": "search", "at": NOW, "text": "end"}]
        events = pd.DataFrame([{"event_id": f"e{number}"} | row for number, row in enumerate(log)])
        who = events.get("customer_id", pd.Series(dtype=object)).dropna().unique()
        links = pd.DataFrame(relations or [], columns=["customer_id", "other_id"]).assign(kind="friend")
        return Store(tmp_path).write(
            {
                "events": events,
                "products": pd.DataFrame(catalogue),
                "customers": pd.DataFrame({"customer_id": [*who, "new"]}),
                "relations": links,
            },
            name="Camp",
            currency="EUR",
            source="test",
        )

    return make


def names(found: list[Any]) -> list[str]:
    return [one.product_id for one in found]


def test_evidence_is_counted_from_customers(shop: Shop) -> None:
    snapshot = shop([*campers(), *purchases("anna", TENT)])
    best = RecommendModel().fit(snapshot).recommend(snapshot, "anna")[0]
    assert best.product_id == KETTLE
    evidence = best.evidence
    assert (evidence.kind, evidence.strength, evidence.anchor) == ("together", "strong", TENT)
    assert (evidence.buyers, evidence.anchor_buyers) == (36, 41)
    assert evidence.share == pytest.approx(36 / 41)


def test_few_common_buyers_are_not_strong(shop: Shop) -> None:
    snapshot = shop([*campers(), *purchases("anna", LAMP)])
    best = RecommendModel().fit(snapshot).recommend(snapshot, "anna", allowed=[SOCKS])[0]
    assert best.evidence.buyers == 20
    assert best.evidence.strength == "fair"


def test_two_common_buyers_are_no_evidence(shop: Shop) -> None:
    log = [*campers(), *purchases("x", TENT, MUG), *purchases("y", TENT, MUG), *purchases("anna", TENT)]
    snapshot = shop(log)
    found = RecommendModel().fit(snapshot).recommend(snapshot, "anna", allowed=[MUG])
    assert names(found) == [MUG]
    assert found[0].evidence.kind != "together"


def test_what_they_have_and_what_is_gone_is_left_out(shop: Shop) -> None:
    gone: dict[str, dict[str, object]] = {KETTLE: {"stock": 0}, SOCKS: {"active": False}, LAMP: {"stock": 3}}
    snapshot = shop([*campers(), *purchases("anna", TENT)], products=gone)
    found = names(RecommendModel().fit(snapshot).recommend(snapshot, "anna", limit=10))
    assert set(found) == {LAMP, ROPE, MUG}, "only unknown or positive stock, and nothing already bought"


def test_a_shop_of_repeat_buyers_shows_things_again(shop: Shop) -> None:
    log = [row for n in range(12) for days in (130, 60, 5) for row in purchases(f"r{n}", SOCKS, MUG, days_ago=days + n)]
    snapshot = shop(log)
    model = RecommendModel().fit(snapshot)
    assert model.repeats
    assert SOCKS in names(model.recommend(snapshot, "r0", limit=10))


def test_seeds_speak_for_a_stranger_and_history_speaks_louder(shop: Shop) -> None:
    snapshot = shop([*campers(), *purchases("anna", LAMP)])
    model = RecommendModel().fit(snapshot)
    assert names(model.recommend(snapshot, None, seeds=[TENT], limit=1)) == [KETTLE]
    assert names(model.recommend(snapshot, "new", seeds=[TENT], limit=1)) == [KETTLE]
    assert names(model.recommend(snapshot, "anna", seeds=[TENT], limit=1)) == [SOCKS]
    assert names(model.recommend(snapshot, None, seeds=["nonsense"])) == names(model.recommend(snapshot, None))


def test_what_happened_since_counts_at_once(shop: Shop) -> None:
    snapshot = shop(campers())
    model = RecommendModel().fit(snapshot)

    def first(customer: str | None, *live: tuple[str, str]) -> str:
        return model.recommend(snapshot, customer, live=live, limit=1)[0].product_id

    assert first(None, ("view", TENT)) == KETTLE
    assert first("d50") != KETTLE  # lamps so far
    assert first("d50", ("add_to_cart", TENT)) == KETTLE
    shown = model.recommend(snapshot, None, live=[("view", TENT), ("purchase", KETTLE)], limit=9)
    assert KETTLE not in [one.product_id for one in shown]
    same = model.recommend(snapshot, None, live=[("email_open", TENT), ("view", "nothing")], limit=3)
    assert same == model.recommend(snapshot, None, limit=3)


def test_a_stranger_sees_the_best_sellers(shop: Shop) -> None:
    snapshot = shop([*campers(), *(row for n in range(45) for row in purchases(f"m{n}", MUG, days_ago=2))])
    first = RecommendModel().fit(snapshot).recommend(snapshot, "nobody")[0]
    assert (first.product_id, first.evidence.kind, first.evidence.buyers) == (MUG, "popular", 45)
    assert first.evidence.strength != "strong"


def test_friends_are_counted(shop: Shop) -> None:
    log = [*campers(), *purchases("f1", MUG), *purchases("f2", MUG), *purchases("f3", MUG), *purchases("anna", ROPE)]
    snapshot = shop(log, relations=[("anna", "f1"), ("f2", "anna"), ("anna", "f3"), ("f3", "anna")])
    best = RecommendModel().fit(snapshot).recommend(snapshot, "anna", allowed=[MUG])[0]
    assert (best.evidence.kind, best.evidence.friends, best.evidence.strength) == ("friends", 3, "strong")


def test_titles_speak_where_nobody_bought_both(shop: Shop) -> None:
    snapshot = shop([*campers(), *purchases("anna", TENT)])
    best = RecommendModel().fit(snapshot).recommend(snapshot, "anna", allowed=[ROPE])[0]
    assert (best.evidence.kind, best.evidence.anchor) == ("similar", TENT)
    assert best.evidence.similarity is not None
    assert 0 < best.evidence.similarity < 1
    assert best.evidence.strength != "strong"


def test_vectors_replace_titles(shop: Shop, tmp_path: Path) -> None:
    snapshot = shop([*campers(), *purchases("anna", TENT)])
    vectors = pd.DataFrame(np.zeros((2, 3)), index=[TENT, MUG])
    vectors.iloc[:, 0] = 1.0
    model = RecommendModel().fit(snapshot, vectors=vectors)
    assert model.version != RecommendModel().fit(snapshot).version
    evidence = model.recommend(snapshot, "anna", allowed=[MUG])[0].evidence
    assert evidence.kind == "similar"
    assert evidence.similarity == pytest.approx(1.0)
    model.save(tmp_path / "m")
    assert RecommendModel.load(tmp_path / "m").recommend(snapshot, "anna") == model.recommend(snapshot, "anna")


def test_what_was_only_looked_at_is_not_its_own_reason(shop: Shop) -> None:
    looked = [{"customer_id": "anna", "product_id": ROPE, "kind": "view", "at": NOW - pd.Timedelta(days=1)}]
    snapshot = shop([*campers(), *looked, *purchases("anna", TENT)])
    evidence = RecommendModel().fit(snapshot).recommend(snapshot, "anna", allowed=[ROPE])[0].evidence
    assert evidence.anchor != ROPE


def test_related_products_and_unknown_ones(shop: Shop) -> None:
    snapshot = shop(campers())
    model = RecommendModel().fit(snapshot)
    assert names(model.related(snapshot, KETTLE, limit=1)) == [TENT]
    with pytest.raises(ToolError, match="no product P99; product ids look like P1"):
        model.related(snapshot, "P99")


def test_nothing_after_the_cut_off_counts(shop: Shop, tmp_path: Path) -> None:
    early = [*campers(), *purchases("anna", TENT)]
    late = [row for n in range(40) for row in purchases(f"c{n}", MUG, days_ago=0)]
    cut = NOW - pd.Timedelta(days=3)
    with_future = shop([*early, *late])
    model = RecommendModel().fit(with_future, as_of=cut)
    found = model.recommend(with_future, "anna", limit=5)
    without = Store(tmp_path / "past")
    tables = {t: with_future.frame(t) for t in ("customers", "products", "relations")}
    events = with_future.frame("events")
    past = without.write(tables | {"events": events[events["at"] < cut]}, name="C", currency="EUR", source="test")
    again = RecommendModel().fit(past, as_of=cut).recommend(past, "anna", limit=5)
    assert [(one.product_id, one.evidence) for one in found] == [(one.product_id, one.evidence) for one in again]


def test_it_beats_popularity_on_a_time_split(shop: Shop) -> None:
    generator = np.random.default_rng(1)
    log: list[dict[str, Any]] = []
    for number in range(120):
        first, second = [(TENT, KETTLE), (LAMP, SOCKS), (ROPE, MUG)][number % 3]
        log += purchases(f"c{number}", first, days_ago=int(generator.integers(40, 90)))
        log += purchases(f"c{number}", second, days_ago=int(generator.integers(5, 70)))
    model = RecommendModel().fit(shop(log))
    assert model.metrics["ndcg@20"] > model.metrics["ndcg@20_popular"]


@pytest.mark.parametrize("log", [[], purchases("only", TENT)])
def test_the_smallest_shops_work(shop: Shop, log: list[dict[str, Any]]) -> None:
    snapshot = shop(log)
    model = RecommendModel().fit(snapshot)
    assert len(model.recommend(snapshot, "only")) == 3
    assert model.recommend(snapshot, "only", limit=0) == []
    assert model.recommend(snapshot, "only", allowed=[]) == []


def test_it_must_be_fitted(tiny_store: Store) -> None:
    with pytest.raises(ModelError, match="not trained"):
        RecommendModel().recommend(tiny_store.snapshot(), None)


@pytest.mark.parametrize(("hits", "trials", "low"), [(0, 0, 0.0), (0, 10, 0.0), (10, 10, 0.722), (118, 381, 0.265)])
def test_wilson_s_lower_bound(hits: int, trials: int, low: float) -> None:
    assert wilson_low(hits, trials) == pytest.approx(low, abs=0.001)


def test_favourites_are_the_recommendations_of_many_at_once(shop: Shop) -> None:
    snapshot = shop(campers(), relations=[("c0", "d1")], products={SOCKS: {"stock": 0}})
    model = RecommendModel().fit(snapshot, as_of=NOW, seed=0)
    customers = ["c0", "c39", "d1", "d50", "nobody"]
    one_by_one = [[r.product_id for r in model.recommend(snapshot, c, limit=3)] for c in customers]
    assert model.favourites(snapshot, customers, limit=3) == one_by_one
    assert model.favourites(snapshot, ["c39"], allowed=[MUG, SOCKS], limit=3) == [[MUG]]
    assert model.favourites(snapshot, [], limit=3) == []
