"""Task `sequential_rec`: which item someone takes last, from all that they took before (leave one out).

A file has one line a person, `person item item …` in order of time, or one line an item, `person item`. Each person's
last item is the test, the one before it chooses the weights, all items that they have not taken are ranked.
"""

import gzip
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.errors import DataError, SettingError
from eval.metrics import interval
from eval.ranking import ndcgs, recalls
from eval.task import Inputs, Outcome
from models.next_item import PARTS, NextItem
from models.transitions import Log, Sequences, transitions

FILES = {"": "beauty.txt.gz", "video_games/": "video_games.txt.gz"}
"""The sets that are measured without --test, by what their metrics' names begin with."""
K = 10
RECENT = 5
BLOCK = 500
OURS = "ours"

Ranked = NDArray[np.int64]


@dataclass(frozen=True)
class Cases:
    """Histories without their last item, and that item, as numbers below `items`."""

    histories: Sequences
    wanted: NDArray[np.int64]
    items: int


def evaluate(inputs: Inputs) -> Outcome:
    """Measures on `--test`, or on each of the benchmark's sets."""
    if inputs.train is not None:
        raise SettingError("sequential_rec holds out each person's last item itself: give one file, with --test")
    paths = {"": inputs.test} if inputs.test else _given(inputs.data)
    metrics: dict[str, float] = {}
    intervals: dict[str, tuple[float, float]] = {}
    floors: dict[str, dict[str, float]] = defaultdict(dict)
    for prefix, path in paths.items():
        cases = leave_one_out(read(path), path)
        model = NextItem().fit(cases.histories, cases.items, seed=inputs.seed, told=inputs.progress)
        rankings = _rankings(model, cases)
        for name, values in _measured(rankings.pop(OURS), cases).items():
            metrics[prefix + name] = float(values.mean())
            bounds = interval(values.tolist(), seed=inputs.seed)
            if bounds is not None:
                intervals[prefix + name] = bounds
        metrics |= {f"{prefix}weight/{part}": weight for part, weight in model.weights.items()}
        metrics[f"{prefix}reranked"] = float(model.reranker is not None and model.reranker.trees is not None)
        metrics[f"{prefix}people"] = float(len(cases.wanted))
        for floor, ranked in (_floors(cases) | rankings).items():
            floors[floor] |= {prefix + name: float(values.mean()) for name, values in _measured(ranked, cases).items()}
    return Outcome(metrics=metrics, intervals=intervals, floors=floors, files=list(paths.values()))


def read(path: Path) -> list[list[str]]:
    """Each person's items in order of time, from either form; `DataError` names a line that can't be used."""
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8") as file:
            lines = [line.split() for line in file]
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is no text file, plain or .gz: {error}") from None
    for number, words in enumerate(lines, start=1):
        if len(words) == 1:
            raise DataError(f"{path}, line {number}: a line is `person item`, or `person item item …`")
    people: dict[str, list[str]] = defaultdict(list)
    for words in lines:
        if words:
            people[words[0]] += words[1:]
    return list(people.values())


def leave_one_out(people: Sequence[Sequence[str]], path: Path) -> Cases:
    """Everyone who took two items or more; `DataError` where there is nobody, or nothing to choose from."""
    able = [items for items in people if len(items) > 1]
    numbers = {item: number for number, item in enumerate(dict.fromkeys(item for items in able for item in items))}
    if not able or len(numbers) <= K:
        raise DataError(f"{path}: give people with two items or more, of more than {K} different items")
    taken = [np.array([numbers[item] for item in items], dtype=np.int64) for items in able]
    return Cases([items[:-1] for items in taken], np.array([items[-1] for items in taken]), len(numbers))


def _rankings(model: NextItem, cases: Cases) -> dict[str, Ranked]:
    """The model's own lists, and those of each of its parts by itself."""
    others = {"weighted sum": model.weights} | {f"{part} alone": {part: 1.0} for part in PARTS}
    found: dict[str, list[Ranked]] = defaultdict(list)
    for block in model.proposals(cases.histories):
        found[OURS].append(model.ranked(block, K))
        for name, weights in others.items():
            found[name].append(model.ranked(block, K, weights=weights))
    return {name: np.concatenate(blocks) for name, blocks in found.items()}


def _floors(cases: Cases) -> dict[str, Ranked]:
    """The most taken items, and co-occurrence within `RECENT` places, summed over the `RECENT` last items."""
    log = Log.of(cases.histories, cases.items)
    pairs = transitions(log, window=RECENT, backward=1.0, powers=(0.0, 0.0), fading=0.0)
    popular = log.counts / len(log.item)
    found: dict[str, list[Ranked]] = {"popularity": [], "co-occurrence": []}
    for start in range(0, len(cases.histories), BLOCK):
        some = Log.of(cases.histories[start : start + BLOCK], cases.items)
        # Popularity parts items that occur as often with the last ones.
        near = (some.histories(lambda back: (back < RECENT).astype(float)) @ pairs).toarray() + popular
        for name, scores in (("popularity", np.tile(popular, (some.people, 1))), ("co-occurrence", near)):
            scores[some.person, some.item] = -np.inf
            found[name].append(np.argsort(-scores, axis=1, kind="stable")[:, :K])
    return {name: np.concatenate(parts) for name, parts in found.items()}


def _measured(ranked: Ranked, cases: Cases) -> dict[str, NDArray[np.float64]]:
    wanted = [{item} for item in cases.wanted.tolist()]
    lists = ranked.tolist()
    return {f"hr@{K}": recalls(lists, wanted, K), f"ndcg@{K}": ndcgs(lists, wanted, K)}


def _given(data: Path | None) -> dict[str, Path]:
    paths = {} if data is None else {prefix: data / "amazon" / name for prefix, name in FILES.items()}
    if not paths or not all(path.exists() for path in paths.values()):
        raise SettingError("name a file with --test, or the folder of the benchmark data with --data")
    return paths
