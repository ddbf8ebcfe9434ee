"""The whole recipe in one call: compose conversations, train the adapter, draw its curve, write it for release."""

import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from training import base as bases
from training import corpus, sft
from training.dataset import compose

RECIPE = Path(__file__).parent / "recipe.yaml"
WEIGHTS, CONFIGURATION = "adapter_model.safetensors", "adapter_config.json"
EXAMPLES = "examples.npz"
"""Where, in a training's folder, its examples lie."""

CHUNK = 4000
"""Conversations that one process composes at a time."""

Composing = Callable[[int, int], None]
"""Called now and then with: conversations composed, conversations."""


def run(
    recipe: Path | None = None,
    *,
    out: Path,
    base: str | None = None,
    start: Path | None = None,
    conversations: int | None = None,
    seed: int | None = None,
    only_compose: bool = False,
    composing: Composing | None = None,
    progress: sft.Progress | None = None,
) -> Path:
    """Trains by `recipe` (default `recipe.yaml`) into `out` and returns the folder of the finished adapter.

    An interrupted training goes on where it stopped when it is called again with the same recipe and `out`.
    `start` is the folder of an adapter to go on from; without it a fresh one is trained.
    The examples are kept in `out`; with `only_compose` that is all, and their file is returned: another machine can
    train on them without composing them anew.
    Raises `SettingError` when `out` holds the training of another recipe.
    """
    changes = {"base": base, "start": start and str(start), "conversations": conversations, "seed": seed}
    chosen = sft.Recipe.load(recipe or RECIPE, **changes)
    found = examples(chosen, out / EXAMPLES, composing)
    if only_compose:
        return out / EXAMPLES
    training = sft.Training(chosen, found, out)
    adapter = training.run(progress)
    sft.plot(training.losses, out / "loss.png")
    release(adapter, chosen.base)
    return adapter


def examples(recipe: sft.Recipe, path: Path, composing: Composing | None = None) -> list[corpus.Example]:
    """The examples that `recipe` trains on, from `path` where they lie there, else composed and kept there."""
    decides = ("base", "conversations", "seed", "mix", "prose_weight")
    made_from = json.dumps({name: getattr(recipe, name) for name in decides}, sort_keys=True)
    if (found := corpus.saved(path, made_from)) is not None:
        return found
    chunks = range(0, recipe.conversations, CHUNK)
    numbers = [min(CHUNK, recipe.conversations - start) for start in chunks]
    encode = partial(_encoded, recipe)
    kept: list[corpus.Example] = []
    with _several(len(chunks)) as spread:
        for chunk, found in enumerate(spread(encode, range(len(chunks)), numbers)):
            kept += found
            if composing:
                composing(chunks[chunk] + numbers[chunk], recipe.conversations)
    corpus.save(kept, path, made_from)
    return kept


@contextmanager
def _several(tasks: int) -> Iterator[Callable[..., Iterable[list[corpus.Example]]]]:
    """A `map` over as many processes as there are cores, in the tasks' order; a single task stays in this one."""
    if tasks < 2:
        yield map
        return
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        yield pool.map


def _encoded(recipe: sft.Recipe, chunk: int, number: int) -> list[corpus.Example]:
    """The examples of one chunk of conversations: the same whichever process composes it."""
    tokenizer = bases.tokenizer(recipe.base)
    conversations = compose(number, f"{recipe.seed}.{chunk}", recipe.mix)
    encoded = (corpus.encode(one, tokenizer, prose=recipe.prose_weight) for one in conversations)
    # Arrays take a tenth of the memory that lists do, here and on their way to the process that collects them.
    return [
        corpus.Example(np.array(one.ids, np.int32), np.array(one.weights, np.float32))
        for one in encoded
        if one is not None
    ]


def release(adapter: Path, base: str) -> None:
    """Makes an adapter fit to be shared: its configuration names the base, not a path of this machine."""
    path = adapter / CONFIGURATION
    settings = json.loads(path.read_text(encoding="utf-8"))
    settings["base_model_name_or_path"] = base
    settings["target_modules"] = sorted(settings["target_modules"])
    path.write_text(json.dumps(settings, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    (adapter / "README.md").unlink(missing_ok=True)


def publish(adapter: Path, place: Path) -> None:
    """Writes a finished adapter to where the agent looks for it, in 8-bit floats: half the bytes.

    The two factors of each layer are brought to one size first, since small floats of 8 bits are coarse. What that
    rounds is about a tenth of what the 4-bit weights of the merged file round.
    """
    place.mkdir(parents=True, exist_ok=True)
    weights = {name: tensor.float() for name, tensor in load_file(adapter / WEIGHTS).items()}
    for name in [name for name in weights if ".lora_A." in name]:
        other = name.replace(".lora_A.", ".lora_B.")
        low, high = weights[name], weights[other]
        factor = (high.square().mean() / low.square().mean()).pow(0.25)
        if bool(factor):  # an untrained second factor is all zero
            weights[name], weights[other] = low * factor, high / factor
    packed = {name: tensor.to(torch.float8_e4m3fn) for name, tensor in weights.items()}
    save_file(packed, place / WEIGHTS, metadata={"format": "pt"})
    (place / WEIGHTS).chmod(0o644)
    shutil.copyfile(adapter / CONFIGURATION, place / CONFIGURATION)
