"""The embedded chat model: a GGUF file run in process by llama.cpp, decoding greedily under a grammar per step."""

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

import xllamacpp
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

from data.errors import AgentError
from llm.calls import CALL
from llm.chatml import ASSISTANT, END, chatml
from llm.grammar import UNTAUGHT, arguments_grammar, owes_reference, references_in, step_grammar
from llm.transcript import prompt, reply

CONTEXT = 8192
"""Tokens of context; a conversation is cut to its last turns long before this."""

CACHE_MB = 128
"""Memory for what was read of conversations that another one pushed out of its slot: a dozen of them. Without a limit
of its own the engine would keep 8 GB."""

LONGEST = 400
"""Most tokens of one step."""

LISTENER: ContextVar[Callable[[str], None] | None] = ContextVar("listener", default=None)
"""Who hears each piece as it is decoded; set a conversation, so that many may share one model."""


_LONGEST_NAME = 24
_LIKELIHOODS = {
    "n_probs": 20,
    "post_sampling_probs": True,
    "samplers": ["top_k", "temperature"],
    "top_k": 1000,
    "temperature": 1.0,
}
"""Asks for the likelihoods of the 20 likeliest tokens, as shares of the thousand likeliest, which is all but a few
thousandths of the whole. Shares of all tokens make the engine sort its whole vocabulary, as long as decoding takes."""

CALL_FROM = 0.3
"""A tool is called when that is at least so likely. Prose begins in many ways, so that the likeliest single token
would be "call" even where most of the probability lies on the beginnings of an answer; and of requests that are for a
tool, some spread over more beginnings than others. On the development set .3 declines no request wrongly and
recognises all but one of 45 that must be declined."""


SURE_FROM = 0.7
"""The same for a tool that the model was not taught: it takes more of them for fitting than do fit. On the Berkeley
requests .7 instead of .3 declines one call in 200 more, and six in 100 more of those that no tool fits."""


class Engine:
    """One loaded GGUF file; thread-safe, and shared by all conversations of a process."""

    def __init__(self, path: Path, *, threads: int, slots: int) -> None:
        if not path.exists():
            raise AgentError(f"there is no language model at {path}; run shopkeeper export-model")
        settings = xllamacpp.CommonParams()
        settings.model.path = str(path)
        # Several conversations share one memory of twice a conversation's length, since most are short.
        settings.n_ctx = CONTEXT * min(slots, 2)
        settings.n_parallel, settings.kv_unified = slots, slots > 1
        settings.cache_ram_mib = CACHE_MB
        settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = threads
        settings.warmup = True
        settings.verbosity = -1
        self._server = xllamacpp.Server(settings)

    def complete(self, text: str, grammar: str, *, longest: int = LONGEST, cache: bool = True) -> str:
        """The greedy continuation of `text` under `grammar`. Raises `AgentError` when the engine refuses."""
        result = self._server.handle_completions(self._request(text, grammar, longest, cache))
        return self._text(result)

    def opening(self, text: str, names: Sequence[str], *, untaught: Collection[str] = (), cache: bool = True) -> str:
        """The tool that the model would call after `text`, by any name; empty when it would rather answer.

        Of `names` the beginning suffices where only one begins so; those `untaught` must be likelier.
        """
        first = self._request(text, "", 1, cache) | _LIKELIHOODS
        chance = self._call_chance(self._server.handle_completions(first))
        if chance < CALL_FROM:
            return ""
        pieces: list[Mapping[str, Any]] = []
        found: list[str] = []

        def receive(piece: Mapping[str, Any]) -> bool:
            pieces.append(piece)
            if "error" in piece:
                return True
            said = "".join(map(self._text, pieces)).strip()
            found[:] = [name for name in names if said and name.startswith(said)]
            return len(found) == 1

        rest = self._request(text + CALL, "", _LONGEST_NAME, cache) | {"stop": [END, " {"], "stream": True}
        self._server.handle_completions(rest, receive)
        name = found[0] if len(found) == 1 else "".join(map(self._text, pieces)).strip()
        return "" if name in untaught and chance < SURE_FROM else name

    def stream(self, text: str, grammar: str, *, longest: int = LONGEST, cache: bool = True) -> Iterator[str]:
        """The same, piece by piece; decoding stops when the caller does."""
        pieces: SimpleQueue[Any] = SimpleQueue()
        stopped = False

        def receive(piece: Any) -> bool:
            pieces.put(piece)
            return stopped

        def decode() -> None:
            try:
                request = self._request(text, grammar, longest, cache) | {"stream": True}
                self._server.handle_completions(request, receive)
            except Exception as error:  # whatever the engine raises belongs to the reader's thread
                pieces.put(error)
            pieces.put(None)

        Thread(target=decode, daemon=True).start()
        try:
            while (piece := pieces.get()) is not None:
                if isinstance(piece, Exception):
                    raise AgentError(f"the language model stopped: {piece}") from piece
                yield self._text(piece)
        finally:
            stopped = True

    @staticmethod
    def _request(text: str, grammar: str, longest: int, cache: bool) -> dict[str, Any]:
        return {
            "prompt": text,
            "grammar": grammar,
            "temperature": 0.0,
            "n_predict": longest,
            "cache_prompt": cache,
            "stop": [END],
        }

    @staticmethod
    def _choice(result: Mapping[str, Any]) -> Mapping[str, Any]:
        if "error" in result:
            raise AgentError(f"the language model refused: {result['error'].get('message', result['error'])}")
        choice: Mapping[str, Any] = result["choices"][0]
        return choice

    def _text(self, result: Mapping[str, Any]) -> str:
        return str(self._choice(result)["text"])

    def _call_chance(self, first: Mapping[str, Any]) -> float:
        """How likely a call is, by the likelihoods of a completion's first token."""
        likely = self._choice(first)["logprobs"]["content"][0]["top_probs"]
        return sum(float(token["prob"]) for token in likely if token["token"] == CALL)


