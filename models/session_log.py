"""Recorded sessions as arrays, and what the sessions like a given one say of each item that may come next."""

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

Ids = NDArray[np.int64]
Values = NDArray[np.float64]

MOST_SESSIONS = 600
"""The latest sessions of an item that count; an item that everybody looks at says little about anyone."""
MOST_ITEMS = 12
"""The latest items of the running session that count."""
STEP_DECAY, GAP_DECAY, AGE_DECAY, RECENT_DECAY = 2.0, 2.0, 0.5, 0.05
"""λ1 to λ3 of STAN (Garg et al. 2019): steps back in the session, items between two of one session, and the age of a
session as a share of the whole log; the fourth is a sharper age for what is in vogue."""
EVIDENCE = ("forward", "backward", "alike", "several", "next", "with_last", "recent")
_WINDOW = 4


class SessionLog:
    """Sessions in the order of their time, each a list of item ids; items have codes 0 … n-1 by the order of ids."""

    def __init__(self, sessions: Sequence[Sequence[int]]) -> None:
        self.length: Ids = np.array([len(session) for session in sessions], dtype=np.int64)
        flat = np.fromiter(
            (item for session in sessions for item in session), dtype=np.int64, count=int(self.length.sum())
        )
        self.items, self.flat = np.unique(flat, return_inverse=True)
        self.start: Ids = np.concatenate([[0], np.cumsum(self.length)])
        self.session: Ids = np.repeat(np.arange(len(self.length)), self.length)
        self.age: Values = 1 - (np.arange(len(self.length)) + 1) / max(len(self.length), 1)
        self.count: Ids = np.bincount(self.flat, minlength=len(self.items))
        self._events: Ids = np.argsort(self.flat, kind="stable")  # by item, then by time
        self._events_start: Ids = np.concatenate([[0], np.cumsum(self.count)])

    def codes(self, session: Sequence[int]) -> Ids:
        """The codes of the session's items, in order; unknown items are left out."""
        wanted = np.asarray(session, dtype=np.int64)
        at = np.minimum(np.searchsorted(self.items, wanted), len(self.items) - 1)
        return np.asarray(at[self.items[at] == wanted], dtype=np.int64)

    def recent_count(self, share: float = 0.1) -> Ids:
        """How often each item occurs in the last `share` of the sessions."""
        return np.bincount(self.flat[self.age[self.session] < share], minlength=len(self.items))

    def neighbours(self) -> sp.csr_matrix:
        """Items seen within few steps of each other, weighted by nearness and recency; symmetric, (n, n)."""
        weight = np.exp(-self.age[self.session] / AGE_DECAY)
        rows, columns, values = [], [], []
        for gap in range(1, _WINDOW + 1):
            left, right = self.flat[:-gap], self.flat[gap:]
            kept = (self.session[:-gap] == self.session[gap:]) & (left != right)
            rows.append(left[kept])
            columns.append(right[kept])
            values.append(weight[gap:][kept] / gap)
        size = (len(self.items), len(self.items))
        one_way = sp.csr_matrix((np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape=size)
        return (one_way + one_way.T).tocsr()

    def evidence(self, prefixes: Sequence[Ids]) -> tuple[Ids, dict[str, Values]]:
        """What past sessions say: keys prefix · n + item, sorted, and for each the sums named in `EVIDENCE`.

        A past session counts by the running session's items that it shares, the later the more, and by its own
        brevity and recency; its other items count by their nearness to the shared one (STAN).
        """
        owner, item, step = _recent_items(prefixes)
        last = self._events_start[item + 1]
        first = np.maximum(self._events_start[item], last - MOST_SESSIONS)
        which, at = ranges(first, last - first)
        event = self._events[at]
        session, prefix, step = self.session[event], owner[which], step[which]
        key = prefix * len(self.length) + session
        order = np.lexsort((-event, step, key))
        key, prefix, session, event, step = (a[order] for a in (key, prefix, session, event, step))
        apart = np.ones(len(key), dtype=bool)  # an item that the past session shows twice is one match
        apart[1:] = (key[1:] != key[:-1]) | (step[1:] != step[:-1])
        key, prefix, session, event, step = (a[apart] for a in (key, prefix, session, event, step))
        fresh = np.ones(len(key), dtype=bool)
        fresh[1:] = key[1:] != key[:-1]
        match = np.cumsum(fresh) - 1
        likeness = np.bincount(match, np.exp(-step / STEP_DECAY)) / np.sqrt(self.length[session[fresh]])
        shared = np.bincount(match)
        return self._summed(prefix[fresh], session[fresh], event[fresh], step[fresh], likeness, shared)

    def _summed(
        self, prefix: Ids, session: Ids, event: Ids, step: Ids, likeness: Values, shared: Ids
    ) -> tuple[Ids, dict[str, Values]]:
        which, at = ranges(self.start[session], self.length[session])
        gap = at - event[which]
        which, at, gap = which[gap != 0], at[gap != 0], gap[gap != 0]
        keys, place = np.unique(prefix[which] * len(self.items) + self.flat[at], return_inverse=True)
        weight = np.exp(-self.age[session] / AGE_DECAY)
        alike = (likeness * weight)[which]
        near = alike * np.exp(-np.abs(gap) / GAP_DECAY)
        nearest = (weight * np.exp(-step / STEP_DECAY))[which]
        sums: dict[str, Values] = {
            "forward": near * (gap > 0),
            "backward": near * (gap < 0),
            "alike": alike,
            "several": alike * (shared - 1)[which],
            "next": nearest * (gap == 1),
            "with_last": (weight * (step == 0))[which],
            "recent": (likeness * np.exp(-self.age[session] / RECENT_DECAY))[which],
        }
        return keys, {name: np.bincount(place, values, len(keys)).astype(float) for name, values in sums.items()}


def ranges(first: Ids, size: Ids) -> tuple[Ids, Ids]:
    """The ranges first … first + size - 1 one after another: whose each number is, and the number.

    >>> [a.tolist() for a in ranges(np.array([5, 0]), np.array([2, 3]))]
    [[0, 0, 1, 1, 1], [5, 6, 0, 1, 2]]
    """
    owner = np.repeat(np.arange(len(first)), size)
    within = np.arange(len(owner)) - np.repeat(np.cumsum(size) - size, size)
    return owner, first[owner] + within


def _recent_items(prefixes: Sequence[Ids]) -> tuple[Ids, Ids, Ids]:
    """Each prefix's latest distinct items: the prefix, the item, and how many distinct items came after it."""
    found = [list(dict.fromkeys(prefix[::-1].tolist()))[:MOST_ITEMS] for prefix in prefixes]
    owner = np.repeat(np.arange(len(found)), [len(items) for items in found])
    item = np.array([item for items in found for item in items], dtype=np.int64)
    step = np.array([step for items in found for step in range(len(items))], dtype=np.int64)
    return owner.astype(np.int64), item, step
