"""The whole recipe in one call: compose conversations, train the adapter, draw its curve, write it for release."""

import json
import shutil
from pathlib import Path

from training import sft
from training.dataset import compose

RECIPE = Path(__file__).parent / "recipe.yaml"


def run(
    recipe: Path | None = None,
    *,
    out: Path,
    base: str | None = None,
    start: Path | None = None,
    conversations: int | None = None,
    seed: int | None = None,
    progress: sft.Progress | None = None,
) -> Path:
    """Trains by `recipe` (default `recipe.yaml`) into `out` and returns the folder of the finished adapter.

    An interrupted training goes on where it stopped when it is called again with the same recipe and `out`.
    `start` is the folder of an adapter to go on from; without it a fresh one is trained.
    Raises `SettingError` when `out` holds the training of another recipe.
    """
    changes = {"base": base, "start": start and str(start), "conversations": conversations, "seed": seed}
    chosen = sft.Recipe.load(recipe or RECIPE, **changes)
    training = sft.Training(chosen, list(compose(chosen.conversations, chosen.seed, chosen.mix)), out)
    adapter = training.run(progress)
    sft.plot(training.losses, out / "loss.png")
    release(adapter, chosen.base)
    return adapter


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
