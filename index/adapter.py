"""Fits a frozen text encoder to a shop: one linear map for queries, one for titles, from judged or clicked pairs.

Contrastive learning with in-batch negatives (InfoNCE, van den Oord et al. 2018) of the maps alone: seconds instead
of the hours that fine-tuning the encoder takes on a CPU.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from data.threads import single_threaded
from index.embed import Vectors

Places = npt.NDArray[np.intp]

EPOCHS = 2
_TEMPERATURE = 0.05
_PAIRS, _OTHERS = 512, 1024
_RATE, _PULL = 3e-4, 1e-3
"""The step size, and how strongly the maps are drawn back to the identity: the encoder knew much before."""


@dataclass(frozen=True)
class Adapter:
    """The two maps, shape (dimension, dimension) each."""

    queries: Vectors
    titles: Vectors

    @classmethod
    def fit(cls, asked: Vectors, titles: Vectors, query: Places, title: Places, *, seed: int = 0) -> Self:
        """Learns from pairs: `query` indexes the rows of `asked`, `title` those of `titles`; unit vectors both."""
        import torch
        from torch.nn.functional import cross_entropy, normalize

        size = titles.shape[1]
        rng = np.random.default_rng(seed)
        left, right = torch.from_numpy(np.ascontiguousarray(asked)), torch.from_numpy(np.ascontiguousarray(titles))
        identity = torch.eye(size)
        maps = [identity.clone().requires_grad_() for _ in range(2)]
        optimiser = torch.optim.Adam(maps, lr=_RATE)
        with single_threaded():
            for _ in range(EPOCHS):
                order = rng.permutation(len(query))
                for start in range(0, len(order), _PAIRS):
                    pairs = order[start : start + _PAIRS]
                    against = np.concatenate([title[pairs], rng.integers(0, len(titles), _OTHERS)])
                    alike = normalize(left[query[pairs]] @ maps[0]) @ normalize(right[against] @ maps[1]).T
                    # Another title that fits the same query is no wrong answer to it.
                    same = (query[pairs][:, None] == query[pairs][None]) & ~np.eye(len(pairs), dtype=bool)
                    barred = np.concatenate([same, np.zeros((len(pairs), _OTHERS), dtype=bool)], axis=1)
                    alike = (alike / _TEMPERATURE).masked_fill(torch.from_numpy(barred), -1e4)
                    drawn = sum(((one - identity) ** 2).sum() for one in maps)
                    loss = cross_entropy(alike, torch.arange(len(pairs))) + _PULL * drawn
                    optimiser.zero_grad()
                    loss.backward()  # type: ignore[no-untyped-call]
                    optimiser.step()
        found = [one.detach().numpy().copy() for one in maps]
        return cls(found[0], found[1])

    def of_queries(self, vectors: Vectors) -> Vectors:
        """Query vectors, unit length, as the maps see them."""
        return _unit(vectors @ self.queries)

    def of_titles(self, vectors: Vectors) -> Vectors:
        """Title vectors, unit length, as the maps see them."""
        return _unit(vectors @ self.titles)


def _unit(vectors: Vectors) -> Vectors:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
