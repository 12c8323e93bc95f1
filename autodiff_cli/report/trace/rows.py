"""The rows of a trace, which every format draws: nodes, groups, their rounds, and events.

A row holds where it stands, and looks up what it says when it is asked: a trace may have a
million of them, of which most are only counted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from autodiff_cli.engine.graph import Node, value_of
from autodiff_cli.interpreter.journal import Backward
from autodiff_cli.report.trace.labels import operand_count
from autodiff_cli.report.trace.partials import partials

if TYPE_CHECKING:
    from collections.abc import Iterable

    from autodiff_cli.explain.tracing import Pass, Trace
    from autodiff_cli.interpreter.journal import Cleared, Group
    from autodiff_cli.language.source import Span
    from autodiff_cli.report.trace.labels import Labels
    from autodiff_cli.report.trace.partials import Partial


class Shown(Protocol):
    """What rows look up of a trace: `view.View`, which knows the rows."""

    trace: Trace
    labels: Labels
    kept: bytearray | None
    """A byte for each node, 0 for those that are left out; None where none is."""

    @property
    def adjoints(self) -> dict[Node, Any]:
        """Of the pass shown, of those of its nodes that it reaches."""

    @property
    def last_uses(self) -> np.ndarray:
        """For each node of a folded row the place of the last that uses it after the row."""


@dataclass(slots=True)
class Operand:
    """What a node was computed from: another node, or a constant, which has no number."""

    label: str
    number: int | None
    value: Any


def _operands(view: Shown, args: Iterable[Any]) -> list[Operand]:
    numbers, label = view.labels.numbers, view.labels.label
    return [
        Operand(label(arg), numbers[arg] if isinstance(arg, Node) else None, value_of(arg))
        for arg in args
    ]


@dataclass(slots=True, eq=False)
class _Row:
    """What every row is.

    Attributes:
        depth: how many levels of groups and rounds are open around it.
        around: the innermost of these, where the view has listed the row.
    """

    view: Shown
    depth: int
    around: ManyRow | None = field(default=None, init=False)

    @property
    def path(self) -> list[ManyRow]:
        """The opened rows that it is in, outer ones first."""
        found: list[ManyRow] = []
        row = self.around
        while row is not None:
            found.append(row)
            row = row.around
        return found[::-1]


@dataclass(slots=True, eq=False)
class NodeRow(_Row):
    """One node, by its place in the list of nodes."""

    place: int

    @property
    def node(self) -> Node:
        return self.view.trace.nodes[self.place]

    @property
    def number(self) -> int:
        """Its place in the order of evaluation, from 1."""
        return self.place + 1

    @property
    def label(self) -> str:
        """How formulas call it."""
        return self.view.labels.label(self.node)

    @property
    def name(self) -> str:
        """The variable that it is the value of; "" for none."""
        return self.view.labels.name(self.node)

    @property
    def expression(self) -> str:
        """The source that made it."""
        return self.view.labels.expression(self.node)

    @property
    def primitive(self) -> str:
        """The primitive's name; "" for a leaf."""
        return "" if self.node.primitive is None else self.node.primitive.name

    @property
    def sign(self) -> str:
        """The operator or the name that programs write; "" for a leaf."""
        return "" if self.node.primitive is None else self.node.primitive.title

    @property
    def operands(self) -> list[Operand]:
        node = self.node
        if node.primitive is None:
            return []
        return _operands(self.view, node.args[: operand_count(node)])

    @property
    def value(self) -> Any:
        return self.node.value

    @property
    def partials(self) -> list[Partial]:
        return partials(self.node, self.view.labels)

    @property
    def adjoint(self) -> Any:
        """Of the pass shown; None where that does not reach it."""
        return self.view.adjoints.get(self.node)

    @property
    def span(self) -> Span | None:
        """The source that made it; of a leaf, where the program binds its name.

        What a `grad` recorded has none, nor has an input that the program never declares.
        """
        node, resolved = self.node, self.view.trace.outcome.resolved
        if node.primitive is not None:
            span: Span | None = node.span
            return span
        known = resolved.inputs.get(node.span)
        if known is not None and not known.declared:
            return None
        return resolved.top.bound_at.get(node.span)

    @property
    def line(self) -> int | None:
        span = self.span
        return None if span is None else span.line


