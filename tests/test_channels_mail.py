"""The e-mail as people get it: it passes the lint, hostile data stays harmless, signatures verify, one press leaves."""

import dataclasses
import email
import email.policy
import functools
import os
import random
import stat
from datetime import datetime
from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import dkim
import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from campaign import payload as campaign_payload
from campaign.hours import quiet_until, timezone_of
from campaign.plan import Copy, Member
from campaign.reasons import reasons_for
from channels.mail import bounces, dkim_key, lint, openssl, preview, sending, standing
from channels.mail.dkim_key import Signer
from channels.mail.letter import letter, shorten
from channels.mail.links import Links, secret_of
from channels.mail.message import AddressError, build, message_id
from channels.mail.outbox import Key
from channels.mail.render import Rendered, Template
from channels.mail.unsubscribe import create_app
from data.errors import DataError, SettingError
from data.operations import Consent, Operations, Suppression
from tests.mail_shop import NOON, SETTINGS, launched, payload, plan, rows, store_of
from tests.shop import small_shop

LINKS = Links(SETTINGS.public_url, b"secret")
KEY: Key = ("C-0001", "c00001", "email", 1)
HOSTILE = (
    "Kettle <script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "Kettle\r\nBcc: all@example.org",
    "{{ 7 * 7 }} {% for x in y %}",
    "</mj-text></mj-body></mjml><mj-raw>",
    "<!--[if mso]> & &amp; \u202eelttek\u202c \u200b",
    "x" * 300,
)


@functools.cache
def _template() -> Template:
    return Template()


def _filled(**changes: Any) -> tuple[Rendered, dict[str, Any]]:
    values = letter(plan(), "c00001", payload(**changes), settings=SETTINGS, links=LINKS)
    return _template().fill(values), values


def _raw(rendered: Rendered, values: dict[str, Any], signer: Signer | None = None, key: Key = KEY) -> bytes:
    return build(
        key, "ada@example.org", rendered, unsubscribe_url=values["unsubscribe_url"], settings=SETTINGS, signer=signer,
        now=NOON,
    )  # fmt: skip


def _read(raw: bytes) -> EmailMessage:
    found = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    return found


def test_fifty_letters_of_a_shop_pass_the_lint() -> None:
    shop, chance = small_shop(), random.Random(3)
    people = shop.snapshot.frame("customers")
    zh = people.loc[people["language"] == "zh", "customer_id"].head(6).tolist()
    chosen = list(dict.fromkeys([*zh, *people["customer_id"].head(60)]))[:50]
    products = shop.snapshot.frame("products")["product_id"].tolist()
    goals = ["win_back", "cross_sell", "new_arrivals", "clearance", "loyalty", "replenish"]
    for number, customer in enumerate(chosen):
        copy = Copy("email", products[0], "en", "Picked for you\nHello, have a look.", 14, 60, True, {})
        member = Member(
            str(customer), "treated", "email", 0.9, offer=[0.0, 0.1, 0.25][number % 3],
            products=tuple(chance.sample(products, 1 + number % 3)),
        )  # fmt: skip
        made = plan(goal=goals[number % 6], copies=(copy,), members=(member,))
        content = campaign_payload.of(shop.snapshot, shop.models, made, [member])[0]
        if number % 4 == 0:
            content["products"][0]["image_url"] = "https://fern.example/kettle.jpg"
        values = letter(made, member.customer_id, content, settings=SETTINGS, links=LINKS)
        raw = _raw(_template().fill(values), values)
        assert lint.faults(raw) == [], (customer, number)


def test_the_lint_finds_what_is_wrong() -> None:
    rendered, values = _filled()
    bad = dataclasses.replace(
        rendered,
        html=rendered.html.replace(
            "</body>", '<script></script><img src="x"><p style="color:#dddddd">faint</p></body>'
        ),
        text="{{ name }}",
        subject="x" * 80,
    )
    found = " ".join(lint.faults(_raw(bad, values)))
    for wrong in (
        "<script>",
        "without words",
        "without a width",
        "hard to read",
        "placeholder",
        "same links",
        "subject",
    ):
        assert wrong in found, wrong


def test_the_message_says_what_it_must_in_html_and_in_text() -> None:
    rendered, values = _filled()
    message = _read(_raw(rendered, values))
    assert message["To"] == "ada@example.org"
    assert message["From"] == "Fern & Fable <hello@fern.example>"
    assert message["Subject"] == "Kettle for you"
    assert message["Message-ID"] == message_id(KEY, "fern.example") == message_id(KEY, "fern.example")
    assert message_id((*KEY[:3], 2), "fern.example") != message["Message-ID"]
    for part in ("plain", "html"):
        body = message.get_body((part,))
        assert body is not None
        words = " ".join(body.get_content().split())
        for expected in (
            "Hello,", "The Kettle is here.", "You have not ordered for some time", "£18.00", "£20.00", "10% off",
            "You bought the Tent.", "1 High Street, Norwich", "you agreed to hear from", "utm_campaign=C-0001",
        ):  # fmt: skip
            assert expected in words, (part, expected)


