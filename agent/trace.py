"""Traces: everything an answer rests on, as one JSON file, and their replay to the same bytes."""

import difflib
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langchain_core.messages import BaseMessage, messages_from_dict, messages_to_dict

from agent.records import canonical
from data.errors import AgentError

VERSION = 2


@dataclass(frozen=True)
class Replay:
    """The outcome of a replay; `difference` is a readable diff, empty when the bytes are the same."""

    same: bool
    difference: str


def write(folder: Path, content: Mapping[str, Any]) -> Path:
    """Stores a trace under the hash of its content; the same conversation on the same data is the same file."""
    text = canonical({"version": VERSION, **content})
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"
    fresh = path.with_suffix(".new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)
    return path


def read(path: Path) -> dict[str, Any]:
    """The trace at `path`. Raises `AgentError` when there is none or it is of another version."""
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise AgentError(f"there is no trace at {path}") from error
    except json.JSONDecodeError as error:
        raise AgentError(f"{path} is not a trace: {error}") from error
    if content.get("version") != VERSION:
        raise AgentError(f"{path} is a trace of version {content.get('version')}, this Shopkeeper reads {VERSION}")
    return content


def outcome(content: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a trace that a replay must reproduce to the byte."""
    return {key: content[key] for key in ("snapshot", "models", "calls", "raw", "text", "citations", "fallback")}


def compare(recorded: Mapping[str, Any], repeated: Mapping[str, Any]) -> Replay:
    """The difference of two outcomes, line by line."""
    was, now = (_lines(outcome(one)) for one in (recorded, repeated))
    if canonical(outcome(recorded)) == canonical(outcome(repeated)):
        return Replay(True, "")
    return Replay(False, "\n".join(difflib.unified_diff(was, now, "recorded", "replayed", n=1, lineterm="")))


def packed(messages: Sequence[BaseMessage]) -> list[dict[str, Any]]:
    """Messages as JSON, without ids that differ from run to run."""
    dumped = messages_to_dict(list(messages))
    for message in dumped:
        message["data"].pop("id", None)
    return dumped


def unpacked(messages: list[dict[str, Any]]) -> list[BaseMessage]:
    """The messages of a trace."""
    return messages_from_dict(messages)


def _lines(value: Mapping[str, Any]) -> list[str]:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, indent=1, default=str).splitlines()
