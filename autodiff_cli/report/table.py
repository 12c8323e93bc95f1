"""An evaluation as a table for the terminal."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from autodiff_cli.report.numbers import summary_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autodiff_cli.runtime.evaluation import Evaluation

BETWEEN_COLUMNS = 3
NARROWEST = 16
"""Characters of a column of numbers, however narrow the terminal is."""


def as_table(evaluations: Sequence[Evaluation], color: bool, digits: int | None = None) -> str:
    """For each output its value, and what it was differentiated by: value and gradient.

    As wide as the terminal, or as 80 characters where there is none.
    """
    console = Console(
        file=StringIO(),
        force_terminal=color,
        color_system="standard" if color else None,
        no_color=not color,
        highlight=False,
    )
    with console.capture() as capture:
        for position, evaluation in enumerate(evaluations):
            if position:
                console.print()
            console.print(_table(evaluation, console.width, digits))
    # Rich pads every line to the width of the table.
    return "".join(f"{line.rstrip()}\n" for line in capture.get().strip("\n").splitlines())


def _table(evaluation: Evaluation, width: int, digits: int | None) -> Table:
    names = ("name", evaluation.output, *evaluation.gradient)
    columns = 2 if evaluation.gradient else 1
    room = width - min(max(map(len, names)), width // 4) - columns * BETWEEN_COLUMNS
    room = max(room // columns, NARROWEST)

    def cell(value: object) -> Text:
        return Text(summary_text(value, digits, room))

    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold", show_edge=False)
    # All text is the user's: as a plain string, rich would take `[x]` for markup.
    table.add_column("name", style="cyan", overflow="fold")
    table.add_column("value", overflow="fold")
    if evaluation.gradient:
        table.add_column(Text(f"d{evaluation.output}/d…"), style="green", overflow="fold")
    table.add_row(Text(evaluation.output), cell(evaluation.value), end_section=True)
    for name, derivative in evaluation.gradient.items():
        table.add_row(Text(name), cell(evaluation.at[name]), cell(derivative))
    return table
