"""Task `session_rec`: the next item of an anonymous shop session, after every prefix of it; P@20 and MRR@20 over all
items, as in the session-based literature (its P@20 is the share of cases whose next item is among the first 20).
"""

import gzip
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from data.errors import DataError, SettingError
from eval.metrics import interval, share
from eval.task import Inputs, Outcome
from models.session import SessionModel

GIVEN = Path("diginetica") / "train_sessions.jsonl.gz"
VALIDATION_SHARE = 0.1
K = 20
_BLOCK = 8
"""Lines of a test file that are drawn together in the bootstrap: neighbours are often prefixes of one session."""
_BATCH = 2048

Session = list[int]
Recommend = Callable[[Sequence[Session]], list[list[int]]]


@dataclass(frozen=True)
class Case:
    """The start of a session, the item that came next, and a group of cases that are not independent."""

    prefix: Session
    target: int
    group: int


class Numbers:
    """Numbers for item ids of any kind, in the order in which they are first met."""

    def __init__(self) -> None:
        self._of: dict[str, int] = {}

    def of(self, items: Sequence[Any]) -> Session:
        """The numbers of `items`."""
        return [self._of.setdefault(str(item), len(self._of)) for item in items]


def evaluate(inputs: Inputs) -> Outcome:
    """Fits on the training sessions, and ranks all items after every prefix of the others."""
    numbers = Numbers()
    if inputs.train is None and inputs.test is None:
        paths = [_given(inputs.data)]
        sessions = read_sessions(paths[0], numbers)
        cut = len(sessions) - int(len(sessions) * VALIDATION_SHARE)
        train, cases = sessions[:cut], every_prefix(sessions[cut:])
    elif inputs.train is None or inputs.test is None:
        raise SettingError("give both --train (sessions) and --test (lines of [prefix, next item]), or neither")
    else:
        paths = [inputs.train, inputs.test]
        train, cases = read_sessions(inputs.train, numbers), read_cases(inputs.test, numbers)
    if not cases:
        raise DataError(f"{paths[-1]} holds no case to measure: sessions need two items or more")
    inputs.report("fitting", 0, 1)
    model = SessionModel(seed=inputs.seed).fit(train)
    inputs.report("fitting", 1, 1)
    ranks = _ranks(lambda prefixes: model.recommend(prefixes, K), cases, inputs)
    counts = Counts(train)
    floors = {
        "last-item co-occurrence": counts.last_item,
        "article's formula r": counts.formula,
        "popularity": counts.popular,
    }
    groups = [case.group for case in cases]
    values = {name: scores.tolist() for name, scores in _scores(ranks).items()}
    bounds = {name: interval(scores, groups=groups, seed=inputs.seed) for name, scores in values.items()}
    return Outcome(
        metrics={name: share(scores) for name, scores in values.items()} | {"cases": float(len(cases))},
        intervals={name: found for name, found in bounds.items() if found is not None},
        floors={name: _means(_ranks(floor, cases)) for name, floor in floors.items()},
        files=paths,
    )


def read_sessions(path: Path, numbers: Numbers) -> list[Session]:
    """The sessions of a file of JSON lists, one a line, oldest first; those of a single item are left out."""
    sessions = []
    for number, line in _lines(path):
        if not isinstance(line, list) or any(isinstance(item, list | dict) for item in line):
            raise DataError(f"{path}, line {number}: no session; write the ids of its items as one JSON list")
        if len(line) > 1:
            sessions.append(numbers.of(line))
    if not sessions:
        raise DataError(f"{path} holds no session of two items or more")
    return sessions


