"""Any OpenAI-compatible server as the chat model: vLLM, llama.cpp, Ollama, a cloud.

Where the embedded model is held to a grammar, this one is told the rules and checked afterwards: `repairs` says that an
answer with faults is worth one more try before the safe template speaks.
"""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import PrivateAttr

from data.errors import AgentError
from llm.calls import written
from llm.grammar import NARROWED, UNTAUGHT
from llm.signatures import lines_of
from llm.transcript import reply

URL, MODEL, KEY = "SHOPKEEPER_LLM_URL", "SHOPKEEPER_LLM_MODEL", "SHOPKEEPER_LLM_KEY"
"""Environment variables that name the server, the model on it, and the key where it wants one."""

LONGEST = 600
"""Most tokens of one step."""

_PATIENCE = 120.0
"""Seconds that one step may take."""


@dataclass(frozen=True)
class Settings:
    """Which server, and which model on it."""

    url: str
    model: str
    key: str = "none"


def configured(environment: Mapping[str, str] = os.environ) -> Settings | None:
    """What the environment says; None when it names no server. Raises `AgentError` when it names no model."""
    url = environment.get(URL, "").strip()
    if not url:
        return None
    model = environment.get(MODEL, "").strip()
    if not model:
        raise AgentError(f"{URL} names a server but {MODEL} names no model on it: set it to the model's name there")
    return Settings(url, model, environment.get(KEY) or "none")


class EndpointChat(BaseChatModel):
    """LangChain's chat model over a server: native tool calls, one a step, greedy, in the form that traces keep."""

    settings: Settings
    repairs: bool = True
    _inner: Any = PrivateAttr(default=None)

    @property
    def _llm_type(self) -> str:
        return "shopkeeper-endpoint"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"url": self.settings.url, "model": self.settings.model}

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """The model with `tools`; `tool_choice` "any" asks for a call."""
        described = [_plain(convert_to_openai_tool(tool)) for tool in tools]
        if not described:
            return self.bind(**kwargs)
        return self.bind(tools=described, tool_choice="required" if tool_choice == "any" else tool_choice, **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        native, options = [_native(message) for message in messages], {k: v for k, v in kwargs.items() if v}
        said = self._asked(native, **options)
        calls: Any = said.tool_calls
        if not calls and options.get("tool_choice") == "required":
            calls = [self._structured(native, options["tools"])]
        text = written(calls[0]["name"], calls[0]["args"]) if calls else str(said.text)
        return ChatResult(generations=[ChatGeneration(message=reply(text, len(messages)))])

    def _structured(self, messages: list[BaseMessage], tools: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """A call as structured output, from a server that does not know tools; `AgentError` when it fails, too."""
        functions = [tool["function"] for tool in tools]
        each = [
            {
                "type": "object",
                "properties": {"name": {"const": one["name"]}, "arguments": one.get("parameters") or {}},
                "required": ["name", "arguments"],
                "additionalProperties": False,
            }
            for one in functions
        ]
        asked = HumanMessage(f'Call one of these as {{"name": …, "arguments": …}}:\n{lines_of(functions)}')
        form = {"type": "json_schema", "json_schema": {"name": "call", "schema": {"anyOf": each}}}
        text = str(self._asked([*messages, asked], response_format=form).text)
        try:
            found = json.loads(text)
            return {"name": str(found["name"]), "args": dict(found["arguments"])}
        except (ValueError, KeyError, TypeError):
            raise AgentError(
                f"the language model {self.settings.model} at {self.settings.url} makes no tool calls: use another"
            ) from None

    def _asked(self, messages: list[BaseMessage], **options: Any) -> AIMessage:
        import openai

        try:
            answer: AIMessage = self._client().invoke(messages, **options)
        except openai.OpenAIError as error:
            where = f"{self.settings.model} at {self.settings.url}"
            raise AgentError(
                f"the language model {where} did not answer ({_first_line(error)}); is it running?"
            ) from error
        return answer

    def _client(self) -> Any:
        if self._inner is None:
            from langchain_openai import ChatOpenAI  # takes half a second, which only those pay who use it
            from pydantic import SecretStr

            self._inner = ChatOpenAI(
                model=self.settings.model,
                base_url=self.settings.url,
                api_key=SecretStr(self.settings.key),
                temperature=0.0,
                max_completion_tokens=LONGEST,
                timeout=_PATIENCE,
                max_retries=1,
            )
        return self._inner


class EndpointWriter:
    """Copy by the same server: what the copy tool asks for."""

    def __init__(self, settings: Settings, system: str) -> None:
        self._chat, self._system = EndpointChat(settings=settings), system

    def write(self, task: str, request: Mapping[str, str], facts: Mapping[str, Any]) -> str:
        """Copy for a request {"channel", "tone", "language"} with references `{p.key}` to `facts`."""
        offered = ", ".join(f"{{p.{key}}}" for key in facts)
        ask = (
            f"Write for {request['channel']}, {request.get('tone') or 'friendly'} in tone, in the language "
            f"{request.get('language') or 'en'}. References: {offered}"
        )
        return str(self._chat.invoke([SystemMessage(self._system), HumanMessage(ask)]).text).strip()


def _plain(described: Any) -> Any:
    """A tool's description without what only a grammar understands."""
    if isinstance(described, dict):
        return {key: _plain(value) for key, value in described.items() if key not in (NARROWED, UNTAUGHT)}
    return [_plain(one) for one in described] if isinstance(described, list) else described


def _native(message: BaseMessage) -> BaseMessage:
    """The message as a server knows it: an answer without its provenance, a call with its id."""
    if isinstance(message, AIMessage):
        return AIMessage(content=str(message.text), tool_calls=message.tool_calls)
    if isinstance(message, ToolMessage):
        return ToolMessage(content=str(message.text), tool_call_id=message.tool_call_id)
    return message


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0][:200] or type(error).__name__
