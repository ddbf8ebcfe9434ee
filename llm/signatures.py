"""Tools that the model was not taught, as lines of its prompt: name, typed arguments, what it does.

The built-in tools are learned and need no line. Training and serving share this file.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import prompts

_LONGEST = 160
"""Characters of a tool's description; what goes beyond costs more tokens than it helps."""
_LONGEST_OF_ARGUMENT = 90
"""The same for an argument's description."""


def prompt_of(tools: Sequence[Mapping[str, Any]]) -> str:
    """The system prompt that offers `tools` alone, OpenAI-style function descriptions."""
    return prompts.load("tools", signatures=lines_of(tools)).text


def extended(prompt: str, tools: Sequence[Mapping[str, Any]]) -> str:
    """A role's system prompt with tools beside the learned ones; the prompt itself where there are none."""
    return f"{prompt} Tools:\n{lines_of(tools)}" if tools else prompt


def lines_of(tools: Sequence[Mapping[str, Any]]) -> str:
    """The signatures of `tools`, one a line."""
    return "\n".join(signature(tool) for tool in tools)


def signature(tool: Mapping[str, Any]) -> str:
    """One line for a tool; a question mark follows the name of an argument that may be left out.

    >>> base = {"type": "number", "description": "Length of the base, in metres."}
    >>> area = {"properties": {"base": base, "unit": {"enum": ["m2", "ha"]}}, "required": ["base"]}
    >>> signature({"name": "area", "description": "Area of a square. Exact.", "parameters": area})
    'area(base: number = Length of the base, in metres; unit?: m2|ha) Area of a square.'
    """
    schema = tool.get("parameters") or {}
    required = set(schema.get("required") or [])
    arguments = [
        f"{name}{'' if name in required else '?'}: {_type(one)}{_meaning(one)}"
        for name, one in (schema.get("properties") or {}).items()
    ]
    does = " ".join(str(tool.get("description") or "").split()).split(". ")[0][:_LONGEST].rstrip(".")
    return f"{tool['name']}({'; '.join(arguments)}) {does}."


def _meaning(schema: Mapping[str, Any]) -> str:
    """What an argument is: its unit or format decides how a value is written."""
    said = " ".join(str(schema.get("description") or "").split()).removeprefix("Optional. ")[:_LONGEST_OF_ARGUMENT]
    return f" = {said.rstrip('.')}" if said else ""


def _type(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return "|".join(str(value) for value in schema["enum"])
    kind = str(schema.get("type", "string"))
    return f"{_type(schema.get('items') or {})}[]" if kind == "array" else kind
