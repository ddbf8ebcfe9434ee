"""What a tool is: its context, its result of sourced facts, and the references that prose makes to them.

The LLM never writes a figure or a name. It writes `{a2.price}` (row 2 of call a), `{a.total}` (call a's own
level) or `{u.max_price}` (a figure that the user gave), and `render` fills them in with sources.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

import pandas as pd

from data.errors import ModelError, ToolError
from data.money import display as amount

if TYPE_CHECKING:
    from data.operations import Operations
    from data.store import Snapshot
    from index.search import ProductIndex
    from models.registry import ModelSet

Role = Literal["marketer", "shopper"]
Kind = Literal["read", "write"]
Unit = Literal["money", "percent", "count", "days", "date", "name", "id", "words"]

BRIEF_ROWS = 5
"""How many rows of a result the LLM sees and may refer to; the rest is in the table."""


@dataclass(frozen=True)
class Fact:
    """One figure or name with its provenance.

    `value` is the machine value, `display` what a reader sees (currency, percent sign and unit of time
    included), `source` a sentence that says where it comes from: table, model and version, or formula.
    """

    key: str
    value: Any
    unit: Unit
    display: str
    source: str


@dataclass(frozen=True)
class Row:
    """One row of a result: its id (shown to the LLM, so that a later call can name it), facts and cue."""

    facts: Mapping[str, Fact]
    id: str | None = None
    cue: str = ""


@dataclass(frozen=True)
class ToolResult:
    """What a tool found.

    `cue` and the rows' cues are words of a closed list (`tools/facts.py`) that steer the prose ("up",
    "weak"); untrusted text such as titles never enters a cue, so it never reaches the LLM. `text` is shown
    verbatim beneath the answer. `table` is the full result, `chart` a small specification
    ({"kind": …, "x": …, "y": …}) that a face may draw.
    """

    facts: Mapping[str, Fact]
    rows: Sequence[Row] = ()
    cue: str = ""
    table: pd.DataFrame | None = None
    chart: Mapping[str, Any] | None = None
    text: str | None = None
    failed: bool = False

    def brief(self, letter: str) -> str:
        """The lines that the LLM reads: keys, row ids and cues, without a single figure."""
        return brief(letter, tuple(self.facts), self.cue, [(row.id, tuple(row.facts), row.cue) for row in self.rows])

    def references(self, letter: str) -> dict[str, Fact]:
        """Every reference that prose may make to this result, as `a.total` or `a2.price` → fact."""
        found = {f"{letter}.{key}": fact for key, fact in self.facts.items()}
        for number, row in enumerate(self.rows[:BRIEF_ROWS], start=1):
            found |= {f"{letter}{number}.{key}": fact for key, fact in row.facts.items()}
        return found


def brief(letter: str, keys: Sequence[str], cue: str, rows: Sequence[tuple[str | None, Sequence[str], str]]) -> str:
    """A result as the LLM reads it: a line of its own keys, then its first rows, those with the same keys on one line.

    Each row is (id, keys, cue); every key is read anew for each answer, so none is said twice.

    >>> print(brief("a", ["count"], "personal", [("P1", ["title"], "weak"), ("P2", ["title"], "")]))
    a: count (personal)
    a1 P1 weak, a2 P2: title
    """
    head = f"{letter}: {' '.join(keys)}"
    lines = [f"{head} ({cue})" if cue else head]
    numbered = list(enumerate(rows[:BRIEF_ROWS], start=1))
    for shared, alike in groupby(numbered, key=lambda one: tuple(one[1][1])):
        labels = (_label(f"{letter}{number}", *row) for number, row in alike)
        lines.append(f"{', '.join(labels)}: {' '.join(shared)}")
    return "\n".join(lines)


def _label(level: str, id_: str | None, _: Sequence[str], cue: str) -> str:
    safe = (id_ or "").replace(", ", ",")  # a comma and a gap part the rows
    return " ".join(part for part in (level, safe, cue) if part)


@dataclass(frozen=True)
class Call:
    """One finished call of a thread: its letter, tool, arguments and result."""

    letter: str
    tool: str
    arguments: Mapping[str, Any]
    result: ToolResult


class Writer(Protocol):
    """A chat model that writes short prose over given facts; the tools never see more of it than this."""

    def write(self, task: str, request: Mapping[str, str], facts: Mapping[str, Fact]) -> str:
        """Prose for `task` ("copy"), whose figures and names are references `{p.key}` to `facts`."""


@dataclass
class ToolContext:
    """All that a tool may see; its first parameter, unknown to the LLM.

    `as_of` is the last event of the snapshot unless set; `customer_id` is the signed-in shopper's, from the
    session and never from the LLM; `calls` are the earlier calls of the thread; `worked_out` keeps within a turn
    what several of its calls need and what takes long; `live` is what the shopper did since the snapshot, as
    (kind of event, product id), the latest first; `may_launch` is False for a person who may only look. What a person
    set beside the words binds every draft: a channel's `minimum_spend` in money, its `capacity` in messages a day.
    """

    snapshot: Snapshot
    operations: Operations
    models: ModelSet
    index: ProductIndex
    role: Role
    as_of: pd.Timestamp
    customer_id: str | None = None
    calls: list[Call] = field(default_factory=list)
    writer: Writer | None = None
    seed: int = 0
    worked_out: dict[Hashable, Any] = field(default_factory=dict)
    live: tuple[tuple[str, str], ...] = ()
    may_launch: bool = True
    minimum_spend: Mapping[str, float] = field(default_factory=dict)
    capacity: Mapping[str, int] = field(default_factory=dict)

    @property
    def currency(self) -> str:
        """ISO code of the shop's currency."""
        return self.snapshot.currency

    def latest(self, *tools: str) -> Call | None:
        """The most recent successful call of one of `tools` in this thread."""
        return next((c for c in reversed(self.calls) if c.tool in tools and not c.result.failed), None)


