"""A real server over a small shop with a scripted language model, for tests that speak HTTP."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI

from agent.build import open_agent
from llm.scripted import ScriptedChat, ScriptedWriter


class Script:
    """What the language model will say next, shared by the agents of a server."""

    def __init__(self) -> None:
        self._chats: list[ScriptedChat] = []

    def say(self, *texts: str) -> None:
        """Sets what every agent says from now on."""
        for chat in self._chats:
            chat.texts, chat.said = list(texts), 0

    def opener(self, root: Path, **options: Any) -> Any:
        """Opens an agent that says the script."""
        chat = ScriptedChat(texts=[])
        self._chats.append(chat)
        return open_agent(root, chat=chat, writer=ScriptedWriter(["Meet {p.title}."] * 9), **options)


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """The address of a real server that runs `app` within the block."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="wsproto"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.02)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listener.close()
