"""The joint plan: who gets which offer on which channel about which product on which day, and what limits it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from campaign import offers
from campaign.contact import DIRECT
from campaign.offers import Terms
from campaign.optimise import Ad, Choice, InfeasibleError, Ints, Limits, Options, solve
from campaign.plan import Solution
from data.errors import CampaignError

HEROES = 3
"""Products a customer, at most, among which the one that the message is about is chosen."""
DAYS = 7
"""Days, at most, over which a channel's messages are spread where its capacity asks for it."""

_PLACE = 0.98
"""What a message about the next product down a customer's recommendations adds, against the one above (assumed)."""
_ASKED_AGAIN = 50_000
"""Options up to which advice comes from solving again; beyond, from the prices alone."""
_WORTH_SAYING = 0.01


@dataclass(frozen=True)
class Wishes:
    """The limits of a campaign; money in the shop's currency, `capacity` in messages a day."""

    channels: tuple[str, ...]
    budget: float | None = None
    minimum_spend: Mapping[str, float] = field(default_factory=dict)
    capacity: Mapping[str, int] = field(default_factory=dict)
    ads: tuple[Ad, ...] = ()


@dataclass(frozen=True)
class Advice:
    """What `more` of something (money, units, messages a day) would bring; for a minimum spend, what it costs."""

    what: Literal["budget", "stock", "capacity", "minimum"]
    name: str
    more: float
    brings: float


@dataclass(frozen=True)
class Joint:
    """The joint plan. `decisions` (index customer_id): channel, offer, product, day, message, profit, cost, reason,
    uplift, chance and the columns of `offers.expected`, of what was chosen, else of the best that could be."""

    decisions: pd.DataFrame
    solution: Solution
    advice: tuple[Advice, ...]


@dataclass(frozen=True)
class _Case:
    """All options as arrays, beside the solver's view of them, and the names of rows."""

    options: Options
    limits: Limits
    detail: pd.DataFrame
    places: tuple[tuple[str, int], ...]
    products: pd.Index


def decide(
    members: pd.DataFrame,
    reach: pd.DataFrame,
    terms: Terms,
    wishes: Wishes,
    *,
    capped: set[str],
    shelf: pd.DataFrame,
    heroes: Sequence[Sequence[str]],
    usual_margin: float,
) -> Joint:
    """The most profitable plan for `members` (chance, uplift, value; `offered`: the uplift with the discount).

    `shelf` (index product_id): price, margin, free (units that may be sold); `heroes` are each member's products, the
    most suiting first. Raises `CampaignError` when wishes collide, saying which and how to mend it.
    """
    _checked(wishes)
    chance = offers.window_chance(members, terms)
    table = _left_alone(members, chance, terms)
    writable = np.array([bool(c) for c in ~members.index.isin(list(capped))])
    case = _options(members, chance, reach, terms, wishes, writable, shelf, heroes, usual_margin)
    try:
        choice = solve(case.options, case.limits, len(members))
    except InfeasibleError:
        raise CampaignError(_collision(case, wishes)) from None
    table = _described(table, case, choice)
    table["reason"] = _reasons(table, case, choice, reach, wishes, writable)
    solution = Solution(choice.method, choice.value, choice.bound, choice.gap)
    return Joint(table, solution, tuple(_advice(case, choice, wishes, len(members))))


def _checked(wishes: Wishes) -> None:
    """Raises `CampaignError` for wishes that cannot stand together whatever the customers are."""
    for what, given in (("minimum spend", wishes.minimum_spend), ("capacity", wishes.capacity)):
        for channel, amount in given.items():
            if channel not in wishes.channels:
                raise CampaignError(
                    f"a {what} is set for {channel}, which is not among the channels: add it or drop it"
                )
            if not math.isfinite(amount) or amount < 0:
                raise CampaignError(f"a {what} of {amount:g} for {channel} cannot be; give 0 or more")
    least = sum(wishes.minimum_spend.values())
    if wishes.budget is not None and least > wishes.budget:
        raise CampaignError(
            f"the minimum spends add up to {least:,.2f} but the budget is {wishes.budget:,.2f}: "
            "raise the budget or lower a minimum"
        )
    direct = [c for c in wishes.channels if c in DIRECT]
    shut = [c for c in direct if wishes.capacity.get(c) == 0]
    if direct and shut == direct and len(direct) == len(wishes.channels):
        raise CampaignError(
            f"{' and '.join(shut)} may send nothing a day, so nobody can be reached: raise the capacity or leave it out"
        )
    if wrong := next((c for c in shut if wishes.minimum_spend.get(c, 0) > 0), None):
        raise CampaignError(f"{wrong} has a minimum spend but may send nothing: raise its capacity or drop the minimum")


