"""The sweeps: along the nodes of a graph, backwards with cotangents or forwards with tangents.

Nothing recurses. Between sweeps no node holds an adjoint. What one node does is in
`rules`; here is the order, and how contributions add up.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

from autodiff_cli.engine.graph import Node, Scalar, at_kink, ends_gradient, value_of
from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.primitive import shape_of
from autodiff_cli.engine.primitives.indexing import Scatter, scatter
from autodiff_cli.engine.rules import cotangents, fit, rule_arguments, tangents
from autodiff_cli.engine.surroundings import CURRENT
from autodiff_cli.errors import DomainError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from autodiff_cli.engine.graph import Graph

AtKink = Literal["subgradient", "nan", "error"]


class Kinks:
    """Which nodes stand at a kink, what is to be done there, and which a derivative rests on.

    Attributes:
        met: the nodes, at a kink or flat, at which a derivative that is not zero arrived.
        absorbed: whether something infinite may have gone on as a finite number, and its
            derivative as 0. A sweep of numbers sees it; others don't look, and set it.
    """

    def __init__(self, at_kink: AtKink = "subgradient") -> None:
        self._at_kink = at_kink
        self._known: dict[Node, bool] = {}
        self.met: dict[Node, None] = {}
        self.absorbed = False

    def is_kink(self, node: Node) -> bool:
        known = self._known.get(node)
        if known is None:
            known = self._known[node] = at_kink(node)
        return known

    def meet(self, node: Node, derivative: Any, backwards: bool = True) -> Any:
        """What goes on of a derivative that is not zero and arrives at `node`, as a cotangent of
        it where it comes `backwards`, as a tangent of an operand where not.

        Raises:
            DomainError: it is a kink, and kinks are errors.
        """
        assert node.primitive is not None
        if not node.primitive.has_edges:
            return derivative
        if node.primitive.edges_by is not None:
            # Most powers have a constant exponent, and are done with here.
            for position in node.primitive.edges_by:
                if isinstance(node.args[position], Node):
                    break
            else:
                return derivative
        if not self.is_kink(node):
            if ends_gradient(node):
                self.met[node] = None
            return derivative
        rests = node.primitive.rests if backwards else None
        if rests is not None and not rests(value_of(derivative), *map(value_of, node.args)):
            return derivative
        self.met[node] = None
        if self._at_kink == "subgradient":
            return derivative
        if self._at_kink == "nan":
            return derivative * math.nan
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
    adjoints: dict[Node, Any] = {}
    run = CURRENT.get()
    run.sweeping.append(nodes)
    nodes[-1].adjoint = seed
    try:
        remainders = _pull_back(nodes, set(targets), adjoints, kinks, watch)
        if remainders and watch is None:
            # On their own way back, so that what they are added to has cancelled by then.
            sums = _AdjointSums()
            for operand, rest in remainders:
                sums.add(operand, rest)
            small: dict[Node, Any] = {}
            _pull_back(nodes, set(targets), small, None, None)
            for target, rest in small.items():
                adjoints[target] = adjoints[target] + rest if target in adjoints else rest
    except BaseException:
        if not run.abandoned:
            clear(nodes)
        raise
    finally:
        run.sweeping.pop()
    return adjoints


def clear(nodes: Sequence[Node]) -> None:
    """Takes the adjoints off nodes whose sweep does not come to its end."""
    for node in nodes:
        node.adjoint = 0.0 if type(node) is Scalar else None


def _pull_back(
    nodes: Sequence[Node],
    wanted: set[Node],
    adjoints: dict[Node, Any],
    kinks: Kinks | None,
    watch: Callable[[Node, Any, Node, Any], None] | None,
) -> list[tuple[Node, Any]]:
    """Takes every node's adjoint on to its operands, the last node's first.

    Returns what rounding took from contributions, for their operands.
    """
    remainders: list[tuple[Node, Any]] = []
    sums: _AdjointSums | None = None
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
        if primitive.has_edges and kinks is not None:
            g = kinks.meet(node, g)
        pull = primitive.scalar_pull
        if pull is not None and watch is None and type(node) is Scalar:
            pull(node, g)
            continue
        sums = sums or _AdjointSums()
        for operand, contribution in contributions(node, g, remainders):
            if watch is not None:
                watch(node, g, operand, contribution)
            sums.add(operand, contribution)
    return remainders


def contributions(
    node: Node, g: Any, remainders: list[tuple[Node, Any]] | None = None
) -> list[tuple[Node, Any]]:
    """Each operand of a node with what it gets of the node's adjoint `g`.

    Shape: that of the result, where the operand was broadcast; `dense` makes it the operand's.
    What rounding took from them is added to `remainders`.
    """
    primitive = node.primitive
    assert primitive is not None
    partials = scalar_partials(node)
    found: list[tuple[Node, Any]] = []
    if partials is not None:
        for position, partial in enumerate(partials):
            operand = node.args[position]
            if isinstance(operand, Node) and (partial or callable(primitive.partials[position])):
                found.append((operand, g * partial))
        return found
    lost: list[Any] | None = None if remainders is None else []
    parts = cotangents(primitive, node.positions, g, node.value, rule_arguments(node), lost)
    for operand, contribution in zip(node.parents, parts, strict=True):
        if contribution is not None:
            found.append((operand, contribution))
    if remainders is not None and lost:
        remainders += [(node.parents[0], rest) for rest in lost]
    return found


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
    assert primitive.scalar_pull is not None
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
    """As `reverse_sweep`, but every step is recorded into `graph`, and only `nodes` are reached.

    The adjoints are nodes where they depend on anything, and can be differentiated again.
    """
    found: dict[Node, Any] = {}
    if kinks is not None:
        kinks.absorbed = True
    with graph.recording():
        within, wanted = set(nodes), set(targets)
        remainders = _record_back(nodes, within, {nodes[-1]: seed}, wanted, found, kinks)
        if remainders:
            _record_back(nodes, within, remainders, wanted, found, None)
    return found


def _record_back(
    nodes: Sequence[Node],
    within: set[Node],
    adjoints: dict[Node, Any],
    wanted: set[Node],
    found: dict[Node, Any],
    kinks: Kinks | None,
) -> dict[Node, Any]:
    """As `_pull_back`, from any `adjoints`, recorded; adds to those that are `found`."""
    remainders: dict[Node, Any] = {}

    def add(sums: dict[Node, Any], node: Node, contribution: Any) -> None:
        before = sums.get(node)
        sums[node] = contribution if before is None else before + contribution

    for node in reversed(nodes):
        g = adjoints.pop(node, None)
        if g is None:
            continue
        if node in wanted:
            add(found, node, g)
        if node.primitive is None or (not isinstance(g, Node) and not np.any(g)):
            continue
        if kinks is not None:
            g = kinks.meet(node, g)
        lost: list[Any] = []
        args = rule_arguments(node, recorded=True)
        positions = [position for position in node.positions if node.args[position] in within]
        if not positions:
            continue
        operands = [node.args[position] for position in positions]
        parts = cotangents(node.primitive, positions, g, node, args, lost)
        for operand, contribution in zip(operands, parts, strict=True):
            if contribution is not None:
                add(adjoints, operand, dense(contribution, shape_of(operand.value)))
        for rest in lost:
            add(remainders, operands[0], dense(rest, shape_of(operands[0].value)))
    return remainders


def forward_sweep(
    nodes: Sequence[Node], seeds: Mapping[Node, Any], kinks: Kinks | None = None
) -> dict[Node, Any]:
    """The tangents of all `nodes` that depend on a seeded one, from the tangents in `seeds`.

    Args:
        nodes: in an order in which operands come before what is computed from them.
        seeds: a tangent for each node that has one of its own, in its shape, to which comes
            what it gets of others.
    """
    found: dict[Node, Any] = dict(seeds)
    if kinks is not None:
        kinks.absorbed = True
    for node in nodes:
        if node.primitive is None:
            continue
        given = {}
        for position, operand in zip(node.positions, node.parents, strict=True):
            t = found.get(operand)
            if t is not None and (t != 0.0 if type(t) is float else np.any(t)):
                given[position] = t if kinks is None else kinks.meet(node, t, backwards=False)
        if given:
            total = _scalar_tangent(node, given)
            if total is None:
                total = tangents(node.primitive, given, node.value, rule_arguments(node))
                if total is None:
                    continue
                total = fit(np.asarray(total), shape_of(node.value))
            found[node] = total + seeds[node] if node in seeds else total
    return found


def _scalar_tangent(node: Node, given: Mapping[int, Any]) -> float | None:
    """Of an elementwise operation on numbers, in Python's floats; None where those will not do."""
    partials = scalar_partials(node)
    if partials is None:
        return None
    total = 0.0
    for position, t in given.items():
        total += float(t) * partials[position]
    return total if math.isfinite(total) else None


class _AdjointSums:
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
