"""The sweeps: along the nodes of a graph, backwards with cotangents or forwards with tangents.

Nothing recurses. Between sweeps no node holds an adjoint. What one node does is in
`rules`; here is the order, and how contributions add up.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

from autodiff_cli.engine.graph import Node, Scalar
from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.primitive import shape_of
from autodiff_cli.engine.primitives.indexing import Scatter, scatter
from autodiff_cli.engine.rules import cotangent, fit, rule_arguments, tangent
from autodiff_cli.errors import DomainError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from autodiff_cli.engine.graph import Graph

AtKink = Literal["subgradient", "nan", "error"]


class Kinks:
    """Which nodes stand at a kink, what is to be done there, and which a derivative rests on.

    Attributes:
        met: the nodes, at a kink or flat, at which a derivative that is not zero arrived.
        absorbed: whether something infinite may have gone on as a finite number, and its
            derivative as 0. A sweep of numbers sees it; others don't look, and set it.
    """

    def __init__(self, graph: Graph, at_kink: AtKink = "subgradient") -> None:
        self._kinks = set(graph.kinks)
        self._noticed = self._kinks.union(graph.flats)
        self._at_kink = at_kink
        self.met: dict[Node, None] = {}
        self.absorbed = False

    def __bool__(self) -> bool:
        return bool(self._noticed)

    def __contains__(self, node: Node) -> bool:
        return node in self._noticed

    def is_kink(self, node: Node) -> bool:
        return node in self._kinks

    def meet(self, node: Node, derivative: Any) -> Any:
        """What goes on of a derivative that is not zero and arrives at `node`.

        Raises:
            DomainError: it is a kink, and kinks are errors.
        """
        self.met[node] = None
        if node not in self._kinks or self._at_kink == "subgradient":
            return derivative
        if self._at_kink == "nan":
            return derivative * math.nan
        assert node.primitive is not None
        raise DomainError(
            f"`{node.primitive.title}` is evaluated at a kink, where it has no derivative",
            node.span,
            help="--at-kink subgradient takes the convention: " + node.primitive.convention,
        )


def reverse_sweep(
    nodes: Sequence[Node],
    seed: Any,
    targets: Collection[Node],
    *,
    kinks: Kinks | None = None,
    watch: Callable[[Node, Any, Node, Any], None] | None = None,
) -> dict[Node, Any]:
    """The adjoints of those of `targets` that are reached, from `seed`, the last node's cotangent.

    Args:
        nodes: in an order in which operands come before what is computed from them.
        seed: of the last node's shape and type.
        watch: is told every contribution as it is made.

    Raises:
        DomainError: a kink was met, and kinks are errors.
    """
    sums = _Sums()
    wanted = set(targets)
    adjoints: dict[Node, Any] = {}
    nodes[-1].adjoint = seed
    for node in reversed(nodes):
        g = node.adjoint
        if type(node) is Scalar:
            if g == 0.0:
                # An adjoint of zero adds nothing, whatever the partials: a path not taken
                # cannot poison what was.
                if node.value - node.value and kinks is not None:
                    kinks.absorbed = True
                continue
            node.adjoint = 0.0
        else:
            if g is None:
                continue
            node.adjoint = None
            if not g.any():
                continue
        if node in wanted:
            adjoints[node] = g
        primitive = node.primitive
        if primitive is None:
            continue
        if kinks and node in kinks:
            g = kinks.meet(node, g)
        if watch is None and type(node) is Scalar and primitive.kind == "elementwise":
            primitive.scalar_pull(node, g)
            continue
        for operand, contribution in contributions(node, g):
            if watch is not None:
                watch(node, g, operand, contribution)
            sums.add(operand, contribution)
    return adjoints


def contributions(node: Node, g: Any) -> Iterator[tuple[Node, Any]]:
    """Each operand of a node with what it gets of the node's adjoint `g`.

    Shape: that of the result, where the operand was broadcast; `dense` makes it the operand's.
    """
    primitive = node.primitive
    assert primitive is not None
    partials = scalar_partials(node)
    if partials is not None:
        for position, partial in enumerate(partials):
            operand = node.args[position]
            if isinstance(operand, Node) and (partial or callable(primitive.partials[position])):
                yield operand, g * partial
        return
    args = rule_arguments(node)
    for position, operand in enumerate(node.args):
        if isinstance(operand, Node):
            contribution = cotangent(primitive, position, g, node.value, args)
            if contribution is not None:
                yield operand, contribution


def scalar_partials(node: Node) -> Sequence[float] | None:
    """∂node/∂operand for every operand of an elementwise operation on numbers; else None."""
    primitive = node.primitive
    assert primitive is not None
    if type(node) is not Scalar or primitive.kind != "elementwise":
        return None
    if not any(map(callable, primitive.partials)):
        return primitive.partials
    probe = Scalar()
    probe.value = node.value
    probe.args = tuple([_double(arg) if type(arg) is Scalar else arg for arg in node.args])
    primitive.scalar_pull(probe, 1.0)
    return [arg.adjoint if type(arg) is Scalar else 0.0 for arg in probe.args]


def _double(node: Scalar) -> Scalar:
    """A node with the same value, that gathers what one operand gets."""
    double = Scalar()
    double.value = node.value
    double.adjoint = 0.0
    return double


def dense(contribution: Any, shape: tuple[int, ...]) -> Any:
    """A contribution as a number or an array of its operand's shape."""
    if type(contribution) is Scatter:
        contribution = scatter(contribution.cotangent, contribution.key, shape)
    return fit(contribution, shape)


