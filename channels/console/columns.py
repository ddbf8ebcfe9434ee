"""An uploaded file whose columns a person names: the file, what is chosen so far, and the map that comes of it."""

from __future__ import annotations

import json
import re
import secrets
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.adapters.mapping import MEANINGS, TIMES, Choice, Mappings, guess, kinds_of, look, write
from data.errors import SettingError
from data.schema import EVENT_KINDS

if TYPE_CHECKING:
    import pandas as pd

PRICES = ("unit_price", "price", "cost")
_LONGEST_NAME = 80
_TOKEN = re.compile(r"[0-9a-f]{16}")
_CHOICE, _MAP = "choice.json", "map.yaml"
_KEPT_SECONDS = 24 * 3600
"""How long a file waits for someone to name its columns."""


def received(root: Path, name: str, file: Any) -> Path:
    """Keeps an uploaded file in a folder of its own within the store `root`; its name is made harmless."""
    uploads = root / "uploads"
    for old in uploads.glob("*"):
        if time.time() - old.stat().st_mtime > _KEPT_SECONDS:
            shutil.rmtree(old, ignore_errors=True)
    harmless = re.sub(r"[^\w.-]", "_", Path(name).name)[-_LONGEST_NAME:].lstrip(".") or "file"
    path = uploads / secrets.token_hex(8) / harmless
    path.parent.mkdir(parents=True)
    with path.open("wb") as target:
        shutil.copyfileobj(file, target)
    return path


@dataclass(frozen=True)
class Draft:
    """What is chosen so far; `fault` is a key of the words, or a sentence, that says what is still wrong."""

    choice: Choice
    fault: str = ""
    remembered: bool = False


class Waiting:
    """A file that waits for its columns to be named, in the folder `token` of the store's uploads."""

    def __init__(self, root: Path, token: str) -> None:
        folder = root / "uploads" / token
        found = [p for p in folder.glob("*") if p.name not in (_CHOICE, _MAP)] if _TOKEN.fullmatch(token) else []
        if len(found) != 1:
            raise SettingError("this file is not there any more: upload it again")
        self.token, self.folder, self.path = token, folder, found[0]
        self._mappings = Mappings(root)

    @cached_property
    def _looked(self) -> tuple[pd.DataFrame, str]:
        return look(self.path)

    @property
    def rows(self) -> pd.DataFrame:
        """Its rows as text. Raises `DataError` for a file that cannot be read."""
        return self._looked[0]

    @property
    def columns(self) -> list[str]:
        """Its columns, in order."""
        return [str(column) for column in self.rows.columns]

    @property
    def draft(self) -> Draft:
        """What was chosen, else what was kept for files with these columns, else what is guessed."""
        path = self.folder / _CHOICE
        if path.exists():
            found = json.loads(path.read_text(encoding="utf-8"))
            return Draft(Choice(**found["choice"]), found["fault"])
        kept = self._mappings.of(self.columns)
        return Draft(replace(kept or guess(self.rows), separator=self._looked[1]), remembered=kept is not None)

    def take(self, form: Mapping[str, str]) -> Path | None:
        """Takes a filled-in form: the map's file, or None where something is to be mended first (see `draft`)."""
        choice, shown = self._chosen(form), form.get("kind_of", "")
        kind = choice.column("kind")
        if kind is not None and kind != shown:
            known = kinds_of(self.rows, kind)
            fault = "columns.words_first" if known else "columns.many_words"
            self._keep(replace(choice, words=known), fault)
            return None
        if fault := _missing(choice):
            self._keep(choice, fault)
            return None
        try:
            write(choice, self.folder / _MAP)
        except SettingError as error:
            self._keep(choice, f"{str(error)[:1].upper()}{str(error)[1:]}.")
            return None
        if form.get("remember"):
            self._mappings.keep(self.columns, choice)
        return self.folder / _MAP

    def _chosen(self, form: Mapping[str, str]) -> Choice:
        def one_of(name: str, allowed: tuple[str, ...]) -> str:
            return form.get(name, "") if form.get(name, "") in allowed else ""

        columns = {column: one_of(f"column_{n}", MEANINGS) for n, column in enumerate(self.columns)}
        columns = {column: meaning for column, meaning in columns.items() if meaning}
        kind = next((column for column, meaning in columns.items() if meaning == "kind"), None)
        words = {} if kind is None else dict.fromkeys(kinds_of(self.rows, kind))
        return Choice(
            columns=columns,
            words={word: one_of(f"word_{n}", EVENT_KINDS) or None for n, word in enumerate(words)},
            kind="" if kind is not None else one_of("kind", EVENT_KINDS),
            time=one_of("time", TIMES),
            currency=form.get("currency", "").strip().upper()[:3],
            shop=form.get("shop", "").strip()[:100],
            separator=self._looked[1],
        )

    def _keep(self, choice: Choice, fault: str) -> None:
        content = json.dumps({"choice": asdict(choice), "fault": fault})
        (self.folder / _CHOICE).write_text(content, encoding="utf-8")


def _missing(choice: Choice) -> str:
    """The key of the words for what a choice lacks, "" where nothing does."""
    meanings = choice.columns.values()
    if "at" not in meanings:
        return "columns.no_time"
    if choice.column("kind") is None and not choice.kind:
        return "columns.no_kind"
    if not choice.currency and any(price in meanings for price in PRICES):
        return "columns.no_currency"
    return ""
