"""The copy tool: words for a product on a channel, written by the chat model over facts, checked, else a template."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from campaign import wording
from campaign.plan import Copy
from campaign.targets import Catalogue
from campaign.wording import Language
from data.errors import ToolError
from tools.base import Fact, ToolContext, ToolResult, count, facts, money, name, percent, render, tool, words
from tools.lookup import quoted, resolve_product, table_source
from tools.mend import mendable

Channel = Literal["email", "sms", "google", "facebook", "instagram", "tiktok"]
Tone = Literal["friendly", "playful", "formal", "urgent", "luxury"]

_LANGUAGES: dict[str, Language] = {
    "en": "en", "english": "en", "en-gb": "en", "en-us": "en",
    "zh": "zh", "chinese": "zh", "zh-cn": "zh", "mandarin": "zh", "中文": "zh", "cn": "zh", "simplified chinese": "zh",
}  # fmt: skip


@dataclass(frozen=True)
class _Ask:
    """What is to be written: where, how, over which facts."""

    channel: str
    tone: str
    language: Language
    known: Mapping[str, Fact]

    @property
    def offer(self) -> bool:
        return "discount" in self.known

    @property
    def references(self) -> dict[str, Fact]:
        return {f"p.{key}": fact for key, fact in self.known.items()}


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
    known = _facts_of(ctx, text.product_id, discount_percent)
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
    """The text for a known product. The chat model gets two tries; what breaks a rule twice becomes a template."""
    if channel not in wording.rules()["channels"]:
        raise ToolError(f"no channel {quoted(channel)}; the channels are {', '.join(wording.rules()['channels'])}")
    if tone not in wording.rules()["openings"]["en"]:
        raise ToolError(f"no tone {quoted(tone)}; the tones are {', '.join(wording.rules()['openings']['en'])}")
    tongue = _language(language)
    ask = _Ask(channel, tone, tongue, _facts_of(ctx, product_id, discount_percent))
    written = _written(ctx, ask)
    prose = written if written is not None else {part: _template(ask, part) for part in wording.parts(channel)}
    filled = {part: _fill(ask, text) for part, text in prose.items()}
    length, limit = max((_measure(ask, part, text) for part, text in filled.items()), key=lambda m: m[0] / m[1])
    used = [k for k, f in ask.known.items() if any(f"{{p.{k}}}" in t for t in prose.values())]
    return Copy(
        channel=channel,
        product_id=product_id,
        language=tongue,
        text="\n".join(filled.values()),
        length=length,
        limit=limit,
        own_words=written is not None,
        claims={ask.known[k].display: ask.known[k].source for k in used},
    )


def written_before(ctx: ToolContext, product_id: str, channel: str, share: float) -> Copy | None:
    """The conversation's latest text for this product, channel and discount, if there is one."""
    for one in reversed(ctx.calls):
        table = one.result.table
        if one.tool != "write_copy" or one.result.failed or table is None or one.result.text is None:
            continue
        row, found = table.iloc[0], one.result.facts
        discount = float(found["discount"].value) if "discount" in found else 0.0
        if (row["product_id"], row["channel"], discount) == (product_id, channel, share):
            spoken = [f for k, f in found.items() if k in {"title", "price", "discount", "new_price"}]
            return Copy(
                channel=channel,
                product_id=product_id,
                language=str(row["language"]),
                text=one.result.text,
                length=int(found["length"].value),
                limit=int(found["limit"].value),
                own_words=one.result.cue == "written",
                claims={f.display: f.source for f in spoken if f.display in one.result.text},
            )
    return None


def _language(language: str | None) -> Language:
    found = _LANGUAGES.get((language or "en").strip().lower())
    if found is None:
        raise ToolError(f"copy in {quoted(language or '')} is not possible; ask for English or Chinese")
    return found


def _facts_of(ctx: ToolContext, product_id: str, discount_percent: float | None) -> dict[str, Fact]:
    """The facts that copy may speak of."""
    row = Catalogue(ctx.snapshot.frame("products")).row(product_id)
    price, source = row["price"], table_source(ctx, "products")
    share = check_discount(discount_percent)
    asked = "what you asked for"
    return facts(
        name("title", str(row["title"]), source),
        None if price is None else money("price", price, ctx.currency, source),
        None if row["category"] is None else name("category", str(row["category"]), source),
        percent("discount", share, asked) if share else None,
        money("new_price", price * (1 - share), ctx.currency, f"{source}: price less the discount")
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


def _written(ctx: ToolContext, ask: _Ask) -> dict[str, str] | None:
    """The chat model's own words by part; the second try gets fewer facts, which makes a shorter text."""
    if ctx.writer is None:
        return None
    request = {"channel": ask.channel, "tone": ask.tone, "language": ask.language}
    fewer = {k: f for k, f in ask.known.items() if k != "category"}
    for known in (ask.known, fewer):
        prose = ctx.writer.write("copy", request, known)
        split = _split(ask, prose)
        if split is not None:
            return split
    return None


def _split(ask: _Ask, prose: str) -> dict[str, str] | None:
    """`prose` by part when it keeps every rule, else None."""
    prose = prose.strip()
    if not prose or "{p.title}" not in prose or wording.faults(prose, language=ask.language, offer=ask.offer):
        return None
    if ask.offer and "{p.discount}" not in prose and "{p.new_price}" not in prose:
        return None
    names = list(wording.parts(ask.channel))
    if len(names) == 1:
        found = {names[0]: " ".join(prose.split())}
    else:
        head, _, rest = prose.partition("\n")
        found = {names[0]: head.strip(), names[1]: rest.strip()} if rest.strip() else {names[1]: prose}
        found = {part: found[part] if part in found else _template(ask, part) for part in names}
    try:
        fits = all(_fits(ask, part, _fill(ask, text)) for part, text in found.items())
    except KeyError:  # a reference to a fact that was not given
        return None
    return found if fits else None


def _template(ask: _Ask, part: str) -> str:
    """The first template of the part whose facts are known and which fits; the last resort is the tone's opening."""
    options = wording.templates(ask.channel, part, language=ask.language, offer=ask.offer, tone=ask.tone)
    usable = (o for o in options if all(r in ask.references for r in _references(o)))
    last = wording.rules()["openings"][ask.language][ask.tone]
    return next((o for o in usable if _fits(ask, part, _fill(ask, o))), last)


def _references(text: str) -> list[str]:
    return [chunk.split("}")[0] for chunk in text.split("{")[1:]]


def _fill(ask: _Ask, prose: str) -> str:
    """`prose` with its facts filled in, and what must close it."""
    return render(prose, ask.references).text + wording.ending(ask.channel, ask.language)


def _measure(ask: _Ask, part: str, text: str) -> tuple[int, int]:
    length, limit = wording.length(ask.channel, text)
    return length, wording.parts(ask.channel)[part] if limit is None else limit


def _fits(ask: _Ask, part: str, text: str) -> bool:
    length, limit = _measure(ask, part, text)
    return length <= limit
