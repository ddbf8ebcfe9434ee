"""What a step may call: the ids of customers, orders and campaigns are closed lists of those in the conversation.

So no id can be made up or copied wrong. A tool whose id nobody has named cannot be called at all, and the model has
to ask for it.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

from data.store import Snapshot

KINDS = {"customer_id": "customer", "order_id": "order", "campaign_id": "campaign"}
"""Arguments whose values are closed lists, and the fact that carries such an id."""

MOST = 24
"""So many ids are offered, the latest said first."""

_CODE = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{0,12}[-_]?\d(?:[A-Za-z0-9_.-]*[A-Za-z0-9])?")
_LONGEST = 30
_WORD = re.compile(r"[A-Za-z][A-Za-z_.-]*[A-Za-z]")

Offer = BaseTool | dict[str, Any]


def offer(tools: Sequence[Offer], messages: Sequence[BaseMessage], wordy: frozenset[str]) -> list[Offer]:
    """`tools` with the ids that may be given; one without the id that it needs is left out.

    `wordy` are the shop's ids that have no digit, by which a plain word can be an id (see `wordy_ids`).
    """
    named = _named(messages, wordy)
    offered = (_narrowed(one, named, _carried(messages)) for one in tools)
    return [one for one in offered if one is not None]


@lru_cache(maxsize=4)
def wordy_ids(snapshot: Snapshot) -> frozenset[str]:
    """Ids of customers and orders that are words: few shops have any."""
    columns = (("customers", "customer_id"), ("orders", "order_id"))
    ids = (snapshot.frame(table)[column].astype(str) for table, column in columns)
    return frozenset(one.lower() for column in ids for one in column[~column.str.contains(r"\d")])


def name_of(tool: Offer) -> str:
    """The name of a tool, bound or described."""
    return str(tool.get("function", tool)["name"]) if isinstance(tool, dict) else tool.name


def _narrowed(tool: Offer, named: Sequence[str], carried: Mapping[str, Sequence[str]]) -> Offer | None:
    described = convert_to_openai_tool(tool)
    schema = described["function"].get("parameters") or {}
    properties: dict[str, Any] = dict(schema.get("properties") or {})
    required = list(schema.get("required") or [])
    kinds = [name for name in properties if name in KINDS]
    if not kinds:
        return tool
    for name in kinds:
        ids = list(dict.fromkeys([*carried[name], *named]))[:MOST]
        if ids:
            properties[name] = {"type": "string", "enum": ids}
        elif name in required:
            return None
        else:
            del properties[name]
    function = {**described["function"], "parameters": {**schema, "properties": properties}}
    return {**described, "function": function}


def _named(messages: Sequence[BaseMessage], wordy: frozenset[str]) -> list[str]:
    """What could be an id in the words of user and assistant, the latest message first."""
    found: dict[str, None] = {}
    for message in reversed(messages):
        if isinstance(message, HumanMessage | AIMessage):
            text = str(message.text)
            found.update(dict.fromkeys(_codes(text)))
            if wordy:
                found.update(dict.fromkeys(word for word in _WORD.findall(text) if word.lower() in wordy))
    return list(found)


def _codes(text: str) -> Iterable[str]:
    for code in _CODE.findall(text):
        if len(code) <= _LONGEST:
            yield code
            # "order221789" may mean the bare number.
            digits = re.sub(r"^[A-Za-z]{4,}", "", code)
            if digits != code and digits[0].isdigit():
                yield digits


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
