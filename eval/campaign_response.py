"""Task `campaign_response`: who answers a campaign? Customers in the iFood form, households of the Complete Journey.

Without files both are measured: the first over 10 splits of 70/30, the second on the later campaigns, trained on
earlier ones (`journey/…`). `--test FILE` (with `--train FILE`) measures the first form alone, `--test FOLDER` the
second.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd

from data.errors import SettingError
from eval.journey import parted, read_journey
from eval.propensities import Part, intervals, mean_of, need_both, pictures, read_csv, yes_or_no
from eval.task import Inputs, Outcome
from models.baselines import Logistic
from models.calibration import Array
from models.campaign_response import (
    AMOUNTS,
    JOINED,
    WORDS,
    Journey,
    answered,
    customer_features,
    customer_model,
    household_features,
    household_model,
    worth_writing_to,
)
from models.encoding import WideEncoder
from models.network import Network
from models.propensity import Propensity

FILE = Path("ifood/marketing_campaign.csv.gz")
FOLDER = Path("complete_journey")
LABEL = "Response"
COST, REVENUE = 3.0, 11.0
"""What a contact costs and an answer brings, in the iFood data's units; the journey has no such figures of its own."""

SPLITS, HELD = 10, 0.3

_PLAIN = ("campaigns", "answered", "coupons redeemed", "lines a month", "sales a month", "age", "income")

T = TypeVar("T")
Fitted = Callable[[pd.DataFrame], Array]
Fit = Callable[[pd.DataFrame, Array, int], Fitted]


