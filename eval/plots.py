"""Pictures of what a task measured (`shopkeeper eval TASK --plots FOLDER`): calibration, lift, fan, Qini, deciles."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

OURS, PLAIN, BAND, REAL = "#1f5f8b", "#8a8f94", "#c9dcea", "#b3541e"
OTHERS = (REAL, "#5a9367", "#7b5ea7", "#c99a2e")
BINS = 10
_SIZE, _DPI = (6.4, 4.4), 120


class Plot(Protocol):
    """A picture that draws itself."""

    def draw(self, axes: Axes) -> None:
        """Draws onto empty `axes`, with title and labels."""
        ...


@dataclass(frozen=True)
class Calibration:
    """What was said against what came: bins of equally many rows, with 95% intervals of each share (Wilson)."""

    labels: Array
    chances: Array
    what: str

    def draw(self, axes: Axes) -> None:
        """One point a bin, beside the diagonal on which a perfectly calibrated model lies."""
        order = np.argsort(self.chances, kind="stable")
        parts = [part for part in np.array_split(order, BINS) if len(part)]
        said = np.array([self.chances[part].mean() for part in parts])
        came = np.array([self.labels[part].mean() for part in parts])
        count = np.array([len(part) for part in parts])
        low, high = _wilson(came, count)
        top = min(1.0, 1.08 * float(max(high.max(), said.max())))
        axes.plot([0, top], [0, top], color=PLAIN, linewidth=1, linestyle="--", label="perfectly calibrated")
        gaps = np.maximum(np.array([came - low, high - came]), 0.0)
        axes.errorbar(said, came, yerr=gaps, fmt="o", color=OURS, capsize=3, label="bins, 95% interval")
        axes.set(xlim=(0, top), ylim=(0, top), xlabel="chance that was given", ylabel="share that it came true for")
        axes.set_title(f"Calibration: {self.what}")
        axes.legend(frameon=False, loc="upper left")


@dataclass(frozen=True)
class Lift:
    """Share of all hits found among the rows with the highest chances, beside floors on the same rows."""

    labels: Array
    chances: Mapping[str, Array]
    what: str

    def draw(self, axes: Axes) -> None:
        """A gains curve for each of `chances`, the first of them ours."""
        share = np.arange(len(self.labels) + 1) / max(len(self.labels), 1)
        for place, (name, chances) in enumerate(self.chances.items()):
            hits = np.cumsum(self.labels[np.argsort(-chances, kind="stable")])
            curve = np.concatenate([[0.0], hits / max(float(hits[-1]), 1e-9)])
            style: dict[str, Any] = (
                {"color": OURS, "linewidth": 2.0} if place == 0 else {"color": OTHERS[(place - 1) % len(OTHERS)]}
            )
            axes.plot(share, curve, label=name, **style)
        axes.plot([0, 1], [0, 1], color=PLAIN, linewidth=1, linestyle="--", label="in no order")
        axes.set(
            xlim=(0, 1), ylim=(0, 1), xlabel="share of all, highest chance first", ylabel="share of hits among them"
        )
        axes.set_title(f"Lift: {self.what}")
        axes.legend(frameon=False, loc="lower right")


@dataclass(frozen=True)
class Fan:
    """One series: what was known, what came, and what had been forecast with its interval."""

    history: Array
    actual: Array
    mean: Array
    low: Array
    high: Array
    what: str
    unit: str
    level: float = 0.8

    def draw(self, axes: Axes) -> None:
        """Periods before 0 are history."""
        before, ahead = np.arange(-len(self.history), 0), np.arange(len(self.mean))
        axes.fill_between(ahead, self.low, self.high, color=BAND, label=f"{self.level:.0%} interval")
        axes.plot(before, self.history, color=PLAIN, linewidth=1.2, label="known")
        axes.plot(ahead, self.mean, color=OURS, linewidth=2.0, label="forecast")
        axes.plot(ahead, self.actual, color=REAL, linewidth=1.2, marker="o", markersize=3, label="came")
        axes.axvline(-0.5, color=PLAIN, linewidth=0.8, linestyle=":")
        axes.set(xlabel="weeks from the day of the forecast", ylabel=self.unit)
        axes.set_ylim(bottom=min(0.0, float(np.nanmin(self.low))))
        axes.set_title(f"Forecast: {self.what}")
        axes.yaxis.set_major_formatter("{x:,.0f}")
        axes.legend(frameon=False, loc="lower left", ncols=2)


@dataclass(frozen=True)
class Qini:
    """What is gained in all by treating so many, by each way of ordering the customers (Radcliffe 2007)."""

    scores: Mapping[str, Array]
    treated: NDArray[np.bool_]
    outcome: Array
    what: str

    def draw(self, axes: Axes) -> None:
        """One curve for each of `scores`, the first of them ours, beside a random order."""
        share = np.arange(1, len(self.outcome) + 1) / max(len(self.outcome), 1)
        last = 0.0
        for place, (name, score) in enumerate(self.scores.items()):
            order = np.argsort(-score, kind="stable")
            t, y = self.treated[order], self.outcome[order]
            ours = np.cumsum(np.where(t, y, 0.0)) / max(int(t.sum()), 1)
            curve = ours - np.cumsum(np.where(t, 0.0, y)) / max(int((~t).sum()), 1)
            style: dict[str, Any] = (
                {"color": OURS, "linewidth": 2.0} if place == 0 else {"color": OTHERS[(place - 1) % len(OTHERS)]}
            )
            axes.plot(share, curve, label=name, **style)
            last = float(curve[-1])
        axes.plot([0, 1], [0, last], color=PLAIN, linewidth=1, linestyle="--", label="random order")
        axes.set(xlim=(0, 1), xlabel="share of customers treated, highest uplift first", ylabel="gained a customer")
        axes.set_title(f"Qini: {self.what}")
        axes.legend(frameon=False, loc="lower right")


@dataclass(frozen=True)
class Deciles:
    """Forecast and real means in tenths of the customers, by the forecast."""

    real: Array
    forecasts: Mapping[str, Array]
    what: str
    unit: str

    def draw(self, axes: Axes) -> None:
        """Bars of what came, a line for each of `forecasts`; the first orders the customers."""
        first = next(iter(self.forecasts.values()))
        parts = [part for part in np.array_split(np.argsort(first, kind="stable"), BINS) if len(part)]
        tenth = np.arange(1, len(parts) + 1)
        axes.bar(tenth, [self.real[part].mean() for part in parts], color=BAND, label="came")
        for place, (name, forecast) in enumerate(self.forecasts.items()):
            values = [forecast[part].mean() for part in parts]
            colour, width = (OURS, REAL, PLAIN)[min(place, 2)], 2.0 if place == 0 else 1.2
            axes.plot(tenth, values, color=colour, linewidth=width, marker="o", markersize=4, label=name)
        axes.set_xticks(tenth)
        axes.set(xlabel="tenth of the customers, by the forecast", ylabel=self.unit)
        axes.set_title(self.what)
        axes.legend(frameon=False, loc="upper left")


def save(plots: Mapping[str, Plot], folder: Path) -> Sequence[Path]:
    """Writes each plot as `folder`/NAME.png (made if need be) and gives the paths in order."""
    from matplotlib.figure import Figure

    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for name, plot in plots.items():
        figure = Figure(figsize=_SIZE, dpi=_DPI, layout="constrained")
        axes = figure.add_subplot()
        plot.draw(axes)
        axes.spines[["top", "right"]].set_visible(False)
        path = folder / f"{re.sub(r'[^A-Za-z0-9]+', '_', name).strip('_')}.png"
        figure.savefig(path, metadata={"Software": None})
        found.append(path)
    return found


def _wilson(share: Array, count: NDArray[np.intp], z: float = 1.96) -> tuple[Array, Array]:
    """The 95% interval of each share (Wilson 1927)."""
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2)) / (1 + z**2 / count)
    return middle - half, middle + half
