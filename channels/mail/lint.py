"""Whether a message will show and arrive well: what mail programs cut, block or mangle, as a list of faults."""

from __future__ import annotations

import email
import email.policy
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

from channels.mail.letter import SUBJECT, contrast

CLIPPED = 102_000
"""Bytes of HTML beyond which Gmail cuts a message."""
READABLE = 4.5
"""Least contrast of text and ground (WCAG 2.1, AA)."""
_BANNED = {"script", "form", "iframe", "object", "embed", "link", "video", "audio", "input", "svg", "base"}
_VOID = {"meta", "br", "hr", "img", "input", "link", "base"}
_HEADERS = (
    "From", "To", "Subject", "Date", "Message-ID", "List-Unsubscribe", "List-Unsubscribe-Post", "Feedback-ID",
)  # fmt: skip


def faults(raw: bytes) -> list[str]:
    """What is wrong with a whole message; empty when nothing is."""
    message = email.message_from_bytes(raw, policy=email.policy.default)
    html, text = message.get_body(("html",)), message.get_body(("plain",))
    if html is None or text is None:
        return ["it needs a part of HTML and one of plain text"]
    found = [f"no header {name}" for name in _HEADERS if not message[name]]
    unsubscribe = str(message["List-Unsubscribe"] or "")
    if "<https://" not in unsubscribe or "<mailto:" not in unsubscribe:
        found.append("List-Unsubscribe needs an https and a mailto address")
    if str(message["List-Unsubscribe-Post"]) != "List-Unsubscribe=One-Click":
        found.append("List-Unsubscribe-Post is not one-click")
    if len(str(message["Subject"])) > SUBJECT:
        found.append("the subject is too long")
    return found + letter_faults(html.get_content(), text.get_content())


def letter_faults(html: str, text: str) -> list[str]:
    """What is wrong with the two parts of a letter."""
    page = _Page()
    page.feed(html)
    found = list(page.faults)
    checks = {
        f"the HTML is over {CLIPPED:,} bytes": len(html.encode()) > CLIPPED,
        "a placeholder was not filled in": re.search(r"\{[{%]|[}%]\}", html + text) is not None,
        "no preheader": not page.preheader.strip("\u00a0\u200c \n"),
        "no language": not page.language,
        "no colour scheme": "color-scheme" not in page.meta,
        "no title": not page.title.strip(),
        "the layout has no table": page.tables == 0,
        "styles from outside": re.search(r"@import|url\(", html) is not None,
        "a tag was not closed": bool(page.open),
        "no link in it": not page.links,
        "HTML and text do not have the same links": page.links != set(re.findall(r"https?://\S+", text)),
        "a link without UTM tags": any("utm_source=" not in x for x in page.links if not re.search(r"/(u|why)/", x)),
        "a line of the text is too long": any(
            len(x) > 100 and "http" not in x and x.isascii() for x in text.split("\n")
        ),
    }
    return found + [name for name, wrong in checks.items() if wrong]


@dataclass
class _Style:
    tag: str
    colour: str
    ground: str
    hidden: bool


@dataclass
class _Page(HTMLParser):
    """Reads a page as a mail program would, and keeps what it stumbles over."""

    faults: list[str] = field(default_factory=list)
    links: set[str] = field(default_factory=set)
    meta: set[str] = field(default_factory=set)
    open: list[_Style] = field(default_factory=list)
    preheader: str = ""
    title: str = ""
    language: str = ""
    tables: int = 0

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Checks a tag and remembers the colours that hold inside it."""
        values = {name: value or "" for name, value in attrs}
        if tag in _BANNED:
            self.faults.append(f"a <{tag}> in it")
        self.faults += [f"an attribute {name}" for name in values if name.startswith("on")]
        if tag == "img":
            self._picture(values)
        if tag == "a" and not values.get("href", "").startswith(("https://", "http://", "mailto:")):
            self.faults.append(f"a link to {values.get('href', 'nowhere')[:40]}")
        if tag == "a" and values.get("href", "").startswith("http"):
            self.links.add(values["href"])
        self.language = values.get("lang", self.language) if tag == "html" else self.language
        self.meta |= {values.get("name", "")} if tag == "meta" else set()
        self.tables += tag == "table" and values.get("role") == "presentation"
        if tag not in _VOID:
            self.open.append(self._style(tag, values))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag that closes itself."""
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        """Tags close in the order in which they were opened."""
        if not self.open or self.open.pop().tag != tag:
            self.faults.append(f"</{tag}> where it does not belong")

    def handle_data(self, data: str) -> None:
        """Text must be readable on its ground."""
        if not self.open or not data.strip():
            return
        style = self.open[-1]
        if style.tag == "title":
            self.title += data
        elif style.tag == "style":
            return
        elif style.hidden:
            self.preheader += data
        elif contrast(style.colour, style.ground) < READABLE:
            self.faults.append(f"{data.strip()[:30]!r} is hard to read: {style.colour} on {style.ground}")

    def _picture(self, values: dict[str, str]) -> None:
        if not values.get("alt"):
            self.faults.append("a picture without words for it")
        if not values.get("width", "").isdigit():
            self.faults.append("a picture without a width")
        if not values.get("src", "").startswith(("https://", "http://", "data:image/")):
            self.faults.append("a picture from nowhere")

    def _style(self, tag: str, values: dict[str, str]) -> _Style:
        above = self.open[-1] if self.open else _Style("", "#000000", "#ffffff", False)
        style = values.get("style", "")
        colour = re.search(r"(?:^|;)\s*color:\s*(#[0-9a-fA-F]{6})\b", style)
        ground = re.search(r"(?:^|;)\s*background(?:-color)?:\s*(#[0-9a-fA-F]{6})\b", style)
        return _Style(
            tag,
            colour.group(1) if colour else above.colour,
            ground.group(1) if ground else values.get("bgcolor") or above.ground,
            above.hidden or "display:none" in style.replace(" ", ""),
        )
