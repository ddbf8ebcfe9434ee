"""`shopkeeper plan`: a brief becomes a checked campaign plan on one page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer

from channels.commands_chat import converse, open_agent
from channels.options import DebugOption, StoreOption, at_store, records_of, store_at
from data.errors import CampaignError

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
    store: StoreOption = None,
    _debug: DebugOption = False,
) -> None:
    """Makes a campaign plan from a brief and writes it as Markdown, JSON and HTML, with its trace.

    Nothing is sent: a launch needs `shopkeeper approve`, then `shopkeeper launch`.

    Examples:

    - `shopkeeper plan "Win back 500 lapsed customers with 400 to spend, email and sms, warm tone"`
    - `shopkeeper plan "Clear the garden furniture before winter, 20 percent off" --out plans`
    """
    from channels.terminal import Screen

    screen, place = Screen(), store_at(store)
    agent = open_agent(place.root, task="plan")
    try:
        make(screen, agent, place, brief, folder=out)
    finally:
        agent.close()


def make(screen: Screen, agent: Agent, store: Store, brief: str, *, folder: Path | None = None) -> str:
    """Lets `agent` plan, writes the pages into `folder` and returns the campaign's id.

    Raises `CampaignError` when the agent ended without a plan; its answer, which says why, is on the screen.
    """
    answer = converse(screen, agent, brief, thread=uuid4().hex)
    campaign_id = drafted(answer)
    if campaign_id is None:
        raise CampaignError(f"no plan came of this brief: {_why(answer)}")
    paths = write_pages(store, campaign_id, folder=folder, trace=answer.trace)
    screen.say(f"→ {paths['html']}")
    screen.note(f"also {paths['md']}, {paths['json']}")
    screen.say(f"Launch needs your approval: shopkeeper approve {campaign_id} --by NAME{at_store(store)}")
    return campaign_id


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
