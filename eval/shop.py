"""The shop in which the agent is measured: a small demo shop with every category, and product, of the test file."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from data.demo_shop import generate
from data.store import Store
from eval.task import Inputs, Progress
from index.build import build
from models.registry import ModelSet, train

CUSTOMERS, PRODUCTS, MONTHS, SEED = 300, 144, 13, 11
_SHARE = 4
"""A category that the demo shop lacks takes every fourth product of one that it has."""


@contextmanager
def shop_for(categories: Sequence[str], inputs: Inputs, *, products: Sequence[str] = ()) -> Iterator[Store]:
    """The caller's store where one was given; else the evaluation's own, in `inputs.keep` or in a temporary folder."""
    if inputs.store is not None:
        yield inputs.store
    elif inputs.keep is not None:
        yield build_shop(categories, inputs.keep, products=products, progress=inputs.progress)
    else:
        with tempfile.TemporaryDirectory(prefix="shopkeeper-eval-") as folder:
            yield build_shop(categories, Path(folder), products=products, progress=inputs.progress)


def build_shop(
    categories: Sequence[str], root: Path, *, products: Sequence[str] = (), progress: Progress | None = None
) -> Store:
    """Generates the shop under `root`, trains its models and builds its index; what is there already is kept."""
    shop = generate(seed=SEED, customers=CUSTOMERS, products=PRODUCTS, months=MONTHS)
    tables = with_products(shop.tables, products)
    tables["products"] = with_categories(tables["products"], categories)
    store = Store(root)
    store.write(tables, name=shop.name, currency=shop.currency, source="evaluation shop")
    if not ModelSet(store.models_path).complete:
        train(store, progress=progress)
    build(store.snapshot(), store.index_path, progress=progress)  # embeds only texts that it never saw
    return store


def with_products(tables: Mapping[str, pd.DataFrame], wanted: Sequence[str]) -> dict[str, pd.DataFrame]:
    """`tables` in which every wanted product id occurs: one that the shop lacks takes the place of its own, in turn."""
    own = [str(one) for one in tables["products"]["product_id"]]
    missing = [one for one in wanted if one not in own]
    free = [one for one in own if one not in wanted]
    names = dict(zip(free[:: max(1, len(free) // max(1, len(missing)))], missing, strict=False))
    return {
        name: table.assign(product_id=table["product_id"].replace(names)) if "product_id" in table else table
        for name, table in tables.items()
    }


def with_categories(products: pd.DataFrame, wanted: Sequence[str]) -> pd.DataFrame:
    """`products` in which every wanted category occurs, spelt as the shop spells it where it has it already.

    A missing category takes a quarter of one of the shop's own, in turn; titles stay as they are, since only the
    choice of tool and arguments is measured.
    """
    found = products.copy()
    own = list(dict.fromkeys(found["category"].dropna()))
    known = {category.casefold() for category in own}
    missing = [category for category in wanted if category.casefold() not in known]
    for number, category in enumerate(missing):
        rows = found.index[found["category"] == own[number % len(own)]]
        found.loc[rows[::_SHARE], "category"] = category
    return found
