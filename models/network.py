"""The source article's network: two hidden layers of 128 and 64 units with dropout, for a yes-or-no outcome."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from models.calibration import Array

if TYPE_CHECKING:
    from torch import Tensor, nn

HIDDEN = (128, 64)

_DROPOUT = 0.3
_BATCH, _EPOCHS = 256, 30
_STEPS = (300, 800)  # at least and at most, however few or many rows there are
_RATE, _DECAY = 1e-3, 1e-3


class Network:
    """P(y=1|x) by a multilayer perceptron: ReLU, dropout .3, AdamW; on one thread, so the same seed, same figures."""

    def __init__(self) -> None:
        self._layers: nn.Sequential | None = None

    def fit(self, values: Array, labels: Array, *, seed: int = 0) -> Network:
        """Fits to `values` (rows, features), standardised and without gaps, and `labels` (0 or 1, one a row)."""
        import torch

        inputs = torch.tensor(values, dtype=torch.float32)
        targets = torch.tensor(labels, dtype=torch.float32)
        # Its own random numbers: fitting a network must change nobody else's draws, nor take theirs.
        with torch.random.fork_rng(devices=[]), _one_thread():
            torch.manual_seed(seed)
            layers = _perceptron(values.shape[1])
            optimiser = torch.optim.AdamW(layers.parameters(), lr=_RATE, weight_decay=_DECAY)
            layers.train()
            for rows in _batches(len(inputs)):
                optimiser.zero_grad()
                logits = layers(inputs[rows])[:, 0]
                torch.nn.functional.binary_cross_entropy_with_logits(logits, targets[rows]).backward()  # type: ignore[no-untyped-call]
                optimiser.step()
        self._layers = layers.eval()
        return self

    def predict(self, values: Array) -> Array:
        """Probabilities, shape (rows,)."""
        import torch

        if self._layers is None:
            raise ValueError("the network is not fitted")
        with torch.no_grad(), _one_thread():
            logits = self._layers(torch.tensor(values, dtype=torch.float32))[:, 0]
            return np.asarray(torch.sigmoid(logits).numpy(), dtype="float64")


def _perceptron(inputs: int) -> nn.Sequential:
    from torch import nn

    layers: list[nn.Module] = []
    for width in HIDDEN:
        layers += [nn.Linear(inputs, width), nn.ReLU(), nn.Dropout(_DROPOUT)]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, 1))


def _batches(rows: int) -> Iterator[Tensor]:
    """Places of the rows of each step, all rows once an epoch."""
    import torch

    steps = int(np.clip(_EPOCHS * np.ceil(rows / _BATCH), *_STEPS))
    while steps > 0:
        order = torch.randperm(rows)
        for start in range(0, rows, _BATCH)[:steps]:
            yield order[start : start + _BATCH]
            steps -= 1


@contextmanager
def _one_thread() -> Iterator[None]:
    """Sums of floats in one order; and layers this small gain nothing from a second thread."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
