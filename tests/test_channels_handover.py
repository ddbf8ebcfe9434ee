"""What leaves by other roads: listmonk's API before a real server, and the files for text messages and ads."""

import csv
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from campaign.plan import Channel, Copy, Member
from channels.mail import exports, listmonk, outbox, sending
from channels.mail.terms import Terms
from data.errors import SettingError
from data.operations import Consent, Operations, OutboxMessage
from tests.mail_shop import NOON, SETTINGS, launched, payload, plan, rows, store_of

TERMS = Terms(quiet_hours=False)


class _Listmonk(BaseHTTPRequestHandler):
    """As much of listmonk's API as a hand-over uses."""

    asked: ClassVar[list[tuple[str, str, bytes]]] = []
    broken: ClassVar[str] = ""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.asked.append((f"POST {self.path}", self.headers["Authorization"], body))
        if self.broken and self.path.startswith(self.broken):
            self._answer(500, {"message": "out of order"})
        else:
            self._answer(200, {"data": {"id": len(self.asked)}})

    def do_GET(self) -> None:
        self.asked.append((f"GET {self.path}", self.headers["Authorization"], b""))
        polls = sum(what.startswith("GET") for what, _, _ in self.asked)
        self._answer(200, {"data": {"status": "importing" if polls % 2 else "finished"}})

    def _answer(self, code: int, content: dict[str, Any]) -> None:
        text = json.dumps(content).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the screen."""


@contextmanager
def _serving(broken: str = "") -> Iterator[str]:
    _Listmonk.asked.clear()
    _Listmonk.broken = broken
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Listmonk)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _api(operations: Operations, root: Path, url: str) -> tuple[int, listmonk.Api]:
    writer = sending.writer_of(root, operations, "C-0001", SETTINGS)
    with listmonk.client(url, "shop", "s3cret") as client:
        api = listmonk.Api(client, SETTINGS.sender, sleep=lambda _: None)
        return listmonk.hand_over(operations, writer, "w", api, terms=TERMS, clock=lambda: NOON), api


def test_listmonk_gets_each_customer_once_with_what_fills_the_letter(tmp_path: Path) -> None:
    operations = store_of(tmp_path)
    launched(operations, 5)
    with operations.session() as session:
        session.add(Consent(customer_id="c00003", channel="email", granted=False, source="phone", at=NOON))
        row = session.get_one(OutboxMessage, ("C-0001", "c00004", "email", 1))
        row.payload_json = json.dumps(payload(language="zh", text=None))
    with _serving() as url:
        handed, api = _api(operations, tmp_path, url)
        assert handed == 4
        assert len(api.campaigns) == 2
        assert _api(operations, tmp_path, url)[0] == 0
    assert {a for _, a, _ in _Listmonk.asked} == {"token shop:s3cret"}
    made = [json.loads(b) for what, _, b in _Listmonk.asked if what == "POST /api/campaigns"]
    english = next(c for c in made if 'lang="en"' in c["body"])
    assert english["subject"] == "{{.Subscriber.Attribs.subject}}"
    assert "{{.Subscriber.Attribs.p1_title}}" in english["body"]
    assert "{{.Subscriber.Attribs.unsubscribe_url}}" in english["altbody"]
    assert english["from_email"] == SETTINGS.sender
    imports = b"".join(b for what, _, b in _Listmonk.asked if what == "POST /api/import/subscribers").decode()
    assert imports.count("c00000@example.org") == 1
    assert "c00003" not in imports
    assert '""p1_title"": ""Kettle""' in imports
    assert {c: r.status for c, r in rows(operations).items()} == {
        "c00000": "sent", "c00001": "sent", "c00002": "sent", "c00003": "suppressed", "c00004": "sent",
    }  # fmt: skip
    operations.close()


@pytest.mark.parametrize("broken", ["/api/lists", "/api/import", "/api/campaigns"])
def test_a_listmonk_that_fails_leaves_the_letters_to_a_person(tmp_path: Path, broken: str) -> None:
    operations = store_of(tmp_path)
    launched(operations, 2)
    with _serving(broken) as url, pytest.raises(SettingError, match="answers 500 to"):
        _api(operations, tmp_path, url)
    assert {r.status for r in rows(operations).values()} == {"unknown"}
    operations.close()


def test_files_for_listmonk_hold_the_same(tmp_path: Path) -> None:
    operations = store_of(tmp_path)
    launched(operations, 3)
    writer = sending.writer_of(tmp_path, operations, "C-0001", SETTINGS)
    files = listmonk.Files(tmp_path / "out")
    assert listmonk.hand_over(operations, writer, "w", files, terms=TERMS, clock=lambda: NOON) == 3
    (path,) = files.written
    people = _table(path)
    assert [p["email"] for p in people] == [f"c{n:05}@example.org" for n in range(3)]
    assert json.loads(people[0]["attributes"])["subject"] == "Kettle for you"
    assert "p1_price" in path.with_suffix(".html").read_text(encoding="utf-8")
    operations.close()


def _table(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _texts(operations: Operations) -> None:
    made = plan(
        3,
        channels=(
            Channel("sms", 3, 1.0, 1.0, "2026-10-02 09:00 UTC", (), "x"),
            Channel("google", 0, 50.0, 9.0, None, (), "x"),
        ),
        copies=(Copy("google", "P1", "en", "=HYPERLINK(1)", 9, 30, True, {}),),
        members=tuple(Member(f"c{n}", "treated", "sms", 0.9) for n in range(3)),
    )  # fmt: skip
    launched(operations, 0, **{k: getattr(made, k) for k in ("channels", "copies", "members")})
    with operations.session() as session:
        for number, row in enumerate(session.query(OutboxMessage)):
            row.channel, row.address, row.status = "sms", f"+44 7700 90000{number}", "queued"


def test_text_messages_and_ads_leave_as_files_each_once(tmp_path: Path) -> None:
    operations = store_of(tmp_path)
    _texts(operations)
    with operations.session() as session:
        session.add(Consent(customer_id="c1", channel="sms", granted=False, source="STOP", at=NOON))
    made = outbox.plan_of(operations, "C-0001")
    found = exports.write_files(operations, tmp_path, made, SETTINGS, now=NOON)
    assert [(p.name, n) for p, n in found] == [("C-0001-sms-1.csv", 2), ("C-0001-google.csv", 1)]
    sms = _table(found[0][0])
    assert [(r["phone"], r["customer_id"]) for r in sms] == [("+44 7700 900000", "c0"), ("+44 7700 900002", "c2")]
    assert "'=HYPERLINK(1)" in found[1][0].read_text(encoding="utf-8")
    assert exports.write_files(operations, tmp_path, made, SETTINGS, now=NOON) == []
    assert {c: r.status for c, r in rows(operations).items()} == {"c0": "sent", "c1": "suppressed", "c2": "sent"}
    operations.close()


@pytest.mark.parametrize("marked", [True, False])
def test_a_file_that_a_dying_process_left_is_named_or_taken_away(tmp_path: Path, marked: bool) -> None:
    operations = store_of(tmp_path)
    _texts(operations)
    made = outbox.plan_of(operations, "C-0001")
    ((path, _), *_) = exports.write_files(operations, tmp_path, made, SETTINGS, now=NOON)
    whole = path.read_bytes()
    path.rename(f"{path}.part")
    if not marked:
        with operations.session() as session:
            for row in session.query(OutboxMessage):
                row.status, row.error = "queued", None
    again = exports.write_files(operations, tmp_path, made, SETTINGS, now=NOON)
    assert path.read_bytes() == whole
    assert len(again) == (0 if marked else 1)
    operations.close()
