"""The grammar of one step (GBNF): a tool call with typed arguments, or prose that cannot contain a digit.

Prose may hold letters, plain punctuation and references; the references are an enumeration of those that exist,
so an invented figure or a reference to nothing cannot be decoded at all.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_BRIEF_LINE = re.compile(r"^([a-z]{1,2}\d?)(?: [^:\n]+)?: ([a-z_ ]*?)(?: \([a-z_ ]+\))?$", re.MULTILINE)

_SHARED = r"""
text ::= [A-Za-zÀ-ÿ '",.;:?()/&\n—–-]
han ::= [\u3001\u3002\uff01\uff0c\uff1a\uff1b\uff1f\u4e00-\u9fff]
string ::= "\"" ([^"\\\x00-\x1f]){1,90} "\""
id ::= "\"" [A-Za-z0-9] ([A-Za-z0-9_.-]){0,29} "\""
integer ::= "-"? [0-9]{1,9}
number ::= "-"? [0-9]{1,9} ("." [0-9]{1,4})?
quantity ::= "\"" ([^"\\\x00-\x1f]){1,32} "\""
boolean ::= "true" | "false"
"""

_IDS = re.compile(r"(customer|order|campaign)_id")


def references_in(briefs: Iterable[str]) -> list[str]:
    """Every reference that the given briefs offer, in order: `a.total`, `a2.price`."""
    found: dict[str, None] = {}
    for brief in briefs:
        for level, keys in _BRIEF_LINE.findall(brief):
            found.update(dict.fromkeys(f"{level}.{key}" for key in keys.split()))
    return list(found)


def step_grammar(
    tools: Sequence[Mapping[str, Any]], references: Sequence[str], *, answer: bool = True, chinese: bool = False
) -> str:
    """The grammar of one step.

    `tools` are OpenAI-style function descriptions ({"name", "parameters": JSON schema}); with `answer` False
    the model must call a tool, with no tools it must answer. Raises `ValueError` when neither is possible.
    """
    options = [f"tool{n}" for n in range(len(tools))]
    rules = [f"tool{n} ::= {_tool(tool)}" for n, tool in enumerate(tools)]
    root = ['"call " (' + " | ".join(options) + ")"] if options else []
    if answer:
        root.append("prose")
        rules.append(_prose(references, chinese=chinese))
    if not root:
        raise ValueError("a step needs a tool or an answer")
    return "\n".join([f"root ::= {' | '.join(root)}", *rules, _SHARED.strip()]) + "\n"


def _prose(references: Sequence[str], *, chinese: bool) -> str:
    reference = '"{" (' + " | ".join(_quoted(r) for r in references) + ') "}"' if references else ""
    piece = " | ".join(part for part in ("text", "han" if chinese else "", "reference" if reference else "") if part)
    # Prose starts with a capital or a reference, a call with a small c: the first token decides.
    start = "[A-ZÀ-Þ]" + (" | reference" if reference else "") + (" | han" if chinese else "")
    lines = [f"prose ::= ({start}) ({piece}){{1,700}}"]
    if reference:
        lines.append(f"reference ::= {reference}")
    return "\n".join(lines)


def _tool(tool: Mapping[str, Any]) -> str:
    schema = tool.get("parameters") or {}
    properties: Mapping[str, Any] = schema.get("properties") or {}
    required = [name for name in properties if name in (schema.get("required") or [])]
    optional = [name for name in properties if name not in required]
    return f'{_quoted(tool["name"] + " {")} {_members(properties, required, optional)} "}}"'


def _members(properties: Mapping[str, Any], required: Sequence[str], optional: Sequence[str]) -> str:
    """Members of the arguments object: required ones first, then any of the optional ones, in order."""
    pairs = {name: f"{_quoted(json.dumps(name) + ':')} {_value(name, schema)}" for name, schema in properties.items()}
    tail = " ".join(f'("," {pairs[name]})?' for name in optional)
    if required:
        return ' "," '.join(pairs[name] for name in required) + (f" {tail}" if tail else "")
    starts = []
    for at, name in enumerate(optional):
        rest = " ".join(f'("," {pairs[later]})?' for later in optional[at + 1 :])
        starts.append(f"{pairs[name]} {rest}".strip())
    return "(" + " | ".join(starts) + ")?" if starts else ""


def _value(name: str, schema: Mapping[str, Any]) -> str:
    options = [s for s in schema.get("anyOf", [schema]) if s.get("type") != "null"]
    if len(options) > 1:
        return "(" + " | ".join(_value(name, option) for option in options) + ")"
    one = options[0]
    if "enum" in one:
        return "(" + " | ".join(_quoted(json.dumps(v, ensure_ascii=False)) for v in one["enum"]) + ")"
    kind = one.get("type", "string")
    if kind == "array":
        item = _value(name, one.get("items", {"type": "string"}))
        return f'"[" {item} ("," {item}){{0,7}} "]"'
    if kind == "object":
        properties = one.get("properties") or {}
        required = [n for n in properties if n in one.get("required", [])]
        return '"{" ' + _members(properties, required, [n for n in properties if n not in required]) + ' "}"'
    if kind == "string":
        return "id" if _IDS.fullmatch(name) else "string"
    # A quantity may be copied as the user wrote it ("six weeks"): the agent turns it into a number.
    return {"integer": "(integer | quantity)", "number": "(number | quantity)", "boolean": "boolean"}[kind]


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
