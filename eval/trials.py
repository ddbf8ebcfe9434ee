"""Many trials of a method whose right answer is known: how often it was right, and how sure that share is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.stats import binomtest


@dataclass
class Trials:
    """By name: yes-or-no results of independent trials, and values of others; each gets a Monte-Carlo interval."""

    hits: dict[str, list[bool]] = field(default_factory=dict)
    values: dict[str, list[float]] = field(default_factory=dict)
    floors: dict[str, dict[str, float]] = field(default_factory=dict)

    def hit(self, name: str, yes: bool) -> None:
        """Notes a result."""
        self.hits.setdefault(name, []).append(bool(yes))

    def value(self, name: str, value: float) -> None:
        """Notes a value, whose mean is asked for."""
        self.values.setdefault(name, []).append(float(value))

    def metrics(self) -> dict[str, float]:
        """The shares and the means."""
        shares = {name: sum(yes) / len(yes) for name, yes in self.hits.items()}
        return shares | {name: float(np.mean(found)) for name, found in self.values.items()}

    def intervals(self) -> dict[str, tuple[float, float]]:
        """Of the shares Clopper and Pearson's (1934) 95% interval, of the means the normal one."""
        found = {name: exact(yes) for name, yes in self.hits.items()}
        for name, values in self.values.items():
            half = 1.96 * float(np.std(values, ddof=1)) / len(values) ** 0.5 if len(values) > 1 else float("nan")
            found[name] = (float(np.mean(values)) - half, float(np.mean(values)) + half)
        return found


def exact(yes: Sequence[bool]) -> tuple[float, float]:
    """The exact 95% interval of a share.

    >>> exact([True] * 10)[1]
    1.0
    """
    found = binomtest(int(sum(yes)), len(yes)).proportion_ci(0.95, method="exact")
    return float(found.low), float(found.high)


def merged(
    parts: Sequence[Trials],
) -> tuple[dict[str, float], dict[str, tuple[float, float]], Mapping[str, Mapping[str, float]]]:
    """Metrics, intervals and floors of several parts together."""
    metrics: dict[str, float] = {}
    intervals: dict[str, tuple[float, float]] = {}
    floors: dict[str, dict[str, float]] = {}
    for part in parts:
        metrics |= part.metrics()
        intervals |= part.intervals()
        for name, values in part.floors.items():
            floors.setdefault(name, {}).update(values)
    return metrics, intervals, floors
