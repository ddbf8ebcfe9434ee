"""From a brief to a proposal: everything about a campaign that does not hang on its id."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import pandas as pd

from campaign import contact, heroes, offers, policy_value
from campaign.audience import SUITED, Audience
from campaign.joint import Advice, Joint, Wishes, decide
from campaign.paid import ads_of, allocate_paid
from campaign.plan import Channel, Copy, Product, Solution, Week
from campaign.targets import Catalogue
from data.errors import CampaignError

if TYPE_CHECKING:
    from data.operations import Operations
    from data.store import Snapshot
    from models.registry import ModelSet

WINDOW_DAYS = 14
"""Days after the start in which an order counts as the campaign's."""

_LONGEST_WAIT = 365
_HUGE = 10.0
"""A budget above this many times the shop's whole revenue is taken for a slip of the pen."""


@dataclass(frozen=True)
class Brief:
    """What the marketer wants. `budget` None is no limit, `start` None the day after the shop's last event.

    `minimum_spend` is the least money for a channel, `capacity` the most messages that it may send a day.
    """

    name: str
    audience: Audience
    audience_id: str | None = None
    product_ids: tuple[str, ...] = ()
    channels: tuple[str, ...] = ("email",)
    budget: float | None = None
    start: str | None = None
    discount: float = 0.0
    copies: tuple[Copy, ...] = ()
    minimum_spend: Mapping[str, float] = field(default_factory=dict)
    capacity: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Proposal:
    """A brief worked out: decisions for each member, products, paid channels and the evidence, before any split.

    `decisions` is the frame of `joint.decide` joined to the audience's members, with what each is shown (`shown`, ids,
    the message's own product first) and the `segment`; `effect` is the logs' answer in orders, on contacting these
    customers.
    """

    brief: Brief
    start: pd.Timestamp
    as_of: pd.Timestamp
    terms: offers.Terms
    decisions: pd.DataFrame
    reach: pd.DataFrame
    products: tuple[Product, ...]
    paid: tuple[Channel, ...]
    paid_half_width: float
    demand_of: str
    demand: tuple[Week, ...]
    effect: policy_value.Estimate
    evidence: str
    send_hour: int
    snapshot_id: str
    shop: str
    currency: str
    models: dict[str, str] = field(default_factory=dict)
    solution: Solution | None = None
    advice: tuple[Advice, ...] = ()
    offer_measured: bool = True

    @property
    def fingerprint(self) -> str:
        """Hash of everything proposed; the same wishes on the same data give the same one."""
        brief, table = self.brief, self.decisions
        content = [
            [brief.name, brief.audience.goal, brief.audience_id, list(brief.product_ids), list(brief.channels)],
            [brief.budget, str(self.start), brief.discount, [c.text for c in brief.copies]],
            [sorted(brief.minimum_spend.items()), sorted(brief.capacity.items())],
            [self.snapshot_id, self.models],
            [
                list(map(str, row))
                for row in zip(*(table[c] for c in ("channel", "reason", "offer", "day", "shown")), strict=True)
            ],
            [str(customer) for customer in table.index],
        ]
        return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()[:16]


def propose(
    snapshot: Snapshot, operations: Operations, models: ModelSet, brief: Brief, *, as_of: pd.Timestamp
) -> Proposal:
    """Works out `brief`. Raises `CampaignError` when a wish cannot be met, saying which and how to mend it."""
    start = _checked(snapshot, brief, as_of)
    members = brief.audience.members
    if members.empty:
        raise CampaignError(
            f"the audience is empty: no customers are {brief.audience.meaning.removeprefix('customers ')}; "
            "try another goal, category or product"
        )
    table = snapshot.frame("products")
    catalogue = Catalogue(table)
    product_ids = tuple(dict.fromkeys(catalogue.product(p) for p in brief.product_ids)) or brief.audience.products
    product_ids = product_ids[:SUITED]
    _sellable(catalogue, product_ids)
    terms = offers.Terms(offers.margin_of(table, product_ids), brief.discount, WINDOW_DAYS, offers.CONTACT_COST)
    reach = contact.reach(snapshot, operations, [str(c) for c in members.index])
    picked = heroes.pick(snapshot, models, catalogue, brief.audience, brief.product_ids and product_ids, reach)
    shelf = heroes.shelf(models, catalogue, picked.pool or product_ids, terms)
    picked = heroes.in_stock(picked, shelf)
    found, offer_measured = _joint(snapshot, models, brief, terms, reach, picked, shelf, table, as_of)
    decisions = members.drop(columns=["chance", "uplift"]).join(found.decisions)
    decisions["shown"] = heroes.shown(decisions["product"], picked, shelf)
    decisions["segment"] = heroes.segments(snapshot, as_of, members.index)
    going = decisions[decisions["reason"] == offers.CONTACTED]
    paid, half_width = _paid(models, brief, terms, float(going["cost"].sum()))
    on_page = tuple(dict.fromkeys([*product_ids, *sorted({p for shown in going["shown"] for p in shown})]))
    return Proposal(
        brief=brief,
        start=start,
        as_of=as_of,
        terms=terms,
        decisions=decisions,
        reach=reach,
        products=_products(snapshot, models, catalogue, on_page, terms, going),
        paid=paid,
        paid_half_width=half_width,
        demand_of=brief.audience.category or "the whole shop",
        demand=_demand(snapshot, models, brief.audience.category),
        effect=policy_value.effect_on(
            snapshot,
            [str(c) for c in decisions.index],
            channel=next((c for c in brief.channels if c in contact.DIRECT), "email"),
            offer=brief.discount > 0,
            days=terms.window_days,
        ),
        evidence=brief.audience.uplift_evidence,
        send_hour=_usual_hour(snapshot, as_of),
        snapshot_id=snapshot.id,
        shop=snapshot.name,
        currency=snapshot.currency,
        models={
            name: getattr(models, name).version for name in ("behaviour", "recommend", "forecast", "uplift", "response")
        },
        solution=found.solution,
        advice=found.advice,
        offer_measured=offer_measured,
    )


