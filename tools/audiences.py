"""The audience tool: who a campaign is for."""

from typing import Literal

from campaign import contact
from campaign.audience import Audience, select
from campaign.targets import Catalogue
from data.errors import ToolError
from tools.base import Call, Row, ToolContext, ToolResult, count, days, facts, identifier, money, percent, tool
from tools.lookup import find_category, product_facts, quoted, resolve_product, table_source
from tools.mend import mendable

Goal = Literal["win_back", "cross_sell", "new_arrivals", "clearance", "loyalty", "replenish"]

SHOWN = 3
"""Products that a result names; the plan knows the others."""


@tool(roles=("marketer",), kind="read")
def find_audience(
    ctx: ToolContext,
    goal: Goal,
    category: str | None = None,
    product_id: str | None = None,
    size: int | None = None,
) -> ToolResult:
    """Finds the customers who fit a goal best, and the products that suit them."""
    audience = choose(ctx, goal=goal, category=category, product_id=product_id, size=size)
    members, models = audience.members, ctx.models
    fits = f"{audience.meaning}, events table, snapshot {ctx.snapshot.id[:6]}"
    eligible = count("eligible", audience.eligible, fits)
    if members.empty:
        return ToolResult(facts=facts(count("size", 0, fits), eligible), cue="none", text=_notes(audience))
    reach = contact.reach(ctx.snapshot, ctx.operations, [str(c) for c in members.index])
    products = Catalogue(ctx.snapshot.frame("products"))
    mailable = reach[list(contact.DIRECT)].any(axis=1)
    ranked = f"the best of the eligible by {_ranking(audience)}, {models.uplift.source()}"
    return ToolResult(
        facts=facts(
            identifier("audience", f"A-{_latest(ctx) + 1:04d}", "numbered within this conversation"),
            count("size", len(members), ranked),
            count(
                "mailable", int(mailable.sum()), "customers table and consent records: a recorded yes and an address"
            ),
            eligible,
            percent(
                "buy_chance",
                float(members["chance"].mean()),
                models.behaviour.source("mean over the audience, 30 days"),
            ),
            days(
                "quiet",
                float(members["quiet_days"].median()),
                table_source(ctx, "events", "median days since the last order"),
            ),
            money(
                "revenue",
                float(members["revenue"].sum()),
                ctx.currency,
                table_source(ctx, "events", "their orders so far"),
            ),
        ),
        rows=[Row(product_facts(ctx, products.row(product)), id=product) for product in audience.products[:SHOWN]],
        cue="full" if len(members) >= audience.size else "smaller",
        table=members.assign(mailable=mailable).reset_index(),
        text=_notes(audience),
    )


def choose(ctx: ToolContext, *, goal: str, category: str | None, product_id: str | None, size: int | None) -> Audience:
    """The audience for the tool's arguments, with category and product as the shop spells them."""
    asked = ("audience", goal, category, product_id, size)
    if asked not in ctx.worked_out:
        with mendable():
            ctx.worked_out[asked] = select(
                ctx.snapshot,
                ctx.models,
                goal=goal,
                category=find_category(ctx, category),
                product_id=None if product_id is None else resolve_product(ctx, product_id),
                size=size,
                as_of=ctx.as_of,
            )
    found: Audience = ctx.worked_out[asked]
    return found


def audience_of(ctx: ToolContext, audience_id: str) -> Audience:
    """The audience that an earlier `find_audience` of this conversation numbered; it is chosen again, the same way."""
    found = [c for c in ctx.calls if c.tool == "find_audience" and not c.result.failed and id_of(c) is not None]
    for one in reversed(found):
        if id_of(one) == audience_id.strip().upper():
            return chosen_again(ctx, one)
    latest = f"the latest is {id_of(found[-1])}" if found else "find one first with find_audience"
    raise ToolError(f"no audience {quoted(audience_id)} in this conversation; {latest}")


def chosen_again(ctx: ToolContext, call: Call) -> Audience:
    """The audience of an earlier call, worked out again: the same arguments on the same snapshot give the same one."""
    given = call.arguments
    return choose(
        ctx,
        goal=given["goal"],
        category=given.get("category"),
        product_id=given.get("product_id"),
        size=given.get("size"),
    )


def id_of(call: Call) -> str | None:
    """The id that a `find_audience` call gave; None where it found nobody."""
    fact = call.result.facts.get("audience")
    return None if fact is None else str(fact.value)


def _notes(audience: Audience) -> str | None:
    """What had to be taken instead of what the data does not say."""
    return "\n".join(f"- {note[0].upper()}{note[1:]}." for note in audience.notes) or None


def _latest(ctx: ToolContext) -> int:
    """The highest number that an audience of this conversation has; 0 without any."""
    ids = (id_of(c) for c in ctx.calls if c.tool == "find_audience")
    return max((int(one.removeprefix("A-")) for one in ids if one is not None), default=0)


def _ranking(audience: Audience) -> str:
    if audience.uplift_evidence == "experiment":
        return "fit × value of an order × added chance when contacted"
    return "fit × value of an order × chance of an order × assumed effect of a message"
