"""An evaluation as a table for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from autodiff_cli.report.numbers import summary_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from autodiff_cli.runtime.evaluation import Evaluation


def as_table(
    evaluations: Sequence[Evaluation], stream: TextIO, color: bool, digits: int | None = None
) -> str:
    """For each output its value, and what it was differentiated by: value and gradient.

    As wide as the terminal behind `stream`.
    """
    console = Console(
        file=stream,
        force_terminal=color,
        color_system="auto" if color else None,
        no_color=not color,
        highlight=False,
    )
    with console.capture() as capture:
        for evaluation in evaluations:
            console.print(_table(evaluation, digits))
    # Rich pads every line to the width of the table.
    return "".join(f"{line.rstrip()}\n" for line in capture.get().strip("\n").splitlines())


def _table(evaluation: Evaluation, digits: int | None) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold", show_edge=False)
    table.add_column("name", style="cyan", overflow="fold")
    table.add_column("value", overflow="fold")
    table.add_row(
        Text(evaluation.output), Text(summary_text(evaluation.value, digits)), end_section=True
    )
    if evaluation.gradient:
        table.add_column(Text(f"d{evaluation.output}/d…"), style="green", overflow="fold")
    for name, derivative in evaluation.gradient.items():
        table.add_row(
            Text(name),
            Text(summary_text(evaluation.at[name], digits)),
            Text(summary_text(derivative, digits)),
        )
    return table
