"""Invented tool results for training: briefs as the real tools give them, with keys and cues drawn at random.

The LLM never sees a figure or a title, only keys, ids and cues, so an invented brief is as true as a real one.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tools.base import brief
from tools.facts import ERROR, SHAPES, STRENGTHS, Shape
from training import slots

_MAY_LACK = {
    "recommend_products": ("buy_chance",),
    "get_product": ("category", "brand", "reviews rating", "cost margin"),
    "compare_products": ("cheapest gap", "bestseller", "#rating"),
    "search_products": ("#category",),
    "track_order": ("expected", "items total", "tracking"),
    "predict_behaviour": ("spend", "quiet revenue segment"),
    "analyse_behaviour/funnel": ("weakest",),
    "analyse_behaviour/cohorts": ("kept best best_kept #kept",),
    "analyse_behaviour/channels": ("spend #spend #return", "#orders"),
    "forecast_sales": ("revenue", "previous change", "change", "error"),
    "plan_inventory": ("cost", "unknown"),
    "allocate_budget": ("kept", "orders", "clicks", "#return"),
    "write_copy": ("price new_price",),
    "draft_campaign": ("budget",),
}
"""By shape: keys that a tool leaves out where they are unknown, those together that depend on the same; # a row's."""

_NEVER = {
    ("add_to_cart", "out"): "quantity total",
    ("get_product", "unknown"): "stock",
    ("find_audience", "none"): "audience mailable buy_chance quiet revenue",
    ("forecast_sales", "thin"): "error",
    ("plan_inventory", "none"): "cost",
    ("plan_inventory", "unknown"): "reorder units cost overstock #order #stock #cover",
    ("allocate_budget", "assumed"): "profit revenue orders clicks low high #return",
    ("simulate_campaign", "unsupported"): "profit low high orders",
    ("launch_campaign", "launched"): "command",
    ("launch_campaign", "approval"): "queued approver",
    ("measure_campaign", "running"): "lift low high orders profit",
}
"""By shape and cue: keys that such a result cannot have."""

_EVIDENCE_KEYS = {
    "together": ("anchor", "share", "buyers", "anchor_buyers"),
    "similar": ("anchor", "similarity"),
    "friends": ("friends",),
    "popular": ("buyers",),
}
_STAFF_KEYS = {"cost", "margin", "buy_chance", "customer"}
"""What only a marketer sees."""

_ROWS = {
    "predict_behaviour": (3, 3, 3, 2, 1),
    "recommend_products": (3, 3, 3, 2, 1),
    "find_audience": (3, 3, 3, 2, 1),
    "draft_campaign": (3, 3, 2, 1),
    "analyse_behaviour/funnel": (3,),
}
"""How many rows a tool shows unless it is asked for a number, where that is not anything up to five."""

_ID_ROWS = {
    "search_products",
    "recommend_products",
    "compare_products",
    "find_audience",
    "draft_campaign",
    "plan_inventory",
}


@dataclass(frozen=True)
class DrawnRow:
    """A row as drawn: its id, keys and cue."""

    id: str | None
    keys: tuple[str, ...]
    cue: str


@dataclass(frozen=True)
class DrawnResult:
    """A result as drawn; `brief` and `references` mirror `tools.base.ToolResult`."""

    keys: tuple[str, ...]
    cue: str
    rows: tuple[DrawnRow, ...] = field(default=())

    def brief(self, letter: str) -> str:
        """The lines that the LLM reads."""
        return brief(letter, self.keys, self.cue, [(row.id, row.keys, row.cue) for row in self.rows])

    def all_keys(self) -> set[str]:
        """Keys of the result and of its rows."""
        return {*self.keys, *(key for row in self.rows for key in row.keys)}

    def references(self, letter: str) -> set[str]:
        """Every reference that prose may make."""
        rows = {f"{letter}{n}.{key}" for n, row in enumerate(self.rows, start=1) for key in row.keys}
        return {f"{letter}.{key}" for key in self.keys} | rows


def draw_error() -> DrawnResult:
    """The result of a call that the tool refused."""
    return DrawnResult(tuple(ERROR.level), "error")


def impossible(shape_name: str, cue: str) -> set[str]:
    """Keys that a result of this shape cannot have with `cue`; a row's begin with #."""
    return set(_NEVER.get((shape_name, cue), "").split())


