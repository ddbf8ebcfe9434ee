"""The record of one evaluation run: what was measured, on what, by which code; JSON, one object a run."""

import hashlib
import json
import math
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from data.errors import DataError

RUNS = Path(__file__).parent / "runs.jsonl"
_PACKAGES = ("transformers", "torch", "xllamacpp", "langchain", "lightgbm", "statsforecast", "scikit-learn", "pandas")


@dataclass(frozen=True)
class Record:
    """One run. `metrics` that could not be measured are left out, so that every number is a number."""

    task: str
    metrics: Mapping[str, float]
    intervals: Mapping[str, Sequence[float]]
    floors: Mapping[str, Mapping[str, float]]
    arguments: Mapping[str, Any]
    commit: str
    dirty: bool
    versions: Mapping[str, str]
    data_sha256: str
    seconds: float
    peak_mb: float

    def line(self) -> str:
        """The record as one line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=False)


def tidy(metrics: Mapping[str, float]) -> dict[str, float]:
    """Metrics rounded to six digits after the point; what is not a number is left out.

    >>> tidy({"a": 2 / 3, "b": float("nan")})
    {'a': 0.666667}
    """
    return {name: round(float(value), 6) for name, value in metrics.items() if math.isfinite(value)}


def read_runs(path: Path = RUNS) -> list[Record]:
    """Every run recorded in a file, oldest first; none where there is no file."""
    if not path.exists():
        return []
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
        if line.strip():
            try:
                found.append(Record(**json.loads(line)))
            except (json.JSONDecodeError, TypeError):
                raise DataError(f"{path}, line {number}: not the record of a run") from None
    return found


def append(record: Record, path: Path = RUNS) -> None:
    """Adds a run to the file."""
    with open(path, "a", encoding="utf-8") as file:
        file.write(record.line() + "\n")


def sha256_of(files: Sequence[Path]) -> str:
    """One hash of the files' contents, in order; empty of none."""
    if not files:
        return ""
    digest = hashlib.sha256()
    for path in files:
        with open(path, "rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def versions() -> dict[str, str]:
    """Python's version and those of the packages that results depend on."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def commit_of(folder: Path) -> tuple[str, bool]:
    """The commit checked out in `folder` and whether files differ from it; ("unknown", True) outside a repository.

    Files of recorded runs and the leaderboard don't count: recording one run must not mark the next one dirty.
    """
    try:
        head = _git(folder, "rev-parse", "HEAD").strip()
        own = (":!*runs.jsonl", ":!*LEADERBOARD.md")
        changed = _git(folder, "status", "--porcelain", "--untracked-files=no", "--", ".", *own).strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown", True
    return head, bool(changed)


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True)
    return done.stdout
