"""`adiff export`: value and gradient as source that stands alone."""

from __future__ import annotations

import os

import click

from autodiff_cli.commands.help import ExamplesFirst
from autodiff_cli.commands.inputs import FILE, read_inputs, read_source
from autodiff_cli.commands.running import (
    Call,
    limit_options,
    prepared,
    program_options,
    takes_call,
)
from autodiff_cli.errors import UsageError

EXAMPLES = (
    "adiff export -e 'x^2 * sin(x)' --to python",
    "adiff export -e 'dot(w, w)' w='[1, 2, 3]' --to c",
    "adiff export -e 'input x, y; while x < 9 { x = x * y }; x' --to js",
)
BY_ENDING = {".py": "python", ".c": "c", ".js": "js", ".mjs": "js"}


@click.command("export", cls=ExamplesFirst, examples=EXAMPLES)
@program_options
@click.option(
    "--to",
    "language",
    type=click.Choice(("python", "c", "js")),
    help="The language.  [by the ending of -o, else python]",
)
@click.option("-o", "--output", type=FILE, metavar="FILE", help="Write there, whole or not at all.")
@limit_options
@takes_call
def command(call: Call) -> None:
    """Write value and gradient as a function of Python, C99 or JavaScript.

    The values of inputs say which of them are arrays, and of what shape.
    """
    from autodiff_cli.api.exports import export

    options = {**call.options, "seed": None}
    language = _language(options["language"], options["output"])
    source, words = read_source(call.words, call.expressions)
    program = prepared(source, options, lambda text: None)
    from_stdin = source.name == "<stdin>"
    inputs = read_inputs(words, options["inputs_file"], from_stdin, program.settings)
    call.deliver(export(program, inputs, language))


def _language(asked: str | None, output: str | None) -> str:
    """The language that is asked for, by name or by the ending of the file."""
    ending = os.path.splitext(output or "")[1].lower()
    if asked is None and output is not None and ending not in BY_ENDING:
        raise UsageError(
            f"-o {output}: its ending says no language",
            help=f"say --to python, c or js, or end it in {', '.join(BY_ENDING)}",
        )
    return asked or BY_ENDING.get(ending, "python")