TakesOver = Callable[[ToolContext], dict[str, Any]]
"""Finds the arguments that earlier calls of a thread have settled for a tool."""


def _nothing(_: ToolContext) -> dict[str, Any]:
    return {}


@dataclass(frozen=True)
class Tool:
    """A registered tool: a typed function, who may call it, and whether it changes anything."""

    name: str
    function: Callable[..., ToolResult]
    roles: tuple[Role, ...]
    kind: Kind
    marketer_only: tuple[str, ...] = ()
    takes_over: TakesOver = _nothing

    def parameters(self, role: Role) -> dict[str, inspect.Parameter]:
        """The arguments that `role` may give, without the context."""
        found = _parameters(self.function)[1:]
        hidden = self.marketer_only if role == "shopper" else ()
        return {p.name: p for p in found if p.name not in hidden}


@cache
def _parameters(function: Callable[..., ToolResult]) -> tuple[inspect.Parameter, ...]:
    return tuple(inspect.signature(function, eval_str=True).parameters.values())


TOOLS: dict[str, Tool] = {}
"""Every tool by name, filled by the `tool` decorator when `tools` is imported."""

F = TypeVar("F", bound=Callable[..., ToolResult])


def tool(
    *, roles: Sequence[Role], kind: Kind, marketer_only: Sequence[str] = (), takes_over: TakesOver = _nothing
) -> Callable[[F], F]:
    """Registers a function as a tool.

    `marketer_only` names arguments that a shopper may not give; `takes_over` finds arguments that earlier calls of
    the thread have settled, for a call that leaves them out.
    """

    def register(function: F) -> F:
        name = function.__name__
        TOOLS[name] = Tool(name, function, tuple(roles), kind, tuple(marketer_only), takes_over)
        return function

    return register


def failure(message: str) -> ToolResult:
    """A result that says what went wrong and how to mend it."""
    fact = Fact("message", message, "words", message.rstrip("."), "the tool's own check")
    return ToolResult(facts={"message": fact}, cue="error", failed=True)


