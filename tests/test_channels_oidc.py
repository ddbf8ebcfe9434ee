"""Signing in through a real OpenID Connect provider: a small one of our own, on a port of its own."""

from __future__ import annotations

import hashlib
import secrets
import time
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from fastapi import FastAPI, Form, HTTPException, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from serving import serving

from channels.access import People, Person
from channels.console import oidc
from channels.console.desk import Desk
from channels.console.entry import router
from channels.console.sessions import Sessions
from data.errors import SettingError
from data.operations import Operations

CLIENT, SECRET = "shopkeeper-test", "a client's secret"


@dataclass
class House:
    """The provider: who is signed in there, what it claims of them, and how it may be made to misbehave."""

    address: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)
    signed_by: Any = None
    algorithm: str = "RS256"
    name: str = "one"
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.reset()

    def reset(self) -> None:
        """As it should be."""
        self.claims = {"sub": "u-17", "name": "Ada Miller", "groups": ["staff", "shop-owners"]}
        self.more, self.signed_by, self.algorithm, self.name = {}, self.key, "RS256", "one"

    def app(self) -> FastAPI:
        """Its routes."""
        app = FastAPI()

        @app.get("/.well-known/openid-configuration")
        def about() -> dict[str, Any]:
            paths = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys",
                     "userinfo_endpoint": "me"}  # fmt: skip
            return {"issuer": self.address} | {name: f"{self.address}/{path}" for name, path in paths.items()}

        @app.get("/keys")
        def keys() -> dict[str, Any]:
            public = jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
            return {"keys": [{**public, "kid": self.name, "use": "sig", "alg": "RS256"}]}

        @app.get("/authorize")
        def authorize(request: Request) -> Response:
            asked = dict(request.query_params)
            assert asked["response_type"] == "code"
            assert asked["code_challenge_method"] == "S256"
            code = secrets.token_urlsafe(8)
            self.codes[code] = asked
            return RedirectResponse(f"{asked['redirect_uri']}?code={code}&state={asked['state']}", 303)

        @app.post("/token")
        def token(
            request: Request, code: str = Form(), code_verifier: str = Form(), redirect_uri: str = Form()
        ) -> JSONResponse:
            kind, _, given = request.headers["authorization"].partition(" ")
            asked = self.codes.pop(code, None)
            challenge = urlsafe_b64encode(hashlib.sha256(code_verifier.encode()).digest()).rstrip(b"=").decode()
            if (
                asked is None
                or (kind, b64decode(given).decode()) != ("Basic", f"{CLIENT}:{SECRET}")
                or challenge != asked["code_challenge"]
                or redirect_uri != asked["redirect_uri"]
            ):
                raise HTTPException(400, "invalid_grant")
            now = int(time.time())
            claims = {"iss": self.address, "aud": CLIENT, "iat": now, "exp": now + 60, "nonce": asked["nonce"]}
            key = self.signed_by if self.algorithm == "RS256" else "x" * 32
            made = jwt.encode(claims | self.claims, key, algorithm=self.algorithm, headers={"kid": self.name})
            return JSONResponse({"id_token": made, "access_token": "at", "token_type": "Bearer"})

        @app.get("/me")
        def me(request: Request) -> dict[str, Any]:
            assert request.headers["authorization"] == "Bearer at"
            return self.more

        return app


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    made = House()
    with serving(made.app()) as address:
        made.address = address
        yield made


@dataclass
class Console:
    """The console's plain routes with a browser before them."""

    client: httpx.Client
    desk: Desk

    def come_in(self, path: str = "/console/data") -> httpx.Response:
        """Goes to the provider and comes back."""
        start = self.client.get("/console/oidc/start", params={"next": path})
        return self.client.get(httpx.get(start.headers["location"]).headers["location"])

    @property
    def person(self) -> Person | None:
        """Who is signed in."""
        return self.desk.sessions.person(self.client.cookies.get("shopkeeper"))


class _Pace:
    def spend(self, *_: str) -> None:
        """Counts nothing."""


class _Snapshot:
    name = "Fern & Fable"


class _State:
    """As much of an app's state as the sign-in looks at."""

    def __init__(self, operations: Operations) -> None:
        self.people, self.pace = People(operations), _Pace()
        self.serving = self
        self.now, self.shop, self.snapshot = self, self, _Snapshot()


@pytest.fixture(scope="module")
def site(house: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Desk]]:
    operations = Operations(tmp_path_factory.mktemp("oidc") / "shop.db")
    app = FastAPI()
    state: Any = _State(operations)
    settings = oidc.Settings(
        issuer=house.address, client_id=CLIENT, public_url="http://127.0.0.1:1", label="the house",
        roles={"owner": ["shop-owners"], "viewer": ["staff"]}, passwords=False,
    )  # fmt: skip
    nothing: Any = None
    desk = Desk(state, Sessions(state.people), nothing, nothing, oidc.Provider(settings, SECRET))
    app.include_router(router(desk))
    with serving(app) as address:
        object.__setattr__(settings, "public_url", address)  # known only now
        yield address, desk
    operations.close()


