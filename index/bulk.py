"""Many texts at once through a sentence-transformers model: a faster copy of it, in batches that fill the processor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import normalize

from data.threads import single_threaded

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from index.embed import Vectors

_BATCH_TOKENS = 768
"""Enough rows for the matrix units, few enough that they stay in the cache and texts of like length fill them."""
_STEEP = 80.0
"""No attention score counts for more; those of MiniLM stay far below."""
_TOKENISED = 4096
"""So many texts are turned into word pieces at once."""


class Bulk:
    """A copy of `model` in bfloat16 where the processor computes in it, its matrices laid out for that beforehand; else
    the model itself.

    Pooling stays in float32; vectors then differ from the slow ones' by about 1e-4 in cosine.
    """

    def __init__(self, model: SentenceTransformer) -> None:
        capable = torch.cpu.get_capabilities()
        fast = capable.get("amx_bf16") or capable.get("avx512_bf16")
        self._model = _faster(model) if fast else model

    def encode(self, texts: Sequence[str], order: Sequence[int]) -> Iterator[tuple[list[int], Vectors]]:
        """Places in `texts`, taken in `order`, with their unit vectors, float32, batch by batch.

        A batch holds texts of like numbers of word pieces. Each is worked on by one of as many threads as torch has,
        so that none waits for another within a batch.
        """
        prompt = self._model.prompts.get(self._model.default_prompt_name or "") or None
        with ThreadPoolExecutor(torch.get_num_threads()) as threads:
            for start in range(0, len(order), _TOKENISED):
                rows = order[start : start + _TOKENISED]
                features = self._model.preprocess([texts[i] for i in rows], prompt=prompt)
                batches = _batches(features["attention_mask"].sum(dim=1).tolist())
                found = threads.map(lambda batch: _run(self._model, features, batch), batches)  # noqa: B023 - used up here
                for batch, some in zip(batches, found, strict=True):
                    yield [rows[i] for i in batch], some


def _faster(model: SentenceTransformer) -> SentenceTransformer:
    from transformers import AttentionInterface
    from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

    copy = deepcopy(model)
    copy[0].to(torch.bfloat16).register_forward_hook(_widened)
    for module in copy[0].modules():
        if type(module) is torch.nn.Linear:
            _lay_out(module)
    inner = copy.transformers_model
    if inner is not None and inner.config.model_type == "bert":  # others may bend their attention
        AttentionInterface.register("shopkeeper", _attended)
        AttentionMaskInterface.register("shopkeeper", sdpa_mask)
        inner.set_attn_implementation("shopkeeper")
    return copy


def _batches(lengths: Sequence[int]) -> list[list[int]]:
    """All rows in batches of like length, the longest first, each of `_BATCH_TOKENS` with its padding."""
    batches: list[list[int]] = []
    fit = 0
    for row in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if not batches or len(batches[-1]) >= fit:
            batches.append([])
            fit = max(1, _BATCH_TOKENS // max(lengths[row], 1))
        batches[-1].append(row)
    return batches


def _run(model: SentenceTransformer, features: dict[str, Any], rows: list[int]) -> Vectors:
    """Unit vectors of some texts of `features`, whose columns that are all padding are left out."""
    used = features["attention_mask"][rows].any(dim=0)
    batch = {name: part[rows][:, used] if torch.is_tensor(part) else part for name, part in features.items()}
    with single_threaded(), torch.inference_mode():
        vectors: Vectors = normalize(model(batch)["sentence_embedding"], p=2, dim=1).numpy()
    return vectors


def _lay_out(linear: torch.nn.Linear) -> None:
    """From now on `linear` reads its weights in the order of the processor's matrix units, instead of sorting them anew
    for each batch.
    """
    with torch.inference_mode():
        weights, bias = torch.ops.mkldnn._reorder_linear_weight(linear.weight), linear.bias

    def forward(input: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = torch.ops.mkldnn._linear_pointwise(input, weights, bias, "none", [], "")
        return found

    linear.forward = forward  # type: ignore[method-assign]


def _attended(
    _module: object,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor | None,
    *,
    scaling: float,
    **_options: object,
) -> tuple[torch.Tensor, None]:
    """Softmax attention, (texts × pieces × heads × numbers of a head), of inputs (texts × heads × pieces × numbers).

    All heads of all texts are in each product; torch's own goes one by one, which for twenty pieces is mostly effort
    around them. `mask` says which pieces are no padding.
    """
    kept = torch.ones(1, 1, key.shape[2], 1, dtype=key.dtype) if mask is None else mask[:, :, -1:].mT.to(key.dtype)
    # Without taking the largest off first, so e to the power of more than _STEEP would overflow.
    weights = (query * scaling @ key.mT).clamp_(max=_STEEP).exp_()
    return (weights @ (value * kept) / (weights @ kept)).transpose(1, 2), None


def _widened(_module: object, _inputs: object, features: dict[str, Any]) -> dict[str, Any]:
    return features | {"token_embeddings": features["token_embeddings"].float()}
