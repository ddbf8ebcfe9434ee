"""The letter as HTML and as plain text: MJML is compiled once, then filled in for each customer by Jinja's sandbox.

What the shop's data says is filled in after the compilation and escaped, so no title can become markup or a template.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import mrml
from jinja2 import StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

_FOLDER = Path(__file__).parent / "templates"
_WIDTH = 72
_TABLE = re.compile(r"(?<=>)(?=</?(?:table|tbody|tr|td)\b)")


@dataclass(frozen=True)
class Rendered:
    """One letter, ready to become a message."""

    subject: str
    html: str
    text: str


class Template:
    """A compiled letter; `fill` it for as many customers as there are."""

    def __init__(self) -> None:
        compiled = mrml.to_html((_FOLDER / "letter.mjml.j2").read_text(encoding="utf-8"))
        # A table's parts in lines of their own: the lines that stay as they are need to be encoded only once.
        content = _TABLE.sub("\n", compiled.content)
        self._html = _environment(escape=True).from_string(content)
        self._text = _environment(escape=False).from_string((_FOLDER / "letter.txt.j2").read_text(encoding="utf-8"))

    def fill(self, values: Mapping[str, Any]) -> Rendered:
        """The letter with the values of `channels.mail.letter`; a missing one raises."""
        text = self._text.render(**values)
        return Rendered(str(values["subject"]), self._html.render(**values), text.strip() + "\n")


def _environment(*, escape: bool) -> SandboxedEnvironment:
    environment = SandboxedEnvironment(
        autoescape=escape, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["wrapped"] = _wrapped
    return environment


@lru_cache(maxsize=1024)
def _wrapped(text: str, indent: int = 0) -> str:
    """`text` in lines of a width that reads well; Chinese has no blanks to break at and stays on one line."""
    margin = " " * indent
    return textwrap.fill(text, _WIDTH, initial_indent=margin, subsequent_indent=margin, break_on_hyphens=False)
