"""A small demo shop, stored, trained and indexed once per test session, for tests of the layers above."""

import functools
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data import demo_shop
from data.operations import Operations
from data.store import Snapshot, Store
from index.build import build
from index.embed import Embedder
from index.search import ProductIndex
from models.registry import ModelSet, train
from tools.base import Call, Role, ToolContext, ToolResult, call


@dataclass(frozen=True)
class Shop:
    """A trained shop and its records."""

    store: Store
    snapshot: Snapshot
    models: ModelSet
    index: ProductIndex
    operations: Operations

    def context(
        self, role: Role = "marketer", customer_id: str | None = None, calls: Sequence[Call] = ()
    ) -> ToolContext:
        """A fresh context of a thread whose earlier calls are `calls`."""
        return ToolContext(
            snapshot=self.snapshot,
            operations=self.operations,
            models=self.models,
            index=self.index,
            role=role,
            as_of=self.snapshot.as_of,
            customer_id=customer_id,
            calls=list(calls),
        )

    def ask(self, tool: str, /, **arguments: object) -> ToolResult:
        """The result of a marketer's call in a fresh thread."""
        return call(tool, self.context(), arguments)

    def shopper(self, tool: str, /, *, signed_in: str | None = None, **arguments: object) -> ToolResult:
        """The result of a shopper's call in a fresh thread."""
        return call(tool, self.context("shopper", signed_in), arguments)

    def buyer(self) -> str:
        """The customer with most purchases."""
        events = self.snapshot.frame("events")
        return str(events.loc[events["kind"] == "purchase", "customer_id"].value_counts().index[0])

    def bestseller(self) -> dict[str, Any]:
        """The product bought most often among those well in stock."""
        events, products = self.snapshot.frame("events"), self.snapshot.frame("products")
        products = products[products["active"] & (products["stock"] > 5)].set_index("product_id", drop=False)
        bought = events[(events["kind"] == "purchase") & events["product_id"].isin(products.index)]
        best = str(bought["product_id"].value_counts().index[0])
        return {str(column): value for column, value in products.loc[best].to_dict().items()}


@functools.cache
def small_shop(*, customers: int = 250, products: int = 60, months: int = 8) -> Shop:
    """The shop; built in a folder that lives as long as the process."""
    root = Path(_folder().name)
    demo = demo_shop.generate(seed=3, customers=customers, products=products, months=months)
    store = Store(root / "store")
    store.write(demo.tables, name=demo.name, currency=demo.currency, source="demo", truth=demo.truth)
    return stored(store)


def stored(store: Store) -> Shop:
    """The shop of a store that has a snapshot, trained and indexed."""
    snapshot, models = store.snapshot(), train(store)
    index = build(snapshot, store.index_path, embedder=_embedder())
    return Shop(store, snapshot, models, index, Operations(store.operations_path))


@functools.cache
def _embedder() -> Embedder:
    return Embedder()


@functools.cache
def _folder() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="shopkeeper-test-")
