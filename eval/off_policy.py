"""Task `off_policy`: what a policy would have earned, from another's log: Open Bandit both ways, and a simulation.

The logs of Open Bandit (Saito et al. 2021) have few clicks, so that the share of runs whose interval holds the truth is
measured on simulated logs, where the truth is known.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from campaign.estimators import ESTIMATORS, Array, Log, Value, Z, doubly_robust
from data.errors import DataError, SettingError
from data.threads import single_threaded
from eval.bandit import Bandit
from eval.task import Inputs, Outcome

FOLDER = Path("open_bandit")
OURS = "clipped DR"
DRAWS = 200
RUNS, DECISIONS = 200, 2000

_COLUMNS = ("item_id", "position", "click", "propensity_score")
_PRIOR = 1000.0
"""Displays that an item's own click rate must outweigh: rates of half a percent take thousands to tell apart."""


@dataclass(frozen=True)
class Campaign:
    """One campaign's displays under both policies."""

    name: str
    bts: pd.DataFrame
    random: pd.DataFrame


def evaluate(inputs: Inputs) -> Outcome:
    """Relative errors over 200 bootstraps of each log; then intervals of 200 simulated logs.

    `relative_error` is the mean over both directions and all campaigns of |estimate − truth| / truth, where the truth
    is the clicks a display of the other policy's own log. `coverage` is the share of simulated logs whose 95%
    interval holds the true value, `width_ratio` the median width against an oracle's (DR with the
    true click chances, its plain normal interval).
    """
    if inputs.train is not None:
        raise SettingError("off_policy reads one folder with bts/ and random/: name it with --test alone")
    folder = inputs.test or (None if inputs.data is None else inputs.data / FOLDER)
    if folder is None or not folder.is_dir():
        raise SettingError("name a folder with bts/ and random/ with --test, or the folder of the benchmark data")
    campaigns, files = read(folder)
    errors: dict[str, list[Array]] = {name: [] for name in ESTIMATORS}
    ways: dict[str, list[float]] = {"random_to_bts": [], "bts_to_random": []}
    for campaign in campaigns:
        for way, source, target in (
            ("random_to_bts", campaign.random, campaign.bts),
            ("bts_to_random", campaign.bts, campaign.random),
        ):
            inputs.report(way, 0, 1)
            for name, found in relative_errors(source, target, seed=inputs.seed).items():
                errors[name].append(found)
                if name == OURS:
                    ways[way].append(float(found.mean()))
    inputs.report("simulation", 0, 1)
    covered, ratio = simulate(seed=inputs.seed)
    inputs.report("simulation", 1, 1)
    ours = np.mean(errors[OURS], axis=0)
    return Outcome(
        metrics={
            "relative_error": float(ours.mean()),
            **{f"relative_error/{way}": float(np.mean(found)) for way, found in ways.items()},
            "coverage": covered[OURS],
            "width_ratio": ratio[OURS],
        },
        # Over the bootstraps, as it is customary on these logs: the spread of single estimates, not of their mean.
        intervals={"relative_error": (float(np.quantile(ours, 0.025)), float(np.quantile(ours, 0.975)))},
        floors={
            name: {
                "relative_error": float(np.mean(found)),
                "coverage": covered[name],
                "width_ratio": ratio[name],
            }
            for name, found in errors.items()
            if name != OURS
        },
        files=files,
    )


def read(folder: Path) -> tuple[list[Campaign], list[Path]]:
    """Campaigns that both policies logged, and the files. `DataError` where a folder or column is missing."""
    logs = {policy: _files(folder / policy) for policy in ("bts", "random")}
    both = sorted(set(logs["bts"]) & set(logs["random"]))
    if not both:
        raise DataError(f"{folder} needs bts/ and random/ with a log of the same name in both, such as men/men.csv")
    files = [logs[policy][name] for name in both for policy in ("bts", "random")]
    return [Campaign(name, _log(logs["bts"][name]), _log(logs["random"][name])) for name in both], files


def _files(folder: Path) -> dict[str, Path]:
    found = sorted([*folder.rglob("*.csv"), *folder.rglob("*.csv.gz")])
    return {path.name.split(".")[0]: path for path in found if not path.name.startswith("item_context")}


