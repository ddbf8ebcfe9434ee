"""Tools about products: searching the catalogue, one product's facts, and a comparison."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from data.errors import ToolError
from index.words import tokens
from tools.base import Fact, Row, ToolContext, ToolResult, count, days, facts, money, name, percent, tool, words
from tools.lookup import (
    catalogue,
    check_limit,
    check_price,
    entry,
    find_categories,
    product_facts,
    quoted,
    resolve_product,
    sold_units,
    stock_cue,
    table_source,
)
from tools.shelf import shelf

if TYPE_CHECKING:
    from index.search import Hit

SOLD_DAYS = 90
_RELEVANT = 0.45
_NEAR = 0.3
_MAX_COMPARED = 5
_PRICES = ("min_price", "max_price")
_RELAXATIONS: tuple[tuple[str, ...], ...] = (
    (),
    ("category",),
    _PRICES,
    ("in_stock",),
    ("category", *_PRICES),
    ("category", *_PRICES, "in_stock"),
)
"""Which filters are given up, in turn, when nothing passes: what people mean least strictly first."""


@tool(roles=("marketer", "shopper"), kind="read")
def search_products(
    ctx: ToolContext,
    query: str,
    *,
    category: str | None = None,
    min_price: float | None = None,
    max_price: float | None = None,
    in_stock: bool | None = None,
    limit: int = 5,
) -> ToolResult:
    """Finds products by words, category, price and stock.

    Args:
        query: words for what is looked for
        category: only products of this category
        min_price: lowest price, in the shop's currency
        max_price: highest price, in the shop's currency
        in_stock: true for what can be bought now, false for what is sold out
        limit: how many products to show, 1 to 20
    """
    limit = check_limit(limit)
    low, high = check_price("min_price", min_price), check_price("max_price", max_price)
    if low is not None and high is not None and low > high:
        raise ToolError(f"min_price {low:g} is above max_price {high:g}; swap them")
    query = query.strip() or (category or "").strip()
    if not query:
        raise ToolError("what shall I look for? Give a few words or a category")
    filters = {"category": category or None, "min_price": low, "max_price": high, "in_stock": in_stock}
    hits, kept = _search(ctx, query, filters, limit)
    if not hits:
        return ToolResult(facts=facts(count("count", 0, _search_source(ctx))), cue="none")
    strict = kept == filters and _fits(ctx, query, hits[0])
    products, rows = shelf(ctx.snapshot), list[Row]()
    for hit in hits:
        product = products.entry(hit.product_id)
        group = product["category"]
        shown = product_facts(ctx, product)
        if not pd.isna(group):
            shown |= facts(name("category", str(group), table_source(ctx, "products")))
        rows.append(Row(shown, id=hit.product_id, cue=stock_cue(product["stock"])))
    table = products.table([hit.product_id for hit in hits], ["title", "category", "price", "stock"])
    table["similarity"] = [hit.similarity for hit in hits]
    return ToolResult(
        facts=facts(count("count", len(rows), _search_source(ctx))),
        rows=rows,
        cue="found" if strict else "relaxed",
        table=table,
    )


@tool(roles=("marketer", "shopper"), kind="read")
def get_product(ctx: ToolContext, product_id: str) -> ToolResult:
    """Shows one product: price, stock, sales and reviews.

    Args:
        product_id: the product's id, or words of its title
    """
    found = resolve_product(ctx, product_id)
    product = entry(catalogue(ctx), found)
    source = table_source(ctx, "products")
    shown = product_facts(ctx, product)
    for key in ("category", "brand"):
        if not pd.isna(product[key]):
            shown |= facts(name(key, str(product[key]), source))
    sales = table_source(ctx, "events", f"units bought in the {SOLD_DAYS} days up to {ctx.as_of:%Y-%m-%d}")
    shown |= facts(
        count("sold", sold_units(ctx, [found], days=SOLD_DAYS)[found], sales), days("window", SOLD_DAYS, sales)
    )
    shown |= _review_facts(ctx, found)
    if ctx.role == "marketer" and not pd.isna(product["cost"]):
        cost, price = float(product["cost"]), product["price"]
        shown |= facts(money("cost", cost, ctx.currency, source))
        if not pd.isna(price) and price > 0:
            shown |= facts(percent("margin", 1 - cost / float(price), f"(price − cost) / price, {source}"))
    visible = ["title", "description", "category", "brand", "price", "stock"]
    if ctx.role == "marketer":
        visible.append("cost")
    table = catalogue(ctx).loc[[found], visible].reset_index()
    return ToolResult(facts=shown, cue=stock_cue(product["stock"]), table=table)


@tool(roles=("marketer", "shopper"), kind="read")
def compare_products(ctx: ToolContext, product_ids: list[str]) -> ToolResult:
    """Compares two to five products by price, stock, sales and reviews.

    Args:
        product_ids: ids of the products, or words of their titles
    """
    ids = list(dict.fromkeys(resolve_product(ctx, wanted) for wanted in product_ids[: 2 * _MAX_COMPARED]))
    if not 2 <= len(ids) <= _MAX_COMPARED:
        raise ToolError(f"a comparison needs 2 to {_MAX_COMPARED} different products; {len(ids)} were named")
    table = catalogue(ctx).loc[ids, ["title", "category", "price", "stock"]]
    table["sold"] = pd.Series(sold_units(ctx, ids, days=SOLD_DAYS))
    buyers = _buyers(ctx, ids)
    prices = table["price"].dropna()
    source = table_source(ctx, "products")
    sales = table_source(ctx, "events", f"units bought in the {SOLD_DAYS} days up to {ctx.as_of:%Y-%m-%d}")
    cheapest = str(prices.idxmin()) if len(prices) == len(ids) and prices.nunique() > 1 else None
    bestseller = str(table["sold"].idxmax()) if table["sold"].nunique() > 1 else None
    rows: list[Row] = []
    for product_id in ids:
        product = entry(table, product_id)
        shown = product_facts(ctx, product)
        shown |= facts(count("sold", product["sold"], sales))
        if buyers["any"]:
            share = f"{buyers[product_id]} of {buyers['any']} buyers of any of these"
            shown |= facts(percent("share", buyers[product_id] / buyers["any"], table_source(ctx, "events", share)))
        shown |= {key: fact for key, fact in _review_facts(ctx, product_id).items() if key == "rating"}
        marks = ["cheapest"] * (product_id == cheapest) + ["bestseller"] * (product_id == bestseller)
        cue = "out" if stock_cue(product["stock"]) == "out" else " ".join(marks)
        rows.append(Row(shown, id=product_id, cue=cue))
    level: dict[str, Fact] = facts(
        count("count", len(ids), "the products compared"),
        None if cheapest is None else name("cheapest", str(table.at[cheapest, "title"]), f"lowest price, {source}"),
        None if bestseller is None else name("bestseller", str(table.at[bestseller, "title"]), f"most sold, {sales}"),
        None
        if cheapest is None
        else money("gap", float(prices.max() - prices.min()), ctx.currency, f"highest − lowest price, {source}"),
    )
    return ToolResult(facts=level, rows=rows, table=table.rename_axis("product_id").reset_index())


def _search(
    ctx: ToolContext, query: str, filters: Mapping[str, Any], limit: int
) -> tuple[list["Hit"], Mapping[str, Any]]:
    """The hits worth showing, and the filters they pass: wishes are given up until something is found."""
    kept = dict(filters)
    if kept["category"] is not None:
        try:
            find_categories(ctx, str(kept["category"]))
        except ToolError:
            # No such category here: its words join the query, so that the nearest products are shown.
            query, kept["category"] = f"{query} {quoted(kept['category'])}", None
    visible = catalogue(ctx).index
    for dropped in _RELAXATIONS:
        if dropped and all(kept[key] is None for key in dropped):
            continue
        loose = {key: None if key in dropped else value for key, value in kept.items()}
        hits = ctx.index.search(query, limit=limit, **loose)
        best = max((hit.similarity for hit in hits), default=0.0)
        near = [
            h
            for h in hits
            if h.product_id in visible and (h.similarity >= max(_NEAR, best - _NEAR) or _fits(ctx, query, h))
        ]
        if near:
            return near, loose
    return [], kept


def _fits(ctx: ToolContext, query: str, hit: "Hit") -> bool:
    """Whether a hit is what was asked for, rather than the nearest there is."""
    if hit.similarity >= _RELEVANT:
        return True
    wish, product = set(tokens(query)), shelf(ctx.snapshot).entry(hit.product_id)
    text = " ".join(str(product[key]) for key in ("title", "category", "description") if not pd.isna(product[key]))
    return bool(wish) and wish <= {hit.product_id.lower(), *tokens(text)}


def _search_source(ctx: ToolContext) -> str:
    return f"product index (BM25 and embeddings), snapshot {ctx.index.snapshot_id[:6]}"


def _review_facts(ctx: ToolContext, product_id: str) -> dict[str, Fact]:
    """Number and mean rating of a product's reviews; nothing where the shop has none."""
    events = ctx.snapshot.table("events")
    reviews = events.filter(events.kind == "review", events.product_id == product_id, events.at <= ctx.as_of)
    stars = reviews.quantity.between(1, 5).ifelse(reviews.quantity, None)
    summary = reviews.aggregate(number=reviews.count(), rated=stars.count(), mean=stars.mean()).execute().iloc[0]
    if not summary["number"]:
        return {}
    source = table_source(ctx, "events", f"reviews of {product_id}")
    return facts(
        count("reviews", int(summary["number"]), source),
        words("rating", f"{float(summary['mean']):.1f} of 5", source) if summary["rated"] else None,
    )


def _buyers(ctx: ToolContext, product_ids: list[str]) -> dict[str, int]:
    """How many customers bought each product, and any of them (key "any"), in the last year."""
    events = ctx.snapshot.table("events")
    bought = events.filter(
        events.kind == "purchase",
        events.at > ctx.as_of - pd.Timedelta(days=365),
        events.at <= ctx.as_of,
        events.product_id.isin(product_ids),
        events.customer_id.notnull(),
    )
    pairs = bought.select("customer_id", "product_id").distinct().execute()
    sizes = pairs["product_id"].value_counts()
    return {"any": int(pairs["customer_id"].nunique())} | {p: int(sizes.get(p, 0)) for p in product_ids}
