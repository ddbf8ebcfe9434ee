"""Reads files of hand-written cases, one JSON object a line; what is wrong with a line is said by its number."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.errors import DataError

CASES = Path(__file__).parent / "cases"
ROLES = ("marketer", "shopper")
EXPECTATIONS = ("call", "ask", "decline", "chat")


@dataclass(frozen=True)
class Wanted:
    """A call that should be made: its tool, the arguments that the wording fixes, and words that others must have."""

    tool: str
    args: Mapping[str, Any]
    has: Mapping[str, Sequence[str]]


_PRODUCT = re.compile(r"\b[A-Z]+-?\d{3,}[A-Z]?\b")


@dataclass(frozen=True)
class Case:
    """One request: who says what after which `thread`, and the calls that it should lead to (none: no tool at all)."""

    line: int
    role: str
    say: str
    calls: tuple[Wanted, ...]
    expect: str
    thread: tuple[Mapping[str, str], ...] = ()
    group: str | None = None


@dataclass(frozen=True)
class PlanCase:
    """One campaign brief: the tools that must have been called, and arguments that some call of each must have."""

    line: int
    say: str
    needs: tuple[str, ...]
    args: Mapping[str, Mapping[str, Any]]


def read_requests(path: Path) -> list[Case]:
    """The requests of a file; `DataError` names the line that cannot be used."""
    return [_request(path, line, raw) for line, raw in _lines(path)]


def read_plans(path: Path) -> list[PlanCase]:
    """The campaign briefs of a file; `DataError` names the line that cannot be used."""
    found = []
    for line, raw in _lines(path):
        say, needs, args = _say(path, line, raw), raw.get("needs"), raw.get("args", {})
        if not isinstance(needs, list) or not needs or not all(isinstance(n, str) for n in needs):
            raise _bad(path, line, '"needs" must be a list of tool names')
        if not isinstance(args, dict) or not all(isinstance(a, dict) for a in args.values()):
            raise _bad(path, line, '"args" must hold an object of arguments for each tool')
        found.append(PlanCase(line, say, tuple(needs), args))
    return found


def categories_of(cases: Sequence[Case | PlanCase]) -> list[str]:
    """Every category that the cases name as an argument, in order, without repeats."""
    found: dict[str, str] = {}
    for case in cases:
        named = case.args.values() if isinstance(case, PlanCase) else [w.args for w in case.calls]
        for args in named:
            value = args.get("category")
            if isinstance(value, str) and value.strip():
                found.setdefault(value.strip().casefold(), value.strip())
    return list(found.values())


def products_of(cases: Sequence[PlanCase]) -> list[str]:
    """Every product id that the briefs speak of, in order, without repeats: words with a letter and three digits."""
    return list(dict.fromkeys(one for case in cases for one in _PRODUCT.findall(case.say)))


def _request(path: Path, line: int, raw: dict[str, Any]) -> Case:
    role, group = raw.get("role"), raw.get("group")
    if role not in ROLES:
        raise _bad(path, line, f'"role" must be {" or ".join(ROLES)}, not {role!r}')
    if "calls" in raw:
        if not isinstance(raw["calls"], list) or not raw["calls"]:
            raise _bad(path, line, '"calls" must be a list with at least one call')
        calls = tuple(_wanted(path, line, one) for one in raw["calls"])
    elif "tool" in raw:
        calls = () if raw["tool"] is None else (_wanted(path, line, raw),)
    else:
        raise _bad(path, line, 'give "tool" (null where none may be called) or "calls"')
    expect = raw.get("expect", "call" if calls else "none")
    if expect not in EXPECTATIONS and "expect" in raw:
        raise _bad(path, line, f'"expect" must be one of {", ".join(EXPECTATIONS)}, not {expect!r}')
    if (expect == "call") != bool(calls):
        raise _bad(path, line, f'"expect" {expect!r} does not go with {len(calls)} calls')
    return Case(line, role, _say(path, line, raw), calls, expect, _thread(path, line, raw), group)


def _wanted(path: Path, line: int, raw: Any) -> Wanted:
    if not isinstance(raw, dict) or not isinstance(raw.get("tool"), str):
        raise _bad(path, line, 'a call needs "tool", a name')
    args, has = raw.get("args") or {}, raw.get("has") or {}
    if not isinstance(args, dict):
        raise _bad(path, line, '"args" must be an object')
    if not isinstance(has, dict) or not all(isinstance(words, list) and words for words in has.values()):
        raise _bad(path, line, '"has" must hold a list of words for each argument')
    return Wanted(raw["tool"], args, has)


def _thread(path: Path, line: int, raw: dict[str, Any]) -> tuple[Mapping[str, str], ...]:
    turns = raw.get("thread") or []
    good = isinstance(turns, list) and all(
        isinstance(t, dict) and t.get("role") in ("user", "assistant") and isinstance(t.get("content"), str)
        for t in turns
    )
    if not good:
        raise _bad(path, line, '"thread" must be a list of {"role": "user" or "assistant", "content": text}')
    return tuple(turns)


def _say(path: Path, line: int, raw: dict[str, Any]) -> str:
    say = raw.get("say")
    if not isinstance(say, str) or not say.strip():
        raise _bad(path, line, '"say" is missing')
    return say


def _lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DataError(f"there is no file {path}") from None
    except (OSError, UnicodeDecodeError):
        raise DataError(f"{path} cannot be read as UTF-8 text") from None
    empty = True
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            raw = json.loads(line)
        except json.JSONDecodeError as error:
            raise _bad(path, number, f"not JSON ({error.msg})") from None
        if not isinstance(raw, dict):
            raise _bad(path, number, "not a JSON object")
        empty = False
        yield number, raw
    if empty:
        raise DataError(f"{path} holds no cases")


def _bad(path: Path, line: int, what: str) -> DataError:
    return DataError(f"{path}, line {line}: {what}")
