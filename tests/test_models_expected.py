"""What learned models expect beside the views of taste: when they weigh, what they read, and how they are kept."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from data.store import Snapshot, Store
from models.expected import LIVE_WEIGHT, Expected, by_place, shortlists, visits_of
from models.recommend import RecommendModel
from models.taste import Views
from models.taste_mix import Trial, choose_mix, choose_weight, judged

NOW = pd.Timestamp("2024-06-01")
RINGS, ROUND = 8, 10
MIX = (0.15, 0.0, 0.3)


def walked(visits: int = 1400, seed: int = 3) -> pd.DataFrame:
    """Views of visits over 120 days, each a few steps along one of the rings of products, and a purchase at its end.

    Co-purchases say nothing: somebody buys one product only, and where a visit goes next depends on its last step.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for visit in range(visits):
        at = NOW - pd.Timedelta(120, "D") + pd.Timedelta(int(visit * 120 * 24 * 60 / visits), "min")
        ring, start, steps = int(rng.integers(RINGS)), int(rng.integers(ROUND)), int(rng.integers(3, 7))
        path = [f"P{ring}{(start + step) % ROUND}" for step in range(steps)]
        who = f"c{visit % 300}"
        rows += [(at + pd.Timedelta(step, "s"), who, f"v{visit}", "view", item) for step, item in enumerate(path)]
        if visit % 3 == 0:
            rows.append((at + pd.Timedelta(60, "s"), who, f"v{visit}", "purchase", path[-1]))
    frame = pd.DataFrame(rows, columns=["at", "customer_id", "session_id", "kind", "product_id"])
    return frame.assign(event_id=[f"e{number:06}" for number in range(len(frame))], quantity=1.0, unit_price=2.0)


def opened(events: pd.DataFrame, folder: Path) -> Snapshot:
    ids = [f"P{ring}{place}" for ring in range(RINGS) for place in range(ROUND)]
    products = pd.DataFrame({"product_id": ids, "title": [f"thing {one}" for one in ids], "active": True})
    customers = pd.DataFrame({"customer_id": sorted(set(events["customer_id"].dropna()))})
    tables = {"events": events, "products": products, "customers": customers}
    return Store(folder).write(tables, name="Rings", currency="EUR", source="test")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return opened(walked(), tmp_path_factory.mktemp("rings"))


@pytest.fixture(scope="module")
def model(shop: Snapshot) -> RecommendModel:
    return RecommendModel().fit(shop, seed=0)


def test_where_visits_go_next_leads_where_it_was_right_on_the_time_split(shop: Snapshot, model: RecommendModel) -> None:
    found = model.metrics
    assert found["visit_ndcg@20"] > 2 * max(found["visit_ndcg@20_views"], found["visit_ndcg@20_popular"])
    seen = ["P32", "P31"]  # the latest first
    assert model.recommend(shop, None, seeds=seen, limit=1)[0].product_id == "P33"
    live = [("view", "P32"), ("view", "P31")]
    assert model.recommend(shop, "c7", live=live, limit=1)[0].product_id == "P33"
    assert "P33" not in [one.product_id for one in model.recommend(shop, None, seeds=seen, allowed=["P50"], limit=3)]


def test_it_is_kept_as_it_was(shop: Snapshot, model: RecommendModel, tmp_path: Path) -> None:
    items = len(model.items)
    listed = sp.csr_matrix(([1.0], ([3], [5])), shape=(len(model.customers), items))
    whole = RecommendModel().fit(shop, seed=0)
    whole._expected = replace(whole._expected, lists=listed, list_weight=4.0)
    whole.save(tmp_path)
    loaded = RecommendModel.load(tmp_path)
    who = str(model.customers[3])
    for ask in ({"seeds": ["P32"]}, {"live": [("view", "P71")]}, {}):
        assert loaded.recommend(shop, who, limit=5, **ask) == whole.recommend(shop, who, limit=5, **ask)
    assert loaded.recommend(shop, who, limit=1)[0].product_id == str(model.items[5])
    assert loaded.favourites(shop, [who, "nobody"], limit=2) == [
        [one.product_id for one in whole.recommend(shop, each, limit=2)] for each in (who, "nobody")
    ]