@dataclass(slots=True, eq=False)
class _Many(_Row):
    """A row that many nodes stand behind: folded into it, or in the rows that follow.

    Attributes:
        start, end: its nodes are those from one place of the list of nodes to the other.
        count: how many iterations, or calls.
    """

    group: Group
    opened: bool
    start: int
    end: int
    count: int

    @property
    def line(self) -> int:
        return self.group.span.line

    @property
    def first(self) -> int:
        """The number of its first node."""
        return self.start + 1

    @property
    def last(self) -> int:
        return self.end

    @property
    def uses(self) -> list[Node]:
        """The nodes before it that its nodes are computed from; none where it is opened."""
        numbers = self.view.labels.numbers
        found = {
            arg
            for node in self.view.trace.nodes[self.start : self.start if self.opened else self.end]
            for arg in node.args
            if isinstance(arg, Node) and numbers[arg] <= self.start
        }
        return sorted(found, key=numbers.__getitem__)

    @property
    def operands(self) -> list[Operand]:
        return _operands(self.view, self.uses)

    @property
    def results(self) -> list[NodeRow]:
        """Its nodes that are used after it; none where it is opened."""
        if self.opened:
            return []
        used = np.nonzero(self.view.last_uses[self.start : self.end] >= self.end)[0]
        return [NodeRow(self.view, self.depth, self.start + int(place)) for place in used]


class GroupRow(_Many):
    """A loop, calls or a derivative."""

    __slots__ = ()

    @property
    def title(self) -> str:
        """`loop`, or the function's name."""
        return "loop" if self.group.kind == "loop" else self.group.label

    @property
    def head(self) -> str:
        """The source that begins it, on one line."""
        return self.group.span.words

    @property
    def caption(self) -> str:
        """`loop line 7 ×1,000`, `f line 9 ×3`."""
        count = len(self.group.rounds)
        times = f" ×{count:,}" if self.group.kind == "loop" or count > 1 else ""
        return f"{self.title} line {self.line}{times}"

    @property
    def heading(self) -> str:
        return self.caption


@dataclass(slots=True, eq=False)
class RoundRow(_Many):
    """An iteration, or one of several calls, of an opened group.

    `count` of them are folded into this row, from `number` on, where that is more than 1.
    """

    number: int

    @property
    def of(self) -> int:
        return len(self.group.rounds)

    @property
    def title(self) -> str:
        """`iteration`, or the function's name."""
        return "iteration" if self.group.kind == "loop" else self.group.label

    @property
    def heading(self) -> str:
        """`iteration 3`, `calls 4 to 997`."""
        what = "iteration" if self.group.kind == "loop" else "call"
        if self.opened:
            return f"{what} {self.number}"
        return f"{what}s {self.number} to {self.number + self.count - 1}"

    @property
    def caption(self) -> str:
        """`iteration 3 of 9`, `calls 4 to 997 of f line 9 ×1,000`."""
        assert self.around is not None
        return f"{self.heading} of {self.of if self.opened else self.around.caption}"


@dataclass(slots=True)
class SumRow:
    """What a `backward` added to the gradient of one name."""

    name: str
    number: int
    before: Any
    added: Any
    total: Any


@dataclass(slots=True, eq=False)
class EventRow(_Row):
    """A `backward` or a `zero_grad` of the program."""

    event: Backward | Cleared

    @property
    def kind(self) -> str:
        return "backward" if isinstance(self.event, Backward) else "zero_grad"

    @property
    def expression(self) -> str:
        return self.event.span.words

    @property
    def line(self) -> int:
        return self.event.span.line

    @property
    def swept(self) -> Pass | None:
        """The reverse pass that a `backward` ran."""
        return self.view.trace.pass_of(self.event) if isinstance(self.event, Backward) else None

    @property
    def sums(self) -> list[SumRow]:
        """What a `backward` added, by the names that it reached."""
        labels = self.view.labels
        found = self.event.sums if isinstance(self.event, Backward) else ()
        return [
            SumRow(
                labels.name(one.target),
                labels.numbers[one.target],
                one.total - one.added,
                one.added,
                one.total,
            )
            for one in found
        ]

    @property
    def cleared(self) -> list[str]:
        """The names whose gradient a `zero_grad` cleared."""
        targets = () if isinstance(self.event, Backward) else self.event.targets
        return [self.view.labels.name(target) for target in targets]


ManyRow = GroupRow | RoundRow
Row = NodeRow | ManyRow | EventRow
