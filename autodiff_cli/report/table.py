"""An evaluation as a table for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from autodiff_cli.report.console import drawn, new_table
from autodiff_cli.report.matrix import matrix_table
from autodiff_cli.report.numbers import summary_text
from autodiff_cli.report.result import quantities

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from autodiff_cli.explain.evaluation import Evaluation

BETWEEN_COLUMNS = 3
NARROWEST = 16
"""Characters of a column of numbers, however narrow the terminal is."""


def as_table(evaluations: Sequence[Evaluation], color: bool, digits: int | None = None) -> str:
    """For each output its value, and what it was differentiated by: value and gradient."""
    return drawn(color, lambda width: ([_table(each, width, digits)] for each in evaluations))


def _table(evaluation: Evaluation, width: int, digits: int | None) -> Table:
    columns = {
        "gradient": f"d{evaluation.output}/d…",
        "hvp": "hvp",
    }
    if evaluation.kind in columns:
        return _by_name(evaluation, columns[evaluation.kind], width, digits)
    if evaluation.kind in ("jacobian", "hessian"):
        return matrix_table(evaluation, width, digits)
    table = _new_table("name", "value")
    room = max(width - width // 4 - BETWEEN_COLUMNS, NARROWEST)
    for name, value in quantities(evaluation):
        table.add_row(Text(name), Text(summary_text(value, digits, room)))
    return table


def _new_table(*headings: str) -> Table:
    table = new_table()
    styles = ("cyan", "", "green")
    for position, heading in enumerate(headings):
        # All text is the user's: as a plain string, rich would take `[x]` for markup.
        table.add_column(Text(heading), style=styles[position], overflow="fold")
    return table


def _by_name(evaluation: Evaluation, heading: str, width: int, digits: int | None) -> Table:
    """The output, and below it what it was differentiated by: value and derivative."""
    found = evaluation.found
    names = ("name", evaluation.output, *found)
    columns = 2 if found else 1
    room = width - min(max(map(len, names)), width // 4) - columns * BETWEEN_COLUMNS
    room = max(room // columns, NARROWEST)

    def cell(value: object) -> Text:
        return Text(summary_text(value, digits, room))

    table = _new_table("name", "value", *([heading] if found else []))
    table.add_row(Text(evaluation.output), cell(evaluation.value), end_section=True)
    for name, derivative in found.items():
        table.add_row(Text(name), cell(evaluation.at[name]), cell(derivative))
    return table
