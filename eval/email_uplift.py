"""Task `email_uplift`: which customer gets which e-mail, learned from a randomised test (Hillstrom's MineThatData).

A policy's value is estimated by inverse propensity: the outcomes of those who by chance got what it would have sent,
over the share of customers who got that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from data.errors import DataError, SettingError
from eval.metrics import interval
from eval.plots import Qini
from eval.task import Inputs, Outcome
from models.calibration import Array
from models.treatment_policy import WAYS, learn_policy
from models.uplift import CONTROL
from models.uplift_learners import LEARNERS, Design, Trial, cross_fitted, line

FILE = Path("hillstrom") / "hillstrom.csv.gz"
OURS = "X-learner"
SPLITS = 20
OUTCOMES = ("visit", "spend")
CONSTANT = "constant policy chosen in training"
TO_ALL = " to all"

_RESULTS = ("segment", "visit", "conversion", "spend")
_REPEATED = "history_segment"
"""A column that says nothing that `history` does not."""


@dataclass
class Tally:
    """Per customer of the file: the sum of his contributions to an estimate, over the splits that tested him."""

    sums: Array
    counts: Array = field(default_factory=lambda: np.zeros(0))

    @classmethod
    def of(cls, rows: int) -> Tally:
        """Nothing yet, for so many customers."""
        return cls(np.zeros(rows), np.zeros(rows))

    def add(self, rows: np.ndarray, contributions: Array) -> None:
        """One more split that tested these rows."""
        self.sums[rows] += contributions
        self.counts[rows] += 1

    def mean(self) -> Array:
        """A value per tested customer; their mean is the estimate."""
        tested = self.counts > 0
        return np.asarray(self.sums[tested] / self.counts[tested])


def evaluate(inputs: Inputs) -> Outcome:
    """Twenty 50/50 splits, or the given files.

    `policy_visit` and `policy_spend` are values per customer, `gain_visit` and `gain_spend` those above the action
    that is best for all in hindsight, `qini` the area between the uplift curve of visits and a random
    order, in visits a customer. Intervals: bootstrap over tested customers, who count once however often tested.
    """
    table, tests, files = _splits(inputs)
    arms = sorted(table["segment"].unique())
    arm = pd.Index(arms).get_indexer(table["segment"])
    known = table.drop(columns=[c for c in (*_RESULTS, _REPEATED) if c in table])
    names = [*WAYS, CONSTANT, *(f"{one}{TO_ALL}" for one in arms)]
    tallies = {(name, kind): Tally.of(len(table)) for name in names for kind in OUTCOMES}
    qinis: dict[str, list[float]] = {name: [] for name in LEARNERS}
    plots: dict[str, Qini] = {}
    for number, test in enumerate(tests):
        inputs.report("splits", number, len(tests))
        train = np.setdiff1d(np.arange(len(table)), test)
        for kind in OUTCOMES:
            chosen = _decisions(table, known, arm, arms, train=train, test=test, kind=kind, seed=inputs.seed + number)
            outcome = table[kind].to_numpy("float64")[test]
            for name, actions in chosen.items():
                tallies[name, kind].add(test, contributions(actions, arm[test], outcome))
        order = _ordered(table, known, arm, arms, train=train, test=test, seed=inputs.seed + number)
        if order is not None:
            plots = plots or {"qini": order}
            for name, score in order.scores.items():
                qinis[name].append(qini(score, order.treated, order.outcome))
    inputs.report("splits", len(tests), len(tests))
    return replace(_outcome(tallies, qinis, names, files, inputs.seed), plots=plots)


def contributions(chosen: np.ndarray, arm: np.ndarray, outcome: Array) -> Array:
    """1[arm = chosen] · outcome / share of that arm, (n,): the mean is the policy's value (IPW).

    >>> contributions(np.array([1, 1, 0, 0]), np.array([1, 0, 1, 0]), np.array([2.0, 5.0, 5.0, 1.0])).tolist()
    [4.0, 0.0, 0.0, 2.0]
    """
    shares = np.bincount(arm) / len(arm)
    return np.asarray((chosen == arm) * outcome / shares[arm])


def qini(score: Array, treated: np.ndarray, outcome: Array) -> float:
    """Area between the uplift curve in order of `score` and a straight line (Radcliffe 2007), per customer.

    The curve at a share of customers, highest scores first: their treated outcomes over all treated less their control
    outcomes over all controls.

    >>> y, t = np.array([1.0, 0.0, 0.0, 0.0]), np.array([True, False, True, False])
    >>> qini(np.array([4.0, 3.0, 2.0, 1.0]), t, y) > 0 > qini(np.array([1.0, 2.0, 3.0, 4.0]), t, y)
    True
    """
    order = np.argsort(-score, kind="stable")
    t, y = treated[order], outcome[order]
    gained = np.cumsum(np.where(t, y, 0.0)) / max(int(t.sum()), 1) - np.cumsum(np.where(t, 0.0, y)) / max((~t).sum(), 1)
    share = np.arange(1, len(y) + 1) / len(y)
    return float((gained - share * gained[-1]).mean())


def read(path: Path) -> pd.DataFrame:
    """A test of Hillstrom's form; `DataError` names a missing column or a line with a broken result."""
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError, pd.errors.ParserError) as error:
        raise DataError(f"{path} cannot be read as a table: {error}") from None
    absent = [column for column in ("segment", *OUTCOMES) if column not in table]
    if absent:
        raise DataError(f"{path} has no column {', '.join(absent)}")
    results = table[list(OUTCOMES)].apply(pd.to_numeric, errors="coerce")
    wrong = table.index[results.isna().any(axis=1) | table["segment"].isna()]
    if len(wrong):
        raise DataError(f"{path}, line {int(wrong[0]) + 2}: segment, visit and spend must all be there")
    return table.assign(**{name: results[name] for name in OUTCOMES}, segment=table["segment"].astype(str))


