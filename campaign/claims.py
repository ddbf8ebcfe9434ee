"""Claims that copy may not make, by market (`claims/*.yaml`): each rule with its reason and the law or code behind it.

What no product fact carries can't be shown to be true, so it is left out even where a law would tolerate it as puffery.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from data.errors import CampaignError

_FOLDER = Path(__file__).with_suffix("")
_HAN = re.compile(r"[\u4e00-\u9fff]")


@dataclass(frozen=True)
class Rule:
    """What is looked for, where it is innocent (`spared`), why it may not be said, and by which law."""

    sought: re.Pattern[str]
    spared: re.Pattern[str] | None
    reason: str
    law: str

    def found_in(self, text: str) -> Iterator[str]:
        """The words of `text` that break the rule."""
        innocent = [m.span() for m in self.spared.finditer(text)] if self.spared else []
        for match in self.sought.finditer(text):
            if not any(start <= match.start() and match.end() <= end for start, end in innocent):
                yield match.group()


@dataclass(frozen=True)
class Claim:
    """A forbidden claim in a text: its words, why it may not be said, and the law behind it by market."""

    said: str
    reason: str
    laws: Mapping[str, str]

    def __str__(self) -> str:
        laws = "; ".join(f"{market.upper()}: {law}" for market, law in self.laws.items())
        return f"the claim {self.said!r}, {self.reason} ({laws})"


@cache
def markets() -> tuple[str, ...]:
    """Every market that has a file of rules, by name."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))


def chosen(names: Sequence[str] | None) -> tuple[str, ...]:
    """The markets named, or all of them. Raises `CampaignError` for one without rules."""
    if not names:
        return markets()
    wanted = tuple(dict.fromkeys(name.strip().lower() for name in names))
    if unknown := [name for name in wanted if name not in markets()]:
        raise CampaignError(f"no rules for the market {unknown[0]}: choose of {', '.join(markets())}")
    return wanted


def of_countries(countries: Iterable[str | None]) -> tuple[str, ...]:
    """The markets of customers' countries; all of them when a country is unknown or has no rules of its own."""
    home = {country.casefold(): market for market in markets() for country in _file(market)["countries"]}
    found = {home.get((country or "").strip().casefold()) for country in countries}
    return markets() if None in found or not found else tuple(sorted(m for m in found if m))


def forbidden(text: str, among: Collection[str] | None = None) -> list[Claim]:
    """Every claim in `text` that one of the markets forbids (all of them unless given), each said once."""
    found: dict[str, list[tuple[str, Rule]]] = {}
    for market in markets() if among is None else sorted(among):
        for rule in rules(market):
            for said in rule.found_in(text):
                found.setdefault(said.casefold(), []).append((market, rule))
    return [
        Claim(said, broken[0][1].reason, {market: rule.law for market, rule in broken})
        for said, broken in found.items()
    ]


@cache
def rules(market: str) -> tuple[Rule, ...]:
    """The rules of one market."""
    return tuple(
        Rule(
            re.compile(rule["pattern"], re.IGNORECASE) if "pattern" in rule else _any_of(rule["phrases"]),
            _any_of(rule["except"]) if "except" in rule else None,
            rule["reason"],
            rule["law"],
        )
        for rule in _file(market)["rules"]
    )


def says(phrase: str) -> str:
    """The pattern of a phrase: whole words in any case; Chinese has no gaps between words."""
    literal = re.escape(phrase)
    return literal if _HAN.search(phrase) else rf"(?<![\w-]){literal}(?![\w-])"


def _any_of(phrases: Sequence[str]) -> re.Pattern[str]:
    longest_first = sorted(phrases, key=len, reverse=True)
    return re.compile("|".join(says(phrase) for phrase in longest_first), re.IGNORECASE)


@cache
def _file(market: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((_FOLDER / f"{market}.yaml").read_text(encoding="utf-8"))
    return loaded
