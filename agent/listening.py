"""Streaming: the pieces that the model decodes become checked, rendered sentences for whoever listens."""

import re
from collections.abc import Callable

from agent import claims
from agent.finish import Finished
from agent.guard import Conversation, stopped
from tools.base import REFERENCE, render

_END = re.compile(r"[.?](\s|$)|\n")


class Listener:
    """Hears pieces, holds back calls, and passes on each sentence as soon as it is whole and faultless.

    The first sentence is passed on only once a reference has been seen in a turn that brought facts, since an
    answer without any is replaced by the template.
    """

    def __init__(
        self, context: Conversation, names: claims.Names, earlier: int, on_token: Callable[[str], None] | None
    ) -> None:
        self._context, self._names, self._earlier = context, names, earlier
        self._on_token = on_token or (lambda _: None)
        self._buffer, self._held, self._shown, self._between = "", "", "", ""
        self._calls = len(context.texts)

    def __call__(self, piece: str) -> None:
        """One decoded piece; `StoppedError` once nobody waits for it."""
        stopped(self._context)
        if len(self._context.texts) != self._calls:  # a new step begins
            self._calls, self._buffer, self._held = len(self._context.texts), "", ""
        self._buffer += piece
        if "call ".startswith(self._buffer[:5]):
            return
        while match := _END.search(self._buffer):
            if match.end() == len(self._buffer) and match.group(1) == "":
                break  # the sentence may go on: "e.g."
            sentence, self._buffer = self._buffer[: match.end()], self._buffer[match.end() :]
            self._sentence(sentence)

    def close(self, done: Finished) -> None:
        """Passes on what has not been shown of the finished answer."""
        text = done.rendered.text
        if text.startswith(self._shown):
            self._on_token(text[len(self._shown) :])
        else:
            self._on_token(("\n" if self._shown else "") + text)

    def _sentence(self, sentence: str) -> None:
        calls = self._context.calls
        ground = claims.Ground.of(calls, self._names)
        if claims.check_sentence(sentence.strip(), ground):
            return
        self._held += sentence
        if len(calls) > self._earlier and not REFERENCE.search(self._held):
            return
        text = self._between + render(self._held, ground.known).text
        said = text.rstrip()
        self._between, self._held = text[len(said) :], ""  # a gap is passed on once something follows it
        self._shown += said
        self._on_token(said)
