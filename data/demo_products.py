"""The demo shop's range: products with their complements, prices, promotions, and how demand spreads over them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from data.demo_catalogue import BRANDS, DETAILS, ENDINGS, SEASONS, Kit, kits
from data.demo_people import Floats, Ints, People, Rng

MAKES, NOUNS = 5, 4
_MAKE_PRICE = (0.72, 0.88, 1.0, 1.28, 1.75)
_TIER_LIKES = np.array([[1.0, 0.9, 0.5, 0.15, 0.04], [0.3, 0.7, 1.0, 0.6, 0.15], [0.05, 0.2, 0.5, 1.0, 0.9]])
"""How much each tier of customers (rows) likes each make (columns)."""
MAX_PRODUCTS = 1200


@dataclass(frozen=True)
class Range:
    """Products by position, 0 to n − 1. Days count from the shop's first day; money is in the shop's currency."""

    kits: list[Kit]
    kit: Ints
    noun: Ints
    make: Ints
    price: Floats
    cost: Floats
    quality: Floats  # mean stars, 1 to 5
    created: Ints  # day of the first sale
    active: np.ndarray
    cells: Ints  # (kits, places): products of each kit, -1 where there is none
    liking: Floats  # (kits, tiers, places): demand weights without promotions
    complements: Ints  # (n, 3): products that go with each, -1 where there is none
    discount: Floats  # (days, n): 0 or the promoted share off
    again: np.ndarray  # runs out and is bought again
    kit_category: Ints
    seasons: Floats  # (kits, 12): demand factor of each month

    def __len__(self) -> int:
        return len(self.kit)

    def weights(self, day: int, available: np.ndarray) -> Floats:
        """Demand weights of `day`, (kits, tiers, places); promotions pull bargain hunters most."""
        return _spread(self.liking, self.cells, self.discount[min(day, len(self.discount) - 1)], available)

    def titles(self) -> list[str]:
        """Title of each product."""
        return [
            f"{self.kits[k].makes[m]} {self.kits[k].nouns[n][0]}"
            for k, n, m in zip(self.kit, self.noun, self.make, strict=True)
        ]


def _spread(liking: Floats, cells: Ints, discount: Floats, available: np.ndarray) -> Floats:
    pull = 1 + discount[cells][:, None, :] * np.array([16.0, 10.0, 4.0])[None, :, None]
    return np.asarray(liking * pull * (available[cells] & (cells >= 0))[:, None, :])


def make_range(rng: Rng, products: int, first_day: pd.Timestamp, days: int) -> Range:
    """The first `products` of the catalogue, spread over all categories, with promotions for `days` days."""
    found = kits()
    categories = list(SEASONS)
    kit_category = np.array([categories.index(kit.category) for kit in found])
    in_category = np.arange(len(found)) % 5
    every = [(k, n, m) for k in range(len(found)) for n in range(NOUNS) for m in range(MAKES)]
    every.sort(key=lambda knm: (in_category[knm[0]], (knm[2] + 3) % MAKES, kit_category[knm[0]], knm[1]))
    kit, noun, make = np.array(sorted(every[:products])).T
    base = np.array([found[k].nouns[n][1] for k, n in zip(kit, noun, strict=True)])
    price = _price_points(base * np.array(_MAKE_PRICE)[make] * rng.normal(1, 0.06, products).clip(0.85, 1.15))
    new = rng.random(products) < 0.12
    created = np.where(new, rng.integers(0, max(days - 5, 1), products), -rng.integers(30, 900, products))
    popularity = rng.lognormal(0, 0.95, products) * (base / base.mean()) ** -0.35
    cells, liking = _cells(kit, make, popularity, len(found))
    return Range(
        kits=found,
        kit=kit,
        noun=noun,
        make=make,
        price=price,
        cost=np.round(price * rng.uniform(0.38, 0.62, products), 2),
        quality=rng.normal(4.1, 0.45, products).clip(2.2, 4.9),
        created=created,
        active=rng.random(products) >= 0.02,
        cells=cells,
        liking=liking,
        complements=_complements(rng, kit, noun, make),
        discount=_promotions(rng, kit, first_day, days),
        again=np.array([found[k].again for k in kit]),
        kit_category=kit_category,
        seasons=_seasons(kit_category),
    )


def _price_points(price: Floats) -> Floats:
    """Prices as shops write them: 7.50 or 24.95."""
    return np.asarray(np.where(price < 10, np.round(price * 2) / 2, np.round(price) - 0.05)).clip(1.0)


def _cells(kit: Ints, make: Ints, popularity: Floats, kit_count: int) -> tuple[Ints, Floats]:
    cells = np.full((kit_count, MAKES * NOUNS), -1)
    liking = np.zeros((kit_count, 3, MAKES * NOUNS))
    place = np.zeros(kit_count, np.int64)
    for product, (k, m) in enumerate(zip(kit, make, strict=True)):
        cells[k, place[k]] = product
        liking[k, :, place[k]] = popularity[product] * _TIER_LIKES[:, m]
        place[k] += 1
    return cells, liking


def _complements(rng: Rng, kit: Ints, noun: Ints, make: Ints) -> Ints:
    """For each product up to three of the other nouns of its kit, mostly of the same make, in a fixed order."""
    where = {key: product for product, key in enumerate(zip(kit.tolist(), noun.tolist(), make.tolist(), strict=True))}
    drift = rng.choice((-1, 0, 0, 0, 1), (len(kit), NOUNS - 1))
    table = np.full((len(kit), NOUNS - 1), -1)
    for product, (k, n, m) in enumerate(zip(kit, noun, make, strict=True)):
        for place in range(NOUNS - 1):
            other = (n + place + 1) % NOUNS
            wish = min(max(m + drift[product, place], 0), MAKES - 1)
            nearest = sorted(range(MAKES), key=lambda maker: (abs(maker - wish), maker))
            table[product, place] = next((where[k, other, x] for x in nearest if (k, other, x) in where), -1)
    return table


def _promotions(rng: Rng, kit: Ints, first_day: pd.Timestamp, days: int) -> Floats:
    """Weekly offers on some kits, with wider sales in the last week of November and after Christmas."""
    discount = np.zeros((days, len(kit)))
    for start in range(0, days, 7):
        date = first_day + pd.Timedelta(days=start)
        sale = (date.month == 11 and date.day >= 22) or (date.month == 1 and date.day <= 14)
        chosen = np.unique(rng.choice(np.unique(kit), 26 if sale else 7))
        off = rng.choice((0.20, 0.25, 0.30) if sale else (0.10, 0.15, 0.20))
        part = np.isin(kit, chosen) & (rng.random(len(kit)) < 0.7)
        discount[start : start + 7] = np.where(part, off, 0.0)
    return discount


def _seasons(kit_category: Ints) -> Floats:
    months = np.arange(1, 13)
    waves = [1 + swing * np.cos(2 * np.pi * (months - peak) / 12) for peak, swing in SEASONS.values()]
    return np.asarray(waves)[kit_category]


def products_frame(rng: Rng, shop: Range, stock: Floats, first_day: pd.Timestamp) -> pd.DataFrame:
    """The canonical table `products`; ids are P0001 and so on."""
    n = len(shop)
    titles = shop.titles()
    detail, ending = rng.integers(0, len(DETAILS), n), rng.integers(0, len(ENDINGS), n)
    bands = np.array([0, 0, 1, 1, 2])[shop.make]
    categories = [shop.kits[k].category for k in shop.kit]
    return pd.DataFrame(
        {
            "product_id": product_ids(n),
            "title": titles,
            "description": [
                f"{title} for {shop.kits[k].purpose}. {DETAILS[d]} {ENDINGS[e]}"
                for title, k, d, e in zip(titles, shop.kit, detail, ending, strict=True)
            ],
            "category": categories,
            "brand": [BRANDS[c][b] for c, b in zip(categories, bands, strict=True)],
            "price": shop.price,
            "cost": shop.cost,
            "stock": stock,
            "created_at": (first_day + pd.to_timedelta(shop.created, unit="D")).as_unit("us"),
            "active": shop.active,
            "category_derived": False,
            "price_derived": False,
        }
    )


def product_ids(n: int) -> np.ndarray:
    """Ids of n products by position."""
    return np.array([f"P{i + 1:04d}" for i in range(n)], dtype=object)


def expected_units(shop: Range, people: People, orders: Floats, *, day: int, month: int) -> Floats:
    """Expected units of each product from the expected `orders` of each person, shape (n,), on days like `day`.

    Follows the shopping rules of `demo_shopping`: first and further lines by taste, complements of those, and
    more units of what runs out. Stock-outs and promotions after the last day are left aside.
    """
    available = shop.active & (shop.created <= day)
    weights = _spread(shop.liking, shop.cells, np.zeros(len(shop)), available)
    lust = people.taste * shop.seasons[:, month - 1] * (weights.sum(axis=(1, 2)) > 0)
    lust /= np.maximum(lust.sum(axis=1, keepdims=True), 1e-12)
    by_taste = np.zeros(len(shop) + 1)
    for level in range(3):
        kit_orders = (lust * (orders * (people.tier == level))[:, None]).sum(axis=0)
        share = weights[:, level] / np.maximum(weights[:, level].sum(axis=1, keepdims=True), 1e-12)
        np.add.at(by_taste, shop.cells, kit_orders[:, None] * share)
    first = 0.88 * by_taste[:-1] + 0.12 * _complemented(shop, by_taste[:-1])
    further = 0.4 * by_taste[:-1] + 0.6 * _complemented(shop, first)
    return np.asarray((first + 0.85 * further) * np.where(shop.again, 1.42, 1.12) * available)


def _complemented(shop: Range, units: Floats) -> Floats:
    moved = np.zeros(len(shop) + 1)
    for place, share in enumerate(COMPLEMENT_SHARES):
        np.add.at(moved, shop.complements[:, place], units * share)
    return moved[:-1]


COMPLEMENT_SHARES = (0.6, 0.25, 0.15)
"""How often the first, second and third complement is chosen."""
