"""`adiff check`: is this gradient right?"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import click

from autodiff_cli.commands.help import ExamplesFirst
from autodiff_cli.commands.inputs import FILE
from autodiff_cli.commands.running import (
    Call,
    format_options,
    limit_options,
    program_options,
    quiet_option,
    seed_option,
    takes_call,
)
from autodiff_cli.errors import AdiffError, LimitError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autodiff_cli.api.checks import Recorded
    from autodiff_cli.check.claims import Box
    from autodiff_cli.commands.running import Job
    from autodiff_cli.interpreter.machine import Settings
    from autodiff_cli.language.names import Resolved
    from autodiff_cli.language.source import Source
    from autodiff_cli.report.check import Report

FORMATS = ("table", "plain", "json")
MISMATCH = 5
"""The exit status where a derivative is wrong."""
UNJUDGED = 6
"""The exit status where there is none to be right or wrong."""
SAMPLES = 20

EXAMPLES = (
    "adiff check -e 'x^2 * sin(x)' x=3",
    "adiff check -e 'x^2 * sin(x)' x=3 --claim 'x = 2*x*sin(x) + x^2*cos(x)'",
    "adiff check -e 'y = sum(exp(w))' w='[1, 2]' --json",
)
BOX = re.compile(r"\s*([^\W\d]\w*)\s*=([^:]*):([^:]*)", re.DOTALL)


@click.command("check", cls=ExamplesFirst, examples=EXAMPLES)
@program_options
@click.option(
    "--claim",
    "claims",
    multiple=True,
    metavar="NAME=EXPR",
    help="A derivative worked out by hand, to be checked; @FILE has one a line.",
)
@click.option(
    "--samples",
    type=click.IntRange(min=0),
    metavar="N",
    help=f"Random points at which to check claims, too.  [{SAMPLES}]",
)
@click.option(
    "--box",
    "boxes",
    multiple=True,
    metavar="NAME=LOW:HIGH",
    help="Where those points are.  [half of each value on either side of it]",
)
@click.option(
    "--against",
    type=FILE,
    metavar="FILE",
    help="Recorded gradients, as `adiff eval --json` prints them.",
)
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    default=1e-9,
    metavar="R",
    show_default=True,
    help="A relative difference that passes in any case.",
)
@format_options(FORMATS, "a table on a terminal, else plain.")
@seed_option
@limit_options
@quiet_option
@takes_call
def command(call: Call) -> None:
    """Check a program's gradient: against a forward sweep, differences, and 80 digits.

    The error is given in units of what is achievable at the point. The exit status is 5 where
    a derivative is wrong, and 6 where there is none to judge: at a kink, or not finite.
    """
    options = call.options
    if not options["claims"] and (options["samples"] is not None or options["boxes"]):
        raise UsageError(
            "got --samples or --box without a --claim",
            help="the gradient itself is checked at the given point only",
        )
    form = call.form(FORMATS)
    if options["seed"] is None:
        from secrets import randbits  # brings hashing along, which help does without

        options["seed"] = randbits(32)
    with call.opened("checking") as job:
        reports = _check(job, options)
    for report in reports:
        report.check.findings[:0] = job.remarks
    call.tell([one for report in reports for one in report.check.findings], form)
    call.deliver(_written(reports, form, call))
    if not all(report.passed for report in reports):
        wrong = any(report.status == "mismatch" for report in reports)
        call.context.exit(MISMATCH if wrong else UNJUDGED)


def _check(job: Job, options: Mapping[str, Any]) -> list[Report]:
    """Everything that the command line asks for, for each output."""
    settings = job.program.settings
    return job.program.checks(
        job.inputs,
        _claims(options["claims"]),
        SAMPLES if options["samples"] is None else options["samples"],
        _boxes(options["boxes"], job.program.prepared.resolved, settings),
        _recorded(options["against"]),
        options["tolerance"],
        options["against"] or "",
    )


def _claims(texts: Sequence[str]) -> list[Source]:
    from autodiff_cli.language.source import Source

    sources = []
    for text in texts:
        if text.startswith("@"):
            from autodiff_cli.data.files import read_text

            sources.append(Source(text[1:], read_text(text[1:])))
        else:
            sources.append(Source("--claim", text))
    return sources


def _boxes(texts: Sequence[str], resolved: Resolved, settings: Settings) -> Box:
    from autodiff_cli.api.checks import require_names

    box: Box = {}
    for text in texts:
        match = BOX.fullmatch(text)
        if match is None:
            raise UsageError(f"--box: got {text!r}, want NAME=LOW:HIGH", help="as in --box x=-2:2")
        name = match[1]
        require_names(resolved, [name], "--box")
        low, high = (_number(name, end.strip(), settings) for end in match.groups()[1:])
        if low > high:
            raise UsageError(f"--box {name}: {low} is more than {high}", help="want LOW:HIGH")
        box[name] = (low, high)
    return box


def _number(name: str, text: str, settings: Settings) -> float:
    from autodiff_cli.interpreter.run import evaluate_constant
    from autodiff_cli.language.source import Source

    try:
        value = evaluate_constant(Source(f"--box {name}", text), settings)
    except LimitError:
        raise
    except AdiffError:
        value = None
    if not isinstance(value, (int, float)) or not math.isfinite(value):
        raise UsageError(
            f"--box {name}: got `{text}`, want a finite number", help=f"as in --box {name}=-2:2"
        )
    return float(value)


def _recorded(file: str | None) -> Recorded:
    if file is None:
        return {}
    from autodiff_cli.data.gradients import read_gradients

    return read_gradients(file)


def _written(reports: Sequence[Report], form: str, call: Call) -> str:
    from autodiff_cli.report import check

    digits = call.options["digits"]
    if form == "table":
        from autodiff_cli.report.check_table import as_table

        return as_table(reports, call.color, digits)
    return (check.as_json if form == "json" else check.as_plain)(reports, digits)
