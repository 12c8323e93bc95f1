"""What every command does that runs a program: its common options, and how a run is opened."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from autodiff_cli.commands.inputs import FILE, read_inputs, read_source, split_names
from autodiff_cli.commands.limits import run_settings, time_limit
from autodiff_cli.commands.screen import COLOR, is_terminal
from autodiff_cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import TypeAlias

    from autodiff_cli.runtime.machine import Settings
    from autodiff_cli.runtime.program import Program

    Command: TypeAlias = Callable[..., Any]


def question_options(function: Command) -> Command:
    """Adds `--wrt` and `--of`."""
    return _added(
        function,
        click.option(
            "--wrt",
            multiple=True,
            metavar="NAMES",
            help="What to differentiate by; '' for nothing.  [every input]",
        ),
        click.option(
            "--of",
            multiple=True,
            metavar="NAMES",
            help="What to give out.  [the last statement's value]",
        ),
    )


def format_options(formats: Sequence[str], auto: str) -> Callable[[Command], Command]:
    """Adds `--format`, with these besides `auto`, `--json`, `-o`, `--digits` and `--color`.

    `auto` says in words what that stands for.
    """
    return lambda function: _added(
        function,
        click.option(
            "--format",
            "form",
            type=click.Choice(("auto", *formats)),
            default="auto",
            help=f"auto: {auto}",
        ),
        click.option("--json", "as_json", is_flag=True, help="Short for --format json."),
        click.option(
            "-o", "--output", type=FILE, metavar="FILE", help="Write there, whole or not at all."
        ),
        digits_option,
        color_option,
    )


def number_options(function: Command) -> Command:
    """Adds `--dtype` and `--seed`."""
    return _added(
        function,
        click.option(
            "--dtype",
            type=click.Choice(("float64", "float32")),
            default="float64",
            help="The precision of floats.",
        ),
        seed_option,
    )


digits_option = click.option(
    "--digits",
    type=click.IntRange(1, 17),
    metavar="N",
    help="Significant digits.  [all that it takes]",
)
color_option = click.option(
    "--color", type=click.Choice(COLOR), default="auto", help="Colour on terminals, or as told."
)
seed_option = click.option(
    "--seed", type=click.IntRange(min=0), metavar="N", help="Start random numbers here."
)
strict_option = click.option(
    "--strict", is_flag=True, help="A nan or inf is an error, of status 4."
)
quiet_option = click.option("-q", "--quiet", is_flag=True, help="No warnings.")


def _added(function: Command, *options: Callable[[Command], Command]) -> Command:
    for option in reversed(options):
        function = option(function)
    return function


def chosen_format(
    options: Mapping[str, Any], on_terminal: str, by_ending: Mapping[str, str]
) -> str:
    """The format that is asked for, or the one that `auto` stands for.

    That is the one of the ending of -o, else `on_terminal` on a terminal, else plain.

    Raises:
        UsageError: two of them are asked for.
    """
    form = str(options["form"])
    if options["as_json"]:
        if form not in ("auto", "json"):
            raise UsageError(
                f"got --json and --format {form}, want one of them",
                help="--json is short for --format json",
            )
        return "json"
    if form != "auto":
        return form
    if options["output"] is not None:
        ending = os.path.splitext(options["output"])[1].lower()
        return by_ending.get(ending, "plain")
    return on_terminal if is_terminal(sys.stdout) else "plain"


def shows_help_instead(context: click.Context, words: Sequence[str]) -> bool:
    """Whether the program is to come from a terminal: help is better there than to hang."""
    if "-" not in words or not is_terminal(sys.stdin):
        return False
    click.echo(context.get_help())
    return True


@dataclass(slots=True)
class Job:
    """A program that is ready to run, with what the command line says of it."""

    program: Program
    inputs: dict[str, Any]
    wrt: list[str] | None
    of: list[str] | None
    settings: Settings
    stdin_is_program: bool


@contextmanager
def opened(
    doing: str, words: Sequence[str], expressions: Sequence[str], options: Mapping[str, Any]
) -> Iterator[Job]:
    """Reads the program and its inputs; time is limited, and progress shown, while it is open.

    Raises:
        UsageError, ProgramError: as the command line or the program is wrong.
    """
    from autodiff_cli.commands.progress import progress
    from autodiff_cli.runtime.program import load

    of = split_names(options["of"])
    if of == []:
        raise UsageError("--of: got no name", help="leave it out for the last statement's value")
    source, input_words = read_source(words, expressions)
    stdin_is_program = source.name == "<stdin>"
    with (
        time_limit(options["timeout"]),
        progress(f"{doing} {source.name}", options["color"]) as say,
    ):
        settings = run_settings(options, say)
        program = load(source, settings.limits)
        inputs = read_inputs(input_words, options["inputs_file"], stdin_is_program, settings)
        yield Job(program, inputs, split_names(options["wrt"]), of, settings, stdin_is_program)