def _left_alone(members: pd.DataFrame, chance: pd.Series, terms: Terms) -> pd.DataFrame:
    """The table of decisions before any: what a plain message would bring where one could be sent."""
    zero = np.zeros(len(members))
    value, uplift = members["value"].to_numpy(float), members["uplift"].to_numpy(float)
    margin = np.full(len(members), terms.margin.rate)
    table = pd.DataFrame({"chance": chance, "uplift": uplift}, index=members.index)
    table = table.assign(**offers.expected(chance.to_numpy(float), uplift, value, margin, zero))
    table["channel"] = pd.array([pd.NA] * len(table), dtype="string")
    table["product"] = pd.array([pd.NA] * len(table), dtype="string")
    return table.assign(offer=0.0, day=0, message=0.0, profit=table["gain"], cost=0.0)


def _options(
    members: pd.DataFrame,
    chance: pd.Series,
    reach: pd.DataFrame,
    terms: Terms,
    wishes: Wishes,
    writable: np.ndarray,
    shelf: pd.DataFrame,
    heroes: Sequence[Sequence[str]],
    usual_margin: float,
) -> _Case:
    """Every customer × channel × offer × product × day that is allowed."""
    products = pd.Index(shelf.index.astype(str))
    places = products.get_indexer([h for some in heroes for h in some[:HEROES]])
    wide = np.full((len(members), HEROES), -1)
    row = np.repeat(np.arange(len(heroes)), [min(len(some), HEROES) for some in heroes])
    column = np.concatenate([np.arange(min(len(some), HEROES)) for some in heroes] or [np.zeros(0, np.int64)])
    wide[row, column.astype(np.int64)] = places
    free = shelf["free"].to_numpy(float)
    kinds = [(0.0, members["uplift"])] + ([(terms.discount, members["offered"])] if terms.discount else [])
    parts, found = [], []
    purses = [c for c in wishes.channels if c in DIRECT]
    for purse, channel in enumerate(purses):
        open_to = np.flatnonzero(reach[channel].to_numpy(bool) & writable)
        days = _days(len(open_to), wishes.capacity.get(channel))
        for day in range(days):
            found.append((channel, day))
            for offer, uplift in kinds:
                for rank in range(HEROES):
                    product = wide[open_to, rank]
                    who = open_to[(product >= 0) | (rank == 0)]
                    who = who[(wide[who, rank] < 0) | (np.append(free, np.inf)[wide[who, rank]] > 0)]
                    if not len(who):
                        continue
                    part = _valued(members.iloc[who], chance.iloc[who], uplift.iloc[who], wide[who, rank], shelf,
                                   offer=offer, fade=_PLACE**rank * (1 - day / terms.window_days),
                                   usual_margin=usual_margin, message=terms.contact_cost[channel])  # fmt: skip
                    where = {"customer": who, "purse": purse, "place": len(found) - 1, "day": day}
                    parts.append(part.assign(**where))
    empty = pd.DataFrame(columns=["customer", "purse", "place", "product", "profit", "cost", "uplift"], dtype="float64")
    detail = pd.concat(parts, ignore_index=True) if parts else empty
    detail = detail.sort_values("customer", kind="stable", ignore_index=True)

    def codes(name: str) -> Ints:
        return np.asarray(detail[name].to_numpy(np.int64))

    options = Options(
        codes("customer"),
        detail["profit"].to_numpy(float),
        detail["cost"].to_numpy(float),
        detail["uplift"].clip(lower=0.0).to_numpy(float),
        codes("product"),
        codes("place"),
        codes("purse"),
    )
    limits = Limits(
        budget=math.inf if wishes.budget is None else wishes.budget,
        stock=free,
        capacity=np.array([wishes.capacity.get(channel, math.inf) for channel, _ in found], dtype=float),
        minimum=np.array([wishes.minimum_spend.get(channel, 0.0) for channel in purses], dtype=float),
        ads=wishes.ads,
    )
    return _Case(options, limits, detail, tuple(found), products)


