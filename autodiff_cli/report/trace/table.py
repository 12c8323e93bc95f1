"""A trace as a table for the terminal, a row for each node in the order of evaluation."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from autodiff_cli.report.trace.brief import brief
from autodiff_cli.report.trace.rows import EventRow, GroupRow, NodeRow
from autodiff_cli.report.trace.wrapping import CHARACTER, columns, folded, painted, width_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from autodiff_cli.report.trace.brief import Style
    from autodiff_cli.report.trace.rows import Row
    from autodiff_cli.report.trace.view import View
    from autodiff_cli.report.trace.wrapping import Piece

    Cell = Sequence[Piece]
    """The lines of a cell, each of one style, and folded where it is too long."""

DIGITS = 6
"""Significant digits of a number, where nobody says: a table is to be looked over."""
ROWS_AT_ONCE = 200
RESULTS_SHOWN = 3
DEEPEST = 6
"""Columns that a row is set in, at most."""
GAP = 2
"""Between columns."""
HEADINGS = ("node", "expression", "value", "local derivatives", "adjoint", "line")
EXPRESSION = HEADINGS.index("expression")
EMPTY = "no node was recorded: nothing depends on a name that is differentiated by\n"
LEFT_OUT = "no node is left to show: --only and --lines leave out all of them\n"


def text(view: View, style: Style) -> Iterator[str]:
    """The table in pieces, the headings in the first; it is as wide as the style says.

    Below an expression stands the primitive that was evaluated, with its operands.
    """
    rows = view.rows()
    writer = _Writer(view, style)
    piece = list(islice(rows, ROWS_AT_ONCE))
    if piece:
        yield writer.headings()
    else:
        yield LEFT_OUT if view.nodes else EMPTY
    while piece:
        yield "".join(map(writer.row, piece))
        piece = list(islice(rows, ROWS_AT_ONCE))
    yield from writer.notes()


class _Writer:
    def __init__(self, view: View, style: Style) -> None:
        self._view = view
        self._digits = style.digits or DIGITS
        self._full = style.full
        self._color = style.color
        self._widths = _widths(
            style.width, len(view.labels.number(view.nodes[-1])) if view.nodes else 4
        )

    def headings(self) -> str:
        """The headings, and a line below them."""
        cells = [[("heading", heading)] for heading in HEADINGS]
        rule = "─" * (sum(self._widths) + GAP * (len(self._widths) - 1))
        return f"{self._set(cells, 0)}{rule}\n"

    def row(self, row: Row) -> str:
        return self._set(self._cells(row), min(row.depth, DEEPEST))

    def _set(self, cells: Sequence[Cell], depth: int) -> str:
        """The lines of a row, whose expression is set in by `depth`."""
        texts = [
            self._lines(cell, width, depth if position == EXPRESSION else 0)
            for position, (cell, width) in enumerate(zip(cells, self._widths, strict=True))
        ]
        written = ""
        for number in range(max(map(len, texts))):
            start = end = 0
            for lines, width in zip(texts, self._widths, strict=True):
                if number < len(lines) and lines[number][0]:
                    text, size = lines[number]
                    written += " " * (start - end) + text
                    end = start + size
                start += width + GAP
            written += "\n"
        return written

    def _lines(self, cell: Cell, width: int, depth: int) -> list[tuple[str, int]]:
        """The lines of a cell as the terminal shows them, each with its columns."""
        found = []
        room, before = max(width - depth, 1), " " * depth
        for style, text in cell:
            size = columns(text)
            if size <= room and text.isprintable():
                found.append((before + painted([(style, text)], self._color), depth + size))
            else:
                found += [
                    (before + painted(line, self._color), depth + width_of(line))
                    for line in folded([(style, text)], room, part=CHARACTER)
                ]
        return found

    def notes(self) -> Iterator[str]:
        shown = self._view.shown
        if shown is not None and shown.span is not None:
            yield f"The adjoints are those of the last `backward`, of line {shown.span.line}.\n"

    def _cells(self, row: Row) -> list[Cell]:
        if isinstance(row, NodeRow):
            return self._node(row)
        if isinstance(row, GroupRow):
            return self._group(row)
        if isinstance(row, EventRow):
            return self._event(row)
        return [[], [("italic", row.caption)], [], [], [], []]

    def _shown(self, value: object) -> str:
        return "" if value is None else brief(value, self._digits, self._full)

    def _node(self, row: NodeRow) -> list[Cell]:
        made = row.expression
        if row.primitive:
            if row.name:
                made = f"{row.name} = {made}"
            operation = " ".join([row.primitive, ", ".join(o.label for o in row.operands)])
        else:
            operation = "leaf"
        derivatives = [one.spelt(self._shown) for one in row.partials]
        return [
            [("name", self._view.labels.number(row.node))],
            [("", made), ("dim", operation)],
            _column("", [self._shown(row.value)]),
            _column("dim", dict.fromkeys(derivatives)),
            _column("adjoint", [self._shown(row.adjoint)]),
            _column("dim", [] if row.line is None else [str(row.line)]),
        ]

    def _group(self, row: GroupRow) -> list[Cell]:
        number, nodes = self._view.labels.number, self._view.nodes
        first, last = number(nodes[row.start]), number(nodes[row.end - 1])
        below = [] if row.opened else [f"{first} … {last}"]
        results = row.results
        left_out = max(len(results) - RESULTS_SHOWN, 0)
        results = results[left_out:]
        more = [f"… {left_out} more"] if left_out else []
        values = [f"{r.name or r.label} = {self._shown(r.value)}" for r in results]
        adjoints = [self._shown(r.adjoint) for r in results]
        return [
            [("name", "▾" if row.opened else "▸")],
            [("heading", row.caption), *_column("dim", below)],
            _column("", more + values),
            [("dim", row.head)],
            _column("adjoint", [""] * len(more) + adjoints),
            [("dim", str(row.line))],
        ]

    def _event(self, row: EventRow) -> list[Cell]:
        said = [f"{s.name}.grad += {self._shown(s.added)}" for s in row.sums]
        said += [f"{name}.grad = 0" for name in row.cleared]
        totals = [f"{s.name}.grad = {self._shown(s.total)}" for s in row.sums]
        return [
            [("name", "◂")],
            [("heading", row.expression)],
            _column("", totals),
            _column("dim", said),
            [],
            [("dim", str(row.line))],
        ]


def _column(style: str, texts: Iterable[str]) -> Cell:
    return [(style, line) for text in texts for line in text.split("\n")]


def _widths(width: int, number: int) -> list[int]:
    """Of the columns: what the numbers leave goes to the texts."""
    node, line = max(number, 4), 4
    rest = max(width - node - line - 5 * GAP, 40)
    value = adjoint = min(11 + max(rest - 62, 0) // 6, 30)
    texts = rest - value - adjoint
    expression = texts * 9 // 20
    widths = [node, expression, value, texts - expression, adjoint, line]
    while sum(widths) + 5 * GAP > width and max(widths) > 1:
        widths[widths.index(max(widths))] -= 1
    return widths
