"""The campaign tools: draft a plan, test it on past logs, launch it once a person approved, measure it."""

from __future__ import annotations

from functools import partial
from typing import Any

import pandas as pd

from campaign import contact, history, launch, policy_value, records, verdict
from campaign.audience import Audience
from campaign.draft import Brief, propose
from campaign.finish import cue_of
from campaign.offers import CONTACT_COST
from campaign.plan import Copy, Plan
from campaign.targets import Catalogue
from tools.audiences import SHOWN, audience_of, choose, chosen_again, id_of
from tools.base import Row, ToolContext, ToolResult, count, date, facts, identifier, money, percent, tool, words
from tools.copy import check_discount, compose, written_before
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
        )
        shown = tuple(product_ids) or chosen.products
        brief = Brief(**{**brief.__dict__, "copies": _copies(ctx, shown, where, discount_percent)})
        plan = records.keep(ctx.operations, propose(ctx.snapshot, ctx.operations, ctx.models, brief, as_of=ctx.as_of))
    return _drafted(ctx, plan)


@tool(roles=("marketer",), kind="read")
def simulate_campaign(ctx: ToolContext, campaign_id: str) -> ToolResult:
    """Estimates from past logged decisions what a drafted campaign would bring."""
    with mendable():
        plan = records.find(ctx.operations, campaign_id).plan
    treated = [m.customer_id for m in plan.members if m.arm == "treated"]
    channel = max(plan.channels, key=lambda c: (c.contacts, c.spend)).channel
    ask = partial(policy_value.estimate, customer_ids=treated, channel=channel, offer=plan.discount > 0, seed=ctx.seed)
    money_logs = ctx.snapshot.frame("exposures")
    order_logs = history.exposures_with_orders(ctx.snapshot, days=plan.window_days)
    orders = ask(order_logs)
    found = ask(money_logs)
    logs = f"exposures table, snapshot {ctx.snapshot.id[:6]}"
    head = identifier("campaign", plan.campaign_id, "the plan")
    contacted = count("contacted", len(treated), "the plan")
    if not orders.supported or not treated:
        seen = count("exposures", orders.decisions, logs)
        return ToolResult(facts=facts(head, contacted, seen), cue="unsupported", text=_unsupported(orders.why))
    whose = "of this audience" if orders.scope == "audience" else "of all customers"
    how = f"self-normalised inverse propensity estimate on past decisions {whose} × customers contacted, {logs}"
    if found.supported and found.unit == "profit":
        low, middle, high = (len(treated) * v for v in (found.low, found.value, found.high))
    else:  # the log has no money: extra orders at the plan's value and margin, less messages and discounts
        found, value = orders, _mean_value(ctx, treated)
        messages = sum(c.contacts * CONTACT_COST.get(c.channel, 0.0) for c in plan.channels)
        fixed = messages + len(treated) * orders.control * value * plan.discount
        worth = len(treated) * value * (plan.margin.value - plan.discount)
        low, middle, high = (v * worth - fixed for v in (found.low, found.value, found.high))
    spread = f"80% interval, bootstrap over customers, {logs}"
    return ToolResult(
        facts=facts(
            head,
            money("profit", middle, ctx.currency, how),
            money("low", low, ctx.currency, spread),
            money("high", high, ctx.currency, spread),
            count("orders", len(treated) * orders.value, how),
            contacted,
            count("exposures", found.decisions, logs),
        ),
        cue=cue_of(middle, low),
        text="This covers the messages, not the advertising." if any(c.curve for c in plan.channels) else None,
    )


@tool(roles=("marketer",), kind="write")
def launch_campaign(ctx: ToolContext, campaign_id: str) -> ToolResult:
    """Launches a campaign that a person has approved: fills the outbox, leaves the hold-out alone."""
    with mendable():
        try:
            plan, queued, approver = launch.launch(ctx.snapshot, ctx.operations, campaign_id, as_of=ctx.as_of)
        except launch.NotApprovedError:
            found = records.find(ctx.operations, campaign_id).plan.campaign_id
            return ToolResult(
                facts=facts(
                    identifier("campaign", found, "campaigns table"),
                    words("command", launch.command(found), "what a person types to approve this exact plan"),
                ),
                cue="approval",
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
            count("orders", found.orders, "difference of the rates × customers contacted"),
            money(
                "profit",
                found.profit,
                ctx.currency,
                "extra orders × mean order × (margin − discount), less discounts and messages",
            ),
        )
    return ToolResult(facts=level | facts(date("verdict", found.verdict, "the plan")), cue=found.state)


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


def _copies(
    ctx: ToolContext, product_ids: tuple[str, ...], channels: tuple[str, ...], discount_percent: float | None
) -> tuple[Copy, ...]:
    """A text a channel for the first product, in the tone and language of the conversation's latest copy."""
    if not product_ids:
        return ()
    latest = ctx.latest("write_copy")
    asked = {} if latest is None else latest.arguments
    share = check_discount(discount_percent)
    return tuple(
        written_before(ctx, product_ids[0], channel, share)
        or compose(
            ctx,
            product_ids[0],
            channel,
            tone=asked.get("tone") or "friendly",
            discount_percent=discount_percent,
            language=asked.get("language"),
        )
        for channel in channels
        if channel in contact.CHANNELS
    )


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


def _mean_value(ctx: ToolContext, treated: list[str]) -> float:
    """Mean money of one order of the contacted customers."""
    values = history.customers(ctx.snapshot, ctx.as_of)["value"].reindex(treated).dropna()
    return float(values.mean()) if len(values) else 0.0


def _unsupported(why: str) -> str:
    return f"Past logs cannot answer this: {why or 'nobody is contacted by this plan'}."
