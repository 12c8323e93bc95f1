"""A trace as a tree: from the output down to the leaves, every node once."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.graph import Node, below
from autodiff_cli.report.trace.brief import brief
from autodiff_cli.report.trace.rows import EventRow, NodeRow
from autodiff_cli.report.trace.wrapping import folded, painted, width_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from autodiff_cli.explain.tracing import Pass
    from autodiff_cli.report.trace.brief import Style
    from autodiff_cli.report.trace.rows import ManyRow
    from autodiff_cli.report.trace.view import View
    from autodiff_cli.report.trace.wrapping import Piece

DIGITS = 6
LINE = 4
"""Columns of a line's number."""
GAP = 2
ROOM = 18
"""Columns that the text of a node has at least: a tree that is deeper goes on at the margin."""
NARROWEST = 18
BRANCH, LAST, PASSING, NOTHING = "├ ", "└ ", "│ ", "  "


def text(view: View, style: Style) -> Iterator[str]:
    """The tree of every `backward` that has a row, and then that of the output."""
    result = view.trace.result
    forest = _Forest(view, style)
    inside = False
    for row in view.rows():
        if isinstance(row, EventRow) and row.swept is not None:
            inside = True
            yield from forest.heading(f"{row.expression}, line {row.line}")
            yield from forest.trees(row.swept)
            yield "\n"
    output = view.trace.name
    if result is None:
        value = brief(view.trace.evaluation.value, style.digits or DIGITS, style.full)
        yield from forest.heading(
            f"{output} = {value} is a constant: it depends on no name that is differentiated "
            "by, and has no tree"
        )
        return
    if inside:
        yield from forest.heading(output)
    yield from forest.trees(result)


@dataclass(slots=True)
class _Branch:
    """What is still to be drawn: a node, with what stands before it."""

    node: Node
    guides: str
    connector: str


class _Forest:
    def __init__(self, view: View, style: Style) -> None:
        self._view, self._style = view, style
        self._digits = style.digits or DIGITS
        # A number of so many digits fits a cell, with what else there is to it in an array.
        self._cell = max((style.width - LINE) // 5, self._digits + len("[-.e-308,"))
        rest = style.width - 2 * self._cell - LINE - 3 * GAP
        self._width = max(rest, NARROWEST)

    def heading(self, words: str) -> Iterator[str]:
        for line in folded([("heading", words)], self._style.width):
            yield painted(line, self._style.color) + "\n"

    def trees(self, swept: Pass) -> Iterator[str]:
        """The nodes below the output of a pass, with its adjoints."""
        view = self._view
        shared = swept is view.shown
        self._adjoints = view.adjoints if shared else swept.adjoints(view.visible)
        self._drawn: set[Any] = set()
        """Nodes, and rows that many are folded into."""
        self._waiting: deque[Node] = deque()
        titles = ("", "value", "adjoint", "line")
        yield from self._cells("", "", *([("heading", title)] for title in titles))
        first = True
        for root in self._roots(swept.output):
            if not first:
                yield "\n"
            first = False
            yield from self._tree(root)

    def _roots(self, output: Node) -> Iterator[Node]:
        """The output, then what was put off; where parts are left out, what they cut off too."""
        visible = self._view.visible
        if output in visible:
            yield output
            yield from self._put_off()
        if not self._view.whole:
            for node in reversed(below(output)):
                if node in visible and self._mark(node) not in self._drawn:
                    yield node
                    yield from self._put_off()

    def _put_off(self) -> Iterator[Node]:
        while self._waiting:
            node = self._waiting.popleft()
            if self._mark(node) not in self._drawn:
                yield node

    def _mark(self, node: Node) -> Any:
        return self._view.fold_of(node) or node

    def _tree(self, root: Node) -> Iterator[str]:
        stack = [_Branch(root, "", "")]
        while stack:
            branch = stack.pop()
            node, guides = branch.node, branch.guides
            fold = self._view.fold_of(node)
            before = guides + branch.connector
            mark = fold or node
            inner = guides + {"": "", BRANCH: PASSING, LAST: NOTHING}[branch.connector]
            if mark in self._drawn:
                yield from self._again(node, fold, before, inner)
                continue
            operands = self._operands(node, fold)
            if operands and len(before) > max(self._width - ROOM, len(LAST)):
                self._waiting.append(node)
                label = self._view.labels.label(node)
                yield self._painted(before, [("", "… "), ("name", label), ("", " continues below")])
                continue
            self._drawn.add(mark)
            after = inner + (PASSING if operands else NOTHING)
            yield from self._line(node, self._text(node, fold), before, after)
            connector = LAST
            for operand in reversed(operands):
                stack.append(_Branch(operand, inner, connector))
                connector = BRANCH

    def _operands(self, node: Node, fold: ManyRow | None) -> list[Node]:
        """What a node, or all nodes of a fold, are computed from, as far as that is shown."""
        nodes = node.parents if fold is None else fold.uses
        return [operand for operand in dict.fromkeys(nodes) if operand in self._view.visible]

    # ── lines ─────────────────────────────────────────────────────────────────────────

    def _text(self, node: Node, fold: ManyRow | None) -> list[Piece]:
        labels = self._view.labels
        called = labels.called(node)
        if fold is not None:
            return [*called, ("", " = "), ("heading", fold.caption)]
        if node.primitive is None:
            return called
        return [*called, ("", f" = {labels.operation(node)}")]

    def _again(self, node: Node, fold: ManyRow | None, before: str, inner: str) -> Iterator[str]:
        label = ("name", self._view.labels.label(node))
        if fold is None:
            yield self._painted(before, [("dim", "↑ "), label])
        else:
            # Another result of the fold: a value of its own, and no operands of its own.
            pieces: list[Piece] = [label, ("", " = "), ("dim", "↑ "), ("heading", fold.caption)]
            yield from self._line(node, pieces, before, inner)

    def _line(self, node: Node, pieces: Sequence[Piece], before: str, after: str) -> Iterator[str]:
        row = NodeRow(self._view, 0, self._view.labels.numbers[node] - 1)
        yield from self._cells(
            before,
            after,
            pieces,
            [("", self._shown(node.value))],
            [("adjoint", self._shown(self._adjoints.get(node, 0.0)))],
            [("dim", "" if row.line is None else str(row.line))],
        )

    def _shown(self, value: Any) -> str:
        return brief(value, self._digits, self._style.full)

    def _cells(
        self,
        before: str,
        after: str,
        pieces: Sequence[Piece],
        value: Sequence[Piece],
        adjoint: Sequence[Piece],
        line: Sequence[Piece],
    ) -> Iterator[str]:
        width, cell = self._width, self._cell
        columns = (
            folded(pieces, max(width - len(before), 1), 2),
            folded(value, cell),
            folded(adjoint, cell),
            folded(line, LINE),
        )
        guides = before
        blank: list[Piece] = []
        for texts in zip_longest(*columns, fillvalue=blank):
            shown: list[Piece] = [("dim", guides)]
            end = 0
            for text_, room in zip(texts, (width, cell, cell, LINE), strict=True):
                shown += text_
                end += room + GAP
                shown.append(("", " " * (end - width_of(shown))))
            yield painted(shown, self._style.color) + "\n"
            guides = after

    def _painted(self, before: str, pieces: Sequence[Piece]) -> str:
        return painted([("dim", before), *pieces], self._style.color) + "\n"
