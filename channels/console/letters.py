"""A campaign's e-mail as typical customers would see it, made once for each plan."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING

from campaign import records
from channels.mail import samples
from channels.mail.settings import example, read

if TYPE_CHECKING:
    from channels.mail.render import Rendered
    from channels.serving import Serving

_MOST = 32
_lock = Lock()
_made: OrderedDict[str, list[tuple[str, Rendered]]] = OrderedDict()


def letters(serving: Serving, campaign_id: str) -> list[tuple[str, Rendered]]:
    """(customer id, letter) of up to three typical recipients; takes a second or so the first time.

    Raises `CampaignError` for an unknown campaign, or one that sends no e-mail.
    """
    kept = records.find(serving.operations, campaign_id)
    with _lock:
        if kept.plan_hash in _made:
            return _made[kept.plan_hash]
    settings = read(serving.store.root) or example(kept.plan.shop)
    found = samples.typical(serving.store, kept.plan, settings)
    with _lock:
        _made[kept.plan_hash] = found
        while len(_made) > _MOST:
            _made.popitem(last=False)
    return found
