"""The orchestrator's weights: the committed LoRA adapter, and the GGUF file that it is merged into."""

import hashlib
from pathlib import Path

from data.errors import AgentError

ADAPTER = Path(__file__).parent / "orchestrator"
"""Folder of the committed adapter (safetensors, bfloat16) and its configuration."""

_EXPORTED = Path("llm") / "orchestrator.gguf"


def exported(root: Path | None = None) -> Path:
    """The exported GGUF file under `root` (default `var/` beside the packages).

    Raises `AgentError` when it was not exported yet.
    """
    path = place(root)
    if not path.exists():
        raise AgentError("the language model has not been exported yet; run make setup or shopkeeper export-model")
    return path


def place(root: Path | None = None) -> Path:
    """Where the exported GGUF file lies, whether it exists or not."""
    return (root or Path(__file__).parents[2] / "var") / _EXPORTED


def fingerprint(path: Path) -> str:
    """A hash of a GGUF file's size and edges: enough to tell two exports apart, and instant."""
    edge = 1 << 20
    with path.open("rb") as file:
        head = file.read(edge)
        file.seek(max(0, path.stat().st_size - edge))
        return hashlib.sha256(f"{path.stat().st_size} ".encode() + head + file.read()).hexdigest()[:16]
