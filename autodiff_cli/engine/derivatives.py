"""Derivatives, built on the sweeps."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, Literal

from autodiff_cli.engine.graph import Node, below, value_of
from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.memory import reserve
from autodiff_cli.engine.primitive import shape_of
from autodiff_cli.engine.primitives.joining import stack
from autodiff_cli.engine.primitives.reductions import sum_
from autodiff_cli.engine.primitives.shapes import reshape
from autodiff_cli.engine.rules import unit_arrays
from autodiff_cli.engine.side_by_side import (
    columns_at_once,
    forward_sweeps,
    reverse_sweeps,
    rows_at_once,
)
from autodiff_cli.engine.sweeps import (
    Kinks,
    forward_sweep,
    ones_of,
    recorded_reverse_sweep,
    reverse_sweep,
    zeros_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autodiff_cli.engine.graph import Graph


def gradient(
    graph: Graph,
    output: Any,
    targets: Sequence[Node],
    cotangent: Any = None,
    kinks: Kinks | None = None,
) -> list[Any]:
    """The vjp of `output` by every one of `targets`, in one reverse sweep; shapes: the targets'.

    `cotangent` is of the output's shape; left out, it is ones, which makes the gradient of a
    scalar. An output that is no node depends on no target.

    Raises:
        DomainError: a kink was met, and kinks are errors. So too below.
    """
    if not isinstance(output, Node):
        return [zeros_of(target) for target in targets]
    seed = ones_of(output) if cotangent is None else cotangent
    adjoints = reverse_sweep(graph.up_to(output), seed, targets, kinks=kinks)
    return [adjoints.get(target, zeros_of(target)) for target in targets]


Direction = Literal["reverse", "forward"]


def jacobian(
    output: Any,
    targets: Sequence[Node],
    shape: tuple[int, ...],
    kinks: Kinks | None = None,
) -> tuple[list[Any], Direction]:
    """∂output/∂target for each target, for an output of `shape`; shape: that, then the target's.

    One sweep for each element of the output, or one for each of the targets: the direction
    that is cheaper, which is returned.
    """
    sizes = [prod(shape_of(target.value)) for target in targets]
    direction = swept(shape, sum(sizes))
    reserve(8 * prod(shape) * sum(sizes), "the Jacobian")
    if not isinstance(output, Node):
        return [np.zeros((*shape, *shape_of(t.value))) for t in targets], direction
    nodes = below(output)
    by_element = _rows if direction == "reverse" else _columns
    blocks = by_element(nodes, output, targets, shape, kinks)
    return blocks, direction


def swept(shape: tuple[int, ...], count: int) -> Direction:
    """The direction in which a Jacobian takes fewer sweeps: of a shape, by so many numbers."""
    return "reverse" if prod(shape) <= count else "forward"


def _rows(
    nodes: Sequence[Node],
    output: Node,
    targets: Sequence[Node],
    shape: tuple[int, ...],
    kinks: Kinks | None,
) -> list[Any]:
    count = prod(shape)
    blocks = [np.zeros((count, *shape_of(target.value))) for target in targets]
    at_once = rows_at_once(nodes, count)
    for start in range(0, count, at_once):
        rows = slice(start, min(start + at_once, count))
        seeds = _unit_rows(output, rows)
        if at_once > 1:
            adjoints = reverse_sweeps(nodes, seeds, targets, kinks)
        else:
            seed = seeds[0] if shape else ones_of(output)
            adjoints = reverse_sweep(nodes, seed, targets, kinks=kinks)
        for block, target in zip(blocks, targets, strict=True):
            block[rows] = adjoints.get(target, 0.0)
    return [
        block.reshape(shape + shape_of(target.value))
        for block, target in zip(blocks, targets, strict=True)
    ]


def _columns(
    nodes: Sequence[Node],
    output: Node,
    targets: Sequence[Node],
    shape: tuple[int, ...],
    kinks: Kinks | None,
) -> list[Any]:
    units = [(target, unit) for target in targets for unit in unit_arrays(shape_of(target.value))]
    columns: Any = np.zeros((len(units), *shape))
    at_once = columns_at_once(nodes)
    for start in range(0, len(units), at_once):
        seeds: dict[Node, dict[int, Any]] = {}
        for column, (target, unit) in enumerate(units[start : start + at_once], start):
            seeds.setdefault(target, {})[column] = unit
        for column, tangent in forward_sweeps(nodes, seeds, kinks).items():
            columns[column] = tangent
    blocks, first = [], 0
    for target in targets:
        inner = shape_of(target.value)
        part = columns[first : first + prod(inner)]
        first += prod(inner)
        blocks.append(np.moveaxis(part, 0, -1).reshape(shape + inner))
    return blocks


def hessian(
    graph: Graph, output: Any, targets: Sequence[Node], kinks: Kinks | None = None
) -> list[list[Any]]:
    """∂²output/∂target∂other of a scalar, for every pair; shape: the target's, then the other's.

    A recorded sweep makes the gradient, and then one sweep for each of its elements a row.
    """
    blocks = []
    reserve(8 * sum(prod(shape_of(target.value)) for target in targets) ** 2, "the Hessian")
    gradients = recorded_gradient(graph, output, _one(output), targets, kinks)
    for component, target in zip(gradients, targets, strict=True):
        shape = shape_of(target.value)
        if isinstance(component, Node):
            blocks.append(_rows(below(component), component, targets, shape, None))
        else:
            blocks.append([np.zeros(shape + shape_of(other.value)) for other in targets])
    # Where the gradient is nan, as at a kink that is asked to be, so is its derivative: the
    # rule of a step is flat, and would give 0.
    undefined = [np.isnan(value_of(component)) for component in gradients]
    for i, row in enumerate(blocks):
        for j, block in enumerate(row):
            mask = np.logical_or.outer(undefined[i], undefined[j])
            row[j] = np.where(mask, np.nan, block)
    return blocks


def jvp(output: Any, tangents: Mapping[Node, Any], kinks: Kinks | None = None) -> Any:
    """The derivative of `output` along `tangents`, in its shape, in one forward sweep."""
    if not isinstance(output, Node):
        return np.zeros(shape_of(output))
    tangent = forward_sweep(below(output), tangents, kinks).get(output)
    return zeros_of(output) if tangent is None else tangent


def hvp(
    graph: Graph,
    output: Any,
    targets: Sequence[Node],
    tangents: Mapping[Node, Any],
    kinks: Kinks | None = None,
) -> list[Any]:
    """The Hessian of a scalar times `tangents`, by every target: two sweeps, whatever the size."""
    gradients = recorded_gradient(graph, output, _one(output), list(tangents), kinks)
    total: Any = 0.0
    with graph.recording():
        for component, tangent in zip(gradients, tangents.values(), strict=True):
            if isinstance(component, Node):
                total = total + sum_(component * tangent, None, False)
    products = gradient(graph, total, targets)
    if np.isnan(value_of(total)):
        products = [product * np.nan for product in products]
    return products


def taylor(
    graph: Graph, output: Any, target: Node, order: int, kinks: Kinks | None = None
) -> list[Any]:
    """The first `order` derivatives of a scalar by a scalar target."""
    derivatives = [output]
    for _ in range(order):
        last = derivatives[-1]
        if np.isnan(value_of(last)):
            return [value_of(d) for d in derivatives[1:]] + [np.nan] * (
                order - len(derivatives) + 1
            )
        derivatives += recorded_gradient(graph, last, _one(last), [target], kinks)
        kinks = None
    return [value_of(derivative) for derivative in derivatives[1:]]


def _one(output: Any) -> Any:
    return ones_of(output) if isinstance(output, Node) else 1.0


def recorded_gradient(
    graph: Graph,
    output: Any,
    cotangent: Any,
    targets: Sequence[Node],
    kinks: Kinks | None = None,
) -> list[Any]:
    """The vjp of `cotangent` by every target, recorded, so that it can be differentiated again.

    It costs what is made of the targets below `output`, however long the graph is. What does
    not depend on anything is a value and no node.
    """
    nodes = graph.between(targets, output) if targets and isinstance(output, Node) else []
    found = recorded_reverse_sweep(graph, nodes, cotangent, targets, kinks) if nodes else {}
    return [found.get(target, zeros_of(target)) for target in targets]


def recorded_jacobian(graph: Graph, output: Any, target: Node, kinks: Kinks | None = None) -> Any:
    """∂output/∂target, recorded; shape: the output's, then the target's."""
    shape = shape_of(value_of(output))
    if not shape:
        return recorded_gradient(graph, output, 1.0, [target], kinks)[0]
    full = (*shape, *shape_of(target.value))
    nodes = graph.between([target], output) if isinstance(output, Node) else []
    if not nodes:
        return np.zeros(full)
    rows = [
        recorded_reverse_sweep(graph, nodes, one, [target], kinks).get(target, zeros_of(target))
        for one in unit_arrays(shape)
    ]
    if not rows:
        return np.zeros(full)
    with graph.recording():
        return reshape(stack(*rows, 0), full)


def _unit_rows(output: Node, rows: slice) -> Any:
    """Some of the arrays that are 1 in one place and else 0, stacked, in the type of an output."""
    shape = shape_of(output.value)
    units = np.eye(rows.stop - rows.start, prod(shape), rows.start, np.result_type(output.value))
    return units.reshape(-1, *shape)
