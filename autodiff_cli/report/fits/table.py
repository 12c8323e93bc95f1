"""A fit as tables for the terminal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.text import Text

from autodiff_cli.report.console import drawn, new_table
from autodiff_cli.report.fits.data import rows, summary
from autodiff_cli.report.numbers import number_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.table import Table

    from autodiff_cli.report.fits.data import Report

DIGITS = 7
ERROR_DIGITS = 4
MOST_CORRELATED = 8
"""Of more parameters a matrix of correlations would not be looked over."""
MOST_PREDICTIONS = 20


def as_table(report: Report, color: bool, digits: int | None = None) -> str:
    """Parameters with errors and intervals, then the fit as a whole, then correlations."""
    return drawn(color, lambda _: _groups(report, digits))


def _groups(report: Report, digits: int | None) -> Iterator[Sequence[Table | Text]]:
    yield [_parameters(report, digits)]
    yield [_whole(report, digits)]
    known = report.fit.statistics.correlation
    if 1 < len(known) <= MOST_CORRELATED and (known == known).all():
        yield [_correlations(report)]
    if report.predictions is not None:
        yield [_predictions(report, digits)]


def _parameters(report: Report, digits: int | None) -> Table:
    fit = report.fit
    table = new_table(title=Text(_title(report)), title_justify="left", title_style="")
    kind = "profile interval" if fit.is_profile else "interval"
    table.add_column("parameter", style="cyan", overflow="fold")
    table.add_column("value", overflow="fold")
    table.add_column("standard error", overflow="fold")
    table.add_column(f"{100 * fit.confidence:g} % {kind}", overflow="fold")
    for row in rows(fit):
        value = number_text(row.value, digits or DIGITS)
        if row.fixed or row.at_bound:
            table.add_row(Text(row.label), value, "fixed" if row.fixed else "at its bound", "")
            continue
        error, low, high = row.standard_error, row.low, row.high
        share = f" ({_percent(error / abs(row.value))})" if row.value and error == error else ""
        ends = f"{number_text(low, digits or DIGITS)} to {number_text(high, digits or DIGITS)}"
        none = math.isnan(error)
        table.add_row(
            Text(row.label),
            value,
            "none" if none else f"{number_text(error, digits or ERROR_DIGITS)}{share}",
            "" if math.isnan(low) else ends,
        )
    return table


def _title(report: Report) -> str:
    fit = report.fit
    free = len(fit.model.parameters.labels)
    dropped = f", {report.dropped} dropped" if report.dropped else ""
    where = f" of {report.source}" if report.source else ""
    return (
        f"{report.title}: {fit.model.rows} rows{where}{dropped}, "
        f"{free} parameter{'' if free == 1 else 's'}"
    )


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 10 else f"{100 * share:.0e} %"


def _whole(report: Report, digits: int | None) -> Table:
    table = new_table(show_header=False)
    table.add_column(style="cyan")
    table.add_column()
    for name, value in summary(report.fit).items():
        if (
            name == "chi_square"
            and report.fit.model.scale.min() == report.fit.model.scale.max() == 1
        ):
            continue  # it is the residual sum of squares once more
        label = name.upper() if name in ("aic", "bic") else name.replace("_", " ")
        table.add_row(label, number_text(value, digits or DIGITS))
    loss = report.fit.model.loss
    if loss is not None:
        table.add_row("loss", f"{loss.name}, from {loss.scale:.4g} on")
    for name, texts in report.levels.items():
        table.add_row(Text(name), Text(", ".join(f"{i} = {t}" for i, t in enumerate(texts))))
    return table


def _correlations(report: Report) -> Table:
    labels = report.fit.model.parameters.labels
    matrix = report.fit.statistics.correlation
    table = new_table()
    table.add_column("correlation", style="cyan")
    for label in labels[:-1]:
        table.add_column(Text(label), justify="right")
    for i, label in enumerate(labels[1:], 1):
        cells = [f"{matrix[i, j]:.4f}" for j in range(i)]
        table.add_row(Text(label), *cells, *[""] * (len(labels) - 1 - i))
    return table


def _predictions(report: Report, digits: int | None) -> Table:
    found = report.predictions
    assert found is not None
    table = new_table()
    for name in found.columns:
        table.add_column(Text(name), style="cyan")
    table.add_column("predicted")
    table.add_column("standard error")
    table.add_column("confidence band")
    table.add_column("prediction band")

    def band(ends: Sequence[float]) -> str:
        return " to ".join(number_text(float(end), digits or DIGITS) for end in ends)

    for i in range(min(len(found.value), MOST_PREDICTIONS)):
        table.add_row(
            *(number_text(float(values[i]), digits or DIGITS) for values in found.columns.values()),
            number_text(float(found.value[i]), digits or DIGITS),
            number_text(float(found.standard_error[i]), digits or ERROR_DIGITS),
            band(found.confidence[i]),
            band(found.prediction[i]),
        )
    if len(found.value) > MOST_PREDICTIONS:
        table.add_row(f"… {len(found.value) - MOST_PREDICTIONS:,} more")
    return table
