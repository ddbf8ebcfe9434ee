"""Whom to treat how: a shallow tree of questions that maximises the doubly robust value (Athey and Wager 2021)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.calibration import Array

_DECILES = np.arange(0.1, 1.0, 0.1)
_FEW_VALUES = 13


@dataclass(frozen=True)
class Leaf:
    """Everyone here gets the action of this number."""

    action: int


@dataclass(frozen=True)
class Split:
    """Who is above `cut` in `column` goes to `above`, the others to `below`."""

    column: str
    cut: float
    above: Split | Leaf
    below: Split | Leaf


Tree = Split | Leaf
Question = tuple[str, float]


def policy_tree(features: pd.DataFrame, scores: Array, *, depth: int, least: int) -> Tree:
    """The tree of at most `depth` questions with the largest sum of `scores` (n, actions); exact, not greedy.

    A leaf holds at least `least` rows. Questions are asked at midpoints of columns with few values, else at deciles.
    """
    questions, answers = _questions(features)
    return _grow(questions, answers, np.asarray(scores, "float64"), depth, least)[1]


def decide(tree: Tree, features: pd.DataFrame) -> np.ndarray:
    """The action of each row, (n,)."""
    if isinstance(tree, Leaf):
        return np.full(len(features), tree.action)
    above = features[tree.column].to_numpy("float64") > tree.cut
    chosen = np.zeros(len(features), dtype=int)
    chosen[above], chosen[~above] = decide(tree.above, features[above]), decide(tree.below, features[~above])
    return chosen


def _questions(features: pd.DataFrame) -> tuple[list[Question], Array]:
    questions: list[Question] = []
    for name in features.columns:
        values = features[name].to_numpy("float64")
        own = np.unique(values)
        cuts = (own[:-1] + own[1:]) / 2 if len(own) <= _FEW_VALUES else np.unique(np.quantile(values, _DECILES))
        questions += [(str(name), float(cut)) for cut in cuts]
    answers = [features[name].to_numpy("float64") > cut for name, cut in questions]
    return questions, np.column_stack(answers).astype("float64") if answers else np.zeros((len(features), 0))


def _grow(questions: Sequence[Question], answers: Array, scores: Array, depth: int, least: int) -> tuple[float, Tree]:
    total = scores.sum(axis=0)
    best: tuple[float, Tree] = (float(total.max()), Leaf(int(total.argmax())))
    count = answers.sum(axis=0)
    possible = np.flatnonzero((count >= least) & (len(answers) - count >= least))
    if depth == 0 or not len(possible):
        return best
    if depth == 1:
        above = answers[:, possible].T @ scores
        values = above.max(axis=1) + (total - above).max(axis=1)
        place = int(values.argmax())
        if values[place] > best[0] + 1e-9:
            yes_leaf, no_leaf = Leaf(int(above[place].argmax())), Leaf(int((total - above[place]).argmax()))
            column, cut = questions[int(possible[place])]
            best = float(values[place]), Split(column, cut, yes_leaf, no_leaf)
        return best
    for question in possible.tolist():
        yes = answers[:, question] > 0
        over, under = (_grow(questions, answers[side], scores[side], depth - 1, least) for side in (yes, ~yes))
        if over[0] + under[0] > best[0] + 1e-9:
            best = over[0] + under[0], Split(questions[question][0], questions[question][1], over[1], under[1])
    return best
