"""Why an item is recommended: counts of real people behind it, and how much they prove."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import scipy.sparse as sp

Kind = Literal["together", "similar", "friends", "popular"]
Strength = Literal["strong", "fair", "weak"]

STRONG_BUYERS = 30
FAIR_BUYERS = 10
LIFT = 1.5
"""How far above the item's base rate the share's lower bound must lie to be strong evidence."""
FAIR_SIMILARITY = 0.6
LEAST_SIMILARITY = 0.2
LEAST_TOGETHER = 3
"""Fewer common buyers than this are chance, and would tell on single customers."""
_RANK: dict[Strength, int] = {"strong": 2, "fair": 1, "weak": 0}


@dataclass(frozen=True)
class Evidence:
    """What speaks for one item; fields that its kind does not need are None.

    together: `share` = P(an `anchor` buyer also bought the item) = `buyers` / `anchor_buyers`, distinct customers.
    similar: `similarity` of the descriptions, a cosine in 0 to 1. friends: how many related customers bought it.
    popular: `buyers` = distinct customers who ever bought it.
    """

    kind: Kind
    strength: Strength
    anchor: str | None = None
    share: float | None = None
    buyers: int | None = None
    anchor_buyers: int | None = None
    similarity: float | None = None
    friends: int | None = None


@dataclass(frozen=True)
class Recommendation:
    """One recommended product; `score` orders items of one call and has no unit."""

    product_id: str
    score: float
    evidence: Evidence


@dataclass(frozen=True)
class Background:
    """What evidence is counted in.

    `weights` are items × items, `buyers_of` customers × items (CSC), `content` one unit row an item;
    `shoppers` is the number of customers who bought anything, the base of an item's base rate.
    """

    items: pd.Index
    weights: Any
    buyers_of: Any
    content: Any
    shoppers: int

    def buyers(self, item: int) -> Any:
        """Rows of the customers who bought an item."""
        return self.buyers_of.indices[self.buyers_of.indptr[item] : self.buyers_of.indptr[item + 1]]


def wilson_low(hits: int, trials: int, z: float = 1.96) -> float:
    """Lower end of Wilson's 95% interval of a share (Wilson, 1927).

    >>> round(wilson_low(118, 381), 3)
    0.265
    """
    if trials == 0:
        return 0.0
    share = hits / trials
    spread = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    return max(0.0, (share + z * z / (2 * trials) - spread) / (1 + z * z / trials))


def strongest_evidence(
    item: int, given: Mapping[str, float], taste: Any, friends: Any, *, background: Background
) -> Evidence:
    """The strongest evidence among the parts that gave the item score; ties go to the part that gave more.

    `given` holds each part's share of the score; `taste` is 1 × items, `friends` 1 × customers, both CSR.
    """
    found: list[tuple[int, float, Evidence]] = []
    if given["together"] > 0:
        evidence = _together(item, taste, background)
        if evidence is not None:
            found.append((_RANK[evidence.strength], given["together"], evidence))
    if given["friends"] > 0:
        count = len(np.intersect1d(friends.indices, background.buyers(item)))
        strength: Strength = "strong" if count >= 3 else "fair" if count == 2 else "weak"
        found.append((_RANK[strength], given["friends"], Evidence("friends", strength, friends=count)))
    if given["similar"] > 0:
        evidence = _similar(item, taste, background)
        if evidence is not None:
            found.append((_RANK[evidence.strength], given["similar"], evidence))
    if found:
        return max(found, key=lambda entry: entry[:2])[2]
    count = len(background.buyers(item))
    # What sells is no evidence about a person, so it is never strong.
    return Evidence("popular", "fair" if count >= STRONG_BUYERS else "weak", buyers=count)


def _together(item: int, taste: Any, background: Background) -> Evidence | None:
    weights = background.weights
    own = slice(weights.indptr[item], weights.indptr[item + 1])
    shared, in_own, in_taste = np.intersect1d(weights.indices[own], taste.indices, return_indices=True)
    if not len(shared):
        return None
    anchor = int(shared[np.argmax(weights.data[own][in_own] * taste.data[in_taste])])
    anchor_buyers, buyers = background.buyers(anchor), background.buyers(item)
    both = len(np.intersect1d(anchor_buyers, buyers))
    if both < LEAST_TOGETHER:
        return None
    low = wilson_low(both, len(anchor_buyers))
    base = len(buyers) / max(background.shoppers, 1)
    if both >= STRONG_BUYERS and low > LIFT * base:
        strength: Strength = "strong"
    elif both >= FAIR_BUYERS and low > base:
        strength = "fair"
    else:
        strength = "weak"
    share = both / max(len(anchor_buyers), 1)
    return Evidence(
        "together", strength, str(background.items[anchor]), share=share, buyers=both, anchor_buyers=len(anchor_buyers)
    )


def _similar(item: int, taste: Any, background: Background) -> Evidence | None:
    content = background.content
    others = taste.indices[taste.indices != item]  # an item that was looked at does not speak for itself
    mine = content[others] @ (content[item].T if sp.issparse(content) else content[item])
    cosines = np.asarray(mine.todense() if sp.issparse(mine) else mine, dtype=float).ravel()
    if len(cosines) == 0 or cosines.max() < LEAST_SIMILARITY:
        return None
    best = int(np.argmax(cosines))
    similarity = min(float(cosines[best]), 1.0)
    strength: Strength = "fair" if similarity >= FAIR_SIMILARITY else "weak"
    return Evidence("similar", strength, str(background.items[others[best]]), similarity=similarity)
