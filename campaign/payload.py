"""What one customer's message says: words, products with prices and reasons. The launch and the preview share it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from campaign.contact import languages
from campaign.hours import timezone_of
from campaign.reasons import reasons_for
from campaign.targets import Catalogue
from data.errors import ModelError

if TYPE_CHECKING:
    from campaign.plan import Copy, Member, Plan
    from campaign.wording import Language
    from data.store import Snapshot
    from models.registry import ModelSet

SHOWN = 3
"""Products in one message, at most."""


def of(snapshot: Snapshot, models: ModelSet | None, plan: Plan, members: Sequence[Member]) -> list[dict[str, Any]]:
    """For each member the content of the message, as JSON values.

    Keys: `name`, `goal`, `language` (en or zh), `timezone` (IANA or null), `segment`, `variant`, `text` (the copy or
    null), `offer` (a share off), `products` (up to three, the one of the copy first: `id`, `title`, `category`,
    `price`, `new_price`, `image_url`, `reason`; null is unknown). Without trained `models` a product has no reason.
    """
    people = snapshot.frame("customers").set_index("customer_id")["country"]
    country = {str(c): str(v) for c, v in people.dropna().items()}
    speaks = languages(snapshot, [m.customer_id for m in members])
    catalogue = Catalogue(snapshot.frame("products"))
    chosen = [_choose(plan, m, speaks[m.customer_id], catalogue) for m in members]
    pairs = [(m.customer_id, p) for m, (_, products) in zip(members, chosen, strict=True) for p in products]
    reasons = _reasons(snapshot, models, pairs)
    facts = {p: catalogue.row(p) for p in dict.fromkeys(p for _, p in pairs)}
    return [
        {
            "name": plan.name,
            "goal": plan.goal,
            "language": speaks[m.customer_id],
            "timezone": timezone_of(country.get(m.customer_id)),
            "segment": m.segment,
            "variant": None if copy is None else copy.variant,
            "text": None if copy is None else copy.text,
            "offer": plan.offer_of(m),
            "products": [
                {
                    "id": p,
                    "title": str(facts[p]["title"]),
                    "category": facts[p]["category"],
                    "price": facts[p]["price"],
                    "new_price": _reduced(facts[p]["price"], plan.offer_of(m)),
                    "image_url": facts[p]["image_url"],
                    "reason": reasons.get((m.customer_id, p)),
                }
                for p in products
            ],
        }
        for m, (copy, products) in zip(members, chosen, strict=True)
    ]


def _reasons(
    snapshot: Snapshot, models: ModelSet | None, pairs: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], str]:
    """Reasons, or none where the models of this snapshot were not trained: a launch need not fail for that."""
    try:
        return {} if models is None else reasons_for(snapshot, models, pairs)
    except ModelError:
        return {}


def _reduced(price: float | None, offer: float) -> float | None:
    return None if price is None or offer <= 0 else round(price * (1 - offer), 2)


def _choose(plan: Plan, member: Member, language: Language, catalogue: Catalogue) -> tuple[Copy | None, list[str]]:
    """The member's copy and products: the copy fits channel, segment, language and offer, and leads the products."""
    shown = [
        p for p in (member.products or tuple(p.product_id for p in plan.products)) if p in catalogue.products.index
    ]
    offer = plan.offer_of(member)
    fitting = [
        c
        for c in plan.copies
        if c.channel == member.channel
        and c.segment in {member.segment, "everyone"}
        and c.language == language
        and _honest(plan, c, offer)
        and (not member.products or c.product_id in member.products)
    ]
    own = [c for c in fitting if c.segment == member.segment] or fitting
    about = [c for c in own if shown and c.product_id == shown[0]] or own
    copy = _by_chance(plan.campaign_id, member.customer_id, about)
    lead = [copy.product_id] if copy is not None and copy.product_id in catalogue.products.index else []
    return copy, list(dict.fromkeys([*lead, *shown]))[:SHOWN]


def _honest(plan: Plan, copy: Copy, offer: float) -> bool:
    """Whether the text tells of the customer's own offer, or of none."""
    told = plan.discount if copy.offer is None else copy.offer
    named = [float(share) / 100 for share in re.findall(r"(\d+(?:\.\d+)?)\s?%", copy.text)]
    return all(abs(share - offer) < 0.0005 for share in ([told] if told and copy.offer is not None else []) + named)


def _by_chance(campaign_id: str, customer_id: str, copies: Sequence[Copy]) -> Copy | None:
    """One of several variants, by a hash of campaign and customer, so that it is the same every time."""
    if not copies:
        return None
    digest = hashlib.sha256(f"{campaign_id}\0{customer_id}\0variant".encode()).digest()
    return copies[int.from_bytes(digest[:8], "big") % len(copies)]
