"""A minimum as a table for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from autodiff_cli.report.console import drawn, new_table
from autodiff_cli.report.numbers import number_text, summary_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.table import Table

    from autodiff_cli.solve.minimum import Minimum

MOST_ROWS = 40
EIGENVALUE_DIGITS = 6


def as_table(found: Minimum, color: bool, digits: int | None = None) -> str:
    """Where it is, with the gradient there; then what kind of point that is."""
    return drawn(color, lambda width: _groups(found, width, digits))


def _groups(found: Minimum, width: int, digits: int | None) -> Iterator[Sequence[Table]]:
    parameters = found.model.parameters
    table = new_table()
    table.add_column("name", style="cyan", overflow="fold")
    table.add_column("value", overflow="fold")
    table.add_column("gradient", style="green", overflow="fold")
    table.add_row("value", number_text(found.value, digits), "", end_section=True)
    shown = list(zip(parameters.labels, found.at, found.gradient, found.held, strict=True))
    for label, value, slope, held in shown[:MOST_ROWS]:
        note = " (at its bound)" if held else ""
        table.add_row(
            Text(label),
            number_text(float(value), digits) + note,
            number_text(float(slope), digits or EIGENVALUE_DIGITS),
        )
    if len(shown) > MOST_ROWS:
        table.add_row(f"… {len(shown) - MOST_ROWS:,} more")
    yield [table]
    rest = new_table(show_header=False)
    rest.add_column(style="cyan")
    rest.add_column(overflow="fold")
    rest.add_row("nature", found.nature or "unknown")
    rest.add_row("gradient norm", number_text(found.gradient_norm, digits or EIGENVALUE_DIGITS))
    if found.eigenvalues.size:
        text = summary_text(found.eigenvalues, digits or EIGENVALUE_DIGITS, width - 20)
        rest.add_row("eigenvalues", Text(text))
    for number, values in enumerate(found.multipliers, 1):
        what = "multiplier" if len(found.multipliers) == 1 else f"multiplier {number}"
        text = summary_text(values if values.size > 1 else values[0], digits or 6, width - 20)
        rest.add_row(what, Text(text))
    rest.add_row("evaluations", str(found.iterations))
    yield [rest]
