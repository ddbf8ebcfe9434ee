"""All the words of a campaign: texts for each segment, product, channel, language and offer that its members meet.

The chat model sees the keys of facts alone, so one text with references serves every product: it is asked once for each
channel, tone and set of facts, and its answer is checked anew over each product.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from campaign import contact, wording
from campaign.plan import Copy, Plan
from campaign.wording import Language
from tools import copywriter
from tools.base import Fact, Writer
from tools.copy import ask_for, markets_of

if TYPE_CHECKING:
    from data.store import Snapshot

LETTERS = "ABCD"
"""Names of a cell's variants, the best text first."""


@dataclass(frozen=True, order=True)
class Cell:
    """What one text is for; `offer` is a share off, `tone` the segment's own unless the brief gave one."""

    segment: str
    product_id: str
    channel: str
    language: Language
    offer: float
    tone: str


class Remembering:
    """A writer that is asked once for each request; what it wrote before is what it would write again."""

    def __init__(self, inner: Writer) -> None:
        self._inner = inner
        self._written: dict[tuple[str, ...], str] = {}

    @property
    def written(self) -> Mapping[tuple[str, ...], str]:
        """What was asked, as (task, the request's values, keys of the facts), and the text."""
        return self._written

    def write(self, task: str, request: Mapping[str, str], facts: Mapping[str, Fact]) -> str:
        """The text for this request."""
        key = (task, *request.values(), *facts)
        if key not in self._written:
            self._written[key] = self._inner.write(task, request, facts)
        return self._written[key]


def cells(snapshot: Snapshot, plan: Plan, *, tone: str | None = None, language: Language | None = None) -> list[Cell]:
    """Every cell that the plan's customers and paid channels meet, each once, sorted.

    A customer's first product is the one that the text is about; the language is the customer's own unless given.
    """
    treated = [m for m in plan.members if m.arm == "treated"]
    speaks = contact.languages(snapshot, [m.customer_id for m in treated])
    heroes = [p.product_id for p in plan.products]
    found = {
        Cell(
            segment=m.segment,
            product_id=(m.products or tuple(heroes))[0],
            channel=m.channel,
            language=language or speaks[m.customer_id],
            offer=round(plan.offer_of(m), 6),
            tone=tone or wording.tone_for(m.segment),
        )
        for m in treated
        if m.products or heroes
    }
    everyone = tone or wording.tone_for("everyone")
    offer = round(max((plan.offer_of(m) for m in treated), default=plan.discount), 6)
    for paid in plan.channels:
        if paid.channel in contact.PAID and heroes:
            found.add(Cell("everyone", heroes[0], paid.channel, language or "en", offer, everyone))
    return sorted(found)


def write_all(
    snapshot: Snapshot,
    writer: Writer | None,
    wanted: Sequence[Cell],
    *,
    variants: int = 2,
    markets: tuple[str, ...] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Copy]:
    """Up to `variants` truly different texts for each cell, the best first; `progress` hears (cells done, of all).

    `markets` are those of the shop's customers unless given. Raises `ToolError` for a channel, tone, language or offer
    that copy can't be written for.
    """
    where = markets_of(snapshot) if markets is None else markets
    once = None if writer is None else Remembering(writer)
    found: list[Copy] = []
    for done, cell in enumerate(wanted):
        if progress:
            progress(done, len(wanted))
        found += _cell(snapshot, once, cell, variants, where)
    return found


def _cell(
    snapshot: Snapshot, writer: Writer | None, cell: Cell, variants: int, markets: tuple[str, ...]
) -> Iterator[Copy]:
    ask = ask_for(
        snapshot,
        cell.product_id,
        cell.channel,
        tone=cell.tone,
        discount_percent=100 * cell.offer or None,
        language=cell.language,
        markets=markets,
    )
    texts = copywriter.variants(writer, ask, variants)
    for letter, text in zip(LETTERS, texts, strict=False):
        copy = copywriter.to_copy(ask, cell.product_id, text)
        yield replace(copy, segment=cell.segment, variant=letter)
