"""`adiff propagate`: how uncertain is the result?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from autodiff_cli.commands.help import ExamplesFirst
from autodiff_cli.commands.inputs import FILE, INPUT
from autodiff_cli.commands.running import (
    Call,
    format_options,
    limit_options,
    of_option,
    quiet_option,
    seed_option,
    source_options,
    takes_call,
)
from autodiff_cli.errors import AdiffError, LimitError, UsageError
from autodiff_cli.records import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from autodiff_cli.solve.propagation import Propagated

FORMATS = ("table", "plain", "json", "csv")

EXAMPLES = (
    "adiff propagate -e 'm * c^2' m=1.20±0.05 c=3.00",
    "adiff propagate -e V/I V='4.999(3)' I='0.0197 +/- 1%' --correlation V,I=-0.4",
    "adiff propagate -e 'x^2' x=0.1±0.5 --order 2 --samples 10000 --seed 1",
)
PAIR = re.compile(r"\s*([^\W\d]\w*)\s*,\s*([^\W\d]\w*)\s*=(.*)", re.DOTALL)


@click.command("propagate", cls=ExamplesFirst, examples=EXAMPLES)
@source_options
@of_option
@click.option(
    "--cov", type=FILE, metavar="FILE", help="The inputs' covariance: CSV with names, or JSON."
)
@click.option(
    "--correlation",
    "correlations",
    multiple=True,
    metavar="A,B=R",
    help="Two inputs' correlation, from -1 to 1.",
)
@click.option(
    "--dof",
    "freedoms",
    multiple=True,
    metavar="NAME=N",
    help="An uncertainty's degrees of freedom.  [inf]",
)
@click.option(
    "--order", type=click.IntRange(1, 2), metavar="N", help="2: with second derivatives.  [1]"
)
@click.option("--samples", type=click.IntRange(min=2), metavar="N", help="Monte Carlo beside it.")
@click.option(
    "--confidence",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.95,
    metavar="P",
    show_default=True,
    help="Of the expanded uncertainty.",
)
@click.option(
    "--coverage-factor",
    type=click.FloatRange(min=0, min_open=True),
    metavar="K",
    help="In place of that of Student's distribution.",
)
@format_options(FORMATS, "by the ending of -o, else a table on a terminal, else plain.")
@seed_option
@limit_options
@quiet_option
@takes_call
def command(call: Call) -> None:
    """Propagate the inputs' uncertainties: a=1.20±0.05, a='1.20(5)', a='1.20 +/- 4%'.

    By the gradient and the inputs' covariance, with the budget by input. Inputs without an
    uncertainty are exact.
    """
    form, options = call.form(FORMATS), call.options
    words, uncertainties = _read_words(call)
    with replace(call, words=words).opened("propagating") as job:
        found = _propagated(job, uncertainties, options)
    call.tell([each for one in found for each in one.findings], form)
    call.deliver(_written(found, form, call))


def _propagated(job: Any, uncertainties: dict[str, float], options: Any) -> list[Propagated]:
    from autodiff_cli.data.covariance import read_covariance
    from autodiff_cli.solve.propagation import covariance_of, propagate

    resolved = job.program.prepared.resolved
    covariance = {} if options["cov"] is None else read_covariance(options["cov"])
    for name in covariance:
        if name not in resolved.inputs:
            from autodiff_cli.interpreter.run import unknown_input

            raise unknown_input(resolved, name)
    correlations = dict(_correlation(text) for text in options["correlations"])
    freedoms = dict(_freedom(text) for text in options["freedoms"])
    return propagate(
        job.program.prepared,
        job.inputs,
        covariance_of(uncertainties, correlations, covariance, freedoms),
        job.program.of,
        job.program.settings,
        options["order"],
        options["samples"] or 0,
        options["confidence"],
        options["coverage_factor"],
    )


def _read_words(call: Call) -> tuple[list[str], dict[str, float]]:
    """The words with values alone, and the uncertainties that stood with them."""
    from autodiff_cli.solve.uncertainty import read

    words, uncertainties = [], {}
    for word in call.words:
        match = INPUT.fullmatch(word)
        found = None if match is None else read(match[1], match[2], _constant(match[1]))
        if match is not None and found is not None:
            if match[1] in uncertainties:
                raise UsageError(
                    f"input `{match[1]}` is given twice",
                    help=f"leave out one `{match[1]}=`",
                    kind="input",
                )
            value, uncertainties[match[1]] = found
            word = f"{match[1]}={value!r}"
        words.append(word)
    return words, uncertainties


def _constant(name: str) -> Callable[[str], float]:
    def number(text: str) -> float:
        from autodiff_cli.interpreter.run import evaluate_constant
        from autodiff_cli.language.source import Source

        try:
            value = evaluate_constant(Source(f"{name}=", text))
        except LimitError:
            raise
        except AdiffError:
            value = None
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise UsageError(
                f"input `{name}`: got `{text}`, want a number beside its uncertainty",
                help=f"as in {name}=1.20±0.05",
                kind="input",
            )
        return float(value)

    return number


def _correlation(text: str) -> tuple[tuple[str, str], float]:
    match = PAIR.fullmatch(text)
    try:
        r = float(match[3]) if match else 2.0
    except ValueError:
        r = 2.0
    if match is None or not -1 <= r <= 1:
        raise UsageError(
            f"--correlation: got {text!r}, want A,B=R with R from -1 to 1",
            help="as in --correlation V,I=-0.36",
        )
    if match[1] == match[2]:
        raise UsageError(f"--correlation: got `{match[1]}` twice, want two inputs")
    return (match[1], match[2]), r


def _freedom(text: str) -> tuple[str, float]:
    match = INPUT.fullmatch(text)
    try:
        dof = float(match[2]) if match else 0.0
    except ValueError:
        dof = 0.0
    if match is None or not dof > 0:
        raise UsageError(
            f"--dof: got {text!r}, want NAME=N with N above 0",
            help="n observations of one quantity have n - 1: --dof a=4",
        )
    return match[1], dof


def _written(found: Sequence[Propagated], form: str, call: Call) -> str:
    from autodiff_cli.report import propagation

    digits = call.options["digits"]
    if form == "table":
        return propagation.as_table(found, call.color, digits)
    write = {
        "plain": propagation.as_plain,
        "json": propagation.as_json,
        "csv": propagation.as_csv,
    }[form]
    return write(found, digits)
