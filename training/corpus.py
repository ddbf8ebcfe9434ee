"""Conversations as tokens: what the LLM reads, and the positions that it learns to write.

The loss falls on the assistant's turns only, closing marker included.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import PreTrainedTokenizerBase

from llm.transcript import ASSISTANT, END, turn


@dataclass(frozen=True)
class Example:
    """One conversation: token ids, and for each whether it is learned."""

    ids: list[int]
    learned: list[bool]


def encode(conversation: dict[str, Any], tokenizer: PreTrainedTokenizerBase, *, longest: int = 768) -> Example | None:
    """Tokens of a conversation of the form {"messages": [{"role", "content"}]}; None when longer than `longest`."""
    ids: list[int] = []
    learned: list[bool] = []
    for message in conversation["messages"]:
        if message["role"] == "assistant":
            parts = [(ASSISTANT, False), (message["content"] + END, True), ("\n", False)]
        else:
            parts = [(turn(message["role"], message["content"]), False)]
        for text, learn in parts:
            tokens = tokenizer(text, add_special_tokens=False)["input_ids"]
            ids += tokens
            learned += [learn] * len(tokens)
    return Example(ids, learned) if len(ids) <= longest else None


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
    """ids, attention mask and learned mask of one step, each (batch, longest)."""
    chosen = list(examples)
    width = max(len(e.ids) for e in chosen)
    ids = torch.full((len(chosen), width), pad, dtype=torch.long)
    attention = torch.zeros((len(chosen), width), dtype=torch.long)
    learned = torch.zeros((len(chosen), width), dtype=torch.bool)
    for row, example in enumerate(chosen):
        n = len(example.ids)
        ids[row, :n] = torch.tensor(example.ids)
        attention[row, :n] = 1
        learned[row, :n] = torch.tensor(example.learned)
    return ids, attention, learned
