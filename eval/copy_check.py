"""A second opinion on copy: facts, limits and claims of a finished text, read without the code that filters it.

It knows the product's row and the shop's names, and nothing of references, templates or the rules in `campaign`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import pandas as pd

_LIMITS = {
    ("email", 0): 60, ("email", 1): 600, ("google", 0): 30, ("google", 1): 90,
    ("facebook", 0): 125, ("instagram", 0): 125, ("tiktok", 0): 100,
}  # fmt: skip
_SMS, _SMS_UNICODE = 160, 70
_GSM_BASIC = re.compile(r"[\n\r @£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ!\"#¤%&'()*+,\-./0-9:;<=>?¡A-ZÄÖÑÜ§¿a-zäöñüà]")
_GSM_EXTENDED = re.compile(r"[\f^{}\\\[~\]|€]")
_CLAIMS = re.compile(
    r"\b(?:best\b|cheap|lowest|finest|greatest|ultimate|unbeat|unrival|perfect|superior|number one|world.class|"
    r"most popular|guarant|warrant|risk.free|for free\b|free (?:gift|ship|deliver)|gratis|eco\b|eco.|organic|"
    r"sustainab|biodegrad|carbon|"
    r"cure|heal|miracle|clinical|proven|doctor|award|best.?sell|top.rated|exclusive|official|authentic|hand.?made|"
    r"last chance|hurry|today only|while (?:stocks|it|they)|limited|ends (?:soon|today|tonight)|almost gone|few left|"
    r"this week|we tried|we tested|your earlier|you (?:won|bought))|最|第一|国家级|顶级|唯一|免费|限时|保证|绝对",
    re.IGNORECASE,
)
_OFFER = re.compile(
    r"\b(?:off|discount|sale|reduced|reduction|save|saving|deal|bargain|lighter|instead)\b|立减|优惠|折", re.IGNORECASE
)
_NUMBER = re.compile(r"\d[\d.,]*\d|\d")
_NUMBER_WORD = re.compile(
    r"\b(?:two|three|four|five|six|seven|eight|nine|ten|twelve|twenty|fifty|hundred|thousand|million|half|double|twice|percent)\b",
    re.IGNORECASE,
)
_MONEY = re.compile(r"([£$€¥])\s?(\d[\d,]*(?:\.\d+)?)")
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s?%")
_DISCOUNT_AS_PRICE = re.compile(r"\b(?:instead of|down to|costs|for) \d+(?:\.\d+)?%(?! off)", re.IGNORECASE)


def over_limit(channel: str, text: str) -> bool:
    """Whether a part of the text is longer than its channel takes."""
    if channel == "sms":
        if all(_GSM_BASIC.fullmatch(c) or _GSM_EXTENDED.fullmatch(c) for c in text):
            return len(text) + sum(bool(_GSM_EXTENDED.fullmatch(c)) for c in text) > _SMS
        return len(text.encode("utf-16-be")) // 2 > _SMS_UNICODE
    lines = text.split("\n", 1) if (channel, 1) in _LIMITS else [text]
    return any(len(line) > _LIMITS[channel, number] for number, line in enumerate(lines))


def bare(text: str, product: Mapping[str, Any]) -> str:
    """The text without the product's own title and category."""
    for name in (product["title"], product["category"]):
        if isinstance(name, str):
            text = text.replace(name, " _ ")
    return text


def claims(text: str, product: Mapping[str, Any]) -> list[str]:
    """Claims of any market in the text's own words."""
    return [match.group() for match in _CLAIMS.finditer(bare(text, product))]


def unsupported(text: str, product: Mapping[str, Any], offer: float, names: Sequence[str]) -> list[str]:
    """Numbers, money, percentages, offers and names of the shop in the text that are not this product's; in words."""
    return list(_unsupported(bare(text, product), product, offer, names))


def _unsupported(text: str, product: Mapping[str, Any], offer: float, names: Sequence[str]) -> Iterator[str]:
    price = None if pd.isna(product["price"]) else float(product["price"])
    right = [] if price is None else [price] + ([price * (1 - offer)] if offer else [])
    for sign, amount in _MONEY.findall(text):
        value = float(amount.replace(",", ""))
        if not any(abs(value - one) < (0.0051 if one < 1000 else 0.51) for one in right):
            yield f"the amount {sign}{amount}"
    yield from (f"a discount where a price belongs, {said!r}" for said in _DISCOUNT_AS_PRICE.findall(text))
    for share in _PERCENT.findall(text):
        if not offer or abs(float(share) - 100 * offer) > 0.051:
            yield f"the percentage {share}%"
    rest = _PERCENT.sub(" ", _MONEY.sub(" ", text))
    yield from (f"the number {number}" for number in _NUMBER.findall(rest))
    yield from (f"the number word {word}" for word in _NUMBER_WORD.findall(rest))
    if not offer:
        yield from (f"the offer {word}" for word in _OFFER.findall(rest))
    if offer and price is not None:
        yield from _old_price(text, price)
    own = {product["title"], product["category"]}
    yield from (f"the name {name}" for name in _any_of(tuple(names)).findall(text) if name not in own)


@cache
def _any_of(names: tuple[str, ...]) -> re.Pattern[str]:
    longest_first = sorted(names, key=len, reverse=True)
    return re.compile(r"\b(?:" + "|".join(map(re.escape, longest_first)) + r")\b") if names else re.compile(r"(?!)")


def _old_price(text: str, price: float) -> Iterator[str]:
    """The price before the offer where a reader would take it for the price now."""
    for match in _MONEY.finditer(text):
        if abs(float(match.group(2).replace(",", "")) - price) < 0.0051:
            before, after = text[max(0, match.start() - 20) : match.start()], text[match.end() : match.end() + 4]
            old = re.search(r"instead of|from|was|bye to|usual|原价", before, re.IGNORECASE)
            if not old and not after.startswith(", no"):
                yield f"the old price {match.group()} as if it were today's"
