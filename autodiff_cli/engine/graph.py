"""What ran, in the order in which it ran: a Wengert list of nodes.

Only what depends on a leaf is recorded. A node's operands were recorded before it, so
the list is a topological order and nothing ever recurses over the graph.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from itertools import count
from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.operand import Operand

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from autodiff_cli.engine.primitive import Primitive


class Node(Operand):
    """One evaluation of a primitive.

    Attributes:
        primitive: what was evaluated; None for a leaf.
        args: its arguments, nodes and plain values, static ones (an axis) at the end.
        value: its result, the primal: an array, or a scalar.
        span: where in the source it came from, opaque to the engine; a leaf's is its name.
        adjoint: scratch space of the reverse sweep that is running; nothing between sweeps.
        order: larger than that of all nodes made before; not there until `Graph.number`.
    """

    __slots__ = ("adjoint", "args", "order", "primitive", "span", "value")

    is_recorded = True

    primitive: Primitive | None
    args: tuple[Any, ...]
    value: Any
    span: Any
    adjoint: Any
    order: int

    @property
    def parents(self) -> list[Node]:
        """The operands that were recorded."""
        return [arg for arg in self.args if isinstance(arg, Node)]

    @property
    def place(self) -> Any:
        """Its span; None of a leaf, whose span is its name, and of what a sweep recorded."""
        return None if isinstance(self.span, str) else self.span

    def taken_by(self, primitive: Primitive, args: tuple[Any, ...]) -> Any:
        return apply(Graph.current(), primitive, args, None)

    @property
    def positions(self) -> list[int]:
        """Where among the arguments the parents stand."""
        return [place for place, arg in enumerate(self.args) if isinstance(arg, Node)]


class Scalar(Node):
    """A node whose value is a Python float: the fast case, told from others by its type."""

    __slots__ = ()


class Graph:
    """The nodes of one run.

    Attributes:
        nodes: in the order of evaluation, leaves included.
        leaves: how many of them are leaves.
        single: floats are float32, not float64.
    """

    __slots__ = ("leaves", "nodes", "single")

    def __init__(self, single: bool = False) -> None:
        self.nodes: list[Node] = []
        self.leaves = 0
        self.single = single

    @property
    def kinks(self) -> list[Node]:
        """Those that were evaluated exactly at a kink of their primitive."""
        return [node for node in self.nodes if at_kink(node)]

    @property
    def ends(self) -> list[Node]:
        """Those at which a gradient ends, and which are at no kink."""
        return [node for node in self.nodes if ends_gradient(node) and not at_kink(node)]

    def cast(self, value: Any) -> Any:
        """A float, or an array of floats, in the precision of this graph."""
        return cast(value, self.single)

    def leaf(self, value: Any, name: Any) -> Node:
        """A new node that depends on nothing: what derivatives are taken by."""
        self.leaves += 1
        return self.record(None, (), value, name)

    def record(
        self, primitive: Primitive | None, args: tuple[Any, ...], value: Any, span: Any
    ) -> Node:
        """Appends the node of an evaluation that has been done."""
        node: Node
        if type(value) is float:
            node = Scalar()
            node.adjoint = 0.0
        else:
            node = Node()
            node.adjoint = None
        node.primitive = primitive
        node.args = args
        node.value = value
        node.span = span
        self.nodes.append(node)
        return node

    def up_to(self, output: Node) -> list[Node]:
        """The nodes recorded up to and with `output`: all that it may depend on."""
        last = len(self.nodes) - 1
        while self.nodes[last] is not output:
            last -= 1
        return self.nodes if last == len(self.nodes) - 1 else self.nodes[: last + 1]

    def number(self) -> None:
        """Gives its nodes their `order`. All calls together cost one look at each node."""
        place = len(self.nodes)
        while place and not hasattr(self.nodes[place - 1], "order"):
            place -= 1
        for node in self.nodes[place:]:
            node.order = next(_ORDER)

    def cut(self, start: int) -> None:
        """Drops the nodes from `start` on, which nothing before them is made of."""
        self.leaves -= sum(node.primitive is None for node in self.nodes[start:])
        del self.nodes[start:]

    def between(self, targets: Collection[Node], output: Node) -> list[Node]:
        """`output` and all below it that depends on one of `targets`, they too; in order.

        What was made before a target cannot depend on it: the walk back ends there, however
        long the history of the rest.
        """
        self.number()
        first = min(target.order for target in targets)
        reached = set(targets)
        found = []
        for node in below(output, since=first):
            if node in reached or not reached.isdisjoint(node.parents):
                reached.add(node)
                found.append(node)
        return found

    @contextmanager
    def recording(self) -> Iterator[None]:
        """While it is open, a primitive that is called on nodes records into this graph."""
        before = _RECORDING.set(self)
        try:
            yield
        finally:
            _RECORDING.reset(before)

    @staticmethod
    def current() -> Graph:
        return _RECORDING.get()


_ORDER = count()
"""Of the whole process: a node may be made of another graph's."""

