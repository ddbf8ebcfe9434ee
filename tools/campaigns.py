"""The campaign tools: draft a plan, test it on past logs, launch it once a person approved, measure it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from campaign import launch, policy_value, records, verdict
from campaign.audience import Audience
from campaign.draft import Brief, propose
from campaign.finish import cue_of
from campaign.gate import shown
from campaign.plan import Plan
from campaign.targets import Catalogue
from campaign.verdict_words import measured_table, measured_words
from tools.audiences import SHOWN, audience_of, choose, chosen_again, id_of
from tools.base import (
    Row,
    ToolContext,
    ToolResult,
    count,
    date,
    facts,
    failure,
    identifier,
    money,
    percent,
    tool,
    words,
)
from tools.copy import check_discount
from tools.copy_draft import copies_for
from tools.lookup import product_facts, resolve_product
from tools.mend import mendable

_GOAL_WORDS = {
    "win_back": "win back",
    "cross_sell": "cross-sell",
    "new_arrivals": "new arrivals",
    "clearance": "clearance",
    "loyalty": "loyalty",
    "replenish": "replenish",
}


def _settled(ctx: ToolContext) -> dict[str, Any]:
    """What a draft takes over: channels and budget of the last split, channels and discount of the copy written."""
    spread = ctx.latest("allocate_budget")
    written = [c for c in ctx.calls if c.tool == "write_copy" and not c.result.failed]
    found: dict[str, Any] = {}
    if spread is not None:
        found |= {"channels": list(spread.arguments["channels"]), "budget": spread.arguments["budget"]}
    elif written:
        found["channels"] = list(dict.fromkeys(c.arguments["channel"] for c in written))
    if written and "discount_percent" in written[-1].arguments:
        found["discount_percent"] = written[-1].arguments["discount_percent"]
    return found


@tool(roles=("marketer",), kind="write", takes_over=_settled)
def draft_campaign(
    ctx: ToolContext,
    name: str,
    goal: str,
    audience: str | None = None,
    products: list[str] | None = None,
    channels: list[str] | None = None,
    budget: float | None = None,
    start_date: str | None = None,
    discount_percent: float | None = None,
) -> ToolResult:
    """Drafts a campaign plan and stores it; what is left out is taken from the results so far."""
    chosen, audience_id = _audience(ctx, goal, audience, products)
    where = tuple(dict.fromkeys(c.strip().lower() for c in channels or ["email"]))
    product_ids = [resolve_product(ctx, p) for p in products or []] or _written_products(ctx, chosen)
    discount = check_discount(discount_percent)
    with mendable():
        brief = Brief(
            name=name,
            audience=chosen,
            audience_id=audience_id,
            product_ids=tuple(product_ids),
            channels=where,
            budget=budget,
            start=start_date,
            discount=discount,
            minimum_spend=ctx.minimum_spend,
            capacity=ctx.capacity,
        )
        proposal = propose(ctx.snapshot, ctx.operations, ctx.models, brief, as_of=ctx.as_of)
        worded = replace(proposal, brief=replace(brief, copies=copies_for(ctx, proposal)))
        plan = records.keep(ctx.operations, worded)
    return _drafted(ctx, plan)


@tool(roles=("marketer",), kind="read")
def simulate_campaign(ctx: ToolContext, campaign_id: str) -> ToolResult:
    """Estimates from past logged decisions what a drafted campaign would bring."""
    with mendable():
        plan = records.find(ctx.operations, campaign_id).plan
    found, logs = policy_value.of_plan(ctx.snapshot, plan), f"exposures table, snapshot {ctx.snapshot.id[:6]}"
    head = identifier("campaign", plan.campaign_id, "the plan")
    contacted = count("contacted", plan.contacted, "the plan")
    seen = count("exposures", found.decisions, logs)
    if not found.supported:
        return ToolResult(facts=facts(head, contacted, seen), cue="unsupported", text=_unsupported(found.why))
    how = (
        "doubly robust estimate from past decisions, weighted to look like the contacted, against leaving them alone, "
        f"{logs}"
    )
    spread = f"80% interval over customers, clipped doubly robust, {logs}"
    return ToolResult(
        facts=facts(
            head,
            money("profit", found.profit, ctx.currency, how),
            money("low", found.low, ctx.currency, spread),
            money("high", found.high, ctx.currency, spread),
            count("orders", found.orders, how),
            contacted,
            seen,
        ),
        cue=cue_of(found.profit, found.low),
        text=_limits(plan, found),
    )


@tool(roles=("marketer",), kind="write")
def launch_campaign(ctx: ToolContext, campaign_id: str) -> ToolResult:
    """Launches a campaign that a person has approved: fills the outbox, leaves the hold-out alone."""
    if not ctx.may_launch:
        return failure("you may look at campaigns but not launch them: ask a marketer of the shop")
    with mendable():
        try:
            plan, queued, approver = launch.launch(
                ctx.snapshot, ctx.operations, campaign_id, as_of=ctx.as_of, models=ctx.models
            )
        except launch.NotApprovedError:
            found = records.find(ctx.operations, campaign_id).plan.campaign_id
            return ToolResult(
                facts=facts(
                    identifier("campaign", found, "campaigns table"),
                    words("command", launch.command(found), "what a person types to approve this exact plan"),
                ),
                cue="approval",
                text=_risk(ctx, found),
            )
    return ToolResult(
        facts=facts(
            identifier("campaign", plan.campaign_id, "campaigns table"),
            count("queued", queued, "outbox table: rows of this campaign"),
            words("approver", approver, "approvals table"),
        ),
        cue="launched",
    )


@tool(roles=("marketer",), kind="read")
def measure_campaign(ctx: ToolContext, campaign_id: str) -> ToolResult:
    """Measures a launched campaign against its hold-out, once its time has passed."""
    with mendable():
        found = verdict.measure(ctx.snapshot, ctx.operations, campaign_id, as_of=ctx.as_of)
    arms = "assignments table"
    level = facts(
        identifier("campaign", found.plan.campaign_id, "campaigns table"),
        count("contacted", found.contacted, arms),
        count("holdout", found.holdout, arms),
    )
    if found.difference is not None:
        how = "difference of the arms' purchase rates until the verdict, Newcombe's 95% interval"
        level |= facts(
            percent("lift", found.difference.lift, how),
            percent("low", found.difference.low, how),
            percent("high", found.difference.high, how),
            count("orders", found.orders, "difference of the arms' orders a customer × customers contacted"),
            money(
                "profit",
                found.profit,
                ctx.currency,
                "difference of the arms' profit a customer (paid − goods) × customers contacted, less messages",
            ),
        )
    return ToolResult(
        facts=level | facts(date("verdict", found.verdict, "the plan")),
        cue=found.state,
        table=measured_table(found),
        text=measured_words(found),
    )


def _audience(
    ctx: ToolContext, goal: str, audience: str | None, products: list[str] | None
) -> tuple[Audience, str | None]:
    """The named audience, else the conversation's latest for this goal, else a fresh one."""
    if audience is not None:
        return audience_of(ctx, audience), audience.strip().upper()
    earlier = next(
        (c for c in reversed(ctx.calls) if c.tool == "find_audience" and c.arguments.get("goal") == goal and id_of(c)),
        None,
    )
    if earlier is not None:
        return chosen_again(ctx, earlier), id_of(earlier)
    about = products[0] if products and goal in {"cross_sell", "new_arrivals", "clearance"} else None
    return choose(ctx, goal=goal, category=None, product_id=about, size=None), None


