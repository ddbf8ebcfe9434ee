"""What is known of each customer at a moment: buying, browsing, taste, words and friends, for models to learn from.

All counting is Ibis over the canonical tables, so the same expressions run on DuckDB and on Spark; only the topics
of texts (`data.feature_topics`) are made in memory. The cut-off is strict: an event at `as_of` or later changes
nothing. So nothing that was derived from all events (a product's present price, sale days) is read here either.
"""

from functools import reduce
from typing import Protocol

import ibis
import pandas as pd
from ibis import _

from data.feature_topics import topic_features
from data.feature_words import FEATURE_WORDS, describe

__all__ = ["FEATURE_WORDS", "customer_features", "describe", "feature_table"]

_DAY = 86_400.0
_WINDOWS = (30, 90, 365)
_REDUCED = 0.92
"""A line was bought at a reduced price when it cost at most this share of the product's median price so far."""
_BROWSING = ("view", "search", "add_to_cart")
_COUNTS = tuple(
    "orders_ spend_ visits_ views_ searches_ carts_ ad_clicks_ returns_ lines_ reviews_ emails_ email_opens_ "
    "email_clicks_ friends categories triangles".split()
)
"""How the names of counts begin: of these, nothing known means none."""
_COUNTED = tuple(name for name in FEATURE_WORDS if not name.startswith(("topic_", "taste_focus", "interest_fit")))


class Tables(Protocol):
    """Where the canonical tables come from: a snapshot, or the same tables on another engine."""

    def table(self, name: str) -> ibis.Table:
        """The canonical table `name`."""
        ...


def customer_features(snapshot: Tables, *, as_of: pd.Timestamp, vectors: pd.DataFrame | None = None) -> pd.DataFrame:
    """Features of every customer known at `as_of`: index customer_id (str, sorted), float64 columns.

    Only events with `at` < `as_of` count, and customers who joined or acted before it. Counts are 0 where nothing
    happened; averages, ratios and "days since" are NaN where there is nothing to average. Days are days, money is in
    the shop's currency. `vectors` (index product_id, unit rows) sharpen how alike products are; without them words
    of titles and descriptions do. The columns are the keys of `FEATURE_WORDS`, in that order, for every shop.
    """
    counted = feature_table(snapshot, as_of=as_of).execute()
    counted["customer_id"] = counted["customer_id"].astype("string").astype(object)
    counted = counted.set_index("customer_id").sort_index()
    topics = topic_features(_past(snapshot, as_of), snapshot.table("products"), counted.index, vectors)
    features = counted.join(topics)[list(FEATURE_WORDS)]
    return features.astype("float64")


def feature_table(tables: Tables, *, as_of: pd.Timestamp) -> ibis.Table:
    """The counted features as one expression: customer_id and float64 columns, one row a customer, in no order."""
    past = _past(tables, as_of)
    lines = past.filter(_.kind == "purchase").mutate(
        units=_.quantity.fill_null(_number(1.0)), paid=_.quantity.fill_null(_number(1.0)) * _.unit_price
    )
    parts = [
        _people(tables.table("customers"), past, as_of),
        _orders(lines),
        _intervals(lines),
        _visits(past),
        _doings(past),
        _tastes(lines, tables.table("products")),
        _friends(tables.table("relations"), lines),
    ]
    joined = reduce(_beside, parts)
    return _with_ratios(joined).select("customer_id", *[_[name].cast("float64").name(name) for name in _COUNTED])


def _beside(left: ibis.Table, right: ibis.Table) -> ibis.Table:
    return left.left_join(right, "customer_id").drop("customer_id_right")


def _number(value: float) -> ibis.ir.FloatingScalar:
    return ibis.literal(value, "float64")  # typed: with a double beside it, Spark computes in doubles, not DECIMAL


