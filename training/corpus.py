"""Conversations as tokens: what the LLM reads, and how much each token that it learns to write weighs.

The loss falls on the assistant's turns only, closing marker included. A call weighs fully, for one wrong token makes
it wrong; of prose only the first token does, which decides that nothing is called.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import PreTrainedTokenizerBase

from llm.calls import parsed
from llm.transcript import ASSISTANT, END, turn


@dataclass(frozen=True)
class Example:
    """One conversation: token ids, and the weight of each in the loss (0: it is only read)."""

    ids: list[int]
    weights: list[float]


def encode(
    conversation: dict[str, Any], tokenizer: PreTrainedTokenizerBase, *, longest: int = 768, prose: float = 1.0
) -> Example | None:
    """Tokens of a conversation of the form {"messages": [{"role", "content"}]}; None when longer than `longest`.

    `prose` is the weight of an answer's tokens after the first; an assistant's message that is "given" is only read.
    """
    ids: list[int] = []
    weights: list[float] = []

    def put(text: str, first: float, rest: float) -> None:
        tokens = tokenizer(text, add_special_tokens=False)["input_ids"]
        ids.extend(tokens)
        weights.extend(([first] + [rest] * len(tokens))[: len(tokens)])

    for message in conversation["messages"]:
        if message["role"] == "assistant" and "given" not in message:
            put(ASSISTANT, 0.0, 0.0)
            put(message["content"] + END, 1.0, 1.0 if parsed(message["content"]) else prose)
            put("\n", 0.0, 0.0)
        else:
            put(turn(message["role"], message["content"]), 0.0, 0.0)
    return Example(ids, weights) if len(ids) <= longest else None


def batches(examples: Sequence[Example], *, batch_tokens: int, seed: int) -> list[list[int]]:
    """Positions of the examples of each step: like lengths together, steps in random order."""
    rng = random.Random(seed)
    order = sorted(range(len(examples)), key=lambda i: (len(examples[i].ids) // 8, rng.random()))
    steps: list[list[int]] = [[]]
    for i in order:
        longest = max([len(examples[j].ids) for j in steps[-1]] + [len(examples[i].ids)])
        if steps[-1] and longest * (len(steps[-1]) + 1) > batch_tokens:
            steps.append([])
        steps[-1].append(i)
    rng.shuffle(steps)
    return steps


def collate(examples: Iterable[Example], pad: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """ids, attention mask and weights in the loss of one step, each (batch, longest)."""
    chosen = list(examples)
    width = max(len(e.ids) for e in chosen)
    ids = torch.full((len(chosen), width), pad, dtype=torch.long)
    attention = torch.zeros((len(chosen), width), dtype=torch.long)
    weights = torch.zeros((len(chosen), width))
    for row, example in enumerate(chosen):
        n = len(example.ids)
        ids[row, :n] = torch.tensor(example.ids)
        attention[row, :n] = 1
        weights[row, :n] = torch.tensor(example.weights)
    return ids, attention, weights
