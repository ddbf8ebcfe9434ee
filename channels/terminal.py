"""What the terminal shows: lines of progress, tool calls, streaming answers and their numbered sources.

Text of the shop or of the model is never read as markup, and control characters are taken out of it, so that
a product's title cannot recolour or rewrite the screen.
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from agent.guard import Step
    from agent.orchestrator import Answer
    from tools.base import Citation

MARGIN = 7
"""Columns before a speaker's words; the speaker's name stands in them."""

WIDEST = 100
"""Lines are no longer than this, however wide the window."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_LONG_VALUE = 60


def clean(text: str) -> str:
    """`text` without control characters (new lines and tabs stay) and without marks that turn the writing direction."""
    return _CONTROL.sub("", text)


class Screen:
    """One person's terminal, or the pipe that stands in for it."""

    def __init__(self, file: IO[str] | None = None, *, width: int | None = None, terminal: bool | None = None) -> None:
        self.console = Console(file=file, width=width, force_terminal=terminal, highlight=False)
        if not self.live:
            self.console.width = width or WIDEST  # a pipe has no width of its own

    @property
    def live(self) -> bool:
        """Whether a person watches, so that bars and streaming make sense."""
        return self.console.is_terminal

    @property
    def width(self) -> int:
        """Columns that a line may fill."""
        return min(self.console.width, WIDEST) if self.live else WIDEST

    def say(self, text: str = "", *, seconds: float | None = None, style: str = "") -> None:
        """One line, with the time that it took at its right end."""
        self._put(_timed(Text(clean(text), style=style), seconds, self.width))

    def note(self, text: str) -> None:
        """A line of lesser weight, indented."""
        self._put(Text(f"  {clean(text)}", style="dim"))

    def asked(self, text: str, speaker: str = "you") -> None:
        """What a person said."""
        self._put(_spoken(speaker, clean(text), self.width, style="bold"))

    def call(self, step: Step) -> None:
        """One tool call in one line, `▸ tool(arguments)   0.1 s`; a failure with its reason."""
        written = f"  ▸ {step.tool}({arguments_in_words(step.arguments)})"
        line = _timed(Text(clean(written), style="red" if step.failed else "cyan"), step.seconds, self.width)
        self._put(line)
        if step.failed and step.summary:
            self._put(_block(clean(step.summary), self.width, indent=6, style="red"))

    def answer(self, answer: Answer, speaker: str = "agent") -> None:
        """The answer with its numbers, what the tools added beneath, the sources, and where the trace lies."""
        self._put(_spoken(speaker, clean(with_numbers(answer.text, answer.citations)), self.width))
        for beneath in dict.fromkeys(c.result.text for c in answer.calls if c.result.text):
            self._put(_block(clean(beneath), self.width, indent=MARGIN))
        for line in source_lines(answer.citations):
            self._put(_block(clean(line), self.width, indent=MARGIN, hang=4, style="dim"))
        if answer.trace is not None:
            self._put(Text(f"{' ' * MARGIN}trace {answer.trace}", style="dim"))

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]], *, indent: int = 2) -> None:
        """A plain table; the first column is words, the others are aligned to the right."""
        grid = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
        for number, column in enumerate(columns):
            grid.add_column(column, justify="left" if number == 0 else "right", overflow="fold")
        for row in rows:
            grid.add_row(*(Text(clean(cell)) for cell in row))
        for line in _lines_of(grid, self.width - indent):
            self._put(Text(" " * indent + line))

    def columns(self, rows: Sequence[Sequence[str]]) -> None:
        """Cells in columns without a head, as wide as they need."""
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            self.say("  " + "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())

    @contextmanager
    def progress(self) -> Iterator[Callable[[str, float], None]]:
        """A bar for each named part of long work: call with (name, share done); nothing is shown in a pipe."""
        if not self.live:
            yield _unseen
            return
        columns = (TextColumn("  {task.description:12}"), BarColumn(30), TimeElapsedColumn())
        with Progress(*columns, console=self.console, transient=True) as bars:
            known: dict[str, Any] = {}

            def show(name: str, share: float) -> None:
                if name not in known:
                    known[name] = bars.add_task(clean(name), total=1.0)
                bars.update(known[name], completed=share)

            yield show

    @contextmanager
    def streaming(self, speaker: str = "agent") -> Iterator[Stream]:
        """A place where an answer grows while it is decoded; it is gone at the end, when the checked answer follows."""
        stream = Stream()
        if not self.live:
            yield stream
            return
        blank = Text(" " * MARGIN + "…", style="dim")
        with Live(blank, console=self.console, transient=True, refresh_per_second=12) as area:
            stream.on_change = lambda words: area.update(_spoken(speaker, clean(words), self.width) if words else blank)
            yield stream

    def _put(self, line: Text) -> None:
        # Wrapped by us already: rich must neither wrap again nor cut, or a pipe would lose words.
        self.console.print(line, soft_wrap=True)


class Stream:
    """An answer that grows: each checked sentence is fed as it comes."""

    def __init__(self) -> None:
        self.words = ""
        self.on_change: Callable[[str], None] = _unheard

    def feed(self, piece: str) -> None:
        """The next piece, figures filled in."""
        self.words = re.sub(r"  +", " ", self.words + piece)
        self.on_change(self.words)


def arguments_in_words(arguments: Mapping[str, Any]) -> str:
    """The arguments of a call on one line, long texts cut.

    >>> arguments_in_words({"goal": "win_back", "size": 500, "channels": ["email", "sms"]})
    'goal=win_back, size=500, channels=[email, sms]'
    """
    return ", ".join(f"{key}={_value(value)}" for key, value in arguments.items())


def with_numbers(text: str, citations: Sequence[Citation]) -> str:
    """`text` with ` [n]` after the end of each cited figure or name."""
    marked, position = "", 0
    for citation in sorted(citations, key=lambda c: c.end):
        marked += f"{text[position : citation.end]} [{citation.number}]"
        position = citation.end
    return marked + text[position:]


def source_lines(citations: Sequence[Citation]) -> list[str]:
    """One line a source, `[1] [3] products table`, in the order of the first number that rests on it."""
    numbers: dict[str, list[int]] = {}
    for citation in sorted(citations, key=lambda c: c.number):
        known = numbers.setdefault(citation.fact.source, [])
        if citation.number not in known:
            known.append(citation.number)
    return [f"{' '.join(f'[{n}]' for n in found)} {source}" for source, found in numbers.items()]


def errors() -> Screen:
    """The screen for what is not the result: progress and hints, on stderr."""
    return Screen(sys.stderr)


def _unseen(_name: str, _share: float) -> None:
    """Progress that nobody watches."""


def _unheard(_words: str) -> None:
    """A stream that nobody reads."""


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(_value(item) for item in value)}]"
    text = " ".join(f"{value:g}".split() if isinstance(value, float) else str(value).split())
    return text if len(text) <= _LONG_VALUE else text[: _LONG_VALUE - 1] + "…"


