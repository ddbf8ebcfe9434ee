"""Supervised fine-tuning of the orchestrator: LoRA on every linear layer, or these layers whole; CPU or GPU, resumable.

The adapter's weights are bfloat16 in the model, where matrix products are fast, and float32 in the optimiser,
where small steps would otherwise be lost to rounding.
"""

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Any, cast

import torch
import yaml
from accelerate import Accelerator
from peft import LoraConfig, PeftModel, get_peft_model
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

from data.errors import SettingError
from training import base, corpus

LOGS = "logs"
"""Where, in a training's folder, TensorBoard finds the curves."""

Progress = Callable[[int, int, float, float], None]
"""Called after each step with: step, steps, loss, tokens a second."""


@dataclass(frozen=True)
class Recipe:
    """All that decides the outcome of a training; see `recipe.yaml` for the meaning of each field."""

    base: str
    conversations: int
    seed: int
    rank: int
    alpha: int
    dropout: float
    learning_rate: float
    warmup: float
    weight_decay: float
    batch_tokens: int
    clip: float
    checkpoint_minutes: float
    prose_weight: float = 1.0
    mix: dict[str, float] | None = None
    start: str | None = None
    steps: int | None = None

    @staticmethod
    def load(path: Path, **changes: Any) -> "Recipe":
        """The recipe of a YAML file; `changes` replace single fields, None leaves them.

        Raises `SettingError` when a field is missing or unknown.
        """
        read = yaml.safe_load(path.read_text(encoding="utf-8"))
        read |= {key: value for key, value in changes.items() if value is not None}
        known = {field.name for field in fields(Recipe)}
        wanted = {field.name for field in fields(Recipe) if field.default is MISSING}
        if not wanted <= set(read) <= known:
            raise SettingError(f"{path}: missing {sorted(wanted - set(read))}, unknown {sorted(set(read) - known)}")
        return Recipe(**read)


