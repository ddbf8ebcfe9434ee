"""What a listener hears of an answer while it is decoded: whole, checked sentences, and each once."""

from typing import Any

import pytest

from agent import claims
from agent.finish import finish
from agent.guard import Conversation
from agent.listening import Listener

NOBODY: Any = None


def heard(pieces: list[str], raw: str) -> str:
    context = Conversation(
        snapshot=NOBODY, operations=NOBODY, models=NOBODY, index=NOBODY, role="marketer", as_of=NOBODY
    )  # fmt: skip
    names, said = claims.Names.of(["Tin Mug"]), list[str]()
    listener = Listener(context, names, 0, said.append)
    for piece in pieces:
        listener(piece)
    listener.close(finish(raw, [], [], names))
    return "".join(said)


@pytest.mark.parametrize(
    "raw",
    [
        "Hello there. I can help. What shall I look at?",
        "Hello there.\nI can help.\n- this\n- that",
        "Hello there",
        "Hello there.",
        "Ask me. ",
    ],
)
@pytest.mark.parametrize("size", [1, 3, 50])
def test_what_is_heard_is_the_answer(raw: str, size: int) -> None:
    pieces = [raw[i : i + size] for i in range(0, len(raw), size)]
    assert heard(pieces, raw) == finish(raw, [], [], claims.Names.of(["Tin Mug"])).rendered.text


def test_a_call_is_not_heard() -> None:
    assert heard(['call search {"a":', '"b"}'], "Done.") == "Done."