def _joint(
    snapshot: Snapshot,
    models: ModelSet,
    brief: Brief,
    terms: offers.Terms,
    reach: pd.DataFrame,
    picked: heroes.Picked,
    shelf: pd.DataFrame,
    products: pd.DataFrame,
    as_of: pd.Timestamp,
) -> tuple[Joint, bool]:
    """The joint plan of the brief, and whether an experiment says what a discount adds."""
    members = brief.audience.members
    offered = None
    if terms.discount:
        offered = models.uplift.with_offer(snapshot, [str(c) for c in members.index], discount=terms.discount)
        assumed = offers.with_discount(offers.window_chance(members, terms), members["uplift"], terms.discount)
        members = members.assign(offered=assumed if offered is None else offered.to_numpy(float))
    wanted = _advertised(brief)
    wishes = Wishes(
        channels=brief.channels,
        budget=brief.budget,
        minimum_spend=brief.minimum_spend,
        capacity=brief.capacity,
        ads=ads_of(
            models.response,
            channels=wanted,
            margin=terms.margin.rate,
            days=terms.window_days,
            least=brief.minimum_spend,
        ),
    )
    found = decide(
        members,
        reach,
        terms,
        wishes,
        capped=contact.over_cap(snapshot, as_of),
        shelf=shelf,
        heroes=picked.heroes,
        usual_margin=offers.margin_of(products).rate,
    )
    return found, offered is not None


def _advertised(brief: Brief) -> tuple[str, ...]:
    """The brief's advertising channels; `CampaignError` where there is no money for them."""
    wanted = tuple(c for c in brief.channels if c in contact.PAID)
    if wanted and brief.budget is None:
        raise CampaignError(f"advertising on {' and '.join(wanted)} needs a budget; say how much may be spent")
    return wanted


def check_budget(snapshot: Snapshot, budget: float | None) -> None:
    """Raises `CampaignError` for a budget that is not a number above zero, or beyond all reason."""
    if budget is None:
        return
    if not math.isfinite(budget) or budget <= 0:
        raise CampaignError(f"a budget of {budget:g} pays for nothing; give an amount above 0, or leave it out")
    events = snapshot.table("events")
    sold = events.filter(events["kind"] == "purchase")
    revenue = (sold["quantity"].fill_null(1.0) * sold["unit_price"].fill_null(0.0)).sum().execute()
    if revenue and not pd.isna(revenue) and budget > _HUGE * max(float(revenue), 1000.0):
        raise CampaignError(
            f"a budget of {budget:,.0f} is over ten times all that the shop ever took ({float(revenue):,.0f}); "
            "check the amount"
        )


def _checked(snapshot: Snapshot, brief: Brief, as_of: pd.Timestamp) -> pd.Timestamp:
    """Checks the brief's own wishes and returns its start."""
    if not brief.name.strip():
        raise CampaignError("the campaign needs a name; give it one in a few words")
    if len(brief.name) > 120:
        raise CampaignError("the campaign's name is longer than 120 characters; give it a shorter one")
    check_budget(snapshot, brief.budget)
    unknown = [c for c in brief.channels if c not in contact.CHANNELS]
    if unknown or not brief.channels:
        raise CampaignError(
            f"no channel {', '.join(unknown) or 'given'}; the channels are {', '.join(contact.CHANNELS)}"
        )
    if not 0 <= brief.discount <= 0.9:
        raise CampaignError(f"a discount of {brief.discount:.0%} cannot be; give 0 to 90 percent")
    if brief.start is None:
        return as_of.normalize() + pd.Timedelta(days=1)
    today = as_of.normalize()
    start = read_day(brief.start, today)
    if start is None:
        raise CampaignError(f"the start {brief.start!r} is not a date; write it as 2026-11-03")
    if start < today:
        raise CampaignError(
            f"the start {start.date()} lies in the past: the shop's data ends on {today.date()}; give a later day"
        )
    if start > today + pd.Timedelta(days=_LONGEST_WAIT):
        raise CampaignError(f"the start {start.date()} is over a year after the shop's data ends; give an earlier day")
    return start