def draw(
    shape_name: str,
    role: str,
    rng: random.Random,
    *,
    arguments: Mapping[str, Any] | None = None,
    rows: int | None = None,
    cue: str | None = None,
    drop: float = 0.15,
) -> DrawnResult:
    """A result of the shape `shape_name` (see `tools.facts.SHAPES`) as a call with `arguments` gives it.

    At most five rows. What a shop may not know is left out with the chance `drop`.
    """
    asked, shape = arguments or {}, SHAPES[shape_name]
    cues = shape.cues or ("",)
    # Where nothing was found there is little to learn to say.
    chosen = cue or rng.choices(cues, weights=[0.4 if one == "none" else 1.0 for one in cues])[0]
    lacking = impossible(shape_name, chosen) | _unasked(shape_name, asked)
    now_and_then: set[str] = set()
    for together in _MAY_LACK.get(shape_name, ()):
        if rng.random() < drop:
            keys = set(together.split())
            # What is a row's alone is missing from some rows, as a rule.
            (now_and_then if all(key.startswith("#") for key in keys) else lacking).update(keys)
    if shape_name == "plan_inventory" and chosen == "unknown":
        lacking.discard("unknown")
    if role == "shopper":
        lacking |= _STAFF_KEYS
    kept = tuple(key for key in shape.level if key not in lacking)
    if shape.row is None or chosen == "none":
        return DrawnResult(kept, chosen)
    ids = list(asked.get("product_ids") or ())
    shares = asked.get("channels") or () if shape_name == "allocate_budget" else ()
    number = min(5, len(ids) or len(shares) or rows or asked.get("limit") or _usual(shape_name, rng))
    drawn = [
        _row(shape_name, shape, chosen, rng, lacking | (now_and_then if rng.random() < 0.5 else set()))
        for _ in range(number)
    ]
    if shape_name == "compare_products":
        kept, drawn = _compared(kept, drawn, rng)
    if shape_name == "analyse_behaviour/funnel":  # nobody came from a step before the first
        drawn[0] = replace(drawn[0], keys=tuple(key for key in drawn[0].keys if key != "rate"))
    if ids:
        drawn = [replace(row, id=id_) for row, id_ in zip(drawn, ids, strict=False)]
    return DrawnResult(kept, chosen, tuple(drawn))


def _usual(shape_name: str, rng: random.Random) -> int:
    return rng.choice(_ROWS.get(shape_name, (1, 2, 3, 3, 3, 4, 5)))


def _unasked(shape_name: str, asked: Mapping[str, Any]) -> set[str]:
    """Keys that a call with these arguments brings no value for."""
    lacking: set[str] = set()
    if shape_name in ("write_copy", "draft_campaign") and "discount_percent" not in asked:
        lacking |= {"discount", "new_price"}
    if shape_name == "allocate_budget" and asked.get("objective", "profit") in ("orders", "clicks"):
        lacking |= {"low", "high"}
    return lacking


def _compared(
    kept: tuple[str, ...], rows: list[DrawnRow], rng: random.Random
) -> tuple[tuple[str, ...], list[DrawnRow]]:
    """Rows side by side: one is the cheapest and one sells best where the result says that any does."""
    cheapest, bestseller = (rng.randrange(len(rows)) for _ in range(2))
    marked = []
    for number, row in enumerate(rows):
        marks = ["cheapest"] * ("cheapest" in kept and number == cheapest)
        marks += ["bestseller"] * ("bestseller" in kept and number == bestseller)
        marked.append(replace(row, cue="out" if rng.random() < 0.1 else " ".join(marks)))
    return kept, marked


def _row(shape_name: str, shape: Shape, cue: str, rng: random.Random, lacking: set[str]) -> DrawnRow:
    assert shape.row is not None
    row_cue = rng.choice(shape.row_cues) if shape.row_cues else ""
    keys = {key for key in shape.row if f"#{key}" not in lacking}
    if shape_name == "recommend_products":
        kind = (
            "popular"
            if cue == "popular"
            else rng.choices(["together", "similar", "friends", "popular"], [5, 3, 1, 1])[0]
        )
        # What sells is no evidence about a person, so it is never strong.
        row_cue = f"{kind} {rng.choice(STRENGTHS[1:] if kind == 'popular' else STRENGTHS)}"
        keys = {"title", "price", "stock", *_EVIDENCE_KEYS[kind]}
    if shape_name == "search_products" and row_cue == "unknown":
        keys.discard("stock")
    if shape_name == "plan_inventory" and cue == "unknown":
        row_cue = ""
    id_ = slots.draw("product_id", rng)[1] if shape_name in _ID_ROWS else None
    return DrawnRow(id_, tuple(key for key in shape.row if key in keys), row_cue)
