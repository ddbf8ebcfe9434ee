"""A campaign plan: everything that a person approves, as one immutable record with a content hash.

Sections follow the page a busy person reads: headline, who, what, where and when, words, will it work, how we
will know, small print. Every figure carries its source. The same inputs give the same bytes.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from data.errors import CampaignError

Cue = Literal["sound", "risky", "loss", "nobody"]


@dataclass(frozen=True)
class Figure:
    """A number with its unit (money, percent as a share, count, days) and where it comes from."""

    value: float
    unit: Literal["money", "percent", "count", "days"]
    source: str


@dataclass(frozen=True)
class Person:
    """A typical customer of the audience, without a name or an address."""

    customer_id: str
    orders: int
    quiet_days: float
    value: float
    chance: float
    uplift: float


@dataclass(frozen=True)
class Audience:
    """Who: in words and numbers, before and after consent, and who was left out why (reason → customers)."""

    audience_id: str | None
    meaning: str
    eligible: int
    size: int
    reachable: int
    unknown_consent: int
    chosen: int
    left_out: Mapping[str, int]
    typical: tuple[Person, ...]
    profit_if_all_consented: float
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Product:
    """What: one product, its price with and without the offer, and its stock before and after (None: unknown).

    `forecast` is the demand expected without the campaign until the verdict, `extra` the campaign's own units.
    """

    product_id: str
    title: str
    category: str | None
    price: float | None
    new_price: float | None
    margin_left: float | None
    stock: float | None
    forecast: float
    forecast_low: float
    forecast_high: float
    extra: float
    stock_after: float | None
    source: str


@dataclass(frozen=True)
class Channel:
    """Where: one channel's contacts, money and expected profit; `curve` is (spend, mean, low, high) for ads."""

    channel: str
    contacts: int
    spend: float
    profit: float
    send_at: str | None
    curve: tuple[tuple[float, float, float, float], ...]
    source: str


@dataclass(frozen=True)
class Copy:
    """Words: one text for one channel; `own_words` is False where a template stood in, `claims` its facts' sources.

    A `segment` of the audience may have words of its own; of several `variant`s each customer gets one by chance.
    `offer` is the share off that the text tells of (0: none); where it is None, that is the plan's discount.
    """

    channel: str
    product_id: str
    language: str
    text: str
    length: int
    limit: int
    own_words: bool
    claims: Mapping[str, str]
    segment: str = "everyone"
    variant: str = "A"
    offer: float | None = None


@dataclass(frozen=True)
class Outlook:
    """Will it work: expected incremental profit with an 80% interval, what it rests on, and what the logs say."""

    profit: Figure
    low: Figure
    high: Figure
    orders: Figure
    cost: Figure
    discounts: Figure
    evidence: Literal["experiment", "assumed"]
    evidence_words: str
    from_logs: str
    cue: Cue


@dataclass(frozen=True)
class Experiment:
    """How we will know: the hold-out, the smallest difference it can show, and the day of the verdict."""

    holdout: int
    share: float
    baseline: float
    expected: float
    detectable: float | None
    verdict: str
    words: str


@dataclass(frozen=True)
class Member:
    """One customer of the experiment: the arm, and what the treated get: channel, offer (a share off) and products.

    `products` are ids, the one that the copy is about first; `send_at` overrides the channel's own time.
    """

    customer_id: str
    arm: Literal["treated", "holdout"]
    channel: str
    propensity: float
    offer: float = 0.0
    products: tuple[str, ...] = ()
    segment: str = "everyone"
    send_at: str | None = None


@dataclass(frozen=True)
class Solution:
    """How the joint plan was found: expected profit, the bound that no plan can pass, and the relative gap between."""

    method: str
    value: float
    bound: float
    gap: float


@dataclass(frozen=True)
class Week:
    """One week of the demand chart; `history` weeks have no interval."""

    start: str
    units: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Plan:
    """A complete campaign plan. Dates are ISO days, money is in `currency`, discount a share.

    `fingerprint` hashes what was proposed before the split into arms, which hangs on the campaign's id: the
    same proposal drafted again finds its campaign by it.
    """

    campaign_id: str
    name: str
    goal: str
    shop: str
    currency: str
    as_of: str
    start: str
    end: str
    window_days: int
    budget: float | None
    kept: float
    discount: float
    margin: Figure
    audience: Audience
    products: tuple[Product, ...]
    channels: tuple[Channel, ...]
    copies: tuple[Copy, ...]
    outlook: Outlook
    test: Experiment
    members: tuple[Member, ...]
    demand_of: str
    demand: tuple[Week, ...]
    risks: tuple[str, ...]
    unknown: tuple[str, ...]
    changes: tuple[str, ...]
    assumptions: tuple[str, ...]
    snapshot_id: str
    models: Mapping[str, str]
    fingerprint: str
    solution: Solution | None = None

    @property
    def contacted(self) -> int:
        """Customers who get a message."""
        return sum(m.arm == "treated" for m in self.members)

    @property
    def wordings(self) -> list[tuple[Copy, int]]:
        """One text of each channel, segment, language, offer and variant, and how many more there are of the kind."""
        kinds: dict[tuple[object, ...], list[Copy]] = {}
        for one in self.copies:
            kinds.setdefault((one.channel, one.segment, one.language, one.offer, one.variant), []).append(one)
        return [(same[0], len(same) - 1) for same in kinds.values()]

    def offer_of(self, member: Member) -> float:
        """The share off that the member gets; a plan that was not optimised gives everyone its discount."""
        return member.offer if self.solution is not None or any(m.offer for m in self.members) else self.discount

    def to_json(self) -> str:
        """The plan as JSON with sorted keys; the same plan always gives the same text."""
        return json.dumps(dataclasses.asdict(self), ensure_ascii=False, sort_keys=True, indent=1, default=_plain)

    @property
    def content_hash(self) -> str:
        """SHA-256 of the JSON text: what an approval is for."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """The plan that `to_json` wrote; `CampaignError` when the text is not a plan of this version."""
        try:
            return TypeAdapter(Plan).validate_json(text)
        except ValidationError as error:
            raise CampaignError(
                "the stored plan is of another version of Shopkeeper: draft the campaign again"
            ) from error


def _plain(value: Any) -> Any:
    """Numpy scalars as Python numbers; anything else is a defect."""
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"a plan cannot hold a {type(value).__name__}")
