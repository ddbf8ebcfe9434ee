"""What a shop's own events say about its products when the source does not: price, activity, daily prices, category."""

from collections.abc import Collection

import pandas as pd

from data.categories import derive_categories

RECENT = pd.Timedelta(days=28)
"""A price is the median of what was paid in the last four weeks in which the product sold."""
LISTED = pd.Timedelta(days=91)
"""A product that nobody bought or looked at for a quarter counts as no longer sold."""
DISCOUNT = 0.8
"""A day is promoted when even its dearest sale is at most this share of the product's median price."""

_INTEREST = ("purchase", "add_to_cart", "view")


def derive(products: pd.DataFrame, events: pd.DataFrame, wanted: Collection[str]) -> pd.DataFrame:
    """`products` (canonical) with the columns named in `wanted` ("price", "active", "category") derived.

    Prices and activity come from `events` (canonical, all of the shop's), prices and categories only where the source
    gave none. A price that no sale tells stays unknown; an activity where the shop has no events stays as it is.
    """
    products = products.copy()
    if "price" in wanted:
        told = products["product_id"].map(recent_prices(events))
        bare = told.notna() & (products["price"].isna() | products["price_derived"].fillna(False).astype(bool))
        products.loc[bare, "price"] = told[bare]
        products.loc[bare, "price_derived"] = True
    if "active" in wanted and len(events):
        seen = events[events["kind"].isin(_INTEREST)].groupby("product_id")["at"].max()
        last = products["product_id"].map(seen)
        products["active"] = (last >= events["at"].max() - LISTED).astype("boolean")
    products["active"] = products["active"].fillna(True)
    if "category" in wanted:
        bare = products["category"].isna() | products["category_derived"].fillna(False).astype(bool)
        named = derive_categories(products.loc[bare, "title"].tolist())
        products.loc[bare, "category"] = named.to_numpy()
        products.loc[bare, "category_derived"] = True
    return products


def recent_prices(events: pd.DataFrame) -> pd.Series:
    """Median unit price by product over the four weeks that end with its own last sale."""
    sold = _sold(events)
    recent = sold[sold["at"] > sold.groupby("product_id")["at"].transform("max") - RECENT]
    return recent.groupby("product_id")["unit_price"].median().round(2)


def product_days(events: pd.DataFrame) -> pd.DataFrame:
    """The canonical table `product_days` from sales: each day's median price by product, and whether it was promoted.

    Days without a sale are absent, since their price is unknown; so is every day's stock.
    """
    sold = _sold(events)
    sold = sold.assign(day=sold["at"].dt.normalize())
    days = sold.groupby(["day", "product_id"], as_index=False).agg(
        price=("unit_price", "median"), dearest=("unit_price", "max")
    )
    usual = days.groupby("product_id")["price"].transform("median")
    days["promoted"] = days["dearest"] <= DISCOUNT * usual
    days["stock"] = float("nan")
    return days[["day", "product_id", "price", "stock", "promoted"]]


def _sold(events: pd.DataFrame) -> pd.DataFrame:
    sold = events.loc[events["kind"] == "purchase", ["at", "product_id", "unit_price"]]
    return sold[sold["product_id"].notna() & (sold["unit_price"] > 0)]