def _log(path: Path) -> pd.DataFrame:
    try:
        frame = pd.read_csv(path)
    except (OSError, ValueError, pd.errors.ParserError) as error:
        raise DataError(f"{path} cannot be read as a table: {error}") from None
    absent = [column for column in _COLUMNS if column not in frame]
    if absent:
        raise DataError(f"{path} has no column {', '.join(absent)}")
    frame = frame[list(_COLUMNS)].apply(pd.to_numeric, errors="coerce")
    wrong = frame[frame.isna().any(axis=1) | ~frame["propensity_score"].between(0, 1, inclusive="right")]
    if len(wrong):
        raise DataError(f"{path}, line {int(wrong.index[0]) + 2}: a display needs {', '.join(_COLUMNS)}")
    return frame


def relative_errors(source: pd.DataFrame, target: pd.DataFrame, *, seed: int, draws: int = DRAWS) -> dict[str, Array]:
    """By estimator: |estimate − truth| / truth in each bootstrap of `source`; the truth is `target`'s click rate."""
    choice = shares(target)
    truth = float(target["click"].mean())
    if truth <= 0:
        raise DataError("a log without any click has no value to be compared with")
    rng = np.random.default_rng(seed)
    rows: dict[str, list[float]] = {name: [] for name in ESTIMATORS}
    for _ in range(draws):
        sample = source.iloc[rng.integers(0, len(source), len(source))]
        log = displays(sample, choice)
        for name, estimator in ESTIMATORS.items():
            rows[name].append(abs(estimator(log).mean - truth) / truth)
    return {name: np.asarray(found) for name, found in rows.items()}


def shares(log: pd.DataFrame) -> pd.DataFrame:
    """What a policy shows: position × item shares that sum to 1 in each position.

    Both policies ignore who looks; a logged propensity is that of the item shown, so its inverse weights nothing
    here: the shares of displays are the policy's choice, averaged over the days of the log.
    """
    counts = pd.crosstab(log["position"], log["item_id"])
    return counts.div(counts.sum(axis=1), axis=0)


def displays(log: pd.DataFrame, choice: pd.DataFrame) -> Log:
    """`log` seen from the policy that shows `choice`, with click rates fitted on the other half of the log."""
    positions = log["position"].to_numpy()
    items = log["item_id"].to_numpy()
    clicks = log["click"].to_numpy("float64")
    names = np.union1d(items, choice.columns.to_numpy())
    table = choice.reindex(index=np.union1d(positions, choice.index.to_numpy()), columns=names).fillna(0.0)
    shown = table.to_numpy("float64")
    row, column = table.index.get_indexer(pd.Index(positions)), table.columns.get_indexer(pd.Index(items))
    weights = shown[row, column] / log["propensity_score"].to_numpy("float64")
    guess, direct = np.zeros(len(log)), np.zeros(len(log))
    half = log.index.to_numpy() % 2  # copies of a row in a bootstrap stay together
    for side in (0, 1):
        rates = _click_rates(column[half != side], clicks[half != side], len(names))
        guess[half == side] = rates[column[half == side]]
        direct[half == side] = (shown @ rates)[row[half == side]]
    return Log(clicks, weights, guess, direct)


def _click_rates(items: np.ndarray, clicks: Array, number: int) -> Array:
    """Each item's click rate, drawn to the mean of all as by `_PRIOR` displays at it."""
    overall = (clicks.sum() + 0.5) / (len(clicks) + 1.0)
    shown, clicked = np.bincount(items, minlength=number), np.bincount(items, weights=clicks, minlength=number)
    return np.asarray((clicked + _PRIOR * overall) / (shown + _PRIOR))


def simulate(*, seed: int, runs: int = RUNS, decisions: int = DECISIONS) -> tuple[dict[str, float], dict[str, float]]:
    """By estimator: the share of simulated logs whose 95% interval holds the truth, and the median width ratio."""
    bandit = Bandit(np.random.default_rng([seed, 1]))
    truth = bandit.truth()
    found: dict[str, list[Value]] = {name: [] for name in ESTIMATORS}
    oracle = []
    for number in range(runs):
        with single_threaded():
            log, known = bandit.log(np.random.default_rng([seed, 2, number]), decisions)
        oracle.append(2 * Z * doubly_robust(known).error)
        for name, estimator in ESTIMATORS.items():
            found[name].append(estimator(log))
    covered = {name: float(np.mean([v.low <= truth <= v.high for v in values])) for name, values in found.items()}
    usual = float(np.median(oracle))
    return covered, {name: float(np.median([_width(v) for v in values])) / usual for name, values in found.items()}


def _width(value: Value) -> float:
    return value.high - value.low
