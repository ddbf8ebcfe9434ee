"""The read tools for any client of the Model Context Protocol: facts with their sources, and nothing that writes."""

from __future__ import annotations

import inspect
import json
from typing import TYPE_CHECKING, Any

import anyio
import mcp_types as types
from mcp.server.lowlevel import Server

import tools as _registered  # noqa: F401 - registers every tool
from agent.toolbox import arguments_model, run
from channels.api.results import told
from tools.base import TOOLS, Tool, ToolContext

if TYPE_CHECKING:
    from agent.orchestrator import Shop

_INSTRUCTIONS = (
    "Reads one online shop: products, recommendations, predictions, forecasts, stock, budgets and campaigns. Each "
    "figure of a result has a `source`; name it when you use the figure. Nothing here changes anything."
)


def server(shop: Shop) -> Server[dict[str, Any]]:
    """A server over `shop` whose tools are the marketer's read tools; each call starts afresh, without a thread."""
    offered = {name: tool for name, tool in TOOLS.items() if tool.kind == "read" and "marketer" in tool.roles}

    async def listed(_context: Any, _params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[_described(tool) for tool in offered.values()])

    async def called(_context: Any, asked: types.CallToolRequestParams) -> types.CallToolResult:
        if asked.name not in offered:
            return _failed(f"there is no tool {asked.name}; the tools are {', '.join(offered)}")
        done = await anyio.to_thread.run_sync(lambda: run(asked.name, _context_of(shop), asked.arguments or {}))
        if done.result.failed:
            return _failed(done.result.facts["message"].display)
        found = told(done.result).model_dump(mode="json")
        text = types.TextContent(type="text", text=json.dumps(found, ensure_ascii=False))
        return types.CallToolResult(content=[text], structured_content=found)

    return Server("shopkeeper", instructions=_INSTRUCTIONS, on_list_tools=listed, on_call_tool=called)


def _described(tool: Tool) -> types.Tool:
    return types.Tool(
        name=tool.name,
        description=inspect.getdoc(tool.function) or tool.name,
        input_schema=arguments_model(tool.name, "marketer").model_json_schema(),
        annotations=types.ToolAnnotations(read_only_hint=True, open_world_hint=False),
    )


def _context_of(shop: Shop) -> ToolContext:
    return ToolContext(
        snapshot=shop.snapshot,
        operations=shop.operations,
        models=shop.models,
        index=shop.index,
        role="marketer",
        as_of=shop.snapshot.as_of,
    )


def _failed(sentence: str) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(type="text", text=sentence)], is_error=True)
