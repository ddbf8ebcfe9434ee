"""An answer that tells the figures that a request names before all else, or says that they are missing."""

import random
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING

import yaml

from agent.owed import owed
from training.figures import Figure, Sheet, Texts, sheets
from training.slots import SEEDS
from training.templates import REFERENCE, expand, keys_in

if TYPE_CHECKING:
    from training.answers import Scope

Fill = Callable[[str, int], str | None]
"""A seed sentence over the result, for a row where it speaks of one; None where the result lacks what it tells."""

_TRIES = 4
"""Wordings of an answer among which the one is taken that leaves out least."""

_TOGETHER = 3
"""Figures that share a sentence."""

_SHOWN = 3
"""Rows that are spoken of, unless the request named each."""


@cache
def _lacking() -> dict[str, list[str]]:
    """How an answer says that something asked for is not there."""
    loaded: dict[str, list[str]] = yaml.safe_load((SEEDS / "figures" / "_lacking.yaml").read_text(encoding="utf-8"))
    return loaded


def tell(kind: str, scope: "Scope", rng: random.Random, fill: Fill) -> str | None:
    """An answer that tells what the request asks for, and what it owes; None where the request names no figure."""
    sheet = sheets().get(kind)
    if sheet is None or any(fnmatchcase(scope.result.cue, pattern) for pattern in sheet.skips):
        return None
    asked = [one for one in sheet.named_in(scope.say) if one.known_to(scope.role)]
    if not asked:
        return None
    known = scope.result.all_keys()

    found: list[tuple[int, str]] = []
    for _ in range(_TRIES):
        text = _Telling(sheet, scope, rng, fill).whole(asked)
        found.append((sum(not told for told in owed(kind, known, keys_in(text)).values()), text))
        if found[-1][0] == 0:
            break
    return min(found, key=lambda one: one[0])[1]


