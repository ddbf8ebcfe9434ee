"""Writes the demo shop's diary out as canonical events and orders, with times of day, searches, reviews and returns."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from data.demo_people import Floats, Ints, Rng
from data.demo_products import Range, product_ids
from data.demo_shopping import Diary
from data.demo_words import REVIEWS, searches
from data.schema import EVENT_KINDS

DAY = 86_400.0
MAIL_HOUR = 6 * 3600.0
"""Messages leave at six in the morning, before the day's first visit."""
_COLUMNS = ("customer", "session", "product", "order", "text", "channel", "campaign")
Codes = dict[str, Ints]
_STEP = 45.0  # seconds from one page to the next


@dataclass
class Happenings:
    """Events as codes into vocabularies, -1 for none; `at` in seconds since the first day."""

    parts: dict[str, list[np.ndarray]] = field(default_factory=dict)

    def add(
        self, kind: str, at: Floats, codes: Codes, *, quantity: Floats | None = None, price: Floats | None = None
    ) -> None:
        """Notes events of one kind; `codes` has any of the columns above."""
        n = len(at)
        nothing = np.full(n, -1)
        row = {name: codes.get(name, nothing) for name in _COLUMNS}
        row |= {"at": at, "kind": np.full(n, EVENT_KINDS.index(kind))}
        row |= {"quantity": _or_nan(quantity, n), "price": _or_nan(price, n)}
        for name, values in row.items():
            self.parts.setdefault(name, []).append(values)

    def frame(self, first_day: pd.Timestamp, end: float, words: dict[str, np.ndarray]) -> pd.DataFrame:
        """The canonical table `events` of all that happened before `end`, in order of time."""
        columns = {name: np.concatenate(parts) for name, parts in self.parts.items()}
        order = np.argsort(columns["at"], kind="stable")
        order = order[columns["at"][order] < end]
        columns = {name: values[order] for name, values in columns.items()}
        seconds = pd.to_timedelta(np.floor(columns["at"]).astype("int64"), unit="s")
        text = {name: _words(words[name], columns[name]) for name in _COLUMNS}
        return pd.DataFrame(
            {
                "event_id": pd.array([f"E{i:07d}" for i in range(1, len(order) + 1)], dtype="string"),
                "at": (first_day + seconds).as_unit("us"),
                "customer_id": text["customer"],
                "session_id": text["session"],
                "kind": _words(np.array(EVENT_KINDS, dtype=object), columns["kind"]),
                "product_id": text["product"],
                "quantity": columns["quantity"],
                "unit_price": columns["price"],
                "order_id": text["order"],
                "text": text["text"],
                "channel": text["channel"],
                "campaign_id": text["campaign"],
            }
        )


def _or_nan(values: Floats | None, n: int) -> Floats:
    return np.full(n, np.nan) if values is None else np.asarray(values, dtype=np.float64)


def _words(vocabulary: np.ndarray, codes: Ints) -> "pd.Series[str]":
    known = np.array([*vocabulary, pd.NA], dtype=object)  # code -1 takes the last
    return pd.Series(known[codes], dtype="string")


@dataclass(frozen=True)
class Sources:
    """Where visits come from: advertising channels, and their cumulative shares of each day's clicks."""

    names: tuple[str, ...]
    shares: Floats  # (days, channels)


