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
    source, words = read_source(call.words, call.expressions)
    program = prepared(source, options, lambda text: None)
    from_stdin = source.name == "<stdin>"
    inputs = read_inputs(words, options["inputs_file"], from_stdin, program.settings)
    ending = os.path.splitext(options["output"] or "")[1].lower()
    language = options["language"] or BY_ENDING.get(ending, "python")
    call.deliver(export(program, inputs, language))
