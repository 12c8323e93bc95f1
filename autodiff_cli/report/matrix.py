"""A Jacobian or a Hessian as one matrix, its rows and columns labelled by element."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from rich.text import Text

from autodiff_cli.report.console import new_table
from autodiff_cli.report.elements import matrix
from autodiff_cli.report.numbers import number_text, summary_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from autodiff_cli.explain.evaluation import Evaluation

DIGITS = 6
"""Significant digits of an element, where nobody says: a matrix is to be looked over."""
MOST_ROWS = 20
GAP = 2


def matrix_table(evaluation: Evaluation, width: int, digits: int | None) -> Table:
    """The matrix with the output's value above it; what does not fit is left out at `…`."""
    rows, columns, numbers = matrix(evaluation)
    digits = digits or DIGITS
    texts = [[number_text(float(value), digits) for value in row] for row in numbers]
    widest = max((len(text) for row in texts for text in row), default=1)
    widest = max(widest, *map(len, columns), 1)
    room = width - max(map(len, rows), default=0) - GAP
    shown_columns = _ends(len(columns), max(2, room // (widest + GAP) - 1))
    shown_rows = _ends(len(rows), MOST_ROWS)
    value = summary_text(evaluation.value, digits, width)
    if "\n" in value or len(value) + len(evaluation.output) > width - 3:
        value = f"an array of shape {np.shape(evaluation.value)}"
    table = new_table(
        title=Text(f"{evaluation.output} = {value}"),
        title_justify="left",
        title_style="",
        padding=(0, GAP, 0, 0),
    )
    table.add_column("", style="cyan", no_wrap=True)
    for column in shown_columns:
        table.add_column(
            Text("…" if column is None else columns[column]), justify="right", no_wrap=True
        )
    for row in shown_rows:
        cells = [
            "…" if row is None or column is None else texts[row][column] for column in shown_columns
        ]
        table.add_row(Text("…" if row is None else rows[row]), *map(Text, cells))
    return table


def _ends(count: int, most: int) -> Sequence[int | None]:
    """All of `count` positions, or the first and the last of them with a None between."""
    if count <= most:
        return range(count)
    head = most - most // 2
    return [*range(head), None, *range(count - most // 2, count)]
