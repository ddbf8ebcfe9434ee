"""Conversations as tokens: what the LLM reads, and how much each token that it learns to write weighs.

The loss falls on the assistant's turns only, closing marker included. A call weighs fully, for one wrong token makes
it wrong; of prose only the first token does, which decides that nothing is called.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from transformers import PreTrainedTokenizerBase

from llm.calls import parsed
from llm.chatml import ASSISTANT, END, turn


@dataclass(frozen=True)
class Example:
    """One conversation: token ids, and the weight of each in the loss (0: it is only read)."""

    ids: Sequence[int] | npt.NDArray[np.int32]
    weights: Sequence[float] | npt.NDArray[np.float32]


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


def save(examples: Sequence[Example], path: Path, made_from: str) -> None:
    """Writes all examples into one .npz file, whole or not at all; `made_from` says what decides them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new.npz")
    np.savez_compressed(
        fresh,
        made_from=made_from,
        lengths=np.array([len(e.ids) for e in examples], np.int32),
        ids=np.concatenate([np.array(e.ids, np.int32) for e in examples]),
        weights=np.concatenate([np.array(e.weights, np.float32) for e in examples]),
    )
    fresh.replace(path)


def saved(path: Path, made_from: str) -> list[Example] | None:
    """The examples that `save` wrote; None where there are none that were made from the same."""
    if not path.exists():
        return None
    with np.load(path) as stored:
        if str(stored["made_from"]) != made_from:
            return None
        ends = np.cumsum(stored["lengths"])[:-1]
        ids, weights = np.split(stored["ids"], ends), np.split(stored["weights"], ends)
    return [Example(one, its) for one, its in zip(ids, weights, strict=True)]


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


def collate(examples: Iterable[Example]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """ids, attention mask and weights in the loss of one step, each (batch, longest); what is filled up is masked."""
    chosen = list(examples)
    width = max(len(e.ids) for e in chosen)
    ids = torch.zeros((len(chosen), width), dtype=torch.long)
    attention = torch.zeros((len(chosen), width), dtype=torch.long)
    weights = torch.zeros((len(chosen), width))
    for row, example in enumerate(chosen):
        n = len(example.ids)
        ids[row, :n] = torch.as_tensor(example.ids)
        attention[row, :n] = 1
        weights[row, :n] = torch.as_tensor(example.weights)
    return ids, attention, weights
