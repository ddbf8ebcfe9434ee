"""What the tools share: finding the product, customer or category that is meant, checking numbers, naming sources."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, cast

import pandas as pd

from data.errors import ToolError
from data.store import Snapshot
from index.words import match_categories, tokens
from tools.base import Fact, ToolContext, count, facts, money, name, plain

LOW_STOCK = 5
"""A stock of at most so many pieces is called low."""
MAX_LIMIT = 20
MAX_HORIZON = 365
_ABSURD_DAYS = 3650
_SIMILAR_ENOUGH = 0.4
_MOST_WORDS = 0.6
_ORDINALS = {"first": 0, "1st": 0, "second": 1, "2nd": 1, "third": 2, "3rd": 2, "fourth": 3, "4th": 3, "fifth": 4}
_FILLERS = {"one", "product", "item", "thing"}
_ROW_LABEL = re.compile(r"([a-z]{1,2})(\d)")


# --- sources --------------------------------------------------------------------------------------------------


def table_source(ctx: ToolContext, table: str, detail: str = "") -> str:
    """The source sentence of a figure read from a table: "products table, snapshot 91bc0e"."""
    return snapshot_source(ctx.snapshot, table, detail)


def snapshot_source(snapshot: Snapshot, table: str, detail: str = "") -> str:
    """The same for a snapshot."""
    source = f"{table} table, snapshot {snapshot.id[:6]}"
    return f"{source}: {detail}" if detail else source


def join(items: Iterable[str]) -> str:
    """A list in words: "a, b and c"."""
    listed = list(items)
    return listed[0] if len(listed) == 1 else ", ".join(listed[:-1]) + f" and {listed[-1]}" if listed else ""


def quoted(text: object, length: int = 60) -> str:
    """A user's own words for an error message: on one line and not too long."""
    line = plain(str(text))
    return line if len(line) <= length else line[: length - 1] + "…"


# --- numbers --------------------------------------------------------------------------------------------------


def check_limit(limit: int) -> int:
    """How many rows to return, 1 to 20; more is cut to 20, less than 1 is refused."""
    if limit < 1:
        raise ToolError(f"a limit of {limit:g} leaves nothing to show; ask for 1 to {MAX_LIMIT}")
    return min(int(limit), MAX_LIMIT)


def check_horizon(horizon_days: int) -> int:
    """A horizon in days, 1 to 365; a few years are cut to 365, anything else is refused."""
    if not math.isfinite(horizon_days) or horizon_days < 1 or horizon_days > _ABSURD_DAYS:
        raise ToolError(f"a horizon of {horizon_days:,g} days is not possible; give 1 to {MAX_HORIZON} days")
    return min(int(horizon_days), MAX_HORIZON)


def check_price(key: str, price: float | None) -> float | None:
    """A price limit, or None; negative and endless ones are refused."""
    if price is not None and (not math.isfinite(price) or price < 0):
        raise ToolError(f"{key} must be an amount of zero or more, not {price:g}")
    return price


# --- who and what ---------------------------------------------------------------------------------------------


def check_customer(ctx: ToolContext, customer_id: str) -> str:
    """The known customer of that id, which may be written with # or in another case."""
    known = ctx.snapshot.frame("customers")["customer_id"]
    if known.empty:
        raise ToolError("this shop has no customers yet; ingest its orders first")
    found = match_id(known, customer_id)
    if found is None:
        raise ToolError(f"no customer {quoted(customer_id)}; ids look like {known.iloc[0]}")
    return found


def catalogue(ctx: ToolContext) -> pd.DataFrame:
    """The products that the context's role may see, index product_id: a shopper sees active ones only."""
    return (ctx.snapshot.once(_on_sale) if ctx.role == "shopper" else all_products(ctx.snapshot)).copy(deep=False)


def all_products(snapshot: Snapshot) -> pd.DataFrame:
    """Every product, sold or not, index product_id; read it only."""
    return snapshot.once(_by_id)


def _by_id(snapshot: Snapshot) -> pd.DataFrame:
    return snapshot.frame("products").set_index("product_id")


def _on_sale(snapshot: Snapshot) -> pd.DataFrame:
    products = all_products(snapshot)
    return products[products["active"].fillna(True).astype(bool)]


def _sizes(snapshot: Snapshot) -> pd.Series:
    """How many products each category has, the largest first."""
    return all_products(snapshot)["category"].dropna().value_counts()


def _sizes_on_sale(snapshot: Snapshot) -> pd.Series:
    return snapshot.once(_on_sale)["category"].dropna().value_counts()


def find_categories(ctx: ToolContext, wanted: str) -> list[str]:
    """The shop's categories that `wanted` means, the largest first; raises when there is none."""
    sizes = ctx.snapshot.once(_sizes_on_sale if ctx.role == "shopper" else _sizes)
    if sizes.empty:
        raise ToolError("the products of this shop have no categories; ask without one")
    found = match_categories(sizes.index, wanted)
    if not found:
        names = [quoted(category, 40) for category in sizes.index[:4]]
        raise ToolError(
            f"no category {quoted(wanted)}; there are {join(names)}" + (" among others" if len(sizes) > 4 else "")
        )
    return sorted(found, key=lambda category: (-int(sizes[category]), category))


def find_category(ctx: ToolContext, wanted: str | None) -> str | None:
    """The one category that `wanted` means; None stays None."""
    return None if wanted is None or not wanted.strip() else find_categories(ctx, wanted)[0]


