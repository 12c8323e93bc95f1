"""A trace as boxes with wires between them: what the pictures of it are drawn from."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field
from itertools import takewhile
from operator import is_
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from autodiff_cli.engine.graph import Node
from autodiff_cli.errors import UsageError
from autodiff_cli.report.trace.brief import brief
from autodiff_cli.report.trace.labels import barred, constant, operand_count
from autodiff_cli.report.trace.rows import ManyRow, NodeRow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from autodiff_cli.engine.primitive import Primitive
    from autodiff_cli.report.trace.brief import Style
    from autodiff_cli.report.trace.labels import Labels
    from autodiff_cli.report.trace.view import View

DIGITS = 4
"""Significant digits in a picture where nobody asks for others."""
HOLE = "·"
"""Stands in a call for an operand that comes along a wire: `max(·, 0)`."""
PRINTED = {"*": "×", "-": "\N{MINUS SIGN}"}
"""Operators as print has them."""


@dataclass(slots=True, eq=False)
class Wire:
    """One use of a value.

    Attributes:
        contribution: what flows back along it; None where no pass does.
        shows: the contribution is not the whole adjoint of what the wire carries.
    """

    source: Output
    target: Box
    contribution: Any = None
    shows: bool = False


@dataclass(slots=True, eq=False)
class Output:
    """A value that leaves a box.

    Attributes:
        label: how formulas call it.
        name: the variable that it is the value of; "" for none.
        adjoint: None where the pass shown does not reach it, and where it is not known
            because the node is not among those shown.
        live: the output of the pass depends on it.
        result: the name of the output of the pass, where it is this; else "".
    """

    box: Box
    node: Node
    label: str
    name: str
    value: Any
    adjoint: Any
    wires: list[Wire] = field(default_factory=list)
    live: bool = False
    result: str = ""


@dataclass(slots=True, eq=False)
class Box:
    """A node, a folded group, or a node that is left out but used by one that is not.

    Attributes:
        title: a leaf's name, an operation's sign and constants, `loop line 7 ×1000`.
        line: of the source; None where there is none.
        around: the opened rows that it is in, outer ones first.
        row: of a node that is shown.
    """

    kind: Literal["leaf", "operation", "group", "outside"]
    title: str
    line: int | None
    around: Sequence[ManyRow] = ()
    row: NodeRow | None = None
    inputs: list[Wire] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)

    @property
    def live(self) -> bool:
        return any(output.live for output in self.outputs)


def wiring(view: View) -> list[Box]:
    """The boxes of the rows that a view has, in the order of evaluation."""
    return _Wirer(view).boxes


def too_large(form: str, count: int, most: int, what: str) -> UsageError:
    """That a format cannot hold all that is visible, and what can be done."""
    return UsageError(
        f"{form} would have {count:,} {what}, and can be read up to {most}",
        help="--depth N folds loops and calls, --only NAME and --lines A:B show a part; "
        "--format dot and html have no such limit",
    )


def number(value: Any, style: Style) -> str:
    """A value as pictures have it."""
    digits = DIGITS if style.digits is None else style.digits
    return brief(value, digits, style.full)


def facts(box: Box, style: Style) -> list[str]:
    """What is written in a box where wires bear no values: `2 ×`, `y = 28`, `ȳ = 1`."""
    lines = [] if box.kind in ("leaf", "outside") else [box.title]
    for output in box.outputs:
        name = output.name or output.label
        lines.append(f"{name} = {number(output.value, style)}")
        if output.adjoint is not None:
            lines.append(f"{barred(name)} = {number(output.adjoint, style)}")
    return lines


def nested(boxes: Sequence[Box]) -> Iterator[tuple[int, Box | str | None]]:
    """The boxes in order, with the title of each open group where it begins, None at its end.

    Before each, how many groups are open around it.
    """
    around: Sequence[ManyRow] = ()
    for box in boxes:
        same = sum(takewhile(bool, map(is_, around, box.around)))
        yield from ((depth, None) for depth in reversed(range(same, len(around))))
        around = box.around
        yield from ((depth, around[depth].heading) for depth in range(same, len(around)))
        yield len(around), box
    yield from ((depth, None) for depth in reversed(range(len(around))))


class _Wirer:
    def __init__(self, view: View) -> None:
        self._view = view
        self.boxes: list[Box] = []
        self._outputs: dict[Node, Output] = {}
        self._folded: list[tuple[Box, ManyRow]] = []
        """The boxes of several nodes, each with these."""
        self._outside: list[Box] = []
        self._make_boxes()
        self._mark_live()
        self._contribute()
        self.boxes = self._outside + self.boxes

    # ── boxes and wires ───────────────────────────────────────────────────────────────

    def _make_boxes(self) -> None:
        for row in self._view.rows():
            if isinstance(row, NodeRow):
                self._node(row)
            elif isinstance(row, ManyRow) and not row.opened:
                self._fold(row)

    def _node(self, row: NodeRow) -> None:
        node = row.node
        if node.primitive is None:
            box = Box("leaf", row.name, row.line, row.path, row)
        else:
            box = Box("operation", operation(node, self._view.labels), row.line, row.path, row)
            for operand in node.args[: operand_count(node)]:
                if isinstance(operand, Node):
                    self._wire(operand, box)
        self.boxes.append(box)
        self._leave(box, node)

    def _fold(self, fold: ManyRow) -> None:
        box = Box("group", fold.caption, fold.line, fold.path)
        for operand in fold.uses:
            self._wire(operand, box)
        self.boxes.append(box)
        for result in fold.results:
            self._leave(box, result.node)
        self._folded.append((box, fold))

    def _leave(self, box: Box, node: Node) -> None:
        view = self._view
        output = Output(
            box, node, view.labels.label(node), view.labels.name(node), node.value, None
        )
        if view.shown is not None and node is view.shown.output:
            asked = view.trace.name if view.shown is view.trace.result else ""
            output.result = asked or output.label
        box.outputs.append(output)
        self._outputs[node] = output

    def _wire(self, operand: Node, target: Box) -> None:
        if operand not in self._outputs:
            outside = Box("outside", self._view.labels.label(operand), None)
            self._outside.append(outside)
            self._leave(outside, operand)
        source = self._outputs[operand]
        wire = Wire(source, target)
        source.wires.append(wire)
        target.inputs.append(wire)

    # ── what flows back ───────────────────────────────────────────────────────────────

    def _mark_live(self) -> None:
        """A wire leads from a box to a later one, so that one walk backwards meets all."""
        for box in reversed(self._outside + self.boxes):
            for output in box.outputs:
                output.live = bool(output.result) or any(w.target.live for w in output.wires)

    def _contribute(self) -> None:
        swept = self._view.shown
        if swept is None:
            return
        users = self._users()
        adjoints = self._view.adjoints
        if users:
            adjoints = adjoints | swept.adjoints({node for some in users.values() for node in some})
        for output in self._outputs.values():
            if output.live and output.box.kind != "outside":
                output.adjoint = adjoints.get(output.node, 0.0)
        for box in self.boxes:
            if box.row is not None and box.live:
                self._into_node(box, box.row.node, adjoints)
        for (box, operand), nodes in users.items():
            total: Any = 0.0
            for node in reversed(nodes):  # as the pass adds up
                if node in adjoints:
                    for reached, part in swept.contributions(node, adjoints[node]):
                        if reached is operand:
                            total = total + part
            for wire in box.inputs:
                if wire.source.node is operand:
                    wire.contribution = total
        for output in self._outputs.values():
            alone = len(output.wires) == 1
            for wire in output.wires:
                if alone and wire.contribution is None and wire.target.live:
                    wire.contribution = output.adjoint
                wire.shows = wire.contribution is not None and not (
                    alone and _same(wire.contribution, output.adjoint)
                )

    def _users(self) -> dict[tuple[Box, Node], list[Node]]:
        """The nodes in a folded group that use an operand of which others have a part too."""
        found: dict[tuple[Box, Node], list[Node]] = defaultdict(list)
        for box, fold in self._folded:
            parted = {
                wire.source.node
                for wire in box.inputs
                if box.live and (len(wire.source.wires) > 1 or not self._view.whole)
            }
            if parted:
                for node in self._view.nodes[fold.start : fold.end]:
                    for operand in parted.intersection(node.parents):
                        found[box, operand].append(node)
        return found

    def _into_node(self, box: Box, node: Node, adjoints: dict[Node, Any]) -> None:
        swept = self._view.shown
        assert swept is not None
        assert node.primitive is not None or not box.inputs
        parts: dict[Node, deque[Any]] = defaultdict(deque)
        if node in adjoints:
            for operand, part in swept.contributions(node, adjoints[node]):
                parts[operand].append(part)
        wires = iter(box.inputs)
        for position, operand in enumerate(node.args):
            if isinstance(operand, Node) and node.primitive is not None:
                wire = next(wires)
                gets = _has_rule(node.primitive, position) and parts[operand]
                wire.contribution = parts[operand].popleft() if gets else 0.0


def _has_rule(primitive: Primitive, position: int) -> bool:
    """Whether anything can flow back to this operand."""
    if primitive.kind == "elementwise":
        rule = primitive.partials[position]
        return callable(rule) or rule != 0
    if primitive.pullback is not None or primitive.kind == "reduction" or primitive.variadic:
        return True
    return bool(primitive.vjps[position])


def _same(one: Any, other: Any) -> bool:
    return other is not None and np.array_equal(one, other, equal_nan=True)


# ── what is written in a box ──────────────────────────────────────────────────────────


def operation(node: Node, labels: Labels) -> str:
    """A node's primitive with the constants among its operands: `2 ×`, `^ 2`, `max(·, 0)`."""
    primitive = node.primitive
    assert primitive is not None
    text = labels.operation(node, lambda arg: HOLE if isinstance(arg, Node) else constant(arg))
    if primitive.title == primitive.name:
        holes = ", ".join([HOLE] * operand_count(node))
        return primitive.name if text == f"{primitive.name}({holes})" else text.removeprefix(HOLE)
    sign = PRINTED.get(primitive.title, primitive.title)
    return " ".join(
        sign if word == primitive.title else word for word in text.replace(HOLE, " ").split()
    )
