"""`adiff fit`: the parameters at which a program predicts data best."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from autodiff_cli.commands.help import ExamplesFirst
from autodiff_cli.commands.inputs import FILE, INPUT, read_source, split_names
from autodiff_cli.commands.running import (
    Call,
    expressions_option,
    format_options,
    limit_options,
    prepared,
    quiet_option,
    seed_option,
    takes_call,
)
from autodiff_cli.commands.solving import bound_options, read_bounds, split_starts
from autodiff_cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autodiff_cli.api.program import Program
    from autodiff_cli.data.observations import Columns, Observations
    from autodiff_cli.report.fits.data import Report
    from autodiff_cli.solve.binding import Terms
    from autodiff_cli.solve.fitting import Choices, Fit
    from autodiff_cli.solve.prediction import Predictions

FORMATS = ("table", "plain", "json", "csv", "svg")
METHODS = ("auto", "lm", "trf", "dogbox")
LOSSES = ("linear", "huber", "soft_l1", "cauchy", "arctan")
"""Those of `solve.losses`, which only a fit loads."""

EXAMPLES = (
    "adiff examples pasture.csv > pasture.csv",
    "adiff examples pasture.csv | adiff fit -e 'y = a + b*t' - a=0 b=1 --plot",
    "adiff examples pasture.csv | adiff fit -e 'y = a*t^b' - a=1 b=1 --profile",
    "adiff examples pasture.csv | adiff fit -e 'a*t' - a=1 --response 'log(y)'",
    "adiff fit -e '[10*(v - u^2), 1 - u, v*u]' --residual u=-1.2 v=1 --json",
)


@click.command("fit", cls=ExamplesFirst, examples=EXAMPLES)
@click.argument("words", nargs=-1, type=FILE, metavar="[FILE] DATA [NAME=START]...")
@expressions_option
@click.option("--of", metavar="NAME", help="The output that predicts.  [the column's name]")
@click.option(
    "--response", metavar="EXPR", help="What is predicted: a column, or as 'log(y)' of columns."
)
@click.option("--residual", is_flag=True, help="The program computes the residuals itself.")
@click.option("--weights", metavar="EXPR", help="A record's weight: 1/variance up to a factor.")
@click.option("--sigma", metavar="EXPR", help="A record's standard deviation, known.")
@bound_options
@click.option(
    "--starts",
    type=click.IntRange(1),
    default=1,
    metavar="N",
    help="Searches: the first from the starts, others drawn.",
)
@click.option("--loss", type=click.Choice(LOSSES), default="linear", help="For outliers.")
@click.option(
    "--loss-scale",
    type=float,
    metavar="C",
    help="Residuals count for less from here on.  [by their spread]",
)
@click.option("--method", type=click.Choice(METHODS), default="auto", help="Of the search.")
@click.option("--max-evaluations", type=click.IntRange(1), metavar="N", help="For each search.")
@click.option(
    "--confidence", default=0.95, show_default=True, metavar="P", help="Of intervals and bands."
)
@click.option("--profile", is_flag=True, help="Intervals by profile likelihood.")
@click.option("--predict", type=FILE, metavar="FILE", help="Predict for these data, with bands.")
@click.option("--plot", is_flag=True, help="Draw data, curve, bands and residuals.")
@click.option(
    "--categories", multiple=True, metavar="NAMES", help="Columns whose texts become integers."
)
@click.option("--drop-missing", is_flag=True, help="Leave out rows with a missing cell.")
@format_options(FORMATS, "by the ending of -o, else a table on a terminal, else plain.")
@seed_option
@limit_options
@quiet_option
@takes_call
def command(call: Call) -> None:
    """Fit a program's parameters to data.

    Inputs that are columns of DATA are read from there; the others are parameters.
    """
    form = call.form(FORMATS)
    report = _fitted(call)
    findings = report.fit.findings
    call.tell(findings, form)
    call.deliver(_written(report, form, call))
    if not report.fit.has_converged:
        call.context.exit(1)


def _fitted(call: Call) -> Report:
    from autodiff_cli.api.fits import fit
    from autodiff_cli.report.fits.data import Report

    options = call.options
    words, data = _split(call.words, bool(call.expressions), options["residual"])
    source, input_words = read_source(words, call.expressions)
    from_stdin = source.name == "<stdin>"
    if from_stdin and data == "-":
        raise UsageError(
            "standard input cannot be the program and the data",
            help="read one of the two from a file",
        )
    with call.working(f"fitting {source.name}") as (say, remarks):
        program = prepared(source, {**options, "wrt": (), "of": ()}, say)
        settings = program.settings
        terms, choices = _terms(options, settings), _choices(options)
        found = _observations(data)
        columns = _columns(program, found, terms, options)
        given, starts = split_starts(input_words, None, from_stdin or data == "-", settings)
        result = fit(
            program.prepared,
            {} if columns is None else columns.values,
            given,
            starts,
            terms,
            choices,
            settings,
        )
        report = Report(result, _title(result, terms), "" if data is None else data)
        if columns is not None:
            report.dropped, report.levels = columns.dropped, columns.levels
        if options["predict"] is not None:
            report.predictions = _predictions(report, terms, options)
        result.findings = [*remarks, *result.findings]
    return report


# ── what the command line says ────────────────────────────────────────────────────────


def _split(words: Sequence[str], has_text: bool, residual: bool) -> tuple[list[str], str | None]:
    """The words without that of the data, and that."""
    files = [word for word in words if not INPUT.fullmatch(word)]
    program = 0 if has_text else 1
    if len(files) > program + 1:
        raise UsageError(
            f"got the files {', '.join(files)}, want "
            + ("the data alone" if has_text else "a program and data"),
            help="a start is NAME=VALUE; a file of values for an input is NAME=@FILE",
        )
    if len(files) == program + 1:
        data = files[program]
        rest = list(words)
        rest.reverse()
        rest.remove(data)
        rest.reverse()
        return rest, data
    if not residual:
        raise UsageError(
            "there are no data to fit to" if files or has_text else "there is no program",
            help="name a file: adiff fit -e 'y = a*exp(-b*t)' decay.csv a=1 b=0.5; with "
            "--residual none is needed",
            kind="data",
        )
    return list(words), None


def _terms(options: Mapping[str, Any], settings: Any) -> Terms:
    from autodiff_cli.solve.binding import Terms

    if options["residual"] and options["response"] is not None:
        raise UsageError(
            "got --residual and --response, want one of them",
            help="with --residual the program's output is what is to be made small",
        )
    return Terms(
        options["of"],
        options["response"],
        options["residual"],
        options["weights"],
        options["sigma"],
        read_bounds(options["bounds"], settings),
        split_names(options["fix"]) or (),
    )


def _choices(options: Mapping[str, Any]) -> Choices:
    from autodiff_cli.solve.fitting import Choices

    confidence, scale = options["confidence"], options["loss_scale"]
    if not 0 < confidence < 1:
        raise UsageError(
            f"--confidence: got {confidence:g}, want a number between 0 and 1",
            help="for 95 %, which is the default, write 0.95",
        )
    if scale is not None and not scale > 0:
        raise UsageError(f"--loss-scale: got {scale:g}, want a number above 0")
    if options["method"] == "lm" and (options["bounds"] or options["loss"] != "linear"):
        raise UsageError(
            "--method lm takes no bounds and no --loss", help="leave it out, or choose trf"
        )
    return Choices(
        options["method"],
        options["loss"],
        scale,
        options["starts"],
        confidence,
        options["profile"],
        options["seed"],
        options["max_evaluations"],
    )


def _observations(data: str | None) -> Observations | None:
    if data is None:
        return None
    from autodiff_cli.data.observations import observations

    return observations(data)


def _columns(
    program: Program, found: Observations | None, terms: Terms, options: Mapping[str, Any]
) -> Columns | None:
    from autodiff_cli.solve.binding import names_needed

    if found is None:
        return None
    wanted = names_needed(program.prepared, found.names, terms, program.settings)
    categories = split_names(options["categories"]) or ()
    return found.columns(wanted, categories, options["drop_missing"]) if wanted else None


def _title(result: Fit, terms: Terms) -> str:
    if terms.response is not None:
        return terms.response
    results = result.model.program.resolved.results
    return result.model.output or (results[0] if results else "result")


def _predictions(report: Report, terms: Terms, options: Mapping[str, Any]) -> Predictions:
    """Those for a file, which need not have what was seen, nor the weights."""
    from autodiff_cli.solve.binding import scale_of, scale_reads
    from autodiff_cli.solve.prediction import predict

    model = report.fit.model
    found = _observations(options["predict"])
    assert found is not None
    reads = [name for name in scale_reads(terms, model.settings) if name in found.names]
    wanted = [*dict.fromkeys([*model.columns, *reads])]
    columns = found.columns(wanted, (), options["drop_missing"], report.levels).values
    rows = len(next(iter(columns.values()), [0.0]))
    known = len(reads) == len(scale_reads(terms, model.settings))
    scale = scale_of(columns, rows, terms, model.settings)[0] if known else 1.0
    return predict(report.fit, {name: columns[name] for name in model.columns}, rows, scale)


def _written(report: Report, form: str, call: Call) -> str:
    from autodiff_cli.report.fits import data

    digits = call.options["digits"]
    if form == "svg":
        from autodiff_cli.report.fits.svg import as_svg

        return as_svg(report)
    if form == "table":
        from autodiff_cli.report.fits.table import as_table

        text = as_table(report, call.color, digits)
    else:
        write = {"plain": data.as_plain, "json": data.as_json, "csv": data.as_csv}[form]
        text = write(report, digits)
    if call.options["plot"]:
        from autodiff_cli.report.fits.plot import as_text

        if form not in ("table", "plain"):
            raise UsageError(
                f"--plot does not go with {form}", help="a picture is -o FILE.svg, or --format svg"
            )
        text += "\n" + as_text(report, call.color)
    return text