def test_what_comes_after_the_cut_off_is_not_read(shop: Snapshot, tmp_path: Path) -> None:
    cut = NOW - pd.Timedelta(20, "D")
    events = shop.frame("events")
    end = {"event_id": ["end"], "at": [cut + pd.Timedelta(1, "h")], "kind": ["search"], "text": ["what came later"]}
    past = opened(pd.concat([events[events["at"] < cut], pd.DataFrame(end)]), tmp_path)
    early, late = RecommendModel().fit(past, as_of=cut, seed=0), RecommendModel().fit(shop, as_of=cut, seed=0)
    assert early.metrics == late.metrics
    for seed in ("P04", "P55"):
        asked = [one.product_id for one in early.recommend(past, None, seeds=[seed], limit=5)]
        assert asked == [one.product_id for one in late.recommend(shop, None, seeds=[seed], limit=5)]


def test_visits_are_paths_in_time_of_known_products() -> None:
    at = pd.Timestamp("2024-01-01 10:00")
    rows = [
        (3, "late", "view", "B"),
        (4, "late", "purchase", "A"),
        (0, "early", "view", "A"),
        (1, "early", "view", "A"),  # looked at twice in a row: one step
        (2, "early", "add_to_cart", "C"),
        (5, "early", "view", "gone"),
        (5, "early", "search", "B"),
        (6, "alone", "view", "B"),
        (7, None, "view", "C"),
    ]
    log = pd.DataFrame(rows, columns=["minute", "session_id", "kind", "product_id"])
    log = log.assign(at=at + pd.to_timedelta(log["minute"], unit="min"), event_id=[f"e{n}" for n in range(len(log))])
    found = visits_of(log, pd.Index(["A", "B", "C"]))
    assert [path for _, path in found] == [[0, 2], [1, 0]]
    assert [when - at for when, _ in found] == [pd.Timedelta(2, "min"), pd.Timedelta(4, "min")]  # when each ended
    assert visits_of(log.iloc[:0], pd.Index(["A"])) == []


def test_a_list_weighs_less_once_something_happened() -> None:
    lists = by_place([[2, 1]], np.array([1]), (3, 4))
    expected = Expected(4, lists, list_weight=4.0)
    alone = expected.now(1, [])
    assert alone is not None
    np.testing.assert_allclose(alone.toarray(), 4.0 * lists[1].toarray())
    live = expected.now(1, [0])
    assert live is not None
    assert live.max() == pytest.approx(LIVE_WEIGHT)
    nobody = expected.now(-1, [])
    assert nobody is not None
    assert nobody.nnz == 0
    assert Expected(4).now(1, [0]) is None


def trial(expected: str, people: int = 80, items: int = 60) -> Trial:
    """People who want three items each, of which the views know nothing; a model that is right, or that guesses."""
    rng = np.random.default_rng(0)
    nothing = sp.csr_matrix((people, items))
    views = Views(sp.csr_matrix((items, items)), sp.csr_matrix((items, items)), nothing, np.arange(items, dtype=float))
    wanted = [rng.permutation(items)[:3].tolist() for _ in range(people)]
    guess = [rng.permutation(items)[:3].tolist() for _ in range(people)]
    rows = np.arange(people)
    told = by_place(wanted if expected == "right" else guess, rows, (people, items))
    friends = sp.csr_matrix((people, people))
    return Trial.drawn(views, nothing, friends, by_place(wanted, rows, (people, items)), told)


def test_a_model_weighs_where_it_is_right_and_not_where_it_guesses() -> None:
    right, guess = trial("right"), trial("guess")
    assert choose_mix(right) is not None
    weight = choose_weight(right, MIX)
    assert weight > 0
    assert judged(right, MIX, weight)["recall@20"] == 1.0
    assert judged(right, MIX, weight)["recall@20_views"] < 0.6
    assert choose_weight(guess, MIX) == 0.0
    assert "recall@20_views" not in judged(guess, MIX, 0.0)


def test_without_enough_to_learn_from_there_are_no_lists() -> None:
    bought = pd.DataFrame(
        {"at": [NOW - pd.Timedelta(2, "D")], "customer_id": ["c"], "product_id": ["A"], "unit_price": [1.0]}
    ).astype({"customer_id": object, "product_id": object})
    people, items = pd.Index(["c"], dtype=object), pd.Index(["A", "B"], dtype=object)
    assert shortlists(bought, NOW, people, items, days=30, seed=0) is None
    assert shortlists(bought.iloc[:0], NOW, people, items, days=30, seed=0) is None
