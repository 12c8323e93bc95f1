"""The entry point: finds the command, and turns whatever goes wrong into a message and a status."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any

import click

from autodiff_cli.commands.screen import show_error, wants_color
from autodiff_cli.errors import AdiffError, UsageError

COMMANDS = ("eval", "examples", "completion")
"""Each is the function `command` of the module of its name."""

INTERRUPTED = 130
READER_GONE = 141

EPILOG = """\b
Examples:
  adiff eval -e 'x^2 * sin(x)' x=3
  adiff eval model.ad X=@data.csv:a,b y=@data.csv:y --wrt w
  adiff examples
"""


class Commands(click.Group):
    """Loads a command's module when the command is asked for."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module = import_module(f"autodiff_cli.commands.{name}")
        command: click.Command = module.command
        return command

    def format_help(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Examples first."""
        self.format_epilog(context, formatter)
        self.format_usage(context, formatter)
        self.format_help_text(context, formatter)
        self.format_options(context, formatter)


@click.group(
    cls=Commands,
    epilog=EPILOG,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="autodiff-cli", prog_name="adiff")
@click.pass_context
def cli(context: click.Context) -> None:
    """adiff evaluates small programs and differentiates them exactly."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def main() -> None:
    """Runs the command line and exits with its status."""
    arguments = sys.argv[1:]
    try:
        status = cli.main(arguments, prog_name="adiff", standalone_mode=False)
        sys.stdout.flush()
    except AdiffError as error:
        show_error(error, arguments)
        status = error.status
    except click.UsageError as error:
        show_error(_usage_error(error), arguments)
        status = UsageError.status
    except click.ClickException as error:
        show_error(UsageError(error.format_message()), arguments)
        status = UsageError.status
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True, color=wants_color(sys.stderr))
        status = INTERRUPTED
    except BrokenPipeError:
        # Nobody reads on. Python would complain once more when it closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = READER_GONE
    sys.exit(status if isinstance(status, int) else 0)


def _usage_error(error: click.UsageError) -> UsageError:
    """A mistake that click found, in the words and the form of our own."""
    message = error.format_message().rstrip(".")
    what, _, hint = message.partition(" Did you mean ")
    what = what.rstrip(".")
    what = what[:1].lower() + what[1:]
    command = error.ctx.command_path if error.ctx else "adiff"
    remedy = f"did you mean {hint}" if hint else f"`{command} --help` lists what there is"
    return UsageError(what, help=remedy)


