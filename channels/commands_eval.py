"""`shopkeeper eval`: measures one task and records it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from channels.options import DebugOption, StoreOption, store_at
from data.errors import SettingError

if TYPE_CHECKING:
    from channels.terminal import Screen
    from eval.record import Record
    from eval.run import Run
    from eval.task import Bench

MISSES = 10
"""How many cases that went wrong are shown."""


def evaluate(
    *,
    task: Annotated[str, typer.Argument(help="What to measure, such as orchestrator or plans.", show_default=False)],
    train: Annotated[Path | None, typer.Option("--train", help="A training file of the task's form.")] = None,
    test: Annotated[Path | None, typer.Option("--test", help="A test file of the task's form.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write the record, one JSON object, here.")] = None,
    record: Annotated[bool, typer.Option("--record", help="Append the record to eval/runs.jsonl.")] = False,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="Only the first N lines of the test file (JSON lines).")
    ] = None,
    shop: Annotated[
        Path | None, typer.Option("--shop", metavar="PATH", help="A store to ask about, not the evaluation's own shop.")
    ] = None,
    model: Annotated[
        Path | None, typer.Option("--model", help="A GGUF file to measure instead of the agent's own.")
    ] = None,
    untuned: Annotated[bool, typer.Option("--untuned", help="Measure the untuned base beside it, as a floor.")] = False,
    plots: Annotated[
        Path | None, typer.Option("--plots", metavar="FOLDER", help="Write pictures of what was measured here, as PNG.")
    ] = None,
    show_misses: Annotated[bool, typer.Option("--misses", help="Show every case that went wrong.")] = False,
    data: Annotated[
        Path | None, typer.Option("--data", envvar="SHOPKEEPER_DATA", help="Where the benchmark data lies.")
    ] = None,
    store: StoreOption = None,
    _debug: DebugOption = False,
) -> None:
    """Measures one task on its own cases or on files of the same form, and prints a table.

    The agent is measured in a small shop of the evaluation's own, which has every category of the test file.

    Examples:

    - `shopkeeper eval orchestrator`
    - `shopkeeper eval orchestrator --test requests.jsonl --out run.json`
    - `shopkeeper eval answers --shop var/demo`
    - `shopkeeper eval session_purchase --data DATA --plots pictures`
    """
    import tempfile

    from channels.terminal import Screen
    from eval import run
    from eval.task import Inputs

    if task not in run.TASKS:
        raise SettingError(f"there is no task {task}: choose one of {', '.join(run.TASKS)}")
    for file in (train, test, model):
        if file is not None and not file.exists():
            raise SettingError(f"there is no file {file}")
    screen = Screen()
    given = {
        "train": train,
        "test": test,
        "limit": limit,
        "shop": shop and shop.name,
        "model": model,
        "untuned": untuned or None,
    }
    with tempfile.TemporaryDirectory(prefix="shopkeeper-eval-") as folder, screen.progress() as show:
        inputs = Inputs(
            train=train,
            test=_first(task, test, limit, Path(folder)) if limit is not None else test,
            store=None if shop is None else store_at(shop),
            keep=store_at(store).root / "eval",
            data=data,
            open_bench=lambda path: _bench(path, model),
            base=_untuned if untuned else None,
            progress=show,
        )
        done = run.run(task, inputs, arguments=given)
    present(screen, done.record)
    for miss in done.misses if show_misses else done.misses[:MISSES]:
        screen.note(miss)
    if plots is not None:
        _draw(screen, done, plots)
    save(screen, done.record, out, record=record)


def present(screen: Screen, record: Record) -> None:
    """The record's metrics with their intervals and the floors beside them."""
    screen.say(record.task, seconds=record.seconds, style="bold")
    rows = []
    for name, value in record.metrics.items():
        bounds = " to ".join(_shown(bound) for bound in record.intervals.get(name, ()))
        rows.append([name, _shown(value), bounds, *(_shown(floor.get(name)) for floor in record.floors.values())])
    screen.table(("metric", "value", "95% interval", *record.floors), rows)


def save(screen: Screen, found: Record, out: Path | None, *, record: bool) -> None:
    """Writes the record to `out`, and with `record` among the recorded runs."""
    from eval import run

    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(found.line() + "\n", encoding="utf-8")
        screen.say(f"Record: {out}")
    if record:
        screen.say(f"Recorded: {run.keep(found)}")


def _draw(screen: Screen, done: Run, folder: Path) -> None:
    """Writes the run's pictures into `folder` and names them; says so where the task has none."""
    from eval.plots import save as save_plots

    for path in save_plots(done.plots, folder):
        screen.say(f"Picture: {path}")
    if not done.plots:
        screen.say(f"{done.record.task} has no pictures.")


def _shown(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value == round(value) and abs(value) > 1 else f"{value:.3f}"


def _first(task: str, test: Path | None, lines: int, folder: Path) -> Path:
    """The first lines of the test file, or of the task's own cases, as a file in `folder`."""
    from eval.casefile import CASES

    own = {"orchestrator": "requests.jsonl", "consistency": "requests.jsonl", "plans": "plans.jsonl"}
    if test is None and task not in own:
        raise SettingError(f"--limit needs a file of requests, and {task} has none of its own: name one with --test")
    source = test or CASES / own[task]
    try:
        text = source.read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError:
        raise SettingError(f"--limit works on JSON lines, and {source.name} is no text: leave it out") from None
    short = folder / source.name
    short.write_text("\n".join(text[:lines]) + "\n", encoding="utf-8")
    return short


def _bench(path: Path, model: Path | None) -> Bench:
    from channels.measured import AgentBench

    return AgentBench(path, model=model)


def _untuned(path: Path) -> Bench:
    from channels.measured import AgentBench
    from training.base import gguf_file

    return AgentBench(path, model=gguf_file("smollm2"))
