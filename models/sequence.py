"""A transformer over the order in which people took items: which item comes next (SASRec, Kang and McAuley 2018)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LONGEST = 50
"""A person's most recent items that are read."""

Sequences = Sequence[NDArray[np.int64]]
"""For each person the items in order of time, as numbers from 0."""


@dataclass(frozen=True)
class Settings:
    """Sizes and training; `negatives` items are drawn for each batch, the same ones for all its places.

    `further` are the epochs of a later training on more of the same histories.
    """

    dim: int = 64
    layers: int = 1
    heads: int = 2
    dropout: float = 0.3
    epochs: int = 20
    batch: int = 256
    negatives: int = 512
    rate: float = 3e-3
    decay: float = 1e-2
    further: int = 4


class NextItemTransformer:
    """Self-attention over the last `LONGEST` items, with one table of vectors for what is read and what is scored.

    Trained on every place of every sequence with a softmax over the next item and shared sampled negatives, whose
    logits are corrected for how often they are drawn (Bengio and Senécal, 2008): with this loss SASRec beats its
    own successors (Klenitskiy and Vasilev, 2023). Places count from the end, since only recency carries over to
    longer histories. One seed, one result on one machine.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self._network: Any = None
        self._items = 0

    def fit(self, sequences: Sequences, items: int, *, seed: int = 0) -> "NextItemTransformer":
        """Fits on `sequences` of item numbers below `items`; those of fewer than two items teach nothing."""
        import torch  # slow to import, and needed for this model only

        from models.sequence_network import Network

        s = self.settings
        torch.manual_seed(seed)
        self._items = items
        self._network = Network(items, LONGEST, s.dim, s.layers, s.heads, s.dropout)
        self._train(sequences, s.epochs, s.rate, np.random.default_rng(seed))
        return self

    def fit_further(self, sequences: Sequences, *, seed: int = 0) -> "NextItemTransformer":
        """Goes on from what was fitted, on histories that have grown since: a fraction of the time of fitting anew."""
        import torch

        torch.manual_seed(seed)
        s = self.settings
        # A full rate would undo more than so few epochs can mend.
        self._train(sequences, s.further, s.rate / 5, np.random.default_rng([seed, 1]))
        return self

    def _train(self, sequences: Sequences, epochs: int, rate: float, rng: np.random.Generator) -> None:
        import torch

        s, network = self.settings, self._network
        network.eval()
        windows = [window for sequence in sequences for window in _windows(sequence)]
        if not windows:
            return
        counts = np.bincount(np.concatenate([window[1:] for window in windows]), minlength=self._items)
        chance = (counts + 1.0) ** 0.75
        chance /= chance.sum()
        log_chance = torch.from_numpy(np.log(chance)).float()
        optimiser = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=s.decay, betas=(0.9, 0.98))
        steps = epochs * -(-len(windows) // s.batch)
        pace = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=rate, total_steps=steps, pct_start=0.1)
        network.train()
        for _ in range(epochs):
            for batch in _batches(windows, s.batch, rng):
                drawn = np.unique(rng.choice(self._items, size=min(s.negatives, self._items), p=chance))
                loss = network.loss(torch.from_numpy(_padded(batch)), torch.from_numpy(drawn), log_chance)
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
                optimiser.step()
                pace.step()
        network.eval()

    def scores(self, sequences: Sequences) -> NDArray[np.float32]:
        """(people × items): the logit of each item as the next one; of an empty history all are 0."""
        import torch

        found = np.zeros((len(sequences), self._items), dtype=np.float32)
        known = [row for row, sequence in enumerate(sequences) if len(sequence)]
        with torch.inference_mode():
            for start in range(0, len(known), 512):
                rows = known[start : start + 512]
                batch = torch.from_numpy(_padded([sequences[row][-LONGEST:] for row in rows]))
                found[rows] = self._network.next_logits(batch).numpy()
        return found


def _windows(sequence: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """The sequence cut from its end into pieces of `LONGEST` + 1, each of which overlaps the next by one item."""
    ends = range(len(sequence), 1, -LONGEST)
    return [np.asarray(sequence[max(0, end - LONGEST - 1) : end], dtype=np.int64) for end in ends]


def _batches(windows: list[NDArray[np.int64]], size: int, rng: np.random.Generator) -> list[list[NDArray[np.int64]]]:
    """Batches of like lengths, so that little is computed on padding, in random order."""
    lengths = np.array([len(window) for window in windows]) + rng.uniform(0, 2, len(windows))
    order = np.argsort(lengths, kind="stable")
    cuts = [order[start : start + size] for start in range(0, len(order), size)]
    return [[windows[row] for row in cuts[at]] for at in rng.permutation(len(cuts))]


def _padded(batch: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """(people × longest), right-aligned; -1 where there is nothing."""
    width = max(len(sequence) for sequence in batch)
    padded = np.full((len(batch), width), -1, dtype=np.int64)
    for row, sequence in enumerate(batch):
        padded[row, width - len(sequence) :] = sequence
    return padded
