"""Forecasts that add up: items to their category, categories to the shop, by the way that erred least before.

Bottom up sums the items; top down shares the shop's forecast out; least squares weighs every forecast by the inverse of
its variance (MinT with a diagonal covariance: Wickramasuriya, Athanasopoulos and Hyndman 2019).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.backtest import ORIGINS, RULE, STAND_INS, Backtest, Series, Tally, spread_of

BOTTOM_UP, TOP_DOWN, LEAST_SQUARES = "bottom up", "top down", "least squares"
WAYS = (BOTTOM_UP, LEAST_SQUARES, TOP_DOWN)


@dataclass(frozen=True)
class Contest:
    """A group of series of one hierarchy: its name, their places in it (`rows`) and their rivals' backtest."""

    group: str
    rows: NDArray[np.intp]
    test: Backtest


Pick = Callable[[Contest], str]
"""Which method serves a group."""


@dataclass(frozen=True)
class Hierarchy:
    """Items, then categories, then the shop; `groups` (totals × items) is 1 where an item belongs to a total.

    The shop is the last total; an item that belongs to no category belongs to the shop alone.
    """

    groups: Series

    @property
    def items(self) -> int:
        """How many series are items."""
        return self.groups.shape[1]

    def levels(self) -> list[slice]:
        """The places of items, categories and the shop."""
        end = self.items + len(self.groups)
        return [slice(0, self.items), slice(self.items, end - 1), slice(end - 1, end)]

    def added_up(self, paths: Series, scale: Series, way: str) -> Series:
        """`paths` (series × horizon) made to add up in one of the `WAYS`; `scale` is how far each series strays."""
        if way == BOTTOM_UP:
            below = paths[: self.items]
        elif way == TOP_DOWN:
            below = self._shared_out(paths)
        else:
            below = self._least_squares(paths, scale)
        below = np.maximum(below, 0.0)
        return np.vstack([below, self.groups @ below])

    def _least_squares(self, paths: Series, scale: Series) -> Series:
        """The items b that make Σ ((forecast − sum of b) / scale)² least, by Woodbury's identity on the totals."""
        trust = 1.0 / np.square(scale)
        own, above = trust[: self.items], trust[self.items :]
        wanted = own[:, None] * paths[: self.items] + self.groups.T @ (above[:, None] * paths[self.items :])
        plain = wanted / own[:, None]
        spread = self.groups / own  # totals × items
        inner = np.diag(1.0 / above) + spread @ self.groups.T
        return np.asarray(plain - spread.T @ np.linalg.solve(inner, self.groups @ plain))

    def _shared_out(self, paths: Series) -> Series:
        """The shop's path by the categories' shares (and the loose items'), theirs by their items' shares."""
        items, middle, shop = (paths[level] for level in self.levels())
        members = self.groups[:-1]
        loose = members.sum(axis=0) == 0
        factor = _ratio(shop[0], middle.sum(axis=0) + items[loose].sum(axis=0))
        within = _ratio(middle * factor, members @ items)
        return items * np.where(loose[:, None], factor, members.T @ within)


def forecasts_at(contests: Sequence[Contest], origin: int, pick: Pick) -> tuple[Series, Series, Series]:
    """Of all series at a past origin: the picked methods' paths, what came (both series × weeks), and their scales."""
    parts = [(c.rows, c.test, _path(c.test, origin, pick(c))) for c in contests]
    size = sum(len(rows) for rows, _, _ in parts)
    paths, actual, scale = np.zeros((size, parts[0][2].shape[1])), np.zeros((size, parts[0][2].shape[1])), np.ones(size)
    for rows, test, path in parts:
        paths[rows], actual[rows], scale[rows] = path, test.actual[origin], test.scales[origin]
    return paths, actual, scale


def best_way(hierarchy: Hierarchy, contests: Sequence[Contest], origins: Sequence[int], pick: Pick) -> str:
    """The way whose WAPE, over the plain forecasts' and averaged over items, categories and shop, was least there.

    Bottom up where no origin is known.
    """
    levels = hierarchy.levels()
    missed = {way: np.zeros(len(levels)) for way in WAYS}
    plain = np.zeros(len(levels))
    for origin in origins:
        paths, actual, scale = forecasts_at(contests, origin, pick)
        plain += [np.abs(actual[level] - paths[level]).sum() for level in levels]
        for way in WAYS:
            found = hierarchy.added_up(paths, scale, way)
            missed[way] += [np.abs(actual[level] - found[level]).sum() for level in levels]
    known = plain > 0
    return min(WAYS, key=lambda way: float((missed[way][known] / plain[known]).sum()))


def picked(contest: Contest) -> str:
    """The method of a group; small items are too many for a contest."""
    return RULE if contest.group == "rest" else contest.test.best()


def added_up_at(hierarchy: Hierarchy, contests: Sequence[Contest], origin: int, pick: Pick, way: str) -> Series:
    """Forecasts of all series at a past origin, (series × weeks), made to add up in one way."""
    paths, _, scale = forecasts_at(contests, origin, pick)
    return hierarchy.added_up(paths, scale, way)


def tallied(hierarchy: Hierarchy, contests: Sequence[Contest], origins: range) -> dict[str, float]:
    """Errors at the latest two origins, where methods, way and spread come from the origins before each."""
    tally = Tally()
    for origin in origins[:-1][:2]:

        def pick(contest: Contest, origin: int = origin) -> str:
            return RULE if contest.group == "rest" else contest.test.older_than(origin).best()

        older = origins[origin + 1 :]
        way = best_way(hierarchy, contests, older[:ORIGINS], pick)
        known = [added_up_at(hierarchy, contests, one, pick, way) for one in older]
        path = added_up_at(hierarchy, contests, origin, pick, way)
        for contest in contests:
            method, rows = pick(contest), contest.rows
            past = contest.test.older_than(origin).replaced(method, [each[rows] for each in known])
            spread = spread_of(past, method)
            for kind, places in _kinds_of(contest):
                tally.add(kind, contest.test, origin, places, path[rows], spread)
    return tally.metrics()


def _kinds_of(contest: Contest) -> list[tuple[str, NDArray[np.intp]]]:
    """Under which names a group is tallied, and which of its rows."""
    places = np.arange(len(contest.rows))
    if contest.group == "total":
        return [("category", places[:-1]), ("shop", places[-1:])]
    return [] if contest.group == "rest" else [("item", places)]


def _path(test: Backtest, origin: int, method: str) -> Series:
    paths = test.paths[origin]
    return next(paths[name] for name in (method, *STAND_INS) if name in paths)


def _ratio(wanted: Series, there: Series) -> Series:
    return np.divide(wanted, there, out=np.ones(np.broadcast(wanted, there).shape), where=there > 0)