def _timed(line: Text, seconds: float | None, width: int) -> Text:
    if seconds is None:
        return line
    spent = in_words(seconds)
    gap = max(2, width - line.cell_len - len(spent))
    return Text.assemble(line, " " * gap, (spent, "dim"))


def in_words(seconds: float) -> str:
    """A duration as a person says it.

    >>> in_words(0.12), in_words(48.4), in_words(100)
    ('0.1 s', '48 s', '1 min 40 s')
    """
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _spoken(speaker: str, text: str, width: int, *, style: str = "") -> Text:
    """The speaker's name in the margin, the words beside it."""
    body = _wrapped(text, width - MARGIN)
    label = f"{speaker:<{MARGIN - 1}} "
    joined = ("\n" + " " * len(label)).join(body)
    return Text.assemble((label, "bold green"), (joined, style))


def _block(text: str, width: int, *, indent: int, hang: int = 0, style: str = "") -> Text:
    body = _wrapped(text, width - indent, hang=hang)
    return Text("\n".join(" " * indent + line for line in body), style=style)


def _wrapped(text: str, width: int, *, hang: int = 0) -> list[str]:
    """`text` in lines of `width`; its own line breaks stay, and a source's number stays with its figure."""
    lines: list[str] = []
    for paragraph in re.sub(r" (?=\[\d+\])", "\u00a0", text.strip()).split("\n"):
        wrapper = textwrap.TextWrapper(
            max(20, width), subsequent_indent=" " * hang, break_on_hyphens=False, break_long_words=False
        )
        lines += wrapper.wrap(paragraph) or [""]
    return [line.replace("\u00a0", " ") for line in lines]


def _lines_of(grid: Table, width: int) -> list[str]:
    console = Console(width=max(40, width), no_color=True, force_terminal=False)
    with console.capture() as captured:
        console.print(grid)
    return [line.rstrip() for line in captured.get().rstrip("\n").split("\n")]
