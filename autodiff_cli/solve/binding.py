"""A program and data made one: which input is a column, which output predicts what was seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.graph import value_of
from autodiff_cli.engine.lazy import np
from autodiff_cli.errors import AdiffError, RunError, UsageError, did_you_mean
from autodiff_cli.interpreter.machine import Machine, Settings
from autodiff_cli.interpreter.program import load
from autodiff_cli.interpreter.run import run, run_in, unknown_input
from autodiff_cli.interpreter.values import is_boolean
from autodiff_cli.language.source import Source
from autodiff_cli.records import record
from autodiff_cli.solve.model import Model
from autodiff_cli.solve.parameters import Parameters

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from autodiff_cli.interpreter.program import Program


@record
class Terms:
    """What is fitted to what.

    Attributes:
        of: the output that predicts, or is the residuals; None for the one that is a column's
            name, or for the result.
        response: an expression of columns; None for the column that the output is named after.
        residual: the output is the residuals.
        weights, sigma: expressions of columns; at most one of them.
        bounds: by a parameter's name, or the label of an element.
        fixed: names of parameters.
    """

    of: str | None = None
    response: str | None = None
    residual: bool = False
    weights: str | None = None
    sigma: str | None = None
    bounds: Mapping[str, tuple[float, float]] = {}
    fixed: Collection[str] = ()


class Expression:
    """An expression of an option, over columns: `log(y)`.

    Raises:
        ProgramError: it is none.
    """

    def __init__(self, option: str, text: str, settings: Settings) -> None:
        self.option = option
        self.text = text
        self._settings = settings
        self._program = load(Source(option, text), settings.limits)

    @property
    def names(self) -> list[str]:
        return list(self._program.resolved.inputs)

    def of(self, columns: Mapping[str, Any], rows: int | None) -> Any:
        """Its value for each row.

        Raises:
            UsageError: it reads what is no column, or has no number for each row.
        """
        for name in self.names:
            if name not in columns:
                raise UsageError(
                    f"{self.option}: `{name}` is no column of the data",
                    help=did_you_mean(name, columns) or "columns are: " + ", ".join(columns),
                    kind="column",
                )
        given = {name: columns[name] for name in self.names}
        outcome = run(self._program, given, wrt=(), settings=self._settings)
        value = np.asarray(value_of(next(iter(outcome.outputs.values()))), np.float64)
        if not value.ndim and rows is not None:
            return np.full(rows, float(value))
        if value.ndim != 1 or (rows is not None and value.size != rows):
            raise UsageError(
                f"{self.option}: got an array of shape {value.shape}, want a number for each row"
                + ("" if rows is None else f", of which there are {rows}"),
                kind="column",
            )
        return value


def names_needed(
    program: Program, known: Collection[str], terms: Terms, settings: Settings
) -> list[str]:
    """Which of the columns `known` the fit reads.

    Raises:
        UsageError: it is not said what the program predicts.
        ProgramError: an expression of an option is none.
    """
    needed = [name for name in program.resolved.inputs if name in known]
    for option in ("response", "weights", "sigma"):
        text = getattr(terms, option)
        if text is not None:
            needed += Expression(f"--{option}", text, settings).names
    if terms.response is None and not terms.residual:
        needed.append(_predicting(program, known, terms)[1])
    return [name for name in dict.fromkeys(needed) if name in known]


def scale_reads(terms: Terms, settings: Settings) -> list[str]:
    """The columns that weights, or standard deviations, are made of."""
    both = [("--weights", terms.weights), ("--sigma", terms.sigma)]
    return [n for option, text in both if text for n in Expression(option, text, settings).names]


def bind(
    program: Program,
    columns: Mapping[str, Any],
    given: Mapping[str, Any],
    starts: Mapping[str, Any],
    terms: Terms,
    settings: Settings,
) -> Model:
    """The model of a program over columns.

    Args:
        columns: of the data.
        given: inputs that are no parameters.
        starts: where parameters begin; those without have a default in the program.

    Raises:
        UsageError: a parameter has no start, an option means nothing, weights are not positive.
        RunError: the program fails, or is not finite at the start.
    """
    resolved = program.resolved
    inputs = {name: columns[name] for name in resolved.inputs if name in columns}
    inputs = {**inputs, **given}
    inputs = {name: value for name, value in inputs.items() if name not in starts}
    of, response = terms.of, None
    rows = _rows(columns)
    if terms.response is not None:
        response = Expression("--response", terms.response, settings).of(columns, rows)
    elif not terms.residual:
        of, column = _predicting(program, columns, terms)
        response = columns[column]
    first = begin(program, inputs, starts, settings, columns)
    parameters = Parameters(first, terms.bounds, terms.fixed)
    if rows is None or terms.residual:
        rows = _size(program, of, inputs, first, settings)
    scale, is_absolute = scale_of(columns, rows, terms, settings)
    _refuse_not_finite(response, "the response")
    model = Model(program, of, inputs, parameters, response, scale, settings, is_absolute)
    refuse_start(model)
    return model


def _predicting(program: Program, known: Collection[str], terms: Terms) -> tuple[str, str]:
    """The output that predicts, and the column."""
    names = program.resolved.results if terms.of is None else (terms.of,)
    both = [name for name in names if name in known]
    if terms.of is None and not both:
        # Another statement may be the one that predicts, as in `y = …; y - 1`.
        both = [
            n for n in program.resolved.top.slots if n in known and n not in program.resolved.inputs
        ]
    if len(both) == 1:
        return both[0], both[0]
    if both:
        raise UsageError(
            f"the program predicts {' and '.join(both)}, want one of them",
            help=f"name it: --of {both[0]}",
            kind="response",
        )
    shown = ", ".join(f"`{name}`" for name in names)
    raise UsageError(
        f"which column is predicted? {shown} is the name of none",
        help="name the output after the column, as `y = …`; or say --response COLUMN, or "
        "--residual where the program computes residuals itself",
        kind="response",
    )


def _rows(columns: Mapping[str, Any]) -> int | None:
    return next((len(values) for values in columns.values()), None)


def _refuse_missing(
    program: Program, inputs: Mapping[str, Any], starts: Mapping[str, Any], known: Collection[str]
) -> None:
    missing = [
        name
        for name, one in program.resolved.inputs.items()
        if name not in inputs and name not in starts and not one.has_default
    ]
    if not missing:
        return
    listed = " and ".join(f"`{name}`" for name in missing)
    plural = "s have" if len(missing) > 1 else " has"
    hint = did_you_mean(missing[0], known)
    example = " ".join(f"{name}=1" for name in missing)
    raise UsageError(
        f"the parameter{plural} no start: {listed}",
        program.resolved.inputs[missing[0]].span,
        label="an input that is no column is a parameter",
        notes=[hint] if hint else [],
        help=f"say where the search is to begin, as with {example}",
        kind="input",
    )


def begin(
    program: Program,
    inputs: Mapping[str, Any],
    starts: Mapping[str, Any],
    settings: Settings,
    columns: Collection[str] = (),
) -> dict[str, Any]:
    """Where the inputs that are to be found begin: those of `starts`, then the program's defaults.

    Raises:
        UsageError: one has no start, or a start is of no input.
    """
    for name in starts:
        if name not in program.resolved.inputs:
            raise unknown_input(program.resolved, name)
    _refuse_missing(program, inputs, starts, columns)
    names = [name for name in program.resolved.inputs if name not in inputs]
    if not all(name in starts for name in names):
        outcome = run(program, {**inputs, **starts}, wrt=names, settings=settings)
        defaults = {n: node.value for n, node in outcome.targets.items() if node is not None}
        starts = {**starts, **{n: defaults[n] for n in names if n in defaults and n not in starts}}
    return {name: value for name, value in starts.items() if not is_boolean(value)}


def _size(
    program: Program,
    of: str | None,
    inputs: Mapping[str, Any],
    first: Mapping[str, Any],
    settings: Settings,
) -> int:
    """How many residuals a program computes."""
    machine = Machine(settings)
    with machine.open():
        outcome = run_in(machine, program, {**inputs, **first}, (), of and (of,), logged=False)
    return int(np.size(value_of(next(iter(outcome.outputs.values())))))


def scale_of(
    columns: Mapping[str, Any], rows: int, terms: Terms, settings: Settings
) -> tuple[Any, bool]:
    """What residuals are multiplied by, and whether that is 1/σ."""
    if terms.weights is not None and terms.sigma is not None:
        raise UsageError(
            "got --weights and --sigma, want one of them",
            help="--sigma has standard deviations, --weights 1/variance up to a factor",
            kind="weights",
        )
    for option, text in (("--weights", terms.weights), ("--sigma", terms.sigma)):
        if text is None:
            continue
        values = Expression(option, text, settings).of(columns, rows)
        wrong = np.flatnonzero(~(values > 0) | ~np.isfinite(values))
        if wrong.size:
            raise UsageError(
                f"{option}: got {values[wrong[0]]:g} for record {wrong[0] + 1} of the data, "
                "want numbers above 0",
                help="leave out records that are not to count",
                kind="weights",
            )
        return (np.sqrt(values), False) if option == "--weights" else (1 / values, True)
    return np.ones(rows), False


def _refuse_not_finite(values: Any, what: str) -> None:
    if values is None:
        return
    wrong = np.flatnonzero(~np.isfinite(values))
    if wrong.size:
        raise UsageError(
            f"{what} is {values[wrong[0]]} in record {wrong[0] + 1} of the data",
            help="leave the record out; --drop-missing drops those with missing cells",
            kind="missing",
        )


def refuse_start(model: Model) -> None:
    """Raises where the model is nan or inf at the start, with the reason that is found for it."""
    start = model.parameters.start
    point = model.point(start)
    if point.is_finite:
        return
    rows = np.flatnonzero(~np.isfinite(point.residuals))
    what = "the model" if rows.size else "its derivative"
    if not rows.size:
        rows = np.flatnonzero(~np.isfinite(point.jacobian).all(axis=1))
    number = point.residuals[rows[0]] if what == "the model" else np.nan
    where = (
        ""
        if model.rows == 1
        else (f", in {rows.size} of {model.rows} records, first in record {rows[0] + 1}")
    )
    error = RunError(
        f"{what} is {number} at the start{where}",
        help="begin elsewhere: NAME=START",
        kind="non-finite",
    )
    for finding in _why(model):
        error.where, error.label = finding.where, finding.label
        error.notes += finding.notes
        if finding.help:
            error.notes.append(f"help: {finding.help}")
        break
    raise error


def _why(model: Model) -> Sequence[Any]:
    from autodiff_cli.explain.evaluation import Question, evaluate

    inputs = {**model.inputs, **model.parameters.values(model.parameters.start)}
    of = None if model.output is None else (model.output,)
    try:
        found = evaluate(
            model.program, inputs, model.parameters.names, of, model.settings, Question("jacobian")
        )
    except AdiffError:
        return []
    return [one for each in found for one in each.findings if one.where is not None]
