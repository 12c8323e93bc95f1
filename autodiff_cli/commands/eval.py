"""`adiff eval`: a program's value and gradient."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from autodiff_cli.commands.derivatives import derivative_options, read_question
from autodiff_cli.commands.help import ExamplesFirst
from autodiff_cli.commands.inputs import (
    FILE,
    program_options,
    read_inputs,
    read_source,
    split_names,
)
from autodiff_cli.commands.limits import limit_options, run_settings, time_limit
from autodiff_cli.commands.screen import COLOR, deliver, is_terminal, show_text, wants_color
from autodiff_cli.errors import NonFiniteError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autodiff_cli.runtime.evaluation import Evaluation

FORMATS = ("auto", "table", "plain", "json", "csv", "npz")
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
@click.option(
    "--wrt",
    multiple=True,
    metavar="NAMES",
    help="What to differentiate by; '' for nothing.  [every input]",
)
@click.option(
    "--of", multiple=True, metavar="NAMES", help="What to give out.  [the last statement's value]"
)
@derivative_options
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="auto",
    help="auto: by the ending of -o, else a table on a terminal, else plain.",
)
@click.option("--json", "as_json", is_flag=True, help="Short for --format json.")
@click.option("-o", "--output", type=FILE, metavar="FILE", help="Write there, whole or not at all.")
@click.option(
    "--digits",
    type=click.IntRange(1, 17),
    metavar="N",
    help="Significant digits.  [all that it takes]",
)
@click.option(
    "--dtype",
    type=click.Choice(("float64", "float32")),
    default="float64",
    help="The precision of floats.",
)
@click.option("--seed", type=click.IntRange(min=0), metavar="N", help="Start random numbers here.")
@click.option("--strict", is_flag=True, help="A nan or inf is an error, of status 4.")
@limit_options
@click.option(
    "--color", type=click.Choice(COLOR), default="auto", help="Colour on terminals, or as told."
)
@click.option("-v", "--verbose", is_flag=True, help="Say how it was computed.")
@click.option("-q", "--quiet", is_flag=True, help="No warnings.")
@click.pass_context
def command(
    context: click.Context, /, words: tuple[str, ...], expressions: tuple[str, ...], **options: Any
) -> None:
    """Run a program; print its value and its gradient."""
    if "-" in words and is_terminal(sys.stdin):
        click.echo(context.get_help())
        return
    of = split_names(options["of"])
    if of == []:
        raise UsageError("--of: got no name", help="leave it out for the last statement's value")
    source, input_words = read_source(words, expressions)
    form = _format(options)
    from autodiff_cli.commands.progress import progress
    from autodiff_cli.runtime.evaluation import evaluate
    from autodiff_cli.runtime.interpreter import load

    with (
        time_limit(options["timeout"]),
        progress(f"evaluating {source.name}", options["color"]) as say,
    ):
        settings = run_settings(options, say)
        names = load(source, settings.limits)
        inputs = read_inputs(
            input_words, options["inputs_file"], source.name == "<stdin>", settings
        )
        wrt = split_names(options["wrt"])
        question = read_question(options, source.name == "<stdin>", settings)
        evaluations = evaluate(names, inputs, wrt, of, settings, question)
        if options["strict"]:
            _refuse_non_finite(evaluations)
    if form != "json" and not options["quiet"]:
        _warn(evaluations, options["color"])
    if options["verbose"]:
        _tell(evaluations)
    _deliver(evaluations, form, options)


def _format(options: dict[str, Any]) -> str:
    """The format that is asked for, or the one that `auto` stands for."""
    form = str(options["form"])
    if options["as_json"]:
        if form not in ("auto", "json"):
            raise UsageError(
                f"got --json and --format {form}, want one of them",
                help="--json is short for --format json",
            )
        form = "json"
    if form == "auto":
        if options["output"] is not None:
            ending = os.path.splitext(options["output"])[1].lower()
            form = BY_ENDING.get(ending, "plain")
        else:
            form = "table" if is_terminal(sys.stdout) else "plain"
    if form == "npz":
        if options["digits"] is not None:
            raise UsageError(
                "--digits does not go with npz, which holds floats as they are",
                help="leave out --digits, or choose another --format",
            )
        if options["output"] is None and is_terminal(sys.stdout):
            raise UsageError("npz is not for a terminal", help="add -o FILE.npz, or pipe it on")
    return form


def _refuse_non_finite(evaluations: Sequence[Evaluation]) -> None:
    from autodiff_cli.report.result import is_non_finite

    for evaluation in evaluations:
        if is_non_finite(evaluation):
            finding = next(f for f in evaluation.findings if f.kind == "non-finite")
            raise NonFiniteError(
                finding.what,
                finding.where,
                label=finding.label,
                notes=finding.notes,
                help=finding.help,
            )


def _warn(evaluations: Sequence[Evaluation], color: str) -> None:
    if not any(evaluation.findings for evaluation in evaluations):
        return
    from autodiff_cli.report import diagnostics

    for evaluation in evaluations:
        for finding in evaluation.findings:
            show_text(diagnostics.as_text(finding, wants_color(sys.stderr, color)))


def _tell(evaluations: Sequence[Evaluation]) -> None:
    for evaluation in evaluations:
        size = f"{evaluation.nodes} nodes, {evaluation.leaves} of them leaves"
        show_text(f"{evaluation.output}: {size}\n")
        if evaluation.direction:
            show_text(f"{evaluation.output}: the Jacobian was swept {evaluation.direction}\n")


def _deliver(evaluations: Sequence[Evaluation], form: str, options: dict[str, Any]) -> None:
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
    deliver(content, path)