@pytest.fixture
def console(house: House, site: tuple[str, Desk]) -> Iterator[Console]:
    house.reset()
    address, desk = site
    with httpx.Client(base_url=address) as client:
        yield Console(client, desk)


def test_who_the_house_knows_comes_in_with_the_highest_role(console: Console) -> None:
    page = console.client.get("/console/sign-in", params={"next": "/console/data"})
    assert "Sign in with the house" in page.text
    assert 'type="password"' not in page.text
    back = console.come_in()
    assert (back.status_code, back.headers["location"]) == (303, "/console/data")
    cookie = next(one for one in back.headers.get_list("set-cookie") if one.startswith("shopkeeper="))
    assert {"HttpOnly", "SameSite=lax"} <= set(cookie.split("; "))
    person = console.person
    assert person is not None
    assert person.role == "owner"
    assert person.name.startswith("Ada Miller (")


def test_two_people_of_one_name_are_two_people(console: Console, house: House) -> None:
    console.come_in()
    first = console.person
    house.claims["sub"] = "u-18"
    console.come_in()
    second = console.person
    assert first is not None
    assert second is not None
    assert first.name != second.name


def test_who_has_no_role_here_stays_out_and_is_told(console: Console, house: House) -> None:
    house.claims["groups"] = ["visitors"]
    back = console.come_in()
    assert back.status_code == 403
    assert "has no role here" in back.text
    assert console.person is None


def test_a_role_may_come_from_what_the_house_tells_apart(console: Console, house: House) -> None:
    del house.claims["groups"]
    house.more = {"sub": "u-17", "groups": "staff"}
    console.come_in()
    assert getattr(console.person, "role", None) == "viewer"
    house.more["sub"] = "u-99"
    assert console.come_in().status_code == 403


@pytest.mark.parametrize(
    "wrong",
    [
        {"aud": "another-client"},
        {"iss": "https://evil.example"},
        {"exp": 1},
        {"nonce": "of another sign-in"},
        {"azp": "another-client"},
        {"sub": None},
    ],
)
def test_a_token_that_is_not_for_us_now_is_refused(console: Console, house: House, wrong: dict[str, Any]) -> None:
    house.claims |= wrong
    assert console.come_in().status_code == 403
    assert console.person is None


def test_a_token_that_another_signed_is_refused(console: Console, house: House) -> None:
    house.signed_by = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert console.come_in().status_code == 403
    house.algorithm = "HS256"
    assert console.come_in().status_code == 403
    assert console.person is None


def test_another_browser_s_sign_in_and_a_second_use_are_refused(console: Console) -> None:
    start = console.client.get("/console/oidc/start")
    back = httpx.get(start.headers["location"]).headers["location"]
    with httpx.Client() as stranger:
        assert stranger.get(back).status_code == 403
    assert console.client.get(back).status_code == 303
    assert console.client.get(back).status_code == 403


def test_the_way_back_leads_into_the_console_only(console: Console) -> None:
    for foreign in ("https://evil.example/console/", "//evil.example", "/shop/"):
        assert console.come_in(foreign).headers["location"] == "/console/"


def test_passwords_are_off_where_the_setting_says_so(console: Console) -> None:
    console.desk.state.people.add("Ada", "correct horse battery", "owner")
    console.client.get("/console/sign-in")
    form = {"name": "Ada", "password": "correct horse battery", "form_token": console.client.cookies["shopkeeper_form"]}
    assert console.client.post("/console/sign-in", data=form).status_code == 401


def test_the_provider_s_verifier_and_challenge_differ_each_time(console: Console) -> None:
    seen = [parse_qs(urlsplit(console.client.get("/console/oidc/start").headers["location"]).query) for _ in range(2)]
    for name in ("state", "nonce", "code_challenge"):
        assert seen[0][name] != seen[1][name]


def test_the_settings_say_what_to_mend(tmp_path: Path) -> None:
    assert oidc.read(tmp_path) is None
    path = tmp_path / oidc.FILE
    for text, why in (
        ("issuer: http://house.example\nclient_id: a\npublic_url: https://a.example\nroles: {}", "https://"),
        ("issuer: https://house.example\nclient_id: a\npublic_url: https://a.example\nroles: {boss: [a]}", "roles"),
        ("issuer: [", "not YAML"),
    ):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(SettingError, match=why):
            oidc.read(tmp_path)
    path.write_text(
        "issuer: https://house.example\nclient_id: a\npublic_url: https://a.example\nroles: {owner: [a]}", "utf-8"
    )
    found = oidc.read(tmp_path)
    assert found is not None
    assert found.passwords
