"""`shopkeeper dkim-key`: the key that signs the shop's e-mail, and the DNS record that goes with it."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from channels.options import DEFAULT_STORE, DebugOption, StoreOption
from data.errors import SettingError


def dkim_key(
    *,
    domain: Annotated[str, typer.Argument(help="The domain in the sender's address.", show_default=False)],
    selector: Annotated[str, typer.Option("--selector", help="The key's name in DNS.")] = "shopkeeper",
    store: StoreOption = None,
    _debug: DebugOption = False,
) -> None:
    """Makes an RSA-2048 key for DKIM in the store, unless there is one, and prints the record to put into DNS.

    From then on every message of `shopkeeper send` is signed.

    Example:

    - `shopkeeper dkim-key example.com`
    """
    from channels.mail import dkim_key as keys
    from channels.terminal import Screen

    wanted = domain.strip().lower()
    if not re.fullmatch(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}", wanted):
        raise SettingError(f"{domain} is no domain; write it as example.com")
    if not re.fullmatch(r"[a-z0-9-]{1,63}", selector):
        raise SettingError(f"{selector} is no selector: letters, digits and hyphens only")
    path, name, record = keys.make(store or DEFAULT_STORE, wanted, selector)
    screen = Screen()
    screen.say(f"→ {path}  keep it to yourself")
    screen.say("Put this TXT record into DNS:")
    screen.say(f"  name   {name}")
    screen.say(f"  value  {record}")
    if selector != "shopkeeper":
        screen.note(f"and write dkim_selector: {selector} into mail.yaml")
