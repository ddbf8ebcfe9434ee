"""Tools of a shopper's own basket and orders."""

import hashlib

import pandas as pd
from sqlalchemy import func, select

from data.errors import ToolError
from data.operations import LiveEvent
from tools.base import ToolContext, ToolResult, count, date, facts, identifier, money, tool, words
from tools.lookup import catalogue, entry, match_id, product_facts, quoted, resolve_product, table_source

MAX_QUANTITY = 999
_STATUS_CUES = {
    "delivered": "delivered",
    "completed": "delivered",
    "shipped": "shipped",
    "in transit": "shipped",
    "cancelled": "cancelled",
    "canceled": "cancelled",
    "returned": "cancelled",
}


@tool(roles=("shopper",), kind="write")
def add_to_cart(ctx: ToolContext, product_id: str, quantity: int = 1) -> ToolResult:
    """Puts a product into the shopper's basket.

    Args:
        product_id: the product's id, or words of its title
        quantity: how many pieces
    """
    if not 1 <= quantity <= MAX_QUANTITY:
        raise ToolError(f"a quantity of {quantity:g} is not possible; give 1 to {MAX_QUANTITY}")
    found = resolve_product(ctx, product_id)
    product = entry(catalogue(ctx), found)
    shown = product_facts(ctx, product)
    # What this thread put there before counts, so that two requests can't take more than there is.
    before = sum(
        int(call.result.facts["quantity"].value)
        for call in ctx.calls
        if call.tool == "add_to_cart" and "quantity" in call.result.facts and _product_of(call.result) == found
    )
    left = None if pd.isna(product["stock"]) else max(0, int(product["stock"]) - before)
    table = pd.DataFrame({"product_id": [found], "title": [product["title"]]})
    if left == 0:
        return ToolResult(facts=shown, cue="out", table=table.assign(quantity=0))
    taken = quantity if left is None else min(quantity, left)
    _write_event(ctx, found, taken, None if pd.isna(product["price"]) else float(product["price"]))
    shown |= facts(
        count(
            "quantity",
            taken,
            "your request" if taken == quantity else table_source(ctx, "products", "all that is left"),
        ),
        None
        if pd.isna(product["price"])
        else money("total", taken * float(product["price"]), ctx.currency, "quantity × price"),
    )
    return ToolResult(facts=shown, cue="added" if taken == quantity else "limited", table=table.assign(quantity=taken))


@tool(roles=("shopper",), kind="read")
def track_order(ctx: ToolContext, order_id: str) -> ToolResult:
    """Tells where one of the shopper's own orders is.

    Args:
        order_id: the order's number
    """
    if ctx.customer_id is None:
        raise ToolError("please sign in to see your orders, then give the order's number again")
    orders = ctx.snapshot.frame("orders")
    own = orders[orders["customer_id"] == ctx.customer_id].set_index("order_id")
    found = match_id(own.index, order_id)
    if found is None:  # another customer's order answers in the same words as one that does not exist
        raise ToolError(f"no order {quoted(order_id)} among yours; its number is in the confirmation e-mail")
    order = entry(own, found)
    source = table_source(ctx, "orders")
    status = str(order["status"])
    cue = _STATUS_CUES.get(status.lower(), "processing")
    expected, tracking = order["expected_at"], order["tracking"]
    if cue in {"shipped", "processing"} and not pd.isna(expected) and expected < ctx.as_of.normalize():
        cue = "late"
    lines = _lines(ctx, found)
    bought = table_source(ctx, "events", f"purchases of order {found}")
    shown = facts(
        identifier("order", found, source),
        words("status", status, source),
        date("placed", order["placed_at"], source),
        None if pd.isna(expected) else date("expected", expected, source),
        count("items", float(lines["quantity"].sum()), bought) if len(lines) else None,
        money("total", float((lines["quantity"] * lines["unit_price"]).sum()), ctx.currency, bought)
        if len(lines) and lines["unit_price"].notna().all()
        else None,
        None if pd.isna(tracking) else identifier("tracking", str(tracking), source),
    )
    return ToolResult(facts=shown, cue=cue, table=lines)


def _product_of(result: ToolResult) -> str | None:
    return None if result.table is None else str(result.table["product_id"].iloc[0])


def _write_event(ctx: ToolContext, product_id: str, quantity: int, price: float | None) -> None:
    with ctx.operations.session() as session:
        same = session.scalar(
            select(func.count())
            .select_from(LiveEvent)
            .where(
                LiveEvent.kind == "add_to_cart",
                LiveEvent.customer_id == ctx.customer_id,
                LiveEvent.product_id == product_id,
            )
        )
        content = f"add_to_cart|{ctx.customer_id}|{product_id}|{quantity}|{ctx.as_of.isoformat()}|{same}"
        session.add(
            LiveEvent(
                event_id="live-" + hashlib.sha256(content.encode()).hexdigest()[:16],
                at=ctx.as_of.to_pydatetime(warn=False),
                customer_id=ctx.customer_id,
                kind="add_to_cart",
                product_id=product_id,
                quantity=float(quantity),
                unit_price=price,
                channel="assistant",
            )
        )


def _lines(ctx: ToolContext, order_id: str) -> pd.DataFrame:
    """Products, quantities and prices of an order of the shopper."""
    events = ctx.snapshot.table("events")
    bought = events.filter(
        events.kind == "purchase", events.order_id == order_id, events.customer_id == ctx.customer_id
    )
    lines: pd.DataFrame = (
        bought.select("product_id", "quantity", "unit_price").order_by("product_id", "quantity").execute()
    )
    lines["quantity"] = lines["quantity"].fillna(1.0)
    titles = ctx.snapshot.frame("products").set_index("product_id")["title"]
    lines.insert(1, "title", lines["product_id"].map(titles))
    return lines
