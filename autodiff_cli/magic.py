"""The cell magic `%%adiff`: a cell is a program, and the variables of the notebook its inputs."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import click

from autodiff_cli.api.notebook import annotate
from autodiff_cli.api.results import Result
from autodiff_cli.api.traces import Trace
from autodiff_cli.commands.derivatives import read_question
from autodiff_cli.commands.inputs import INPUT, read_inputs
from autodiff_cli.commands.running import (
    derivative_options,
    limit_options,
    number_options,
    prepared,
    question_options,
    strict_option,
)
from autodiff_cli.errors import AdiffError, UsageError
from autodiff_cli.language.source import Source

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@click.command("%%adiff", add_help_option=False)
@question_options
@derivative_options
@number_options
@strict_option
@limit_options
@click.option("--trace", is_flag=True)
@click.option("-o", "--output", metavar="NAME")
@click.argument("words", nargs=-1)
def _line(**options: Any) -> None:
    """What stands behind `%%adiff`."""


def register(shell: Any) -> None:
    """Gives an IPython shell the magic."""

    def adiff(line: str, cell: str) -> Result | Trace | None:
        """%%adiff [NAME=VALUE]... [--wrt NAMES] [--of NAME] [--trace] [-o NAME]

        Runs the cell as a program, and shows its value and its gradient. Inputs that are not
        given are the notebook's variables of the same names. The options are those of
        `adiff eval` that say what is computed; `--trace` shows the graph, and `-o NAME` keeps
        the result in a variable of the notebook, and shows nothing.
        """
        found, name = run(line, cell, shell.user_ns)
        if name is None:
            return found
        shell.user_ns[name] = found
        return None

    shell.register_magic_function(adiff, "cell", "adiff")


def run(line: str, cell: str, variables: Mapping[str, Any]) -> tuple[Result | Trace, str | None]:
    """What a cell gives, and the name that it is to be kept under."""
    try:
        options = _options(line)
        program = prepared(Source("<cell>", cell), options, print)
        question = read_question(options, False, program.settings)
        given = read_inputs(_inputs(options["words"]), None, False, program.settings)
        known = {name: variables[name] for name in program.inputs if name in variables}
        values = program.values({**known, **given})
        found: Sequence[Any]
        if options["trace"]:
            found = [Trace(one) for one in program.traces(values, question)]
        else:
            found = [Result(one) for one in program.evaluate(values, question)]
        program.require_one(found)
    except AdiffError as error:
        annotate(error)
        raise
    return found[0], options["output"]


def _options(line: str) -> dict[str, Any]:
    try:
        options = _line.make_context("%%adiff", shlex.split(line)).params
    except ValueError as error:
        raise UsageError(f"%%adiff: {str(error).lower()}") from None
    except click.UsageError as error:
        message = error.format_message().rstrip(".")
        raise UsageError(
            f"%%adiff: {message[:1].lower()}{message[1:]}",
            help="`adiff eval --help` lists the options that say what is computed",
        ) from None
    return options


def _inputs(words: Sequence[str]) -> Sequence[str]:
    for word in words:
        if not INPUT.fullmatch(word):
            raise UsageError(
                f"%%adiff: got {word!r}, want NAME=VALUE", help="the program is the cell itself"
            )
    return words
