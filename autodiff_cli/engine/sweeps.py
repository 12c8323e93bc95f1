"""The reverse sweep: from an output's cotangent to the adjoints of what it was computed from.

One walk along the list of nodes, backwards; nothing recurses. Between sweeps no node
holds an adjoint. Broadcasting is undone in one place, `_Reverse.add`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

from autodiff_cli.engine.graph import Node, Scalar, value_of
from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.primitive import Primitive, shape_of
from autodiff_cli.engine.primitives.arrays import Scatter, reshape
from autodiff_cli.engine.primitives.reductions import kept_shape
from autodiff_cli.errors import DomainError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from autodiff_cli.engine.graph import Graph

AtKink = Literal["subgradient", "nan", "error"]


def reverse_sweep(
    graph: Graph,
    output: Node,
    cotangent: Any,
    targets: Sequence[Node],
    *,
    at_kink: AtKink = "subgradient",
    watch: Callable[[Node, Any, Node, Any], None] | None = None,
) -> tuple[list[Any], list[Node]]:
    """Adjoints of `targets`, for the `cotangent` of `output`, which has its shape.

    Also the nodes that stood at a kink and whose convention the adjoints rest on.
    `watch(node, adjoint, operand, contribution)` is told every contribution as it is made.

    Raises:
        DomainError: a kink was met, and `at_kink` is "error".
    """
    sweep = _Reverse(watch)
    kinks = set(graph.kinks)
    met: list[Node] = []
    wanted = set(targets)
    adjoints: dict[Node, Any] = {}
    last = len(graph.nodes) - 1
    while graph.nodes[last] is not output:
        last -= 1
    output.adjoint = cotangent
    for position in range(last, -1, -1):
        node = graph.nodes[position]
        g = node.adjoint
        if type(node) is Scalar:
            if g == 0.0:
                # An adjoint of zero adds nothing, whatever the partials: a path not taken
                # cannot poison what was.
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
            met.append(node)
            g = _at_kink(node, g, at_kink)
        if watch is None and type(node) is Scalar and primitive.kind == "elementwise":
            primitive.scalar_pull(node, g)
        else:
            sweep.pull(node, primitive, g)
    return [_adjoint_or_zero(target, adjoints) for target in targets], met


def _adjoint_or_zero(target: Node, adjoints: dict[Node, Any]) -> Any:
    if target in adjoints:
        return adjoints[target]
    return 0.0 if type(target) is Scalar else np.zeros_like(target.value)


def _at_kink(node: Node, g: Any, at_kink: AtKink) -> Any:
    if at_kink == "nan":
        return g * math.nan
    if at_kink == "error" and node.primitive is not None:
        raise DomainError(
            f"`{node.primitive.name}` is evaluated at a kink, where it has no derivative",
            node.span,
            help="--at-kink subgradient takes the convention: " + node.primitive.convention,
        )
    return g


class _Reverse:
    """The general case of a step: any shapes, any kind of primitive."""

    def __init__(self, watch: Callable[[Node, Any, Node, Any], None] | None) -> None:
        self._watch = watch
        self._owned: set[Node] = set()
        """Nodes whose adjoint is an array that this sweep made, and may add to in place."""

    def pull(self, node: Node, primitive: Primitive, g: Any) -> None:
        """Adds to the adjoint of every operand what reaches it through `node`."""
        values = rule_arguments(node)
        for position, operand in enumerate(node.args):
            if isinstance(operand, Node):
                contribution = _contribution(primitive, position, g, node.value, values)
                if contribution is not None:
                    if self._watch is not None:
                        self._watch(node, g, operand, contribution)
                    self.add(operand, contribution)

    def add(self, operand: Node, contribution: Any) -> None:
        """Adds a contribution, with what broadcasting repeated summed up again."""
        if type(contribution) is Scatter:
            self._scatter(operand, contribution)
            return
        shape = shape_of(operand.value)
        if shape_of(contribution) != shape:
            contribution = _fit(contribution, shape)
        if type(operand) is Scalar:
            operand.adjoint += float(contribution)
        elif operand.adjoint is None:
            operand.adjoint = np.asarray(contribution, dtype=operand.value.dtype)
            self._owned.discard(operand)
        elif operand in self._owned:
            operand.adjoint += contribution
        else:
            operand.adjoint = np.asarray(operand.adjoint + contribution, dtype=operand.value.dtype)
            if shape:
                self._owned.add(operand)

    def _scatter(self, operand: Node, contribution: Scatter) -> None:
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


def rule_arguments(node: Node) -> list[Any]:
    """A node's arguments as its rule takes them: numbers in NumPy's types.

    Python's own floats raise on 1/0; NumPy's give what IEEE 754 says.
    """
    to_float = np.float32 if getattr(node.value, "dtype", None) == np.float32 else np.float64
    values = []
    for arg in node.args:
        value = value_of(arg)
        if type(value) in (float, int) and len(values) < len(node.args) - _statics(node):
            value = to_float(value)
        values.append(value)
    return values


def _statics(node: Node) -> int:
    return len(node.primitive.options) if node.primitive is not None else 0


def _contribution(primitive: Primitive, position: int, g: Any, out: Any, args: list[Any]) -> Any:
    """What operand number `position` gets; None where it has no derivative."""
    if primitive.kind == "elementwise":
        rule = primitive.partials[position]
        partial = rule(out, *args) if callable(rule) else rule
        if not callable(rule) and rule == 0:
            return None
        return _times(g, partial)
    if primitive.kind == "reduction":
        assert primitive.weight is not None
        x, *static = args
        *head, axis, _ = static
        shape = kept_shape(shape_of(x), axis)
        weight = primitive.weight(reshape(out, shape), x, *head, axis)
        return _times(reshape(g, shape), weight)
    if primitive.variadic:
        return primitive.vjps(position, g, out, *args)
    rule = primitive.vjps[position]
    return None if rule is None else rule(g, out, *args)


def _times(g: Any, partial: Any) -> Any:
    """g·partial, where a g of zero gives zero even beside an inf or a nan."""
    product = g * partial
    if not np.isfinite(product).all():
        product = np.where(np.equal(g, 0), 0, product)
    return product


def _fit(contribution: Any, shape: tuple[int, ...]) -> Any:
    """A contribution in the shape of what it goes to: summed where that was broadcast."""
    array = np.asarray(contribution)
    extra = array.ndim - len(shape)
    if extra > 0:
        array = array.sum(axis=tuple(range(extra)))
    axes = tuple(
        axis for axis, size in enumerate(shape) if size == 1 and axis < array.ndim and array.shape[axis] != 1
    )
    if axes:
        array = array.sum(axis=axes, keepdims=True)
    return array if array.shape == shape else np.broadcast_to(array, shape)
