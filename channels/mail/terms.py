"""The rules under which messages leave: time, frequency, pace and patience."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from campaign.hours import CAP, CAP_DAYS


@dataclass(frozen=True)
class Terms:
    """What is checked when a row is taken from the outbox.

    `ends` (naive UTC) is the campaign's end, after which nothing leaves; `timezone` that of the shop, for people whose
    country has several; `per_minute` the messages that one recipient domain gets in a minute (0: no limit);
    `unwilling` are customers who no longer consent by a newer snapshot than the plan's.
    """

    ends: datetime | None = None
    timezone: str = "UTC"
    quiet_hours: bool = True
    cap: int = CAP
    cap_days: int = CAP_DAYS
    per_minute: int = 0
    unwilling: Collection[str] = frozenset()
    most_tries: int = 6
    first_wait: timedelta = timedelta(minutes=1)
    longest_wait: timedelta = timedelta(hours=1)

    def wait_after(self, tries: int) -> timedelta:
        """How long to wait after the given number of tries: 1, 2, 4 … minutes.

        >>> [Terms().wait_after(n).seconds // 60 for n in (1, 2, 3, 9)]
        [1, 2, 4, 60]
        """
        return min(self.first_wait * 2 ** max(tries - 1, 0), self.longest_wait)
