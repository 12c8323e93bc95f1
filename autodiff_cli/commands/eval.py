"""`adiff eval`: a program's value and gradient."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from autodiff_cli.commands.derivatives import derivative_options, read_question
from autodiff_cli.commands.help import ExamplesFirst
from autodiff_cli.commands.inputs import program_options
from autodiff_cli.commands.limits import limit_options
from autodiff_cli.commands.running import (
    chosen_format,
    format_options,
    number_options,
    opened,
    question_options,
    quiet_option,
    shows_help_instead,
    strict_option,
)
from autodiff_cli.commands.screen import deliver, is_terminal, show_text, wants_color
from autodiff_cli.commands.warnings import refuse_non_finite, warn
from autodiff_cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autodiff_cli.runtime.evaluation import Evaluation

FORMATS = ("table", "plain", "json", "csv", "npz")
BY_ENDING = {".json": "json", ".jsonl": "json", ".csv": "csv", ".npz": "npz"}

EXAMPLES = (
    "adiff eval -e 'x^2 * sin(x)' x=3",
    "adiff eval -e '2*dot(x, x)' x='[0, 1, 2, 3]' --json",
    "adiff eval -e 'z = x^2; y = z * x' x=3 --wrt x,z",
    "adiff eval -e '[x * y, x / y]' x=2 y=3 --jacobian",
    "echo 'sum(exp(x))' | adiff eval - x='[1, 2]'",
)


@click.command("eval", cls=ExamplesFirst, examples=EXAMPLES)
@program_options
@question_options
@derivative_options
@format_options(FORMATS, "by the ending of -o, else a table on a terminal, else plain.")
@number_options
@strict_option
@limit_options
@click.option("-v", "--verbose", is_flag=True, help="Say how it was computed.")
@click.option("-i", "--interactive", is_flag=True, help="Stay at a prompt, as `adiff repl`.")
@quiet_option
@click.pass_context
def command(
    context: click.Context, /, words: tuple[str, ...], expressions: tuple[str, ...], **options: Any
) -> None:
    """Run a program; print its value and its gradient."""
    if shows_help_instead(context, words):
        return
    if options["interactive"]:
        from autodiff_cli.commands.repl import after

        show = partial(_evaluate, words, expressions, options)
        context.exit(after(show, words, expressions, options))
    _evaluate(words, expressions, options)


def _evaluate(
    words: tuple[str, ...], expressions: tuple[str, ...], options: dict[str, Any]
) -> None:
    form = format_of(options)
    from autodiff_cli.runtime.evaluation import evaluate

    with opened("evaluating", words, expressions, options) as job:
        question = read_question(options, job.stdin_is_program, job.settings)
        evaluations = evaluate(job.program, job.inputs, job.wrt, job.of, job.settings, question)
        if options["strict"]:
            refuse_non_finite(evaluations)
    if form != "json" and not options["quiet"]:
        warn(evaluations, options["color"])
    if options["verbose"]:
        _tell(evaluations)
    deliver_evaluations(evaluations, form, options)


def format_of(options: dict[str, Any]) -> str:
    """The format that is asked for, or the one that `auto` stands for."""
    form = chosen_format(options, "table", BY_ENDING)
    if form == "npz":
        if options["digits"] is not None:
            raise UsageError(
                "--digits does not go with npz, which holds floats as they are",
                help="leave out --digits, or choose another --format",
            )
        if options["output"] is None and is_terminal(sys.stdout):
            raise UsageError("npz is not for a terminal", help="add -o FILE.npz, or pipe it on")
    return form


def _tell(evaluations: Sequence[Evaluation]) -> None:
    for evaluation in evaluations:
        size = f"{evaluation.nodes} nodes, {evaluation.leaves} of them leaves"
        show_text(f"{evaluation.output}: {size}\n")
        if evaluation.direction:
            show_text(f"{evaluation.output}: the Jacobian was swept {evaluation.direction}\n")


def deliver_evaluations(
    evaluations: Sequence[Evaluation], form: str, options: dict[str, Any]
) -> None:
    """Writes the results to where they are to go."""
    from autodiff_cli.report import result

    path, digits = options["output"], options["digits"]
    if form == "npz":
        from autodiff_cli.data.output import npz_bytes

        content = npz_bytes(result.as_arrays(evaluations))
    else:
        if form == "table":
            from autodiff_cli.report.table import as_table

            color = path is None and wants_color(sys.stdout, options["color"])
            text = as_table(evaluations, color, digits)
        else:
            write = {"plain": result.as_plain, "json": result.as_json, "csv": result.as_csv}[form]
            text = write(evaluations, digits)
        # A file's name that is no UTF-8 may stand in a warning.
        content = text.encode(errors="backslashreplace")
    deliver([content], path)