def _written_products(ctx: ToolContext, audience: Audience) -> list[str]:
    """Products that copy was written for come first, then those that suit the audience."""
    tables = [c.result.table for c in ctx.calls if c.tool == "write_copy" and not c.result.failed]
    named = [str(t["product_id"].iloc[0]) for t in tables if t is not None]
    return list(dict.fromkeys([*named, *audience.products])) if named else []


def _drafted(ctx: ToolContext, plan: Plan) -> ToolResult:
    outlook, rows = plan.outlook, Catalogue(ctx.snapshot.frame("products"))
    who = "the plan: audience after consent, caps, worth and budget"
    return ToolResult(
        facts=facts(
            identifier("campaign", plan.campaign_id, "campaigns table"),
            words("goal", _GOAL_WORDS[plan.goal], "what you asked for"),
            count("size", plan.audience.size, plan.audience.meaning),
            count("contacted", plan.contacted, who),
            count("holdout", plan.test.holdout, "power calculation, chosen by a hash of campaign and customer"),
            count("left_out", plan.audience.size - plan.audience.chosen, who),
            money("cost", outlook.cost.value, ctx.currency, outlook.cost.source),
            None if plan.budget is None else money("budget", plan.budget, ctx.currency, "what you asked for"),
            money("profit", outlook.profit.value, ctx.currency, outlook.profit.source),
            money("low", outlook.low.value, ctx.currency, outlook.low.source),
            money("high", outlook.high.value, ctx.currency, outlook.high.source),
            percent("discount", plan.discount, "what you asked for") if plan.discount else None,
            date("start", pd.Timestamp(plan.start), "what you asked for, else the day after the data ends"),
            date("verdict", pd.Timestamp(plan.end), f"the start and {plan.window_days} days in which orders count"),
        ),
        rows=[Row(product_facts(ctx, rows.row(p.product_id)), id=p.product_id) for p in plan.products[:SHOWN]],
        cue=outlook.cue,
        table=pd.DataFrame([m.__dict__ for m in plan.members]),
        chart={"kind": "bar", "x": [c.channel for c in plan.channels], "y": [c.spend for c in plan.channels]},
        text=_doubt(plan),
    )


def _doubt(plan: Plan) -> str:
    """The weak points, said before anyone asks."""
    said = [*plan.risks[:2], *plan.unknown[:2]]
    if plan.contacted == 0 and plan.audience.profit_if_all_consented > 0:
        said.append(
            f"If all {plan.audience.size:,} could be reached, about {plan.audience.profit_if_all_consented:,.2f} "
            f"{plan.currency} of extra profit could be expected."
        )
    return "\n".join(f"- {line}" for line in dict.fromkeys(said))


def _limits(plan: Plan, found: policy_value.Simulated) -> str | None:
    """What the logs' answer leaves out."""
    said = []
    if found.silent:
        said.append(
            f"This covers {found.covered:,} of the {plan.contacted:,} contacted: nothing was logged of "
            f"{' and '.join(found.silent)}."
        )
    if any(c.curve for c in plan.channels):
        said.append("This covers the messages, not the advertising.")
    if plan.discount:
        said.append("The log does not say how large the offers of the past were.")
    return " ".join(said) or None


def _risk(ctx: ToolContext, campaign_id: str) -> str | None:
    """What a yes to a plan that may lose money needs besides a name."""
    plan = records.find(ctx.operations, campaign_id).plan
    loss = shown(plan).loss
    return None if loss is None else f'{loss[0].upper()}{loss[1:]}. A yes to it needs --despite-risk "REASON" as well.'


def _unsupported(why: str) -> str:
    return f"Past logs cannot answer this: {why}."
