"""Answers of the training conversations: seed prose composed over a drawn result, every reference checked."""

import random
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

import yaml

from agent.owed import owed
from training import telling
from training.results import DrawnResult
from training.slots import SEEDS
from training.templates import expand, keys_in

_CHOICES = 8
"""Seed texts among which an answer is chosen."""

_SHORT = 7
"""Words of a first sentence that nobody waits for."""

_FIRST = re.compile(r"(?<=[.?]) ")
_ANY = re.compile(r"\{([a-z#]*[0-9]*\.[a-z_]+|list|list_price|each)\}")


@dataclass(frozen=True)
class Scope:
    """What an answer may speak of: the role, the call's letter, its arguments and result, and the words that asked."""

    role: str
    letter: str
    arguments: dict[str, Any]
    result: DrawnResult
    say: str = ""

    def known(self) -> set[str]:
        """Every reference that exists."""
        figures = {k for k, v in self.arguments.items() if isinstance(v, int | float)}
        return self.result.references(self.letter) | {f"u.{key}" for key in figures}

    def fill(self, text: str, row: int = 0) -> str:
        """`{.key}`, `{#.key}` and `{2.key}` of a seed as full references of this call."""

        def full(match: re.Match[str]) -> str:
            head, key = match.group(1).split(".")
            if head == "":
                return f"{{{self.letter}.{key}}}"
            if head == "#":
                return f"{{{self.letter}{row}.{key}}}"
            return f"{{{self.letter}{head}.{key}}}" if head.isdigit() else match.group(0)

        return re.sub(r"\{([a-z#]*[0-9]*\.[a-z_]+)\}", full, text)


class NoAnswerError(LookupError):
    """No seed answer fits the drawn result: the seeds have a gap."""


class Answers:
    """All seed answers, by tool."""

    def __init__(self, seeds: dict[str, list[dict[str, Any]]]) -> None:
        self._seeds = seeds

    @staticmethod
    @cache
    def load() -> "Answers":
        """The answers of `seeds/answers/*.yaml`."""
        found: dict[str, list[dict[str, Any]]] = {}
        for path in sorted((SEEDS / "answers").glob("*.yaml")):
            loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
            shopper = path.stem.startswith("shopper_")
            for group in loaded["answers"]:
                group.setdefault("role", "shopper" if shopper else "both")
                group["rows"] = loaded.get("rows", {})
            found.setdefault(loaded["tool"], []).extend(loaded["answers"])
        return Answers(found)

    def write(self, tool: str, scope: Scope, rng: random.Random) -> str:
        """An answer over `scope`. Raises `NoAnswerError` when no seed fits."""
        tool = "error" if scope.result.cue == "error" else tool
        groups = [g for g in self._seeds.get(tool, []) if self._fits(g, scope)]
        texts = [(say, group) for group in groups for say in group["say"]]
        if scope.say and groups and scope.result.cue != "error":
            of_rows = groups[0]["rows"]
            told = telling.tell(
                _kind(tool, scope), scope, rng, lambda text, row: self._compose(text, of_rows, scope, rng, row)
            )
            if told is not None:
                return told
        rng.shuffle(texts)
        found: list[str] = []
        for say, group in texts:
            for _ in range(3):
                text = self._compose(expand(say, rng), group["rows"], scope, rng)
                if text is not None:
                    found.append(text)
                    break
            if len(found) == _CHOICES:
                break
        if not found:
            raise NoAnswerError(f"{tool} for a {scope.role}, cue {scope.result.cue}, keys {scope.result.keys}")
        return _best(found, tool, scope, rng)

    @staticmethod
    def _fits(group: dict[str, Any], scope: Scope) -> bool:
        return group["role"] in ("both", scope.role) and fnmatchcase(scope.result.cue, group.get("cue", "*"))

    def _compose(
        self, text: str, rows: dict[str, list[str]], scope: Scope, rng: random.Random, row: int = 0
    ) -> str | None:
        titles = [n for n, row in enumerate(scope.result.rows, start=1) if "title" in row.keys]
        if ("{list}" in text or "{list_price}" in text) and not titles:
            return None
        priced = [
            f"{{{scope.letter}{n}.title}} (at {{{scope.letter}{n}.price}})"
            for n in titles
            if "price" in scope.result.rows[n - 1].keys
        ]
        if "{list_price}" in text and len(priced) < len(titles):
            return None
        text = text.replace("{list}", _joined([f"{{{scope.letter}{n}.title}}" for n in titles]))
        text = text.replace("{list_price}", _joined(priced))
        if "{each}" in text:
            sentences = [self._row(rows, n, scope, rng) for n in range(1, len(scope.result.rows) + 1)]
            shown = [s for s in sentences[:3] if s]
            if not shown:
                return None
            text = text.replace("{each}", " ".join(shown))
        text = scope.fill(text, row)
        wanted = {m.group(1) for m in _ANY.finditer(text)}
        return re.sub(r" +", " ", text).strip() if wanted <= scope.known() else None

    @staticmethod
    def _row(rows: dict[str, list[str]], number: int, scope: Scope, rng: random.Random) -> str | None:
        cue = scope.result.rows[number - 1].cue
        options = [s for pattern, says in rows.items() if fnmatchcase(cue, pattern) for s in says]
        rng.shuffle(options)
        for option in options:
            text = scope.fill(expand(option, rng), number)
            if {m.group(1) for m in _ANY.finditer(text)} <= scope.known():
                return text
        return None


def _best(texts: list[str], tool: str, scope: Scope, rng: random.Random) -> str:
    """One of the texts that leave out least of what is owed, and of these one that soon says something."""
    kind = _kind(tool, scope)

    def left_out(text: str) -> int:
        return sum(not told for told in owed(kind, scope.result.all_keys(), keys_in(text)).values())

    least = min(map(left_out, texts))
    full = [text for text in texts if left_out(text) == least]
    # A sentence is shown once it is whole, so a reader waits for the end of the first.
    full.sort(key=lambda text: max(_SHORT, len(_FIRST.split(text, maxsplit=1)[0].split())))
    return rng.choice(full[: (len(full) + 1) // 2])


def _kind(tool: str, scope: Scope) -> str:
    """The kind of result that `tool` gave, as in `agent.owed`."""
    report = scope.arguments.get("report")
    return f"{tool}/{report}" if report else tool


def _joined(items: list[str]) -> str:
    return ", ".join(items[:-1]) + " and " + items[-1] if len(items) > 1 else "".join(items)