def _days(customers: int, capacity: int | None) -> int:
    """Days that a channel needs to write to all it can, one where nothing holds it back."""
    return 1 if not capacity else min(max(-(-customers // capacity), 1), DAYS)


def _valued(
    members: pd.DataFrame,
    chance: pd.Series,
    uplift: pd.Series,
    product: Ints,
    shelf: pd.DataFrame,
    *,
    offer: float,
    fade: float,
    usual_margin: float,
    message: float,
) -> pd.DataFrame:
    """One kind of option for some customers: what it brings and costs, row by row.

    The order is one of the product, at its margin, beside what else the customer usually takes at the usual one.
    """
    value, effect = members["value"].to_numpy(float), uplift.to_numpy(float)
    effect = np.where(effect > 0, effect * fade, effect)
    price = np.append(shelf["price"].to_numpy(float), np.nan)[product]
    part = np.nan_to_num(np.clip(price / np.maximum(value, 1e-9), 0, 1))
    own = np.append(shelf["margin"].to_numpy(float), usual_margin)[product]
    margin = usual_margin + part * (own - usual_margin)
    likely = chance.to_numpy(float)
    columns = offers.expected(likely, effect, value, margin, np.full(len(value), offer))
    frame = pd.DataFrame(columns).assign(product=product, offer=offer, message=message, uplift=effect, chance=likely)
    frame["profit"] = frame["gain"] - frame["giveaway"] - message
    frame["cost"] = frame["redeemed"] + message
    return frame


_SHOWN = ("uplift", "chance", "per_order", "gain", "giveaway", "redeemed", "offer", "message", "profit", "cost", "day")


def _described(table: pd.DataFrame, case: _Case, choice: Choice) -> pd.DataFrame:
    """`table` with the chosen option of each customer, else with the best that could be."""
    best = np.full(len(table), -1)
    order = np.argsort(case.options.profit, kind="stable")
    best[case.options.customer[order]] = order
    table = table.assign(chosen=choice.option >= 0)
    rows = np.where(choice.option >= 0, choice.option, best)
    known = np.flatnonzero(rows >= 0)
    if not len(known):
        return table
    picked = case.detail.iloc[rows[known]]
    for name in _SHOWN:
        values = table[name].to_numpy(copy=True)
        values[known] = picked[name].to_numpy()
        table[name] = values
    table["channel"] = _named(len(table), known, [case.places[p][0] for p in picked["place"].astype(int)])
    titles = [str(case.products[p]) if p >= 0 else None for p in picked["product"].astype(int)]
    table["product"] = _named(len(table), known, titles)
    return table


def _named(size: int, rows: Ints, names: Sequence[str | None]) -> Any:
    found: list[str | None] = [None] * size
    for row, name in zip(rows, names, strict=True):
        found[int(row)] = name
    return pd.array(found, dtype="string")


def _reasons(
    table: pd.DataFrame, case: _Case, choice: Choice, reach: pd.DataFrame, wishes: Wishes, writable: np.ndarray
) -> np.ndarray:
    """Why each customer is contacted or not; of several limits the one that costs their best option most."""
    direct = [c for c in wishes.channels if c in DIRECT]
    consented = np.zeros(len(table), bool)
    reachable = np.zeros(len(table), bool)
    for channel in direct:
        consented |= (reach[f"{channel}_consent"] == "yes").to_numpy()
        reachable |= reach[channel].to_numpy(bool)
    prices, options = choice.prices, case.options
    charge = np.stack(
        [
            options.cost * prices.budget,
            options.units * np.append(prices.stock, 0.0)[options.stock],
            np.append(prices.capacity, 0.0)[options.place],
        ]
    )
    best = np.full(len(table), -1)
    order = np.argsort(options.profit, kind="stable")
    best[options.customer[order]] = order
    limit = np.where(best >= 0, charge[:, best].argmax(axis=0), 0) if len(options) else np.zeros(len(table), int)
    starved = reachable & (best < 0)  # every product that suits is sold out
    return np.select(
        [
            table.pop("chosen").to_numpy(bool),
            np.full(len(table), not direct),
            ~consented,
            ~reachable,
            ~writable,
            starved,
            (table["profit"] <= 0).to_numpy(),
            limit == 1,
            limit == 2,
        ],
        [
            offers.CONTACTED,
            offers.NO_CHANNEL,
            offers.NO_CONSENT,
            offers.NO_ADDRESS,
            offers.CAPPED,
            offers.NO_STOCK,
            offers.NOT_WORTH,
            offers.NO_STOCK,
            offers.CHANNEL_FULL,
        ],
        default=offers.OVER_BUDGET,
    )


def _advice(case: _Case, choice: Choice, wishes: Wishes, customers: int) -> list[Advice]:
    """What loosening each limit that binds would bring, the dearest of each kind."""
    prices, limits, found = choice.prices, case.limits, []

    def brings(changed: Limits, guess: float) -> float:
        if len(case.options) > _ASKED_AGAIN:
            return guess
        return max(solve(case.options, changed, customers).value - choice.value, 0.0)

    if prices.budget > 0 and wishes.budget:
        more = _round(wishes.budget)
        gain = brings(replace(limits, budget=limits.budget + more), more * prices.budget)
        found.append(Advice("budget", "", more, gain))
    if len(prices.stock) and prices.stock.max() > 0:
        row = int(prices.stock.argmax())
        more = 10.0
        stock = limits.stock.copy()
        stock[row] += more
        found.append(
            Advice(
                "stock", str(case.products[row]), more, brings(replace(limits, stock=stock), more * prices.stock[row])
            )
        )
    if len(prices.capacity) and prices.capacity.max() > 0:
        channel = case.places[int(prices.capacity.argmax())][0]
        more = float(max(round(_round(wishes.capacity[channel])), 1))
        same = np.array([name == channel for name, _ in case.places])
        guess = more * float(prices.capacity[same].sum())
        changed = replace(limits, capacity=limits.capacity + more * same)
        found.append(Advice("capacity", channel, more, brings(changed, guess)))
    purses = [c for c in wishes.channels if c in DIRECT]
    for row in (int(r) for r in np.flatnonzero(prices.minimum > 0)):
        minimum = limits.minimum.copy()
        minimum[row] = 0.0
        gain = brings(replace(limits, minimum=minimum), float(limits.minimum[row] * prices.minimum[row]))
        found.append(Advice("minimum", purses[row], float(limits.minimum[row]), gain))
    return [one for one in found if one.brings >= _WORTH_SAYING]


def _round(amount: float) -> float:
    """A round step of about a tenth to a half of `amount`: 100 for 800, 10 for 100."""
    return float(10.0 ** math.floor(math.log10(max(amount, 1e-9) / 2)))


def _collision(case: _Case, wishes: Wishes) -> str:
    """Which wishes collide, when a minimum spend cannot be met, and how to mend it."""
    purses = [c for c in wishes.channels if c in DIRECT]
    options = case.options
    for row, channel in enumerate(purses):
        least = float(case.limits.minimum[row])
        mine = options.purse == row
        most = np.zeros(int(options.customer.max(initial=0)) + 1)
        np.maximum.at(most, options.customer[mine], options.cost[mine])
        if least > float(most.sum()):
            reachable = int((most > 0).sum())
            return (
                f"the minimum spend of {least:,.2f} on {channel} cannot be met: the {reachable:,} customers who can be "
                f"reached by it would cost {float(most.sum()):,.2f} at most; lower the minimum or widen the audience"
            )
    named = " and ".join(f"{amount:,.2f} on {channel}" for channel, amount in wishes.minimum_spend.items() if amount)
    held = [word for word, there in (("the budget", wishes.budget is not None), ("the capacity", bool(wishes.capacity)))
            if there] + ["the stock"]  # fmt: skip
    return f"the minimum spend ({named}) collides with {' or '.join(held)}: lower the minimum, or allow more of those"