def resolve_product(ctx: ToolContext, wanted: str) -> str:
    """The id of the product that `wanted` means: an id, a row of an earlier result, or words.

    An exact id comes first, then a title of an earlier result that has all the words, a title of the
    catalogue, the index; raises `ToolError` when nothing is close.
    """
    products = catalogue(ctx)
    found = match_id(products.index, wanted) or _row_of_thread(ctx, wanted)
    if found is not None:
        return found
    wish = set(tokens(wanted)) - _FILLERS
    if not wish:
        raise ToolError("which product is meant? Give its id or a few words of its title")
    if _looks_like_id(wanted):
        raise ToolError(_unknown_id(products, wanted))
    remembered = [(p, len(wish & set(tokens(title))) / len(wish)) for p, title in _shown(ctx) if p in products.index]
    best = max(remembered, key=lambda pair: pair[1], default=("", 0.0))
    if best[1] == 1:
        return best[0]
    hits = ctx.index.search(wanted, limit=5)
    for hit in hits:
        if wish <= set(tokens(str(products["title"].get(hit.product_id, "")))):
            return hit.product_id
    if best[1] >= _MOST_WORDS:
        return best[0]
    close = [hit for hit in hits if hit.similarity >= _SIMILAR_ENOUGH and hit.product_id in products.index]
    if close:
        return max(close, key=lambda hit: (hit.similarity, hit.product_id)).product_id
    raise ToolError(f"no product fits {quoted(wanted)}; give its id or other words of its title")


def match_id(known: pd.Series | pd.Index, wanted: object) -> str | None:
    """The id of `known` that `wanted` means, which may be written with # or in another case; else None."""
    text = str(wanted).strip().lstrip("#").strip().removesuffix(".0")
    ids = pd.Series(known, dtype="string")
    for same in (ids == text, ids.str.lower() == text.lower()):
        if same.any():
            return str(ids[same].iloc[0])
    return None


def _row_of_thread(ctx: ToolContext, wanted: str) -> str | None:
    """The product of a row named by its label (a2) or place ("the second one")."""
    label = _ROW_LABEL.fullmatch(wanted.strip())
    words = tokens(wanted)
    place = next((_ORDINALS[word] for word in words if word in _ORDINALS), None)
    if label is None and (place is None or not set(words) <= _FILLERS | set(_ORDINALS)):
        return None
    for call in reversed(ctx.calls):
        rows = [row for row in call.result.rows if row.id is not None and "title" in row.facts]
        if label is not None and call.letter != label[1]:
            continue
        index = int(label[2]) - 1 if label is not None else place
        if rows and index is not None and 0 <= index < len(rows):
            return rows[index].id
    return None


def _shown(ctx: ToolContext) -> Iterator[tuple[str, str]]:
    """Ids and titles of the products that earlier results of the thread speak of, the latest first."""
    for call in reversed(ctx.calls):
        for row in call.result.rows:
            if row.id is not None and "title" in row.facts:
                yield row.id, str(row.facts["title"].value)
        table = call.result.table
        if table is not None and {"product_id", "title"} <= set(table.columns):
            for product_id, title in table[["product_id", "title"]].head(MAX_LIMIT).itertuples(index=False):
                yield str(product_id), str(title)


def _looks_like_id(wanted: str) -> bool:
    text = wanted.strip()
    return len(text) <= 20 and bool(re.fullmatch(r"#?\S*\d\S*", text)) and sum(c.isdigit() for c in text) >= 2


def _unknown_id(products: pd.DataFrame, wanted: str) -> str:
    if products.empty:
        return "this shop has no products yet; ingest its catalogue first"
    close = get_close_matches(wanted.strip().upper(), products.index.astype(str).tolist(), n=1, cutoff=0.7)
    return f"no product {quoted(wanted)}; ids look like {(close or [products.index[0]])[0]}"


# --- facts of a product ---------------------------------------------------------------------------------------


def entry(frame: pd.DataFrame, key: str) -> dict[str, Any]:
    """The row of `frame` whose index is `key`, by column."""
    return cast("dict[str, Any]", frame.loc[key].to_dict())


def stock_cue(stock: Any) -> str:
    """The cue of a stock: available, low, out or unknown."""
    if pd.isna(stock):
        return "unknown"
    return "out" if stock <= 0 else "low" if stock <= LOW_STOCK else "available"


def product_facts(ctx: ToolContext, product: Mapping[str, Any] | pd.Series) -> dict[str, Fact]:
    """Title, price and stock of a product, as far as they are known."""
    source = table_source(ctx, "products")
    price, stock = product["price"], product["stock"]
    return facts(
        name("title", str(product["title"]), source),
        None if pd.isna(price) else money("price", float(price), ctx.currency, source),
        None if pd.isna(stock) else count("stock", float(stock), source),
    )


def sold_units(ctx: ToolContext, product_ids: Iterable[str], *, days: int = 90) -> dict[str, int]:
    """Units that were bought of each product in the `days` up to the context's time."""
    wanted = list(product_ids)
    events = ctx.snapshot.table("events")
    start = ctx.as_of - pd.Timedelta(days=days)
    bought = events.filter(
        events.kind == "purchase", events.at > start, events.at <= ctx.as_of, events.product_id.isin(wanted)
    )
    sums = bought.group_by("product_id").aggregate(units=bought.quantity.fill_null(1.0).sum()).execute()
    units = dict(zip(sums["product_id"].astype(str), sums["units"], strict=True))
    return {product_id: round(float(units.get(product_id, 0))) for product_id in wanted}