def completed(name: str, context: ToolContext, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """`arguments` of a call, and beside them what the tool takes over from earlier calls of the thread."""
    found = TOOLS.get(name)
    settled = found.takes_over(context) if found else {}
    return {**arguments, **{name: value for name, value in settled.items() if name not in arguments}}


def call(name: str, context: ToolContext, arguments: Mapping[str, Any]) -> ToolResult:
    """Runs the tool `name` for the context's role; a failure that a person can mend becomes its sentence."""
    found = TOOLS.get(name)
    if found is None or context.role not in found.roles:
        return failure(f"there is no tool {name} for a {context.role}")
    unknown = set(arguments) - set(found.parameters(context.role))
    if unknown:
        return failure(f"{name} has no argument {', '.join(sorted(unknown))}")
    try:
        return found.function(context, **completed(name, context, arguments))
    except (ToolError, ModelError) as error:
        return failure(str(error))


# --- displays -------------------------------------------------------------------------------------------------


def money(key: str, value: float, currency: str, source: str) -> Fact:
    """A money fact; cents are shown below 1,000, whole units above."""
    return Fact(key, float(value), "money", amount(value, currency), source)


def percent(key: str, share: float, source: str) -> Fact:
    """A percentage from a share (0.31 is shown as 31%)."""
    points = 100 * share
    digits = 1 if 0 < abs(points) < 9.95 else 0
    return Fact(key, float(share), "percent", f"{points:.{digits}f}%", source)


def count(key: str, value: float, source: str) -> Fact:
    """A whole number without a unit; the sentence names what is counted."""
    return Fact(key, round(value), "count", f"{round(value):,}", source)


def days(key: str, value: float, source: str) -> Fact:
    """A duration in days, shown with its unit."""
    number = round(value)
    return Fact(key, number, "days", f"{number:,} {'day' if number == 1 else 'days'}", source)


def date(key: str, value: pd.Timestamp, source: str) -> Fact:
    """A calendar day, shown as 3 Nov 2011."""
    return Fact(key, value.date().isoformat(), "date", f"{value.day} {value:%b %Y}", source)


def name(key: str, value: str, source: str) -> Fact:
    """A product title, category or other name; control characters and braces are taken out."""
    return Fact(key, value, "name", plain(value), source)


def identifier(key: str, value: str, source: str) -> Fact:
    """An id, shown as it is."""
    return Fact(key, value, "id", plain(value), source)


def words(key: str, value: str, source: str) -> Fact:
    """A short phrase that the tool composed itself."""
    return Fact(key, value, "words", plain(value), source)


def facts(*items: Fact | None) -> dict[str, Fact]:
    """The given facts by key, in order; None (an unknown) is left out."""
    return {item.key: item for item in items if item is not None}


def plain(text: str) -> str:
    """`text` on one line, without control characters or braces, so that it can't pose as a reference."""
    return " ".join(re.sub(r"[\x00-\x1f\x7f{}]", " ", text).split())


# --- references -----------------------------------------------------------------------------------------------

REFERENCE = re.compile(r"\{([a-z]{1,2}\d?\.[a-z_]+)\}")


@dataclass(frozen=True)
class Citation:
    """The source of one reference in a rendered text; `start` and `end` delimit its characters there."""

    number: int
    reference: str
    fact: Fact
    start: int
    end: int


@dataclass(frozen=True)
class Rendered:
    """Prose with its references filled in, and where each came from."""

    text: str
    citations: tuple[Citation, ...]


def render(template: str, known: Mapping[str, Fact]) -> Rendered:
    """Fills each `{a2.price}` of `template` from `known`.

    References to the same fact share a number; numbers follow the order of first appearance. A phrase of a tool's
    that begins a sentence gets a capital, and a single thing its singular ("1 order"). Raises `KeyError` for a
    reference that does not exist: the grammar makes that impossible for the LLM.
    """
    text, position, citations, numbers, single = "", 0, [], dict[str, int](), False
    for match in REFERENCE.finditer(template):
        text += _singular(template[position : match.start()], single)
        reference = match.group(1)
        fact = known[reference]
        number = numbers.setdefault(reference, len(numbers) + 1)
        citations.append(Citation(number, reference, fact, len(text), len(text) + len(fact.display)))
        begins = not text.strip() or text.rstrip(" ").endswith((".", "?", "\n"))
        capital = begins and fact.unit == "words"
        text += fact.display[:1].upper() + fact.display[1:] if capital else fact.display
        position, single = match.end(), fact.unit == "count" and fact.value == 1
    return Rendered(text + _singular(template[position:], single), tuple(citations))


_SINGULAR = {
    "people": "person",
    "categories": "category",
    **{f"{noun}s": noun for noun in (
        "order unit product customer buyer review reviewer piece message click item recipient friend shopper visitor"
        " reader article pack channel day step segment cohort".split()
    )},
}  # fmt: skip
_PLURAL = re.compile(rf"^( (?:more |new |other |extra )?)({'|'.join(_SINGULAR)})\b( (?:need|have|are|were|fit)\b)?")
_OF_ONE = {"need": "needs", "have": "has", "are": "is", "were": "was", "fit": "fits"}


def _singular(literal: str, single: bool) -> str:
    """`literal`, the words behind a count, in the singular where the count is one.

    >>> _singular(" products need an order.", True)
    ' product needs an order.'
    """
    if not single:
        return literal
    return _PLURAL.sub(
        lambda m: m.group(1) + _SINGULAR[m.group(2)] + (f" {_OF_ONE[m.group(3).strip()]}" if m.group(3) else ""),
        literal,
    )


def known_references(calls: Iterable[Call]) -> dict[str, Fact]:
    """Every reference that prose may make after `calls`: their results, and the user's own figures."""
    found: dict[str, Fact] = {}
    for one in calls:
        found |= one.result.references(one.letter)
        for key, value in one.arguments.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                shown = f"{value:,.0f}" if value == round(value) else f"{value:,.2f}"
                found[f"u.{key}"] = Fact(key, value, "count", shown, "what you asked for")
    return found