_DAY_FORMATS = ("%Y-%m-%d", "%d %B %Y", "%d %b %Y", "%B %d %Y", "%b %d %Y", "%d.%m.%Y", "%d/%m/%Y")


def read_day(said: str, today: pd.Timestamp) -> pd.Timestamp | None:
    """The day that `said` means as seen from `today` (midnight), which is the shop's, not the wall clock's.

    A day without a year is its next occurrence. None for what is no day.

    >>> read_day("1st December", pd.Timestamp("2011-12-09"))
    Timestamp('2012-12-01 00:00:00')
    """
    text = " ".join(re.sub(r"(?<=\d)(?:st|nd|rd|th)\b", "", said.lower().replace(",", " ")).split())
    if text in ("today", "now", "tomorrow"):
        return today + pd.Timedelta(days=int(text == "tomorrow"))
    for year in ("", f" {today.year}", f" {today.year + 1}"):
        for form in _DAY_FORMATS:
            try:
                day = pd.Timestamp(datetime.strptime(text + year, form))
            except ValueError:
                continue
            if not year or day >= today:
                return day
    return None


def _sellable(catalogue: Catalogue, product_ids: Sequence[str]) -> None:
    sellable = set(catalogue.sellable())
    out = [p for p in product_ids if p not in sellable]
    if out:
        raise CampaignError(f"product {', '.join(out)} is not for sale or out of stock; choose others")


def _paid(models: ModelSet, brief: Brief, terms: offers.Terms, direct_cost: float) -> tuple[tuple[Channel, ...], float]:
    """Budget of the advertising channels: what the direct messages leave, spent where the curves say it pays."""
    wanted = _advertised(brief)
    left = (brief.budget or 0.0) - direct_cost
    if not wanted or left < 0.1:
        return (), 0.0
    return allocate_paid(
        models.response,
        budget=left,
        channels=wanted,
        margin=terms.margin.rate,
        days=terms.window_days,
        least={c: brief.minimum_spend[c] for c in wanted if c in brief.minimum_spend},
    )


def _products(
    snapshot: Snapshot,
    models: ModelSet,
    catalogue: Catalogue,
    product_ids: Sequence[str],
    terms: offers.Terms,
    going: pd.DataFrame,
) -> tuple[Product, ...]:
    """The products with their stock before and after; each extra order takes one of what its message is about."""
    units = going["uplift"].clip(lower=0.0).groupby(going["product"].astype(object)).sum().to_dict()
    found = []
    for product_id in product_ids:
        row = catalogue.row(product_id)
        price, cost, stock = row["price"], row["cost"], row["stock"]
        forecast = models.forecast.predict(snapshot, product_id=product_id, horizon_days=terms.window_days)
        extra = float(units.get(product_id, 0.0))
        new_price = None if price is None or not terms.discount else price * (1 - terms.discount)
        asked = new_price if new_price is not None else price
        found.append(
            Product(
                product_id=product_id,
                title=str(row["title"]),
                category=row["category"],
                price=price,
                new_price=new_price,
                margin_left=None if cost is None or not asked else (asked - cost) / asked,
                stock=stock,
                forecast=float(forecast.units),
                forecast_low=float(forecast.low),
                forecast_high=float(forecast.high),
                extra=extra,
                stock_after=None if stock is None else stock - float(forecast.units) - extra,
                source=f"table products; {models.forecast.source('demand until the verdict')}",
            )
        )
    return tuple(found)


def _demand(snapshot: Snapshot, models: ModelSet, category: str | None, *, weeks: int = 12) -> tuple[Week, ...]:
    forecast = models.forecast.predict(snapshot, category=category, horizon_days=4 * 7)
    past = [
        Week(str(pd.Timestamp(r["week_start"]).date()), float(r["units"]), None, None)
        for r in forecast.history.tail(weeks).to_dict("records")
    ]
    ahead = [
        Week(str(pd.Timestamp(r["week_start"]).date()), float(r["mean"]), float(r["low"]), float(r["high"]))
        for r in forecast.weeks.to_dict("records")
    ]
    return tuple(past + ahead)


def _usual_hour(snapshot: Snapshot, as_of: pd.Timestamp) -> int:
    """The hour (UTC) before the one in which most orders of the last 90 days came, so that the message is there."""
    events = snapshot.table("events")
    recent = events.filter(
        (events["kind"] == "purchase") & (events["at"] > as_of - pd.Timedelta(days=90)) & (events["at"] <= as_of)
    )
    hours = recent.group_by(hour=recent["at"].hour()).agg(orders=recent.count()).execute()
    daytime = hours[hours["hour"].between(9, 20)].sort_values(["orders", "hour"], ascending=[False, True])
    return int(daytime["hour"].iloc[0]) - 1 if len(daytime) else 10
