"""`adiff root`: where is it 0, and how does that move?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from autodiff_cli.commands.help import ExamplesFirst
from autodiff_cli.commands.inputs import INPUT, split_names
from autodiff_cli.commands.running import (
    Call,
    format_options,
    limit_options,
    program_options,
    quiet_option,
    seed_option,
    takes_call,
)
from autodiff_cli.errors import UsageError
from autodiff_cli.records import replace

if TYPE_CHECKING:
    from autodiff_cli.solve.roots import Root

FORMATS = ("table", "plain", "json", "csv")
NOT_CONVERGED = 1

EXAMPLES = (
    "adiff root -e 'x^3 - a' x=1 a=2 --for x",
    "adiff root -e 'input M = 0.7, e = 0.4' -e 'E - e * sin(E) - M' E=1",
    "adiff root -e '[x^2 + y^2 - 1, y - k * x]' x=1 y=1 k=2 --for x,y --json",
    "adiff root -e 'cos(x) - x' --bracket x=0..2",
)
BRACKET = re.compile(r"\s*([^\W\d]\w*)\s*=(.*?)(?:\.\.|:)(.*)", re.DOTALL)


@click.command("root", cls=ExamplesFirst, examples=EXAMPLES)
@program_options
@click.option(
    "--for",
    "unknowns",
    multiple=True,
    metavar="NAMES",
    help="What to solve for.  [what is given on the command line]",
)
@click.option(
    "--bracket",
    metavar="NAME=LOW..HIGH",
    help="Ends between which the equation changes its sign.",
)
@format_options(FORMATS, "by the ending of -o, else a table on a terminal, else plain.")
@seed_option
@limit_options
@quiet_option
@takes_call
def command(call: Call) -> None:
    """Solve a program's outputs, set to 0, for the inputs that are given a start.

    With them comes their derivative by all other inputs, or by --wrt, by the implicit function
    theorem. The exit status is 1 where no root was found.
    """
    form = call.form(FORMATS)
    root = _solved(call)
    call.tell(root.findings, form)
    call.deliver(_written(root, form, call))
    if not root.converged:
        call.context.exit(NOT_CONVERGED)


def _solved(call: Call) -> Root:
    options = call.options
    words = list(call.words)
    bracket = None
    started = [match[1] for match in map(INPUT.fullmatch, words) if match is not None]
    unknowns = split_names(options["unknowns"])
    if options["bracket"] is not None:
        name, low, high = _bracket(options["bracket"])
        bracket = low, high
        if name not in started:
            # In the middle, so that the program can run.
            words.append(f"{name}={(low + high) / 2!r}")
        unknowns = unknowns or [name]
    wrt = split_names(options["wrt"])
    with replace(call, words=words, options={**options, "wrt": ()}).opened("solving") as job:
        from autodiff_cli.solve.roots import Equations

        program = job.program
        equations = Equations(
            program.prepared, job.inputs, started, unknowns, program.of, program.settings
        )
        return equations.solve(wrt, bracket)


def _bracket(text: str) -> tuple[str, float, float]:
    match = BRACKET.fullmatch(text)
    try:
        ends = [float(end) for end in match.groups()[1:]] if match else []
    except ValueError:
        ends = []
    if match is None or len(ends) != 2:
        raise UsageError(
            f"--bracket: got {text!r}, want NAME=LOW..HIGH", help="as in --bracket x=0..2"
        )
    if not ends[0] < ends[1]:
        raise UsageError(
            f"--bracket {match[1]}: {ends[0]:g} is not below {ends[1]:g}", help="want LOW..HIGH"
        )
    return match[1], ends[0], ends[1]


def _written(root: Root, form: str, call: Call) -> str:
    from autodiff_cli.report import root as report

    digits = call.options["digits"]
    if form == "table":
        return report.as_table(root, call.color, digits)
    write = {"plain": report.as_plain, "json": report.as_json, "csv": report.as_csv}[form]
    return write(root, digits)
