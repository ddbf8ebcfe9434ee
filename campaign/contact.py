"""Who may be contacted how: consent, address, and the cap on messages. Unknown consent means no."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd
from sqlalchemy import select as sql_select

from campaign.hours import CAP, CAP_DAYS
from campaign.wording import Language
from data.operations import Consent

if TYPE_CHECKING:
    from data.operations import Operations
    from data.store import Snapshot

DIRECT = ("email", "sms")
"""Channels that reach one person and need that person's consent."""
PAID = ("google", "facebook", "instagram", "tiktok")
CHANNELS = DIRECT + PAID

_ADDRESS = {"email": "email", "sms": "phone"}


def reach(snapshot: Snapshot, operations: Operations, customer_ids: list[str]) -> pd.DataFrame:
    """How each customer can be reached (index customer_id, in the given order).

    Columns, for each direct channel c: c_consent ("yes", "no" or "unknown"), c_address (text or null), and
    c (True when consent is "yes" and the address is known). What a customer last said to the shop
    (operations) overrides the snapshot.
    """
    table = snapshot.frame("customers").set_index("customer_id")
    known = table.reindex(customer_ids)
    said = _said(operations)
    columns: dict[str, list[object]] = {}
    for channel in DIRECT:
        granted = [
            said.get((customer, channel), None if pd.isna(value) else bool(value))
            for customer, value in zip(customer_ids, known[f"consent_{channel}"], strict=True)
        ]
        address = [None if pd.isna(a) or not str(a).strip() else str(a) for a in known[_ADDRESS[channel]]]
        columns[f"{channel}_consent"] = ["unknown" if g is None else "yes" if g else "no" for g in granted]
        columns[f"{channel}_address"] = list(address)
        columns[channel] = [g is True and a is not None for g, a in zip(granted, address, strict=True)]
    return pd.DataFrame(columns, index=pd.Index(customer_ids, name="customer_id", dtype="string"))


def languages(snapshot: Snapshot, customer_ids: Sequence[str]) -> dict[str, Language]:
    """The language to write in: Chinese to those who speak it, English to everyone else."""
    spoken = snapshot.frame("customers").set_index("customer_id")["language"].fillna("").astype(str).to_dict()
    return {c: "zh" if spoken.get(c, "").lower().startswith("zh") else "en" for c in customer_ids}


def _said(operations: Operations) -> dict[tuple[str, str], bool]:
    with operations.session() as session:
        return {(c.customer_id, c.channel): c.granted for c in session.scalars(sql_select(Consent))}


def over_cap(snapshot: Snapshot, as_of: pd.Timestamp) -> set[str]:
    """Customers who had `CAP` or more e-mails in the last `CAP_DAYS` days before `as_of`."""
    events = snapshot.table("events")
    since = as_of - pd.Timedelta(days=CAP_DAYS)
    sent = events.filter(
        (events["kind"] == "email_sent")
        & (events["at"] > since)
        & (events["at"] <= as_of)
        & events["customer_id"].notnull()
    )
    counts = sent.group_by("customer_id").agg(messages=sent.count())
    return {str(c) for c in counts.filter(counts["messages"] >= CAP).execute()["customer_id"]}
