"""`shopkeeper plan`: a brief becomes a checked campaign plan on one page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer

from channels.commands_chat import converse, open_agent
from channels.options import DebugOption, StoreOption, at_store, records_of, store_at
from data.errors import CampaignError, SettingError

if TYPE_CHECKING:
    from agent.orchestrator import Agent, Answer
    from channels.terminal import Screen
    from data.store import Store


def plan(
    *,
    brief: Annotated[str, typer.Argument(help="What you want, in your own words.", show_default=False)],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Where the pages go; campaigns/ in the store unless given."),
    ] = None,
    minimum_spend: Annotated[
        list[str] | None,
        typer.Option(
            "--minimum-spend",
            metavar="CHANNEL=MONEY",
            help="Spend at least so much on a channel. Repeat it.",
            show_default=False,
        ),
    ] = None,
    capacity: Annotated[
        list[str] | None,
        typer.Option(
            "--capacity",
            metavar="CHANNEL=NUMBER",
            help="Send at most so many messages a day. Repeat it.",
            show_default=False,
        ),
    ] = None,
    store: StoreOption = None,
    _debug: DebugOption = False,
) -> None:
    """Makes a campaign plan from a brief and writes it as Markdown, JSON and HTML, with its trace.

    Nothing is sent: a launch needs `shopkeeper approve`, then `shopkeeper launch`. Where the wishes collide, it says
    which, and makes no plan.

    Examples:

    - `shopkeeper plan "Win back 500 lapsed customers with 400 to spend, email and sms, warm tone"`
    - `shopkeeper plan "Clear the garden furniture before winter, 20 percent off" --out plans`
    - `shopkeeper plan "Win back 500 lapsed customers, email and sms" --minimum-spend sms=20 --capacity email=200`
    """
    from campaign.contact import CHANNELS, DIRECT
    from channels.terminal import Screen

    least = {c: _money(c, text) for c, text in _by_channel("minimum-spend", minimum_spend, CHANNELS)}
    most = {c: _number(c, text) for c, text in _by_channel("capacity", capacity, DIRECT)}
    screen, place = Screen(), store_at(store)
    agent = open_agent(place.root, task="plan")
    try:
        make(screen, agent, place, brief, folder=out, minimum_spend=least, capacity=most)
    finally:
        agent.close()


def make(
    screen: Screen,
    agent: Agent,
    store: Store,
    brief: str,
    *,
    folder: Path | None = None,
    minimum_spend: Mapping[str, float] | None = None,
    capacity: Mapping[str, int] | None = None,
) -> str:
    """Lets `agent` plan, writes the pages into `folder` and returns the campaign's id.

    `minimum_spend` (money) and `capacity` (messages a day), by channel, bind the plan.

    Raises `CampaignError` when the agent ended without a plan; its answer, which says why, is on the screen.
    """
    answer = converse(screen, agent, brief, thread=uuid4().hex, minimum_spend=minimum_spend, capacity=capacity)
    campaign_id = drafted(answer)
    if campaign_id is None:
        raise CampaignError(f"no plan came of this brief: {_why(answer)}")
    paths = write_pages(store, campaign_id, folder=folder, trace=answer.trace)
    screen.say(f"→ {paths['html']}")
    screen.note(f"also {paths['md']}, {paths['json']}")
    screen.say(f"Launch needs your approval: shopkeeper approve {campaign_id} --by NAME{at_store(store)}")
    return campaign_id


def _by_channel(option: str, given: list[str] | None, channels: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Channel and value of each CHANNEL=VALUE."""
    seen: set[str] = set()
    for text in given or []:
        name, mark, value = (part.strip() for part in text.partition("="))
        channel = name.lower()
        if not mark or channel not in channels:
            raise SettingError(
                f"--{option} {text} cannot be read: write CHANNEL=VALUE, where the channel is {' or '.join(channels)}"
            )
        if channel in seen:
            raise SettingError(f"--{option} is given twice for {channel}: keep one")
        seen.add(channel)
        yield channel, value


def _money(channel: str, text: str) -> float:
    try:
        amount = float(text)
    except ValueError:
        amount = -1.0
    if not 0 <= amount <= 1e9:
        raise SettingError(f"--minimum-spend {channel}={text} is no amount of money: write it as {channel}=50")
    return amount


def _number(channel: str, text: str) -> int:
    if not text.isdecimal():
        raise SettingError(f"--capacity {channel}={text} is no number of messages a day: write it as {channel}=200")
    return int(text)


def drafted(answer: Answer) -> str | None:
    """The id of the campaign that the answer's last successful draft stored."""
    drafts = [c.result for c in answer.calls if c.tool == "draft_campaign" and not c.result.failed]
    return str(drafts[-1].facts["campaign"].value) if drafts else None


def _why(answer: Answer) -> str:
    """What kept the agent from a plan, as far as a tool said it."""
    failed = [c.result for c in answer.calls if c.result.failed]
    return failed[-1].facts["message"].display if failed else "name a goal, and if you like a budget and channels"


def write_pages(
    store: Store, campaign_id: str, *, folder: Path | None = None, trace: Path | None = None
) -> dict[str, Path]:
    """Writes the plan as it stands now (status, approver) as C-0001.md, .json and .html; the paths by ending."""
    from campaign import records
    from channels import plan_page

    operations = records_of(store)
    try:
        kept = records.find(operations, campaign_id)
    finally:
        operations.close()
    standing = plan_page.Standing(kept.status, kept.approver, None if trace is None else trace.stem)
    return plan_page.write(kept.plan, folder or store.root / "campaigns", standing)
