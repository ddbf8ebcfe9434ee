"""The words of a draft: a text for what each customer is shown, with no more asking of the model than a text a channel.

The model's text holds references, so what it wrote for one product, or what the conversation has said already, serves
the others, too. `shopkeeper copy` writes segments and variants later.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from campaign import contact, offers, wording
from campaign.plan import Copy
from campaign.wording import Language
from tools import copywriter
from tools.base import Fact, ToolContext, Writer
from tools.copy import ask_for, language_of, markets_of
from tools.copy_set import Cell, Remembering
from tools.copywriter import Ask

if TYPE_CHECKING:
    from campaign.draft import Proposal

_Kind = tuple[str, Language, bool]
"""A channel, a language, and whether there is an offer."""


@dataclass(frozen=True)
class _Sparing:
    """A writer that repeats what was said of a kind, asks the model about the kinds `wanted`, and leaves the rest."""

    inner: Writer | None
    said: Mapping[_Kind, str]
    wanted: frozenset[_Kind]

    def write(self, task: str, request: Mapping[str, str], facts: Mapping[str, Fact]) -> str:
        language: Language = "zh" if request["language"] == "zh" else "en"
        kind = (request["channel"], language, "discount" in facts)
        if kind in self.said:
            return self.said[kind]
        return self.inner.write(task, request, facts) if self.inner and kind in self.wanted else ""


def copies_for(ctx: ToolContext, proposal: Proposal) -> tuple[Copy, ...]:
    """A text for every product, channel, language and offer that the contacted meet, and for each advertising channel.

    Tone and language are those of the conversation's latest copy; without one, friendly, and each customer's own.
    """
    latest = ctx.latest("write_copy")
    asked = {} if latest is None else latest.arguments
    tone, language = asked.get("tone") or "friendly", asked.get("language")
    met = _cells(ctx, proposal, tone, None if language is None else language_of(language))
    usual: dict[tuple[str, Language], Counter[bool]] = {}
    for cell, customers in met.items():
        usual.setdefault((cell.channel, cell.language), Counter())[cell.offer > 0] += customers
    # The kind that most of a channel's customers get is worth the model's time, in English at first.
    wanted = {(channel, tongue, counts.most_common(1)[0][0]) for (channel, tongue), counts in usual.items()}
    spoken = {channel for channel, tongue in usual if tongue == "en"}
    worth = frozenset(kind for kind in wanted if kind[1] == "en" or kind[0] not in spoken)
    writer = Remembering(_Sparing(ctx.writer, _said(ctx), worth))
    found = []
    for cell in sorted(met):
        ask = _ask(ctx, cell)
        found.append(copywriter.to_copy(ask, cell.product_id, copywriter.write(writer, ask)))
    return tuple(found)


def _cells(ctx: ToolContext, proposal: Proposal, tone: str, language: Language | None) -> Counter[Cell]:
    """What the contacted are shown, by customers; ads and channels that nobody is reached on take the first product."""
    going = proposal.decisions[proposal.decisions["reason"] == offers.CONTACTED]
    speaks = contact.languages(ctx.snapshot, [str(c) for c in going.index])
    found: Counter[Cell] = Counter()
    for customer, row in going[["channel", "offer", "shown"]].to_dict("index").items():
        if row["shown"]:
            tongue = language or speaks[str(customer)]
            offer = round(float(row["offer"]), 6)
            found[Cell("everyone", row["shown"][0], str(row["channel"]), tongue, offer, tone)] += 1
    offered = proposal.brief.discount if going.empty else float(going["offer"].max())
    for channel in proposal.brief.channels:
        if channel in contact.CHANNELS and proposal.products and not any(c.channel == channel for c in found):
            first = proposal.products[0].product_id
            found[Cell("everyone", first, channel, language or "en", round(offered, 6), tone)] += 1
    return found


def _ask(ctx: ToolContext, cell: Cell) -> Ask:
    return ask_for(
        ctx.snapshot,
        cell.product_id,
        cell.channel,
        tone=cell.tone,
        discount_percent=100 * cell.offer or None,
        language=cell.language,
        markets=markets_of(ctx.snapshot),
    )


def _said(ctx: ToolContext) -> dict[_Kind, str]:
    """What the conversation's copy says, by kind, its facts as references again; the latest text counts."""
    found: dict[_Kind, str] = {}
    for one in ctx.calls:
        if one.tool != "write_copy" or one.result.failed or one.result.text is None or one.result.cue != "written":
            continue
        language = language_of(one.arguments.get("language"))
        facts = {k: f for k, f in one.result.facts.items() if k in {"title", "price", "discount", "new_price"}}
        if facts:
            channel = one.arguments["channel"]
            text = one.result.text.removesuffix(wording.ending(channel, language))
            found[channel, language, "discount" in facts] = referring(text, facts)
    return found


def referring(text: str, facts: Mapping[str, Fact]) -> str:
    """A finished text with references in place of the facts that it shows."""
    for key, fact in sorted(facts.items(), key=lambda item: -len(item[1].display)):
        text = re.sub(rf"(?<![\w.,{{]){re.escape(fact.display)}(?![\w%}}])", f"{{p.{key}}}", text)
    return text
