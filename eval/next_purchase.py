"""Task `next_purchase`: which customers buy within the next 30 days? Measured with the product's own behaviour model.

Without files, at two cut-offs of the benchmark's Online Retail data (the mean of both counts); with `--test`, the weeks
after `--train`. The model sees what came before the cut-off, and nothing else.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from data.adapters.online_retail import extract
from data.errors import DataError, SettingError
from data.ingest import ingest
from data.store import Snapshot, Store
from eval.propensities import Part, intervals, mean_of, perfect_ece, pictures
from eval.task import Inputs, Outcome
from models.baselines import Logistic
from models.behaviour import BehaviourModel
from models.calibration import Array
from models.encoding import WideEncoder
from models.network import Network
from models.scorer import HORIZON, Slice, labelled_slices

FILE = Path("online_retail/online_retail.csv.gz")
CUTS = ("2011-09-01", "2011-10-01")
RFM = ["recency_days", "orders_all", "spend_all"]
"""Recency, frequency, monetary value (Hughes 1994)."""

_TICK = pd.Timedelta(1, "us")

Floor = Callable[[pd.DataFrame, Array, pd.DataFrame, int], Array]


@dataclass(frozen=True)
class _Question:
    """Who of the customers known at `cut` buys within `days` after it: `buyers` do."""

    snapshot: Snapshot
    cut: pd.Timestamp
    days: int
    buyers: frozenset[str]


def evaluate(inputs: Inputs) -> Outcome:
    """Measures the behaviour model and its floors at each cut-off."""
    train = inputs.train or _given(inputs)
    with TemporaryDirectory(prefix="shopkeeper-eval-") as folder:
        inputs.report("reading", 0, 1)
        store = Store(Path(folder))
        ingest(store, train, format="online-retail")
        snapshot = store.snapshot()
        questions = _own(snapshot, train) if inputs.test is None else [_following(snapshot, train, inputs.test)]
        tested: dict[str, list[Part]] = {}
        known: dict[str, int] = {}
        for number, question in enumerate(questions):
            inputs.report("cut-offs", number, len(questions))
            for name, part in _answers(question, known, train, inputs.seed).items():
                tested.setdefault(name, []).append(part)
    parts = tested.pop("ours")
    metrics = mean_of([part.metrics() for part in parts])
    metrics["ece_perfect"] = float(np.mean([perfect_ece(part.chances, seed=inputs.seed) for part in parts]))
    for question, part in zip(questions, parts, strict=True):
        metrics |= {f"at {question.cut:%Y-%m-%d}/{name}": value for name, value in part.metrics().items()}
    return Outcome(
        metrics=metrics | {"customers": float(len(known)), "days": float(questions[0].days)},
        intervals=intervals(parts, seed=inputs.seed),
        floors={name: mean_of([part.metrics() for part in found]) for name, found in tested.items()},
        files=[train, *([inputs.test] if inputs.test else [])],
        plots=pictures({"ours": parts, **tested}, "a customer buys within the next weeks"),
    )


def _given(inputs: Inputs) -> Path:
    path = None if inputs.data is None else inputs.data / FILE
    if path is None or not path.exists():
        raise SettingError("name files with --train and --test, or the folder of the benchmark data with --data")
    return path


def _own(snapshot: Snapshot, path: Path) -> list[_Question]:
    """The protocol's cut-offs; for a file of other dates, 60 and 30 days before its end."""
    bought = _purchases(snapshot.frame("events"))
    first, end = bought["at"].min(), bought["at"].max()
    cuts = [pd.Timestamp(cut) for cut in CUTS]
    if not all(first + pd.Timedelta(days=2 * HORIZON) <= cut <= end - pd.Timedelta(days=HORIZON - 2) for cut in cuts):
        cuts = [end.ceil("D") - pd.Timedelta(days=HORIZON * step) for step in (2, 1)]
    if cuts[0] < first + pd.Timedelta(days=2 * HORIZON):
        raise DataError(f"{path} spans {(end - first).days} days: four months are needed to learn and to look ahead")
    return [_Question(snapshot, cut, HORIZON, _buyers(bought, cut, HORIZON)) for cut in cuts]


def _following(snapshot: Snapshot, train: Path, test: Path) -> _Question:
    """The days of `test`, 30 at most, after what came before them in `train`."""
    bought = _purchases(extract(test).tables["events"])
    if bought.empty:
        raise DataError(f"{test} holds no purchase of a known customer")
    cut = bought["at"].min().floor("D")
    if snapshot.frame("events")["at"].min() >= cut:
        raise DataError(f"{test} begins before {train}: give --test the weeks that follow --train")
    days = int(np.clip((bought["at"].max().ceil("D") - cut).days, 1, HORIZON))
    return _Question(snapshot, cut, days, _buyers(bought, cut, days))


def _purchases(events: pd.DataFrame) -> pd.DataFrame:
    return events.loc[(events["kind"] == "purchase") & events["customer_id"].notna(), ["at", "customer_id"]]


def _buyers(bought: pd.DataFrame, cut: pd.Timestamp, days: int) -> frozenset[str]:
    within = (bought["at"] >= cut) & (bought["at"] < cut + pd.Timedelta(days=days))
    return frozenset(bought.loc[within, "customer_id"].astype(str))


def _answers(question: _Question, known: dict[str, int], train: Path, seed: int) -> dict[str, Part]:
    """The behaviour model's and each floor's chances; `known` numbers the customers over all cut-offs."""
    as_of = question.cut - _TICK
    model = BehaviourModel().fit(question.snapshot, as_of=as_of, seed=seed)
    ours = model.predict(question.snapshot, horizon_days=question.days)["probability"]
    rows = np.array([known.setdefault(str(customer), len(known)) for customer in ours.index], dtype=np.intp)
    labels = ours.index.isin(question.buyers).astype("float64")
    slices = labelled_slices(question.snapshot, question.cut)
    features, bought = _learnt(slices, train)
    now = model.features.loc[ours.index]
    found = {"ours": ours.to_numpy("float64")}
    for name, floor in FLOORS.items():
        found[name] = 1 - (1 - floor(features, bought, now, seed)) ** (question.days / HORIZON)
    return {name: Part(rows, labels, chances) for name, chances in found.items()}


def _learnt(slices: list[Slice], train: Path) -> tuple[pd.DataFrame, Array]:
    if not slices or not any(0 < s.labels.sum() < len(s.labels) for s in slices):
        raise DataError(f"{train} is too short: it needs two months before the cut-off and customers who came again")
    return pd.concat([s.features for s in slices]), np.concatenate([s.labels for s in slices])


def _rfm(features: pd.DataFrame, bought: Array, now: pd.DataFrame, _seed: int) -> Array:
    return Logistic(penalty=1.0).fit(features[RFM], bought).predict(now[RFM])


def _logistic(features: pd.DataFrame, bought: Array, now: pd.DataFrame, _seed: int) -> Array:
    return Logistic(penalty=1.0).fit(features, bought).predict(now)


def _network(features: pd.DataFrame, bought: Array, now: pd.DataFrame, seed: int) -> Array:
    wide = WideEncoder().fit(features)
    return Network().fit(wide.transform(features), bought, seed=seed).predict(wide.transform(now))


FLOORS: dict[str, Floor] = {
    "RFM logistic regression": _rfm,
    "logistic regression, all features": _logistic,
    "the article's network": _network,
}
"""Fitted on the same cut-offs as the behaviour model."""