def engine(path: Path, *, threads: int | None = None, slots: int = 1) -> Engine:
    """The engine for `path`, loaded once a process."""
    return _engine(path, threads or _cores(), slots)


@lru_cache(maxsize=4)
def _engine(path: Path, threads: int, slots: int) -> Engine:
    return Engine(path, threads=threads, slots=slots)


def _cores() -> int:
    """Cores that this process may use, at most four: a thread that shares its core only slows the others down."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(4, allowed)


class LocalChat(BaseChatModel):
    """LangChain's chat model over an `Engine`, which answers `slots` conversations at once in one batch.

    One step yields one tool call or one answer whose figures and names are references. `exact` turns the
    prompt cache off, so that the same text always decodes to the same tokens.
    """

    path: Path
    threads: int | None = None
    slots: int = 1
    exact: bool = False

    @property
    def _llm_type(self) -> str:
        return "shopkeeper-local"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"path": str(self.path), "exact": self.exact}

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """The model with `tools`; `tool_choice` "any" forbids an answer."""
        described = [convert_to_openai_tool(tool)["function"] for tool in tools]
        return self.bind(tools=described, tool_choice=tool_choice, **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        text = "".join(self._heard(messages, kwargs))
        return ChatResult(generations=[ChatGeneration(message=reply(text, len(messages)))])

    def _heard(self, messages: Sequence[BaseMessage], options: Mapping[str, Any]) -> Iterator[str]:
        for piece in self._pieces(messages, options):
            if listener := LISTENER.get():
                listener(piece)
            yield piece

    def _pieces(self, messages: Sequence[BaseMessage], options: Mapping[str, Any]) -> Iterator[str]:
        running = engine(self.path, threads=self.threads, slots=self.slots)
        cache, text = not self.exact, prompt(messages)
        tools, must = options.get("tools") or [], options.get("tool_choice") in ("any", "required")
        if tools and not must:
            untaught = {tool["name"] for tool in tools if tool.get(UNTAUGHT)}
            name = running.opening(text, [tool["name"] for tool in tools], untaught=untaught, cache=cache)
            if chosen := next((tool for tool in tools if tool["name"] == name), None):
                certain, rest = arguments_grammar(chosen)
                opening = f"{CALL} {name}{certain}"
                yield opening
                yield from running.stream(text + opening, rest, cache=cache)
                return
            # Nothing is to be called, or a tool that cannot be yet: its id or its figure is still to be asked for.
            tools = []
        # An answer over a fresh result speaks of it: without a reference it could not be shown.
        last = messages[-1]
        refer = isinstance(last, ToolMessage) and owes_reference(str(last.text))
        grammar = step_grammar(tools, offered(messages), answer=not must, refer=refer)
        yield from running.stream(text, grammar, cache=cache)


def offered(messages: Sequence[BaseMessage]) -> list[str]:
    """The references that prose may make now: keys of the results in sight, figures that the last turn's calls took."""
    found = references_in(str(m.text) for m in messages if isinstance(m, ToolMessage))
    asked = max((i for i, m in enumerate(messages) if isinstance(m, HumanMessage)), default=0)
    for message in messages[asked:]:
        for one in message.tool_calls if isinstance(message, AIMessage) else []:
            found += [
                f"u.{k}" for k, v in one["args"].items() if isinstance(v, int | float) and not isinstance(v, bool)
            ]
    return list(dict.fromkeys(found))


class LocalWriter:
    """Short prose by the same engine, over a product's facts: what the copy tool asks for."""

    def __init__(
        self, path: Path, system: str, *, threads: int | None = None, slots: int = 1, exact: bool = False
    ) -> None:
        self._path, self._system, self._exact = path, system, exact
        self._threads, self._slots = threads, slots

    def write(self, task: str, request: Mapping[str, str], facts: Mapping[str, Any]) -> str:
        """Copy for a request {"channel", "tone", "language"} with references `{p.key}` to `facts`."""
        tone, language = request.get("tone") or "friendly", request.get("language") or "en"
        ask = f"{request['channel']} {tone} {language}: {' '.join(facts)}"
        turns = [{"role": "system", "content": self._system}, {"role": "user", "content": ask}]
        grammar = step_grammar([], [f"p.{key}" for key in facts])
        writing = engine(self._path, threads=self._threads, slots=self._slots)
        return writing.complete(chatml(turns) + ASSISTANT, grammar, longest=160, cache=not self._exact).strip()
