"""Who is signed in to the console: sessions in memory, the tokens of forms, and each visitor's preferences."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from channels.console.words import LANGUAGES, Words, words

if TYPE_CHECKING:
    from channels.access import People, Person

HOURS = 12
COOKIE = "shopkeeper"
LANGUAGE_COOKIE, THEME_COOKIE = "shopkeeper_language", "shopkeeper_theme"
THEMES = ("auto", "light", "dark")
_MOST = 10_000

Act = Literal["decide", "feed", "own"]
_MAY: Mapping[Act, frozenset[str]] = {
    "decide": frozenset({"owner", "marketer"}),
    "feed": frozenset({"owner", "marketer"}),
    "own": frozenset({"owner"}),
}
"""Roles that may decide on campaigns, feed data and train, and see keys and people. Looking and asking is free."""


@dataclass(frozen=True)
class _Held:
    """Who a session is for, and until when."""

    person: Person
    until: float
    recorded: bool


class Sessions:
    """Sessions by an unguessable token; a restart or twelve hours end them. A changed role counts at once."""

    def __init__(self, people: People) -> None:
        self._people = people
        self._secret = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._held: dict[str, _Held] = {}

    def begin(self, person: Person, *, recorded: bool = True) -> str:
        """A new session's token. Someone who is not `recorded` here was vouched for elsewhere, for this session."""
        token = secrets.token_urlsafe(32)
        with self._lock:
            now = time.monotonic()
            self._held = {k: v for k, v in self._held.items() if v.until > now}
            while len(self._held) >= _MOST:
                self._held.pop(next(iter(self._held)))
            self._held[_digest(token)] = _Held(person, now + HOURS * 3600, recorded)
        return token

    def end(self, token: str) -> None:
        """Signs out."""
        with self._lock:
            self._held.pop(_digest(token), None)

    def person(self, token: str | None) -> Person | None:
        """Who this token is, as the records have them now."""
        if not token:
            return None
        with self._lock:
            held = self._held.get(_digest(token))
        if held is None or held.until <= time.monotonic():
            return None
        if not held.recorded:
            return held.person
        return next((one for one in self._people.every() if one.name == held.person.name), None)

    def form_token(self, token: str) -> str:
        """What a form of this session must carry, so that no other site can send it."""
        return hmac.new(self._secret, b"form\0" + token.encode(), hashlib.sha256).hexdigest()

    def is_form_of(self, token: str, given: str) -> bool:
        """Whether `given` is this session's form token."""
        return hmac.compare_digest(self.form_token(token).encode(), given.encode())


@dataclass(frozen=True)
class Visitor:
    """One request's person, with their language and theme; `token` is the session's."""

    person: Person
    token: str
    language: str
    theme: str

    @property
    def say(self) -> Words:
        """The words of the visitor's language."""
        return words(self.language)

    def may(self, act: Act) -> bool:
        """Whether the person's role allows `act`."""
        return self.person.role in _MAY[act]


def visitor(sessions: Sessions, cookies: Mapping[str, str]) -> Visitor | None:
    """The signed-in person of a request's cookies; None for someone who is not."""
    token = cookies.get(COOKIE, "")
    person = sessions.person(token)
    return None if person is None else Visitor(person, token, language_of(cookies), theme_of(cookies))


def language_of(cookies: Mapping[str, str], accepted: str = "") -> str:
    """The chosen language, else that of the browser, else English."""
    chosen = cookies.get(LANGUAGE_COOKIE, "")
    if chosen in LANGUAGES:
        return chosen
    return "zh" if accepted.lower().startswith("zh") else "en"


def theme_of(cookies: Mapping[str, str]) -> str:
    """Light, dark, or as the browser says."""
    chosen = cookies.get(THEME_COOKIE, "")
    return chosen if chosen in THEMES else "auto"


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
