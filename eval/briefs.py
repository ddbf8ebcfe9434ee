"""A call's result read back from its brief, each fact with a figure of no meaning: what a statement is held to."""

import re
from collections.abc import Mapping
from typing import Any

from tools.base import Call, Fact, Row, ToolResult
from tools.facts import ERROR, Meaning, shape_of

_LINE = re.compile(r"([a-z]{1,2})(\d?)(?: [\w.\-]+)?: ([a-z_ ]*?)(?: \(([a-z_ ]+)\))?")


def finished(tool: str, arguments: Mapping[str, Any], brief: str) -> Call:
    """The call whose result the model read as `brief`. Raises `ValueError` for a line that is no brief's."""
    lines = []
    for line in brief.split("\n"):
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"{line!r} is no line of a brief")
        lines.append(match.groups(default=""))
    (letter, _, keys, cue), *rows = lines
    shape = ERROR if cue == "error" else shape_of(tool, dict(arguments))
    return Call(
        letter,
        tool,
        arguments,
        ToolResult(
            _facts(keys, shape.level),
            [Row(_facts(row[2], shape.row or {}), cue=row[3]) for row in rows],
            cue=cue,
            failed=shape is ERROR,
        ),
    )


def _facts(keys: str, meanings: Mapping[str, Meaning]) -> dict[str, Fact]:
    unknown = set(keys.split()) - set(meanings)
    if unknown:
        raise ValueError(f"the tool has no fact {sorted(unknown)[0]!r}")
    return {key: Fact(key, 1, meanings[key].unit, "1", "drawn") for key in keys.split()}
