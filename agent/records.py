"""Calls as plain JSON: what a thread keeps of them, and what a trace compares."""

import json
from collections.abc import Mapping
from typing import Any

from tools.base import Call, Fact, Row, ToolResult


def as_record(call: Call) -> dict[str, Any]:
    """A call with its facts, without table and chart: enough to refer to it in a later turn."""
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
    }


def from_record(record: Mapping[str, Any]) -> Call:
    """The call that `as_record` wrote."""
    rows = [Row(_read(row["facts"]), row["id"], row["cue"]) for row in record["rows"]]
    result = ToolResult(_read(record["facts"]), rows, record["cue"], text=record["text"], failed=record["failed"])
    return Call(record["letter"], record["tool"], record["arguments"], result)


def canonical(value: Any) -> str:
    """JSON with a fixed order and spacing: equal values give equal bytes."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)


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
