"""`shopkeeper key` and `shopkeeper user`: who may use the server."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from channels.options import DebugOption, StoreOption, records_of, store_at

keys = typer.Typer(help="Keys for programs that use the API.", no_args_is_help=True)
users = typer.Typer(help="People who may sign in to the console.", no_args_is_help=True)


@keys.command("new")
def new_key(
    name: Annotated[str, typer.Argument(help="Who uses it, such as website.", show_default=False)],
    *,
    scope: Annotated[
        list[str], typer.Option("--scope", help="chat, catalogue, insight, campaigns or events; may be repeated.")
    ],
    store: StoreOption = None,
    _debug: DebugOption = False,
) -> None:
    """Makes a key and shows its secret, once.

    Example:

    - `shopkeeper key new website --scope catalogue --scope events`
    """
    from channels.access import Keys
    from channels.terminal import errors

    operations = records_of(store_at(store))
    try:
        key, secret = Keys(operations).make(name, scope)
    finally:
        operations.close()
    errors().note(f"Key {key.key_id} of {key.name} may: {', '.join(sorted(key.scopes))}. Its secret is shown only now:")
    print(secret)


@keys.command("list")
def list_keys(*, store: StoreOption = None, _debug: DebugOption = False) -> None:
    """Lists all keys, without their secrets."""
    from channels.access import Keys
    from channels.terminal import Screen

    screen, operations = Screen(), records_of(store_at(store))
    try:
        every = Keys(operations).every()
    finally:
        operations.close()
    for key, made, revoked in every:
        state = "" if revoked is None else f"   revoked {revoked:%Y-%m-%d}"
        screen.say(f"{key.key_id}   {key.name}   {', '.join(sorted(key.scopes))}   made {made:%Y-%m-%d}{state}")
    if not every:
        screen.note("There are no keys yet: shopkeeper key new NAME --scope chat")


@keys.command("revoke")
def revoke_key(
    key: Annotated[str, typer.Argument(help="The key's id, such as K-1f0c22aa.", show_default=False)],
    *,
    store: StoreOption = None,
    _debug: DebugOption = False,
) -> None:
    """Ends a key; within ten seconds a running server refuses it."""
    from channels.access import Keys
    from channels.terminal import Screen

    screen, operations = Screen(), records_of(store_at(store))
    try:
        Keys(operations).revoke(key)
    finally:
        operations.close()
    screen.say(f"Key {key} is revoked.")


@keys.command("visits")
def visit_secret(*, store: StoreOption = None, _debug: DebugOption = False) -> None:
    """Shows the secret with which the shop's own server signs the visits of its customers (HS256).

    Keep it on that server: whoever has it can speak as any customer. docs/assistant.md shows how to sign.
    """
    from channels.access import Visits
    from channels.mail.links import secret_of

    found = store_at(store)
    found.snapshot()  # says how to fill the store while it is empty
    print(Visits(secret_of(found.root)).secret)


@users.command("add")
def add_user(
    name: Annotated[str, typer.Argument(help="The person's name.", show_default=False)],
    *,
    role: Annotated[str, typer.Option("--role", help="owner, marketer or viewer.")] = "marketer",
    store: StoreOption = None,
    _debug: DebugOption = False,
) -> None:
    """Lets a person sign in; the password is asked for, or read from standard input. A second time, it changes both.

    Examples:

    - `shopkeeper user add "Ada Miller" --role owner`
    - `shopkeeper user add "Ada Miller" < password.txt`
    """
    from getpass import getpass

    from channels.access import People
    from channels.terminal import Screen

    screen, operations = Screen(), records_of(store_at(store))
    password = getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    try:
        person = People(operations).add(name, password, role)
    finally:
        operations.close()
    screen.say(f"{person.name} may sign in as {person.role}.")


@users.command("list")
def list_users(*, store: StoreOption = None, _debug: DebugOption = False) -> None:
    """Lists who may sign in."""
    from channels.access import People
    from channels.terminal import Screen

    screen, operations = Screen(), records_of(store_at(store))
    try:
        every = People(operations).every()
    finally:
        operations.close()
    for person in every:
        screen.say(f"{person.name}   {person.role}")
    if not every:
        screen.note("Nobody yet: shopkeeper user add NAME --role owner")