_RECORDING: ContextVar[Graph] = ContextVar("recording")
"""The graph that a primitive called on nodes records into, in this thread."""


def cast(value: Any, single: bool) -> Any:
    """A float, or an array of floats, in single precision or as it is."""
    if single:
        if type(value) is float:
            return np.float32(value)
        if getattr(value, "dtype", None) == np.float64:
            return value.astype(np.float32)
    return value


def apply(graph: Graph, primitive: Primitive, args: tuple[Any, ...], span: Any) -> Any:
    """Evaluates a primitive on nodes and plain values, and records it where a node is one."""
    operands = len(args) - len(primitive.options)
    active = False
    values = []
    for position, arg in enumerate(args):
        if isinstance(arg, Operand):
            active = active or position < operands
            arg = value_of(arg)
        values.append(arg)
    out = primitive.evaluate(*values)
    if not active or primitive.kind == "constant":
        return graph.cast(out)
    # What depends on a float is one, also where the integer 0 was chosen by `where`.
    out = graph.cast(float(out) if type(out) in (int, bool) else out)
    return graph.record(primitive, (*args[:operands], *values[operands:]), out, span)


def at_kink(node: Node) -> bool:
    """Whether a node was evaluated exactly at a kink of its primitive, by an operand recorded."""
    primitive = node.primitive
    kink = None if primitive is None else primitive.kink
    if primitive is None or kink is None:
        return False
    by = None if callable(kink) else node.positions
    return primitive.is_kink([value_of(arg) for arg in node.args], by)


def ends_gradient(node: Node) -> bool:
    """Whether the derivative by an operand recorded is 0 everywhere, or there is none."""
    primitive = node.primitive
    if primitive is None or not (primitive.flat or primitive.counts):
        return False
    return primitive.flat or not primitive.counts.isdisjoint(node.positions)


def below(*outputs: Node, since: int = -1) -> list[Node]:
    """All that `outputs` were computed from, and they, operands before what is made of them.

    It costs what is below the outputs, however long the graph that they are part of. A single
    output is the last. Nodes whose `order` is before `since` are left out, and what is below them.
    """
    order: list[Node] = []
    done: set[Node] = set()
    pending: list[tuple[Node, bool]] = [(output, False) for output in outputs]
    while pending:
        node, expanded = pending.pop()
        if expanded:
            order.append(node)
        elif node not in done:
            done.add(node)
            if since >= 0 and node.order < since:
                continue
            pending.append((node, True))
            pending.extend((p, False) for p in reversed(node.parents) if p not in done)
    return order


def all_finite(value: Any) -> bool:
    """Whether every number of an array or a node is finite; a symbol is taken to stand for such."""
    value = value_of(value)
    return isinstance(value, Operand) or bool(np.isfinite(value).all())


def value_of(argument: Any) -> Any:
    """The number behind a node, or the argument itself where it is not one."""
    return argument.value if isinstance(argument, Node) else argument
