"""Versioned prompt files, loaded strictly: a missing or an unknown variable raises.

A prompt is `<name>.v<N>.md` beside this file; `load` takes the highest version unless told otherwise. Its name,
version and hash go into every trace.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path(__file__).parent
_VARIABLE = re.compile(r"\$\{([a-z_]+)\}")


@dataclass(frozen=True)
class Prompt:
    """A filled-in prompt and its provenance; `sha256` is of the file, before its variables are filled in."""

    name: str
    version: int
    text: str
    sha256: str


def load(name: str, *, version: int | None = None, **variables: str) -> Prompt:
    """The prompt `name`, with each `${variable}` filled in.

    Raises `FileNotFoundError` for an unknown prompt and `KeyError` for a variable that is missing or not used.
    """
    versions = {int(p.suffixes[-2][2:]): p for p in _FOLDER.glob(f"{name}.v*.md")}
    chosen = max(versions, default=0) if version is None else version
    if chosen not in versions:
        raise FileNotFoundError(f"no prompt {name} in version {version or 'any'}")
    raw = versions[chosen].read_text(encoding="utf-8")
    wanted = set(_VARIABLE.findall(raw))
    if wanted != set(variables):
        raise KeyError(f"prompt {name} takes {sorted(wanted)}, got {sorted(variables)}")
    text = _VARIABLE.sub(lambda m: variables[m.group(1)], raw).strip()
    return Prompt(name, chosen, text, hashlib.sha256(raw.encode()).hexdigest())
