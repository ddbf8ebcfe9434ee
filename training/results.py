"""Invented tool results for training: briefs as the real tools give them, with keys and cues drawn at random.

The LLM never sees a figure or a title, only keys, ids and cues, so an invented brief is as true as a real one.
"""

import random
from dataclasses import dataclass, field, replace

from tools.base import brief
from tools.facts import ERROR, SHAPES, STRENGTHS, Shape
from training import slots

_ALWAYS = {"title", "customer", "audience", "campaign", "order", "size", "units", "target", "message", "reason"}
"""Keys that a tool never leaves out."""

_EVIDENCE_KEYS = {
    "together": ("anchor", "share", "buyers", "anchor_buyers"),
    "similar": ("anchor", "similarity"),
    "friends": ("friends",),
    "popular": ("buyers",),
}
_STAFF_KEYS = {"cost", "margin", "buy_chance", "customer"}
"""What only a marketer sees."""

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

    def references(self, letter: str) -> set[str]:
        """Every reference that prose may make."""
        rows = {f"{letter}{n}.{key}" for n, row in enumerate(self.rows, start=1) for key in row.keys}
        return {f"{letter}.{key}" for key in self.keys} | rows


def draw_error() -> DrawnResult:
    """The result of a call that the tool refused."""
    return DrawnResult(tuple(ERROR.level), "error")


def draw(
    shape_name: str,
    role: str,
    rng: random.Random,
    *,
    rows: int | None = None,
    cue: str | None = None,
    ids: list[str] | None = None,
    drop: float = 0.12,
) -> DrawnResult:
    """A result of the shape `shape_name` (see `tools.facts.SHAPES`), at most five rows; `ids` are theirs."""
    shape = SHAPES[shape_name]
    chosen = cue or rng.choice(shape.cues or ("",))
    empty = chosen == "none"
    kept = tuple(k for k in shape.level if _keep(k, role, rng, drop) and not (empty and k in {"audience", "cost"}))
    if shape.row is None or empty:
        return DrawnResult(kept, chosen)
    number = min(5, rows if rows is not None else rng.choice([1, 2, 3, 3, 3, 4, 5]))
    drawn = [_row(shape_name, shape, chosen, role, rng, drop) for _ in range(number)]
    if ids:
        drawn = [replace(row, id=id_) for row, id_ in zip(drawn, ids, strict=False)]
    return DrawnResult(kept, chosen, tuple(drawn))


def _keep(key: str, role: str, rng: random.Random, drop: float) -> bool:
    if role == "shopper" and key in _STAFF_KEYS:
        return False
    return key in _ALWAYS or rng.random() >= drop


def _row(shape_name: str, shape: Shape, cue: str, role: str, rng: random.Random, drop: float) -> DrawnRow:
    assert shape.row is not None
    row_cue = rng.choice(shape.row_cues) if shape.row_cues else ""
    if shape_name == "compare_products" and rng.random() < 0.3:
        row_cue = ""  # neither the cheapest nor the bestseller
    keys = set(shape.row)
    if shape_name == "recommend_products":
        kind = (
            "popular"
            if cue == "popular"
            else rng.choices(["together", "similar", "friends", "popular"], [5, 3, 1, 1])[0]
        )
        row_cue = f"{kind} {rng.choice(STRENGTHS)}"
        keys = {"title", "price", "stock", *_EVIDENCE_KEYS[kind]}
    if shape_name == "search_products" and row_cue == "unknown":
        keys.discard("stock")
    if shape_name == "plan_inventory":
        keys -= {"order", "stock", "cover"} if cue == "unknown" else {"level"} if rng.random() < 0.5 else set()
    id_ = slots.draw("product_id", rng)[1] if shape_name in _ID_ROWS else None
    return DrawnRow(id_, tuple(k for k in shape.row if k in keys and _keep(k, role, rng, drop / 2)), row_cue)
