"""How good probabilities of a yes-or-no outcome are: ranking, accuracy, calibration, and how sure that is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.errors import DataError
from eval.plots import Calibration, Lift, Plot
from models.calibration import Array, calibration_error

_ROUNDS, _AT_ONCE = 1000, 50


def scores(labels: Array, probabilities: Array) -> dict[str, float]:
    """roc_auc, pr_auc (average precision), brier, and ece over 10 bins of equally many rows.

    The first two are NaN where a class is missing.

    >>> scores(np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.1, 0.9, 0.2, 0.8]))["roc_auc"]
    1.0
    """
    weights = np.ones((1, len(labels)))
    ranked = ranking(labels, probabilities, weights)
    return {
        **{name: float(values[0]) for name, values in ranked.items()},
        "brier": float(np.mean((probabilities - labels) ** 2)),
        "ece": calibration_error(labels, probabilities),
    }


def ranking(labels: Array, probabilities: Array, weights: Array) -> dict[str, Array]:
    """roc_auc and pr_auc for each row of `weights` (draws, rows): how often each row counts. Ties count half.

    >>> found = ranking(np.array([1.0, 0.0, 1.0]), np.array([0.9, 0.5, 0.5]), np.ones((1, 3)))
    >>> [round(float(v[0]), 3) for v in found.values()]
    [0.75, 0.833]
    """
    _, group = np.unique(-probabilities, return_inverse=True)  # best first
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    hits = np.add.reduceat((weights * labels)[:, order], starts, axis=1)
    misses = np.add.reduceat((weights * (1 - labels))[:, order], starts, axis=1)
    found, false = hits.cumsum(axis=1), misses.cumsum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        auc = (misses * (found - hits / 2)).sum(axis=1) / (found[:, -1] * false[:, -1])
        precision = np.where(found + false > 0, found / (found + false), 0.0)
        average = (hits * precision).sum(axis=1) / found[:, -1]
    return {"roc_auc": auc, "pr_auc": np.where(false[:, -1] > 0, average, np.nan)}


@dataclass(frozen=True)
class Part:
    """One test part: the places of its rows among all that are tested, what came of each (0 or 1), and its chance."""

    rows: NDArray[np.intp]
    labels: Array
    chances: Array

    def metrics(self) -> dict[str, float]:
        """Every metric of this part."""
        return scores(self.labels, self.chances)

    def drawn(self, weights: Array) -> dict[str, Array]:
        """The metrics that have intervals for each row of `weights` (draws, rows of the part)."""
        errors = (self.chances - self.labels) ** 2
        return ranking(self.labels, self.chances, weights) | {"brier": weights @ errors / weights.sum(axis=1)}


def intervals(parts: Sequence[Part], *, seed: int = 0) -> dict[str, tuple[float, float]]:
    """Bootstrap 95% percentile intervals of the parts' mean metrics; none where a class is missing.

    A row that is tested in several parts is drawn once for all of them.
    """
    if not parts or any(not 0 < part.labels.sum() < len(part.labels) for part in parts):
        return {}
    count = 1 + max(int(part.rows.max()) for part in parts)
    rng = np.random.default_rng(seed)
    found: dict[str, list[Array]] = {}
    for _ in range(_ROUNDS // _AT_ONCE):
        weights = rng.multinomial(count, np.full(count, 1 / count), size=_AT_ONCE).astype("float64")
        drawn = [part.drawn(weights[:, part.rows]) for part in parts]
        for name in drawn[0]:
            found.setdefault(name, []).append(np.mean([one[name] for one in drawn], axis=0))
    bounds = {name: np.nanpercentile(np.concatenate(values), [2.5, 97.5]) for name, values in found.items()}
    return {name: (float(low), float(high)) for name, (low, high) in bounds.items()}


def pictures(tested: Mapping[str, Sequence[Part]], what: str, *, end: str = "") -> dict[str, Plot]:
    """Calibration and lift of "ours" among the parts `tested`, the floors beside it; `end` ends the pictures' names."""
    ranked = {name: np.concatenate([part.chances for part in parts]) for name, parts in tested.items()}
    ranked = {"ours": ranked.pop("ours"), **ranked}
    labels = np.concatenate([part.labels for part in tested["ours"]])
    return {f"calibration{end}": Calibration(labels, ranked["ours"], what), f"lift{end}": Lift(labels, ranked, what)}


def perfect_ece(probabilities: Array, *, seed: int = 0) -> float:
    """What 97.5% of perfectly calibrated models with these `probabilities` would stay under in `ece`.

    >>> perfect_ece(np.full(10_000, 0.5)) < perfect_ece(np.full(100, 0.5))
    True
    """
    rng = np.random.default_rng(seed)
    errors = []
    for _ in range(_ROUNDS):
        labels = (rng.random(len(probabilities)) < probabilities).astype("float64")
        errors.append(calibration_error(labels, probabilities))
    return float(np.percentile(errors, 97.5))


def mean_of(found: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of each metric over folds or splits."""
    return {name: float(np.mean([one[name] for one in found])) for name in found[0]} if found else {}


def read_csv(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    """The table of a CSV file (gzip too) that must have `columns`; `DataError` says what is amiss."""
    try:
        table = pd.read_csv(path, encoding="utf-8-sig", low_memory=False)
    except (OSError, ValueError, EOFError) as error:  # pandas' own errors are ValueErrors
        raise DataError(f"{path} cannot be read as CSV: {error}") from None
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise DataError(f"{path} lacks the column {missing[0]}; it needs {', '.join(columns)}")
    if table.empty:
        raise DataError(f"{path} has no rows")
    return table


def yes_or_no(table: pd.DataFrame, column: str, path: Path) -> Array:
    """`column` as 0 and 1 (also true and false, yes and no); `DataError` names the first row that is neither."""
    said = table[column].astype(str).str.strip().str.lower()
    values = said.map({"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0, "1.0": 1.0, "0.0": 0.0, "yes": 1.0, "no": 0.0})
    if values.isna().any():
        row = int(np.flatnonzero(values.isna())[0])
        raise DataError(f"{path}, row {row + 2}: {column} is {table[column].iloc[row]!r}, not a yes or no")
    return np.asarray(values, dtype="float64")


def need_both(labels: Array, path: Path, least: int) -> None:
    """Raises `DataError` where an outcome has fewer than `least` rows to learn from."""
    if min(labels.sum(), len(labels) - labels.sum()) < least:
        raise DataError(f"{path} is too small to learn from: each outcome must occur {least} times or more")
