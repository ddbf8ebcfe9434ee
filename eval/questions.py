"""A hundred questions of every kind about one shop, for checking the answers: real ids, some wrong ones, some chat."""

from dataclasses import dataclass
from random import Random

import pandas as pd

from data.store import Snapshot

_MARKETER: tuple[str, ...] = (
    "How likely is customer {customer} to buy within {days}, and why?",
    "What should we show customer {customer}? Give me three things and the reasons.",
    "How will {category} sell over the next {days}?",
    "Forecast {product} for the coming month",
    "what do we need to reorder in {category}?",
    "Which products run out within the next {days}?",
    "find {size} lapsed customers to win back",
    "Who would like the new arrivals in {category}?",
    "Split {money} between email and google",
    "best way to spend {money} on facebook, instagram and tiktok, for orders",
    "where do we lose visitors?",
    "What are our customer segments?",
    "best sellers in {category} over the last {days}",
    "how do our channels compare this quarter",
    "do customers come back? show the cohorts",
    "write a friendly email for {product}",
    "A playful sms about {product} with 15% off",
    "Tell me about {product}: stock, cost and margin",
    "compare {product} and {other}",
    "find something for {category} below {money}",
    "Draft a loyalty campaign called Autumn Thanks with {money}",
    "what would campaign C-0001 bring?",
    "did campaign C-0002 work?",
    "launch campaign C-0001",
    "How likely is customer 99999999 to buy?",
    "Forecast the sales of flying carpets made of glass",
)
_SHOPPER: tuple[str, ...] = (
    "Something from {category} under {money}, please",
    "What would you recommend for me?",
    "is {product} in stock?",
    "{product} or {other}, which should I take?",
    "Put two {product} in my basket",
    "Where is my order {order}?",
    "where is my order 00000?",
    "show me presents for someone who likes {category}",
    "tell me more about {product}",
    "suggest three things from {category}",
)
_CHAT: tuple[tuple[str, str], ...] = (
    ("marketer", "hello"),
    ("marketer", "Thank you, that helps"),
    ("marketer", "What will the weather be like?"),
    ("shopper", "hi, who are you?"),
    ("shopper", "what margin do you make?"),
    ("shopper", "where is my order?"),
)

_ROUNDS = 40


@dataclass(frozen=True)
class Question:
    """What someone asks; a shopper is signed in as `customer_id`."""

    say: str
    role: str
    customer_id: str | None = None


def questions(snapshot: Snapshot, count: int = 100, *, seed: int = 0) -> list[Question]:
    """`count` different questions, every kind in turn, filled with what the shop has; fewer where it has too little.

    The same shop and seed give the same questions.
    """
    random = Random(seed)
    values = _values(snapshot)
    kinds = [("marketer", say) for say in _MARKETER] + [("shopper", say) for say in _SHOPPER] + list(_CHAT)
    found: dict[str, Question] = {}
    for role, wording in kinds * _ROUNDS:
        say = wording.format_map({name: random.choice(options) for name, options in values.items()})
        if say not in found and len(found) < count:
            found[say] = Question(say, role, random.choice(values["customer"]) if role == "shopper" else None)
    return list(found.values())


def _values(snapshot: Snapshot) -> dict[str, list[str]]:
    """What may fill each gap of the wordings, from the shop's tables."""
    products = snapshot.frame("products")
    ids = _ids(products["product_id"], "P0001")
    return {
        "customer": _ids(snapshot.frame("customers")["customer_id"], "10001"),
        "product": ids,
        "other": ids,
        "category": _ids(products["category"].dropna(), "gifts"),
        "order": _ids(snapshot.frame("orders")["order_id"], "00001"),
        "days": ["two weeks", "30 days", "90 days"],
        "size": ["50", "200"],
        "money": ["25", "400", "1500"],
    }


def _ids(values: pd.Series, otherwise: str) -> list[str]:
    return sorted(set(values.astype(str))) or [otherwise]
