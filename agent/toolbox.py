"""The tools as LangChain binds them for one role: schema from the function's signature, validation, lettering."""

import inspect
import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from langchain.tools import ToolRuntime
from langchain_core.tools import StructuredTool
from pydantic import BaseModel, ConfigDict, ValidationError, create_model

import tools  # registers every tool
from agent.records import as_record
from tools.base import TOOLS, Call, Role, Tool, ToolContext, ToolResult, call, failure, plain

assert tools


def names(role: Role) -> list[str]:
    """Names of the tools that `role` may call."""
    return [tool.name for tool in TOOLS.values() if role in tool.roles]


def bound(role: Role) -> list[StructuredTool]:
    """Every tool of `role`, ready for `create_agent`; the context comes from the run, never from the LLM."""
    return [_bind(tool, role) for tool in TOOLS.values() if role in tool.roles]


def next_letter(calls: Sequence[Call]) -> str:
    """The letter of the next call; after z it begins anew, when the first calls are long out of sight."""
    last = ord(calls[-1].letter) - ord("a") if calls else -1
    return chr(ord("a") + (last + 1) % 26)


@lru_cache(maxsize=64)
def arguments_model(name: str, role: Role) -> type[BaseModel]:
    """The pydantic model of a tool's arguments for `role`, from its signature; numbers for ids become text."""
    fields: dict[str, Any] = {}
    for parameter in TOOLS[name].parameters(role).values():
        default = ... if parameter.default is inspect.Parameter.empty else parameter.default
        fields[parameter.name] = (parameter.annotation, default)
    settings = ConfigDict(coerce_numbers_to_str=True, extra="forbid")
    return create_model(name, __config__=settings, **fields)


def valid(name: str, arguments: Mapping[str, Any], role: Role) -> bool:
    """Whether `role` may call the tool with these arguments: known names, values of the right type, none missing."""
    if name not in names(role):
        return False
    try:
        arguments_model(name, role)(**arguments)
    except ValidationError:
        return False
    return True


def run(name: str, context: ToolContext, arguments: Mapping[str, Any]) -> Call:
    """Validates the arguments, runs the tool and remembers the call in the context, lettered."""
    result: ToolResult
    try:
        given = arguments_model(name, context.role)(**arguments).model_dump(exclude_unset=True)
    except ValidationError as error:
        result = failure(f"{name} cannot use {_complaint(error)}")
    else:
        result = call(name, context, given)
    done = Call(next_letter(context.calls), name, dict(arguments), result)
    context.calls.append(done)
    return done


def _complaint(error: ValidationError) -> str:
    """The first thing that is wrong with the arguments, and how to mend it."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"]) or "its arguments"
    if first["type"] in ("int_parsing", "float_parsing"):
        example = "30 days or six weeks" if where == "horizon_days" else "20 or a dozen"
        return f"{plain(str(first['input']))} as {where}: give a number, such as {example}"
    return f"{where}: {first['msg'][:1].lower()}{first['msg'][1:]}"


def _bind(tool: Tool, role: Role) -> StructuredTool:
    def invoke(runtime: ToolRuntime[ToolContext], **arguments: Any) -> tuple[str, dict[str, Any]]:
        done = run(tool.name, runtime.context, arguments)
        return done.result.brief(done.letter), as_record(done)

    return StructuredTool(
        name=tool.name,
        description=_summary(tool),
        args_schema=_flat(arguments_model(tool.name, role).model_json_schema()),
        func=invoke,
        response_format="content_and_artifact",
    )


def _summary(tool: Tool) -> str:
    text = inspect.getdoc(tool.function) or tool.name
    return re.split(r"\n\s*\n", text)[0].replace("\n", " ")


def _flat(schema: dict[str, Any]) -> dict[str, Any]:
    """The JSON schema without titles, which only cost tokens."""
    text = json.dumps(schema)
    loaded: dict[str, Any] = json.loads(
        text, object_hook=lambda d: {k: v for k, v in d.items() if k != "title" or isinstance(v, dict)}
    )
    return loaded
