"""What happens in the demo shop day by day: visits, views, orders, stock, newsletters and e-mail experiments."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from data.demo_people import EFFECT_DAYS, GONE, Floats, Ints, Mailing, Process, Rng
from data.demo_products import COMPLEMENT_SHARES, Range

LEAD_DAYS = 12
"""Days from a purchase order to its delivery."""
EMAIL_DISCOUNT = 0.15
NEWSLETTER_EVERY, EXPERIMENT_EVERY, FIRST_EXPERIMENT = 14, 28, 35
_WEEKDAYS = np.array([1.02, 0.94, 0.92, 0.97, 1.0, 1.05, 1.20])
_MONTHS = np.array([0.92, 0.86, 0.93, 0.96, 1.0, 0.97, 0.93, 0.92, 1.0, 1.04, 1.28, 1.38])


@dataclass
class Diary:
    """Everything that happened, as lists of one array a day; joined by `column`."""

    parts: dict[str, list[np.ndarray]] = field(default_factory=dict)
    sessions: int = 0
    stock: list[Floats] = field(default_factory=list)

    def note(self, table: str, **columns: np.ndarray) -> None:
        """Adds rows to `table`."""
        for name, values in columns.items():
            self.parts.setdefault(f"{table}.{name}", []).append(np.asarray(values))

    def column(self, name: str) -> np.ndarray:
        """All values of `table.column`, in order of time; empty when nothing of the kind happened."""
        found = self.parts.get(name)
        return np.concatenate(found) if found else np.zeros(0, np.int64)


def season(first_day: pd.Timestamp, start: int, days: int) -> Floats:
    """Factor of the whole shop's traffic on each of `days` days from day `start`."""
    dates = pd.date_range(first_day + pd.Timedelta(days=start), periods=days, freq="D")
    return np.asarray(_WEEKDAYS[dates.dayofweek] * _MONTHS[dates.month - 1])


def neighbours(friends: Ints, n: int, most: int = 6) -> Ints:
    """Up to `most` friends of each person from pairs (m, 2), padded with -1; shape (n, most)."""
    both = np.concatenate([friends, friends[:, ::-1]])
    both = both[np.argsort(both[:, 0], kind="stable")]
    place = np.arange(len(both)) - np.searchsorted(both[:, 0], both[:, 0])
    table = np.full((n, most), -1)
    keep = place < most
    table[both[keep, 0], place[keep]] = both[keep, 1]
    return table


