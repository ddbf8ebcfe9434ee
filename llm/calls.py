"""The written form of a tool call, `call NAME {json}`: one line, typed arguments, no spaces to waste tokens on."""

import json
import re
from collections.abc import Mapping
from typing import Any

CALL = "call"
"""The word that begins a call; prose begins with a capital or a reference."""

_CALL = re.compile(r"call ([A-Za-z_][\w.]*) (\{.*\})\s*", re.DOTALL)


def written(tool: str, arguments: Mapping[str, Any]) -> str:
    """The call as the LLM writes it.

    >>> written("find_audience", {"goal": "win_back", "size": 500})
    'call find_audience {"goal":"win_back","size":500}'
    """
    return f"call {tool} {json.dumps(arguments, ensure_ascii=False, separators=(',', ':'))}"


def parsed(text: str) -> tuple[str, dict[str, Any]] | None:
    """Tool and arguments of a written call; None when `text` is prose or a broken call."""
    match = _CALL.fullmatch(text)
    if match is None:
        return None
    try:
        arguments = json.loads(match.group(2))
    except json.JSONDecodeError:
        return None
    return match.group(1), arguments