def test_chinese_letters_are_chinese() -> None:
    rendered, values = _filled(language="zh", text=None)
    assert rendered.subject == "为您挑选：Kettle"
    assert 'lang="zh"' in rendered.html
    assert "退订" in rendered.text
    assert _read(_raw(rendered, values))["Subject"] == rendered.subject


class _Tags(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}


@pytest.mark.parametrize("title", HOSTILE)
def test_hostile_titles_stay_text(title: str) -> None:
    product = payload()["products"][0] | {
        "title": title,
        "reason": title,
        "id": title,
        "image_url": f"javascript:{title}",
    }
    rendered, values = _filled(products=[product], text=f"{title}\n{title}", variant=title)
    usual, _ = _filled()
    found = _Tags(rendered.html)
    assert found.tags == _Tags(usual.html).tags
    assert not {name for name in found.attributes if name.startswith("on")}
    assert "49" not in rendered.subject + rendered.text.split("http")[0]
    raw = _raw(rendered, values)
    assert lint.faults(raw) == []
    assert _read(raw)["Bcc"] is None
    assert list(_read(raw).keys()) == list(_read(_raw(*_filled())).keys())


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=120), st.text(max_size=120))
def test_any_text_makes_a_sound_message(title: str, copy: str) -> None:
    rendered, values = _filled(products=[payload()["products"][0] | {"title": title or "?"}], text=copy)
    raw = _raw(rendered, values)
    message = _read(raw)
    assert len(str(message["Subject"])) <= 60
    assert {"From", "To", "Subject", "List-Unsubscribe"} <= set(message.keys())
    assert lint.faults(raw) == []


@pytest.mark.parametrize(
    "address", ["", "ada", "a@b", "a@x.org\r\nBcc: b@x.org", "a@x.org, b@x.org", "<a@x.org>", "a b@x.org"]
)
def test_what_is_no_address_is_not_written_to(address: str) -> None:
    with pytest.raises(AddressError):
        build(KEY, address, _filled()[0], unsubscribe_url="https://x/u/t", settings=SETTINGS, signer=None, now=NOON)


