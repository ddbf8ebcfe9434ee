"""The demo shop's customers: latent tastes and moods, a daily buying process, and its exact probabilities.

A customer is idle, keen (shopping around for some days) or gone (lapsed). Moods change day by day; a keen customer
browses and buys far more often. Up to the next purchase nothing in the process depends on what else happens, so the
chance to buy within n days has an exact forward recursion over the three moods, used for the ground truth.
"""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Rng = np.random.Generator

IDLE, KEEN, GONE = 0, 1, 2
ACTIONS = ("none", "email", "email_discount")
EFFECT_DAYS = 14
"""Days within which a message works, and over which its profit is counted."""

_PERSONAS = (  # favourite categories, by position in the catalogue
    (0, 10, 9),
    (1, 2, 3),
    (4, 5, 11),
    (7, 6, 1),
    (8, 3, 0),
    (9, 11, 10),
    (6, 4, 2),
    (7, 8, 5),
    (3, 4, 1),
    (10, 2, 11),
)
_SHOPPED_EARLIER = 0.45
"""Share of customers who joined before the first day."""


@dataclass(frozen=True)
class People:
    """Latent traits of n customers. Days count from the shop's first day; rates are per day."""

    persona: Ints
    tier: Ints  # 0 hunts bargains, 1 takes the middle, 2 buys the best
    taste: Floats  # (n, kits), rows sum to 1
    join: Ints  # day of joining; below 0 before the first day
    entry: Floats  # rate of becoming keen
    hazard: Floats  # chance to buy on a keen day
    leave: Floats  # chance to lapse for good
    browse: Floats  # visits on an idle day
    rhythm: NDArray[np.bool_]  # buys in a cycle rather than at random
    openness: Floats  # chance to open an e-mail
    response: Floats  # log effect of an e-mail; below 0 for those whom mail annoys
    thrift: Floats  # 0 to 1, how much a discount adds

    def __len__(self) -> int:
        return len(self.join)

    def take(self, rows: Ints) -> "People":
        """The people at positions `rows`."""
        return People(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


def make_people(rng: Rng, joins: Ints, categories_of_kits: Ints) -> People:
    """People who join on the days `joins`, with tastes over the kits of the catalogue."""
    n = len(joins)
    persona = rng.integers(0, len(_PERSONAS), n)
    liking = np.full((len(_PERSONAS), int(categories_of_kits.max(initial=0)) + 1), 0.12)
    for row, favourites in enumerate(_PERSONAS):
        for place, category in enumerate(favourites):
            if category < liking.shape[1]:
                liking[row, category] = 2.2 - 0.6 * place
    taste = rng.gamma(0.30 * liking[persona][:, categories_of_kits] + 1e-3) + 1e-6
    tier = rng.choice(3, n, p=(0.38, 0.42, 0.20))
    thrift = np.clip(rng.beta(2.0, 3.0, n) + 0.18 * (1 - tier), 0.0, 1.0)
    annoyed = rng.random(n) < 0.09
    response = np.where(annoyed, -0.45, rng.normal(0.55, 0.45, n).clip(-0.1, 1.8))
    return People(
        persona=persona,
        tier=tier,
        taste=taste / taste.sum(axis=1, keepdims=True),
        join=joins,
        entry=rng.gamma(1.1, 1 / 20, n).clip(1 / 500, 0.25),
        hazard=rng.beta(3.0, 14.0, n),
        leave=rng.gamma(0.9, 1 / 380, n).clip(1e-4, 0.05),
        browse=rng.gamma(1.5, 0.014, n),
        rhythm=rng.random(n) < 0.35,
        openness=1 / (1 + np.exp(1.1 - 1.6 * response + rng.normal(0, 0.4, n))),
        response=response,
        thrift=thrift,
    )


def joining_days(rng: Rng, customers: int, days: int, after: int) -> tuple[Ints, Ints]:
    """Joining days of the shop's customers, and of those who will join at the same pace within `after` days."""
    early = rng.random(customers) < _SHOPPED_EARLIER
    joins = np.where(early, -rng.integers(1, 360, customers), rng.integers(0, max(days - 3, 1), customers))
    coming = round(customers * (1 - _SHOPPED_EARLIER) * after / days)
    return np.sort(joins), days + np.sort(rng.integers(0, after, coming))


def first_moods(rng: Rng, people: People) -> Ints:
    """Moods on the first day (of those who joined earlier; others become keen when they join)."""
    gone = rng.random(len(people)) > np.exp(np.minimum(people.join, 0) * people.leave)
    return np.where(gone, GONE, np.where(rng.random(len(people)) < 0.15, KEEN, IDLE))


@dataclass(frozen=True)
class Mailing:
    """What the last message of each person was (position in ACTIONS) and on which day."""

    action: Ints
    day: Ints

    @classmethod
    def silence(cls, n: int) -> "Mailing":
        """No message to anyone."""
        return cls(np.zeros(n, np.int64), np.full(n, -9999))


def effect(people: People, mailing: Mailing, day: int) -> Floats:
    """Log effect of the last message on the day's rates; fades within a fortnight."""
    age = day - mailing.day
    strength = people.response + np.where(mailing.action == 2, 1.1 * people.thrift, 0.0)
    live = (mailing.action > 0) & (age >= 0) & (age < EFFECT_DAYS)
    return np.where(live, strength * np.exp(-age / 6.0), 0.0)


def revival(people: People, action: Ints | int) -> Floats:
    """Chance that a message brings a lapsed customer back."""
    plain = 0.015 + 0.07 * np.maximum(people.response, 0)
    chance: Floats = np.select([np.equal(action, 1), np.equal(action, 2)], [plain, plain + 0.14 * people.thrift], 0.0)
    return chance


def rates(people: People, since: Ints, season: float, boost: Floats) -> tuple[Floats, Floats, Floats]:
    """Of one day: chance of becoming keen, of buying when keen, of buying when idle.

    `since` days have passed since the last purchase; `season` is the day's factor of the whole shop.
    """
    lateness = since * people.entry / 1.4
    cycle = np.where(people.rhythm, 0.2 + 1.7 / (1 + np.exp(-7 * (lateness - 0.8))), 1.0)
    keen = np.minimum(people.entry * cycle * season * np.exp(boost), 0.6)
    buy = np.minimum(people.hazard * season * np.exp(0.4 * boost), 0.9)
    return keen, buy, np.minimum(0.10 * people.entry * season * np.exp(boost), 0.5)


_CALM = 1 / 7
"""Chance that a keen customer calms down in a day without buying."""
_GONE_BUYS = 2e-4
_AFTER_PURCHASE = np.array([0.85, 0.15, 0.0])


class Process:
    """The moods of all people, moved forward one day at a time."""

    def __init__(self, rng: Rng, people: People, moods: Ints, since: Ints) -> None:
        self.rng, self.people, self.mood, self.since = rng, people, moods, since

    def step(self, day: int, season: float, mailing: Mailing) -> NDArray[np.bool_]:
        """Lives through `day`; returns who buys."""
        people, rng, n = self.people, self.rng, len(self.people)
        here = people.join <= day
        self.mood = np.where(people.join == day, KEEN, self.mood)
        mailed = mailing.day == day
        back = mailed & (self.mood == GONE) & (rng.random(n) < revival(people, mailing.action))
        self.mood = np.where(back, IDLE, self.mood)
        keen, buy, idle_buy = rates(people, self.since, season, effect(people, mailing, day))
        draw = rng.random(n)
        start = (self.mood == IDLE) & (draw < keen)
        calm = (self.mood == KEEN) & (draw < _CALM) & (people.join < day)
        self.mood = np.where(start, KEEN, np.where(calm, IDLE, self.mood))
        self.mood = np.where((rng.random(n) < people.leave) & (people.join < day), GONE, self.mood)
        bought = here & (rng.random(n) < np.choose(self.mood, (idle_buy, buy, np.full(n, _GONE_BUYS))))
        rest = np.where(rng.random(n) < _AFTER_PURCHASE[IDLE], IDLE, KEEN)
        self.mood = np.where(bought, rest, self.mood)
        self.since = np.where(bought | ~here, 0, self.since + 1)
        return np.asarray(bought)

    def visits(self, season: float) -> Ints:
        """Number of visits without a purchase of each person on the present day."""
        pace = np.choose(self.mood, (self.people.browse, 0.42 + 0 * self.people.browse, 0.08 * self.people.browse))
        visits: Ints = self.rng.poisson(pace * season)
        return visits


def purchase_chance(people: People, moods: Ints, since: Ints, seasons: Floats, action: int) -> Floats:
    """Exact chance of at least one purchase within len(seasons) days after a message (0: none) on day 0."""
    n = len(people)
    state = np.eye(3)[moods]
    back = state[:, GONE] * revival(people, action)
    state[:, IDLE] += back
    state[:, GONE] -= back
    mailing = Mailing(np.full(n, action), np.zeros(n, np.int64))
    for day, season in enumerate(seasons):
        keen, buy, idle_buy = rates(people, since + day, float(season), effect(people, mailing, day))
        idle, lively = state[:, IDLE], state[:, KEEN]
        moved = np.stack(
            [idle * (1 - keen) + lively * _CALM, idle * keen + lively * (1 - _CALM), state[:, GONE]], axis=1
        )
        lost = moved[:, :2].sum(axis=1) * people.leave
        moved[:, :2] *= (1 - people.leave)[:, None]
        moved[:, GONE] += lost
        state = moved * (1 - np.stack([idle_buy, buy, np.full(n, _GONE_BUYS)], axis=1))
    return np.asarray(1 - state.sum(axis=1))


def expected_orders(rng: Rng, process: Process, *, day: int, seasons: Floats) -> Floats:
    """Expected orders of each person in each following week, (n, weeks), from twelve runs of the process."""
    people, runs, weeks = process.people, 12, len(seasons) // 7
    n = len(people)
    rows = np.tile(np.arange(n), runs)
    ahead = Process(rng, people.take(rows), process.mood[rows], process.since[rows])
    silence = Mailing.silence(len(rows))
    orders = np.zeros((n, weeks))
    for later in range(weeks * 7):
        bought = ahead.step(day + later, float(seasons[later]), silence)
        orders[:, later // 7] += bought.reshape(runs, n).sum(axis=0)
    return orders / runs
