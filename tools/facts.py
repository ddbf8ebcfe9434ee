"""The facts that each tool may return: the vocabulary shared by tools, prose, training and the checker.

A tool returns a subset of its shape's keys: what is unknown is left out, never invented. Cues are words of the
closed lists below; several may be joined by a space, in this order.
"""

from dataclasses import dataclass

from tools.base import Unit


@dataclass(frozen=True)
class Meaning:
    """What a key stands for: its unit, and for counts the nouns that a sentence may put after it."""

    unit: Unit
    nouns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Shape:
    """The keys and cues of one tool's result (of one report, for `analyse_behaviour`)."""

    level: dict[str, Meaning]
    row: dict[str, Meaning] | None = None
    cues: tuple[str, ...] = ()
    row_cues: tuple[str, ...] = ()


def _counts(*nouns: str) -> Meaning:
    return Meaning("count", nouns)


MONEY, PERCENT, DAYS, DATE = Meaning("money"), Meaning("percent"), Meaning("days"), Meaning("date")
NAME, ID, WORDS = Meaning("name"), Meaning("id"), Meaning("words")
CUSTOMERS = _counts("customers", "customer", "people", "shoppers", "buyers", "of them", "contacts", "recipients")
UNITS = _counts("units", "unit", "pieces", "sold", "items", "sales")
STOCK = _counts("in stock", "left", "units", "pieces", "available", "on the shelf", "on hand", "in hand", "to hand")
PRODUCTS = _counts(
    "products", "product", "items", "lines", "things", "articles", "results", "matches", "options", "picks"
)
MESSAGES = _counts("messages", "e-mails", "mails", "recipients")
ORDERS = _counts("orders", "order", "purchases", "extra orders", "times")

ERROR = Shape(level={"message": WORDS}, cues=("error",))
"""What every tool returns when the request can't be met: a message that says how to mend it."""

STOCK_CUES = ("available", "low", "out", "unknown")
STRENGTHS = ("strong", "fair", "weak")
EVIDENCE = ("together", "similar", "friends", "popular")

