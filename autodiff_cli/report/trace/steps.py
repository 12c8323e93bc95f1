"""A trace as a story: the forward pass line by line, then the reverse pass, node by node."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff_cli.engine.graph import Node, value_of
from autodiff_cli.engine.primitive import shape_of
from autodiff_cli.report.trace.brief import MOST_ELEMENTS, brief
from autodiff_cli.report.trace.labels import barred, operand_count
from autodiff_cli.report.trace.passes import reverse_passes
from autodiff_cli.report.trace.rows import EventRow, ManyRow, NodeRow
from autodiff_cli.report.trace.wrapping import columns, folded, painted, width_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from autodiff_cli.explain.tracing import Pass
    from autodiff_cli.report.trace.brief import Style
    from autodiff_cli.report.trace.partials import Partial
    from autodiff_cli.report.trace.passes import ReversePass, Sum
    from autodiff_cli.report.trace.view import View
    from autodiff_cli.report.trace.wrapping import Piece

DIGITS = 6
INDENT = 2
DEEPEST = 8
"""Levels of indentation; what is deeper stands no further right."""
TERMS = 6
"""The most terms of a sum that are all written out; of more, two and the total."""
NEGATIVE = re.compile(r"-\d|-inf")
CONSTANT = re.compile(r"-?[\d.]+")


def text(view: View, style: Style) -> Iterator[str]:
    """Every pass at its place: a `backward` of the program where the program called it."""
    yield from _Story(view, style).told()


class _Story:
    def __init__(self, view: View, style: Style) -> None:
        self._view, self._style = view, style
        self._digits = style.digits or DIGITS
        self._labels = view.labels
        self._numbers = view.labels.numbers
        self._kinks = set(view.trace.outcome.graph.kinks)
        self._events = [event.at for event in view.trace.events]
        self._opened: ManyRow | None = None
        self._line: int | None = None
        """Of the source, whose heading was written last."""

    # ── the whole ─────────────────────────────────────────────────────────────────────

    def told(self) -> Iterator[str]:
        view = self._view
        passes = reverse_passes(view)
        yield from self._said(0, [("heading", "Forward pass: each operation computes its value.")])
        done: list[NodeRow | ManyRow] = []
        for row in view.rows():
            if isinstance(row, ManyRow) and row.opened:
                continue
            yield from self._headings(row.around)
            yield from self._source(row.line, row.depth)
            if isinstance(row, EventRow):
                yield from self._event(row, passes, done)
            else:
                yield from self._forward(row, row.depth + 1)
                done.append(row)
        yield "\n"
        evaluation = view.trace.evaluation
        if view.trace.result is None:
            value = self._shown(evaluation.value)
            words = (
                f"{view.trace.name} = {value} is a constant: it depends on no name that is "
                "differentiated by, and has no reverse pass."
            )
            yield from self._said(0, [("heading", words)])
            return
        yield from self._reverse(next(passes), view.trace.result, done, 0)
        yield "\n"
        if evaluation.gradient:
            yield from self._said(0, [("heading", "The gradient:")])
        for name, value in evaluation.gradient.items():
            left = f"d{view.trace.name}/d{name} = "
            yield from self._said(1, [("", left), ("adjoint", self._shown(value))])

    def _headings(self, opened: ManyRow | None, depth: int = 0) -> Iterator[str]:
        """Those of the groups and rounds that begin here, outer ones first."""
        if opened is self._opened:
            return
        already = set()
        known = self._opened
        while known is not None:
            already.add(known)
            known = known.around
        new = []
        self._opened = opened
        while opened is not None and opened not in already:
            new.append(opened)
            opened = opened.around
        for each in reversed(new):
            yield from self._said(depth + each.depth, [("heading", f"{each.caption}:")])
        self._line = None

    def _source(self, line: int | None, depth: int) -> Iterator[str]:
        """The line of the source that what follows is of, where it is another than before."""
        if line is None or line == self._line:
            return
        self._line = line
        source = self._view.trace.outcome.names.program.body.span.source
        words = " ".join(source.line(line).split())
        said: list[Piece] = [("source", f"line {line}"), ("", "  "), ("dim", words)]
        room = self._room(depth)
        if width_of(said) > room:
            said = [*next(folded(said, room - len(" …"))), ("dim", " …")]
        yield from self._said(depth, said)

    def _said(self, depth: int, pieces: Sequence[Piece]) -> Iterator[str]:
        margin = " " * (self._style.width - self._room(depth))
        for line in folded(pieces, self._room(depth), 2 * INDENT):
            yield margin + painted(line, self._style.color) + "\n"

    def _room(self, depth: int) -> int:
        return self._style.width - min(depth, DEEPEST) * INDENT

    def _shown(self, value: Any) -> str:
        return brief(value, self._digits, self._style.full)

    def _factor(self, value: Any) -> str:
        """A value in a product or after an operator."""
        shown = self._shown(value)
        return f"({shown})" if NEGATIVE.match(shown) else shown

    # ── the forward pass ──────────────────────────────────────────────────────────────

    def _forward(self, row: NodeRow | ManyRow, depth: int) -> Iterator[str]:
        if isinstance(row, ManyRow):
            yield from self._folded_forward(row, depth)
            return
        called = self._labels.called(row.node)
        room = self._room(depth) - width_of(called) - len(" = ")
        said: list[Piece] = [*called, ("", f" = {self._computed(row.node, room)}")]
        if row.node.primitive is None:
            said.append(("dim", "   a leaf"))
        yield from self._said(depth, said)

    def _computed(self, node: Node, room: int) -> str:
        """`x ^ 2 = 3 ^ 2 = 9`: the numbers in place of the names, arrays where there is room."""
        value = self._shown(node.value)
        if node.primitive is None:
            return value
        operation = self._labels.operation(node)
        operands = [value_of(arg) for arg in node.args[: operand_count(node)]]
        if any(np.size(operand) > MOST_ELEMENTS for operand in operands):
            return f"{operation} = {value}"
        infix = node.primitive.title != node.primitive.name
        written = self._factor if infix else self._shown
        numbers = self._labels.operation(node, lambda arg: written(value_of(arg)))
        whole = f"{operation} = {numbers} = {value}"
        if columns(whole) > room and any(map(shape_of, operands)):
            return f"{operation} = {value}"
        return whole

    def _folded_forward(self, fold: ManyRow, depth: int) -> Iterator[str]:
        said: list[Piece] = [("heading", fold.caption)]
        said.append(("", f" folded ({self._range(fold.start, fold.end - 1)})"))
        calls = bisect_right(self._events, fold.end) - bisect_right(self._events, fold.start)
        if calls:
            said.append(("", f", with {calls:,} `backward` and `zero_grad`"))
        uses = ", ".join(operand.label for operand in fold.operands)
        if uses:
            said.append(("", f", from {uses}"))
        yield from self._said(depth, said)
        for result in fold.results:
            value = self._shown(result.value)
            yield from self._said(
                depth + 1, [*self._labels.called(result.node), ("", f" = {value}")]
            )

    def _range(self, *places: int) -> str:
        numbers = [self._labels.number(self._view.nodes[place]) for place in places]
        return " … ".join(dict.fromkeys(numbers))

    # ── a `backward` or `zero_grad` of the program ────────────────────────────────────

    def _event(
        self,
        row: EventRow,
        passes: Iterator[ReversePass],
        done: list[NodeRow | ManyRow],
    ) -> Iterator[str]:
        depth = row.depth + 1
        if row.swept is not None:
            outside = self._opened
            yield from self._reverse(next(passes), row.swept, done, depth)
            self._opened, self._line = outside, None
        for one in row.sums:
            said = f"{one.name}.grad += {self._shown(one.added)}   → {one.name}.grad = "
            yield from self._said(depth, [("", said), ("adjoint", self._shown(one.total))])
        for name in row.cleared:
            yield from self._said(depth, [("", f"{name}.grad = 0")])

    # ── the reverse pass ──────────────────────────────────────────────────────────────

    def _reverse(
        self,
        found: ReversePass,
        swept: Pass,
        done: list[NodeRow | ManyRow],
        depth: int,
    ) -> Iterator[str]:
        called = "".join(text for _, text in self._labels.called(swept.output))
        words = f"Reverse pass from {called}: each node hands its adjoint on to its operands."
        yield from self._said(depth, [("heading", words)])
        sums = {one.node: one for one in found.sums}
        self._opened = self._line = None
        for row in reversed(done):
            lines = list(self._reversed(row, sums, swept, depth + row.depth + 1))
            if lines:
                yield from self._headings(row.around, depth)
                yield from self._source(row.line, depth + row.depth)
                yield from lines

    def _reversed(
        self, row: NodeRow | ManyRow, sums: dict[Node, Sum], swept: Pass, depth: int
    ) -> Iterator[str]:
        if isinstance(row, ManyRow):
            yield from self._folded_reverse(row, sums, depth)
            return
        node = row.node
        if node not in sums:
            return
        done = sums[node]
        said = self._labels.called(node)
        if node.primitive is not None:
            said.append(("", f" = {self._labels.operation(node)}"))
        yield from self._said(depth, said)
        yield from self._said(depth + 1, self._accumulated(done))
        if node.primitive is None:
            return
        if not np.any(done.adjoint):
            yield from self._said(depth + 1, [("", "nothing goes further back from here")])
            return
        if node in self._kinks:
            convention = f"at a kink: the derivative is a convention, {node.primitive.convention}"
            if swept.at_kink == "nan":
                convention = "at a kink: the derivative is nan, as --at-kink says"
            yield from self._said(depth + 1, [("", convention)])
        yield from self._handed_on(row, done.adjoint, swept, depth + 1)

    def _accumulated(self, done: Sum) -> list[Piece]:
        """`x̄ = 0 + 6 = 6, then + 6 = 12`, the seed first where there is one."""
        bar = barred(self._labels.label(done.node))
        values = [term.value for term in done.terms]
        total = self._shown(done.adjoint)
        seeded = done.terms[0].source is None
        if len(values) == 1:
            return [("adjoint", f"{bar} = {total}"), ("", ", the seed" if seeded else "")]
        first = self._shown(values[0])
        written = f"{bar} = {first} (the seed)" if seeded else f"{bar} = 0{self._plus(values[0])}"
        written += "" if seeded else f" = {first}"
        running = values[0]
        shown = values[1:] if len(values) <= TERMS else values[1:2]
        for position, value in enumerate(shown, start=2):
            running = running + value
            so_far = total if position == len(values) else self._shown(running)
            written += f", then{self._plus(value)} = {so_far}"
        if len(values) > TERMS:
            written += f", then + … ({len(values) - 2:,} more) … = {total}"
        return [("adjoint", written)]

    def _plus(self, value: Any) -> str:
        """A term with the sign before it."""
        if not shape_of(value) and value < 0:
            return f" - {self._shown(-value)}"
        return f" + {self._shown(value)}"

    def _handed_on(self, row: NodeRow, adjoint: Any, swept: Pass, depth: int) -> Iterator[str]:
        """Each local derivative, and what the operand gets of the adjoint by it."""
        node, found = row.node, row.partials
        parts = list(swept.contributions(node, adjoint))
        operands = [operand for operand, _ in parts]
        for partial in found:
            if partial.operand not in operands or partial.operand not in self._view.visible:
                continue
            position = operands.index(partial.operand)
            operands.pop(position)
            _, part = parts.pop(position)
            uses = [other for other in found if other.operand is partial.operand]
            use = ""
            if len(uses) > 1:
                number = next(i for i, other in enumerate(uses, 1) if other is partial)
                use = f"   (use {number} of {len(uses)})"
            yield from self._by_operand(node, adjoint, partial, part, use, depth)

    def _by_operand(
        self, node: Node, adjoint: Any, partial: Partial, part: Any, use: str, depth: int
    ) -> Iterator[str]:
        label, bar = self._labels.label(node), barred(partial.by)
        given = self._shown(part)
        factor = partial.value
        if shape_of(factor) and shape_of(factor) == shape_of(adjoint):
            factor = _constant(partial.formula, factor)
        if partial.of_adjoint:
            _, equals, product = partial.formula.partition(" = ")
            if not equals:
                yield from self._said(depth, [("", f"{bar} += "), ("adjoint", given), ("", use)])
                yield from self._said(depth + 1, [("dim", partial.formula)])
                return
        else:
            product = f"∂{label}/∂{partial.by}"
            said = f"{product} = {partial.formula}"
            value = partial.formula if factor is None else self._shown(factor)
            yield from self._said(
                depth, [("", said if value == partial.formula else f"{said} = {value}"), ("", use)]
            )
            product, use = f"{barred(label)} · {product}", ""
        if shape_of(part) != shape_of(node.value) and shape_of(node.value):
            use += ", summed over what it was broadcast to" * (not partial.of_adjoint)
        start = f"{bar} += {product}"
        numbers = self._product(adjoint, factor)
        if shape_of(part) and columns(f"{start}{numbers} = {given}") > self._room(depth):
            numbers = ""
        yield from self._said(depth, [("", f"{start}{numbers} = "), ("adjoint", given), ("", use)])

    def _product(self, adjoint: Any, factor: Any) -> str:
        """The numbers of a chain-rule product, of numbers and small arrays."""
        if factor is None or max(np.size(adjoint), np.size(factor)) > MOST_ELEMENTS:
            return ""
        return f" = {self._factor(adjoint)} × {self._factor(factor)}"

    def _folded_reverse(self, fold: ManyRow, sums: dict[Node, Sum], depth: int) -> Iterator[str]:
        reached = [sums[result.node] for result in fold.results if result.node in sums]
        if not reached:
            return
        range_ = self._range(fold.end - 1, fold.start)
        yield from self._said(depth, [("heading", fold.caption), ("", f" folded ({range_})")])
        for one in reversed(reached):
            yield from self._said(depth + 1, self._accumulated(one))
        for node in fold.uses:
            for term in sums[node].terms if node in sums else ():
                if term.source is not None and fold.first <= term.source <= fold.last:
                    bar = barred(self._labels.label(node))
                    yield from self._said(
                        depth + 1, [("", f"{bar} += "), ("adjoint", self._shown(term.value))]
                    )


def _constant(formula: str, factor: Any) -> Any:
    """A derivative that is the same number everywhere as that number."""
    if not factor.size or not CONSTANT.fullmatch(formula):
        return factor
    first = factor.flat[0]
    return float(first) if (factor == first).all() else factor
