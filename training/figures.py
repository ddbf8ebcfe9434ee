"""Figures that a request may name: by what words it asks for each, and how an answer tells it.

`seeds/figures/*.yaml` has a sheet for each kind of result; `training.telling` composes the answers.
"""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import yaml

from training.slots import SEEDS
from training.templates import expand, keys_in

Texts = Mapping[str, Sequence[str]]
"""Wordings by the pattern of a cue."""


@dataclass(frozen=True)
class Figure:
    """What a request may ask for by name, and how an answer tells it.

    `called` are its names, the plainest first; `does` says it as something that its bearer does ("costs {.price}"),
    `says` as a whole sentence, `value` alone, under its `label`. `lacks` is said where the result has it not, by
    "role cue".
    """

    name: str
    asked: re.Pattern[str]
    called: Sequence[str]
    does: Texts
    says: Texts
    value: str | None
    lacks: Texts
    label: str
    tells: frozenset[str]
    role: str

    def known_to(self, role: str) -> bool:
        """Whether `role` may ask for it, or is told why not."""
        return self.role in (role, "both") or any(pattern.startswith(role) for pattern in self.lacks)

    @property
    def by_row(self) -> bool:
        """Whether each row has its own."""
        return any("{#." in text for texts in self.does.values() for text in texts)


@dataclass(frozen=True)
class Sheet:
    """All that can be asked for of one kind of result, and requests that do."""

    kind: str
    tool: str
    subject: Sequence[str]
    again: Sequence[str]
    row: str
    skips: Sequence[str]
    figures: Mapping[str, Figure]
    also: Sequence[Mapping[str, Any]]
    asks: Sequence[Mapping[str, Any]]

    def named_in(self, say: str) -> list[Figure]:
        """The figures that a request names, in its order: by their names, and in the rest by words that mean them."""
        found: dict[str, int] = {}
        rest = say
        for called, name in self.names:
            for match in called.finditer(rest):
                found.setdefault(name, match.start())
                rest = rest[: match.start()] + "_" * len(match.group()) + rest[match.end() :]
        for one in self.figures.values():
            if one.name not in found and (said := one.asked.search(rest)):
                found[one.name] = said.start()
        return [self.figures[name] for name in sorted(found, key=lambda name: found[name])]

    @cached_property
    def names(self) -> list[tuple[re.Pattern[str], str]]:
        """(what a figure is called, its own name), the longest first, since one may stand in another."""
        pairs = [(called, one.name) for one in self.figures.values() for called in one.called]
        pairs.sort(key=lambda pair: -len(pair[0]))
        return [(re.compile(rf"\b{re.escape(called)}\b", re.IGNORECASE), name) for called, name in pairs]


@cache
def sheets() -> dict[str, Sheet]:
    """Every sheet, by the kind of result."""
    files = [path.read_text(encoding="utf-8") for path in sorted((SEEDS / "figures").glob("[a-z]*.yaml"))]
    parts = [part for file in files for part in yaml.safe_load_all(file)]
    more: dict[str, list[Any]] = {}
    for part in parts:
        more.setdefault(part["kind"], []).extend(part.get("asks", ()))
    return {part["kind"]: _sheet(part | {"asks": more[part["kind"]]}) for part in parts if "figures" in part}


def _sheet(loaded: Mapping[str, Any]) -> Sheet:
    return Sheet(
        kind=loaded["kind"],
        tool=loaded["kind"].split("/")[0],
        subject=loaded.get("subject", ()),
        again=loaded.get("again", ()),
        row=loaded.get("row", "{#.title}"),
        skips=loaded.get("skips", ("none",)),
        figures={name: _figure(name, one) for name, one in loaded["figures"].items()},
        also=loaded.get("also", ()),
        asks=loaded.get("asks", ()),
    )


def _figure(name: str, loaded: Mapping[str, Any]) -> Figure:
    does, says = _by_cue(loaded.get("does")), _by_cue(loaded.get("says"))
    told = [text for texts in (*does.values(), *says.values()) for text in texts]
    return Figure(
        name=name,
        asked=re.compile(loaded["asked"], re.IGNORECASE),
        called=loaded.get("called", ()),
        does=does,
        says=says,
        value=loaded.get("value"),
        lacks=_by_cue(loaded.get("lacks")),
        label=loaded.get("label", next(iter(loaded.get("called", ())), "")),
        tells=frozenset(loaded.get("tells", ())) | {key for text in told for key in keys_in(text)},
        role=loaded.get("role", "both"),
    )


def _by_cue(loaded: Any) -> Texts:
    return loaded if isinstance(loaded, dict) else {"*": loaded} if loaded else {}


def request(role: str, rng: random.Random) -> tuple[str, dict[str, Any], str]:
    """A request that names figures: (tool, fixed arguments, template with slots)."""
    offered = [
        (sheet, one) for sheet in sheets().values() for one in sheet.asks if one.get("role", role) in (role, "both")
    ]
    weights = {sheet.kind: sum(len(one["say"]) for other, one in offered if other is sheet) for sheet, _ in offered}
    kind = rng.choices(list(weights), weights=[number**0.5 for number in weights.values()])[0]
    groups = [(sheet, one) for sheet, one in offered if sheet.kind == kind]
    sheet, group = rng.choices(groups, weights=[len(one["say"]) for _, one in groups])[0]
    say = expand(rng.choice(group["say"]), rng)
    return sheet.tool, dict(group.get("args") or {}), say.replace("{figures}", _names(sheet, role, rng))


def _names(sheet: Sheet, role: str, rng: random.Random) -> str:
    able = [one for one in sheet.figures.values() if one.called and one.role in (role, "both")]
    number = min(len(able), rng.choices([1, 2, 3, 4], weights=[8, 9, 6, 1])[0])
    names = [rng.choice(one.called) for one in rng.sample(able, number)]
    if len(names) == 1:
        return names[0]
    return ", ".join(names[:-1]) + rng.choice([" and ", " and ", " and ", " & ", " plus ", ", "]) + names[-1]
