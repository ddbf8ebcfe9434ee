"""The console's words, numbers and dates in English and Chinese."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import yaml

from data.money import display

LANGUAGES = {"en": "English", "zh": "中文"}
TAGS = {"en": "en-GB", "zh": "zh-CN"}
"""The `lang` attribute of a page."""


@dataclass(frozen=True)
class Words:
    """One language: `say("greeting", name=…)`, and how it writes numbers, money and days."""

    language: str
    table: Mapping[str, str]

    def __call__(self, key: str, /, **values: object) -> str:
        """The words of `key`, filled in. Raises `KeyError` for a key that is missing: a test looks at all."""
        return self.table[key].format_map(values)

    def of(self, group: str, name: str) -> str:
        """The words of `group.name`, or the name itself in plain letters where there are none."""
        return self.table.get(f"{group}.{name}", name.replace("_", " "))

    def phrase(self, text: str) -> str:
        """A phrase that another layer made, in this language and with its figures; as it is where it is not known."""
        for key, form in _phrases().items():
            if found := form.fullmatch(text):
                return self.table[key].format_map(found.groupdict())
        return text

    def seconds(self, value: float) -> str:
        """A short time: 0.3 s, or 0.3 秒."""
        return f"{value:.1f} {self('chat.second')}"

    def number(self, value: float) -> str:
        """A whole number with separators; Chinese counts from ten thousand on in 万 only in prose, so not here."""
        return f"{value:,.0f}"

    def money(self, value: float, currency: str) -> str:
        """An amount with its currency."""
        return display(value, currency)

    def day(self, day: date | datetime | str) -> str:
        """A calendar day: 3 Nov 2011, or 2011年11月3日."""
        at = datetime.fromisoformat(day) if isinstance(day, str) else day
        return f"{at.year}年{at.month}月{at.day}日" if self.language == "zh" else f"{at.day} {at:%b %Y}"

    def moment(self, at: datetime) -> str:
        """A day with its time."""
        return f"{self.day(at)} {at:%H:%M}"


@functools.cache
def words(language: str) -> Words:
    """The words of a language that is in `LANGUAGES`."""
    found = yaml.safe_load((Path(__file__).parent / f"{language}.yaml").read_text(encoding="utf-8"))
    return Words(language, found)


@functools.cache
def _phrases() -> Mapping[str, re.Pattern[str]]:
    """The English phrases of `phrase.…`, their slots as groups."""
    known = {key: text for key, text in words("en").table.items() if key.startswith("phrase.")}
    return {key: re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+?)", re.escape(text))) for key, text in known.items()}
