"""How good ranked lists are: recall and NDCG at k, one value a person."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


def recalls(ranked: Sequence[Sequence[Any]], wanted: Sequence[Collection[Any]], k: int) -> Values:
    """Share of each one's wanted items among the first `k` of their list; with one wanted item, the hit rate.

    >>> recalls([["a", "b", "c"], ["d"]], [{"b", "x"}, {"d"}], 2)
    array([0.5, 1. ])
    """
    return np.array([len(set(best[:k]) & set(own)) / len(own) for best, own in zip(ranked, wanted, strict=True)])


def ndcgs(ranked: Sequence[Sequence[Any]], wanted: Sequence[Collection[Any]], k: int) -> Values:
    """Σ 1 / log2(place + 1) over the wanted items among the first `k`, as a share of the most it could be.

    >>> ndcgs([["a", "b"], ["b", "a"]], [{"a"}, {"a"}], 2).round(3)
    array([1.   , 0.631])
    """
    gains = 1.0 / np.log2(np.arange(2, k + 2))
    most = np.cumsum(gains)
    return np.array(
        [
            sum(gain for item, gain in zip(best[:k], gains, strict=False) if item in own) / most[min(len(own), k) - 1]
            for best, own in zip(ranked, wanted, strict=True)
        ]
    )
