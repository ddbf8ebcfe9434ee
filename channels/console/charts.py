"""The charts of tool results as inline SVG whose ink follows the page's colours."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from html import escape
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from campaign.plan import Week
from channels.plan_charts import ACCENT, INK, as_svg, demand_chart, figure_of

_MOST_BARS = 12
_LONGEST_LABEL = 34
_LEAST_PAST = 16
"""Weeks of the past beside a forecast; four times its length where that is more."""


def svg(chart: Mapping[str, Any], name: str) -> str:
    """The chart as one element; `name` keeps its ids apart from those of other charts of the page.

    Empty for a chart without data or of an unknown kind.
    """
    return _drawn(json.dumps(chart, sort_keys=True), name)


@functools.lru_cache(maxsize=128)
def _drawn(spec: str, name: str) -> str:
    chart = json.loads(spec)
    kind, label = chart.get("kind"), escape(_plain(chart.get("title", "chart")), quote=True)
    if kind == "fan":
        return _fan(chart).replace('id="demand-', f'id="{name}-').replace("#demand-", f"#{name}-")
    if kind in ("bar", "bars", "funnel") and chart["x"]:
        return _bars(chart, name, label)
    if kind == "heatmap" and chart["y"]:
        return _heatmap(chart, name, label)
    return ""


def _fan(chart: Mapping[str, Any]) -> str:
    past, kept = len(chart["history"]), max(_LEAST_PAST, 4 * len(chart["mean"]))
    told = list(zip(chart["x"], chart["history"], strict=False))[-kept:]
    weeks = [Week(x, units, None, None) for x, units in told]
    ahead = zip(chart["x"][past:], chart["mean"], chart["low"], chart["high"], strict=False)
    return demand_chart([*weeks, *(Week(x, mean, low, high) for x, mean, low, high in ahead)])


def _bars(chart: Mapping[str, Any], name: str, label: str) -> str:
    names = [_short(x) for x in chart["x"]][:_MOST_BARS]
    values = [0.0 if y is None else float(y) for y in chart["y"]][:_MOST_BARS]
    figure, axes = figure_of(0.7 + 0.34 * len(names))
    places = range(len(names))[::-1]
    drawn = axes.barh(places, values, color=ACCENT, height=0.62)
    axes.set_yticks(list(places), names)
    shown = [f"{value:,.0f}" if abs(value) >= 100 or value == round(value) else f"{value:,.2f}" for value in values]
    if chart["kind"] == "funnel" and values[0]:
        shown = [f"{text}  ({value / values[0]:.1%})" for text, value in zip(shown, values, strict=True)]
    axes.bar_label(drawn, labels=shown, padding=4, color=INK, fontsize=9)
    axes.margins(x=0.22 if chart["kind"] == "funnel" else 0.16)
    if chart.get("unit"):
        axes.set_xlabel(_plain(chart["unit"]))
    return as_svg(figure, name, label)


def _heatmap(chart: Mapping[str, Any], name: str, label: str) -> str:
    rows = [_short(y) for y in chart["y"]][-_MOST_BARS:]
    cells = chart["z"][-_MOST_BARS:]
    figure, axes = figure_of(0.7 + 0.34 * len(rows))
    most = max((v for row in cells for v in row if v is not None), default=0.0) or 1.0
    for down, row in enumerate(reversed(cells)):
        for across, value in enumerate(row):
            _cell(axes, across, down, value, most)
    axes.set_xlim(0, len(chart["x"]))
    axes.set_ylim(0, len(rows))
    axes.set_xticks([x + 0.5 for x in range(len(chart["x"]))], [_short(x) for x in chart["x"]])
    axes.set_yticks([y + 0.5 for y in range(len(rows))], rows[::-1])
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    return as_svg(figure, name, label)


def _cell(axes: Axes, across: int, down: int, value: float | None, most: float) -> None:
    depth = 0.0 if value is None else 0.08 + 0.5 * value / most  # light enough for the ink on it, in both themes
    axes.add_patch(Rectangle((across + 0.02, down + 0.05), 0.96, 0.9, facecolor=ACCENT, alpha=depth, linewidth=0))
    text = "·" if value is None else f"{value:.0%}"
    axes.text(across + 0.5, down + 0.5, text, ha="center", va="center", color=INK, fontsize=9)


def _short(label: object) -> str:
    text = str(label)
    return _plain(text if len(text) <= _LONGEST_LABEL else text[: _LONGEST_LABEL - 1] + "…")


def _plain(text: object) -> str:
    """A dollar sign would begin a formula."""
    return str(text).replace("$", r"\$")
