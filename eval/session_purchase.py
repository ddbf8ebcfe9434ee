"""Task `session_purchase`: will a visit end in a purchase? Online Shoppers form, with and without PageValues.

Without files, 5 folds over the benchmark data; with `--test`, trained on `--train` (the benchmark data unless given).
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from data.errors import SettingError
from eval.plots import Plot
from eval.propensities import Part, intervals, mean_of, need_both, perfect_ece, pictures, read_csv, scores, yes_or_no
from eval.task import Inputs, Outcome
from models.baselines import Logistic
from models.calibration import Array
from models.encoding import WideEncoder
from models.network import Network
from models.visits import AMOUNTS, CODES, visit_features, visit_model

FILE = Path("online_shoppers/online_shoppers_intention.csv.gz")
LABEL = "Revenue"
FOLDS = 5
BLIND = "_without_page_values"

Split = tuple[pd.DataFrame, Array, pd.DataFrame, Array]
Predict = Callable[[pd.DataFrame, Array, pd.DataFrame, int], Array]


def evaluate(inputs: Inputs) -> Outcome:
    """Measures the visit model and its floors, on the same splits."""
    train = inputs.train or _given(inputs)
    splits, files = list(_splits(train, inputs)), [train, *([inputs.test] if inputs.test else [])]
    metrics: dict[str, float] = {}
    bounds: dict[str, tuple[float, float]] = {}
    floors: dict[str, dict[str, float]] = {name: {} for name in FLOORS}
    plots: dict[str, Plot] = {}
    for end in ("", BLIND):
        known = [_without(split) if end else split for split in splits]
        parts = _tested(_ours, known, inputs, f"visits{end.replace('_', ' ')}")
        chances = np.concatenate([part.chances for part in parts])
        found = _metrics(parts) | {"ece_perfect": perfect_ece(chances, seed=inputs.seed)}
        metrics |= {f"{name}{end}": value for name, value in found.items()}
        bounds |= {f"{name}{end}": both for name, both in intervals(parts, seed=inputs.seed).items()}
        tested = {"ours": parts}
        for name, floor in FLOORS.items():
            tested[name] = _tested(floor, known, inputs, name)
            floors[name] |= {f"{metric}{end}": value for metric, value in _metrics(tested[name]).items()}
        plots |= pictures(tested, f"a visit ends in a purchase{', without PageValues' if end else ''}", end=end)
    return Outcome(metrics=metrics, intervals=bounds, floors=floors, files=files, plots=plots)


def read(path: Path) -> tuple[pd.DataFrame, Array]:
    """The visits of a file and whether each ended in a purchase (0 or 1)."""
    table = read_csv(path, (*AMOUNTS, *CODES, LABEL))
    visits = table[list(AMOUNTS)].apply(pd.to_numeric, errors="coerce").astype("float64")
    return visits.join(table[list(CODES)].astype(str)), yes_or_no(table, LABEL, path)


def _given(inputs: Inputs) -> Path:
    path = None if inputs.data is None else inputs.data / FILE
    if path is None or not path.exists():
        raise SettingError("name files with --train and --test, or the folder of the benchmark data with --data")
    return path


def _splits(train: Path, inputs: Inputs) -> Iterator[Split]:
    from sklearn.model_selection import StratifiedKFold

    visits, labels = read(train)
    need_both(labels, train, 20)
    if inputs.test is not None:
        later, outcome = read(inputs.test)
        yield visits, labels, later.reset_index(drop=True), outcome
        return
    for inside, held in StratifiedKFold(FOLDS, shuffle=True, random_state=inputs.seed).split(visits, labels):
        yield visits.iloc[inside], labels[inside], visits.iloc[held], labels[held]


def _without(split: Split) -> Split:
    return split[0].drop(columns="PageValues"), split[1], split[2].drop(columns="PageValues"), split[3]


def _tested(predict: Predict, splits: list[Split], inputs: Inputs, what: str) -> list[Part]:
    parts = []
    for number, (visits, bought, later, outcome) in enumerate(splits):
        inputs.report(what, number, len(splits))
        parts.append(Part(later.index.to_numpy(), outcome, predict(visits, bought, later, inputs.seed)))
    return parts


def _metrics(parts: list[Part]) -> dict[str, float]:
    """The mean of the parts' metrics, but `ece` over all rows together."""
    labels, chances = (np.concatenate(values) for values in zip(*((p.labels, p.chances) for p in parts), strict=True))
    return mean_of([part.metrics() for part in parts]) | {"ece": scores(labels, chances)["ece"]}


def _ours(visits: pd.DataFrame, bought: Array, later: pd.DataFrame, seed: int) -> Array:
    return visit_model().fit(visit_features(visits), bought, seed=seed).predict(visit_features(later))


def _logistic(visits: pd.DataFrame, bought: Array, later: pd.DataFrame, _seed: int) -> Array:
    wide = WideEncoder().fit(visits)
    return Logistic(penalty=1.0).fit(wide.widen(visits), bought).predict(wide.widen(later))


def _network(visits: pd.DataFrame, bought: Array, later: pd.DataFrame, seed: int) -> Array:
    wide = WideEncoder().fit(visits)
    return Network().fit(wide.transform(visits), bought, seed=seed).predict(wide.transform(later))


def _lightgbm(visits: pd.DataFrame, bought: Array, later: pd.DataFrame, seed: int) -> Array:
    import lightgbm

    from data.threads import single_threaded

    kinds = {name: sorted(visits[name].unique()) for name in CODES}
    coded = [table.astype({n: pd.CategoricalDtype(k) for n, k in kinds.items()}) for table in (visits, later)]
    with single_threaded():
        model = lightgbm.LGBMClassifier(verbosity=-1, n_jobs=1, random_state=seed).fit(coded[0], bought)
        return np.asarray(model.predict_proba(coded[1]), dtype="float64")[:, 1]


FLOORS: dict[str, Predict] = {
    "logistic regression": _logistic,
    "the article's network": _network,
    "LightGBM as it comes": _lightgbm,
}
