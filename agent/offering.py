"""What a step may call, narrowed to what the conversation holds.

Ids of customers, orders and campaigns are closed lists, figures are copied from the user's words, and so are the
words for products and categories. So none can be made up or copied wrong. A tool that needs an id or a figure which
nobody has named cannot be called at all, and the model has to ask for it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

from agent.mentions import QUANTITIES, mentions
from agent.untaught import Said, copying, supported
from data.store import Snapshot
from llm.grammar import NARROWED, UNTAUGHT
from tools.base import REFERENCE, TOOLS

KINDS = {"customer_id": "customer", "order_id": "order", "campaign_id": "campaign"}
"""Arguments whose values are closed lists, and the fact that carries such an id."""

COPIED = frozenset({"query", "product", "product_id", "product_ids", "products", "target", "category"})
"""Arguments that are copied from the user's words, or from earlier calls and results."""

MOST_WORDS = 240
"""Longer texts are not turned into a grammar of their words."""

MOST = 24
"""So many ids are offered, the latest said first."""

_PRODUCTS = frozenset({"product", "product_id", "product_ids", "products", "target"})
_OTHER_FIGURES = re.compile(r"[〇一二两三四五六七八九十百千万½¼¾٠-٩०-९]")
"""Figures that `mentions` does not read: the model may write them as it understands them."""

_CODE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?")
_LONGEST = 64
_PREFIXED = re.compile(r"[A-Za-z]{4,}[-_]?(\d[\w-]*)")
_AROUND = "\"'.,;:!?()[]{}<>#“”‘’"

Offer = BaseTool | dict[str, Any]


def offer(
    tools: Sequence[Offer],
    messages: Sequence[BaseMessage],
    known: frozenset[str],
    unknown: "Unknown | None" = None,
) -> list[Offer]:
    """`tools` with the ids that may be given; one without the id that it needs is left out.

    What has a digit could be an id; of other words only those are that the shop knows as such (`known_ids`). Words that
    were `unknown` to a tool are not copied for it again.
    """
    named, carried, words = _named(messages, known), _carried(messages), _Words(messages)
    offered = (_narrowed(one, named, carried, words, (unknown or Unknown()).of(name_of(one))) for one in tools)
    return [one for one in offered if one is not None]


class Unknown:
    """Words that calls copied and the shop did not know, by tool and argument."""

    def __init__(self) -> None:
        self._words: dict[str, dict[str, list[str]]] = {}

    def learn(self, tool: str, arguments: Mapping[str, Any], told: str) -> bool:
        """Takes in a call that failed, if `told`, the reason, speaks of a word that it copied; says whether it does."""
        found = False
        for name, value in arguments.items():
            for word in map(str, value if isinstance(value, list) else [value]):
                if name in COPIED and word and word in told:
                    self._words.setdefault(tool, {}).setdefault(name, []).append(word)
                    found = True
        return found

    def of(self, tool: str) -> Mapping[str, Sequence[str]]:
        """The words that `tool` did not know, by argument."""
        return self._words.get(tool, {})

    def tries(self, tool: str) -> int:
        """How many words were tried in vain."""
        return sum(map(len, self.of(tool).values()))


def mentioned(
    tools: Sequence[Offer], messages: Sequence[BaseMessage], name: str, arguments: Mapping[str, Any]
) -> dict[str, Any]:
    """`arguments` of a call of one of `tools` that was never taught, without what nobody mentioned."""
    described = next((convert_to_openai_tool(tool)["function"] for tool in tools if name_of(tool) == name), None)
    if described is None or name in TOOLS:
        return dict(arguments)
    return supported(described, arguments, _Words(messages).said)


@lru_cache(maxsize=4)
def known_ids(snapshot: Snapshot) -> frozenset[str]:
    """The ids of the shop's customers and orders, in lower case."""
    columns = (("customers", "customer_id"), ("orders", "order_id"))
    return frozenset(one for table, column in columns for one in snapshot.frame(table)[column].astype(str).str.lower())


def name_of(tool: Offer) -> str:
    """The name of a tool, bound or described."""
    return str(tool.get("function", tool)["name"]) if isinstance(tool, dict) else tool.name


