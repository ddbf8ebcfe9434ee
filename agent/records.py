"""Calls as plain JSON: what a thread keeps of them, and what a trace compares."""

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from tools.base import Call, Fact, Row, ToolResult

_KEPT = ("product_id", "title", "channel", "language", "quantity")
"""Columns of a result's table that a later call may need: what a turn was about."""
_KEPT_ROWS = 20


def as_record(call: Call) -> dict[str, Any]:
    """A call with its facts and what its table says of products: enough to refer to it in a later turn."""
    result = call.result
    return {
        "letter": call.letter,
        "tool": call.tool,
        "arguments": dict(call.arguments),
        "facts": _facts(result.facts),
        "rows": [{"id": row.id, "cue": row.cue, "facts": _facts(row.facts)} for row in result.rows],
        "cue": result.cue,
        "text": result.text,
        "failed": result.failed,
        "table": _about(result.table),
    }


def from_record(record: Mapping[str, Any]) -> Call:
    """The call that `as_record` wrote."""
    rows = [Row(_read(row["facts"]), row["id"], row["cue"]) for row in record["rows"]]
    table = None if record["table"] is None else pd.DataFrame(record["table"])
    result = ToolResult(
        _read(record["facts"]), rows, record["cue"], table=table, text=record["text"], failed=record["failed"]
    )
    return Call(record["letter"], record["tool"], record["arguments"], result)


def canonical(value: Any) -> str:
    """JSON with a fixed order and spacing: equal values give equal bytes."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)


def _about(table: pd.DataFrame | None) -> list[dict[str, Any]] | None:
    """The first rows of a table of products, as far as a later call may need them; None for any other table."""
    if table is None or "product_id" not in table:
        return None
    kept = table[[name for name in _KEPT if name in table]].head(_KEPT_ROWS)
    return [
        {str(key): None if pd.isna(value) else _plain(value) for key, value in row.items()}
        for row in kept.to_dict("records")
    ]


def _facts(facts: Mapping[str, Fact]) -> list[dict[str, Any]]:
    return [
        {"key": f.key, "value": _plain(f.value), "unit": f.unit, "display": f.display, "source": f.source}
        for f in facts.values()
    ]


def _plain(value: Any) -> Any:
    """NumPy scalars as Python's own, so that JSON and msgpack take them."""
    return value.item() if hasattr(value, "item") else value


def _read(facts: list[dict[str, Any]]) -> dict[str, Fact]:
    return {fact["key"]: Fact(**fact) for fact in facts}
