"""`shopkeeper replay`: a recorded answer is worked out again and compared, byte by byte."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from channels.options import DebugOption, StoreOption, store_at

DIFFERENT = 1


def replay(
    *,
    trace: Annotated[Path, typer.Argument(help="The trace file that an answer or a plan named.", show_default=False)],
    decode: Annotated[bool, typer.Option("--decode", help="Let the language model decode again, too.")] = False,
    store: StoreOption = None,
    _debug: DebugOption = False,
) -> None:
    """Runs the tools of a trace again on the same snapshot and compares; nothing is kept and nothing is sent.

    Exit code 0 means the same bytes, 1 a difference, which is shown.

    Examples:

    - `shopkeeper replay var/traces/1f3a9c.json`
    - `shopkeeper replay var/traces/1f3a9c.json --decode`
    """
    from agent.build import replay as repeat
    from channels.terminal import Screen
    from data.errors import SettingError

    if not trace.is_file():
        raise SettingError(f"there is no trace {trace}: every answer names its own")
    found = repeat(trace, store_at(store).root, decode=decode)
    screen = Screen()
    if found.same:
        screen.say(f"{trace.name}: the same bytes.")
        return
    screen.say(f"{trace.name}: different.")
    screen.say(found.difference)
    raise typer.Exit(DIFFERENT)
