"""`shopkeeper bench`: how fast, and in how much memory, side by side with what it is compared to."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from channels.options import DebugOption, StoreOption, store_at
from data.errors import SettingError

if TYPE_CHECKING:
    from eval.task import Inputs, Outcome

Measure = Callable[["Inputs"], "Outcome"]


def _agent(size: int) -> Measure:
    from channels import ways
    from eval import bench_agent

    sides = bench_agent.Ways(ways.open_agent, ways.open_pipeline)
    return partial(bench_agent.evaluate, ways=sides, requests=size)


def _features(size: int) -> Measure:
    from eval import bench_features

    return partial(bench_features.evaluate, events=size)


def _copy(size: int) -> Measure:
    from channels.ways import open_writer
    from eval import bench_copy

    return partial(bench_copy.evaluate, open_writer=open_writer, copies=size)


def _experiments(size: int) -> Measure:
    from eval import bench_experiments

    return partial(bench_experiments.evaluate, campaigns=size)


def _outbox(size: int) -> Measure:
    from channels.ways import render_letters
    from eval import bench_outbox

    return partial(bench_outbox.evaluate, render=render_letters, messages=size, kills=max(size // 50, 1))


def _campaign(size: int) -> Measure:
    from eval import bench_campaign

    return partial(bench_campaign.evaluate, seeds=size)


def _serve(size: int) -> Measure:
    from eval import bench_serve

    return partial(bench_serve.evaluate, seconds=size)


def _search(size: int) -> Measure:
    from eval import bench_search

    return partial(bench_search.evaluate, vectors=size)


def _recommend(size: int) -> Measure:
    from eval import bench_recommend

    return partial(bench_recommend.evaluate, users=size)


def _forecast(size: int) -> Measure:
    from eval import bench_forecast

    return partial(bench_forecast.evaluate, series=size)


BENCHES: dict[str, tuple[Callable[[int], Measure], str, int]] = {
    "agent": (_agent, "requests", 40),
    "features": (_features, "events", 10_000_000),
    "outbox": (_outbox, "messages", 5000),
    "experiments": (_experiments, "campaigns", 1000),
    "copy": (_copy, "copies", 1000),
    "campaign": (_campaign, "seeds", 20),
    "serve": (_serve, "seconds", 300),
    "search": (_search, "vectors", 1_000_000),
    "recommend": (_recommend, "users", 2000),
    "forecast": (_forecast, "series", 3000),
}
"""Each bench: what makes it for a size, what the size counts, and how much of that is usual."""


def bench(
    *,
    name: Annotated[
        str,
        typer.Argument(
            help="What to measure: agent, campaign, features, outbox, copy, experiments, serve, search, recommend or "
            "forecast.",
            show_default=False,
        ),
    ],
    requests: Annotated[
        int | None, typer.Option("--requests", min=1, help="agent: how many requests, and as many questions.")
    ] = None,
    events: Annotated[
        int | None, typer.Option("--events", min=1000, help="features: how many events become features.")
    ] = None,
    copies: Annotated[int | None, typer.Option("--copies", min=1, help="copy: how many texts are written.")] = None,
    campaigns: Annotated[
        int | None, typer.Option("--campaigns", min=10, help="experiments: how many campaigns are simulated.")
    ] = None,
    messages: Annotated[
        int | None, typer.Option("--messages", min=50, help="outbox: how many messages are sent.")
    ] = None,
    seeds: Annotated[
        int | None, typer.Option("--seeds", min=1, help="campaign: how many demo shops are planned for.")
    ] = None,
    seconds: Annotated[
        int | None, typer.Option("--seconds", min=5, help="serve: how long the server is under load.")
    ] = None,
    vectors: Annotated[
        int | None, typer.Option("--vectors", min=10, help="search: how many product vectors are searched.")
    ] = None,
    users: Annotated[int | None, typer.Option("--users", min=1, help="recommend: how many users get a list.")] = None,
    series: Annotated[int | None, typer.Option("--series", min=1, help="forecast: how many series.")] = None,
    data: Annotated[
        Path | None, typer.Option("--data", envvar="SHOPKEEPER_DATA", help="Where the benchmark data lies.")
    ] = None,
    test: Annotated[Path | None, typer.Option("--test", help="A file of requests, not the project's own.")] = None,
    shop: Annotated[
        Path | None, typer.Option("--shop", metavar="PATH", help="A store to ask about, not the evaluation's own shop.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write the record, one JSON object, here.")] = None,
    record: Annotated[bool, typer.Option("--record", help="Append the record to eval/runs.jsonl.")] = False,
    store: StoreOption = None,
    _debug: DebugOption = False,
) -> None:
    """Measures speed and memory, each way in a process of its own and taking turns.

    agent: the agent's decisions beside the same model in LangChain's Hugging Face pipeline. features: events to
    features of customers, and how the time grows with the events. experiments: whether hold-outs, sequential tests
    and off-policy intervals keep their word, on simulated campaigns. campaign: what the joint plan earns on demo
    shops beside an oracle and the usual rule, and how long it takes at scale; shops once trained are kept. outbox:
    `shopkeeper send` before a local SMTP server, killed again and again, then its speed unsigned and signed. serve:
    `shopkeeper serve` over a copy of a shop: 50 requests a second, four chats at once, the console's first paint.
    search: a million product vectors beside looking at them all, and titles encoded beside sentence-transformers.
    recommend: lists of 20 from 100,000 items beside implicit's. forecast: weekly series beside statsforecast's
    AutoETS. These three read the benchmark data. Leave the machine alone meanwhile: what else runs slows both.

    Examples:

    - `shopkeeper bench agent`
    - `shopkeeper bench agent --shop var/demo --requests 20`
    - `shopkeeper bench features --events 1000000`
    - `shopkeeper bench experiments --campaigns 100`
    - `shopkeeper bench campaign --seeds 3`
    - `shopkeeper bench copy --copies 40`
    - `shopkeeper bench outbox --messages 500`
    - `shopkeeper bench serve --shop var/demo --seconds 60`
    - `shopkeeper bench search --data ../shared/data`
    - `shopkeeper bench search --vectors 250000`
    - `shopkeeper bench recommend --users 500`
    - `shopkeeper bench forecast --series 300`
    """
    from channels.commands_eval import present, save
    from channels.terminal import Screen
    from eval import run
    from eval.task import Inputs

    if name not in BENCHES:
        raise SettingError(f"there is no bench {name}: choose one of {', '.join(BENCHES)}")
    if test is not None and not test.exists():
        raise SettingError(f"there is no file {test}")
    measure, counted, usual = BENCHES[name]
    given = {"requests": requests, "events": events, "copies": copies, "campaigns": campaigns, "messages": messages} | {
        "seeds": seeds,
        "seconds": seconds,
        "vectors": vectors,
        "users": users,
        "series": series,
    }
    if other := next((option for option, value in given.items() if value is not None and option != counted), None):
        raise SettingError(f"bench {name} has no {other}: leave out --{other}")
    size, screen = given[counted] or usual, Screen()
    with screen.progress() as show:
        inputs = Inputs(
            test=test,
            store=None if shop is None else store_at(shop),
            keep=store_at(store).root / "eval",
            data=data,
            progress=show,
        )
        done = run.measure(
            f"bench {name}",
            measure(size),
            inputs,
            arguments={counted: size, "test": test, "shop": shop and shop.name},
        )
    present(screen, done.record)
    save(screen, done.record, out, record=record)
