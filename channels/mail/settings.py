"""How the shop sends: who it is, where it lives, which server it speaks to. Written in `mail.yaml` of the store."""

from __future__ import annotations

import re
from email.utils import parseaddr
from functools import cached_property
from pathlib import Path
from typing import Annotated
from urllib.parse import quote, unquote, urlsplit
from zoneinfo import available_timezones

from pydantic import BaseModel, ConfigDict, Field, field_validator

from channels.settings_file import read_settings
from data.errors import SettingError

FILE = "mail.yaml"
EXAMPLE = """\
sender: Fern & Fable <hello@example.com>
postal_address: Fern & Fable Ltd, 1 High Street, Norwich, NR2 1AA, United Kingdom
shop_url: https://shop.example.com
public_url: https://shop.example.com/mail   # where `shopkeeper serve` answers: unsubscribe links lead here
"""


class Settings(BaseModel):
    """What `mail.yaml` may say. `product_url` has {id} in it; `per_minute` is a pace for each recipient domain."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sender: str
    postal_address: Annotated[str, Field(min_length=10)]
    shop_url: str
    public_url: str
    product_url: str | None = None
    unsubscribe_mailbox: str | None = None
    bounce_address: str | None = None
    timezone: str = "UTC"
    colour: Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")] = "#1f5c46"
    per_minute: Annotated[int, Field(ge=0)] = 600
    dkim_domain: str | None = None
    dkim_selector: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")] = "shopkeeper"

    @field_validator("sender", "unsubscribe_mailbox", "bounce_address")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        if value is not None and not is_address(parseaddr(value)[1]):
            raise ValueError("is no e-mail address; write it as Name <name@example.com>")
        return value

    @field_validator("shop_url", "public_url")
    @classmethod
    def _web(cls, value: str) -> str:
        parts = urlsplit(value)
        local = parts.hostname in {"localhost", "127.0.0.1"}
        if parts.scheme != "https" and not (local and parts.scheme == "http"):
            raise ValueError("must begin with https://")
        return value.rstrip("/")

    @field_validator("timezone")
    @classmethod
    def _zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError("is no IANA timezone; write it as Europe/London")
        return value

    @cached_property
    def name(self) -> str:
        """The shop's name as the sender shows it."""
        return parseaddr(self.sender)[0] or self.domain

    @cached_property
    def address(self) -> str:
        """The sender's address."""
        return parseaddr(self.sender)[1]

    @cached_property
    def domain(self) -> str:
        """The sender's domain."""
        return self.address.rpartition("@")[2].lower()

    def product_page(self, product_id: str) -> str:
        """The address of a product's page."""
        pattern = self.product_url or f"{self.shop_url}/products/{{id}}"
        return pattern.replace("{id}", quote(product_id, safe=""))


class Server(BaseModel):
    """An SMTP server, from a URL: smtp://user:password@host:587 or smtps://host:465; ?starttls=never turns it off."""

    model_config = ConfigDict(frozen=True)

    host: str
    port: int
    tls: bool
    start_tls: bool | None
    user: str | None
    password: str | None


def read(root: Path) -> Settings | None:
    """The settings in `root`/mail.yaml, or None while there are none. Raises `SettingError` with the line to mend."""
    return read_settings(root / FILE, Settings)


def required(root: Path) -> Settings:
    """As `read`; where there is no file, a `SettingError` that shows what to write."""
    found = read(root)
    if found is None:
        raise SettingError(
            f"nothing says who sends: write {root / FILE} with these four lines, in your own words\n{EXAMPLE}"
        )
    return found


def example(shop: str) -> Settings:
    """Settings for looking at mails only, where the shop has not written its own."""
    name = re.sub(r"[^\w &.-]", " ", shop)
    slug = re.sub(r"[^a-z0-9]+", "-", shop.lower()).strip("-") or "shop"
    return Settings(
        sender=f'"{name}" <hello@{slug}.example>',
        postal_address="Write your postal address into mail.yaml",
        shop_url=f"https://{slug}.example",
        public_url=f"https://{slug}.example/mail",
    )


def server_of(url: str) -> Server:
    """The server that `url` names. Raises `SettingError` for what is no SMTP URL."""
    parts = urlsplit(url.strip())
    try:
        port = parts.port
    except ValueError:
        port = -1
    wish = dict(item.partition("=")[::2] for item in parts.query.split("&") if item).get("starttls", "auto")
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname or port == -1 or wish not in _STARTTLS:
        raise SettingError(
            "SHOPKEEPER_SMTP_URL must look like smtp://user:password@host:587 or smtps://host:465, "
            "with ?starttls=required or ?starttls=never where needed"
        )
    tls = parts.scheme == "smtps"
    user = unquote(parts.username) if parts.username else None
    local = parts.hostname in {"localhost", "127.0.0.1", "::1"}
    start_tls = False if tls else True if user and not local and wish == "auto" else _STARTTLS[wish]
    return Server(
        host=parts.hostname,
        port=port or (465 if tls else 587 if user else 25),
        tls=tls,
        start_tls=start_tls,
        user=user,
        password=unquote(parts.password) if parts.password else None,
    )


def is_address(text: str) -> bool:
    """Whether `text` is one plain e-mail address, with nothing in it that could become a header of its own."""
    return (
        re.fullmatch(r"[^\s@<>(),;:\\\"\x00-\x20\x7f]+@[^\s@<>(),;:\\\"\x00-\x20\x7f]+\.[^\s@<>(),;:\\\".]+", text)
        is not None
    )


_ATOM = r"[^\s@<>(),;:\\\"\x00-\x20\x7f]"
_STARTTLS: dict[str, bool | None] = {"auto": None, "required": True, "never": False}