class _Telling:
    """One answer in the making."""

    def __init__(self, sheet: Sheet, scope: "Scope", rng: random.Random, fill: Fill) -> None:
        self.sheet, self.scope, self.rng, self.fill = sheet, scope, rng, fill
        self.result, self.orders = scope.result, dict[int, list[str]]()
        listed = scope.arguments.get("product_ids") or scope.arguments.get("channels")
        self.rows = range(1, len(self.result.rows[: len(listed) if listed else _SHOWN]) + 1)

    def whole(self, asked: Sequence[Figure]) -> str:
        held = [one for one in asked if self._holds(one)]
        told = self._told(held, self.sheet.subject)
        missing = self._missing([one for one in asked if one not in held])
        rest = self._owed(keys_in(" ".join([*told, *missing])), asked)
        added = self._told(rest, self._subject_after(told), plain=True)
        names = {one.name for one in (*asked, *rest)}
        before, after = self._also(names, lead=True), self._also(names, lead=False)
        return " ".join([*before, *told, *missing, *added, *after])

    def _one_of(self, texts: Texts, row: int = 0, *, of: str | None = None) -> str | None:
        """A wording of `texts` for the cue of the result, of the row, or `of`, that the result can fill."""
        cue = of if of is not None else self.result.rows[row - 1].cue if row else self.result.cue
        says = next((some for pattern, some in texts.items() if fnmatchcase(cue, pattern)), ())
        # Rows are told in the same words, so that a reader can compare them.
        order = self.orders.setdefault(id(says), self.rng.sample(list(says), len(says)))
        for say in order:
            if (text := self.fill(expand(say, self.rng), row)) is not None:
                return text
        return None

    def _holds(self, one: Figure) -> bool:
        if one.by_row:
            return any(self._one_of(one.does, row) for row in self.rows)
        return bool(self._one_of(one.does) or self._one_of(one.says))

    def _told(self, figures: Sequence[Figure], subject: Sequence[str], *, plain: bool = False) -> list[str]:
        """Sentences over `figures`, in their order as far as those of the whole and those of rows allow."""
        level, rows = [one for one in figures if not one.by_row], [one for one in figures if one.by_row]
        said: list[str] = []
        for at in range(0, len(level), _TOGETHER):
            who = subject if at == 0 else self._subject_after(said)
            said += self._of_whole(level[at : at + _TOGETHER], who, plain=plain or at > 0)
        by_row = self._of_rows(rows) if rows else []
        return by_row + said if figures and figures[0].by_row else said + by_row

    def _of_whole(self, figures: Sequence[Figure], subject: Sequence[str], *, plain: bool) -> list[str]:
        who = self.fill(self.rng.choice(list(subject)), 0) if subject else None
        does = [self._one_of(one.does) for one in figures]
        says = [self._one_of(one.says) for one in figures]
        values = [self.fill(one.value, 0) if one.value and one.label else None for one in figures]
        ways: list[tuple[int, list[str]]] = []
        if who and all(does):
            ways.append((6 if len(figures) > 1 else 3, [f"{who} {_series([d for d in does if d])}."]))
        if all(says) and not (plain and ways):
            ways.append((5 if len(figures) == 1 else 2, self._one_by_one(says, does)))
        if who and "{" in who and not plain and len(figures) > 1 and all(values):
            verbs = ["is", *[""] * len(figures)]
            named = _series(
                [f"the {one.label} {verb} {v}" for one, verb, v in zip(figures, verbs, values, strict=False)]
            ).replace("  ", " ")
            ways.append((2, [f"For {who[:1].lower()}{who[1:]} {named}."]))
        if not ways:  # each as it can be told
            return [s or f"{who} {d}." for d, s in zip(does, says, strict=True) if s or (who and d)]
        return self.rng.choices([lines for _, lines in ways], weights=[weight for weight, _ in ways])[0]

    def _one_by_one(self, says: Sequence[str | None], does: Sequence[str | None]) -> list[str]:
        """A sentence for each figure; its bearer is named once, where it has a pronoun."""
        lines = [says[0] or ""]
        for say, do in list(zip(says, does, strict=True))[1:]:
            who = self._subject_after(lines) if self.sheet.again else ()
            lines.append(f"{self.fill(self.rng.choice(list(who)), 0)} {do}." if who and do else say or "")
        return [line for line in lines if line]

    def _subject_after(self, lines: Sequence[str]) -> Sequence[str]:
        """How to speak of the bearer of the figures after `lines`: by a pronoun, once it was named."""
        named = {ref for one in self.sheet.subject for ref in REFERENCE.findall(self.fill(one, 0) or "")}
        return (
            self.sheet.again
            if self.sheet.again and named & set(REFERENCE.findall(" ".join(lines)))
            else self.sheet.subject
        )

    def _of_rows(self, figures: Sequence[Figure]) -> list[str]:
        lines: list[str] = []
        if len(figures) == 1 and len(self.rows) > 1 and self.rng.random() < 0.9:
            lines = self._in_a_row(figures[0])
        for row in self.rows if not lines else ():
            does = [text for one in figures if (text := self._one_of(one.does, row))]
            if does:
                lines.append(f"{self.fill(self.sheet.row, row)} {_series(does)}.")
        for one in figures:
            without = [self.fill(self.sheet.row, row) for row in self.rows if not self._one_of(one.does, row)]
            if without and one.label and len(without) < len(self.rows):
                names = _series([name for name in without if name])
                say = expand(self.rng.choice(_lacking()["some"]), self.rng)
                lines.append(say.replace("{figure}", one.label).replace("{names}", names))
        return lines

    def _in_a_row(self, one: Figure) -> list[str]:
        """ "P costs x, Q y and R z", where every row is told in the same words."""
        parts: list[str] = []
        ways = {next((p for p in one.does if fnmatchcase(self.result.rows[row - 1].cue, p)), "") for row in self.rows}
        for row in self.rows:
            what = self._one_of(one.does, row) if not parts else one.value and self.fill(one.value, row)
            if not what or len(ways) > 1:
                return []
            parts.append(f"{self.fill(self.sheet.row, row)} {what}")
        return [_series(parts) + "."]

    def _missing(self, lacking: Sequence[Figure]) -> list[str]:
        lines, plain = [], []
        for one in lacking:
            own = self._one_of(one.lacks, of=f"{self.scope.role} {self.result.cue}")
            if own:
                lines.append(own)
            elif one.label:
                plain.append(one.label)
        if plain:
            say = expand(self.rng.choice(_lacking()["one" if len(plain) == 1 else "more"]), self.rng)
            lines.append(say.replace("{figure}", plain[0]).replace("{figures}", _series([f"the {p}" for p in plain])))
        return [line[:1].upper() + line[1:] for line in dict.fromkeys(lines)]

    def _owed(self, said: set[str], asked: Iterable[Figure]) -> list[Figure]:
        """Figures that the answer owes beside what was asked for."""
        known, chosen = self.result.all_keys(), list[Figure]()
        for alternatives, told in owed(self.sheet.kind, known, said).items():
            if told or any(one.tells & set(alternatives.split("|")) for one in chosen):
                continue
            able = [one for one in self.sheet.figures.values() if one.tells & set(alternatives.split("|"))]
            able = [one for one in able if one not in asked and self._holds(one)]
            if able:
                chosen.append(able[0] if self.rng.random() < 0.7 else self.rng.choice(able))
        return chosen

    def _also(self, names: set[str], *, lead: bool) -> list[str]:
        """What the cue makes worth saying beside the figures."""
        said = []
        for one in self.sheet.also:
            if bool(one.get("lead")) != lead or one.get("unless") in names:
                continue
            if self.rng.random() < one.get("share", 1.0) and (text := self._one_of({one.get("cue", "*"): one["say"]})):
                said.append(text)
        return said


def _series(items: Sequence[str]) -> str:
    return ", ".join(items[:-1]) + " and " + items[-1] if len(items) > 1 else "".join(items)