class Chronicle:
    """Turns a diary into the frames `events` and `orders`."""

    def __init__(
        self, rng: Rng, diary: Diary, shop: Range, *, sources: Sources, first_day: pd.Timestamp, days: int
    ) -> None:
        self.rng, self.diary, self.shop, self.sources = rng, diary, shop, sources
        self.first_day, self.end = first_day, days * DAY
        self.out = Happenings()
        self.texts: list[str] = []
        self.campaigns: list[str] = []
        self.customer, day = diary.column("sessions.customer"), diary.column("sessions.day")
        self.bought = diary.column("sessions.bought").astype(bool)
        self.by_mail = diary.column("sessions.by_mail").astype(bool)
        self.start = day * DAY + _times_of_day(rng, len(day))
        self.who, self.source = self._visitors(day)

    def write(self, customer_ids: np.ndarray, languages: np.ndarray) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Events and orders."""
        clicked = np.flatnonzero((self.source >= 0) & (self.source < len(self.sources.names)))
        self.out.add("ad_click", self.start[clicked], self._of(clicked))
        pages = self._views(languages)
        orders, order_of = self._orders(pages, customer_ids)
        self._purchases(pages, orders, order_of)
        self._mails()
        vocabularies = {
            "customer": customer_ids,
            "session": np.array([f"S{i:06d}" for i in range(1, len(self.start) + 1)], dtype=object),
            "product": product_ids(len(self.shop)),
            "order": orders["order_id"].to_numpy(dtype=object),
            "text": np.array(self.texts, dtype=object),
            "channel": np.array([*self.sources.names, "email"], dtype=object),
            "campaign": np.array(self.campaigns, dtype=object),
        }
        return self.out.frame(self.first_day, self.end, vocabularies), orders

    def _visitors(self, day: Ints) -> tuple[Ints, Ints]:
        """Customer (-1: not signed in) and source (-1: came directly) of each visit."""
        n = len(day)
        advertised = ~self.by_mail & (self.rng.random(n) < 0.12)
        channel = (self.sources.shares[day] <= self.rng.random(n)[:, None]).sum(axis=1)
        channel = np.minimum(channel, len(self.sources.names) - 1)
        source = np.where(self.by_mail, len(self.sources.names), np.where(advertised, channel, -1))
        unknown = ~self.bought & ~self.by_mail & (self.rng.random(n) < 0.1)
        return np.where(unknown, -1, self.customer), source

    def _of(self, sessions: Ints) -> Codes:
        return {"customer": self.who[sessions], "session": sessions, "channel": self.source[sessions]}

    def _views(self, languages: np.ndarray) -> Floats:
        """Views, searches and abandoned carts; returns the time of the last page of each visit."""
        rng, diary = self.rng, self.diary
        session, product = diary.column("views.session"), diary.column("views.product")
        order = np.lexsort((rng.random(len(session)), session))
        session, product = session[order], product[order]
        rank = np.arange(len(session)) - np.searchsorted(session, session)
        at = self.start[session] + (rank + 1) * _STEP + rng.integers(0, 30, len(session))
        self.out.add("view", at, {"product": product, **self._of(session)})
        first = np.flatnonzero(rank == 0)
        first = first[rng.random(len(first)) < 0.3]
        text = self._search_texts(product[first], languages[self.customer[session[first]]])
        self.out.add("search", self.start[session[first]] + 10, {"text": text, **self._of(session[first])})
        left = np.flatnonzero(~self.bought[session] & (rng.random(len(session)) < 0.06))
        codes = {"product": product[left], **self._of(session[left])}
        price = self.shop.price[product[left]]
        self.out.add("add_to_cart", at[left] + 15, codes, quantity=np.ones(len(left)), price=price)
        pages = np.bincount(session, minlength=len(self.start))
        return np.asarray(self.start + (pages + 1) * _STEP)

    def _search_texts(self, product: Ints, language: np.ndarray) -> Ints:
        """Codes of what is typed on the way to `product`; adds every product's wordings to the texts."""
        shop = self.shop
        wordings = [
            searches(shop.kits[k].makes[m], shop.kits[k].nouns[n][0], shop.kits[k].category, shop.kits[k].purpose)
            for k, n, m in zip(shop.kit, shop.noun, shop.make, strict=True)
        ]
        base, width = len(self.texts), len(wordings[0])
        self.texts += [text for texts in wordings for text in texts]
        choice = self.rng.choice(width - 2, len(product), p=(0.38, 0.30, 0.08, 0.12, 0.05, 0.07))
        foreign = self.rng.random(len(product)) < 0.5
        choice = np.where((language == "de") & foreign, width - 2, choice)
        choice = np.where((language == "zh") & foreign, width - 1, choice)
        return np.asarray(base + product * width + choice)

    def _orders(self, pages: Floats, customer_ids: np.ndarray) -> tuple[pd.DataFrame, Ints]:
        """The canonical table `orders`, and the position in it of each visit's order (-1: none)."""
        rng = self.rng
        placed = pages + 2 * _STEP
        sessions = np.flatnonzero(self.bought & np.isin(np.arange(len(pages)), self.diary.column("lines.session")))
        sessions = sessions[np.argsort(placed[sessions], kind="stable")]
        n = len(sessions)
        order_of = np.full(len(pages), -1)
        order_of[sessions] = np.arange(n)
        age = (self.end - placed[sessions]) / DAY
        promise = rng.integers(2, 6, n)
        arrives = promise + np.where(rng.random(n) < 0.06, rng.integers(1, 4, n), -rng.random(n))
        self.cancelled = rng.random(n) < 0.015
        status = np.select(
            [self.cancelled, age > arrives, age > 0.7], ["cancelled", "delivered", "shipped"], "processing"
        )
        parcel = rng.integers(10**8, 10**9, n)
        moving = np.isin(status, ("delivered", "shipped"))
        at = self.first_day + pd.to_timedelta(np.floor(placed[sessions]).astype("int64"), unit="s")
        frame = pd.DataFrame(
            {
                "order_id": [f"O-{10001 + i}" for i in range(n)],
                "customer_id": customer_ids[self.customer[sessions]],
                "placed_at": at.as_unit("us"),
                "status": status.astype(object),
                "tracking": [f"FF{number}GB" if sent else None for number, sent in zip(parcel, moving, strict=True)],
                "expected_at": (at.normalize() + pd.to_timedelta(promise, unit="D")).as_unit("us"),
            }
        )
        frame["expected_at"] = frame["expected_at"].mask(self.cancelled)
        return frame, order_of

    def _purchases(self, pages: Floats, orders: pd.DataFrame, order_of: Ints) -> None:
        """Carts, purchase lines, returns of some, reviews of others."""
        rng, diary = self.rng, self.diary
        session, product = diary.column("lines.session"), diary.column("lines.product")
        quantity = diary.column("lines.quantity").astype(float)
        price = diary.column("lines.price").astype(float)
        order = order_of[session]
        codes = {"product": product, **self._of(session)}
        self.out.add("add_to_cart", pages[session] + _STEP, codes, quantity=quantity, price=price)
        at = pages[session] + 2 * _STEP
        self.out.add("purchase", at, {"order": order, **codes}, quantity=quantity, price=price)
        stars = np.rint(rng.normal(self.shop.quality[product], 0.9)).clip(1, 5).astype(np.int64)
        cancelled = self.cancelled[order] if len(order) else np.zeros(0, bool)
        unhappy = rng.random(len(at)) < np.array([0, 0.30, 0.15, 0.06, 0.02, 0.015])[stars]
        back = np.flatnonzero(cancelled | unhappy)
        lag = np.where(cancelled[back], rng.uniform(0.02, 0.3, len(back)), rng.uniform(5, 20, len(back)))
        known = {"order": order, "product": product, "customer": self.customer[session]}
        codes = {name: values[back] for name, values in known.items()}
        self.out.add("return", at[back] + lag * DAY, codes, quantity=quantity[back], price=price[back])
        told = np.flatnonzero(~cancelled & (rng.random(len(at)) < 0.09))
        codes = {name: values[told] for name, values in known.items()}
        codes["text"] = self._review_texts(product[told], stars[told])
        written = at[told] + rng.uniform(6, 30, len(told)) * DAY
        self.out.add("review", written, codes, quantity=stars[told].astype(float))  # a review's quantity is its stars

    def _review_texts(self, product: Ints, stars: Ints) -> Ints:
        base, shop = len(self.texts), self.shop
        draw = self.rng.random(len(product))
        for p, star, d in zip(product.tolist(), stars.tolist(), draw.tolist(), strict=True):
            kit = shop.kits[shop.kit[p]]
            text = REVIEWS[star][int(d * len(REVIEWS[star]))]
            self.texts.append(text.format(noun=kit.nouns[shop.noun[p]][0].lower(), purpose=kit.purpose))
        return base + np.arange(len(product))

    def _mails(self) -> None:
        """Messages sent, opened and clicked; who clicked opened just before that day's visit."""
        customer, day = self.diary.column("mails.customer"), self.diary.column("mails.day")
        experiment = self.diary.column("mails.action") >= 0
        opened, clicked = (self.diary.column(f"mails.{name}").astype(bool) for name in ("opened", "clicked"))
        named = {
            key: place for place, key in enumerate(sorted(set(zip(day.tolist(), experiment.tolist(), strict=True))))
        }
        dates = [(self.first_day + pd.Timedelta(days=when)).date() for when, _ in named]
        self.campaigns = [
            f"{'test' if tested else 'news'}-{date}" for date, (_, tested) in zip(dates, named, strict=True)
        ]
        campaign = np.array([named[key] for key in zip(day.tolist(), experiment.tolist(), strict=True)], np.int64)
        channel = np.full(len(day), len(self.sources.names))
        codes = {"customer": customer, "channel": channel, "campaign": campaign}
        self.out.add("email_sent", day * DAY + MAIL_HOUR, codes)
        mailed = np.flatnonzero(self.by_mail)
        keys = self.customer[mailed] * int(self.end // DAY + 1) + (self.start[mailed] // DAY).astype(np.int64)
        order = np.argsort(keys, kind="stable")
        hit = np.searchsorted(keys[order], (customer * int(self.end // DAY + 1) + day)[clicked])
        visit = self.start[mailed[order[hit]]] if clicked.any() else np.zeros(0)
        at = day * DAY + MAIL_HOUR + 300 + self.rng.exponential(9 * 3600.0, len(day))
        at[clicked] = visit - 40
        self.out.add("email_open", at[opened], {name: values[opened] for name, values in codes.items()})
        self.out.add("email_click", at[clicked] + 35, {name: values[clicked] for name, values in codes.items()})


def _times_of_day(rng: Rng, n: int) -> Floats:
    """Start of each visit in seconds, from half past six in the morning to eleven at night, most in the evening."""
    hours = np.where(rng.random(n) < 0.45, rng.triangular(17.5, 20.5, 23, n), rng.triangular(6.5, 12.5, 21, n))
    return np.asarray(np.floor(hours * 3600))