def read_cases(path: Path, numbers: Numbers) -> list[Case]:
    """The cases of a file with `[prefix, target]` a line, the prefix a list of item ids; empty ones are left out."""
    cases = []
    for number, line in _lines(path):
        if not isinstance(line, list) or len(line) != 2 or not isinstance(line[0], list) or isinstance(line[1], list):
            raise DataError(f"{path}, line {number}: no case; write [[item, item, ...], next item]")
        if line[0]:
            cases.append(Case(numbers.of(line[0]), numbers.of(line[1:])[0], number // _BLOCK))
    return cases


def every_prefix(sessions: Sequence[Session]) -> list[Case]:
    """A case for every item but the first of each session."""
    return [Case(s[:i], s[i], group) for group, s in enumerate(sessions) for i in range(1, len(s))]


class Counts:
    """The floors: what counting sessions alone gives."""

    def __init__(self, sessions: Sequence[Session]) -> None:
        rows = np.repeat(np.arange(len(sessions)), [len(session) for session in sessions])
        items = np.concatenate([np.asarray(session) for session in sessions])
        shows = sp.csr_array((np.ones(len(rows), np.float32), (rows, items)))
        shows.data[:] = 1  # an item seen twice in a session counts once
        together = (shows.T @ shows).tocsr()
        self._count = together.diagonal()
        together.setdiag(0)
        together.eliminate_zeros()
        self._together = together
        even = sp.diags_array(np.maximum(self._count, 1) ** -0.5)
        self._alike = (even @ together @ even).tocsr()
        self._popular = np.argsort(-self._count, kind="stable")[:K].tolist()

    def last_item(self, prefixes: Sequence[Session]) -> list[list[int]]:
        """The items that most sessions share with the last one."""
        return _best(self._together, [prefix[-1:] for prefix in prefixes])

    def formula(self, prefixes: Sequence[Session]) -> list[list[int]]:
        """The article's r_i = Σ_j w_ij p_j, with w the cosine of two items' sessions and p_j = 1 for what was seen."""
        return _best(self._alike, prefixes)

    def popular(self, prefixes: Sequence[Session]) -> list[list[int]]:
        """The items of most sessions."""
        return [self._popular for _ in prefixes]


def _best(weights: Any, prefixes: Sequence[Session]) -> list[list[int]]:
    """The items whose weights from all of a prefix's items sum up to the most, `K` at most."""
    known = [sorted({item for item in prefix if item < weights.shape[0]}) for prefix in prefixes]
    rows = np.repeat(np.arange(len(known)), [len(items) for items in known])
    columns = np.array([item for items in known for item in items], dtype=np.int64)
    shape = (len(known), weights.shape[0])
    sums = (sp.csr_array((np.ones(len(rows), np.float32), (rows, columns)), shape=shape) @ weights).tocsr()
    found = []
    for start, end in pairwise(sums.indptr.tolist()):
        items, values = sums.indices[start:end], sums.data[start:end]
        found.append(items[np.lexsort((items, -values))[:K]].tolist())
    return found


def _ranks(recommend: Recommend, cases: Sequence[Case], inputs: Inputs | None = None) -> np.ndarray[Any, Any]:
    """Where each case's next item stands, from 1; infinity where it is not among the first `K`."""
    ranks = np.full(len(cases), np.inf)
    for start in range(0, len(cases), _BATCH):
        batch = cases[start : start + _BATCH]
        for i, (case, found) in enumerate(zip(batch, recommend([case.prefix for case in batch]), strict=True)):
            if case.target in found[:K]:
                ranks[start + i] = found.index(case.target) + 1
        if inputs is not None:
            inputs.report("prefixes", start + len(batch), len(cases))
    return ranks


def _scores(ranks: np.ndarray[Any, Any]) -> dict[str, np.ndarray[Any, Any]]:
    return {"p@20": (ranks <= K).astype(float), "mrr@20": 1 / ranks}


def _means(ranks: np.ndarray[Any, Any]) -> dict[str, float]:
    return {name: float(values.mean()) for name, values in _scores(ranks).items()}


def _given(data: Path | None) -> Path:
    if data is None or not (data / GIVEN).exists():
        raise SettingError("name session files with --train and --test, or the benchmark data's folder with --data")
    return data / GIVEN


def _lines(path: Path) -> list[tuple[int, Any]]:
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8") as file:
            return [(number, json.loads(line)) for number, line in enumerate(file, start=1) if line.strip()]
    except FileNotFoundError:
        raise DataError(f"there is no file {path}") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is not a file of JSON lines: {error}") from None
