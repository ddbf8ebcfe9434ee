"""The two charts of a plan's page, as inline SVG whose ink follows the page's colours (light or dark)."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from campaign.plan import Channel, Week

INK, ACCENT, BAND = "#010203", "#010204", "#010205"
"""Marker colours, replaced by the page's own variables after drawing."""
_COLOURS = {INK: "currentColor", ACCENT: "var(--accent)", BAND: "var(--band)"}


def demand_chart(weeks: Sequence[Week]) -> str:
    """Weekly units: what was sold, what is expected, and its 80% interval. Empty without weeks."""
    if not weeks:
        return ""
    figure, axes = figure_of(2.6)
    past = [w for w in weeks if w.low is None]
    ahead = [w for w in weeks if w.low is not None]
    start = len(past)
    axes.plot(range(start), [w.units for w in past], color=INK, linewidth=1.6)
    joined = past[-1:] + ahead
    places = list(range(start - len(past[-1:]), len(weeks)))
    if ahead:
        axes.fill_between(
            places,
            [w.units if w.low is None else w.low for w in joined],
            [w.units if w.high is None else w.high for w in joined],
            color=BAND,
            linewidth=0,
        )
        axes.plot(places, [w.units for w in joined], color=ACCENT, linewidth=1.8, linestyle="--")
    ticks = sorted({0, max(start - 1, 0), len(weeks) - 1})
    axes.set_xticks(ticks, [weeks[t].start for t in ticks])
    axes.set_ylim(bottom=0)
    axes.set_ylabel("units a week")
    return as_svg(figure, "demand", "Units sold a week and the forecast with its 80% interval")


def budget_chart(channels: Sequence[Channel], currency: str) -> str:
    """Money a channel, and for advertising the expected profit along the spend. Empty where nothing is spent."""
    spent = [c for c in channels if c.spend > 0]
    if not spent:
        return ""
    curved = [c for c in spent if c.curve]
    figure, axes = figure_of(1.0 + 0.42 * len(spent) + (2.0 if curved else 0.0), rows=2 if curved else 1)
    bars = axes if not curved else figure.axes[0]
    names = [c.channel for c in spent][::-1]
    drawn = bars.barh(names, [c.spend for c in spent][::-1], color=ACCENT, height=0.6)
    bars.bar_label(drawn, labels=[f"{c.spend:,.2f}" for c in spent][::-1], padding=3, color=INK)
    bars.margins(x=0.18)
    bars.set_xlabel(f"spend, {currency}")
    for style, channel in zip(("-", "--", ":", "-."), curved, strict=False):
        below = figure.axes[1]
        below.plot(
            [p[0] for p in channel.curve], [p[1] for p in channel.curve], style, color=INK, label=channel.channel
        )
        below.plot([channel.spend], [channel.profit], "o", color=ACCENT)
        below.set_xlabel(f"spend, {currency}")
        below.set_ylabel(f"profit, {currency}")
        below.legend(frameon=False, labelcolor=INK)
    return as_svg(figure, "budget", "Budget by channel")


def figure_of(height: float, rows: int = 1) -> tuple[Figure, Axes]:
    """An empty figure of `height` inches with `rows` plots below each other, and the first of them."""
    figure = Figure(figsize=(6.4, height), layout="constrained")
    made = figure.subplots(rows, 1, squeeze=False)
    for axes in made[:, 0]:
        axes.tick_params(colors=INK, labelsize=9)
        axes.xaxis.label.set_color(INK)
        axes.yaxis.label.set_color(INK)
        axes.patch.set_visible(False)
        for side, spine in axes.spines.items():
            spine.set_visible(side in {"left", "bottom"})
            spine.set_color(INK)
    first: Axes = made[0, 0]
    return figure, first


def as_svg(figure: Figure, name: str, label: str) -> str:
    """The figure as an inline element; the same figure gives the same text, and ids are unique on the page."""
    buffer = io.StringIO()
    # Text stays text (searchable, in the page's font); the salt and the absent date make the bytes repeatable.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": name, "font.family": "sans-serif"}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'(id="|href="#|url\(#)', rf"\1{name}-", text)
    for marker, colour in _COLOURS.items():
        text = text.replace(marker, colour)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    return text.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)
