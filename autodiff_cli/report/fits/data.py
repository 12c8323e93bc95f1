"""A fit as plain data: what the JSON says, and what every other format draws."""

from __future__ import annotations

import csv
import math
from io import StringIO
from typing import TYPE_CHECKING, Any

from autodiff_cli.records import record
from autodiff_cli.report.diagnostics import as_data
from autodiff_cli.report.numbers import json_lines, json_value, number_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from autodiff_cli.solve.fitting import Fit
    from autodiff_cli.solve.prediction import Predictions

SCHEMA = "adiff.fit/1"


@record
class Report:
    """A fit, and what it is called.

    Attributes:
        title: the response, as `y` or `log(y)`.
        source: where the data are from.
        dropped: how many rows were left out for a missing cell.
        levels: of columns of categories, their texts.
        predictions: for other data, where they were asked for.
    """

    fit: Fit
    title: str
    source: str
    dropped: int = 0
    levels: Mapping[str, list[str]] = {}
    predictions: Predictions | None = None


@record
class Row:
    """A parameter; nan where there is no error and no interval."""

    label: str
    value: float
    standard_error: float
    low: float
    high: float
    fixed: bool
    at_bound: bool


def rows(fit: Fit) -> Iterator[Row]:
    """The parameters, those that are free first."""
    import numpy as np

    from autodiff_cli.solve.parameters import element_labels

    parameters = fit.model.parameters
    for i, label in enumerate(parameters.labels):
        low, high = map(float, fit.intervals[i])
        error = float(fit.statistics.standard_errors[i])
        yield Row(label, float(fit.at[i]), error, low, high, False, bool(fit.held[i]))
    for name, value in parameters.fixed.items():
        labels = element_labels(name, np.shape(value))
        for label, item in zip(labels, np.ravel(value), strict=True):
            yield Row(label, float(item), math.nan, math.nan, math.nan, True, False)


def status(fit: Fit) -> str:
    if not fit.has_converged:
        return "not-converged"
    return "ok" if fit.point.is_finite else "non-finite"


def summary(fit: Fit) -> dict[str, float]:
    """The figures of a fit as a whole, by the names that all formats give them."""
    stats = fit.statistics
    return {
        "residual_sum_of_squares": stats.residual_sum_of_squares,
        "residual_standard_deviation": stats.residual_standard_deviation,
        "degrees_of_freedom": stats.degrees_of_freedom,
        "chi_square": stats.chi_square,
        "aic": stats.aic,
        "bic": stats.bic,
    }


def as_json(report: Report, digits: int | None = None) -> str:
    """One line, as `schemas/fit.json` describes it."""
    fit = report.fit
    labels, matrix = fit.model.parameters.labels, fit.statistics.correlation
    data: dict[str, Any] = {
        "schema": SCHEMA,
        "status": status(fit),
        "response": report.title,
        "rows": fit.model.rows,
        "dropped_rows": report.dropped,
        "parameters": {row.label: _row_data(row, digits) for row in rows(fit)},
        **{name: _number(value, digits) for name, value in summary(fit).items()},
        "confidence": fit.confidence,
        "interval": "profile" if fit.is_profile else "linear",
        "correlation": {
            label: {other: _number(float(matrix[i, j]), digits) for j, other in enumerate(labels)}
            for i, label in enumerate(labels)
        },
        "iterations": fit.evaluations,
        "categories": dict(report.levels),
        "warnings": [as_data(finding) for finding in fit.findings],
    }
    if fit.model.loss is not None:
        data["loss"] = {"name": fit.model.loss.name, "scale": fit.model.loss.scale}
    if report.predictions is not None:
        data["predictions"] = [
            dict(zip(_heads(report.predictions), map(json_value, line), strict=True))
            for line in _lines(report.predictions)
        ]
    return json_lines([data])


def _row_data(row: Row, digits: int | None) -> dict[str, Any]:
    has_interval = not math.isnan(row.low)
    return {
        "value": json_value(row.value, digits),
        "standard_error": _number(row.standard_error, digits),
        "interval": [json_value(row.low, digits), json_value(row.high, digits)]
        if has_interval
        else None,
        "fixed": row.fixed,
        "at_bound": row.at_bound,
    }


def _number(value: float, digits: int | None) -> Any:
    """A number, or null where there is none."""
    return None if math.isnan(value) else json_value(value, digits)


def as_plain(report: Report, digits: int | None = None) -> str:
    """A line for each quantity: `a`, `se(a)`, `low(a)`, `high(a)`, `corr(a,b)`; tab; value."""
    return "".join(f"{name}\t{number_text(v, digits)}\n" for name, v in _quantities(report))


def _quantities(report: Report) -> Iterator[tuple[str, Any]]:
    fit = report.fit
    for row in rows(fit):
        yield row.label, row.value
        if not row.fixed:
            yield f"se({row.label})", row.standard_error
            yield f"low({row.label})", row.low
            yield f"high({row.label})", row.high
    labels, matrix = fit.model.parameters.labels, fit.statistics.correlation
    for i, label in enumerate(labels):
        for j in range(i):
            yield f"corr({labels[j]},{label})", float(matrix[i, j])
    yield from summary(fit).items()
    if report.predictions is not None:
        heads = _heads(report.predictions)
        for number, line in enumerate(_lines(report.predictions)):
            yield from ((f"{head}[{number}]", v) for head, v in zip(heads, line, strict=True))


def as_csv(report: Report, digits: int | None = None) -> str:
    """A row for each parameter; where predictions were asked for, a row for each of them."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if report.predictions is not None:
        writer.writerow(_heads(report.predictions))
        for line in _lines(report.predictions):
            writer.writerow([number_text(value, digits) for value in line])
        return text.getvalue()
    writer.writerow(("parameter", "value", "standard_error", "low", "high", "fixed"))
    for row in rows(report.fit):
        numbers = (row.value, row.standard_error, row.low, row.high)
        cells = ["" if math.isnan(n) else number_text(n, digits) for n in numbers]
        writer.writerow((row.label, *cells, str(row.fixed).lower()))
    return text.getvalue()


def _heads(found: Predictions) -> Sequence[str]:
    bands = ("confidence_low", "confidence_high", "prediction_low", "prediction_high")
    return (*found.columns, "predicted", "standard_error", *bands)


def _lines(found: Predictions) -> Iterator[list[float]]:
    import numpy as np

    columns = [*found.columns.values(), found.value, found.standard_error]
    for line in np.column_stack([*columns, found.confidence, found.prediction]):
        yield line.tolist()
