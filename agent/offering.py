"""What a step may call: the ids of customers, orders and campaigns are closed lists of those in the conversation.

So no id can be made up or copied wrong. A tool whose id nobody has named cannot be called at all, and the model has
to ask for it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
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

_CODE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?")
_LONGEST = 64
_PREFIXED = re.compile(r"[A-Za-z]{4,}[-_]?(\d[\w-]*)")
_AROUND = "\"'.,;:!?()[]{}<>#“”‘’"

Offer = BaseTool | dict[str, Any]


def offer(tools: Sequence[Offer], messages: Sequence[BaseMessage], known: frozenset[str]) -> list[Offer]:
    """`tools` with the ids that may be given; one without the id that it needs is left out.

    What has a digit could be an id; of other words only those are that the shop knows as such (`known_ids`).
    """
    named, carried = _named(messages, known), _carried(messages)
    offered = (_narrowed(one, named, carried) for one in tools)
    return [one for one in offered if one is not None]


@lru_cache(maxsize=4)
def known_ids(snapshot: Snapshot) -> frozenset[str]:
    """The ids of the shop's customers and orders, in lower case."""
    columns = (("customers", "customer_id"), ("orders", "order_id"))
    return frozenset(one for table, column in columns for one in snapshot.frame(table)[column].astype(str).str.lower())


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
    for code in _CODE.findall(text):
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
