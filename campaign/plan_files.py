"""Plans that a person names and that lie as one file each: written once, whole, and never over another."""

from __future__ import annotations

import os
import re
from pathlib import Path

from data.errors import CampaignError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def checked(name: str) -> str:
    """`name`, where it can be that of a file. Raises `CampaignError`."""
    if not _NAME.fullmatch(name):
        raise CampaignError(f"{name[:70]!r} cannot be a name: use up to 64 letters, digits, - and _")
    return name


def write(folder: Path, name: str, text: str) -> Path:
    """Keeps a new plan. Raises `CampaignError` where one of its name is there, since customers may have seen it."""
    path = folder / f"{name}.json"
    folder.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}.new")
    draft.write_text(text, encoding="utf-8")
    try:
        os.link(draft, path)  # whole or not at all, and never over another
    except FileExistsError:
        raise CampaignError(f"there is {name} already, and it is not changed: choose another name") from None
    finally:
        draft.unlink()
    return path


def find(folder: Path, name: str) -> Path:
    """The file of a name. Raises `CampaignError` where there is none."""
    path = folder / f"{name}.json"
    if not _NAME.fullmatch(name) or not path.exists():
        there = ", ".join(sorted(one.stem for one in folder.glob("*.json"))) or "none yet"
        raise CampaignError(f"there is no {name[:70]}; there are: {there}")
    return path
