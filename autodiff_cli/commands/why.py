"""`adiff why`: where a nan, a zero, or a number of a gradient comes from."""

from __future__ import annotations

import shutil

import click

from autodiff_cli.commands.help import ExamplesFirst
from autodiff_cli.commands.running import (
    Call,
    format_options,
    gradient_options,
    limit_options,
    number_options,
    program_options,
    takes_call,
)

FORMATS = ("plain", "json")
WIDEST = 100
"""Columns; text is hard to read across a whole screen."""

EXAMPLES = (
    "adiff why -e 'x^2 * sin(x)' x=3",
    "adiff why -e 'sqrt(x^2) + y' x=0 y=1 --wrt x",
    "adiff why -e 'if a > 0 { a * x } else { a }' a=-1 x=2 --wrt x",
    "adiff why -e 'sigmoid(w * 100)' w=8 --json",
)


@click.command("why", cls=ExamplesFirst, examples=EXAMPLES)
@program_options
@gradient_options
@format_options(FORMATS, "json by the ending of -o, else plain.")
@number_options
@limit_options
@takes_call
def command(call: Call) -> None:
    """Explain a gradient: why it is nan or inf, why it is zero, or which paths make it up."""
    form = call.form(FORMATS)
    with call.opened("explaining") as job:
        found = job.program.explanations(job.inputs, job.question)
    digits = call.options["digits"]
    if form == "json":
        from autodiff_cli.report.why import as_json

        call.deliver(as_json(found, digits, job.remarks))
    else:
        from autodiff_cli.report.why_text import as_text

        width = min(shutil.get_terminal_size().columns, WIDEST)
        call.deliver(as_text(found, width, call.color, digits))
