"""What all routes share: the shop, its doors, and how many answers are written at once."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from anyio import CapacityLimiter

from channels.access import Keys, People, Visits
from channels.api.measures import Measures
from channels.api.security import Pace
from channels.api.threads import Threads
from channels.serving import AT_ONCE

if TYPE_CHECKING:
    from channels.serving import Serving

PER_MINUTE = {
    "chat": 60,
    "catalogue": 6000,
    "insight": 600,
    "campaigns": 300,
    "events": 6000,
    "visit": 600,
    "begin": 60,
    "unknown": 60,
    "sign_in": 20,
}
"""Requests a minute of one key, of one visit, or of one address that has neither."""

WAITING = 32
"""Questions that may wait for their turn."""


@dataclass
class State:
    """One app's state, on `app.state.shopkeeper`."""

    serving: Serving
    keys: Keys
    people: People
    visits: Visits
    measures: Measures
    pace: Pace = field(default_factory=lambda: Pace(PER_MINUTE))
    threads: Threads = field(default_factory=Threads)
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    lookups: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(os.cpu_count() or 1))
    """Searches and recommendations that are worked on at once. More would only take turns at the interpreter's lock,
    and each would be as late as the last."""
    waiting: int = 0
    most_waiting: int = WAITING
