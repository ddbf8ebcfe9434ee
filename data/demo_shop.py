"""The demo shop: 1,200 products, 5,000 customers, 18 months of their doings, and the truth behind them.

Everything is drawn from one seed, so the same arguments give the same frames, byte for byte. The truth (chances to
buy, effects of messages, response curves, expected demand) is for tests and benchmarks; no model may read it.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from data.demo_events import MAIL_HOUR, Chronicle, Sources
from data.demo_people import (
    ACTIONS,
    EFFECT_DAYS,
    Floats,
    Ints,
    People,
    Process,
    Rng,
    expected_orders,
    first_moods,
    joining_days,
    make_people,
    purchase_chance,
)
from data.demo_products import MAX_PRODUCTS, Range, expected_units, make_range, product_ids, products_frame
from data.demo_shopping import EMAIL_DISCOUNT, Diary, Shopping, rewards, season
from data.demo_words import CONSENT_SOURCES, FIRST_NAMES, LAST_NAMES, PLACES
from data.errors import SettingError
from data.schema import conform

NAME = "Fern & Fable"
CURRENCY = "GBP"
LAST_DAY = pd.Timestamp("2026-09-30")
HORIZON_DAYS = 30
DEMAND_WEEKS = 12
MESSAGE_COST = 0.03

_CHANNELS: dict[str, tuple[float, float, float, float]] = {
    # most conversions a day, spend that earns 63% of them, usual spend, cost per click (of a shop with 5,000 customers)
    "google": (16.0, 130.0, 95.0, 0.55),
    "facebook": (9.0, 90.0, 70.0, 0.40),
    "instagram": (7.5, 75.0, 55.0, 0.38),
    "tiktok": (5.0, 95.0, 40.0, 0.25),
    "email": (6.0, 9.0, 7.0, 0.04),
    "sms": (3.0, 22.0, 12.0, 0.12),
}
_ORDER_VALUE = 46.0


@dataclass(frozen=True)
class DemoShop:
    """A generated shop: canonical tables, and the truth behind them.

    `truth` has purchase (customer_id, probability within 30 days without messages), uplift (customer_id, action,
    probability and profit within 14 days more than without the message), response (channel: conversions a day =
    ceiling · (1 − exp(−spend / scale)), revenue of one) and demand (week_start, product_id, expected units, with
    stock and without promotions).
    """

    tables: dict[str, pd.DataFrame]
    truth: dict[str, pd.DataFrame]
    name: str = NAME
    currency: str = CURRENCY


def generate(*, seed: int = 7, customers: int = 5000, products: int = MAX_PRODUCTS, months: int = 18) -> DemoShop:
    """A shop whose last day is 30 September 2026; `SettingError` when a size makes no shop."""
    if customers < 1 or not 1 <= products <= MAX_PRODUCTS or not 1 <= months <= 60:
        raise SettingError(
            f"a demo shop needs at least 1 customer, 1 to {MAX_PRODUCTS} products and 1 to 60 months; "
            f"not {customers} customers, {products} products and {months} months"
        )
    first_day = LAST_DAY + pd.Timedelta(days=1) - pd.DateOffset(months=months)
    days = (LAST_DAY - first_day).days + 1
    streams = [np.random.default_rng([seed, part]) for part in range(9)]
    shop = make_range(streams[0], products, first_day, days)
    joins, coming = joining_days(streams[1], customers, days, DEMAND_WEEKS * 7)
    people = make_people(streams[1], np.concatenate([joins, coming]), shop.kit_category)
    ours = np.arange(customers)
    profile = customers_frame(streams[2], people.take(ours), first_day)
    relations, friends = relations_frame(streams[3], people.take(ours), profile)
    everyone = np.arange(len(people))
    process = Process(streams[4], people, first_moods(streams[4], people), streams[4].integers(0, 60, len(everyone)))
    mailable = np.zeros(len(people), bool)
    mailable[ours] = (profile["consent_email"].eq(True) & profile["email"].notna()).fillna(False).to_numpy(bool)
    shopping = Shopping(streams[5], shop, process, mailable, friends)
    diary = shopping.run(first_day, days)
    spend = ad_spend_frame(streams[6], first_day, days, customers / 5000)
    chronicle = Chronicle(streams[7], diary, shop, sources=_sources(spend, days), first_day=first_day, days=days)
    events, orders = chronicle.write(profile["customer_id"].to_numpy(object), profile["language"].to_numpy(object))
    tables = {
        "customers": profile,
        "products": products_frame(streams[8], shop, diary.stock[-1], first_day),
        "product_days": product_days_frame(shop, diary, first_day),
        "orders": orders,
        "events": events,
        "relations": relations,
        "exposures": exposures_frame(diary, shop, profile["customer_id"].to_numpy(object), first_day),
        "ad_spend": spend,
    }
    truth = _truth(streams[4], shop, process, diary, customers=customers, first_day=first_day)
    return DemoShop(tables={name: conform(name, frame) for name, frame in tables.items()}, truth=truth)


def customers_frame(rng: Rng, people: People, first_day: pd.Timestamp) -> pd.DataFrame:
    """The canonical table `customers`; ids count from 10001 in order of joining."""
    n = len(people)
    first = np.array(FIRST_NAMES)[rng.integers(0, len(FIRST_NAMES), n)]
    last = np.array(LAST_NAMES)[rng.integers(0, len(LAST_NAMES), n)]
    domain = np.array(("example.com", "example.org", "example.net"))[rng.integers(0, 3, n)]
    place = rng.choice(len(PLACES), n, p=[share for _, share, _, _ in PLACES])
    city = [PLACES[p][3][int(d * len(PLACES[p][3]))] for p, d in zip(place, rng.random(n), strict=True)]
    usual = np.array([language for _, _, language, _ in PLACES], dtype=object)[place]
    language = np.where(rng.random(n) < 0.03, rng.choice(["zh", "de", "fr"], n).astype(object), usual)
    joined = first_day + pd.to_timedelta(people.join * 86_400 + rng.integers(0, int(MAIL_HOUR), n), unit="s")
    asked = rng.random(n) >= 0.04
    agreed_email, agreed_sms = rng.random(n) < 0.72, rng.random(n) < 0.36
    source = np.array(CONSENT_SOURCES, dtype=object)[rng.integers(0, len(CONSENT_SOURCES), n)]
    phone = [f"+44 7700 900{number:03d}" for number in rng.integers(0, 1000, n)]  # Ofcom's numbers for fiction
    has_phone, has_email = rng.random(n) < 0.6, rng.random(n) < 0.97
    ids = [str(10001 + i) for i in range(n)]
    address = [f"{a}.{b}{i}@{d}".lower() for a, b, i, d in zip(first, last, ids, domain, strict=True)]
    return pd.DataFrame(
        {
            "customer_id": ids,
            "joined_at": joined.as_unit("us"),
            "country": [PLACES[p][0] for p in place],
            "city": city,
            "email": pd.Series(address).where(has_email),
            "phone": pd.Series(phone).where(has_phone & (place == 0)),
            "language": language.astype(object),
            "consent_email": pd.Series(agreed_email, dtype="boolean").where(asked),
            "consent_sms": pd.Series(agreed_sms, dtype="boolean").where(asked),
            "consent_source": pd.Series(source).where(asked),
            "consent_at": pd.Series(joined.as_unit("us")).where(asked),
        }
    )


def relations_frame(rng: Rng, people: People, profile: pd.DataFrame) -> tuple[pd.DataFrame, Ints]:
    """The canonical table `relations`, one row a pair, and the pairs of friends by position; friends share tastes."""
    n = len(people)
    ids = profile["customer_id"].to_numpy(object)
    shuffled = rng.permutation(n)
    alike = shuffled[np.argsort(people.persona[shuffled], kind="stable")]  # circles of four with like tastes
    close = [
        np.stack([alike[:-gap], alike[gap:]], axis=1)[np.arange(n - gap) % 4 < 4 - gap] for gap in range(1, min(n, 4))
    ]
    far = rng.integers(0, n, (n // 2, 2))
    pairs = np.concatenate([*close, far]).reshape(-1, 2)
    pairs = pairs[(rng.random(len(pairs)) < 0.7) & (pairs[:, 0] != pairs[:, 1])]
    pairs = np.unique(np.sort(pairs, axis=1), axis=0)
    referred = rng.random(len(pairs)) < 0.15  # positions are in order of joining: the earlier one referred the later
    kind = np.where(referred, "referral", "friend").astype(object)
    homes = np.flatnonzero(rng.random(max(n - 1, 0)) < 0.04)
    at_home = np.stack([homes, homes + 1], axis=1)
    both = np.concatenate([pairs, at_home])
    frame = pd.DataFrame(
        {
            "customer_id": ids[both[:, 0]],
            "other_id": ids[both[:, 1]],
            "kind": np.concatenate([kind, np.full(len(at_home), "household", dtype=object)]),
        }
    )
    return frame, both


def ad_spend_frame(rng: Rng, first_day: pd.Timestamp, days: int, scale: float) -> pd.DataFrame:
    """The canonical table `ad_spend`: spend moves by weeks and days; conversions saturate with it."""
    weeks = -(-days // 7)
    trade = season(first_day, 0, days)
    frames = []
    for channel, (ceiling, bend, usual, click_cost) in _CHANNELS.items():
        level = rng.lognormal(0, 0.55, weeks) * (rng.random(weeks) > 0.07)
        spend = np.round(usual * scale * np.repeat(level, 7)[:days] * rng.lognormal(0, 0.2, days), 2)
        clicks = rng.poisson(spend / click_cost * rng.lognormal(0, 0.1, days))
        expected = ceiling * scale * (1 - np.exp(-spend / (bend * scale)))
        conversions = rng.poisson(expected * trade)
        frames.append(
            pd.DataFrame(
                {
                    "day": pd.date_range(first_day, periods=days, freq="D").as_unit("us"),
                    "channel": channel,
                    "spend": spend,
                    "impressions": (clicks * rng.uniform(35, 60, days)).round(),
                    "clicks": clicks.astype(float),
                    "conversions": conversions.astype(float),
                    "revenue": np.round(conversions * _ORDER_VALUE * rng.lognormal(0, 0.12, days), 2),
                }
            )
        )
    return pd.concat(frames, ignore_index=True).sort_values(["day", "channel"], kind="stable", ignore_index=True)


def _sources(spend: pd.DataFrame, days: int) -> Sources:
    names = ("google", "facebook", "instagram", "tiktok")
    clicks = np.stack([spend.loc[spend["channel"] == name, "clicks"].to_numpy() for name in names], axis=1) + 0.01
    return Sources(names, (clicks / clicks.sum(axis=1, keepdims=True)).cumsum(axis=1).reshape(days, len(names)))


def product_days_frame(shop: Range, diary: Diary, first_day: pd.Timestamp) -> pd.DataFrame:
    """The canonical table `product_days`: one row a day from each product's first; stock at the day's end."""
    days, n = shop.discount.shape
    day, product = np.nonzero(np.arange(days)[:, None] >= shop.created[None, :])
    off = shop.discount[day, product]
    dates = pd.date_range(first_day, periods=days, freq="D").as_unit("us")
    return pd.DataFrame(
        {
            "day": dates[day],
            "product_id": pd.array(product_ids(n)[product], dtype="string"),
            "price": np.round(shop.price[product] * (1 - off), 2),
            "stock": np.stack(diary.stock)[day, product],
            "promoted": off > 0,
        }
    )


def exposures_frame(diary: Diary, shop: Range, ids: np.ndarray, first_day: pd.Timestamp) -> pd.DataFrame:
    """The canonical table `exposures`: randomised messages with their propensity; reward is profit in 14 days."""
    customer, day, policy = (diary.column(f"decisions.{name}") for name in ("customer", "day", "policy"))
    at = first_day + pd.to_timedelta(day * 86_400 + int(MAIL_HOUR), unit="s")
    return pd.DataFrame(
        {
            "decision_id": [f"D{i:06d}" for i in range(1, len(customer) + 1)],
            "at": at.as_unit("us"),
            "policy": np.array(["even", "by recency"], dtype=object)[policy],
            "customer_id": ids[customer],
            "action": np.array(ACTIONS, dtype=object)[diary.column("decisions.action")],
            "propensity": diary.column("decisions.propensity").astype(float),
            "reward": rewards(diary, shop.cost, MESSAGE_COST),
        }
    )


def _truth(
    rng: Rng, shop: Range, process: Process, diary: Diary, *, customers: int, first_day: pd.Timestamp
) -> dict[str, pd.DataFrame]:
    days = len(diary.stock)
    ids = np.array([str(10001 + i) for i in range(customers)], dtype=object)
    ours = np.arange(customers)
    people, moods, since = process.people.take(ours), process.mood[ours], process.since[ours]
    ahead = season(first_day, days, DEMAND_WEEKS * 7)
    chance = purchase_chance(people, moods, since, ahead[:HORIZON_DAYS], 0)
    within = [purchase_chance(people, moods, since, ahead[:EFFECT_DAYS], action) for action in range(3)]
    profit = _profit_of_an_order(shop, diary, people)
    uplift = [
        pd.DataFrame(
            {
                "customer_id": ids,
                "action": ACTIONS[action],
                "probability": within[action] - within[0],
                "profit": within[action] * profit[action] - within[0] * profit[0] - MESSAGE_COST,
            }
        )
        for action in (1, 2)
    ]
    response = pd.DataFrame(
        [(name, top, bend, _ORDER_VALUE) for name, (top, bend, _, _) in _CHANNELS.items()],
        columns=["channel", "ceiling", "scale", "revenue_per_conversion"],
    )
    response[["ceiling", "scale"]] *= customers / 5000
    return {
        "purchase": pd.DataFrame({"customer_id": ids, "probability": chance}),
        "uplift": pd.concat(uplift, ignore_index=True),
        "response": response,
        "demand": _demand(rng, shop, process, first_day=first_day, days=days, ahead=ahead),
    }


def _profit_of_an_order(shop: Range, diary: Diary, people: People) -> list[Floats]:
    """Mean profit of an order of each person's tier after no message, an e-mail, and an e-mail with a discount."""
    session, product = diary.column("lines.session"), diary.column("lines.product")
    tier = people.tier[np.minimum(diary.column("lines.customer"), len(people) - 1)]
    quantity, price = diary.column("lines.quantity"), diary.column("lines.price")
    orders = np.array([max(len(np.unique(session[tier == level])), 1) for level in range(3)])
    sales = np.bincount(tier, price * quantity, 3)[:3] / orders
    goods = np.bincount(tier, shop.cost[product] * quantity, 3)[:3] / orders
    full, cut = (sales - goods)[people.tier], (sales * (1 - EMAIL_DISCOUNT) - goods)[people.tier]
    return [full, full, cut]


def _demand(
    rng: Rng, shop: Range, process: Process, *, first_day: pd.Timestamp, days: int, ahead: Floats
) -> pd.DataFrame:
    orders = expected_orders(rng, process, day=days, seasons=ahead)
    frames = []
    for week in range(DEMAND_WEEKS):
        start = first_day + pd.Timedelta(days=days + 7 * week)
        day = days + 7 * week
        units = expected_units(shop, process.people, orders[:, week], day=day, month=start.month)
        frames.append(pd.DataFrame({"week_start": start, "product_id": product_ids(len(shop)), "units": units}))
    return pd.concat(frames, ignore_index=True)
