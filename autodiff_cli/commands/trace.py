"""`adiff trace`: the graph that a program makes, with the numbers on it."""

from __future__ import annotations

import re
import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import click

from autodiff_cli.commands.help import ExamplesFirst
from autodiff_cli.commands.inputs import split_names
from autodiff_cli.commands.running import (
    Call,
    format_options,
    gradient_options,
    limit_options,
    number_options,
    program_options,
    quiet_option,
    strict_option,
    takes_call,
)
from autodiff_cli.commands.screen import deliver, is_terminal, page
from autodiff_cli.commands.warnings import warn
from autodiff_cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from autodiff_cli.explain.tracing import Trace
    from autodiff_cli.report.trace.brief import Style
    from autodiff_cli.report.trace.view import Choice, View

FORMATS = ("table", "tree", "steps", "plain", "json", "dot", "mermaid", "svg", "html")
"""Each is the function `text` of the module of its name in `report.trace`."""
FOR_A_SCREEN = ("table", "tree", "steps")
ONE_OUTPUT = ("dot", "mermaid", "svg", "html")
"""Formats of which a file holds one."""
LINES = re.compile(r"(\d+)?(:)?(\d+)?")

OF_THE_GRADIENT = "make the gradient a part of the program, `g = grad(y, x)`, and trace g"
MANY_PASSES = {
    "jacobian": "--cotangent '[1, 0, …]' shows the pass of one row",
    "hessian": OF_THE_GRADIENT,
    "jvp": "--cotangent weighs the output's elements, for a pass that is reverse",
    "hvp": OF_THE_GRADIENT,
    "order": OF_THE_GRADIENT,
}
"""Options of `adiff eval` that ask for more than one reverse pass, each with the remedy."""

EXAMPLES = (
    "adiff trace -e 'y = 2 * dot(x, x)' x='[0, 1, 2, 3]'",
    "adiff trace -e 'x^2 * sin(x)' x=3 --steps",
    "adiff trace -e 'x^2 * sin(x)' x=3 -o graph.svg",
    "adiff trace -e 'x^2 * sin(x)' x=3 -o steps.html",
)


def refused_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds what is known from `adiff eval`, so that it can be said what to do instead."""
    for name, remedy in MANY_PASSES.items():
        function = click.option(f"--{name}", is_flag=True, hidden=True, help=remedy)(function)
    return function


@click.command("trace", cls=ExamplesFirst, examples=EXAMPLES)
@program_options
@gradient_options
@refused_options
@format_options(FORMATS, "by the ending of -o, else a table on a terminal, else plain.")
@click.option("--tree", "form_of", flag_value="tree", help="From the output down to the leaves.")
@click.option("--steps", "form_of", flag_value="steps", help="The passes, told step by step.")
@click.option("--full", is_flag=True, help="Print arrays whole.")
@click.option("--unfold", is_flag=True, help="Open all loops and calls.")
@click.option(
    "--depth",
    type=click.IntRange(min=0),
    metavar="N",
    help="Open N levels of them.  [what fills a screen]",
)
@click.option(
    "--only",
    multiple=True,
    metavar="NAMES",
    help="Only what lies between these and the output.",
)
@click.option("--lines", metavar="A:B", help="Only these lines of the source.")
@number_options
@strict_option
@limit_options
@quiet_option
@takes_call
def command(call: Call) -> None:
    """Show what a program computes: every node with its value, local derivatives and adjoint.

    On a terminal, what is longer than the screen goes to the pager of $PAGER. A large array is
    shown by its shape, its least and its greatest element.
    """
    options = call.options
    _refuse_many_passes(options)
    form = _format(call)
    choice = _choice(options)
    from autodiff_cli.report.trace.view import View

    with call.opened("tracing") as job:
        traces = job.program.traces(job.inputs, job.question)
        _refuse_several(traces, form)
        with traces[0].outcome.machine.open():
            views = [View(each, choice) for each in traces]
            for view in views:
                view.sweep()
        evaluations = [each.evaluation for each in traces]
        job.program.refuse(evaluations)
        for evaluation in evaluations:
            evaluation.findings[:0] = job.remarks
    if form != "json" and not options["quiet"]:
        warn(evaluations, options["color"])
        call.tell_of_nothing(job.program, evaluations)
    _deliver(views, form, call)


def _format(call: Call) -> str:
    options = call.options
    form: str | None = options["form_of"]
    if form is None:
        form = call.form(FORMATS)
    elif options["as_json"] or options["form"] not in ("auto", form):
        other = "--json" if options["as_json"] else f"--format {options['form']}"
        raise UsageError(f"got --{form} and {other}, want one of them")
    return form


def _choice(options: Mapping[str, Any]) -> Choice:
    from autodiff_cli.report.trace.structure import EVERYTHING
    from autodiff_cli.report.trace.view import Choice

    if options["unfold"] and options["depth"] is not None:
        raise UsageError(
            "got --unfold and --depth, want one of them", help="--unfold opens every level"
        )
    depth = EVERYTHING if options["unfold"] else options["depth"]
    return Choice(depth, split_names(options["only"]) or (), _lines(options["lines"]))


def _lines(text: str | None) -> tuple[int, int] | None:
    """`3:7`, `3:`, `:7` or `3` as the first and the last line."""
    if text is None:
        return None
    match = LINES.fullmatch(text.strip())
    first, colon, last = match.groups() if match else (None, None, None)
    if first is None and last is None:
        raise UsageError(f"--lines: got {text!r}, want A:B", help="as in --lines 3:7, or 3 for one")
    low = int(first or 1)
    high = int(last) if last else sys.maxsize if colon else low
    if low > high:
        raise UsageError(f"--lines: {low} is more than {high}", help="want FIRST:LAST")
    return low, high


def _refuse_many_passes(options: Mapping[str, Any]) -> None:
    for name, remedy in MANY_PASSES.items():
        if options[name]:
            raise UsageError(f"got --{name}, and a trace shows one reverse pass", help=remedy)


def _refuse_several(traces: list[Trace], form: str) -> None:
    if form in ONE_OUTPUT and len(traces) > 1:
        names = ", ".join(each.name for each in traces)
        raise UsageError(
            f"got the outputs {names}, and {form} shows one", help="name it with --of NAME"
        )


def _deliver(views: list[View], form: str, call: Call) -> None:
    from importlib import import_module

    from autodiff_cli.commands.progress import progress
    from autodiff_cli.report.columns import screen_columns
    from autodiff_cli.report.trace.brief import Style

    options = call.options
    write = import_module(f"autodiff_cli.report.trace.{form}").text
    style = Style(
        options["digits"],
        options["full"],
        screen_columns(),
        form in FOR_A_SCREEN and call.color,
    )
    chunks = _written(views, write, style, form)
    seen = options["output"] is None and is_terminal(sys.stdout)
    if seen and form in FOR_A_SCREEN:
        page(chunks)
        return
    contents = (chunk.encode(errors="backslashreplace") for chunk in chunks)
    # Where the text itself is looked at, it is progress enough.
    with nullcontext() if seen else progress(f"writing {form}", options["color"]):
        deliver(contents, options["output"])


def _written(
    views: list[View], write: Callable[[View, Style], Iterator[str]], style: Style, form: str
) -> Iterator[str]:
    with views[0].trace.outcome.machine.open():
        for position, view in enumerate(views):
            if position and form in FOR_A_SCREEN:
                yield "\n"
            if len(views) > 1 and form == "table":
                yield f"{view.trace.name}:\n"
            yield from write(view, style)
