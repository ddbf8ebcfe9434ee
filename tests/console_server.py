"""The console over a store with a scripted model, as a process of its own: `console_server.py STORE PORT`.

POST /script takes the list of what the model says next; a text that begins with "wait " takes so many seconds first.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from langchain_core.outputs import ChatResult

from agent.build import open_agent
from channels.api.app import create_app
from channels.console.mount import mount
from channels.serving import Serving
from llm.scripted import ScriptedChat, ScriptedWriter


class _Slow(ScriptedChat):
    """Takes its time where the script says so."""

    def _generate(self, *args: Any, **kwargs: Any) -> ChatResult:
        text = self.texts[self.said] if self.said < len(self.texts) else ""
        if text.startswith("wait "):
            _, seconds, self.texts[self.said] = text.split(" ", 2)
            time.sleep(float(seconds))
        return super()._generate(*args, **kwargs)


def app_of(root: Path) -> FastAPI:
    """The app, with the script's own route."""
    chats: list[_Slow] = []

    def opener(store: Path, **options: Any) -> Any:
        chats.append(_Slow(texts=[]))
        return open_agent(store, chat=chats[-1], writer=ScriptedWriter(["Meet {p.title}."] * 99), **options)

    app = create_app(Serving(root, opener=opener))

    @app.post("/script")
    def script(texts: list[str]) -> None:
        for chat in chats:
            chat.texts, chat.said = list(texts), 0

    mount(app)
    return app


if __name__ == "__main__":
    uvicorn.run(app_of(Path(sys.argv[1])), host="127.0.0.1", port=int(sys.argv[2]), log_level="warning")
