"""`adiff minimize`: the least value of a program."""

from __future__ import annotations

import sys
from time import monotonic
from typing import TYPE_CHECKING

import click

from autodiff_cli.commands.help import ExamplesFirst
from autodiff_cli.commands.inputs import read_source, split_names
from autodiff_cli.commands.running import (
    Call,
    format_options,
    limit_options,
    number_options,
    prepared,
    quiet_option,
    source_options,
    takes_call,
)
from autodiff_cli.commands.screen import is_terminal
from autodiff_cli.commands.solving import bound_options, read_bounds, split_starts

if TYPE_CHECKING:
    from collections.abc import Callable

    from autodiff_cli.solve.minimum import Minimum

FORMATS = ("table", "plain", "json", "csv")
METHODS = (
    "auto",
    "trust-exact",
    "trust-krylov",
    "trust-ncg",
    "dogleg",
    "Newton-CG",
    "BFGS",
    "CG",
    "L-BFGS-B",
    "TNC",
    "SLSQP",
    "trust-constr",
)
"""Those of `solve.minimum`, which only a search loads."""
SECONDS_BETWEEN = 1.0
"""From one line of progress to the next."""

EXAMPLES = (
    "adiff minimize -e '(1 - x)^2 + 100*(y - x^2)^2' x=-1.2 y=1",
    "adiff minimize -e 'sum((x - [3, 4])^2)' x='[0, 0]' --bound 'x=0..10'",
    "adiff minimize -e 'x^2 + y^2' x=3 y=3 --subject-to 'x + y >= 1' --json",
    "adiff minimize -e 'cosh(x) - a*x' x=0 a=2 --fix a",
)


@click.command("minimize", cls=ExamplesFirst, examples=EXAMPLES)
@source_options
@click.option("--of", metavar="NAME", help="What is to be least.  [the last statement's value]")
@bound_options
@click.option(
    "--subject-to",
    "constraints",
    multiple=True,
    metavar="RELATION",
    help="As 'x + y >= 1', <= or ==, of inputs.",
)
@click.option(
    "--method",
    type=click.Choice(METHODS),
    default="auto",
    metavar="METHOD",
    help=f"One of SciPy's: {', '.join(METHODS[1:])}.  [by what is known]",
)
@click.option("--max-iterations", type=click.IntRange(1), metavar="N", help="Steps.  [10 thousand]")
@format_options(FORMATS, "by the ending of -o, else a table on a terminal, else plain.")
@number_options
@limit_options
@quiet_option
@takes_call
def command(call: Call) -> None:
    """Find the inputs at which a program's value is least.

    Inputs from files, NAME=@FILE, are data and stay as they are.
    """
    form = call.form(FORMATS)
    found = _found(call)
    call.tell(found.findings, form)
    call.deliver(_written(found, form, call))
    if not found.has_converged:
        call.context.exit(1)


def _found(call: Call) -> Minimum:
    from autodiff_cli.api.minima import minimize

    options = call.options
    source, words = read_source(call.words, call.expressions)
    from_stdin = source.name == "<stdin>"
    with call.working(f"minimizing {source.name}") as (say, remarks):
        program = prepared(source, {**options, "wrt": (), "of": ()}, say)
        settings = program.settings
        given, starts = split_starts(
            words, options["inputs_file"], from_stdin, settings, program.inputs
        )
        found = minimize(
            program.prepared,
            given,
            starts,
            of=options["of"],
            bounds=read_bounds(options["bounds"], settings),
            fixed=split_names(options["fix"]) or (),
            constraints=options["constraints"],
            method=options["method"],
            iterations=options["max_iterations"],
            settings=settings,
            tell=_telling(call, say),
        )
    found.findings = [*remarks, *found.findings]
    return found


def _telling(call: Call, say: Callable[[str], None]) -> Callable[[int, float], None]:
    """Says how far the search is, a line now and then, on a terminal only."""
    if call.options["quiet"] or not is_terminal(sys.stderr):
        return lambda iteration, value: None
    last: float | None = None

    def tell(iteration: int, value: float) -> None:
        nonlocal last
        now = monotonic()
        if last is None:
            last = now
        if now - last > SECONDS_BETWEEN:
            last = now
            say(f"step {iteration}: {value:.10g}")

    return tell


def _written(found: Minimum, form: str, call: Call) -> str:
    from autodiff_cli.report import minimum

    digits = call.options["digits"]
    if form == "table":
        from autodiff_cli.report.minimum_table import as_table

        return as_table(found, call.color, digits)
    write = {"plain": minimum.as_plain, "json": minimum.as_json, "csv": minimum.as_csv}[form]
    return write(found, digits)