class _Tested(Part):
    """A test part with what it earns when whoever is worth it is written to."""

    def metrics(self) -> dict[str, float]:
        top = np.argsort(-self.chances, kind="stable")[: max(len(self.labels) // 10, 1)]
        rate = self.labels.mean()
        lift = float(self.labels[top].mean() / rate) if rate > 0 else float("nan")
        return super().metrics() | {"lift@10%": lift, "profit": float(self.gains().sum())}

    def drawn(self, weights: Array) -> dict[str, Array]:
        return super().drawn(weights) | {"profit": weights @ self.gains()}

    def gains(self) -> Array:
        """What each row brings: an answer's revenue less a contact's cost where it is written to, else nothing."""
        return worth_writing_to(self.chances, cost=COST, revenue=REVENUE) * (REVENUE * self.labels - COST)


def evaluate(inputs: Inputs) -> Outcome:
    """Measures what the files or the benchmark data allow."""
    if inputs.test is not None and inputs.test.is_dir():
        return _journey(inputs.test, inputs)
    if inputs.test is not None or inputs.train is not None:
        return _customers(inputs.train or _given(inputs, FILE), inputs)
    first, second = _customers(_given(inputs, FILE), inputs), _journey(_given(inputs, FOLDER), inputs)
    return Outcome(
        metrics=dict(first.metrics) | _under_journey(second.metrics),
        intervals=dict(first.intervals) | _under_journey(second.intervals),
        floors=dict(first.floors) | {f"journey: {n}": _under_journey(found) for n, found in second.floors.items()},
        files=[*first.files, *second.files],
        plots={**first.plots, **second.plots},
    )


def read(path: Path) -> tuple[pd.DataFrame, Array]:
    """The customers of a file in the iFood form, and whether each answered (0 or 1)."""
    columns = (*AMOUNTS, *WORDS, JOINED)
    table = read_csv(path, (*columns, LABEL))
    return table[list(columns)], yes_or_no(table, LABEL, path)


def _under_journey(found: Mapping[str, T]) -> dict[str, T]:
    return {f"journey/{name}": value for name, value in found.items()}


def _given(inputs: Inputs, name: Path) -> Path:
    path = None if inputs.data is None else inputs.data / name
    if path is None or not path.exists():
        raise SettingError("name a file or folder with --test, or the folder of the benchmark data with --data")
    return path


def _customers(train: Path, inputs: Inputs) -> Outcome:
    from sklearn.model_selection import StratifiedShuffleSplit

    known, labels = read(train)
    need_both(labels, train, 20)
    if inputs.test is not None:
        later, outcome = read(inputs.test)
        everyone, said = pd.concat([known, later], ignore_index=True), np.concatenate([labels, outcome])
        parts = [(np.arange(len(known)), np.arange(len(known), len(everyone)))]
    else:
        everyone, said = known.reset_index(drop=True), labels
        splitter = StratifiedShuffleSplit(SPLITS, test_size=HELD, random_state=inputs.seed)
        parts = list(splitter.split(everyone, said))
    made = customer_features(everyone)
    tested: dict[str, list[_Tested]] = {}
    for number, (inside, held) in enumerate(parts):
        inputs.report("customers", number, len(parts))
        for name, (fit, table) in _CUSTOMER_MODELS.items():
            source = made if table == "features" else _plain(everyone)
            chances = fit(source.iloc[inside], said[inside], inputs.seed)(source.iloc[held])
            tested.setdefault(name, []).append(_Tested(held, said[held], chances))
    everyone_gets_it = [_Tested(t.rows, t.labels, np.ones(len(t.labels))) for t in tested["ours"]]
    floors = {name: mean_of([t.metrics() for t in found]) for name, found in tested.items() if name != "ours"}
    floors["a message to everyone"] = {"profit": mean_of([t.metrics() for t in everyone_gets_it])["profit"]}
    files = [train, *([inputs.test] if inputs.test else [])]
    metrics = mean_of([t.metrics() for t in tested["ours"]])
    return Outcome(
        metrics=metrics,
        intervals=intervals(tested["ours"], seed=inputs.seed),
        floors=floors,
        files=files,
        plots=pictures(tested, "a customer answers the campaign"),
    )


def _journey(folder: Path, inputs: Inputs) -> Outcome:
    journey, files = read_journey(folder)
    earlier, later = parted(journey, folder)
    start = journey.campaigns.loc[later, "start_date"].min()
    known, said, homes = _rows(journey, earlier, inputs, before=start)
    need_both(said, folder, 20)
    new, outcome, _ = _rows(journey, later, inputs)
    new = new.reindex(columns=known.columns)
    tested = {}
    for number, (name, (fit, columns)) in enumerate(_JOURNEY_MODELS.items()):
        inputs.report("households", number, len(_JOURNEY_MODELS))
        kept = [c for c in known.columns if columns is None or c in columns or c.startswith("type ")]
        model = fit(known[kept], said, homes, inputs.seed)
        tested[name] = _Tested(np.arange(len(new)), outcome, model(new[kept]))
    floors = {name: found.metrics() for name, found in tested.items() if name != "ours"}
    before = _Tested(np.arange(len(new)), outcome, new["answer rate"].to_numpy()).metrics()
    floors["redeemed-before rate"] = {name: before[name] for name in ("roc_auc", "pr_auc", "lift@10%")}
    metrics = tested["ours"].metrics() | {"households": float(len(new)), "campaigns": float(len(later))}
    return Outcome(
        metrics=metrics,
        intervals=intervals([tested["ours"]], seed=inputs.seed),
        floors=floors,
        files=files,
        plots=pictures({k: [v] for k, v in tested.items()}, "a household redeems a coupon", end="_journey"),
    )


def _rows(
    journey: Journey, campaigns: list[str], inputs: Inputs, *, before: pd.Timestamp | None = None
) -> tuple[pd.DataFrame, Array, Array]:
    """Features, outcome (as known before that moment) and household of everyone written to in `campaigns`."""
    tables, outcomes = [], []
    for number, campaign in enumerate(campaigns):
        inputs.report("campaigns", number, len(campaigns))
        tables.append(household_features(journey, campaign))
        outcomes.append(answered(journey, campaign, tables[-1].index, before=before))
    table = pd.concat(tables)
    types = [name for name in table.columns if name.startswith("type ")]
    homes = table.index.to_numpy()
    return table.fillna(dict.fromkeys(types, 0.0)).reset_index(drop=True), pd.concat(outcomes).to_numpy(), homes


def _plain(customers: pd.DataFrame) -> pd.DataFrame:
    """The columns as they are, the day of joining as a number."""
    amounts = customers[list(AMOUNTS)].apply(pd.to_numeric, errors="coerce").astype("float64")
    joined = pd.to_datetime(customers[JOINED], errors="coerce", format="mixed")
    words = {name: customers[name].astype(str) for name in WORDS}
    return amounts.assign(joined=(joined - pd.Timestamp(0)) / pd.Timedelta(days=1), **words)


def _stacked(model: Callable[[], Propensity]) -> Fit:
    return lambda table, labels, seed: model().fit(table, labels, seed=seed).predict


def _logistic(table: pd.DataFrame, labels: Array, _seed: int) -> Fitted:
    wide = WideEncoder().fit(table)
    model = Logistic(penalty=1.0).fit(wide.widen(table), labels)
    return lambda later: model.predict(wide.widen(later))


def _textbook(table: pd.DataFrame, labels: Array, _seed: int) -> Fitted:
    """σ(θᵀx) over the standardised columns, gaps at the median."""
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    wide = WideEncoder().fit(table)
    imputer = SimpleImputer(strategy="median", keep_empty_features=True)
    model = make_pipeline(imputer, StandardScaler(), LogisticRegression(max_iter=1000))
    model.fit(wide.widen(table), labels)
    return lambda later: np.asarray(model.predict_proba(wide.widen(later)), dtype="float64")[:, 1]


def _network(table: pd.DataFrame, labels: Array, seed: int) -> Fitted:
    wide = WideEncoder().fit(table)
    model = Network().fit(wide.transform(table), labels, seed=seed)
    return lambda later: model.predict(wide.transform(later))


_CUSTOMER_MODELS: dict[str, tuple[Fit, str]] = {
    "ours": (_stacked(customer_model), "features"),
    "logistic regression": (_textbook, "columns"),
    "logistic regression of logs": (_logistic, "columns"),
    "the article's network": (_network, "columns"),
}

GroupedFit = Callable[[pd.DataFrame, Array, Array, int], Fitted]


def _households(table: pd.DataFrame, labels: Array, homes: Array, seed: int) -> Fitted:
    return household_model().fit(table, labels, groups=homes, seed=seed).predict


def _by_row(fit: Fit) -> GroupedFit:
    return lambda table, labels, _homes, seed: fit(table, labels, seed)


_JOURNEY_MODELS: dict[str, tuple[GroupedFit, tuple[str, ...] | None]] = {
    "ours": (_households, None),
    "logistic regression": (_by_row(_textbook), _PLAIN),
    "logistic regression of logs": (_by_row(_logistic), _PLAIN),
    "the article's network": (_by_row(_network), _PLAIN),
}
