"""Bench `recommend`: lists of 20 from 100,000 items by the shop's recommender, and by implicit's own, in turns.

Three public sets stand for one large shop: visitors of Diginetica and reviewers of Amazon's Beauty and Video Games.
Items that nobody took yet fill the catalogue up. Everybody's last item is held out, for NDCG.
"""

from __future__ import annotations

import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from data.errors import SettingError
from data.store import Snapshot, Store
from eval.metrics import interval
from eval.ranking import ndcgs
from eval.sequential_rec import FILES, read
from eval.session_rec import GIVEN, Numbers, read_sessions
from eval.task import Inputs, Outcome
from models.recommend import RecommendModel

USERS = 2000
ITEMS = 100_000
K = 20
LEAST = 3
"""Items of the people who get lists: fewer leave nothing to rank by but the best sellers."""
BATCH = 250
_NOW = pd.Timestamp("2026-01-01")
_DAYS_APART = 15.0

Lists = list[list[str]]
Recommend = Callable[[NDArray[np.intp]], Lists]


@dataclass(frozen=True)
class Crowd:
    """What people took, in order of time, as numbers of `items` items: all but the last (`histories`), and that one."""

    histories: Sequence[NDArray[np.int64]]
    last: NDArray[np.int64]
    items: int


def evaluate(inputs: Inputs, *, users: int = USERS, items: int = ITEMS) -> Outcome:
    """Fits both on the same people, then asks for lists of `users` of them, batch by batch, taking turns.

    `users_per_second` counts lists of 20, what people have left out; ours run in one thread, implicit's in all.
    `faster` is against each of implicit's models that is named.
    """
    paths = [inputs.test] if inputs.test else _given(inputs.data)
    others = _library()
    inputs.report("reading", 0, 1)
    crowd = held_out(_people(paths), items)
    able = np.flatnonzero([len(history) >= LEAST - 1 for history in crowd.histories])
    asked = np.random.default_rng(inputs.seed).permutation(able)[:users].astype(np.intp)
    if not len(asked):
        raise SettingError(f"nobody in {paths[0].name} took {LEAST} items or more: give a file of longer histories")
    inputs.report("reading", 1, 1)
    with tempfile.TemporaryDirectory(prefix="shopkeeper-recommend-") as folder:
        ways = {"ours": ours(_snapshot(crowd, Path(folder)), inputs.seed)}
        for number, (name, make) in enumerate(others.items()):
            inputs.report("fitting", number + 1, len(others) + 1)
            ways[name] = _theirs(make, crowd)
        lists, seconds = _in_turns(ways, asked, inputs)
    wanted = [{str(item)} for item in crowd.last[asked].tolist()]
    found = {name: ndcgs(own, wanted, K) for name, own in lists.items()}
    speed = {name: len(asked) / taken for name, taken in seconds.items()}
    bounds = interval(found["ours"].tolist(), seed=inputs.seed)
    metrics = {"users": float(len(asked)), "items": float(crowd.items), "users_per_second": speed["ours"]}
    metrics |= {f"faster/{name}": speed["ours"] / speed[name] for name in others}
    return Outcome(
        metrics=metrics | {f"ndcg@{K}": float(found["ours"].mean())},
        intervals={} if bounds is None else {f"ndcg@{K}": bounds},
        floors={
            f"implicit {name}": {"users_per_second": speed[name], f"ndcg@{K}": float(found[name].mean())}
            for name in others
        },
        files=paths,
    )


def held_out(people: Sequence[Sequence[str]], items: int) -> Crowd:
    """Everyone's items but the last, of those with two or more, in a catalogue of `items`, or of all they took."""
    able = [taken for taken in people if len(taken) > 1]
    numbers = {item: number for number, item in enumerate(dict.fromkeys(item for taken in able for item in taken))}
    taken = [np.array([numbers[item] for item in each], dtype=np.int64) for each in able]
    last = np.array([each[-1] for each in taken], dtype=np.int64)
    return Crowd([each[:-1] for each in taken], last, max(items, len(numbers)))


