"""`adiff why`: where a nan, a zero, or a number of a gradient comes from."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Any

import click

from autodiff_cli.commands.derivatives import gradient_options, read_question
from autodiff_cli.commands.help import ExamplesFirst
from autodiff_cli.commands.inputs import program_options
from autodiff_cli.commands.limits import limit_options
from autodiff_cli.commands.running import (
    chosen_format,
    format_options,
    number_options,
    opened,
    question_options,
    shows_help_instead,
)
from autodiff_cli.commands.screen import deliver, wants_color

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autodiff_cli.explain.reasons import Explanation

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
@question_options
@gradient_options
@format_options(("plain", "json"), "json by the ending of -o, else plain.")
@number_options
@limit_options
@click.pass_context
def command(
    context: click.Context, /, words: tuple[str, ...], expressions: tuple[str, ...], **options: Any
) -> None:
    """Explain a gradient: why it is nan or inf, why it is zero, or which paths make it up."""
    if shows_help_instead(context, words):
        return
    form = chosen_format(options, "plain", {".json": "json", ".jsonl": "json"})
    with opened("explaining", words, expressions, options) as job:
        question = read_question(options, job.stdin_is_program, job.program.settings)
        found = job.program.explanations(job.inputs, question)
    _deliver(found, form, options)


def _deliver(found: Sequence[Explanation], form: str, options: Mapping[str, Any]) -> None:
    path, digits = options["output"], options["digits"]
    if form == "json":
        from autodiff_cli.report.why import as_json

        text = as_json(found, digits)
    else:
        from autodiff_cli.report.why_text import as_text

        color = path is None and wants_color(sys.stdout, options["color"])
        width = min(shutil.get_terminal_size().columns, WIDEST)
        text = as_text(found, width, color, digits)
    deliver([text.encode(errors="backslashreplace")], path)
