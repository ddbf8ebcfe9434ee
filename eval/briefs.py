"""A call's result read back from its brief, each fact with a figure of no meaning: what a statement is held to."""

import re
from collections.abc import Mapping
from typing import Any

from tools.base import Call, Fact, Row, ToolResult
from tools.facts import ERROR, Meaning, shape_of

_LINE = re.compile(r"([a-z]{1,2})((?:\d| ).*?)?: ([a-z_ ]*?)(?: \(([a-z_ ]+)\))?")
_ROW = re.compile(r"[a-z]{1,2}\d(?: [\w.\-]+)*")


def finished(tool: str, arguments: Mapping[str, Any], brief: str) -> Call:
    """The call whose result the model read as `brief`. Raises `ValueError` for a line that is no brief's."""
    (letter, _, keys, cue), *rows = (_parts(line) for line in brief.split("\n"))
    shape = ERROR if cue == "error" else shape_of(tool, dict(arguments))
    cues = {word for row_cue in shape.row_cues for word in row_cue.split()}
    found = []
    for _, labels, row_keys, row_cue in rows:
        for label in labels.split(", "):
            said = " ".join(word for word in label.split()[1:] if word in cues)
            found.append(Row(_facts(row_keys, shape.row or {}), cue=row_cue or said))
    return Call(
        letter,
        tool,
        arguments,
        ToolResult(_facts(keys, shape.level), found, cue=cue, failed=shape is ERROR),
    )


def _parts(line: str) -> tuple[str, str, str, str]:
    """Of a line: its letter, the labels of its rows ("a1 P0412 weak, a2"), its keys and its cue."""
    match = _LINE.fullmatch(line)
    if match is None:
        raise ValueError(f"{line!r} is no line of a brief")
    letter, rest, keys, cue = match.groups(default="")
    labels = f"{letter}{rest}" if rest else ""
    if labels and not all(_ROW.fullmatch(label) for label in labels.split(", ")):
        raise ValueError(f"{line!r} is no line of a brief")
    return letter, labels, keys, cue


def _facts(keys: str, meanings: Mapping[str, Meaning]) -> dict[str, Fact]:
    unknown = set(keys.split()) - set(meanings)
    if unknown:
        raise ValueError(f"the tool has no fact {sorted(unknown)[0]!r}")
    return {key: Fact(key, 1, meanings[key].unit, "1", "drawn") for key in keys.split()}
