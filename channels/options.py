"""What every command shares: where the store is, and whether a failure shows its trace."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from data.errors import SettingError

if TYPE_CHECKING:
    from channels.console.oidc import Provider
    from channels.mail.settings import Server
    from data.operations import Operations
    from data.store import Snapshot, Store

DEFAULT_STORE = Path("var")


@dataclass
class Session:
    """What was given before the command; the root context's `obj`, shared by all commands beneath it."""

    store: Path | None = None
    debug: bool = False


def _store(context: typer.Context, given: Path | None) -> Path | None:
    return given or _session(context).store


def _debug(context: typer.Context, given: bool) -> bool:
    session = _session(context)
    session.debug = session.debug or given
    return session.debug


def _session(context: typer.Context) -> Session:
    return context.ensure_object(Session)


StoreOption = Annotated[
    Path | None,
    typer.Option(
        "--store",
        metavar="PATH",
        callback=_store,
        show_default=False,
        help="The shop's folder; var/ unless given here or by SHOPKEEPER_STORE.",
    ),
]
DebugOption = Annotated[bool, typer.Option("--debug", callback=_debug, help="Show where an error came from.")]


def store_at(path: Path | None) -> Store:
    """The store at `path`, or the usual one."""
    from data.store import Store

    return Store(path or DEFAULT_STORE)


def at_store(store: Store) -> str:
    """` --store PATH` for a command that a person is told to type, unless the usual store is meant."""
    return "" if store.root == DEFAULT_STORE else f" --store {store.root}"


def records_of(store: Store) -> Operations:
    """The operational records of `store`; `StoreError` while the store is empty."""
    from data.operations import Operations

    store.snapshot()
    return Operations(store.operations_path)


def outbox_records(root: Path) -> Operations:
    """The operational records at `root` for sending: what is committed survives the loss of power too."""
    from data.operations import Operations

    if not (root / "shop.db").exists():
        raise SettingError(f"{root} has no campaigns yet: make one with shopkeeper plan, or name the shop by --store")
    return Operations(root / "shop.db", durable=True)


def smtp_server() -> Server:
    """The server that `SHOPKEEPER_SMTP_URL` names."""
    from channels.mail.settings import server_of

    url = os.environ.get("SHOPKEEPER_SMTP_URL", "")
    if not url:
        raise SettingError(
            "no SMTP server is named: set SHOPKEEPER_SMTP_URL, as in smtp://user:password@mail.example.com:587; "
            "--dry-run DIR writes the messages as files instead"
        )
    return server_of(url)


def listmonk_user() -> tuple[str, str]:
    """The API user of listmonk and the token, from `LISTMONK_API_USER` and `LISTMONK_API_TOKEN`."""
    user, token = os.environ.get("LISTMONK_API_USER", ""), os.environ.get("LISTMONK_API_TOKEN", "")
    if not user or not token:
        raise SettingError("set LISTMONK_API_USER and LISTMONK_API_TOKEN to an API user that listmonk made for you")
    return user, token


def oidc_provider(root: Path) -> Provider | None:
    """The provider that `oidc.yaml` of the store names; `SHOPKEEPER_OIDC_SECRET` is our secret there, if any."""
    from channels.console.oidc import Provider, read

    settings = read(root)
    return None if settings is None else Provider(settings, os.environ.get("SHOPKEEPER_OIDC_SECRET", ""))


def require_customer(snapshot: Snapshot, customer_id: str) -> None:
    """Raises `SettingError` when the shop has no such customer."""
    known = snapshot.frame("customers")["customer_id"]
    if not (known == customer_id).any():
        example = f"; ids look like {known.iloc[0]}" if len(known) else ""
        raise SettingError(f"no customer {customer_id} in {snapshot.name}{example}")
