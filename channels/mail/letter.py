"""What one customer's e-mail says, in words, prices and links: everything that the templates fill in."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import yaml

from campaign.plan import Plan
from channels.mail.links import Links
from channels.mail.settings import Settings
from data.money import display

SUBJECT = 60
"""Characters of a subject, at most."""

_CONTROL = re.compile(r"[{}\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")
_GREETING = re.compile(r"^\s*(hello|hi|dear|您好|你好)\b[^,，：:\n]{0,30}[,，：:]\s*", re.IGNORECASE)
_LABEL = re.compile(r"^\s*(subject|主题|标题)\s*[:：]\s*", re.IGNORECASE)
_TINTS = (
    ("#e4eee8", "#2f5e4b"),
    ("#f3e8dd", "#7a4b22"),
    ("#e6eaf3", "#374f7d"),
    ("#f4e6e6", "#7d3b3f"),
    ("#eee9f3", "#5a4379"),
    ("#f0eedb", "#5f5a20"),
)
"""Ground and letter of the tile that stands in for a picture."""
_FILLER = "\u00a0\u200c" * 40
"""After the preheader, so that a mail program does not go on with the text of the letter."""


@cache
def words() -> dict[str, Any]:
    """The content of `words.yaml`."""
    loaded: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "words.yaml").read_text(encoding="utf-8"))
    return loaded


def clean(text: str) -> str:
    """`text` on one line, without control characters, marks that hide or turn letters, or braces of any template."""
    return " ".join(_CONTROL.sub(" ", text).split())


def letter(
    plan: Plan, customer_id: str, payload: Mapping[str, Any], *, settings: Settings, links: Links
) -> dict[str, Any]:
    """The values of the templates `letter.mjml.j2` and `letter.txt.j2` for one customer (see `campaign/payload.py`)."""
    say = words()[payload["language"]]
    token = links.token(plan.campaign_id, customer_id)
    variant = clean(str(payload.get("variant") or "A"))
    tags = urlencode(
        {"utm_source": "shopkeeper", "utm_medium": "email", "utm_campaign": plan.campaign_id, "utm_content": variant}
    )
    products = [_product(p, plan, payload, settings, tags, say) for p in payload["products"]]
    subject, body = _copy(payload.get("text"), [p["title"] for p in products], say)
    lead = products[0] if products else None
    key = "more" if len(products) > 1 else "only"
    return {
        "language": payload["language"],
        "words": say,
        "subject": subject or shorten(say["headline"][plan.goal], SUBJECT),
        "preheader": say["footer"].format(shop=settings.name) if lead is None else say[key].format(title=lead["title"]),
        "filler": _FILLER,
        "shop": clean(settings.name),
        "shop_url": tagged(settings.shop_url, tags),
        "headline": say["headline"][plan.goal],
        "greeting": say["greeting"],
        "body": body,
        "because": say["because"][plan.goal],
        "products": products,
        "button": say["button_one" if len(products) == 1 else "button_many"],
        "button_url": tagged(settings.shop_url if lead is None else lead["page"], f"{tags}&utm_term=button"),
        "footer": say["footer"].format(shop=clean(settings.name)),
        "why_url": links.why(token),
        "unsubscribe_url": links.unsubscribe(token),
        "postal_address": clean(settings.postal_address),
        "colour": settings.colour,
        "on_colour": "#ffffff" if contrast(settings.colour, "#ffffff") >= 4.5 else "#14181a",
        "dark_colour": _lighter(settings.colour),
    }


def tagged(url: str, tags: str) -> str:
    """`url` with UTM tags, encoded, added to its query.

    >>> tagged("https://a.example/p?x=1#top", "utm_medium=email")
    'https://a.example/p?x=1&utm_medium=email#top'
    """
    page, mark, place = url.partition("#")
    return f"{page}{'&' if '?' in page else '?'}{tags}{mark}{place}"


def shorten(text: str, limit: int) -> str:
    """`text` in at most `limit` characters, cut between words.

    >>> shorten("Enamel Camping Kettle", 15)
    'Enamel Camping…'
    """
    if len(text) <= limit:
        return text
    cut = text[: limit - 1]
    return (cut.rpartition(" ")[0] if " " in cut[limit // 2 :] else cut).rstrip(" ,.;:") + "…"


@cache
def contrast(one: str, other: str) -> float:
    """Contrast ratio of two #rrggbb colours, 1 to 21 (WCAG 2.1).

    >>> round(contrast("#000000", "#ffffff"))
    21
    """
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _product(
    product: Mapping[str, Any],
    plan: Plan,
    payload: Mapping[str, Any],
    settings: Settings,
    tags: str,
    say: Mapping[str, Any],
) -> dict[str, Any]:
    title = shorten(clean(product["title"]), 90)
    page = settings.product_page(str(product["id"]))
    price: float | None = product.get("price")
    reduced: float | None = product.get("new_price")
    digest = hashlib.sha256(str(product.get("category") or title).encode()).digest()
    tint, shade = _TINTS[digest[0] % len(_TINTS)]
    image = str(product.get("image_url") or "")
    return {
        "title": title,
        "page": page,
        "url": tagged(page, tags),
        "price": None if price is None else display(price if reduced is None else reduced, plan.currency),
        "old_price": None if reduced is None or price is None else display(price, plan.currency),
        "off": say["off"].format(percent=f"{100 * payload.get('offer', 0):.0f}%"),
        "reason": clean(product.get("reason") or ""),
        "image_url": image if urlsplit(image).scheme in {"http", "https"} else None,
        "initial": next((c.upper() for c in title if c.isalnum()), "·"),
        "tint": tint,
        "shade": shade,
    }


def _copy(text: str | None, titles: list[str], say: Mapping[str, Any]) -> tuple[str, str]:
    """Subject and body. The copy's first line is its subject; where that cannot be, the letter has its own."""
    first, _, rest = (text or "").partition("\n")
    subject = clean(_LABEL.sub("", first))
    if not subject or len(subject) > SUBJECT:
        own = say["subject"].format(title=titles[0]) if titles else ""
        subject = own if len(own) <= SUBJECT else shorten(titles[0], SUBJECT)
    body = _GREETING.sub("", clean(rest))
    return subject, body[:1].upper() + body[1:]


def _luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@cache
def _lighter(colour: str) -> str:
    """A tint of `colour` that dark letters can be read on."""
    channels = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    for share in range(0, 101, 5):
        mixed = "#" + "".join(f"{round(c + (255 - c) * share / 100):02x}" for c in channels)
        if contrast(mixed, "#101413") >= 7:
            return mixed
    return "#ffffff"
