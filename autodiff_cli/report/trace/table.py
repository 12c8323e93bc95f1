"""A trace as a table for the terminal, a row for each node in the order of evaluation."""

from __future__ import annotations

from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.text import Text

from autodiff_cli.report.console import drawn, new_table
from autodiff_cli.report.trace.brief import brief
from autodiff_cli.report.trace.rows import EventRow, GroupRow, NodeRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rich.table import Table

    from autodiff_cli.report.trace.brief import Style
    from autodiff_cli.report.trace.rows import Row
    from autodiff_cli.report.trace.view import View

DIGITS = 6
"""Significant digits of a number, where nobody says: a table is to be looked over."""
ROWS_AT_ONCE = 200
RESULTS_SHOWN = 3
DEEPEST = 6
"""Columns that a row is set in, at most."""
GAP = 2
"""Between columns: a space of padding, and one of the box that draws no lines."""
HEADINGS = ("node", "expression", "value", "local derivatives", "adjoint", "line")
STYLES = ("cyan", "", "", "dim", "green", "dim")
EMPTY = "no node was recorded: nothing depends on a name that is differentiated by\n"
LEFT_OUT = "no node is left to show: --only and --lines leave out all of them\n"


def text(view: View, style: Style) -> Iterator[str]:
    """The table in pieces, the headings in the first; it is as wide as the style says.

    Below an expression stands the primitive that was evaluated, with its operands.
    """
    rows = view.rows()
    writer = _Writer(view, style)
    piece = list(islice(rows, ROWS_AT_ONCE))
    if not piece:
        yield LEFT_OUT if view.nodes else EMPTY
    first = True
    while piece:
        table = writer.table(piece, first)
        yield drawn(style.color, partial(_alone, table), style.width)
        piece = list(islice(rows, ROWS_AT_ONCE))
        first = False
    yield from writer.notes()


def _alone(table: Table, width: int) -> Iterable[Iterable[Table]]:
    return [[table]]


class _Writer:
    def __init__(self, view: View, style: Style) -> None:
        self._view = view
        self._digits = style.digits or DIGITS
        self._full = style.full
        self._widths = _widths(
            style.width, len(view.labels.number(view.nodes[-1])) if view.nodes else 4
        )

    def table(self, rows: Sequence[Row], headed: bool) -> Table:
        table = new_table(show_header=headed, padding=(0, 1, 0, 0))
        for heading, width, style in zip(HEADINGS, self._widths, STYLES, strict=True):
            table.add_column(heading, width=width, style=style, overflow="fold")
        for row in rows:
            table.add_row(*self._cells(row))
        return table

    def notes(self) -> Iterator[str]:
        shown = self._view.shown
        if shown is not None and shown.span is not None:
            yield f"The adjoints are those of the last `backward`, of line {shown.span.line}.\n"

    def _cells(self, row: Row) -> list[Text | Padding]:
        if isinstance(row, NodeRow):
            return self._node(row)
        if isinstance(row, GroupRow):
            return self._group(row)
        if isinstance(row, EventRow):
            return self._event(row)
        caption = Text(row.caption, "italic")
        return [Text(), _indented(row.depth, caption), Text(), Text(), Text(), Text()]

    def _shown(self, value: object) -> str:
        return "" if value is None else brief(value, self._digits, self._full)

    def _node(self, row: NodeRow) -> list[Text | Padding]:
        made = row.expression
        if row.primitive:
            if row.name:
                made = f"{row.name} = {made}"
            operation = " ".join([row.primitive, ", ".join(o.label for o in row.operands)])
        else:
            operation = "leaf"
        derivatives = [one.spelt(self._shown) for one in row.partials]
        return [
            Text(self._view.labels.number(row.node)),
            _indented(row.depth, Text.assemble(made, "\n", (operation, "dim"))),
            Text(self._shown(row.value)),
            Text("\n".join(dict.fromkeys(derivatives))),
            Text(self._shown(row.adjoint)),
            Text("" if row.line is None else str(row.line)),
        ]

    def _group(self, row: GroupRow) -> list[Text | Padding]:
        number, nodes = self._view.labels.number, self._view.nodes
        first, last = number(nodes[row.start]), number(nodes[row.end - 1])
        below = "" if row.opened else f"\n{first} … {last}"
        results = row.results
        left_out = max(len(results) - RESULTS_SHOWN, 0)
        results = results[left_out:]
        more = [f"… {left_out} more"] if left_out else []
        values = [f"{r.name or r.label} = {self._shown(r.value)}" for r in results]
        adjoints = [self._shown(r.adjoint) for r in results]
        return [
            Text("▾" if row.opened else "▸"),
            _indented(row.depth, Text.assemble((row.caption, "bold"), (below, "dim"))),
            Text("\n".join(more + values)),
            Text(row.head),
            Text("\n".join([""] * len(more) + adjoints)),
            Text(str(row.line)),
        ]

    def _event(self, row: EventRow) -> list[Text | Padding]:
        said = [f"{s.name}.grad += {self._shown(s.added)}" for s in row.sums]
        said += [f"{name}.grad = 0" for name in row.cleared]
        totals = [f"{s.name}.grad = {self._shown(s.total)}" for s in row.sums]
        return [
            Text("◂"),
            _indented(row.depth, Text(row.expression, "bold")),
            Text("\n".join(totals)),
            Text("\n".join(said)),
            Text(),
            Text(str(row.line)),
        ]


def _indented(depth: int, text: Text) -> Padding:
    return Padding(text, (0, 0, 0, min(depth, DEEPEST)))


def _widths(width: int, number: int) -> list[int]:
    """Of the columns: what the numbers leave goes to the texts."""
    node, line = max(number, 4), 4
    rest = max(width - node - line - 5 * GAP, 40)
    value = adjoint = min(11 + max(rest - 62, 0) // 6, 30)
    texts = rest - value - adjoint
    expression = texts * 9 // 20
    return [node, expression, value, texts - expression, adjoint, line]
