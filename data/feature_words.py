"""The features in a marketer's words, for the reasons behind a prediction: "bought 34 times in the last 90 days"."""

import math
from collections.abc import Callable

Words = Callable[[float, str], str]
"""A feature's value and the shop's currency (ISO code) as a short phrase; "" when it says nothing to a person."""

_SYMBOLS = {"GBP": "£", "EUR": "€", "USD": "$", "CNY": "¥", "JPY": "¥"}
_SPANS = {7: "week", 30: "30 days", 90: "90 days", 365: "year"}


def describe(feature: str, value: float, currency: str) -> str:
    """`value` of `feature` in words; "" where the value is unknown or says nothing to a person.

    Raises `KeyError` for a name that is no feature.
    """
    if feature == "recency_days" and math.isnan(value):
        return "has not ordered yet"
    words = FEATURE_WORDS[feature]
    return "" if math.isnan(value) else words(value, currency)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == round(value) else f"{value:,.1f}"


def _money(value: float, currency: str) -> str:
    return f"{_SYMBOLS.get(currency, currency + ' ')}{value:,.2f}"


def _percent(value: float) -> str:
    return f"{100 * value:.0f}%" if value >= 0.01 or value == 0 else "under 1%"


def _counted(value: float, one: str, many: str) -> str:
    return f"{_number(value)} {one if value == 1 else many}"


def _since(what: str) -> Words:
    def words(value: float, _currency: str) -> str:
        days = int(value)
        return f"{what} less than a day ago" if days < 1 else f"{what} {_counted(days, 'day', 'days')} ago"

    return words


def _times(verb: str, none: str, days: int | None) -> Words:
    span = f" in the last {_SPANS[days]}" if days else ""

    def words(value: float, _currency: str) -> str:
        if value < 0.5:
            return f"{none}{span or ' so far'}"
        often = "once" if value == 1 else f"{_number(value)} times"
        return f"{verb} {often}{span or ' in all'}"

    return words


def _sum(days: int | None) -> Words:
    span = f"in the last {_SPANS[days]}" if days else "in all"

    def words(value: float, currency: str) -> str:
        return f"spent {_money(value, currency)} {span}" if value > 0 else f"spent nothing {span}"

    return words


def _things(before: str, one: str, many: str, after: str, none: str) -> Words:
    def words(value: float, _currency: str) -> str:
        return f"{before}{_counted(value, one, many)}{after}" if value > 0 else none

    return words


def _share(pattern: str) -> Words:
    return lambda value, _currency: pattern.format(_percent(min(value, 1.0)))


def _due(value: float, _currency: str) -> str:
    if value < 0.75:
        return "the next order is not due yet by the usual rhythm"
    if value <= 1.5:
        return "the next order is due about now by the usual rhythm"
    if value > 20:
        return "silent for far longer than the usual gap between orders"
    return f"silent for {_number(round(value, 1))} times the usual gap between orders"


def _dearness(value: float, _currency: str) -> str:
    if abs(value - 1) < 0.05:
        return "picks things at usual prices"
    return (
        f"picks things {_percent(abs(value - 1))} {'dearer' if value > 1 else 'cheaper'} than usual in their category"
    )


def _either(limit: float, above: str, below: str) -> Words:
    return lambda value, _currency: above if value >= limit else below


def _silent(_value: float, _currency: str) -> str:
    return ""


FEATURE_WORDS: dict[str, Words] = {
    "recency_days": _since("last order"),
    "tenure_days": lambda value, _currency: f"a customer for {_counted(int(value), 'day', 'days')}",
    "orders_30": _times("bought", "no order", 30),
    "orders_90": _times("bought", "no order", 90),
    "orders_365": _times("bought", "no order", 365),
    "orders_all": _times("bought", "no order", None),
    "spend_30": _sum(30),
    "spend_90": _sum(90),
    "spend_365": _sum(365),
    "spend_all": _sum(None),
    "order_value": lambda value, currency: f"spends {_money(value, currency)} an order",
    "order_units": lambda value, _currency: f"buys {_counted(round(value, 1), 'piece', 'pieces')} an order",
    "interval_mean": lambda value, _currency: (
        f"orders every {round(value)} days on average" if round(value) > 1 else "orders on most days"
    ),
    "interval_spread": lambda value, _currency: (
        f"the gap between orders varies by {_counted(max(round(value), 1), 'day', 'days')}"
    ),
    "due_ratio": _due,
    "categories": _things("buys from ", "category", "categories", "", "has not bought from any category yet"),
    "top_category_share": _share("{} of purchases from a single category"),
    "concentration": _either(0.5, "buys mostly from few categories", "buys across many categories"),
    "price_level": _dearness,
    "discount_share": _share("{} of purchases at reduced prices"),
    "visit_recency_days": _since("last visit"),
    "visits_30": _times("visited", "no visit", 30),
    "visits_90": _times("visited", "no visit", 90),
    "visits_365": _times("visited", "no visit", 365),
    "views_7": _times("looked at products", "looked at nothing", 7),
    "views_30": _times("looked at products", "looked at nothing", 30),
    "views_90": _times("looked at products", "looked at nothing", 90),
    "searches_30": _times("searched", "no search", 30),
    "carts_7": _times("put things into the basket", "nothing put into the basket", 7),
    "carts_30": _times("put things into the basket", "nothing put into the basket", 30),
    "ad_clicks_90": _times("came through an ad", "came through no ad", 90),
    "orders_per_visit": _share("orders on {} of visits"),
    "lines_per_view": _share("buys {} of what is looked at"),
    "returns_365": _things("returned ", "thing", "things", " in the last year", "returned nothing in the last year"),
    "return_share": _share("returned {} of purchases"),
    "reviews_365": _things("wrote ", "review", "reviews", " in the last year", "wrote no review in the last year"),
    "stars": lambda value, _currency: f"gives {value:.1f} of 5 stars on average",
    "emails_90": _things("got ", "e-mail", "e-mails", " in the last 90 days", "got no e-mail in the last 90 days"),
    "email_opens_90": _things(
        "opened ", "e-mail", "e-mails", " in the last 90 days", "opened no e-mail in the last 90 days"
    ),
    "email_open_rate": _share("opens {} of e-mails"),
    "email_click_rate": _share("clicks in {} of e-mails"),
    "friends": _things("has ", "friend", "friends", " among the customers", "has no known friends among the customers"),
    "friends_bought_30": _things(
        "", "friend", "friends", " bought in the last 30 days", "no friend bought in the last 30 days"
    ),
    "friends_bought_90": _things(
        "", "friend", "friends", " bought in the last 90 days", "no friend bought in the last 90 days"
    ),
    "common_friends": _things(
        "shares ", "friend", "friends", " with each friend on average", "friends do not know each other"
    ),
    "topic_1": _silent,
    "topic_2": _silent,
    "topic_3": _silent,
    "topic_4": _silent,
    "taste_focus": _either(0.5, "buys things that are much alike", "buys many kinds of things"),
    "interest_fit": _either(
        0.5, "lately looks at things like those bought before", "lately looks at other things than those bought before"
    ),
}
"""Words of each feature; its keys are the features' names, in the order of their columns."""
