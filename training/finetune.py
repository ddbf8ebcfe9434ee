"""The whole recipe in one call: compose conversations, train the adapter, draw its curve, write it for release."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from training import base as bases
from training import corpus, sft
from training.dataset import compose

RECIPE = Path(__file__).parent / "recipe.yaml"
EXAMPLES = "examples.npz"
"""Where, in a training's folder, its examples lie."""

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
    tokenizer = bases.tokenizer(recipe.base)
    encoded = []
    for done, conversation in enumerate(compose(recipe.conversations, recipe.seed, recipe.mix), start=1):
        encoded.append(corpus.encode(conversation, tokenizer, prose=recipe.prose_weight))
        if composing and done % 100 == 0:
            composing(done, recipe.conversations)
    kept = [example for example in encoded if example is not None]
    corpus.save(kept, path, made_from)
    return kept


def release(adapter: Path, base: str) -> None:
    """Makes an adapter fit to be shared: its configuration names the base, not a path of this machine."""
    path = adapter / "adapter_config.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    settings["base_model_name_or_path"] = base
    settings["target_modules"] = sorted(settings["target_modules"])
    path.write_text(json.dumps(settings, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    (adapter / "README.md").unlink(missing_ok=True)


def publish(adapter: Path, place: Path) -> None:
    """Copies weights and configuration of a finished adapter to where the agent looks for them."""
    place.mkdir(parents=True, exist_ok=True)
    for name in ("adapter_model.safetensors", "adapter_config.json"):
        shutil.copyfile(adapter / name, place / name)
