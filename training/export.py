"""Merges the LoRA adapter into the base's GGUF file and writes one GGUF file of 4- and 8-bit weights for llama.cpp.

The base's tensors are read from its own GGUF file, so no second copy of the weights is needed; llama.cpp keeps
the rows of the query and key projections in another order than transformers, and the adapter's follow it.
"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from gguf import GGMLQuantizationType, GGUFReader, GGUFValueType, GGUFWriter, Keys, LlamaFileType
from gguf.quants import dequantize, quantize

from data.errors import SettingError
from training import nonlinear
from training.base import gguf_file

Floats = npt.NDArray[np.float32]

_MODULES = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
"""llama.cpp's name of each linear layer, and transformers'."""

_OWN = {Keys.General.ARCHITECTURE, Keys.General.FILE_TYPE, Keys.General.QUANTIZATION_VERSION}
"""Keys that the writer sets itself."""

_EMBEDDING, _OUTPUT = "token_embd.weight", "output.weight"
"""The matrix that reads tokens, and the one that writes them; in a base that shares one, the second is a copy."""

_FOUR_BITS = ("ffn_", "attn_q", "attn_output")
"""Parts of the names of layers that are written in 4 bits."""

MARK = "shopkeeper.adapter"
"""The key under which the file says which adapter it was merged from."""


def export(
    adapter: Path, out: Path, *, base: str = "smollm2", progress: Callable[[int, int], None] | None = None
) -> Path:
    """Writes `out`: `base` with `adapter` merged in, in 4 and 8 bits, norms in float32. Returns `out`.

    A file that was already merged from the same adapter is left as it is. Raises `SettingError` for a base
    without a GGUF file; serve such a model through an OpenAI-compatible server instead.
    """
    source = gguf_file(base)
    if source is None:
        raise SettingError(
            f"{base} has no GGUF file to merge into; serve the merged model with vLLM and name its endpoint"
        )
    mark = fingerprint(adapter)
    if out.exists() and merged_from(out) == mark:
        return out
    reader = GGUFReader(source)
    deltas, scale = _adapter(adapter)
    heads = _heads(reader)
    tied = all(tensor.name != _OUTPUT for tensor in reader.tensors)
    out.parent.mkdir(parents=True, exist_ok=True)
    fresh = out.with_suffix(".new")
    writer = GGUFWriter(fresh, "llama")
    _copy_keys(reader, writer)
    writer.add_file_type(LlamaFileType.MOSTLY_IQ4_NL)
    writer.add_quantization_version(2)
    writer.add_string(MARK, mark)
    for done, tensor in enumerate(reader.tensors, start=1):
        weights: Floats = dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        if (delta := _delta(tensor.name, deltas, scale, heads)) is not None:
            weights = weights + delta
        if weights.ndim == 1:
            writer.add_tensor(tensor.name, weights)
        else:
            _add(writer, tensor.name, weights)
        if tensor.name == _EMBEDDING and tied:
            _add(writer, _OUTPUT, weights)
        if progress:
            progress(done, len(reader.tensors))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    fresh.replace(out)
    return out


def _add(writer: GGUFWriter, name: str, weights: Floats) -> None:
    """Nearly all that each token reads in 4 bits; keys, values and embedding in 8.

    Three query heads share each key and value, so that an error in those spreads: in 4 bits too, requests that must
    be declined were recognised less often.
    """
    if name == _OUTPUT or any(part in name for part in _FOUR_BITS):
        writer.add_tensor(name, nonlinear.quantize(weights), raw_dtype=GGMLQuantizationType.IQ4_NL)
    else:
        packed = quantize(weights, GGMLQuantizationType.Q8_0)
        writer.add_tensor(name, packed, raw_dtype=GGMLQuantizationType.Q8_0)


def fingerprint(adapter: Path) -> str:
    """A hash of the adapter's weights and of which layers become coarse, so that a file of older code is made anew."""
    layout = " ".join(_FOUR_BITS).encode()
    return hashlib.sha256((adapter / "adapter_model.safetensors").read_bytes() + layout).hexdigest()[:16]


def merged_from(path: Path) -> str:
    """The fingerprint of the adapter that a GGUF file was merged from; empty when it was not."""
    field = GGUFReader(path).fields.get(MARK)
    return str(field.contents()) if field else ""


def _adapter(folder: Path) -> tuple[dict[str, tuple[Floats, Floats]], float]:
    """Low-rank factors (A, B) by transformers' module name, and their scale alpha / r."""
    from safetensors import safe_open

    settings = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    factors: dict[str, dict[str, Floats]] = {}
    with safe_open(folder / "adapter_model.safetensors", framework="pt") as file:
        for name in file.keys():  # noqa: SIM118  (a safetensors file is not a dictionary)
            module, part = name.removeprefix("base_model.model.").rsplit(".lora_", 1)
            factors.setdefault(module, {})[part[0]] = file.get_tensor(name).float().numpy()
    return {module: (f["A"], f["B"]) for module, f in factors.items()}, settings["lora_alpha"] / settings["r"]


def _heads(reader: GGUFReader) -> dict[str, int]:
    def read(key: str) -> int:
        return int(reader.fields[key].contents())

    return {"attn_q": read("llama.attention.head_count"), "attn_k": read("llama.attention.head_count_kv")}


def _delta(tensor: str, deltas: dict[str, tuple[Floats, Floats]], scale: float, heads: dict[str, int]) -> Floats | None:
    parts = tensor.split(".")
    if parts[0] != "blk" or parts[2] not in _MODULES:
        return None
    factors = deltas.get(f"model.layers.{parts[1]}.{_MODULES[parts[2]]}")
    if factors is None:
        return None
    low, high = factors
    delta: Floats = (high @ low) * np.float32(scale)
    return _interleaved(delta, heads[parts[2]]) if parts[2] in heads else delta


def _interleaved(weights: Floats, heads: int) -> Floats:
    """Rows of a rotary projection in llama.cpp's order: the two halves of each head taken in turn."""
    rows, columns = weights.shape
    return weights.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def _copy_keys(reader: GGUFReader, writer: GGUFWriter) -> None:
    for name, field in reader.fields.items():
        if name in _OWN or name.startswith("GGUF."):
            continue
        kind = field.types[0]
        inner: Any = field.types[-1] if kind == GGUFValueType.ARRAY else None
        writer.add_key_value(name, field.contents(), kind, sub_type=inner)