def _past(tables: Tables, as_of: pd.Timestamp) -> ibis.Table:
    """Events of known customers before `as_of`, with their `age` in days."""
    events = tables.table("events")
    before = events.filter(events.at < ibis.literal(as_of.to_pydatetime(), "timestamp"), events.customer_id.notnull())
    now = _number(as_of.timestamp())
    return before.mutate(age=(now - before.at.epoch_seconds().cast("float64")) / _number(_DAY))


def _people(customers: ibis.Table, past: ibis.Table, as_of: pd.Timestamp) -> ibis.Table:
    """Who is known: those who joined before, or acted before; those whose joining is unknown are taken as known."""
    now = ibis.literal(as_of.to_pydatetime(), "timestamp")
    joined = customers.filter(customers.joined_at.isnull() | (customers.joined_at < now)).select(
        "customer_id",
        age=(_number(as_of.timestamp()) - customers.joined_at.epoch_seconds().cast("float64")) / _number(_DAY),
    )
    both = joined.union(past.select("customer_id", "age"))
    return both.group_by("customer_id").agg(tenure_days=_.age.max())


def _purchases(lines: ibis.Table) -> ibis.Table:
    """One row an order; where the source has no order ids, the lines of one day are one purchase."""
    key = ibis.coalesce(lines.order_id, lines.at.strftime("%Y-%m-%d"))
    return lines.group_by(customer_id=lines.customer_id, order=key).agg(
        age=lines.age.max(), paid=lines.paid.sum(), units=lines.units.sum()
    )


def _orders(lines: ibis.Table) -> ibis.Table:
    orders = _purchases(lines)
    counts = {f"orders_{days}": (orders.age <= _number(days)).sum() for days in _WINDOWS}
    money = {f"spend_{days}": orders.paid.sum(where=orders.age <= _number(days)) for days in _WINDOWS}
    return orders.group_by("customer_id").agg(
        recency_days=orders.age.min(),
        orders_all=orders.count(),
        spend_all=orders.paid.sum(),
        order_value=orders.paid.mean(),
        order_units=orders.units.mean(),
        **counts,
        **money,
    )


def _intervals(lines: ibis.Table) -> ibis.Table:
    """Gaps between the days on which a customer bought; several orders of one day are one occasion."""
    days = lines.group_by(customer_id=lines.customer_id, day=lines.at.strftime("%Y-%m-%d")).agg(age=lines.age.max())
    earlier = days.age.lag().over(group_by="customer_id", order_by=days.day)
    gaps = days.mutate(gap=earlier - days.age)
    return gaps.group_by("customer_id").agg(interval_mean=gaps.gap.mean(), interval_spread=gaps.gap.std(how="sample"))


def _visits(past: ibis.Table) -> ibis.Table:
    """Visits that looked around; where the source has no sessions, a day is a visit."""
    browsing = past.filter(past.kind.isin(_BROWSING))
    key = ibis.coalesce(browsing.session_id, browsing.at.strftime("%Y-%m-%d"))
    visits = browsing.group_by(customer_id=browsing.customer_id, visit=key).agg(age=browsing.age.min())
    return visits.group_by("customer_id").agg(
        visit_recency_days=visits.age.min(),
        **{f"visits_{days}": (visits.age <= _number(days)).sum() for days in _WINDOWS},
    )


def _doings(past: ibis.Table) -> ibis.Table:
    """Views, carts, returns, reviews, messages."""

    def times(kind: str, days: float) -> ibis.ir.IntegerScalar:
        return ((past.kind == kind) & (past.age <= _number(days))).sum()

    stars = past.quantity.mean(where=(past.kind == "review") & past.quantity.between(_number(1.0), _number(5.0)))
    return past.group_by("customer_id").agg(
        views_7=times("view", 7),
        views_30=times("view", 30),
        views_90=times("view", 90),
        searches_30=times("search", 30),
        carts_7=times("add_to_cart", 7),
        carts_30=times("add_to_cart", 30),
        ad_clicks_90=times("ad_click", 90),
        returns_365=times("return", 365),
        lines_365=times("purchase", 365),
        views_365=times("view", 365),
        reviews_365=times("review", 365),
        stars=stars,
        emails_90=times("email_sent", 90),
        email_opens_90=times("email_open", 90),
        emails_365=times("email_sent", 365),
        email_opens_365=times("email_open", 365),
        email_clicks_365=times("email_click", 365),
    )


