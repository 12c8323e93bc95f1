"""A trace as plain data: what each row of it says, with names in place of nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from autodiff_cli.engine.graph import Node
    from autodiff_cli.language.source import Span
    from autodiff_cli.report.trace.partials import Partial


@dataclass(slots=True)
class Operand:
    """What a node was computed from: another node, or a constant, which has no number."""

    label: str
    number: int | None
    value: Any


@dataclass(slots=True)
class NodeRow:
    """One node.

    Attributes:
        number: its place in the order of evaluation, from 1.
        label: how formulas call it.
        name: the variable that it is the value of; "" for none.
        expression: the source that made it.
        primitive, sign: the primitive's name, and the operator or name that programs write;
            both empty for a leaf.
        adjoint: of the pass shown; None where that does not reach it.
        depth: how many levels of groups and rounds are open around it.
    """

    number: int
    label: str
    name: str
    expression: str
    primitive: str
    sign: str
    operands: list[Operand]
    value: Any
    partials: list[Partial]
    adjoint: Any
    span: Span | None
    depth: int
    node: Node

    @property
    def line(self) -> int | None:
        return None if self.span is None else self.span.line


@dataclass(slots=True)
class Result:
    """A node of a group that is used after it."""

    number: int
    label: str
    name: str
    value: Any
    adjoint: Any


@dataclass(slots=True, kw_only=True)
class _Many:
    """A row that many nodes stand behind: folded into it, or shown in the rows that follow.

    Attributes:
        count: iterations, or calls.
        first, last: the numbers of its nodes.
        uses: gives the nodes outside that it uses, as `operands`; none where it is opened.
        results: its nodes that are used outside; empty where it is opened.
    """

    count: int
    first: int
    last: int
    uses: Callable[[], list[Operand]]
    results: list[Result]
    depth: int

    @property
    def operands(self) -> list[Operand]:
        """Looked up when they are asked for: it takes a look at all nodes of the group."""
        return self.uses()


@dataclass(slots=True, kw_only=True)
class GroupRow(_Many):
    """A loop, calls or a derivative: folded into this row, or opened below it.

    Attributes:
        title: `loop`, or the function's name.
    """

    kind: str
    title: str
    head: str
    line: int
    span: Span
    opened: bool


@dataclass(slots=True, kw_only=True)
class RoundRow(_Many):
    """The head of an iteration, or of one of several calls, in an opened group.

    `count` of them are folded into this row, from `number` on, where that is more than 1; then
    `operands` and `results` are as of a folded group.
    """

    title: str
    number: int
    of: int


@dataclass(slots=True)
class SumRow:
    """What a `backward` added to the gradient of one name."""

    name: str
    number: int
    before: Any
    added: Any
    total: Any


@dataclass(slots=True)
class EventRow:
    """A `backward` or a `zero_grad` of the program.

    Attributes:
        sums: of a `backward`, what it added.
        cleared: of a `zero_grad`, the names whose gradient it cleared.
    """

    expression: str
    line: int
    sums: list[SumRow]
    cleared: list[str]
    depth: int
    event: Any


Row = NodeRow | GroupRow | RoundRow | EventRow
