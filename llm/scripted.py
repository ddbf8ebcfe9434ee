"""The deterministic double: a chat model that says what it was told to say, for tests and for replay."""

from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool

from data.errors import AgentError
from llm.transcript import reply


class ScriptedChat(BaseChatModel):
    """Says `texts` in order; each is a written call or prose, as the embedded model would decode it."""

    texts: list[str]
    said: int = 0
    repairs: bool = False

    @property
    def _llm_type(self) -> str:
        return "shopkeeper-scripted"

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Tools change nothing: the script decides."""
        return self.bind(**kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        if self.said >= len(self.texts):
            raise AgentError("the script has ended, but the conversation goes on")
        text = self.texts[self.said]
        self.said += 1
        return ChatResult(generations=[ChatGeneration(message=reply(text, len(messages)))])


class ScriptedWriter:
    """Writes the given copies in order; an exhausted script raises `AgentError`."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = list(texts)

    def write(self, task: str, request: Any, facts: Any) -> str:
        """The next text of the script."""
        if not self._texts:
            raise AgentError("the writer's script has ended")
        return self._texts.pop(0)
