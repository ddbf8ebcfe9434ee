"""A campaign plan as one page that a busy person reads in a minute: HTML that stands alone, Markdown, and JSON."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from campaign.plan import Figure, Plan
from channels.plan_charts import budget_chart, demand_chart
from tools import base

GOALS = {
    "win_back": "Win back customers who went quiet",
    "cross_sell": "Sell what goes with what they have",
    "new_arrivals": "Show what is new",
    "clearance": "Clear overstock",
    "loyalty": "Thank the best customers",
    "replenish": "Remind those who are about to run out",
}
CUES = {
    "sound": "Sound: a profit is expected in at least nine of ten cases.",
    "risky": "Risky: the interval of the expected profit reaches zero or below.",
    "loss": "Not advised: a loss is expected.",
    "nobody": "Reaches nobody: none of these customers is known to consent to messages.",
}


@dataclass(frozen=True)
class Standing:
    """What the plan itself does not know: its status, who approved it, and the trace of the conversation."""

    status: str = "draft"
    approver: str | None = None
    trace_id: str | None = None


def html(plan: Plan, standing: Standing = Standing()) -> str:
    """One self-contained page: no script, no outside resource, light and dark, readable on a phone."""
    charts = {
        "demand_chart": Markup(demand_chart(plan.demand)),
        "budget_chart": Markup(budget_chart(plan.channels, plan.currency)),
    }
    return _environment(escape=True).get_template("plan_page.html.j2").render(**_view(plan, standing), **charts)


def markdown(plan: Plan, standing: Standing = Standing()) -> str:
    """The same page as Markdown; text of the shop is escaped, so that a title cannot pose as a heading or a link."""
    text = _environment(escape=False).get_template("plan_page.md.j2").render(**_view(plan, standing))
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def as_json(plan: Plan, standing: Standing = Standing()) -> str:
    """The plan as JSON with its hash and standing."""
    content = {"hash": plan.content_hash, "plan": json.loads(plan.to_json()), **standing.__dict__}
    return json.dumps(content, ensure_ascii=False, sort_keys=True, indent=1) + "\n"


def write(plan: Plan, folder: Path, standing: Standing = Standing()) -> dict[str, Path]:
    """Writes C-0001.md, .json and .html into `folder`, each whole or not at all; the paths by ending."""
    folder.mkdir(parents=True, exist_ok=True)
    pages = {"md": markdown(plan, standing), "json": as_json(plan, standing), "html": html(plan, standing)}
    paths = {ending: folder / f"{plan.campaign_id}.{ending}" for ending in pages}
    for ending, text in pages.items():
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=folder, delete=False) as draft:
            draft.write(text)
        os.chmod(draft.name, 0o644)
        os.replace(draft.name, paths[ending])
    return paths


def _environment(*, escape: bool) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=escape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["md"] = _markdown_text
    return environment


def _markdown_text(text: object) -> str:
    """`text` on one line with everything that Markdown or HTML would read as a sign made literal."""
    return re.sub(r"([\\`*_{}\[\]()#+!|<>&~])", r"\\\1", base.plain(str(text)))


def _view(plan: Plan, standing: Standing) -> Mapping[str, Any]:
    """Everything that the templates show, already in words and displays."""

    def money(value: float) -> str:
        return base.money("", value, plan.currency, "").display

    def share(value: float) -> str:
        return base.percent("", value, "").display

    def day(iso: str) -> str:
        return base.date("", pd.Timestamp(iso), "").display

    def left(stock: float | None) -> str:
        if stock is None:
            return "unknown"
        return f"{stock:,.0f}" if stock > -0.5 else f"short by {-stock:,.0f}"

    def shown(figure: Figure) -> dict[str, str]:
        display = money(figure.value) if figure.unit == "money" else share(figure.value)
        if figure.unit in {"count", "days"}:
            display = f"{figure.value:,.1f}" if figure.value < 10 else f"{figure.value:,.0f}"
        return {"display": display, "source": figure.source}

    return {
        "plan": plan,
        "standing": standing,
        "goal": GOALS[plan.goal],
        "cue": CUES[plan.outlook.cue],
        "money": money,
        "share": share,
        "day": day,
        "left": left,
        "number": lambda value: f"{value:,.0f}",
        "profit": shown(plan.outlook.profit),
        "low": shown(plan.outlook.low),
        "high": shown(plan.outlook.high),
        "orders": shown(plan.outlook.orders),
        "cost": shown(plan.outlook.cost),
        "discounts": shown(plan.outlook.discounts),
        "margin": shown(plan.margin),
        "hash": plan.content_hash,
        "solved": _solved(plan),
        "offered": _offered(plan),
    }


def _offered(plan: Plan) -> str:
    """Who gets the discount, in one sentence; empty where the plan has none or gives it to all."""
    treated = [member for member in plan.members if member.arm == "treated"]
    given = sum(member.offer > 0 for member in treated)
    if not plan.discount or not treated or given == len(treated):
        return ""
    if not given:
        return "Nobody gets it: it would cost more than it adds."
    return f"{given:,} of {len(treated):,} get it; to the others it is not worth its cost."


def _solved(plan: Plan) -> str:
    """How good the joint plan is known to be, in one line; empty for a plan that was not solved."""
    found = plan.solution
    if found is None:
        return ""
    if found.gap < 1e-6:
        return f"The joint plan is the best there is under these estimates ({found.method})."
    gap = "less than 0.01%" if found.gap < 1e-4 else f"{found.gap:.2%}"
    return f"The joint plan is at most {gap} below the best there can be under these estimates ({found.method})."