def ours(snapshot: Snapshot, seed: int) -> Recommend:
    """The shop's recommender as campaigns ask it. These sets name no titles, so content is silent."""
    products = snapshot.frame("products")["product_id"].astype(str)
    silent = pd.DataFrame(np.zeros((len(products), 1)), index=products)
    model = RecommendModel().fit(snapshot, seed=seed, vectors=silent)
    return lambda people: model.favourites(snapshot, [str(one) for one in people.tolist()], limit=K)


def _theirs(make: Callable[[], Any], crowd: Crowd) -> Recommend:
    person = np.repeat(np.arange(len(crowd.histories)), [len(history) for history in crowd.histories])
    item = np.concatenate([*crowd.histories])
    shape = (len(crowd.histories), crowd.items)
    taken = sp.csr_matrix((np.ones(len(item), np.float32), (person, item)), shape=shape)
    # implicit has threads of its own and warns of others, and of what it does to its own matrices.
    with threadpool_limits(1, "blas"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = make()
        model.fit(taken, show_progress=False)

    def recommend(people: NDArray[np.intp]) -> Lists:
        found, _ = model.recommend(people, taken[people], N=K, filter_already_liked_items=True)
        return [[str(one) for one in row] for row in found.tolist()]

    return recommend


def _library() -> dict[str, Callable[[], Any]]:
    """implicit's models by name; it is no part of the project's environment."""
    try:
        als, near = import_module("implicit.als"), import_module("implicit.nearest_neighbours")
    except ModuleNotFoundError:
        raise SettingError(
            "this bench compares with implicit, which Shopkeeper does not use itself: pip install --no-deps implicit"
        ) from None
    return {
        "ALS": lambda: als.AlternatingLeastSquares(random_state=0),
        "cosine": near.CosineRecommender,
    }


def _in_turns(
    ways: dict[str, Recommend], asked: NDArray[np.intp], inputs: Inputs
) -> tuple[dict[str, Lists], dict[str, float]]:
    """What each way recommends, and the seconds that it took; the first batch is asked once before, unmeasured."""
    lists: dict[str, Lists] = {name: [] for name in ways}
    seconds = dict.fromkeys(ways, 0.0)
    for recommend in ways.values():
        recommend(asked[:BATCH])
    for start in range(0, len(asked), BATCH):
        inputs.report("recommending", start, len(asked))
        for name, recommend in ways.items():
            began = time.perf_counter()
            lists[name] += recommend(asked[start : start + BATCH])
            seconds[name] += time.perf_counter() - began
    inputs.report("recommending", 1, 1)
    return lists, seconds


def _snapshot(crowd: Crowd, folder: Path) -> Snapshot:
    """The crowd as a shop: each purchase 15 days before the next one, the last known a week before the end."""
    sizes = [len(history) for history in crowd.histories]
    back = np.concatenate([np.arange(size, 0, -1) - 0.5 for size in sizes])
    events = pd.DataFrame(
        {
            "event_id": [f"e{number}" for number in range(len(back))],
            "at": _NOW - pd.to_timedelta(back * _DAYS_APART, unit="D"),
            "customer_id": np.repeat([str(person) for person in range(len(sizes))], sizes),
            "kind": "purchase",
            "product_id": np.concatenate([*crowd.histories]).astype(str),
        }
    )
    ids = [str(item) for item in range(crowd.items)]
    products = pd.DataFrame({"product_id": ids, "title": "item", "active": True})
    customers = pd.DataFrame({"customer_id": [str(person) for person in range(len(sizes))]})
    tables = {"events": events, "products": products, "customers": customers}
    return Store(folder).write(tables, name="Crowd", currency="EUR", source="benchmark")


def _people(paths: Sequence[Path]) -> list[list[str]]:
    """Everyone's items, those of each file apart: JSON lines are sessions, other files `person item …` lines."""
    people: list[list[str]] = []
    for number, path in enumerate(paths):
        taken = read_sessions(path, Numbers()) if ".jsonl" in path.name else read(path)
        people += [[f"{number}-{item}" for item in each] for each in taken]
    return people


def _given(data: Path | None) -> list[Path]:
    paths = [] if data is None else [data / GIVEN, *(data / "amazon" / name for name in FILES.values())]
    if not paths or not all(path.exists() for path in paths):
        raise SettingError("name a file of histories with --test, or the folder of the benchmark data with --data")
    return paths
