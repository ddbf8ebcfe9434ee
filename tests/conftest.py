"""Fixtures that many tests share."""

import os

import numpy as np
import pandas as pd
import pytest

from data.store import Store


def pytest_configure(config: pytest.Config) -> None:
    """Gives each of several test processes a core of its own: threads that share one wait for each other."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if worker and hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[int(worker.removeprefix("gw")) % len(cores)]})


@pytest.hookimpl(tryfirst=True)  # before pytest chooses by mark
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what drives a browser: it waits for pages, which come late where other tests take the cores."""
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")


@pytest.fixture(scope="session")
def tiny_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A small shop in EUR: 40 customers, 12 products in 3 categories, 120 days of views and purchases. Read it only."""
    generator = np.random.default_rng(7)
    customers = [f"{10000 + number}" for number in range(40)]
    products = [f"P{number:04}" for number in range(12)]
    nouns = ["Mug", "Teapot", "Plate", "Bowl", "Lantern", "Lamp", "Candle", "Torch", "Spade", "Rake", "Trowel", "Hose"]
    price = np.round(generator.uniform(3, 40, len(products)), 2)
    size = 2400
    chosen = generator.integers(len(products), size=size)
    bought = generator.random(size) < 0.3
    who = generator.integers(len(customers), size=size)
    minutes = np.sort(generator.integers(120 * 24 * 60, size=size))
    at = pd.Timestamp("2024-01-01") + pd.to_timedelta(minutes, unit="m")
    events = pd.DataFrame(
        {
            "event_id": [f"e{number:05}" for number in range(size)],
            "at": at,
            "customer_id": np.array(customers)[who],
            "kind": np.where(bought, "purchase", "view"),
            "product_id": np.array(products)[chosen],
            "quantity": np.where(bought, generator.integers(1, 4, size), np.nan),
            "unit_price": np.where(bought, price[chosen], np.nan),
            "order_id": [f"O{number:05}" if is_order else None for number, is_order in enumerate(bought)],
        }
    )
    orders = events.loc[events["kind"] == "purchase", ["order_id", "customer_id", "at"]].rename(
        columns={"at": "placed_at"}
    )
    shop: dict[str, pd.DataFrame] = {
        "customers": pd.DataFrame(
            {
                "customer_id": customers,
                "joined_at": pd.Timestamp("2023-12-01"),
                "country": "Ireland",
                "email": [f"{customer}@example.org" for customer in customers],
                "consent_email": [number % 4 != 0 for number in range(len(customers))],
            }
        ),
        "products": pd.DataFrame(
            {
                "product_id": products,
                "title": [f"Enamel {noun}" for noun in nouns],
                "category": ["Kitchen"] * 4 + ["Lighting"] * 4 + ["Garden"] * 4,
                "price": price,
                "cost": np.round(price * 0.5, 2),
                "stock": generator.integers(0, 60, len(products)),
                "active": True,
            }
        ),
        "orders": orders.assign(status="delivered"),
        "events": events,
    }
    store = Store(tmp_path_factory.mktemp("tiny"))
    store.write(shop, name="Tiny", currency="EUR", source="tests/conftest.py")
    return store
