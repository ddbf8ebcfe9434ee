"""Signing in through an OpenID Connect provider: the code flow with PKCE (OpenID Connect Core 1.0, RFC 7636).

Off unless `oidc.yaml` lies in the store. Nothing is believed but an id token that the provider signed for this
client and this very sign-in.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode, urlsplit

import httpx
import jwt
from pydantic import BaseModel, ConfigDict, Field, field_validator

from channels.access import PERSON_ROLES, Person, PersonRole
from channels.settings_file import read_settings
from data.errors import ShopkeeperError

FILE = "oidc.yaml"
CALLBACK = "/console/oidc/callback"
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures with a public key. One with the client's secret, or none at all, is not taken."""
_PATIENCE = 10.0
_FRESH = 3600.0
"""Seconds for which the provider's addresses and keys are kept."""
_AGAIN = 60.0
"""Seconds before keys are fetched anew for a key that is unknown."""
_LEEWAY = 60
_TRY = 600.0
"""Seconds that someone may take to sign in there."""
_MOST_TRIES = 10_000


class SignInError(ShopkeeperError):
    """A sign-in that came to nothing; the words are for the server's log."""


class NoRoleError(SignInError):
    """Someone whom the provider knows, and who has no role here."""


class Settings(BaseModel):
    """What `oidc.yaml` may say.

    `roles` names, for each role here, values of the claim `role_claim`; whoever has several gets the highest. With
    `passwords` false nobody signs in with a password.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    issuer: str
    client_id: Annotated[str, Field(min_length=1)]
    public_url: str
    roles: dict[PersonRole, list[str]]
    role_claim: str = "groups"
    scopes: list[str] = ["openid", "profile", "email"]
    label: str = "OpenID Connect"
    passwords: bool = True

    @field_validator("issuer", "public_url")
    @classmethod
    def _web(cls, value: str) -> str:
        if not _safe(value):
            raise ValueError("must begin with https://")
        return value


def read(root: Path) -> Settings | None:
    """The settings in `root`/oidc.yaml, or None while there are none. Raises `SettingError` with what to mend."""
    return read_settings(root / FILE, Settings)


@dataclass(frozen=True)
class Try:
    """One sign-in on its way: what must come back with it, and the page that it is for."""

    state: str
    nonce: str
    verifier: str
    next: str
    until: float


class Provider:
    """The provider of the settings, as a client with id `client_id`; `secret` is empty for a public client."""

    def __init__(self, settings: Settings, secret: str = "") -> None:
        self.settings = settings
        self._secret = secret
        self._lock = threading.Lock()
        self._tries: dict[str, Try] = {}
        self._about: tuple[float, Mapping[str, Any]] | None = None
        self._keys: tuple[float, jwt.PyJWKSet] | None = None

    async def begin(self, next: str) -> tuple[str, str]:
        """Where the browser goes, and the state that it must bring back. Raises `SignInError`."""
        about = await self._discovered()
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        tried = Try(state, nonce, verifier, next, time.monotonic() + _TRY)
        with self._lock:
            now = time.monotonic()
            self._tries = {state: one for state, one in self._tries.items() if one.until > now}
            while len(self._tries) >= _MOST_TRIES:
                self._tries.pop(min(self._tries))  # whichever: so many at once are no people
            self._tries[tried.state] = tried
        challenge = urlsafe_b64encode(hashlib.sha256(tried.verifier.encode()).digest()).rstrip(b"=").decode()
        query = urlencode(
            {
                "response_type": "code",
                "client_id": self.settings.client_id,
                "redirect_uri": self._back,
                "scope": " ".join(self.settings.scopes),
                "state": tried.state,
                "nonce": tried.nonce,
                "code_challenge": challenge,
                "code_challenge_method": "S256",
            }
        )
        address = str(about["authorization_endpoint"])
        return f"{address}{'&' if urlsplit(address).query else '?'}{query}", tried.state

    async def finish(self, *, code: str, state: str, brought: str) -> tuple[Person, str]:
        """Who came back, and the page that they wanted; `brought` is the state that their browser was given.

        Raises `SignInError`. A state is good once, so that nothing can be sent twice.
        """
        if not state or not secrets.compare_digest(state, brought):
            raise SignInError("the sign-in was not begun in this browser")
        with self._lock:
            tried = self._tries.pop(state, None)
        if tried is None or tried.until < time.monotonic():
            raise SignInError("the sign-in is over, or was finished before")
        about = await self._discovered()
        answer = await self._exchanged(about, code, tried.verifier)
        claims = await self._believed(about, str(answer.get("id_token", "")), tried.nonce)
        if self.settings.role_claim not in claims and "userinfo_endpoint" in about:
            claims = {**await self._more(about, answer, str(claims["sub"])), **claims}
        return self._person(claims), tried.next

    @property
    def _back(self) -> str:
        return self.settings.public_url.rstrip("/") + CALLBACK

    def _person(self, claims: Mapping[str, Any]) -> Person:
        given = claims.get(self.settings.role_claim, [])
        held = {given} if isinstance(given, str) else set(map(str, given)) if isinstance(given, list) else set()
        role = next((role for role in PERSON_ROLES if held & set(self.settings.roles.get(role, []))), None)
        if role is None:
            raise NoRoleError(f"{claims['sub']} has no value of {self.settings.role_claim} that a role names")
        # Two people may bear one name, and only issuer and subject together say who it is.
        known_by = hashlib.sha256(f"{self.settings.issuer}\0{claims['sub']}".encode()).hexdigest()[:8]
        called = str(claims.get("name") or claims.get("preferred_username") or claims.get("email") or "somebody")
        return Person(f"{' '.join(called.split())[:80]} ({known_by})", role)

    async def _discovered(self) -> Mapping[str, Any]:
        if self._about is not None and self._about[0] > time.monotonic():
            return self._about[1]
        about = await self._asked("GET", self.settings.issuer.rstrip("/") + "/.well-known/openid-configuration")
        if about.get("issuer") != self.settings.issuer:
            raise SignInError(f"the provider calls itself {about.get('issuer')}, not {self.settings.issuer}")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            if not _safe(str(about.get(name, ""))):
                raise SignInError(f"the provider's {name} is no https address")
        self._about = (time.monotonic() + _FRESH, about)
        return about

    async def _exchanged(self, about: Mapping[str, Any], code: str, verifier: str) -> Mapping[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._back,
            "code_verifier": verifier,
            "client_id": self.settings.client_id,
        }
        ways = about.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        basic = None
        if self._secret and "client_secret_basic" in ways:
            basic = httpx.BasicAuth(self.settings.client_id, self._secret)
        elif self._secret:
            form["client_secret"] = self._secret
        return await self._asked("POST", str(about["token_endpoint"]), data=form, auth=basic)

    async def _more(self, about: Mapping[str, Any], answer: Mapping[str, Any], subject: str) -> Mapping[str, Any]:
        headers = {"authorization": f"Bearer {answer.get('access_token', '')}"}
        found = await self._asked("GET", str(about["userinfo_endpoint"]), headers=headers)
        if found.get("sub") != subject:
            raise SignInError("the provider tells of somebody else than who signed in")
        return found

    async def _believed(self, about: Mapping[str, Any], token: str, nonce: str) -> Mapping[str, Any]:
        """The claims of an id token. Raises `SignInError` for one that is not for us, now, and signed."""
        try:
            header = jwt.get_unverified_header(token)
            if header.get("alg") not in _ALGORITHMS:
                raise SignInError(f"the id token is signed with {header.get('alg')}")
            claims: dict[str, Any] = jwt.decode(
                token,
                await self._key(about, header.get("kid")),
                algorithms=_ALGORITHMS,
                audience=self.settings.client_id,
                issuer=self.settings.issuer,
                leeway=_LEEWAY,
                options={"require": ["exp", "iat", "iss", "aud", "sub"]},
            )
        except jwt.PyJWTError as error:
            raise SignInError(f"the id token is not good: {error}") from error
        if not secrets.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
            raise SignInError("the id token belongs to another sign-in")
        if claims.get("azp", self.settings.client_id) != self.settings.client_id:
            raise SignInError("the id token was made for another client")
        return claims

    async def _key(self, about: Mapping[str, Any], name: str | None) -> jwt.PyJWK:
        for attempt in range(2):
            until, keys = self._keys or (0.0, None)
            stale = until < time.monotonic() or (attempt > 0 and until < time.monotonic() + _FRESH - _AGAIN)
            if keys is None or stale:
                keys = jwt.PyJWKSet.from_dict(dict(await self._asked("GET", str(about["jwks_uri"]))))
                self._keys = (time.monotonic() + _FRESH, keys)
            signing = [key for key in keys.keys if key.public_key_use in (None, "sig")]
            found = [key for key in signing if key.key_id == name] if name else signing[:1]
            if found:
                return found[0]
        raise SignInError(f"the provider has no key {name}")

    async def _asked(self, method: str, address: str, **options: Any) -> Mapping[str, Any]:
        try:
            async with httpx.AsyncClient(timeout=_PATIENCE) as client:
                answer = await client.request(method, address, **options)
            found = answer.json() if answer.is_success else None
        except (httpx.HTTPError, ValueError) as error:
            raise SignInError(f"{address} gave no answer that can be read: {error}") from error
        if not isinstance(found, dict):
            raise SignInError(f"{address} answered {answer.status_code}")
        return found


def _safe(address: str) -> bool:
    parts = urlsplit(address)
    local = parts.hostname in {"localhost", "127.0.0.1", "::1"}
    return bool(parts.hostname) and (parts.scheme == "https" or (local and parts.scheme == "http"))
