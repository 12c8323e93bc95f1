"""The entry point: finds the command, and turns whatever goes wrong into a message and a status."""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any
from warnings import catch_warnings, simplefilter

import click

from autodiff_cli.commands.ending import ENDING
from autodiff_cli.commands.help import ExamplesFirst
from autodiff_cli.commands.screen import error_text, show_error
from autodiff_cli.errors import (
    AdiffError,
    InterruptError,
    LimitError,
    TimeOver,
    UsageError,
    did_you_mean,
)
from autodiff_cli.version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = (
    "eval",
    "repl",
    "trace",
    "why",
    "map",
    "functions",
    "check",
    "fit",
    "minimize",
    "root",
    "propagate",
    "export",
    "examples",
    "completion",
)
"""Each is the function `command` of the module of its name."""

EXAMPLES = (
    "adiff eval -e 'x^2 * sin(x)' x=3",
    "adiff eval -e 'dot(w, w)' w='[1, -2]' --json",
    "adiff examples",
)


class NoSuchCommand(click.UsageError):
    """A command that there is not."""

    def __init__(self, name: str, context: click.Context) -> None:
        super().__init__(f"there is no command `{name}`", context)
        self.name = name


class Commands(ExamplesFirst, click.Group):
    """Loads a command's module when the command is asked for."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module = import_module(f"autodiff_cli.commands.{name}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            raise NoSuchCommand(args[0], context)
        return super().resolve_command(context, args)

    def short_help_text(self, context: click.Context) -> str:
        """What fits on a screen of 24 lines: the examples, and the commands."""
        formatter = context.make_formatter()
        self.format_examples(formatter)
        self.format_commands(context, formatter)
        return formatter.getvalue() + "\n`adiff --help` has the exit statuses too."

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except KeyboardInterrupt:
            # Not left to click, which prints an empty line first.
            raise InterruptError("interrupted") from None


STATUSES = """\b
Exit status:
  0    fine
  1    it failed while running: shape, domain, limit, assert, a bad record
  2    the command line is wrong, a missing or unknown input included
  3    the program text is wrong: syntax, or an unknown name
  4    a nan or inf under --strict
  5    `check` found a mismatch
  6    `check` could not judge: at a kink, or not finite
  130  interrupted"""


@click.group(
    cls=Commands,
    epilog=STATUSES,
    examples=EXAMPLES,
    invoke_without_command=True,
)
@click.version_option(__version__, prog_name="adiff", message="%(prog)s %(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """adiff evaluates small programs and differentiates them exactly."""
    if context.invoked_subcommand is None:
        assert isinstance(context.command, Commands)
        click.echo(context.command.short_help_text(context))


def main() -> None:
    """Runs the command line and exits with its status."""
    arguments = sys.argv[1:]
    _set_up_streams()
    ENDING.text = lambda error: _last_words(error, arguments)
    try:
        ENDING.by_exception()
        # Of Python, NumPy and SciPy; what adiff has to tell it tells itself.
        with catch_warnings():
            simplefilter("ignore")
            status = cli.main(arguments, prog_name="adiff", standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
        ENDING.in_silence()
    except (Exception, KeyboardInterrupt, TimeOver) as error:
        ENDING.in_silence()
        failure = as_adiff_error(error)
        ENDING.is_told = True
        show_error(failure, arguments)
        # In here, so that what the error holds, a tape say, is not taken apart first.
        sys.exit(failure.status)
    sys.exit(status if isinstance(status, int) else 0)


def _last_words(error: AdiffError, arguments: Sequence[str]) -> str:
    """What is said where the process is ended from outside."""
    from autodiff_cli.commands.progress import stop_bars

    stop_bars()
    return error_text(error, arguments)


def _set_up_streams() -> None:
    """UTF-8 whatever the locale is, and a silent end where the reader of a pipe has gone."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)


def as_adiff_error(error: BaseException) -> AdiffError:
    """Whatever was raised, as an error that can be shown."""
    match error:
        case AdiffError():
            return error
        case TimeOver():  # told again, on the way out
            return error.error
        case KeyboardInterrupt() | click.Abort():
            return InterruptError("interrupted")
        case click.UsageError():
            return _usage_error(error)
        case click.ClickException():
            return UsageError(error.format_message())
        case OSError():
            # Files are read and written by `data`, which has its own words. What Python still
            # holds for the stream is dropped, or it would complain once more on the way out.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            reason = (error.strerror or str(error)).lower()
            return UsageError(f"standard output cannot be written: {reason}", kind="output")
        case MemoryError():
            return LimitError("there is no memory left", help="--max-memory sets a limit")
    return _defect(error)


def _defect(error: BaseException) -> AdiffError:
    """The error of an exception that nobody foresaw, with the place for whoever mends it."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = trace and f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}"
    return AdiffError(
        f"internal error: {type(error).__name__}: {error} ({place})",
        help="this is a defect of adiff: please report it with the command line and the program",
        kind="internal",
    )


def _usage_error(error: click.UsageError) -> UsageError:
    """A mistake that click found, in the words and the form of our own."""
    message = error.format_message().rstrip(".")
    what, _, hint = message.partition(" Did you mean ")
    what = what.rstrip(".")
    what = what[:1].lower() + what[1:]
    remedy = f"did you mean {hint}" if hint else ""
    if isinstance(error, NoSuchCommand):
        remedy = did_you_mean(error.name, COMMANDS)
    if isinstance(error, click.NoSuchOption):
        what = f"there is no option `{error.option_name}`"
        remedy = did_you_mean(error.option_name, error.possibilities or ())
    command = error.ctx.command_path if error.ctx else "adiff"
    return UsageError(what, help=remedy or f"`{command} --help` lists what there is")