def _tastes(lines: ibis.Table, products: ibis.Table) -> ibis.Table:
    """How narrow the taste is, how dear, and how much was bought at reduced prices."""
    kinds = products.select("product_id", category=products.category.fill_null("other"))
    bought = _joined(lines, kinds, "product_id")
    usual = bought.group_by("product_id").agg(usual=bought.unit_price.median())
    level = bought.group_by("category").agg(level=bought.unit_price.mean())
    priced = _joined(_joined(bought, usual, "product_id"), level, "category")
    prices = priced.group_by("customer_id").agg(
        price_level=(priced.unit_price / priced.level.nullif(_number(0.0))).mean(),
        discount_share=(priced.unit_price <= _number(_REDUCED) * priced.usual).cast("float64").mean(),
    )
    per_category = bought.group_by("customer_id", "category").agg(units=bought.count().cast("float64"))
    whole = per_category.units.sum().over(group_by="customer_id")
    shares = per_category.mutate(share=per_category.units / whole)
    breadth = shares.group_by("customer_id").agg(
        categories=shares.count(), top_category_share=shares.share.max(), concentration=(shares.share**2).sum()
    )
    return _beside(breadth, prices)


def _joined(left: ibis.Table, right: ibis.Table, key: str) -> ibis.Table:
    return left.inner_join(right, key).select(*left.columns, *[name for name in right.columns if name != key])


def _friends(relations: ibis.Table, lines: ibis.Table) -> ibis.Table:
    """Friends (relations of any kind, both ways), friends who bought lately, and friends that friends share."""
    there = relations.select("customer_id", friend=relations.other_id)
    back = relations.select(customer_id=relations.other_id, friend=relations.customer_id)
    ties = there.union(back).filter(_.customer_id != _.friend).distinct()
    recent = lines.group_by(friend=lines.customer_id).agg(age=lines.age.min())
    news = ties.left_join(recent, "friend").select("customer_id", "age")
    counts = news.group_by("customer_id").agg(
        friends=news.count(),
        friends_bought_30=(news.age <= _number(30.0)).sum(),
        friends_bought_90=(news.age <= _number(90.0)).sum(),
    )
    far = ties.view()
    ring = ties.view()
    paths = ties.join(far, ties.friend == far.customer_id).select(customer_id=ties.customer_id, friend=far.friend)
    closed = paths.join(ring, ["customer_id", "friend"]).select(paths.customer_id)
    common = closed.group_by("customer_id").agg(triangles=closed.count())
    return _beside(counts, common)


def _with_ratios(joined: ibis.Table) -> ibis.Table:
    """Counts become 0 where nothing happened; then what follows from several columns."""
    counts = [n for n in joined.columns if n.startswith(_COUNTS)]
    filled = joined.mutate(**{name: joined[name].cast("float64").fill_null(_number(0.0)) for name in counts})

    def share(part: str, whole: str) -> ibis.ir.FloatingColumn:
        return filled[part] / filled[whole].nullif(_number(0.0))

    return filled.mutate(
        # days since the last order, in usual intervals of at least a day: above 1 the next order is overdue
        due_ratio=filled.recency_days
        / (filled.interval_mean < _number(1.0)).ifelse(_number(1.0), filled.interval_mean),
        orders_per_visit=share("orders_365", "visits_365"),
        lines_per_view=share("lines_365", "views_365"),
        return_share=share("returns_365", "lines_365"),
        email_open_rate=share("email_opens_365", "emails_365"),
        email_click_rate=share("email_clicks_365", "emails_365"),
        common_friends=share("triangles", "friends"),
    )
