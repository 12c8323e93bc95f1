"""A check as a table for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from autodiff_cli.check.checking import FAILED
from autodiff_cli.report.check import Report, Row, error_text, other_text, rows, verdict_text
from autodiff_cli.report.console import drawn, new_table
from autodiff_cli.report.numbers import number_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.table import Table

DIGITS = 12
"""Unless told otherwise; two numbers beside each other in full would be wide."""
MOST_ROWS = 24
"""Of more rows those are shown that did not pass, and of the others the worst."""
STYLES = {"ok": "green", "unsure": "yellow"}


def as_table(reports: Sequence[Report], color: bool, digits: int | None = None) -> str:
    """A table for each output, as wide as the terminal, and a sentence below."""
    return drawn(color, lambda _: (_parts(report, digits or DIGITS) for report in reports))


def _parts(report: Report, digits: int) -> Iterator[Table | Text]:
    yield _table(report, digits)
    yield Text(verdict_text(report), style="green" if report.passed else "red")


def _table(report: Report, digits: int) -> Table:
    table = new_table()
    for title in ("derivative", "gradient", "checked against", "by", "error", ""):
        table.add_column(title, overflow="fold", justify="right" if title == "error" else "left")
    shown = list(rows(report))
    hidden = 0
    if len(shown) > MOST_ROWS:
        kept = set(sorted(range(len(shown)), key=lambda i: _rank(shown[i]))[:MOST_ROWS])
        hidden = len(shown) - len(kept)
        shown = [row for i, row in enumerate(shown) if i in kept]
    for row in shown:
        # All text is the user's: as a plain string, rich would take `[x]` for markup.
        table.add_row(
            Text(row.name),
            Text(number_text(row.gradient, digits)),
            Text(other_text(row, digits)),
            Text(row.by),
            Text(error_text(row)),
            Text(row.verdict, style=STYLES.get(row.verdict, "bold red")),
        )
    if hidden:
        table.add_row(Text(f"… {hidden:,} more"))
    return table


def _rank(row: Row) -> tuple[bool, bool, float]:
    return row.verdict not in FAILED, row.verdict == "ok", -(row.error or 0.0)
