"""Who may do what: keys of programs, people of the shop, and the signed visits of shoppers."""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal, get_args

import jwt
from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from sqlalchemy import select

from data.errors import SettingError
from data.operations import ApiKey, User

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from data.operations import Operations

Scope = Literal["chat", "catalogue", "insight", "campaigns", "events"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
PersonRole = Literal["owner", "marketer", "viewer"]
PERSON_ROLES: tuple[PersonRole, ...] = get_args(PersonRole)

SHORTEST_PASSWORD = 10
VISIT_HOURS = 12
_REMEMBERED_SECONDS = 10.0
"""So long a revoked key may go on working: keys are looked up in the records no more often."""
_PREFIX = "sk-"
_AUDIENCE = "shopkeeper"
_ALGORITHM = "HS256"


@dataclass(frozen=True)
class Key:
    """A program's key without its secret."""

    key_id: str
    name: str
    scopes: frozenset[str]


class Keys:
    """The keys of a store. Their secrets have 256 bits, so that a plain SHA-256 of them is safe to keep."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations
        self._lock = threading.Lock()
        self._found: dict[str, tuple[float, Key | None]] = {}

    def make(self, name: str, scopes: Collection[str]) -> tuple[Key, str]:
        """A new key and its secret, which is shown once and not kept."""
        unknown = sorted(set(scopes) - set(SCOPES))
        if unknown or not scopes:
            raise SettingError(f"no scope {', '.join(unknown) or 'given'}; the scopes are {', '.join(SCOPES)}")
        if not name.strip():
            raise SettingError("a key needs a name that says who uses it")
        secret = _PREFIX + secrets.token_urlsafe(32)
        digest = _digest(secret)
        key = Key("K-" + digest[:8], name.strip(), frozenset(scopes))
        with self._operations.session() as session:
            session.add(
                ApiKey(
                    key_id=key.key_id,
                    digest=digest,
                    name=key.name,
                    scopes=" ".join(sorted(scopes)),
                    created_at=_now(),
                )
            )
        return key, secret

    def every(self) -> list[tuple[Key, datetime, datetime | None]]:
        """All keys with the times when they were made and revoked, the oldest first."""
        with self._operations.session() as session:
            rows = session.scalars(select(ApiKey).order_by(ApiKey.created_at, ApiKey.key_id)).all()
            return [(_key(row), row.created_at, row.revoked_at) for row in rows]

    def revoke(self, key_id: str) -> None:
        """Ends a key; `SettingError` for one that is unknown."""
        with self._operations.session() as session:
            row = session.get(ApiKey, key_id)
            if row is None:
                raise SettingError(f"no key {key_id}; `shopkeeper key list` shows them")
            row.revoked_at = row.revoked_at or _now()

    def of(self, secret: str) -> Key | None:
        """The key that has this secret and was not revoked."""
        if not secret.startswith(_PREFIX):
            return None
        digest, now = _digest(secret), time.monotonic()
        with self._lock:
            looked_up, key = self._found.get(digest, (-1e9, None))
            if now - looked_up < _REMEMBERED_SECONDS:
                return key
        with self._operations.session() as session:
            row = session.scalar(select(ApiKey).where(ApiKey.digest == digest, ApiKey.revoked_at.is_(None)))
            key = None if row is None else _key(row)
        with self._lock:
            if len(self._found) > 10_000:  # of someone who tries secrets
                self._found.clear()
            self._found[digest] = (now, key)
        return key


@dataclass(frozen=True)
class Person:
    """Someone of the shop who is signed in."""

    name: str
    role: PersonRole


class People:
    """Those who may sign in to the console; passwords are kept as argon2id hashes."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations
        self._hasher = PasswordHasher()
        self._nobody = self._hasher.hash(secrets.token_urlsafe(16))

    def add(self, name: str, password: str, role: str) -> Person:
        """A new person, or a new password and role for one who is there."""
        who = " ".join(name.split())
        if not who or len(who) > 100:
            raise SettingError("a person needs a name of up to 100 characters")
        if role not in PERSON_ROLES:
            raise SettingError(f"no role {role}; the roles are {', '.join(PERSON_ROLES)}")
        if len(password) < SHORTEST_PASSWORD:
            raise SettingError(f"the password is too short; take {SHORTEST_PASSWORD} characters or more")
        with self._operations.session() as session:
            session.merge(User(name=who, password_hash=self._hasher.hash(password), role=role, created_at=_now()))
        return Person(who, role)

    def every(self) -> Sequence[Person]:
        """All people, by name."""
        with self._operations.session() as session:
            return [Person(u.name, u.role) for u in session.scalars(select(User).order_by(User.name))]  # type: ignore[arg-type]

    def signed_in(self, name: str, password: str) -> Person | None:
        """The person, when the password is theirs; a wrong name takes as long as a wrong password."""
        with self._operations.session() as session:
            user = session.get(User, " ".join(name.split()))
            found = None if user is None else (user.name, user.role, user.password_hash)
        try:
            self._hasher.verify(self._nobody if found is None else found[2], password)
        except VerificationError:
            return None
        return None if found is None else Person(found[0], found[1])  # type: ignore[arg-type]


@dataclass(frozen=True)
class Visit:
    """A shopper's visit; `customer_id` is None for someone who has not signed in to the shop."""

    session_id: str
    customer_id: str | None = None


class Visits:
    """Visits as JSON Web Tokens, signed with HS256 by the shop or, for someone unknown, by this server.

    Claims: `sub` the customer's id (absent for someone unknown), `sid` the visit, `aud` "shopkeeper", `exp`. Any
    library of the shop's own language can make one; the customer's id is believed from nowhere else.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = hashlib.sha256(b"shopkeeper visits\0" + secret).hexdigest()

    @property
    def secret(self) -> str:
        """What the shop's own server signs with; for the owner's eyes only."""
        return self._secret

    def sign(self, visit: Visit, *, hours: float = VISIT_HOURS) -> str:
        """The token of a visit."""
        claims = {"sid": visit.session_id, "aud": _AUDIENCE, "exp": datetime.now(UTC) + timedelta(hours=hours)}
        if visit.customer_id is not None:
            claims["sub"] = visit.customer_id
        return jwt.encode(claims, self._secret, algorithm=_ALGORITHM)

    def new(self) -> Visit:
        """A visit of someone unknown."""
        return Visit(secrets.token_urlsafe(12))

    def read(self, token: str) -> Visit | None:
        """The visit of a token; None for one that is forged, of another audience, or over."""
        try:
            claims = jwt.decode(
                token,
                self._secret,
                algorithms=[_ALGORITHM],
                audience=_AUDIENCE,
                options={"require": ["exp", "aud", "sid"]},
            )
        except jwt.PyJWTError:
            return None
        visit, customer = claims["sid"], claims.get("sub")
        if not isinstance(visit, str) or not 1 <= len(visit) <= 100:
            return None
        return Visit(visit, customer)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _key(row: ApiKey) -> Key:
    return Key(row.key_id, row.name, frozenset(row.scopes.split()))


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
