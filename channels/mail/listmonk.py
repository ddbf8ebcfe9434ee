"""Handing a campaign to listmonk, for those who have it as their sender: files to import, or its API.

Letters of the same shape (language, products, offers) become one listmonk campaign whose placeholders are filled in
from each subscriber's attributes. Rows pass the same gates and states as when we send ourselves.
"""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import httpx

from channels.mail import outbox
from channels.mail.letter import letter
from channels.mail.outbox import Message, Outcome
from channels.mail.settings import is_address
from data.errors import SettingError

if TYPE_CHECKING:
    from channels.mail.terms import Terms
    from channels.mail.worker import Writer
    from data.operations import Operations

BATCH = 500
_OF_PRODUCT = ("title", "url", "price", "old_price", "off", "reason", "image_url", "initial")
_OF_LETTER = ("subject", "preheader", "body", "button_url", "why_url", "unsubscribe_url")
_TILES = (("#e4eee8", "#2f5e4b"), ("#f3e8dd", "#7a4b22"), ("#e6eaf3", "#374f7d"))
_PATIENCE = 600.0
"""Seconds that listmonk has for an import."""


@dataclass(frozen=True)
class Batch:
    """Letters of one shape: subject, HTML and text with listmonk's placeholders, and a row a subscriber."""

    name: str
    subject: str
    html: str
    text: str
    subscribers: Sequence[tuple[str, Mapping[str, str]]]

    @property
    def csv(self) -> str:
        """What listmonk imports: e-mail, name, and the attributes as JSON."""
        lines = io.StringIO()
        rows = csv.writer(lines, lineterminator="\n")
        rows.writerow(("email", "name", "attributes"))
        rows.writerows((address, "", json.dumps(dict(a), ensure_ascii=False)) for address, a in self.subscribers)
        return lines.getvalue()


class Receiver(Protocol):
    """Where batches go."""

    def take(self, batch: Batch) -> None:
        """Takes a batch for good, or raises."""
        ...


def hand_over(
    operations: Operations,
    writer: Writer,
    worker: str,
    receiver: Receiver,
    *,
    terms: Terms,
    clock: Callable[[], datetime],
) -> int:
    """Hands all rows that may go to `receiver`; how many. What fails in between is `unknown`, as in sending."""
    handed = 0
    while True:
        found = outbox.lease(operations, writer.plan.campaign_id, worker, limit=BATCH, now=clock(), terms=terms)
        if not found.looked:
            return handed
        for name, messages in _by_shape(writer, found.messages):
            going = outbox.begin(operations, [m for m, _ in messages], worker, now=clock(), terms=terms)
            keys = {m.key for m in going}
            left = [(m, values) for m, values in messages if m.key in keys and is_address(m.address)]
            ended = [Outcome(m.key, "failed", "no e-mail address") for m in going if not is_address(m.address)]
            if left:
                try:
                    receiver.take(_batch(writer, f"{writer.plan.campaign_id} {name}", left))
                except SettingError as error:
                    ended += [Outcome(m.key, "unknown", f"listmonk: {error}") for m, _ in left]
                    outbox.finish(operations, ended, worker, now=clock(), terms=terms)
                    raise
            ended += [Outcome(m.key, "sent", "handed over to listmonk") for m, _ in left]
            outbox.finish(operations, ended, worker, now=clock(), terms=terms)
            handed += len(left)


