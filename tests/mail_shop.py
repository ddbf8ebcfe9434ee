"""A launched campaign with as many e-mails as a test wants, without a trained shop."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from campaign.plan import Audience, Channel, Copy, Experiment, Figure, Member, Outlook, Plan, Product
from channels.mail.settings import Settings
from data.operations import Campaign, Operations, OutboxMessage

NOON = datetime(2026, 10, 1, 12)

SETTINGS = Settings(
    sender="Fern & Fable <hello@fern.example>",
    postal_address="Fern & Fable Ltd, 1 High Street, Norwich",
    shop_url="https://fern.example",
    public_url="https://fern.example/mail",
    per_minute=0,
)


def plan(count: int = 3, **changes: Any) -> Plan:
    """A small win-back plan that ends on 15 October 2026."""
    money = Figure(10.0, "money", "test")
    values: dict[str, Any] = {
        "campaign_id": "C-0001", "name": "Come back", "goal": "win_back", "shop": "Fern & Fable", "currency": "GBP",
        "as_of": "2026-09-30", "start": "2026-10-01", "end": "2026-10-15", "window_days": 14, "budget": None,
        "kept": 0.0, "discount": 0.1, "margin": Figure(0.5, "percent", "test"),
        "audience": Audience(None, "customers who went quiet", 9, 9, 9, 0, count, {}, (), 0.0, ()),
        "products": (Product("P1", "Kettle", "Camping", 20.0, 18.0, 0.4, 9.0, 1.0, 0.0, 2.0, 1.0, 7.0, "test"),),
        "channels": (Channel("email", count, 1.0, 5.0, "2026-10-01 09:00 UTC", (), "test"),),
        "copies": (Copy("email", "P1", "en", "Kettle for you\nHello, the Kettle is here.", 14, 60, True, {}),),
        "outlook": Outlook(money, money, money, money, money, money, "assumed", "x", "x", "sound"),
        "test": Experiment(1, 0.1, 0.1, 0.1, 0.1, "2026-10-15", "x"),
        "members": tuple(Member(f"c{n:05}", "treated", "email", 0.9) for n in range(count)),
        "demand_of": "shop", "demand": (), "risks": ("x",), "unknown": (), "changes": (), "assumptions": (),
        "snapshot_id": "s", "models": {}, "fingerprint": "f",
    }  # fmt: skip
    return Plan(**(values | changes))


def payload(**changes: Any) -> dict[str, Any]:
    """What one message says."""
    product = {
        "id": "P1", "title": "Kettle", "category": "Camping", "price": 20.0, "new_price": 18.0, "image_url": None,
        "reason": "You bought the Tent. Of 20 customers who bought it, 9 also chose this.",
    }  # fmt: skip
    return {
        "name": "Come back", "goal": "win_back", "language": "en", "timezone": "Europe/London", "segment": "everyone",
        "variant": "A", "text": "Kettle for you\nHello, the Kettle is here.", "offer": 0.1, "products": [product],
    } | changes  # fmt: skip


def launched(operations: Operations, count: int = 3, *, domain: str = "example.org", **changes: Any) -> Plan:
    """Stores a launched campaign and its queued messages: c00000@…, c00001@…"""
    made = plan(count, **changes)
    with operations.session() as session:
        session.add(
            Campaign(
                campaign_id=made.campaign_id, name=made.name, plan_json=made.to_json(), plan_hash=made.content_hash,
                status="launched", created_at=NOON, launched_at=NOON,
            )
        )  # fmt: skip
        session.add_all(
            OutboxMessage(
                campaign_id=made.campaign_id, customer_id=m.customer_id, channel="email", step=1, status="queued",
                address=f"{m.customer_id}@{domain}", payload_json=json.dumps(payload()), attempts=0,
            )
            for m in made.members
        )  # fmt: skip
    return made


def rows(operations: Operations) -> dict[str, OutboxMessage]:
    """The outbox by customer."""
    from sqlalchemy import select

    with operations.session() as session:
        found = list(session.scalars(select(OutboxMessage)))
        session.expunge_all()
    return {row.customer_id: row for row in found}


def store_of(folder: Path) -> Operations:
    """Fresh records in a folder that serves as a store."""
    return Operations(folder / "shop.db")