SHAPES: dict[str, Shape] = {
    "search_products": Shape(
        level={"count": PRODUCTS},
        row={"title": NAME, "price": MONEY, "stock": STOCK, "category": NAME},
        cues=("found", "none", "relaxed"),  # relaxed: nothing met every wish; the nearest are shown
        row_cues=STOCK_CUES,
    ),
    "recommend_products": Shape(
        # customer and buy_chance (within the model's horizon) for a marketer only
        level={"count": PRODUCTS, "customer": ID, "buy_chance": PERCENT},
        row={
            "title": NAME,
            "price": MONEY,
            "stock": STOCK,
            "anchor": NAME,  # what the customer bought or looked at that led here
            "share": PERCENT,  # of the anchor's buyers who also bought this (together)
            "buyers": CUSTOMERS,  # how many that is; or how many bought it (popular)
            "anchor_buyers": CUSTOMERS,
            "similarity": PERCENT,  # of the descriptions (similar)
            "friends": _counts("friends", "friend", "of their friends", "of your friends"),
        },
        cues=("personal", "session", "popular"),  # popular: nothing is known of this person
        row_cues=tuple(f"{e} {s}" for e in EVIDENCE for s in STRENGTHS),
    ),
    "get_product": Shape(
        level={
            "title": NAME,
            "price": MONEY,
            "stock": STOCK,
            "category": NAME,
            "brand": NAME,
            "sold": UNITS,  # units of the last 90 days
            "window": DAYS,  # those 90 days
            "reviews": _counts("reviews", "review"),
            "rating": Meaning("words"),  # "4.3 of 5"
            "cost": MONEY,  # marketer only
            "margin": PERCENT,  # marketer only
        },
        cues=STOCK_CUES,
    ),
    "compare_products": Shape(
        level={"count": PRODUCTS, "cheapest": NAME, "bestseller": NAME, "gap": MONEY},  # gap: dearest − cheapest
        row={"title": NAME, "price": MONEY, "stock": STOCK, "sold": UNITS, "share": PERCENT, "rating": WORDS},
        # share: of those who bought any of these, how many took this one
        row_cues=("cheapest", "bestseller", "cheapest bestseller", "out"),
    ),
    "add_to_cart": Shape(
        level={"title": NAME, "quantity": UNITS, "price": MONEY, "total": MONEY, "stock": STOCK},
        cues=("added", "limited", "out"),  # limited: fewer than asked, since stock ends there
    ),
    "track_order": Shape(
        level={
            "order": ID,
            "status": WORDS,
            "placed": DATE,
            "expected": DATE,
            "items": _counts("items", "item", "products", "things", "pieces"),
            "total": MONEY,
            "tracking": ID,
        },
        cues=("delivered", "shipped", "processing", "cancelled", "late"),
    ),
    "predict_behaviour": Shape(
        level={
            "customer": ID,
            "buy_chance": PERCENT,
            "average": PERCENT,  # the shop's mean chance
            "horizon": DAYS,
            "spend": MONEY,  # expected within the horizon
            "orders": ORDERS,  # so far
            "quiet": DAYS,  # since the last order
            "revenue": MONEY,  # spent so far
            "segment": WORDS,
        },
        row={"reason": WORDS},  # "bought 34 times in the last 90 days", the strongest first
        cues=("likely", "average", "unlikely"),
        row_cues=("up", "down"),
    ),
    "analyse_behaviour/segments": Shape(
        level={"customers": CUSTOMERS, "revenue": MONEY},
        row={"segment": WORDS, "customers": CUSTOMERS, "share": PERCENT, "revenue": MONEY, "revenue_share": PERCENT},
        cues=("segments",),
    ),
    "analyse_behaviour/funnel": Shape(
        level={"visitors": CUSTOMERS, "conversion": PERCENT, "weakest": WORDS},  # the step that loses most
        row={"step": WORDS, "visitors": CUSTOMERS, "rate": PERCENT},  # rate: of the step before
        cues=("funnel",),
    ),
    "analyse_behaviour/cohorts": Shape(
        level={"customers": CUSTOMERS, "kept": PERCENT, "best": WORDS, "best_kept": PERCENT},  # bought again next month
        row={"cohort": WORDS, "customers": CUSTOMERS, "kept": PERCENT},
        cues=("cohorts",),
    ),
    "analyse_behaviour/top_products": Shape(
        level={"units": UNITS, "revenue": MONEY, "window": DAYS},
        row={"title": NAME, "units": UNITS, "revenue": MONEY, "revenue_share": PERCENT},
        cues=("top_products",),
    ),
    "analyse_behaviour/channels": Shape(
        level={"spend": MONEY, "revenue": MONEY, "best": WORDS, "window": DAYS},
        row={"channel": WORDS, "spend": MONEY, "revenue": MONEY, "orders": ORDERS, "return": PERCENT},
        cues=("channels",),
    ),
    "find_audience": Shape(
        level={
            "audience": ID,
            "size": CUSTOMERS,  # chosen
            "mailable": CUSTOMERS,  # of these, with consent and an address
            "eligible": CUSTOMERS,  # who fit the goal before the cut
            "buy_chance": PERCENT,  # their mean
            "quiet": DAYS,  # median since their last order
            "revenue": MONEY,  # what they spent so far
        },
        row={"title": NAME, "price": MONEY, "stock": STOCK},  # products that suit them
        cues=("full", "smaller", "none"),  # smaller: fewer fit than were asked for
    ),
    "forecast_sales": Shape(
        level={
            "target": NAME,
            "units": UNITS,
            "low": UNITS,
            "high": UNITS,  # 80% interval
            "horizon": DAYS,
            "revenue": MONEY,
            "previous": UNITS,  # the same number of days before
            "change": PERCENT,  # shown without sign; the cue has the direction
            "error": PERCENT,  # WAPE on the last weeks
        },
        cues=("up", "down", "flat", "thin"),  # thin: history too short for a seasonal model
    ),
    "plan_inventory": Shape(
        level={
            "reorder": PRODUCTS,  # how many products to order
            "units": UNITS,
            "cost": MONEY,
            "service": PERCENT,
            "horizon": DAYS,
            "overstock": PRODUCTS,
            "unknown": PRODUCTS,  # whose stock nobody knows
        },
        row={"title": NAME, "order": UNITS, "stock": STOCK, "demand": UNITS, "cover": DAYS, "level": UNITS},
        cues=("reorder", "none", "unknown"),  # unknown: no stock known, levels only
        row_cues=("urgent", "soon"),
    ),
    "allocate_budget": Shape(
        level={
            "budget": MONEY,
            "spend": MONEY,
            "profit": MONEY,
            "revenue": MONEY,
            "orders": ORDERS,
            "clicks": _counts("clicks"),
            "low": MONEY,  # 80% interval of the objective, in its unit
            "high": MONEY,
            "kept": MONEY,  # left unspent since it would not pay
        },
        row={"channel": WORDS, "spend": MONEY, "share": PERCENT, "return": PERCENT},
        cues=("fitted", "assumed"),  # assumed: no ad history, an even split
    ),
    "write_copy": Shape(
        level={
            "title": NAME,
            "price": MONEY,
            "discount": PERCENT,
            "new_price": MONEY,
            "channel": WORDS,
            "tone": WORDS,
            "length": _counts("characters"),
            "limit": _counts("characters"),
        },
        cues=("written", "template"),
    ),
    "draft_campaign": Shape(
        level={
            "campaign": ID,
            "goal": WORDS,
            "size": CUSTOMERS,
            "contacted": CUSTOMERS,
            "holdout": CUSTOMERS,
            "left_out": CUSTOMERS,
            "cost": MONEY,
            "budget": MONEY,
            "profit": MONEY,  # expected, incremental
            "low": MONEY,
            "high": MONEY,
            "discount": PERCENT,
            "start": DATE,
            "verdict": DATE,  # when the hold-out can speak
        },
        row={"title": NAME, "price": MONEY, "stock": STOCK},
        cues=("sound", "risky", "loss", "nobody"),  # risky: the interval reaches below zero; nobody: none consented
    ),
    "simulate_campaign": Shape(
        level={
            "campaign": ID,
            "profit": MONEY,
            "low": MONEY,
            "high": MONEY,
            "orders": ORDERS,
            "contacted": CUSTOMERS,
            "exposures": _counts("logged decisions", "exposures", "past messages", "decisions"),
        },
        cues=("sound", "risky", "loss", "unsupported"),
    ),
    "launch_campaign": Shape(
        level={"campaign": ID, "queued": MESSAGES, "approver": WORDS, "command": WORDS},
        cues=("launched", "approval"),  # approval: a person must approve first; command says how
    ),
    "measure_campaign": Shape(
        level={
            "campaign": ID,
            "contacted": CUSTOMERS,
            "holdout": CUSTOMERS,
            "lift": PERCENT,
            "low": PERCENT,
            "high": PERCENT,
            "orders": ORDERS,
            "profit": MONEY,
            "verdict": DATE,
        },
        cues=("positive", "negative", "inconclusive", "running"),
    ),
}
"""Shape of each tool's result; a tool with reports has one shape a report, as `tool/report`."""


def shape_of(tool: str, arguments: dict[str, object]) -> Shape:
    """The shape that a successful call of `tool` with `arguments` returns."""
    return SHAPES.get(tool) or SHAPES[f"{tool}/{arguments['report']}"]
