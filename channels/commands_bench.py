"""`shopkeeper bench`: how fast, and in how much memory, side by side with what it is compared to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from channels.options import DebugOption, StoreOption, store_at
from data.errors import SettingError

BENCHES = ("agent",)


def bench(
    *,
    name: Annotated[str, typer.Argument(help="What to measure: agent.", show_default=False)],
    requests: Annotated[int, typer.Option("--requests", min=1, help="How many requests, and as many questions.")] = 40,
    test: Annotated[Path | None, typer.Option("--test", help="A file of requests, not the project's own.")] = None,
    shop: Annotated[
        Path | None, typer.Option("--shop", metavar="PATH", help="A store to ask about, not the evaluation's own shop.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write the record, one JSON object, here.")] = None,
    record: Annotated[bool, typer.Option("--record", help="Append the record to eval/runs.jsonl.")] = False,
    store: StoreOption = None,
    _debug: DebugOption = False,
) -> None:
    """Measures speed and memory beside an alternative, each in a process of its own and taking turns.

    agent: the agent's decisions beside the same model in LangChain's Hugging Face pipeline. Leave the machine alone
    meanwhile: what else runs slows both.

    Examples:

    - `shopkeeper bench agent`
    - `shopkeeper bench agent --shop var/demo --requests 20`
    """
    from functools import partial

    from channels import ways
    from channels.commands_eval import present, save
    from channels.terminal import Screen
    from eval import bench_agent, run
    from eval.task import Inputs

    if name not in BENCHES:
        raise SettingError(f"there is no bench {name}: choose one of {', '.join(BENCHES)}")
    if test is not None and not test.exists():
        raise SettingError(f"there is no file {test}")
    screen = Screen()
    sides = bench_agent.Ways(ways.open_agent, ways.open_pipeline)
    with screen.progress() as show:
        inputs = Inputs(
            test=test,
            store=None if shop is None else store_at(shop),
            keep=store_at(store).root / "eval",
            progress=show,
        )
        done = run.measure(
            f"bench {name}",
            partial(bench_agent.evaluate, ways=sides, requests=requests),
            inputs,
            arguments={"requests": requests, "test": test, "shop": shop and shop.name},
        )
    present(screen, done.record)
    save(screen, done.record, out, record=record)