class Shopping:
    """The shop at work; `run` lives through all days and fills the diary."""

    def __init__(self, rng: Rng, shop: Range, process: Process, mailable: np.ndarray, friends: Ints) -> None:
        self.rng, self.shop, self.process, self.people = rng, shop, process, process.people
        n = len(self.people)
        self.mailable, self.friends = mailable, neighbours(friends, n)
        self.mailing = Mailing.silence(n)
        self.seen = np.full((n, 3), -1)
        self.last = np.full(n, -1)
        self.diary = Diary()
        pace = shop.liking.sum(axis=1)[shop.kit, self._places()]
        self.pace = pace / max(pace.sum(), 1e-12) * n * 0.03  # units a day of each product
        self.care = rng.lognormal(0.0, 0.5, len(shop))  # how well each product's stock is planned
        self.stock = np.ceil(self.pace * 70 * self.care) + 4
        self.coming = np.zeros((LEAD_DAYS + 1, len(shop)))

    def _places(self) -> Ints:
        order = np.zeros(len(self.shop), np.int64)
        kit, place = np.nonzero(self.shop.cells >= 0)
        order[self.shop.cells[kit, place]] = place
        return order

    def run(self, first_day: pd.Timestamp, days: int) -> Diary:
        """Lives through `days` days."""
        factors = season(first_day, 0, days)
        months = pd.date_range(first_day, periods=days, freq="D").month.to_numpy()
        for day in range(days):
            clicked = self._mail(day, days)
            bought = self.process.step(day, float(factors[day]), self.mailing)
            self._open(day, int(months[day]))
            visits = self.process.visits(float(factors[day])) * (self.people.join <= day)
            visits[clicked] += 1
            by_mail = np.zeros(len(self.people), bool)
            by_mail[clicked] = True
            self._browse(day, visits, by_mail)
            self._sell(day, np.flatnonzero(bought))
            self._restock()
            self.diary.stock.append(self.stock.copy())
        return self.diary

    # -- messages ---------------------------------------------------------------------------------------------

    def _mail(self, day: int, days: int) -> Ints:
        """Sends the day's newsletter or experiment; returns who clicked."""
        if day >= FIRST_EXPERIMENT and (day - FIRST_EXPERIMENT) % EXPERIMENT_EVERY == 0 and day + EFFECT_DAYS <= days:
            return self._experiment(day)
        if day % NEWSLETTER_EVERY != 3:
            return np.zeros(0, np.int64)
        to = np.flatnonzero(self.mailable & (self.people.join < day))
        return self._deliver(day, to, np.full(len(to), -1))

    def _experiment(self, day: int) -> Ints:
        """Draws an action for each of a random half of the mailable customers, and keeps its propensity."""
        rng, number = self.rng, (day - FIRST_EXPERIMENT) // EXPERIMENT_EVERY
        to = np.flatnonzero(self.mailable & (self.people.join < day - 7) & (rng.random(len(self.people)) < 0.5))
        quiet = self.process.since[to] > 60
        even = np.full((len(to), 3), 1 / 3)
        by_recency = np.where(quiet[:, None], (0.2, 0.3, 0.5), (0.5, 0.3, 0.2))
        chances = even if number % 2 == 0 else by_recency
        action = np.minimum((rng.random(len(to))[:, None] > chances.cumsum(axis=1)).sum(axis=1), 2)
        self.mailing.action[to], self.mailing.day[to] = action, day
        self.diary.note(
            "decisions",
            customer=to,
            day=np.full(len(to), day),
            policy=np.full(len(to), number % 2),
            action=action,
            propensity=chances[np.arange(len(to)), action],
        )
        return self._deliver(day, to[action > 0], action[action > 0])

    def _deliver(self, day: int, to: Ints, action: Ints) -> Ints:
        gone = self.process.mood[to] == GONE
        opened = self.rng.random(len(to)) < self.people.openness[to] * np.where(gone, 0.35, 1.0)
        clicked = opened & (self.rng.random(len(to)) < 0.14)
        self.diary.note("mails", customer=to, day=np.full(len(to), day), action=action, opened=opened, clicked=clicked)
        return to[clicked]

    # -- choosing products ------------------------------------------------------------------------------------

    def _open(self, day: int, month: int) -> None:
        """What is on offer today, as cumulative weights of the places of each kit and tier."""
        shop = self.shop
        self.released = shop.active & (shop.created <= day)
        self.available = self.released & (self.stock > 0)
        weights = shop.weights(day, self.available)
        if not weights.any():
            weights = shop.weights(day, self.released if self.released.any() else np.ones(len(shop), bool))
        totals = weights.sum(axis=2)
        calm = shop.weights(-1, self.available).sum(axis=2)
        pull = np.sqrt(np.divide(totals, calm, out=np.ones_like(totals), where=calm > 0)).clip(0.5, 3.0)
        self.lust = shop.seasons[:, month - 1][:, None] * pull * (totals > 0)
        self.steps = (weights / np.maximum(totals, 1e-12)[:, :, None]).cumsum(axis=2)

    def _kits(self, who: Ints) -> Ints:
        """A kit for each person of `who`, by taste, season and promotions."""
        lust = (self.people.taste[who] * self.lust.T[self.people.tier[who]]).cumsum(axis=1)
        draw = self.rng.random(len(who)) * lust[:, -1]
        return np.asarray(np.minimum((lust <= draw[:, None]).sum(axis=1), lust.shape[1] - 1))

    def _products(self, who: Ints, kit: Ints) -> Ints:
        """A product of `kit` for each person of `who`, by tier, popularity and promotions; -1 where there is none."""
        steps = self.steps[kit, self.people.tier[who]]
        place = (steps <= self.rng.random(len(who))[:, None]).sum(axis=1)
        return np.asarray(self.shop.cells[kit, np.minimum(place, steps.shape[1] - 1)])

    def _taste(self, who: Ints) -> Ints:
        return self._products(who, self._kits(who))

    def _goes_with(self, product: Ints) -> Ints:
        """A complement of each product, or -1."""
        place = self.rng.choice(len(COMPLEMENT_SHARES), len(product), p=COMPLEMENT_SHARES)
        return np.where(product >= 0, self.shop.complements[product, place], -1)

    # -- visits and orders ------------------------------------------------------------------------------------

    def _browse(self, day: int, visits: Ints, by_mail: np.ndarray) -> None:
        who = np.repeat(np.arange(len(visits)), visits)
        first = np.ones(len(who), bool)
        first[1:] = who[1:] != who[:-1]
        session = self._sessions(day, who, bought=False, by_mail=first & by_mail[who])
        self._view(session, who, self._kits(who), 1 + self.rng.poisson(1.8, len(who)))

    def _sessions(self, day: int, who: Ints, *, bought: bool, by_mail: np.ndarray) -> Ints:
        session = self.diary.sessions + np.arange(len(who))
        self.diary.sessions += len(who)
        self.diary.note(
            "sessions", customer=who, day=np.full(len(who), day), bought=np.full(len(who), bought), by_mail=by_mail
        )
        return session

    def _view(self, session: Ints, who: Ints, kit: Ints, number: Ints) -> None:
        viewer, kits = np.repeat(who, number), np.repeat(kit, number)
        stray = np.flatnonzero(self.rng.random(len(viewer)) < 0.2)
        kits[stray] = self._kits(viewer[stray])
        product = self._products(viewer, kits)
        seen = product >= 0
        self.diary.note("views", session=np.repeat(session, number)[seen], product=product[seen])
        self.seen[viewer[seen], self.rng.integers(0, self.seen.shape[1], int(seen.sum()))] = product[seen]

    def _first_lines(self, who: Ints) -> Ints:
        """What each buyer came for: a thing seen, what a friend bought, what goes with the last order, or taste."""
        rng, n = self.rng, len(who)
        draw = rng.random(n)
        looked = self.seen[who, rng.integers(0, self.seen.shape[1], n)]
        friend = self.friends[who, rng.integers(0, self.friends.shape[1], n)]
        told = np.where(friend >= 0, self.last[friend], -1)
        last = self.last[who]
        renewed = np.where((last >= 0) & self.shop.again[last] & (rng.random(n) < 0.55), last, -1)
        wish = np.select(
            [draw < 0.42, draw < 0.56, draw < 0.68, draw < 0.80], [looked, told, self._goes_with(last), renewed], -1
        )
        wish = np.where((wish >= 0) & self.available[wish], wish, -1)
        return np.where(wish >= 0, wish, self._taste(who))

    def _sell(self, day: int, who: Ints) -> None:
        rng, shop = self.rng, self.shop
        session = self._sessions(day, who, bought=True, by_mail=np.zeros(len(who), bool))
        first = self._first_lines(who)
        more = np.minimum(rng.poisson(0.9, len(who)), 5)
        row = np.repeat(np.arange(len(who)), more)
        with_it = self._goes_with(first)[row]
        with_it = np.where(rng.random(len(row)) < 0.6, with_it, -1)
        with_it = np.where((with_it >= 0) & self.available[with_it], with_it, self._taste(who[row]))
        row = np.concatenate([np.arange(len(who)), row])
        product = np.concatenate([first, with_it])
        keys = np.unique(row * (len(shop) + 1) + product + 1)
        row, product = keys // (len(shop) + 1), keys % (len(shop) + 1) - 1
        row, product = row[product >= 0], product[product >= 0]
        quantity = 1 + (rng.random(len(row)) < 0.12) + (shop.again[product] & (rng.random(len(row)) < 0.3))
        buyer = who[row]
        mailed = (self.mailing.action[buyer] == 2) & (day - self.mailing.day[buyer] < EFFECT_DAYS)
        off = np.maximum(shop.discount[day, product], np.where(mailed, EMAIL_DISCOUNT, 0.0))
        self.diary.note(
            "lines",
            session=session[row],
            customer=buyer,
            day=np.full(len(row), day),
            product=product,
            quantity=quantity,
            price=np.round(shop.price[product] * (1 - off), 2),
        )
        self.diary.note("views", session=session[row], product=product)
        self._view(session, who, shop.kit[np.maximum(first, 0)], rng.poisson(1.6, len(who)))
        self.last[buyer] = product
        sold = np.bincount(product, quantity, len(shop))
        self.stock = np.maximum(self.stock - sold, 0)
        self.pace += 0.02 * (sold - self.pace)

    def _restock(self) -> None:
        """Orders up to 90 days' demand when stock and what is coming fall below 35 days' (as each is planned)."""
        self.stock = self.stock + self.coming[0]
        self.coming = np.vstack([self.coming[1:], np.zeros(len(self.shop))])
        position = self.stock + self.coming.sum(axis=0)
        wanted = self.pace * self.care
        short = (position < wanted * 35 + 1) & self.shop.active
        self.coming[-1] = np.where(short, np.ceil(wanted * 90) - position + 2, 0.0).clip(0)


def rewards(diary: Diary, cost: Floats, message_cost: float) -> Floats:
    """Profit of each decision's customer within EFFECT_DAYS days: sales minus goods minus the message."""
    customer, day, action = (diary.column(f"decisions.{name}") for name in ("customer", "day", "action"))
    profit = np.where(action > 0, -message_cost, 0.0)
    line_day, buyer, product = (diary.column(f"lines.{name}") for name in ("day", "customer", "product"))
    gain = (diary.column("lines.price") - cost[product]) * diary.column("lines.quantity")
    for start in np.unique(day):
        rows = np.flatnonzero(day == start)
        inside = (line_day >= start) & (line_day < start + EFFECT_DAYS)
        top = int(max(buyer.max(initial=0), customer[rows].max(initial=0))) + 1
        profit[rows] += np.bincount(buyer[inside], gain[inside], top)[customer[rows]]
    return np.asarray(np.round(profit, 2))
