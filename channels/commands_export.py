"""`shopkeeper export-model`: base and adapter become one GGUF file."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from channels.options import DebugOption


def export_model(
    *,
    adapter: Annotated[
        Path | None, typer.Option("--adapter", metavar="DIR", help="The adapter; the committed one unless given.")
    ] = None,
    base: Annotated[
        str, typer.Option("--base", metavar="NAME", help="The base that the adapter was trained on.")
    ] = "smollm2",
    out: Annotated[
        Path | None, typer.Option("--out", help="The GGUF file; the one the agent runs unless given.")
    ] = None,
    _debug: DebugOption = False,
) -> None:
    """Merges the adapter into its base and writes the GGUF file that the agent runs, about 12 seconds' work.

    Examples:

    - `shopkeeper export-model`
    - `shopkeeper export-model --adapter var/finetune/adapter --out mine.gguf`
    """
    from channels.terminal import Screen
    from data.errors import SettingError
    from llm import weights

    source = adapter or weights.ADAPTER
    if not (source / "adapter_model.safetensors").is_file():
        raise SettingError(
            f"there is no adapter in {source}: run shopkeeper finetune, then name its folder by --adapter"
        )
    from training import export  # only now: it loads what takes seconds

    screen = Screen()
    started = time.perf_counter()
    with screen.progress() as show:
        path = export.export(
            source, out or weights.place(), base=base, progress=lambda done, total: show("merging", done / total)
        )
    screen.say(f"Model: {path}", seconds=time.perf_counter() - started)
