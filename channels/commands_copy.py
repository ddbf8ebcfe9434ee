"""`shopkeeper copy`: all the words of a drafted campaign, segment by segment, into its plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from channels.options import DebugOption, StoreOption, at_store, records_of, store_at

if TYPE_CHECKING:
    from campaign.wording import Language
    from channels.terminal import Screen
    from data.store import Store
    from tools.base import Writer


@dataclass(frozen=True)
class How:
    """How a campaign's words are to be; None leaves the choice to segments, customers and their countries."""

    tone: str | None = None
    language: Language | None = None
    markets: tuple[str, ...] | None = None
    variants: int = 2


def copy(
    *,
    campaign: Annotated[str, typer.Argument(help="The campaign's id, such as C-0001.", show_default=False)],
    tone: Annotated[
        str | None,
        typer.Option(
            "--tone", help="friendly, playful, formal, urgent or luxury; what suits each segment unless given."
        ),
    ] = None,
    language: Annotated[
        str | None, typer.Option("--language", help="English or Chinese; each customer's own unless given.")
    ] = None,
    market: Annotated[
        list[str] | None,
        typer.Option("--market", help="Whose rules to keep: uk, eu, us, cn; by the customers' countries unless given."),
    ] = None,
    variants: Annotated[int, typer.Option("--variants", min=1, max=4, help="Different texts for each case.")] = 2,
    store: StoreOption = None,
    _debug: DebugOption = False,
) -> None:
    """Writes a drafted campaign's words for every segment, product, channel, language and offer, and keeps them in it.

    The plan changes by this, so it is for drafts that nobody has approved yet.

    Examples:

    - `shopkeeper copy C-0001`
    - `shopkeeper copy C-0001 --tone formal --market uk --market eu --variants 3`
    """
    from campaign import claims
    from channels.terminal import Screen
    from channels.ways import open_writer
    from tools.copy import language_of

    how = How(
        tone=tone,
        language=None if language is None else language_of(language),
        markets=claims.chosen(market) if market else None,
        variants=variants,
    )
    place = store_at(store)
    write(Screen(), place, campaign, open_writer(), how)


def write(screen: Screen, store: Store, campaign_id: str, writer: Writer | None, how: How) -> None:
    """Writes the words of a drafted campaign into its plan and its pages; `writer` None leaves all to the templates."""
    from campaign import reword
    from channels.commands_plan import write_pages
    from tools import copy_set

    operations = records_of(store)
    try:
        plan, snapshot = reword.open_draft(operations, campaign_id), store.snapshot()
        wanted = copy_set.cells(snapshot, plan, tone=how.tone, language=how.language)
        with screen.progress() as show:
            written = copy_set.write_all(
                snapshot,
                writer,
                wanted,
                variants=how.variants,
                markets=how.markets,
                progress=lambda done, of: show("Writing", done / of),
            )
        kept = reword.reworded(operations, campaign_id, written)
    finally:
        operations.close()
    own = sum(one.own_words for one in written)
    screen.say(
        f"{kept.campaign_id} has {len(written):,} texts for {len(wanted):,} cases; {own:,} are the model's own words, "
        f"{len(written) - own:,} are templates."
    )
    screen.say(f"→ {write_pages(store, kept.campaign_id)['html']}")
    screen.note(f"Read them, then: shopkeeper approve {kept.campaign_id} --by NAME{at_store(store)}")
