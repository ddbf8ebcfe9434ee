"""A campaign's letters to look at: HTML, text, a page with both widths, and pictures where there is a browser."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np
from matplotlib import image

from channels.mail.render import Rendered

PHONE, DESKTOP = 375, 1200
_TALL = 1800
"""Pixels of a screenshot before what is empty beneath the letter is cut off."""
_MARGIN = 24
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
_DARK = ("--force-dark-mode", "--blink-settings=preferredColorScheme=0")


def write(letters: Sequence[tuple[str, Rendered]], folder: Path) -> Path:
    """Writes each letter as NUMBER.html and NUMBER.txt, and index.html that shows them; the path of the index."""
    folder.mkdir(parents=True, exist_ok=True)
    shown = []
    for number, (customer, letter) in enumerate(letters, start=1):
        (folder / f"{number}.html").write_text(letter.html, encoding="utf-8")
        (folder / f"{number}.txt").write_text(letter.text, encoding="utf-8")
        frames = "".join(
            f'<figure><figcaption>{width:,} px</figcaption><iframe src="{number}.html" width="{width}" height="1100" '
            f'title="letter {number} at {width} px"></iframe></figure>'
            for width in (PHONE, DESKTOP)
        )
        shown.append(
            f"<section><h2>{escape(letter.subject)}</h2><p>To customer {escape(customer)} · "
            f'<a href="{number}.txt">as plain text</a></p><div class="pair">{frames}</div></section>'
        )
    index = folder / "index.html"
    index.write_text(_INDEX.replace("SECTIONS", "\n".join(shown)), encoding="utf-8")
    return index


def browser() -> str | None:
    """The command of a Chromium, None where there is none."""
    return next((path for name in _BROWSERS if (path := shutil.which(name))), None)


def screenshots(folder: Path, number: int = 1) -> list[Path]:
    """Pictures of letter `number` at phone and desktop width, light and dark; none without a browser."""
    command = browser()
    if command is None:
        return []
    return [
        _shot(
            command, folder / f"{number}.html", folder / f"{number}-{name}-{scheme}.png", width, dark=scheme == "dark"
        )
        for name, width in (("phone", PHONE), ("desktop", DESKTOP))
        for scheme in ("light", "dark")
    ]


def _shot(command: str, page: Path, path: Path, width: int, *, dark: bool) -> Path:
    with tempfile.TemporaryDirectory(prefix="shopkeeper-browser-") as profile:
        options = [f"--user-data-dir={profile}", f"--window-size={width},{_TALL}", f"--screenshot={path.resolve()}"]
        subprocess.run(
            [command, *_FLAGS, *(_DARK if dark else ()), *options, page.resolve().as_uri()],
            check=True,
            capture_output=True,
            timeout=120,
        )
    pixels = image.imread(str(path))[:, :, :3]
    used = np.flatnonzero((pixels != pixels[-1, 0]).any(axis=(1, 2)))
    bottom = min(len(pixels), (int(used[-1]) if len(used) else 0) + _MARGIN)
    image.imsave(str(path), pixels[:bottom])
    return path


_INDEX = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Preview</title><style>
body{margin:0;padding:2rem;font:16px/1.5 system-ui,sans-serif;background:#e9e7e1;color:#26322d}
h2{font:400 1.5rem Georgia,serif;margin:0}section{margin-bottom:3rem}.pair{display:flex;gap:2rem;overflow-x:auto}
figure{margin:0}iframe{border:0;border-radius:8px;background:#fff}figcaption{font-size:.85rem;padding:.3rem 0}
</style></head><body>
SECTIONS
</body></html>
"""
