"""Long work beside the server: a file joins the store and its models are trained, in a process of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

Stage = Literal["waits", "ingest", "train", "done", "failed"]


@dataclass(frozen=True)
class Job:
    """How the latest job stands; `share` of its stage is done (0 to 1), `words` say more."""

    stage: Stage = "waits"
    part: str = ""
    share: float = 0.0
    words: str = ""

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.stage in ("done", "failed")


class Jobs:
    """One job at a time for a store; whoever looks sees the latest."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = threading.Lock()
        self.latest: Job | None = None

    def start(self, arguments: Sequence[str] = (), *, clear: Sequence[Path] = ()) -> bool:
        """Begins a job unless one is at work; `clear` are folders that are not needed once it has ended.

        Without `arguments` the store is trained anew, else they are the source file, its format, the reason to assume
        consent (or ""), and perhaps a mapping file.
        """
        with self._lock:
            if self.latest is not None and not self.latest.over:
                return False
            self.latest = Job()
        work = threading.Thread(target=self._run, args=(list(arguments), list(clear)), daemon=True, name="console job")
        work.start()
        return True

    def _run(self, arguments: list[str], clear: list[Path]) -> None:
        command = [sys.executable, "-m", "channels.console.job", str(self._root), *arguments]
        try:
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
                for line in process.stdout or ():
                    self._follow(line)
            if self.latest is not None and not self.latest.over:
                self.latest = replace(self.latest, stage="failed", words=f"it ended with status {process.returncode}")
        finally:
            for folder in clear:
                shutil.rmtree(folder, ignore_errors=True)

    def _follow(self, line: str) -> None:
        try:
            self.latest = Job(**json.loads(line))
        except (ValueError, TypeError):
            return  # what a library printed
