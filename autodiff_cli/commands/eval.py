"""`adiff eval`: a program's value and gradient."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

import click

from autodiff_cli.commands.help import ExamplesFirst
from autodiff_cli.commands.running import (
    Call,
    derivative_options,
    engine_option,
    format_options,
    limit_options,
    number_options,
    program_options,
    quiet_option,
    strict_option,
    takes_call,
)
from autodiff_cli.commands.screen import is_terminal, show_text
from autodiff_cli.commands.warnings import warn
from autodiff_cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autodiff_cli.explain.evaluation import Evaluation

FORMATS = ("table", "plain", "json", "csv", "npz")

EXAMPLES = (
    "adiff eval -e 'x^2 * sin(x)' x=3",
    "adiff eval -e '2*dot(x, x)' x='[0, 1, 2, 3]' --json",
    "adiff eval -e 'z = x^2; y = z * x' x=3 --wrt x,z",
    "adiff eval -e '[x * y, x / y]' x=2 y=3 --jacobian",
    "echo 'sum(exp(x))' | adiff eval - x='[1, 2]'",
    "adiff eval -e 's = x; for i in range(999) { s += sin(s) }; s' x=1 --time 5",
)


@click.command("eval", cls=ExamplesFirst, examples=EXAMPLES)
@program_options
@derivative_options
@format_options(FORMATS, "by the ending of -o, else a table on a terminal, else plain.")
@click.option("--wide", is_flag=True, help="In a CSV: a row for each element of the output.")
@number_options
@strict_option
@limit_options
@engine_option
@click.option(
    "--time",
    "runs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Not the result, but how long it takes by each engine, in N runs.",
)
@click.option("-v", "--verbose", is_flag=True, help="Say how it was computed.")
@click.option("-i", "--interactive", is_flag=True, help="Stay at a prompt, as `adiff repl`.")
@quiet_option
@takes_call
def command(call: Call) -> None:
    """Run a program; print its value and its gradient."""
    if call.options["runs"]:
        _time(call)
    elif call.options["interactive"]:
        from autodiff_cli.commands.repl import after

        call.context.exit(after(partial(_evaluate, call), call))
    else:
        _evaluate(call)


def _time(call: Call) -> None:
    from autodiff_cli.api.timing import timed
    from autodiff_cli.report import timing

    options = call.options
    formats = ("table", "plain", "json")
    form = call.form(formats)
    if form not in formats:
        raise UsageError(
            f"got --time and --format {form}", help=f"times come as {', '.join(formats)}"
        )
    with call.opened("timing") as job:
        if job.question.kind != "gradient" or job.question.cotangent is not None:
            raise UsageError(
                "got --time beside another question than for a gradient",
                help="--time compares the value with the gradient, and takes nothing else",
            )
        times = timed(job.program, job.inputs, options["engine"], options["runs"])
    digits = options["digits"]
    if form == "table":
        call.deliver(timing.as_table(times, call.color, digits))
    elif form == "json":
        call.deliver(timing.as_json(times, options["runs"], digits))
    else:
        call.deliver(timing.as_plain(times, digits))


def _evaluate(call: Call) -> None:
    form, options = format_of(call), call.options
    with call.opened("evaluating") as job:
        evaluations = job.program.evaluate(job.inputs, job.question)
    for evaluation in evaluations:
        evaluation.findings[:0] = job.remarks
    if form != "json" and not options["quiet"]:
        warn(evaluations, options["color"])
        call.tell_of_nothing(job.program, evaluations)
    if options["verbose"]:
        _tell(evaluations)
    call.deliver(written(evaluations, form, call))


def format_of(call: Call) -> str:
    """The format that is asked for, or the one that `auto` stands for."""
    form = call.form(FORMATS)
    if call.options["wide"]:
        _require_matrix(form, call)
    if form == "npz":
        if call.options["digits"] is not None:
            raise UsageError(
                "--digits does not go with npz, which holds floats as they are",
                help="leave out --digits, or choose another --format",
            )
        if call.options["output"] is None and is_terminal(sys.stdout):
            raise UsageError("npz is not for a terminal", help="add -o FILE.npz, or pipe it on")
    return form


def _require_matrix(form: str, call: Call) -> None:
    if form != "csv":
        raise UsageError("--wide says how a CSV is laid out", help="add --format csv")
    for name in ("cotangent", "jvp", "hvp", "order"):
        if call.options.get(name):
            raise UsageError(
                f"got --wide and --{name}, whose numbers are no matrix",
                help="leave out --wide: a CSV has a row for each number",
            )


def _tell(evaluations: Sequence[Evaluation]) -> None:
    for evaluation in evaluations:
        size = f"{evaluation.nodes} nodes, {evaluation.leaves} of them leaves"
        show_text(f"{evaluation.output}: {size}\n")
        show_text(f"{evaluation.output}: engine {evaluation.engine}\n")
        if evaluation.direction:
            show_text(f"{evaluation.output}: the Jacobian was swept {evaluation.direction}\n")


def written(evaluations: Sequence[Evaluation], form: str, call: Call) -> str | bytes:
    from autodiff_cli.report import result

    digits = call.options["digits"]
    if form == "npz":
        from autodiff_cli.data.output import npz_bytes

        return npz_bytes(result.as_arrays(evaluations))
    if form == "table":
        from autodiff_cli.report.table import as_table

        return as_table(evaluations, call.color, digits)
    if call.options["wide"]:
        return result.as_wide_csv(evaluations, digits)
    write = {"plain": result.as_plain, "json": result.as_json, "csv": result.as_csv}[form]
    return write(evaluations, digits)