def _splits(inputs: Inputs) -> tuple[pd.DataFrame, list[np.ndarray], list[Path]]:
    """All customers, the rows that each split tests on, and the files."""
    if inputs.train is not None and inputs.test is not None:
        train, test = read(inputs.train), read(inputs.test)
        strange = sorted(set(test["segment"]) ^ set(train["segment"]))
        if strange:
            raise DataError(f"{inputs.train} and {inputs.test} differ in segments: {', '.join(strange)}")
        absent = sorted(set(train.columns) - set(test.columns) - {"conversion"})
        if absent:
            raise DataError(f"{inputs.test} has no column {', '.join(absent)}")
        both = pd.concat([train, test[[c for c in train.columns if c in test]]], ignore_index=True)
        return both, [np.arange(len(train), len(both))], [inputs.train, inputs.test]
    if inputs.train is not None or inputs.test is not None:
        raise SettingError("give both --train and --test for the e-mail test, or neither")
    path = None if inputs.data is None else inputs.data / FILE
    if path is None or not path.exists():
        raise SettingError("name a test with --train and --test, or the folder of the benchmark data with --data")
    table = read(path)
    drawn = (np.random.default_rng([inputs.seed, number]).permutation(len(table)) for number in range(SPLITS))
    return table, [np.sort(order[len(table) // 2 :]) for order in drawn], [path]


def _decisions(
    table: pd.DataFrame,
    known: pd.DataFrame,
    arm: np.ndarray,
    arms: Sequence[str],
    *,
    train: np.ndarray,
    test: np.ndarray,
    kind: str,
    seed: int,
) -> dict[str, np.ndarray]:
    """What each way would send to the customers of `test`; visits help to learn what brings money."""
    outcome = table[kind].to_numpy("float64")[train]
    proxy = table["visit"].to_numpy("float64")[train] if kind == "spend" else None
    chosen = {}
    for way in WAYS:
        policy = learn_policy(known.iloc[train], arm[train], outcome, arms, way=way, proxy=proxy, seed=seed)
        chosen[way] = policy.decide(known.iloc[test])
    means = np.bincount(arm[train], outcome, len(arms)) / np.bincount(arm[train], minlength=len(arms))
    chosen[CONSTANT] = np.full(len(test), int(means.argmax()))
    return chosen | {f"{name}{TO_ALL}": np.full(len(test), place) for place, name in enumerate(arms)}


def _ordered(
    table: pd.DataFrame,
    known: pd.DataFrame,
    arm: np.ndarray,
    arms: Sequence[str],
    *,
    train: np.ndarray,
    test: np.ndarray,
    seed: int,
) -> Qini | None:
    """Each learner's uplift of any e-mail against none on the customers of `test`; None where no segment was alone."""
    control = [place for place, name in enumerate(arms) if name.casefold() in CONTROL]
    if not control:
        return None
    mailed = (arm != control[0]).astype(int)
    visit = table["visit"].to_numpy("float64")
    design = Design().fit(known.iloc[train])
    shares = np.bincount(mailed[train], minlength=2) / len(train)
    trial = Trial(design(known.iloc[train]), mailed[train], visit[train], shares)
    nuisance = cross_fitted(trial, seed=seed)
    x = design(known.iloc[test])
    scores = {name: line(x, learner(trial, nuisance))[:, 1] for name, learner in LEARNERS.items()}
    ours = {OURS: scores.pop(OURS)}
    return Qini(ours | scores, mailed[test] == 1, visit[test], "visits by any e-mail, one split")


def _outcome(
    tallies: dict[tuple[str, str], Tally],
    qinis: dict[str, list[float]],
    names: Sequence[str],
    files: list[Path],
    seed: int,
) -> Outcome:
    values = {name: {f"policy_{kind}": float(tallies[name, kind].mean().mean()) for kind in OUTCOMES} for name in names}
    for name, found in qinis.items():
        if found:
            values[name]["qini"] = float(np.mean(found))
    metrics, intervals = dict(values[OURS]), {}
    constants = [name for name in names if name.endswith(TO_ALL)]
    for kind in OUTCOMES:
        best = max(constants, key=lambda name: values[name][f"policy_{kind}"])
        gain = tallies[OURS, kind].mean() - tallies[best, kind].mean()
        metrics[f"gain_{kind}"] = float(gain.mean())
        for name, each in ((f"policy_{kind}", tallies[OURS, kind].mean()), (f"gain_{kind}", gain)):
            bounds = interval(list(each), seed=seed)
            if bounds is not None:
                intervals[name] = bounds
    return Outcome(metrics, intervals, {name: values[name] for name in names if name != OURS}, files)
