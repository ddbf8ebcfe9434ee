"""The tool that recommends products, each with its evidence."""

from typing import TYPE_CHECKING

import pandas as pd

from data.errors import ToolError
from data.store import Snapshot
from tools.base import Row, ToolContext, ToolResult, count, facts, identifier, name, percent, tool
from tools.lookup import (
    catalogue,
    check_customer,
    check_limit,
    check_price,
    find_categories,
    product_facts,
    table_source,
)
from tools.shelf import Shelf, shelf

if TYPE_CHECKING:
    from models.evidence import Recommendation

_SEED_TOOLS = ("get_product", "compare_products", "add_to_cart", "search_products")
_MAX_SEEDS = 10
_HIDING_FRIENDS = 3
"""A shopper is told of friends only from this many on: fewer would give a friend's purchase away."""


@tool(roles=("marketer", "shopper"), kind="read", marketer_only=("customer_id",))
def recommend_products(
    ctx: ToolContext,
    customer_id: str | None = None,
    *,
    category: str | None = None,
    max_price: float | None = None,
    limit: int = 3,
) -> ToolResult:
    """Recommends products for a customer, each with the evidence for it.

    Args:
        customer_id: the customer to recommend to
        category: only products of this category
        max_price: highest price, in the shop's currency
        limit: how many products, 1 to 20
    """
    limit, max_price = check_limit(limit), check_price("max_price", max_price)
    who = _customer(ctx, customer_id)
    allowed = _allowed(ctx, category, max_price)
    seeds = _seeds(ctx) if ctx.role == "shopper" else []
    live = ctx.live if ctx.role == "shopper" else ()
    found = ctx.models.recommend.recommend(ctx.snapshot, who, seeds=seeds, live=live, allowed=allowed, limit=limit)
    if not found:
        raise ToolError("nothing suitable is in stock for these wishes; allow another category or a higher price")
    products = shelf(ctx.snapshot)
    rows = [_row(ctx, one, products) for one in found]
    source = ctx.models.recommend.source("ranked by the recommendation model")
    level = facts(count("count", len(rows), source))
    if ctx.role == "marketer" and who is not None:
        behaviour = ctx.models.behaviour
        chances = behaviour.predict(ctx.snapshot)["probability"]
        level |= facts(
            identifier("customer", who, table_source(ctx, "customers")),
            percent("buy_chance", float(chances[who]), behaviour.source("calibrated chance of an order within 30 days"))
            if who in chances.index
            else None,
        )
    table = products.table([one.product_id for one in found], ["title", "category", "price", "stock"])
    table["score"], table["evidence"] = [one.score for one in found], [row.cue for row in rows]
    return ToolResult(facts=level, rows=rows, cue=_cue(ctx, who, found), table=table)


def _customer(ctx: ToolContext, customer_id: str | None) -> str | None:
    """Whom to recommend to: a shopper's own id comes from the session, a marketer must name somebody."""
    if ctx.role == "shopper":
        return ctx.customer_id
    if customer_id is None or not str(customer_id).strip():
        ids = ctx.snapshot.frame("customers")["customer_id"]
        example = f", for example {ids.iloc[0]}" if len(ids) else ""
        raise ToolError(f"for which customer? Give a customer id{example}")
    return check_customer(ctx, customer_id)


def _allowed(ctx: ToolContext, category: str | None, max_price: float | None) -> list[str] | None:
    """Active products that meet the wishes and are not known to be sold out; None where all of those do."""
    if max_price is None and not (category or "").strip():
        return None
    products = catalogue(ctx)
    fits = products["active"].fillna(True).astype(bool) & ~(products["stock"] <= 0)
    if category is not None and category.strip():
        fits &= products["category"].isin(find_categories(ctx, category))
    if max_price is not None:
        fits &= products["price"] <= max_price
    return [str(product_id) for product_id in products.index[fits]]


def _seeds(ctx: ToolContext) -> list[str]:
    """What the thread has looked at, the latest first: products that were opened, chosen, or came up first."""
    seeds: list[str] = []
    for call in reversed(ctx.calls):
        if call.tool not in _SEED_TOOLS or call.result.failed or call.result.table is None:
            continue
        ids = call.result.table["product_id"].astype(str).tolist()
        seeds += ids[:1] if call.tool == "search_products" else ids
    known = catalogue(ctx).index
    return [seed for seed in dict.fromkeys(seeds) if seed in known][:_MAX_SEEDS]


def _cue(ctx: ToolContext, who: str | None, found: list["Recommendation"]) -> str:
    if all(one.evidence.kind == "popular" for one in found):
        return "popular"
    if who is None:
        return "session"
    since = ctx.snapshot.once(_first_seen).get(who)
    return "session" if since is None or since > ctx.as_of else "personal"


def _first_seen(snapshot: Snapshot) -> dict[str, pd.Timestamp]:
    """When each customer looked at, chose or bought something for the first time."""
    events = snapshot.table("events")
    shown = events.filter(events.kind.isin(["view", "add_to_cart", "purchase"]), events.customer_id.notnull())
    first = shown.group_by("customer_id").aggregate(at=shown.at.min()).execute()
    return dict(zip(first["customer_id"].astype(str), first["at"], strict=True))


def _row(ctx: ToolContext, one: "Recommendation", products: Shelf) -> Row:
    evidence, model = one.evidence, ctx.models.recommend
    shown = product_facts(ctx, products.entry(one.product_id))
    kind, strength, buyers = evidence.kind, evidence.strength, evidence.buyers
    if kind == "friends" and ctx.role == "shopper" and (evidence.friends or 0) < _HIDING_FRIENDS:
        return Row(shown, id=one.product_id, cue="popular weak")
    if kind == "friends":
        source = model.source(f"{evidence.friends} friends bought {one.product_id}")
    elif kind == "together":
        source = model.source(f"co-purchases: {buyers} of {evidence.anchor_buyers} buyers of {evidence.anchor}")
    elif kind == "similar":
        source = model.source(f"similarity of descriptions to {evidence.anchor}")
    else:
        source = model.source(f"{buyers} customers bought {one.product_id}")
    anchor = evidence.anchor if evidence.anchor in products else None
    shown |= facts(
        None if anchor is None else name("anchor", str(products.entry(anchor)["title"]), source),
        None if evidence.share is None else percent("share", evidence.share, source),
        None if buyers is None else count("buyers", buyers, source),
        None if evidence.anchor_buyers is None else count("anchor_buyers", evidence.anchor_buyers, source),
        None if evidence.similarity is None else percent("similarity", evidence.similarity, source),
        None if evidence.friends is None else count("friends", evidence.friends, source),
    )
    return Row(shown, id=one.product_id, cue=f"{kind} {strength}")
