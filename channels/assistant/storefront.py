"""What the demo shop's pages show: products by category and popularity, baskets, customers to sign in as."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from channels.api.cards import why
from channels.api.results import ran
from channels.assistant.openers import pieces_sold
from data.money import display

if TYPE_CHECKING:
    from channels.access import Visit
    from channels.api.state import State
    from data.store import Snapshot

MOST_PIECES = 99
_MOST_LINES = 40
_COUNTED_DAYS = 60
_PEOPLE = 4


@dataclass(frozen=True)
class Product:
    """A product as a page shows it; `reason` says why it is recommended."""

    product_id: str
    title: str
    description: str
    category: str
    brand: str
    price: float
    shown_price: str
    stock: int | None
    reason: str | None = None

    @property
    def standing(self) -> str:
        """The stock in words."""
        if self.stock is None:
            return "stock unknown"
        return "sold out" if self.stock <= 0 else f"only {self.stock} left" if self.stock <= 5 else "in stock"


@dataclass(frozen=True)
class Someone:
    """A customer of the generated shop whom a visitor may sign in as."""

    customer_id: str
    name: str
    orders: int


@dataclass(frozen=True)
class OrderLine:
    """An order as the account page lists it."""

    order_id: str
    placed: str
    status: str
    titles: list[str]


@dataclass(frozen=True)
class Front:
    """The shop's shelves: products by id, the most popular first, and their categories by name."""

    products: Mapping[str, Product]
    categories: Mapping[str, Sequence[Product]]
    people: Sequence[Someone]
    currency: str

    def money(self, amount: float) -> str:
        """An amount with the shop's currency."""
        return display(amount, self.currency)


@functools.lru_cache(maxsize=2)
def front(snapshot: Snapshot) -> Front:
    """The shelves of a snapshot; products without a price are not for sale."""
    products = snapshot.frame("products")
    sold = pieces_sold(snapshot, days=_COUNTED_DAYS)
    for_sale = products[products["active"] & products["price"].notna()]
    for_sale = for_sale.assign(sold=for_sale["product_id"].map(sold).fillna(0))
    found = {}
    for row in for_sale.sort_values(["sold", "product_id"], ascending=[False, True]).to_dict("records"):
        words = {key: "" if pd.isna(row[key]) else str(row[key]) for key in ("description", "category", "brand")}
        found[str(row["product_id"])] = Product(
            product_id=str(row["product_id"]),
            title=str(row["title"]),
            price=float(row["price"]),
            shown_price=display(float(row["price"]), snapshot.currency),
            stock=None if pd.isna(row["stock"]) else int(row["stock"]),
            **words,
        )
    names = sorted({one.category for one in found.values() if one.category})
    categories = {name: [one for one in found.values() if one.category == name] for name in names}
    return Front(found, categories, _people(snapshot), snapshot.currency)


def _people(snapshot: Snapshot) -> list[Someone]:
    """A few customers with several orders, one of which is on its way, so that there is something to track."""
    customers, orders = snapshot.frame("customers"), snapshot.frame("orders")
    counted = orders["customer_id"].value_counts()
    moving = orders.loc[orders["status"].isin(["shipped", "processing"]), "customer_id"].unique()
    ranked = sorted(counted[counted.index.isin(moving)].items(), key=lambda one: (-int(one[1]), str(one[0])))
    emails = customers.set_index("customer_id")["email"]
    return [
        Someone(str(customer), _name(emails.get(customer), str(customer)), int(number))
        for customer, number in ranked[:_PEOPLE]
    ]


def _name(email: object, customer: str) -> str:
    """`freya.stone10001@…` is Freya Stone: generated customers have no other name."""
    words = str(email).split("@")[0].rstrip("0123456789").split(".") if isinstance(email, str) else []
    return " ".join(word.capitalize() for word in words if word) or f"Customer {customer}"


def for_you(state: State, visit: Visit, *, beside: str | None = None, limit: int = 5) -> list[Product]:
    """What suits the visit, with reasons; `beside` counts as looked at just now and is left out."""
    live = state.serving.now.feed.of(customer_id=visit.customer_id, session_id=visit.session_id)
    if beside is not None:
        live = (("view", beside), *(event for event in live if event[1] != beside))[:3]
    result = ran(
        state, "recommend_products", {"limit": limit + 1}, role="shopper", customer_id=visit.customer_id, live=live
    )
    shelves = front(state.serving.now.shop.snapshot).products
    rows = [] if result.failed else [row for row in result.rows if row.id in shelves and row.id != beside]
    return [_with(shelves[str(row.id)], why(row)) for row in rows[:limit]]


def search(state: State, words: str) -> list[Product]:
    """Products for a visitor's words, the best first."""
    result = ran(state, "search_products", {"query": words, "limit": 20}, role="shopper")
    shelves = front(state.serving.now.shop.snapshot).products
    return [] if result.failed else [shelves[str(row.id)] for row in result.rows if row.id in shelves]


def orders_of(snapshot: Snapshot, customer_id: str, *, most: int = 5) -> list[OrderLine]:
    """A customer's latest orders."""
    orders, events = snapshot.frame("orders"), snapshot.table("events")
    own = orders[orders["customer_id"] == customer_id].sort_values("placed_at", ascending=False).head(most)
    titles = snapshot.frame("products").set_index("product_id")["title"]
    lines = events.filter(events.kind == "purchase", events.order_id.isin(list(own["order_id"])))
    bought = lines.select("order_id", "product_id").order_by("order_id", "product_id").execute()
    names = bought["product_id"].map(titles).groupby(bought["order_id"]).apply(list)
    return [
        OrderLine(str(row.order_id), f"{row.placed_at:%d %B %Y}", str(row.status), names.get(row.order_id, []))
        for row in own.itertuples()
    ]


def read_basket(cookie: str, shelves: Mapping[str, Product]) -> dict[str, int]:
    """A basket cookie such as `P0001:2.P0007:1`; what the shop doesn't have is left out."""
    found: dict[str, int] = {}
    for part in cookie.split(".")[:_MOST_LINES]:
        product_id, _, number = part.partition(":")
        if product_id in shelves and number.isascii() and number.isdigit() and int(number[:4]) > 0:
            found[product_id] = min(int(number[:4]), MOST_PIECES)
    return found


def written_basket(basket: Mapping[str, int]) -> str:
    """The cookie of a basket."""
    return ".".join(f"{product_id}:{number}" for product_id, number in list(basket.items())[:_MOST_LINES])


def _with(product: Product, reason: str | None) -> Product:
    return Product(**{**product.__dict__, "reason": reason})
