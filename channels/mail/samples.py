"""Letters to look at before anyone gets them: a dry run of the outbox, one sample, and typical customers."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from channels.mail import gate
from channels.mail.dkim_key import signer_of
from channels.mail.letter import letter
from channels.mail.links import Links, secret_of
from channels.mail.message import AddressError, build
from channels.mail.outbox import Message
from channels.mail.render import Rendered, Template
from channels.mail.sending import terms_of, writer_of
from channels.mail.worker import wall_clock
from data.errors import CampaignError
from data.operations import OutboxMessage

if TYPE_CHECKING:
    from campaign.plan import Member, Plan
    from channels.mail.settings import Settings
    from data.operations import Operations
    from data.store import Store


def dry_run(
    operations: Operations, root: Path, plan: Plan, settings: Settings, folder: Path
) -> tuple[int, Counter[str]]:
    """Writes what would be sent at the planned time as .eml files: how many, and how many were left out why."""
    folder.mkdir(parents=True, exist_ok=True)
    writer = writer_of(root, operations, plan.campaign_id, settings)
    terms = replace(terms_of(plan.end, settings), per_minute=0)
    written, left_out = 0, Counter[str]()
    for message, why in _due(operations, plan.campaign_id, terms):
        if why:
            left_out[why] += 1
            continue
        try:
            raw = writer.write(message, wall_clock())
        except AddressError as error:
            left_out[str(error)] += 1
            continue
        (folder / f"{_safe(message.key[1])}.eml").write_bytes(raw)
        written += 1
    return written, left_out


def one(root: Path, operations: Operations, campaign_id: str, address: str, settings: Settings) -> bytes:
    """The first letter of a campaign, launched or not, as a message to `address`; its links stand for nobody."""
    from campaign import records
    from data.store import Store

    plan = records.find(operations, campaign_id).plan
    rendered = typical(Store(root), plan, settings, limit=1)
    key = (plan.campaign_id, "test", "email", 1)
    links = Links(settings.public_url, secret_of(root))
    return build(
        key,
        address,
        replace(rendered[0][1], subject=f"[Test] {rendered[0][1].subject}"),
        unsubscribe_url=links.unsubscribe(links.token(plan.campaign_id, "test")),
        settings=settings,
        signer=signer_of(root, settings),
        now=wall_clock(),
    )


def typical(store: Store, plan: Plan, settings: Settings, *, limit: int = 3) -> list[tuple[str, Rendered]]:
    """Letters of up to `limit` customers spread over the plan's e-mail recipients: (customer id, letter).

    A reader of Chinese is among them where there is one. Raises `CampaignError` when nobody gets an e-mail.
    """
    from campaign import payload
    from models.registry import ModelSet

    mails = [m for m in plan.members if m.arm == "treated" and m.channel == "email"]
    if not mails:
        raise CampaignError(f"campaign {plan.campaign_id} sends no e-mail to anyone, so there is no letter to show")
    snapshot = store.snapshot(plan.snapshot_id)
    models = ModelSet(store.models_path.parent / plan.snapshot_id)
    chosen = _spread(mails, snapshot, limit)
    template, links = Template(), Links(settings.public_url, secret_of(store.root))
    found = []
    for member, content in zip(chosen, payload.of(snapshot, models, plan, chosen), strict=True):
        values = letter(plan, member.customer_id, content, settings=settings, links=links)
        # a letter to look at must stop nobody's e-mail
        values |= {"unsubscribe_url": links.unsubscribe(links.token(plan.campaign_id, "test"))}
        found.append((member.customer_id, template.fill(values)))
    return found


def _spread(mails: list[Member], snapshot: Any, limit: int) -> list[Member]:
    from campaign.contact import languages

    places = sorted({(len(mails) - 1) * (2 * n + 1) // (2 * limit) for n in range(limit)})
    chosen = [mails[place] for place in places]
    speaks = languages(snapshot, [m.customer_id for m in mails])
    other = next((m for m in mails if speaks[m.customer_id] == "zh" and m not in chosen), None)
    if limit > 1 and other is not None and all(speaks[m.customer_id] == "en" for m in chosen):
        chosen[-1] = other
    return chosen


def _due(operations: Operations, campaign_id: str, terms: Any) -> Iterator[tuple[Message, str]]:
    """Each queued e-mail with the reason that would keep it back at its own time ("" where none would)."""
    with operations.session() as session:
        rows = list(
            session.scalars(
                select(OutboxMessage)
                .where(
                    OutboxMessage.campaign_id == campaign_id,
                    OutboxMessage.channel == "email",
                    OutboxMessage.status == "queued",
                )
                .order_by(OutboxMessage.customer_id, OutboxMessage.step)
            )
        )
        found = []
        for row in rows:
            now = row.send_after or wall_clock()
            verdict = gate.verdicts(session, [gate.Wish.of(row)], "email", now=now, terms=terms)[0]
            why = verdict.why or ("" if verdict.until is None else f"waits until {verdict.until:%d %b %H:%M} UTC")
            key = (row.campaign_id, row.customer_id, row.channel, row.step)
            found.append((Message(key, row.address or "", json.loads(row.payload_json)), why))
    return iter(found)


def _safe(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in name).lstrip(".") or "_"
