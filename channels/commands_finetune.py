"""`shopkeeper finetune`: trains the language model's adapter."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from channels.options import DebugOption

DEFAULT_OUT = Path("var/finetune")
_REPORT_EVERY = 50


def finetune(
    *,
    base: Annotated[
        str | None,
        typer.Option(
            "--base",
            metavar="NAME",
            help="smollm2, a folder, or any Hugging Face causal LM; the recipe's unless given.",
        ),
    ] = None,
    recipe: Annotated[
        Path | None, typer.Option("--recipe", help="A recipe in YAML; training/recipe.yaml unless given.")
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Where checkpoint, adapter and loss curve go.")
    ] = DEFAULT_OUT,
    conversations: Annotated[
        int | None, typer.Option("--conversations", min=1, help="How many training conversations to compose.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Draws other conversations of the same kinds.")] = None,
    start: Annotated[
        Path | None, typer.Option("--from", metavar="DIR", help="An adapter to go on from, instead of a fresh one.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the interrupted training in the folder.")
    ] = False,
    only_compose: Annotated[
        bool,
        typer.Option("--only-compose", help="Write the training examples and stop; a later call trains on them."),
    ] = False,
    _debug: DebugOption = False,
) -> None:
    """Fine-tunes the language model with a LoRA adapter, on CPU or GPU; a checkpoint every ten minutes.

    Examples:

    - `shopkeeper finetune`
    - `shopkeeper finetune --resume`
    - `shopkeeper finetune --only-compose --out var/there`, then the same without it, perhaps on another machine
    - `shopkeeper finetune --from var/finetune/adapter --seed 21 --conversations 4000 --out var/second`
    - `shopkeeper finetune --base SmolLM2-360M-Instruct-Q8_0.gguf --out var/bigger`
    """
    from channels.terminal import Screen
    from data.errors import SettingError

    started_before = (out / "checkpoint.pt").exists()
    if started_before and not resume:
        raise SettingError(f"{out} holds a training already: go on with --resume, or name another folder with --out")
    if resume and not started_before:
        raise SettingError(f"{out} holds no training to go on with: leave --resume out")
    from training import finetune as training  # only now: it loads what takes seconds

    screen = Screen()
    last = {"step": 0, "steps": 0, "loss": 0.0}

    with screen.progress() as show:

        def progress(step: int, steps: int, loss: float, tokens_per_second: float) -> None:
            last.update(step=step, steps=steps, loss=loss)
            show("fine-tuning", step / max(1, steps))
            if not screen.live and step % _REPORT_EVERY == 0:  # a log file has no bar, and hours need a sign of life
                screen.say(f"step {step:,} of {steps:,}, loss {loss:.3f}, {tokens_per_second:,.0f} tokens/s")

        made = training.run(
            recipe,
            base=base,
            start=start,
            conversations=conversations,
            seed=seed,
            only_compose=only_compose,
            out=out,
            composing=lambda done, number: show("composing conversations", done / number),
            progress=progress,
        )
    if only_compose:
        screen.say(f"Examples: {made}")
        return
    screen.say(f"{last['step']:,.0f} steps; loss of the last {last['loss']:.3f}.")
    screen.say(f"Adapter: {made}")
    for curve in sorted(out.glob("*.png")):
        screen.note(f"loss curve: {curve}")
    screen.say(f"Next: shopkeeper export-model --adapter {made}")
