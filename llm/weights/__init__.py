"""The orchestrator's weights: the committed LoRA adapter, and the GGUF file that it is merged into."""

from pathlib import Path

from data.errors import AgentError

ADAPTER = Path(__file__).parent / "orchestrator"
"""Folder of the committed adapter (safetensors, bfloat16) and its configuration."""

_EXPORTED = Path("llm") / "orchestrator-q8_0.gguf"


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
