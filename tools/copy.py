"""The copy tool: words for a product on a channel, written by the chat model over facts, checked, else a template."""

from collections.abc import Mapping
from typing import Any, Literal

import pandas as pd

from campaign import claims, wording
from campaign.plan import Copy
from campaign.targets import Catalogue
from campaign.wording import Language
from data.errors import ToolError
from data.store import Snapshot
from tools import copywriter
from tools.base import Fact, ToolContext, ToolResult, count, facts, money, name, percent, tool, words
from tools.copywriter import Ask
from tools.lookup import quoted, resolve_product, snapshot_source
from tools.mend import mendable

Channel = Literal["email", "sms", "google", "facebook", "instagram", "tiktok"]
Tone = Literal["friendly", "playful", "formal", "urgent", "luxury"]

_LANGUAGES: dict[str, Language] = {
    "en": "en", "english": "en", "en-gb": "en", "en-us": "en",
    "zh": "zh", "chinese": "zh", "zh-cn": "zh", "mandarin": "zh", "中文": "zh", "cn": "zh", "simplified chinese": "zh",
}  # fmt: skip


@tool(roles=("marketer",), kind="read")
def write_copy(
    ctx: ToolContext,
    product: str,
    channel: Channel,
    tone: Tone = "friendly",
    discount_percent: float | None = None,
    language: str | None = None,
) -> ToolResult:
    """Writes the words for a product on a channel, within its limits and without claims that no fact carries."""
    with mendable():
        text = compose(
            ctx, resolve_product(ctx, product), channel, tone=tone, discount_percent=discount_percent, language=language
        )
    source = "campaign/wording.yaml"
    known = _facts_of(ctx.snapshot, _row(ctx.snapshot, text.product_id), discount_percent)
    return ToolResult(
        facts=facts(
            known["title"],
            known.get("price"),
            known.get("discount"),
            known.get("new_price"),
            words("channel", channel, "what you asked for"),
            words("tone", tone, "what you asked for"),
            count("length", text.length, "characters of the part nearest to its limit, as the channel counts them"),
            count("limit", text.limit, f"limit of that part, {source}"),
        ),
        cue="written" if text.own_words else "template",
        text=text.text,
        table=pd.DataFrame(
            [{"channel": channel, "product_id": text.product_id, "language": text.language, "text": text.text}]
        ),
    )


def compose(
    ctx: ToolContext,
    product_id: str,
    channel: str,
    *,
    tone: str = "friendly",
    discount_percent: float | None = None,
    language: str | None = None,
) -> Copy:
    """The text for a known product. The chat model gets two tries; what breaks a rule twice becomes a template.

    Raises `ToolError` for a channel, a tone or a language that copy can't be written in.
    """
    ask = ask_for(
        ctx.snapshot,
        product_id,
        channel,
        tone=tone,
        discount_percent=discount_percent,
        language=language,
        markets=markets_of(ctx.snapshot),
    )
    return copywriter.to_copy(ask, product_id, copywriter.write(ctx.writer, ask))


def ask_for(
    snapshot: Snapshot,
    product_id: str,
    channel: str,
    *,
    tone: str,
    discount_percent: float | None,
    language: str | None,
    markets: tuple[str, ...],
) -> Ask:
    """What is to be written, checked. Raises `ToolError` as `compose` does."""
    if channel not in wording.rules()["channels"]:
        raise ToolError(f"no channel {quoted(channel)}; the channels are {', '.join(wording.rules()['channels'])}")
    if tone not in wording.rules()["openings"]["en"]:
        raise ToolError(f"no tone {quoted(tone)}; the tones are {', '.join(wording.rules()['openings']['en'])}")
    row = _row(snapshot, product_id)
    gone = row["active"] in (False, 0) or (row["stock"] is not None and row["stock"] <= 0)
    known = _facts_of(snapshot, row, discount_percent)
    return Ask(channel, tone, language_of(language), known, markets, available=not gone)


def markets_of(snapshot: Snapshot) -> tuple[str, ...]:
    """The markets whose rules copy must keep, by the countries of the shop's customers; all where one is unknown."""
    countries = snapshot.frame("customers")["country"].unique()
    return claims.of_countries(None if pd.isna(country) else str(country) for country in countries)


def language_of(language: str | None) -> Language:
    """The language that a person names. Raises `ToolError` for one that copy is not written in."""
    found = _LANGUAGES.get((language or "en").strip().lower())
    if found is None:
        raise ToolError(f"copy in {quoted(language or '')} is not possible; ask for English or Chinese")
    return found


def _row(snapshot: Snapshot, product_id: str) -> dict[str, Any]:
    return Catalogue(snapshot.frame("products")).row(product_id)


def _facts_of(snapshot: Snapshot, row: Mapping[str, Any], discount_percent: float | None) -> dict[str, Fact]:
    """The facts of a product's row that copy may speak of."""
    price, source = row["price"], snapshot_source(snapshot, "products")
    share = check_discount(discount_percent)
    asked = "what you asked for"
    return facts(
        name("title", str(row["title"]), source),
        None if price is None else money("price", price, snapshot.currency, source),
        None if row["category"] is None else name("category", str(row["category"]), source),
        percent("discount", share, asked) if share else None,
        money("new_price", price * (1 - share), snapshot.currency, f"{source}: price less the discount")
        if share and price is not None
        else None,
    )


def check_discount(discount_percent: float | None) -> float:
    """A discount in percent as a share, 0 to 0.9; anything else is refused."""
    if discount_percent is None:
        return 0.0
    if not 0 <= discount_percent <= 90:
        raise ToolError(f"a discount of {discount_percent:g} percent is not possible; give 0 to 90")
    return discount_percent / 100