class _Words:
    """What the user said and earlier calls took, as values that an argument may copy."""

    def __init__(self, messages: Sequence[BaseMessage]) -> None:
        self.texts = [str(m.text) for m in reversed(messages) if isinstance(m, HumanMessage)]
        self.calls = [call for m in reversed(messages) if isinstance(m, AIMessage) for call in m.tool_calls]
        rows = [
            row for m in reversed(messages) if isinstance(m, ToolMessage) for row in (m.artifact or {}).get("rows", [])
        ]
        told = [code for m in reversed(messages) if isinstance(m, AIMessage) for code in _codes(str(m.text))]
        self.products = list(dict.fromkeys([*(str(row["id"]) for row in rows if row["id"]), *told]))
        self.brief = sum(len(text.split()) for text in self.texts) <= MOST_WORDS
        # What an earlier call brought may be wanted here, and its values are not among the words in sight.
        self.said = Said.of(self.texts, open_words=bool(self.calls) or not self.brief)

    def narrow(self, name: str, schema: Mapping[str, Any], unknown: Sequence[str] = ()) -> dict[str, Any] | None:
        """The schema of the argument `name`, narrowed; None where nothing in sight could be its value.

        Words that are `unknown` cannot be part of it.
        """
        taken = [call["args"][name] for call in self.calls if name in call["args"]]
        if name in QUANTITIES:
            said: list[Any] = [_plain(one) for one in mentions(name, self.texts)]
            values = list(dict.fromkeys([*said, *taken]))
            if values:
                return {**schema, NARROWED: {"enum": values}}
            return dict(schema) if any(_OTHER_FIGURES.search(text) for text in self.texts) else None
        if not self.brief:
            return dict(schema)
        earlier = [str(one) for value in taken for one in (value if isinstance(value, list) else [value])]
        fixed = ["shop"] if name == "target" else []
        ids = self.products if name in _PRODUCTS else []
        texts = self.texts
        if unknown:
            between = "|".join(rf"(?<!\w){re.escape(word)}(?!\w)" for word in unknown)
            texts = [part for text in texts for part in re.split(between, text, flags=re.IGNORECASE) if part.strip()]
        copied = {"type": "string", "enum": list(dict.fromkeys([*fixed, *ids[:MOST], *earlier])), "copied": texts}
        kinds = {option.get("type") for option in schema.get("anyOf", [schema])}
        return {**schema, NARROWED: {"type": "array", "items": copied} if "array" in kinds else copied}


def _plain(said: str) -> int | str:
    """Plain digits are written as a number, all else in the user's words."""
    return int(said) if said.isdecimal() and said.isascii() and str(int(said)) == said else said


def _narrowed(
    tool: Offer,
    named: Sequence[str],
    carried: Mapping[str, Sequence[str]],
    words: _Words,
    unknown: Mapping[str, Sequence[str]],
) -> Offer | None:
    described = convert_to_openai_tool(tool)
    schema = described["function"].get("parameters") or {}
    properties: dict[str, Any] = dict(schema.get("properties") or {})
    required = list(schema.get("required") or [])
    learned = described["function"]["name"] in TOOLS
    for name in list(properties):
        narrowed: dict[str, Any] | None
        if name in KINDS:
            ids = list(dict.fromkeys([*carried[name], *named]))[:MOST]
            narrowed = {"type": "string", "enum": ids} if ids else None
        elif not learned:
            narrowed = copying(name, properties[name], words.said, optional=name not in required)
        elif name in unknown and name not in required:
            narrowed = None  # it may be left out, and other words would hardly fit better
        elif name in COPIED or name in QUANTITIES:
            narrowed = words.narrow(name, properties[name], unknown.get(name, ()))
        else:
            continue
        if narrowed is not None:
            properties[name] = narrowed
        elif name in required:
            return None
        else:
            del properties[name]
    function = {**described["function"], "parameters": {**schema, "properties": properties}}
    if not learned:
        function[UNTAUGHT] = True
    return {**described, "function": function}


def _named(messages: Sequence[BaseMessage], known: frozenset[str]) -> list[str]:
    """What could be an id in the words of user and assistant: the latest message first, in it the known ids."""
    found: dict[str, None] = {}
    for message in reversed(messages):
        if isinstance(message, HumanMessage | AIMessage):
            text = str(message.text)
            words = (word.strip(_AROUND) for word in text.split())
            found.update(dict.fromkeys(word for word in words if word.lower() in known))
            found.update(dict.fromkeys(_codes(text)))
    return list(found)


def _codes(text: str) -> Iterator[str]:
    for code in _CODE.findall(REFERENCE.sub(" ", text)):
        if len(code) <= _LONGEST and any(c.isdigit() for c in code):
            yield code
            if prefixed := _PREFIXED.fullmatch(code):  # "order-221789" may mean the bare number
                yield prefixed.group(1)


def _carried(messages: Sequence[BaseMessage]) -> dict[str, list[str]]:
    """Ids by argument that earlier calls took and results brought, the latest first."""
    found: dict[str, list[str]] = {name: [] for name in KINDS}
    for message in reversed(messages):
        if isinstance(message, AIMessage):
            for call in message.tool_calls:
                for name in KINDS:
                    found[name] += [str(call["args"][name])] if name in call["args"] else []
        elif isinstance(message, ToolMessage):
            for fact in (message.artifact or {}).get("facts", []):
                for name, key in KINDS.items():
                    found[name] += [str(fact["value"])] if fact["key"] == key and fact["unit"] == "id" else []
    return found
