"""The command line: one line for each command, and one place where errors become a sentence.

A command is a function in a file of its own, `channels/commands_<name>.py`; its heavy imports are inside, so that
`shopkeeper --help` answers at once.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from channels.commands_approve import approve
from channels.commands_audit import audit
from channels.commands_bandit import bandits
from channels.commands_bench import bench
from channels.commands_bounces import bounces
from channels.commands_build_widget import build_widget
from channels.commands_chat import chat
from channels.commands_copy import copy
from channels.commands_creative_test import creative_tests
from channels.commands_demo import demo
from channels.commands_dkim_key import dkim_key
from channels.commands_eval import evaluate
from channels.commands_export import export_model
from channels.commands_feed import feed
from channels.commands_finetune import finetune
from channels.commands_ingest import ingest
from channels.commands_key import keys, users
from channels.commands_launch import launch
from channels.commands_mcp import mcp
from channels.commands_outbox import cancel, outbox, pause, resume
from channels.commands_pace import pace
from channels.commands_plan import plan
from channels.commands_preview import preview
from channels.commands_quality import quality
from channels.commands_replay import replay
from channels.commands_send import send
from channels.commands_serve import serve
from channels.commands_status import status
from channels.commands_train import train
from channels.options import Session
from channels.terminal import clean
from data.errors import ShopkeeperError

WRONG, INTERRUPTED, DEFECT = 2, 130, 1
"""Exit codes: a failure the person can mend, Ctrl-C, and a defect of ours."""


class Commands(TyperGroup):
    """The group of all commands; turns every failure into one sentence on stderr and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Runs the command."""
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort, BrokenPipeError):
            raise  # ends on purpose; a broken pipe is a reader who went away, as with `| head`
        except KeyboardInterrupt:
            sentence, code = "Stopped; nothing is half-written.", INTERRUPTED
            if sys.stderr.isatty():
                print(file=sys.stderr)  # the terminal has just shown ^C
        except Exception as error:
            sentence, code = _in_words(error, ctx)
            if _debugging(ctx):
                traceback.print_exc()
        print(clean(sentence), file=sys.stderr)
        raise typer.Exit(code)


app = typer.Typer(
    name="shopkeeper",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def shopkeeper(
    context: typer.Context,
    store: Annotated[
        Path | None,
        typer.Option(
            "--store", metavar="PATH", envvar="SHOPKEEPER_STORE", help="The shop's folder; var/ unless given."
        ),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error came from.")] = False,
) -> None:
    """A marketing agent for online shops that runs on your own computer.

    Start with `shopkeeper demo`; then bring your own shop: `shopkeeper ingest FILE --format FORMAT`,
    `shopkeeper train`, `shopkeeper chat`.
    """
    context.obj = Session(store=store, debug=debug)


COMMANDS: dict[str, Callable[..., None]] = {
    "demo": demo,
    "ingest": ingest,
    "quality": quality,
    "train": train,
    "status": status,
    "chat": chat,
    "plan": plan,
    "copy": copy,
    "pace": pace,
    "approve": approve,
    "audit": audit,
    "preview": preview,
    "launch": launch,
    "send": send,
    "outbox": outbox,
    "pause": pause,
    "resume": resume,
    "cancel": cancel,
    "bounces": bounces,
    "dkim-key": dkim_key,
    "serve": serve,
    "build-widget": build_widget,
    "feed": feed,
    "mcp": mcp,
    "replay": replay,
    "eval": evaluate,
    "bench": bench,
    "finetune": finetune,
    "export-model": export_model,
}
for name, command in COMMANDS.items():
    app.command(name)(command)
app.add_typer(creative_tests, name="creative-test")
app.add_typer(bandits, name="bandit")
app.add_typer(keys, name="key")
app.add_typer(users, name="user")


def main() -> None:
    """What the script `shopkeeper` runs."""
    app()


def _in_words(error: Exception, context: Any) -> tuple[str, int]:
    """A failure as one sentence and an exit code; a defect of ours asks for --debug."""
    if isinstance(error, ShopkeeperError):
        return str(error), WRONG
    if isinstance(error, TyperException):
        where = " ".join(word for word in ("shopkeeper", context.invoked_subcommand, "--help") if word)
        return f"{error.format_message()} See: {where}", WRONG
    if isinstance(error, OSError):
        where = f" {error.filename}" if error.filename else ""
        return f"The system refused{where}: {error.strerror or error}.", WRONG
    hint = "" if _debugging(context) else " Run it again with --debug to see where."
    return f"Something unexpected went wrong: {type(error).__name__}: {error}.{hint}", DEFECT


def _debugging(context: Any) -> bool:
    return isinstance(context.obj, Session) and context.obj.debug
