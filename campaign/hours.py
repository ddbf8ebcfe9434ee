"""When a message may arrive: not at night where the person lives, not too often, not after the campaign's end."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

CAP, CAP_DAYS = 2, 7
"""No customer gets more than `CAP` messages in `CAP_DAYS` days."""

QUIET_FROM, QUIET_UNTIL = time(21), time(8)
"""Local time in which nothing is sent."""

_ALSO_CALLED: Mapping[str, str] = {
    "united kingdom": "GB",
    "great britain": "GB",
    "uk": "GB",
    "england": "GB",
    "scotland": "GB",
    "wales": "GB",
    "eire": "IE",
    "republic of ireland": "IE",
    "usa": "US",
    "united states of america": "US",
    "czechia": "CZ",
    "south korea": "KR",
    "the netherlands": "NL",
}


def timezone_of(country: str | None) -> str | None:
    """The IANA timezone of a country, given by name or ISO code; None where it is unknown or has several hours.

    >>> timezone_of("United Kingdom"), timezone_of("de"), timezone_of("United States"), timezone_of("Atlantis")
    ('Europe/London', 'Europe/Berlin', None, None)
    """
    return _zone_of((country or "").strip().lower())


def quiet_until(now: datetime, timezone: str) -> datetime | None:
    """The end of the quiet hours that `now` (naive UTC) falls into at `timezone`, naive UTC; None by day."""
    zone = ZoneInfo(timezone)
    local = now.replace(tzinfo=UTC).astimezone(zone)
    if QUIET_UNTIL <= local.time() < QUIET_FROM:
        return None
    day = local.date() + timedelta(days=1) if local.time() >= QUIET_FROM else local.date()
    return datetime.combine(day, QUIET_UNTIL, tzinfo=zone).astimezone(UTC).replace(tzinfo=None)


@cache
def _zone_of(country: str) -> str | None:
    import pytz  # its table of countries; slow to import, and only a launch needs it

    code = _ALSO_CALLED.get(country) or _codes().get(country)
    zones: list[str] = [] if code is None else list(pytz.country_timezones.get(code, ()))
    noons = [datetime(2026, month, 1, 12, tzinfo=UTC) for month in (1, 7)]
    hours = {tuple(noon.astimezone(ZoneInfo(zone)).utcoffset() for noon in noons) for zone in zones}
    return zones[0] if len(hours) == 1 else None


@cache
def _codes() -> dict[str, str]:
    import pytz

    names = {str(name).lower(): str(code) for code, name in pytz.country_names.items()}
    return names | {str(code).lower(): str(code) for code in pytz.country_names}