class Training:
    """A training under way: model, optimiser and position; every step can be saved and taken up again."""

    def __init__(self, recipe: Recipe, examples: Sequence[corpus.Example], folder: Path) -> None:
        self.recipe, self.folder, self.examples = recipe, folder, examples
        torch.manual_seed(recipe.seed)
        self.steps = corpus.batches(examples, batch_tokens=recipe.batch_tokens, seed=recipe.seed)[: recipe.steps]
        self.accelerator = Accelerator(log_with="tensorboard", project_dir=str(folder))
        self.model = _prepared(base.model(recipe.base), recipe).to(self.accelerator.device)
        self.weights = [p for p in self.model.parameters() if p.requires_grad]
        self.masters = [torch.nn.Parameter(p.detach().float().clone()) for p in self.weights]
        self.optimizer = torch.optim.AdamW(self.masters, lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
        self.step = 0
        self.losses: list[tuple[int, float]] = []

    @property
    def checkpoint(self) -> Path:
        """Where the state of an interrupted training lies."""
        return self.folder / "checkpoint.pt"

    def run(self, progress: Progress | None = None) -> Path:
        """Trains to the end, saving a checkpoint now and then and on interruption; returns the adapter's folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._resume()
        self.accelerator.init_trackers(LOGS)
        self.model.train()
        saved = time.monotonic()
        try:
            while self.step < len(self.steps):
                started = time.monotonic()
                loss, tokens = self._take_step(self.steps[self.step])
                self.step += 1
                self.losses.append((self.step, loss))
                speed = tokens / (time.monotonic() - started)
                rate = self.optimizer.param_groups[0]["lr"]
                self.accelerator.log({"loss": loss, "learning_rate": rate, "tokens_per_second": speed}, step=self.step)
                if progress:
                    progress(self.step, len(self.steps), loss, speed)
                if time.monotonic() - saved > 60 * self.recipe.checkpoint_minutes:
                    self.save()
                    saved = time.monotonic()
        finally:
            self.save()
            self.accelerator.end_training()
        return self.folder / "adapter"

    def save(self) -> None:
        """Writes checkpoint, adapter and losses, each whole or not at all."""
        state = {
            "recipe": asdict(self.recipe),
            "step": self.step,
            "losses": self.losses,
            "masters": [m.detach() for m in self.masters],
            "optimizer": self.optimizer.state_dict(),
        }
        fresh = self.checkpoint.with_suffix(".new")
        torch.save(state, fresh)
        fresh.replace(self.checkpoint)
        self.model.save_pretrained(str(self.folder / "adapter"))
        (self.folder / "losses.json").write_text(json.dumps(self.losses), encoding="utf-8")

    def _resume(self) -> None:
        if not self.checkpoint.exists():
            return
        state = torch.load(self.checkpoint, weights_only=True)
        if Recipe(**state["recipe"]) != self.recipe:
            raise SettingError(f"{self.folder} holds a training of another recipe; choose another folder or remove it")
        self.step, self.losses = state["step"], [tuple(pair) for pair in state["losses"]]
        with torch.no_grad():
            for master, weight, old in zip(self.masters, self.weights, state["masters"], strict=True):
                master.copy_(old)
                weight.copy_(old)
        self.optimizer.load_state_dict(state["optimizer"])

    def _take_step(self, chosen: list[int]) -> tuple[float, int]:
        device = self.accelerator.device
        ids, attention, weights = (t.to(device) for t in corpus.collate(self.examples[i] for i in chosen))
        inner: Any = self.model.get_base_model() if isinstance(self.model, PeftModel) else self.model
        hidden = inner.model(input_ids=ids, attention_mask=attention, use_cache=False).last_hidden_state
        # Logits only where something is learned: the vocabulary's matrix is a fifth of the model.
        where = weights[:, 1:] > 0
        logits = inner.lm_head(hidden[:, :-1][where])
        each = cross_entropy(logits.float(), ids[:, 1:][where], reduction="none")
        share = weights[:, 1:][where]
        loss = (each * share).sum() / share.sum()
        self.accelerator.backward(loss)
        for master, weight in zip(self.masters, self.weights, strict=True):
            master.grad = None if weight.grad is None else weight.grad.float()
            weight.grad = None
        torch.nn.utils.clip_grad_norm_(self.masters, self.recipe.clip)
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.learning_rate * self._schedule(self.step)
        self.optimizer.step()
        with torch.no_grad():
            for master, weight in zip(self.masters, self.weights, strict=True):
                weight.copy_(master)
        return float(loss.detach()), int(attention.sum())

    def _schedule(self, step: int) -> float:
        """Linear warm-up, then half a cosine down to a twentieth."""
        total = len(self.steps)
        warm = max(1, round(self.recipe.warmup * total))
        if step < warm:
            return (step + 1) / warm
        return 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, total - warm)))


def _prepared(model: PreTrainedModel, recipe: Recipe) -> PreTrainedModel | PeftModel:
    """`model` with what is to be learned: a fresh adapter, the one to go on from, or its own linear layers (rank 0).

    Raises `SettingError` when there is no adapter to go on from, or when it is of another rank.
    """
    if recipe.rank == 0:
        for name, weight in model.named_parameters():
            weight.requires_grad = name.endswith("_proj.weight")
        return model
    if recipe.start is None:
        lora = LoraConfig(
            r=recipe.rank,
            lora_alpha=recipe.alpha,
            lora_dropout=recipe.dropout,
            target_modules="all-linear",
            task_type="CAUSAL_LM",
        )
        return cast(PeftModel, get_peft_model(model, lora, autocast_adapter_dtype=False))
    if not (Path(recipe.start) / "adapter_model.safetensors").is_file():
        raise SettingError(f"there is no adapter in {recipe.start} to go on from")
    adapted = PeftModel.from_pretrained(model, recipe.start, is_trainable=True, autocast_adapter_dtype=False)
    settings = cast(LoraConfig, adapted.peft_config["default"])
    if (settings.r, settings.lora_alpha) != (recipe.rank, recipe.alpha):
        raise SettingError(
            f"the adapter in {recipe.start} has rank {settings.r} and alpha {settings.lora_alpha}, "
            f"the recipe {recipe.rank} and {recipe.alpha}: make them the same"
        )
    return adapted


def plot(losses: Sequence[tuple[int, float]], path: Path) -> None:
    """The loss curve as PNG: each step, and a running mean."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    steps, values = [s for s, _ in losses], [v for _, v in losses]
    smooth, mean = [], values[0]
    for value in values:
        mean = 0.95 * mean + 0.05 * value
        smooth.append(mean)
    figure = Figure(figsize=(7, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.plot(steps, values, color="#b8c4cc", linewidth=0.8, label="each step")
    axes.plot(steps, smooth, color="#1b6e6a", linewidth=2, label="running mean")
    axes.set(xlabel="step", ylabel="loss on the assistant's tokens", title="Fine-tuning the orchestrator", yscale="log")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)
