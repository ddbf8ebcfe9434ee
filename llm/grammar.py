"""The grammar of one step (GBNF): a tool call with typed arguments, or prose that cannot contain a digit.

Prose may hold letters, plain punctuation and references; the references are an enumeration of those that exist,
so an invented figure or a reference to nothing cannot be decoded at all.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_BRIEF_LINE = re.compile(r"^([a-z]{1,2}\d?(?:[ ,][^:\n]+)?): ([a-z_ ]*?)(?: \([a-z_ ]+\))?$", re.MULTILINE)
_LEVEL = re.compile(r"(?:^|, )([a-z]{1,2}\d?)(?=[ ,]|$)")

_SHARED = r"""
text ::= [A-Za-zÀ-ÿ '",.;:?()/&\n—–-]
han ::= [\u3001\u3002\uff01\uff0c\uff1a\uff1b\uff1f\u4e00-\u9fff]
string ::= "\"" ([^"\\\x00-\x1f]){1,90} "\""
letters ::= [A-Za-zÀ-ɏ]{1,2} | [A-Z]{3,4}
mark ::= [^"\\\x00-\x1fA-Za-zÀ-ɏ]
symbols ::= (letters | mark) (mark letters?){0,60}
place ::= "," " "? [A-Z] [A-Z]
id ::= "\"" [A-Za-z0-9] ([A-Za-z0-9_.-]){0,29} "\""
integer ::= "-"? [0-9]{1,15}
number ::= "-"? [0-9]{1,15} ("." [0-9]{1,8})?
quantity ::= "\"" ([^"\\\x00-\x1f]){1,32} "\""
boolean ::= "true" | "false"
"""

NARROWED = "narrowed"
"""Beside a value's schema: the narrower one that a grammar can hold a model to, and a server's tools can't express."""

UNTAUGHT = "untaught"
"""Says of a tool's description that the model never learned it."""

_PIECE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]|[^\W_]+(?:(?:['’](?!s\b)|[._/&+-]+)[^\W_]+)*|[^\s\"\\\\]")
"""A word, with what is inside it (an id's dash, no genitive), or a single other character; JSON's own are gaps."""

_CLOSING = frozenset("%€£$")

_IDS = re.compile(r"(customer|order|campaign)_id")


SAID_ALL = frozenset({"none", "template"})
"""Cues of results that words alone can answer: nothing was found, or the text stands beside the answer anyway."""


def owes_reference(brief: str) -> bool:
    """Whether an answer to the result with this brief has to name something of it.

    >>> owes_reference("a: count (none)"), owes_reference("a: units low high (up)")
    (False, True)
    """
    head = _BRIEF_LINE.match(brief)
    cue = re.search(r"\(([a-z_ ]+)\)$", head.group()) if head else None
    return cue is None or cue.group(1) not in SAID_ALL


def references_in(briefs: Iterable[str]) -> list[str]:
    """Every reference that the given briefs (`tools.base.brief`) offer, in order: `a.total`, `a2.price`."""
    found: dict[str, None] = {}
    for brief in briefs:
        for levels, keys in _BRIEF_LINE.findall(brief):
            for level in _LEVEL.findall(levels):
                found.update(dict.fromkeys(f"{level}.{key}" for key in keys.split()))
    return list(found)


def step_grammar(
    tools: Sequence[Mapping[str, Any]],
    references: Sequence[str],
    *,
    answer: bool = True,
    refer: bool = False,
    chinese: bool = False,
) -> str:
    """The grammar of one step; with `refer` an answer has at least one reference.

    `tools` are OpenAI-style function descriptions ({"name", "parameters": JSON schema}); with `answer` False
    the model must call a tool, with no tools it must answer. A value's schema may have a `NARROWED` one beside
    it, and that may say `"copied": [texts]`: then the value is a stretch of words of one of these texts, or one
    of its `enum`; with `"symbols": True` it may also be a date, a code or a formula, and the abbreviation of a state
    may follow a place. Raises `ValueError` when neither a call nor an answer is possible.
    """
    grammar = _Grammar()
    options = [f"tool{n}" for n in range(len(tools))]
    for option, tool in zip(options, tools, strict=True):
        grammar.rules[option] = grammar.tool(tool)
    root = ['"call " (' + " | ".join(options) + ")"] if options else []
    if answer:
        root.append("prose")
        grammar.rules |= _prose(references, refer=refer, chinese=chinese)
    if not root:
        raise ValueError("a step needs a tool or an answer")
    lines = [f"{name} ::= {rule}" for name, rule in grammar.rules.items()]
    return "\n".join([f"root ::= {' | '.join(root)}", *lines, _SHARED.strip()]) + "\n"


def arguments_grammar(tool: Mapping[str, Any]) -> tuple[str, str]:
    """What follows `call NAME` in any case, and the grammar of the rest of the arguments of `tool`.

    What is certain need not be decoded. It ends inside the first key, where a token ends by itself.
    """
    grammar = _Grammar()
    certain = grammar.first_key(tool)
    root = grammar.arguments(tool, after=certain)
    lines = [f"{name} ::= {rule}" for name, rule in grammar.rules.items()]
    return certain, "\n".join([f"root ::= {root}", *lines, _SHARED.strip()]) + "\n"


def _prose(references: Sequence[str], *, refer: bool, chinese: bool) -> dict[str, str]:
    reference = '"{" (' + " | ".join(_quoted(r) for r in references) + ') "}"' if references else ""
    piece = " | ".join(part for part in ("text", "han" if chinese else "", "reference" if reference else "") if part)
    # Prose starts with a capital or a reference, a call with a small c: the first token decides.
    start = "[A-ZÀ-Þ]" + (" | reference" if reference else "") + (" | han" if chinese else "")
    plain = "text" + (" | han" if chinese else "")
    first = f"(([A-ZÀ-Þ]{' | han' if chinese else ''}) ({plain}){{0,400}} reference | reference)"
    prose = {"prose": f"{first} ({piece}){{0,700}}" if refer and reference else f"({start}) ({piece}){{1,700}}"}
    return prose | {"reference": reference} if reference else prose


class _Grammar:
    """Rules by name; those of copied texts are shared by all arguments that may copy from them."""

    def __init__(self) -> None:
        self.rules: dict[str, str] = {}
        self._copied: dict[tuple[str, ...], str] = {}

    def tool(self, tool: Mapping[str, Any]) -> str:
        return f"{_quoted(tool['name'])} {self.arguments(tool)}"

    @staticmethod
    def first_key(tool: Mapping[str, Any]) -> str:
        """The text up to the end of the first key's name; empty where no argument is required."""
        schema = tool.get("parameters") or {}
        required = [name for name in schema.get("properties") or {} if name in (schema.get("required") or [])]
        return f" {{{json.dumps(required[0])[:-1]}" if required else ""

    def arguments(self, tool: Mapping[str, Any], *, after: str = "") -> str:
        """The arguments object, or what is left of it after `first_key`."""
        schema = tool.get("parameters") or {}
        properties: Mapping[str, Any] = schema.get("properties") or {}
        required = [name for name in properties if name in (schema.get("required") or [])]
        optional = [name for name in properties if name not in required]
        whole = f'" {{" {self._members(properties, required, optional)} "}}"'
        begun = _quoted(" {") + " " + _quoted(after.removeprefix(" {") + '":')
        return whole if not after else _quoted('":') + whole.removeprefix(begun)

    def _members(self, properties: Mapping[str, Any], required: Sequence[str], optional: Sequence[str]) -> str:
        """Members of the arguments object: required ones first, then any of the optional ones, in order."""
        pairs = {
            name: f"{_quoted(json.dumps(name) + ':')} {self._value(name, schema)}"
            for name, schema in properties.items()
        }
        tail = " ".join(f'("," {pairs[name]})?' for name in optional)
        if required:
            return ' "," '.join(pairs[name] for name in required) + (f" {tail}" if tail else "")
        starts = []
        for at, name in enumerate(optional):
            rest = " ".join(f'("," {pairs[later]})?' for later in optional[at + 1 :])
            starts.append(f"{pairs[name]} {rest}".strip())
        return "(" + " | ".join(starts) + ")?" if starts else ""

    def _value(self, name: str, schema: Mapping[str, Any]) -> str:
        schema = schema.get(NARROWED, schema)
        options = [s for s in schema.get("anyOf", [schema]) if s.get("type") != "null"]
        if len(options) > 1:
            return "(" + " | ".join(self._value(name, option) for option in options) + ")"
        one = options[0]
        values = [_quoted(json.dumps(v, ensure_ascii=False)) for v in one.get("enum") or []]
        if "copied" in one:
            place = " place?" if one.get("symbols") else ""
            values += [f'"\\"" {rule}{place} "\\""' for rule in [self._stretches(tuple(one["copied"]))] if rule]
        if one.get("symbols"):
            values.append('"\\"" symbols "\\""')
        if values:
            return "(" + " | ".join(values) + ")"
        kind = one.get("type", "string")
        if kind == "array":
            item = self._value(name, one.get("items", {"type": "string"}))
            return f'"[" {item} ("," {item}){{0,7}} "]"'
        if kind == "object":
            properties = one.get("properties") or {}
            required = [n for n in properties if n in one.get("required", [])]
            return '"{" ' + self._members(properties, required, [n for n in properties if n not in required]) + ' "}"'
        if kind == "string":
            return "id" if _IDS.fullmatch(name) else "string"
        if one.get("digits"):
            return str(kind)
        # A quantity may be copied as the user wrote it ("six weeks"): the agent turns it into a number.
        return {"integer": "(integer | quantity)", "number": "(number | quantity)", "boolean": "boolean"}[kind]

    def _stretches(self, texts: tuple[str, ...]) -> str:
        """The rule of any stretch of words of `texts`; empty when they have no word.

        One rule a word: the word, and perhaps what follows it. A stretch begins and ends with a word, never
        with punctuation.
        """
        if texts not in self._copied:
            starts = [start for text in texts for start in self._stretch(text, f"w{len(self._copied)}")]
            name = f"copied{len(self._copied)}"
            if starts:
                self.rules[name] = " | ".join(dict.fromkeys(starts))
            self._copied[texts] = name if starts else ""
        return self._copied[texts]

    def _stretch(self, text: str, prefix: str) -> list[str]:
        pieces = list(_PIECE.finditer(text))
        starts = []
        follow = ""
        for at in range(len(pieces) - 1, -1, -1):
            piece, rule = pieces[at], f"{prefix}n{len(self.rules)}"
            behind = pieces[at + 1] if at + 1 < len(pieces) else None
            gap = text[piece.end() : behind.start()] if behind else None
            joined = follow and gap is not None and not gap.strip()
            onward = f"{_quoted(' ') if gap else ''} {follow}".strip() if joined else ""
            word = piece.group()
            ends = word[-1].isalnum() or word in _CLOSING
            if not ends and not onward:
                follow = ""
                continue
            self.rules[rule] = _quoted(word) + ((f" ({onward})?" if ends else f" {onward}") if onward else "")
            follow = rule
            if word[0].isalnum():
                starts.append(rule)
        return starts[::-1]


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
