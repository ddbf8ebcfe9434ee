"""Why this product for this customer, in a sentence that rests on counted evidence and names no other person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from campaign.contact import languages

if TYPE_CHECKING:
    from data.store import Snapshot
    from models.evidence import Evidence
    from models.registry import ModelSet

FEWEST_FRIENDS = 3
"""What fewer people near the customer bought is not told, since it could be guessed who they are."""

_WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "together": "You {verb} the {anchor}. Of {anchors:,} customers who bought it, {buyers:,} also chose this.",
        "together_weak": "You {verb} the {anchor}. Some who bought it also chose this, though the link is loose.",
        "similar": "Close in kind to the {anchor} you {verb}.",
        "similar_weak": "A little like the {anchor} you {verb}, going by its description only.",
        "friends": "Several people you are connected with here have bought this.",
        "liked": "Chosen by {buyers:,} customers, from a category you have bought in: {category}.",
        "popular": "Chosen by {buyers:,} customers so far; for you it is a guess.",
        "nothing": "New here, so there is little to go by yet.",
        "had": "You have bought this before.",
        "bought": "bought",
        "seen": "looked at",
    },
    "zh": {
        "together": "您{verb}{anchor}。买它的{anchors:,}位顾客中，有{buyers:,}位也选了这一样。",
        "together_weak": "您{verb}{anchor}。有些买它的顾客也选了这一样，不过关联不强。",
        "similar": "与您{verb}的{anchor}相近。",
        "similar_weak": "仅从描述看，与您{verb}的{anchor}略有相似。",
        "friends": "与您有联系的几位顾客买过它。",
        "liked": "来自您买过的类别“{category}”，已有{buyers:,}位顾客选择。",
        "popular": "已有{buyers:,}位顾客选择；对您来说只是我们的猜测。",
        "nothing": "新到不久，可参考的信息还不多。",
        "had": "您以前买过它。",
        "bought": "买过",
        "seen": "看过",
    },
}


def reasons_for(snapshot: Snapshot, models: ModelSet, pairs: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """A sentence for each (customer, product), in the customer's language.

    It rests on the recommender's strongest evidence: bought together, similar, people near, or popular in a
    category that the customer buys in. Weak evidence says that it is weak.
    """
    wanted = list(dict.fromkeys(pairs))
    products = snapshot.frame("products").set_index("product_id")
    titles = products["title"].astype(str).to_dict()
    categories = {str(p): str(c) for p, c in products["category"].dropna().items()}
    speaks = languages(snapshot, [customer for customer, _ in wanted])
    bought = {customer: models.recommend.bought(customer) for customer in dict.fromkeys(c for c, _ in wanted)}
    found = {}
    for (customer, product), evidence in zip(wanted, models.recommend.explain(wanted), strict=True):
        had = bought[customer]
        liked = {categories[p] for p in had if p in categories}
        found[customer, product] = _sentence(
            evidence,
            _WORDS[speaks[customer]],
            anchor=titles.get(evidence.anchor or ""),
            anchor_bought=evidence.anchor in had,
            had=product in had,
            category=categories.get(product) if categories.get(product) in liked else None,
            buyers=models.recommend.buyers(product),
        )
    return found


def _sentence(
    evidence: Evidence,
    words: Mapping[str, str],
    *,
    anchor: str | None,
    anchor_bought: bool,
    had: bool,
    category: str | None,
    buyers: int,
) -> str:
    verb = words["bought" if anchor_bought else "seen"]
    if had:
        return words["had"]
    if evidence.kind == "together" and anchor:
        key = "together_weak" if evidence.strength == "weak" else "together"
        return words[key].format(verb=verb, anchor=anchor, buyers=evidence.buyers, anchors=evidence.anchor_buyers)
    if evidence.kind == "similar" and anchor:
        key = "similar_weak" if evidence.strength == "weak" else "similar"
        return words[key].format(anchor=anchor, verb=verb)
    if evidence.kind == "friends" and (evidence.friends or 0) >= FEWEST_FRIENDS:
        return words["friends"]
    if buyers == 0:
        return words["nothing"]
    if category is not None:
        return words["liked"].format(category=category, buyers=buyers)
    return words["popular"].format(buyers=buyers)