@pytest.mark.parametrize("fast", [True, False])
def test_the_signature_verifies_and_covers_the_unsubscribe_headers(
    tmp_path: Path, fast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not fast:
        monkeypatch.setattr(openssl, "available", lambda: False)
    path, name, record = dkim_key.make(tmp_path, "fern.example", "shopkeeper")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert dkim_key.make(tmp_path, "fern.example", "shopkeeper") == (path, name, record)
    signer = dkim_key.signer_of(tmp_path, SETTINGS)
    rendered, values = _filled(language="zh")
    raw = _raw(rendered, values, signer)
    asked: list[bytes] = []

    def dns(wanted: bytes, timeout: int = 5) -> bytes:
        asked.append(wanted)
        return record.encode()

    assert dkim.verify(raw, dnsfunc=dns)
    assert asked == [f"{name}.".encode()]
    signed = str(_read(raw)["DKIM-Signature"]).lower()
    assert "list-unsubscribe :" in signed
    assert "list-unsubscribe-post" in signed
    for old, new in ((b"One-Click", b"Two-Click"), (b"/u/", b"/v/"), (b"Subject: ", b"Subject: Re: ")):
        assert not dkim.verify(raw.replace(old, new, 1), dnsfunc=dns), old
    assert not dkim.verify(b"From: evil@x.org\r\n" + raw, dnsfunc=dns)
    assert lint.faults(raw) == []


def test_a_key_that_is_none_is_refused_in_words() -> None:
    if not openssl.available():
        pytest.skip("no OpenSSL 3 on this machine")
    with pytest.raises(SettingError, match="cannot be read"):
        openssl.RsaKey(b"not a key")


def test_unsubscribing_needs_a_post_and_nothing_else(tmp_path: Path) -> None:
    operations = store_of(tmp_path)
    launched(operations, 3)
    client = TestClient(create_app(operations, LINKS, SETTINGS))
    page = f"/u/{LINKS.token('C-0001', 'c00001')}"
    for _ in range(2):
        seen = client.get(page)
        assert seen.status_code == 200
        assert "Do you want to stop e-mails from Fern &amp; Fable?" in seen.text
    assert {r.status for r in rows(operations).values()} == {"queued"}
    policy = seen.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert seen.headers["Cache-Control"] == "no-store"
    assert "c00001" not in seen.text
    done = client.post(page, data={"List-Unsubscribe": "One-Click"})
    assert done.status_code == 200
    assert "You are unsubscribed" in done.text
    with operations.session() as session:
        consent = session.get_one(Consent, ("c00001", "email"))
        assert (consent.granted, consent.source) == (False, "unsubscribe link")
    assert {c: r.status for c, r in rows(operations).items()} == {
        "c00000": "queued", "c00001": "suppressed", "c00002": "queued",
    }  # fmt: skip
    assert client.post(page).status_code == 200
    operations.close()


def test_forged_links_change_nothing(tmp_path: Path) -> None:
    operations = store_of(tmp_path)
    launched(operations, 1)
    client = TestClient(create_app(operations, LINKS, SETTINGS))
    other = Links(SETTINGS.public_url, b"another").token("C-0001", "c00000")
    for token in (other, "x", LINKS.token("C-0001", "c00000")[:-1], LINKS.token("C-0001", "c00000") + "x"):
        assert client.post(f"/u/{token}").status_code == 404
        assert client.get(f"/why/{token}").status_code == 404
    assert rows(operations)["c00000"].status == "queued"
    operations.close()


def test_why_did_i_get_this_is_answered_in_words(tmp_path: Path) -> None:
    operations = store_of(tmp_path)
    launched(operations, 1)
    client = TestClient(create_app(operations, LINKS, SETTINGS))
    told = client.get(f"/why/{LINKS.token('C-0001', 'c00000')}").text
    assert "customers who went quiet" in told
    assert "30 September 2026" in told
    operations.close()


def test_the_secret_is_made_once_and_kept_from_others(tmp_path: Path) -> None:
    first = secret_of(tmp_path)
    assert secret_of(tmp_path) == first
    assert len(first) == 64
    assert stat.S_IMODE(os.stat(tmp_path / "mail.secret").st_mode) == 0o600


def _bounce(address: str, *, action: str = "failed", status: str = "5.1.1") -> bytes:
    return (
        "From: mailer-daemon@x.org\r\nSubject: failed\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\nSorry.\r\n--b\r\n"
        "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x.org\r\n\r\n"
        f"Final-Recipient: rfc822; {address}\r\nAction: {action}\r\nStatus: {status}\r\n\r\n--b--\r\n"
    ).encode()


def _complaint(original: bytes) -> bytes:
    head = (
        "From: fbl@x.org\r\nSubject: complaint\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/report; report-type=feedback-report; boundary=q\r\n\r\n--q\r\n"
        "Content-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\nVersion: 1\r\n\r\n--q\r\n"
        "Content-Type: message/rfc822\r\n\r\n"
    )
    return head.encode() + original + b"\r\n--q--\r\n"


def _fed(operations: Operations, path: Path) -> list[bool]:
    reports = list(bounces.read(path))
    return [bounces.apply(operations, LINKS, "fern.example", report, now=NOON) for report in reports]


def test_what_comes_back_suppresses_those_it_is_about(tmp_path: Path) -> None:
    operations = store_of(tmp_path)
    launched(operations, 6)
    mail = tmp_path / "in.eml"
    mail.write_bytes(_bounce("C00000@example.org"))
    assert _fed(operations, mail) == [True]
    mail.write_bytes(_bounce("c00001@example.org", action="delayed", status="4.2.2"))
    assert _fed(operations, mail) == []
    mail.write_bytes(_bounce("stranger@example.org"))
    assert _fed(operations, mail) == [False]
    values = letter(plan(), "c00002", payload(), settings=SETTINGS, links=LINKS)
    mail.write_bytes(_complaint(_raw(_template().fill(values), values, key=("C-0001", "c00002", "email", 1))))
    assert _fed(operations, mail) == [True]
    mail.write_text(
        f"From: a@b.org\nSubject: unsubscribe {LINKS.token('C-0001', 'c00003')}\n\nplease", encoding="utf-8"
    )
    assert _fed(operations, mail) == [True]
    table = tmp_path / "in.csv"
    table.write_text("address,reason\nc00004@example.org,Bounce\n", encoding="utf-8")
    assert _fed(operations, table) == [True]
    table.write_text("address,reason\nc00005@example.org,dislike\n", encoding="utf-8")
    with pytest.raises(DataError, match="row 2: the reason is 'dislike'"):
        _fed(operations, table)
    assert {c for c, r in rows(operations).items() if r.status == "queued"} == {"c00001", "c00005"}
    with operations.session() as session:
        assert session.query(Suppression).count() == 3
        assert session.get_one(Consent, ("c00002", "email")).source == "complaint"
    operations.close()


def test_reasons_rest_on_evidence_and_name_nobody() -> None:
    shop = small_shop()
    customers = shop.snapshot.frame("customers")["customer_id"].astype(str).tolist()[:40]
    products = shop.snapshot.frame("products")["product_id"].astype(str).tolist()[:6]
    pairs = [(c, p) for c in customers for p in products]
    found = reasons_for(shop.snapshot, shop.models, pairs)
    assert set(found) == set(pairs)
    assert len(set(found.values())) > 10
    assert not any(c in text for text in found.values() for c in customers)
    model = shop.models.recommend
    for customer in customers[:5]:
        for shown in model.recommend(shop.snapshot, customer, limit=3):
            assert model.explain([(customer, shown.product_id)])[0] == shown.evidence
    assert reasons_for(shop.snapshot, shop.models, [("nobody", "nothing")])[("nobody", "nothing")].startswith(
        "New here"
    )


def test_the_hour_is_the_recipients() -> None:
    assert timezone_of("United Kingdom") == timezone_of("gb") == "Europe/London"
    assert timezone_of("Germany") == "Europe/Berlin"
    assert timezone_of("United States") is None
    assert timezone_of(None) is timezone_of("Atlantis") is None
    assert quiet_until(datetime(2026, 7, 1, 19, 59), "Europe/London") is None
    assert quiet_until(datetime(2026, 7, 1, 20), "Europe/London") == datetime(2026, 7, 2, 7)
    assert quiet_until(datetime(2026, 12, 1, 3), "Europe/London") == datetime(2026, 12, 1, 8)


def test_a_long_subject_gives_way_to_one_that_fits() -> None:
    rendered, _ = _filled(text="y" * 61 + "\nHello")
    assert rendered.subject == "Kettle, picked for you"
    assert shorten("一" * 80, 60) == "一" * 59 + "…"


def test_a_preview_shows_both_widths(tmp_path: Path) -> None:
    rendered, _ = _filled()
    index = preview.write([("c1<", rendered)], tmp_path)
    page = index.read_text(encoding="utf-8")
    assert 'width="375"' in page
    assert 'width="1200"' in page
    assert "c1&lt;" in page
    assert (tmp_path / "1.txt").read_text(encoding="utf-8") == rendered.text


def test_pictures_are_as_wide_as_the_window_and_show_no_sideways_scroll(tmp_path: Path) -> None:
    if preview.browser() is None:
        pytest.skip("no Chromium on this machine")
    from matplotlib import image

    preview.write([("c1", _filled()[0])], tmp_path)
    shots = preview.screenshots(tmp_path)
    sizes = {path.stem: image.imread(str(path)).shape[:2] for path in shots}
    assert {stem: width for stem, (_, width) in sizes.items()} == {
        "1-phone-light": 375, "1-phone-dark": 375, "1-desktop-light": 1200, "1-desktop-dark": 1200,
    }  # fmt: skip
    light, dark = (image.imread(str(tmp_path / f"1-phone-{s}.png"))[5, 5, :3].mean() for s in ("light", "dark"))
    assert light > 0.9
    assert dark < 0.2


def test_settings_say_which_line_to_mend(tmp_path: Path) -> None:
    from channels.mail.settings import EXAMPLE, read, required

    with pytest.raises(SettingError, match=r"mail\.yaml with these four lines"):
        required(tmp_path)
    (tmp_path / "mail.yaml").write_text(EXAMPLE, encoding="utf-8")
    assert required(tmp_path).domain == "example.com"
    for line, words in (
        ("sender: x", "sender is no e-mail"),
        ("timezone: Mars", "timezone"),
        ("colour: red", "colour"),
    ):
        text = EXAMPLE.replace("sender: Fern & Fable <hello@example.com>", line) if "sender" in line else EXAMPLE + line
        (tmp_path / "mail.yaml").write_text(text, encoding="utf-8")
        with pytest.raises(SettingError, match=words):
            read(tmp_path)


def test_newer_data_withdraws_consent_too(tmp_path: Path) -> None:
    shop = small_shop()
    ids = shop.snapshot.frame("customers")["customer_id"].astype(str)
    made = plan(members=tuple(Member(c, "treated", "email", 0.9) for c in ids[:50]), snapshot_id="older")
    willing = shop.snapshot.frame("customers").set_index("customer_id")["consent_email"].fillna(False)
    expected = {c for c in ids[:50] if not willing[c]}
    assert standing.unwilling(shop.store.root, made) == expected
    assert standing.unwilling(tmp_path, made) == frozenset()
    assert sending.terms_of(made.end, SETTINGS).ends == datetime(2026, 10, 15)