class Files:
    """Writes each batch into a folder: NAME.csv, NAME.html and NAME.txt."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.written: list[Path] = []

    def take(self, batch: Batch) -> None:
        """Writes a batch; the first line of the text is the subject."""
        self._folder.mkdir(parents=True, exist_ok=True)
        number = 1 + len(list(self._folder.glob("*-listmonk-*.csv")))
        stem = f"{batch.name.partition(' ')[0]}-listmonk-{number}"
        (self._folder / f"{stem}.html").write_text(batch.html, encoding="utf-8")
        (self._folder / f"{stem}.txt").write_text(f"{batch.subject}\n\n{batch.text}", encoding="utf-8")
        (self._folder / f"{stem}.csv").write_text(batch.csv, encoding="utf-8")
        self.written.append(self._folder / f"{stem}.csv")


class Api:
    """A listmonk server. Each batch becomes a list, an import, and a campaign in draft that a person starts there."""

    def __init__(self, client: httpx.Client, sender: str, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._client, self._sender, self._sleep = client, sender, sleep
        self.campaigns: list[int] = []

    def take(self, batch: Batch) -> None:
        """Hands a batch over. Raises `SettingError` with what listmonk said."""
        made = self._call("POST", "/api/lists", json={"name": batch.name, "type": "private", "optin": "single"})
        number = int(made["id"])
        wishes = {
            "mode": "subscribe", "subscription_status": "confirmed", "delim": ",", "lists": [number], "overwrite": True,
        }  # fmt: skip
        file = ("subscribers.csv", batch.csv.encode(), "text/csv")
        self._call("POST", "/api/import/subscribers", data={"params": json.dumps(wishes)}, files={"file": file})
        self._imported()
        campaign = {
            "name": batch.name, "subject": batch.subject, "lists": [number], "from_email": self._sender,
            "type": "regular", "content_type": "html", "body": batch.html, "altbody": batch.text, "messenger": "email",
        }  # fmt: skip
        self.campaigns.append(int(self._call("POST", "/api/campaigns", json=campaign)["id"]))

    def _imported(self) -> None:
        waited = 0.0
        while (status := str(self._call("GET", "/api/import/subscribers").get("status"))) != "finished":
            if status in {"failed", "stopped", "none"} or waited > _PATIENCE:
                raise SettingError(f"the import of subscribers ended as {status}")
            self._sleep(1.0)
            waited += 1.0

    def _call(self, method: str, path: str, **content: Any) -> Mapping[str, Any]:
        try:
            answer = self._client.request(method, path, **content)
            answer.raise_for_status()
            found: Mapping[str, Any] = answer.json()["data"]
        except httpx.HTTPStatusError as error:
            said = " ".join(error.response.text.split())[:200]
            raise SettingError(f"listmonk answers {error.response.status_code} to {path}: {said}") from error
        except (httpx.HTTPError, ValueError, KeyError) as error:
            raise SettingError(f"listmonk cannot be used at {path}: {error}") from error
        return found


def client(url: str, user: str, token: str) -> httpx.Client:
    """A client of the listmonk at `url`, as an API user with a token."""
    return httpx.Client(base_url=url.rstrip("/"), headers={"Authorization": f"token {user}:{token}"}, timeout=60.0)


def _by_shape(
    writer: Writer, messages: Sequence[Message]
) -> Iterator[tuple[str, list[tuple[Message, dict[str, Any]]]]]:
    """The letters, those of one shape together, with a name for the shape."""
    groups: dict[str, list[tuple[Message, dict[str, Any]]]] = {}
    for message in messages:
        values = letter(writer.plan, message.key[1], message.payload, settings=writer.settings, links=writer.links)
        products = "-".join("".join(key[0] for key in _OF_PRODUCT if p[key]) for p in values["products"])
        shape = f"{values['language']} {products or 'none'}{' body' if values['body'] else ''}"
        groups.setdefault(shape, []).append((message, values))
    yield from sorted(groups.items())


def _batch(writer: Writer, name: str, letters: Sequence[tuple[Message, dict[str, Any]]]) -> Batch:
    first = letters[0][1]
    products = [
        {key: _held(f"p{place}_{key}") if p[key] else p[key] for key in _OF_PRODUCT}
        | dict(zip(("tint", "shade"), _TILES[(place - 1) % len(_TILES)], strict=True))
        for place, p in enumerate(first["products"], start=1)
    ]
    held = {key: _held(key) if first[key] else first[key] for key in _OF_LETTER}
    filled = writer.template.fill(first | held | {"products": products})
    people = [(message.address, _attributes(values)) for message, values in letters]
    return Batch(name, filled.subject, filled.html, filled.text, people)


def _attributes(values: Mapping[str, Any]) -> dict[str, str]:
    own = {key: str(values[key]) for key in _OF_LETTER if values[key]}
    for place, product in enumerate(values["products"], start=1):
        own |= {f"p{place}_{key}": str(product[key]) for key in _OF_PRODUCT if product[key]}
    return own


def _held(key: str) -> str:
    """listmonk's placeholder for an attribute; without blanks, so that no line breaks inside it."""
    return f"{{{{.Subscriber.Attribs.{key}}}}}"
