"""Task `next_basket`: which products a customer buys in the coming weeks that they never bought before.

Every customer known at the cut who buys something new after it counts once; what they had is never ranked, and products
that nobody had bought before the cut stay among those wanted, though none can rank them.
"""

import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from data.adapters.online_retail import extract
from data.errors import DataError, SettingError
from data.ingest import ingest
from data.store import Store
from eval.metrics import interval
from eval.ranking import ndcgs, recalls
from eval.task import Inputs, Outcome
from models.neighbours import RECENCY_DAYS, Matrix, age_in_days, decayed, item_neighbours, ones, positions, strongest
from models.next_basket import COLUMNS, NextBasket
from models.recommend import RecommendModel

FILE = Path("online_retail") / "online_retail.csv.gz"
CUT = pd.Timestamp("2011-10-01")
RECALL, NDCG = 20, 10
SERVED = "the shop's recommender"
"""The row of what the product itself shows, with its evidence, whose mix is chosen on the history's last 30 days."""
HORIZONS = (7, 60)
"""Days: the shortest and the longest period to come that the model is fitted for."""


@dataclass(frozen=True)
class Cases:
    """Purchases before the cut, the cut, the days to come, and each tested customer's new products."""

    past: pd.DataFrame
    now: pd.Timestamp
    days: int
    wanted: Mapping[str, frozenset[str]]


def evaluate(inputs: Inputs) -> Outcome:
    """Measures on the benchmark's file with its cut, or on `--train` and the following weeks in `--test`."""
    if (inputs.train is None) != (inputs.test is None):
        raise SettingError("next_basket needs both files: the history with --train, the following weeks with --test")
    inputs.report("reading", 0, 3)
    if inputs.train is not None and inputs.test is not None:
        files = [inputs.train, inputs.test]
        past, later = (_purchases(path) for path in files)
        now = past["at"].max() + pd.Timedelta(1, "us")
    else:
        files = [_given(inputs.data)]
        bought, now = _purchases(files[0]), CUT
        past, later = bought[bought["at"] < now], bought[bought["at"] >= now]
    cases = held_out(past, later, now)
    inputs.report("fitting", 1, 3)
    model = NextBasket().fit(past, now, horizon_days=cases.days, seed=inputs.seed)
    inputs.report("ranking", 2, 3)
    found = _measured(model.rank(list(cases.wanted), RECALL), cases)
    bounds = {name: interval(values.tolist(), seed=inputs.seed) for name, values in found.items()}
    inputs.report("ranking", 3, 3)
    sizes = {"customers": float(len(cases.wanted)), "days": float(cases.days)}
    return Outcome(
        metrics={name: float(values.mean()) for name, values in found.items()} | sizes,
        intervals={name: pair for name, pair in bounds.items() if pair is not None},
        floors={
            name: {metric: float(values.mean()) for metric, values in _measured(ranked, cases).items()}
            for name, ranked in (_floors(cases) | {SERVED: _served(files[0], cases, inputs.seed)}).items()
        },
        files=files,
    )


def held_out(past: pd.DataFrame, later: pd.DataFrame, now: pd.Timestamp) -> Cases:
    """What customers of `past` bought `later` for the first time; `DataError` when nobody bought anything new."""
    had = past.groupby("customer_id")["product_id"].agg(frozenset)
    bought = later[later["customer_id"].isin(had.index)].groupby("customer_id")["product_id"].agg(frozenset)
    new = {str(customer): items - had[str(customer)] for customer, items in bought.items()}
    wanted = {customer: items for customer, items in new.items() if items}
    if not wanted:
        raise DataError(
            "no customer of the history buys anything new later: give a history and the weeks that follow it"
        )
    span = math.ceil((later["at"].max() - now) / pd.Timedelta(1, "D"))
    return Cases(past, now, int(np.clip(span, *HORIZONS)), wanted)


def _purchases(path: Path) -> pd.DataFrame:
    if not path.exists():
        raise SettingError(f"there is no file {path}: check the path")
    events = extract(path).tables["events"]
    known = (events["kind"] == "purchase") & events["customer_id"].notna()
    if not known.any():
        raise DataError(f"{path} holds no purchase of a known customer: give lines with a CustomerID")
    return events.loc[known, list(COLUMNS)].astype({"customer_id": object, "product_id": object})


def _given(data: Path | None) -> Path:
    if data is None or not (data / FILE).exists():
        raise SettingError("name files with --train and --test, or the folder of the benchmark data with --data")
    return data / FILE


def _measured(ranked: Sequence[Sequence[str]], cases: Cases) -> dict[str, NDArray[np.float64]]:
    wanted = list(cases.wanted.values())
    return {f"recall@{RECALL}": recalls(ranked, wanted, RECALL), f"ndcg@{NDCG}": ndcgs(ranked, wanted, NDCG)}


def _floors(cases: Cases) -> dict[str, list[list[str]]]:
    """Best sellers by customers of the last 7 and 30 days; co-occurrence, plain and as a cosine; decayed neighbours."""
    past = cases.past
    items = pd.Index(np.sort(past["product_id"].unique()))
    customers = pd.Index(np.sort(past["customer_id"].unique()))
    customer, item = positions(customers, past["customer_id"]), positions(items, past["product_id"])
    age = age_in_days(past["at"], cases.now)
    recent = strongest(customer, item, decayed(age, RECENCY_DAYS), (len(customers), len(items)))
    had = ones(recent)
    rows = positions(customers, list(cases.wanted))
    together = (had.T @ had).tolil()
    together.setdiag(0.0)
    rarity = sp.diags(np.asarray(had.sum(axis=0)).ravel() ** -0.5)
    scores = {
        **{f"popularity, {days} days": _sold(customer, item, age < days, had)[rows] for days in (7, 30)},
        "co-occurrence": (had[rows] @ together.tocsr()).toarray(),
        "co-occurrence, cosine": (had[rows] @ (rarity @ together.tocsr() @ rarity)).toarray(),
        "item neighbours": (recent[rows] @ item_neighbours(recent).T).toarray(),
    }
    return {name: _best(values, had[rows], items) for name, values in scores.items()}


def _served(history: Path, cases: Cases, seed: int) -> list[list[str]]:
    """What the shop would show the tested customers at the cut, by the code that serves them."""
    with tempfile.TemporaryDirectory(prefix="shopkeeper-next-basket-") as folder:
        store = Store(Path(folder))
        ingest(store, history, format="online-retail")
        snapshot = store.snapshot()
        model = RecommendModel().fit(snapshot, as_of=cases.now, seed=seed)
        return model.favourites(snapshot, list(cases.wanted), limit=RECALL)


def _sold(
    customer: NDArray[np.intp], item: NDArray[np.intp], inside: NDArray[np.bool_], had: Matrix
) -> NDArray[np.float64]:
    """(customers × items), every row alike: how many customers bought each item `inside` the period."""
    bought = ones(sp.csr_matrix((np.ones(inside.sum()), (customer[inside], item[inside])), shape=had.shape))
    return np.broadcast_to(np.asarray(bought.sum(axis=0)), had.shape)


def _best(scores: NDArray[np.float64], had: Matrix, items: pd.Index) -> list[list[str]]:
    order = np.argsort(np.where(had.toarray() > 0, np.inf, -scores), axis=1, kind="stable")[:, :RECALL]
    return [[str(one) for one in items[best]] for best in order]