def recorded_reverse_sweep(
    graph: Graph,
    nodes: Sequence[Node],
    seed: Any,
    targets: Collection[Node],
    kinks: Kinks | None = None,
) -> dict[Node, Any]:
    """As `reverse_sweep`, but every step is recorded into `graph`.

    The adjoints are nodes where they depend on anything, and can be differentiated again.
    """
    adjoints: dict[Node, Any] = {nodes[-1]: seed}
    found: dict[Node, Any] = {}
    if kinks is not None:
        kinks.absorbed = True
    wanted = set(targets)
    with graph.recording():
        for node in reversed(nodes):
            g = adjoints.pop(node, None)
            if g is None:
                continue
            if node in wanted:
                found[node] = g
            if node.primitive is None or (not isinstance(g, Node) and not np.any(g)):
                continue
            if kinks and node in kinks:
                g = kinks.meet(node, g)
            args = rule_arguments(node, recorded=True)
            for position, operand in enumerate(node.args):
                if isinstance(operand, Node):
                    contribution = cotangent(node.primitive, position, g, node, args)
                    if contribution is None:
                        continue
                    contribution = dense(contribution, shape_of(operand.value))
                    before = adjoints.get(operand)
                    adjoints[operand] = contribution if before is None else before + contribution
    return found


def forward_sweep(
    nodes: Sequence[Node], seeds: Mapping[Node, Any], kinks: Kinks | None = None
) -> dict[Node, Any]:
    """The tangents of all `nodes` that depend on a seeded one, from the tangents in `seeds`.

    Args:
        nodes: in an order in which operands come before what is computed from them.
        seeds: a tangent for each node that has one of its own, in its shape.
    """
    tangents: dict[Node, Any] = dict(seeds)
    if kinks is not None:
        kinks.absorbed = True
    for node in nodes:
        if node.primitive is None or node in seeds:
            continue
        args: list[Any] | None = None
        total = None
        for position, operand in enumerate(node.args):
            t = tangents.get(operand) if isinstance(operand, Node) else None
            if t is None or not np.any(t):
                continue
            if kinks and node in kinks:
                t = kinks.meet(node, t)
            args = args or rule_arguments(node)
            part = tangent(node.primitive, position, t, node.value, args)
            if part is not None:
                total = part if total is None else total + part
        if total is not None:
            tangents[node] = fit(np.asarray(total), shape_of(node.value))
    return tangents


class _Sums:
    """Adds contributions up in the nodes' `adjoint`, arrays in place where it made them itself."""

    def __init__(self) -> None:
        self._owned: set[Node] = set()

    def add(self, operand: Node, contribution: Any) -> None:
        if type(contribution) is Scatter:
            self._scatter(operand, contribution)
            return
        contribution = fit(contribution, shape_of(operand.value))
        if type(operand) is Scalar:
            operand.adjoint += float(contribution)
        elif operand.adjoint is None:
            operand.adjoint = np.asarray(contribution, dtype=operand.value.dtype)
            self._owned.discard(operand)
        elif operand in self._owned:
            operand.adjoint += contribution
        else:
            operand.adjoint = np.asarray(operand.adjoint + contribution, dtype=operand.value.dtype)
            if operand.adjoint.ndim:
                self._owned.add(operand)

    def _scatter(self, operand: Node, contribution: Scatter) -> None:
        """Adds where the key points: reading n elements one by one costs n, not n²."""
        if operand not in self._owned:
            if operand.adjoint is None:
                operand.adjoint = np.zeros_like(operand.value)
            else:
                operand.adjoint = np.array(operand.adjoint)
            self._owned.add(operand)
        key = contribution.key
        if any(isinstance(part, np.ndarray) for part in key):
            np.add.at(operand.adjoint, key, contribution.cotangent)
        else:
            operand.adjoint[key] += contribution.cotangent


def zeros_of(node: Node) -> Any:
    """A derivative of zero in the shape and type of a node's value."""
    return 0.0 if type(node) is Scalar else np.zeros_like(node.value)


def ones_of(node: Node) -> Any:
    """A cotangent of ones in the shape and type of a node's value."""
    return 1.0 if type(node) is Scalar else np.ones_like(node.value)
