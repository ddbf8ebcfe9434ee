"""The text of a conversation, ChatML: what the embedded LLM reads in training and in service alike."""

from collections.abc import Mapping, Sequence

START, END = "<|im_start|>", "<|im_end|>"
ASSISTANT = f"{START}assistant\n"
"""The opening of the turn that the LLM completes."""


def turn(role: str, content: str) -> str:
    """One closed turn."""
    return f"{START}{role}\n{content}{END}\n"


def chatml(messages: Sequence[Mapping[str, str]]) -> str:
    """A whole conversation of {"role", "content"} turns."""
    return "".join(turn(message["role"], message["content"]) for message in messages)
