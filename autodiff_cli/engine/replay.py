"""A recorded graph once more: with a node moved, or with every rounding done otherwise.

What ran is a straight line of primitives, and detached values are constants in it. Run
again from a moved node, it tells how the output moves; run again with its values off by
their last digit, it tells how much of the output, and of its derivatives, is rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.graph import Graph, Node, below
from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.primitive import plain
from autodiff_cli.engine.sweeps import ones_of, reverse_sweep, zeros_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from autodiff_cli.engine.primitive import Primitive

ROUNDINGS = 4
"""Samples that the noise is the worst of."""
MARGIN = 2.0
"""The worst of few samples falls short of the worst that there is."""
EPSILON = 2.0**-52


def evaluate(primitive: Primitive, args: Sequence[Any]) -> Any:
    """A primitive's value as the graph would record it: what depends on a float is one."""
    out = primitive.evaluate(*args)
    return float(out) if type(out) in (int, bool) else out


def replay(
    order: Sequence[Node],
    moved: Mapping[Node, Any],
    compute: Callable[[Primitive, Sequence[Any]], Any] = evaluate,
) -> dict[Node, Any]:
    """The values of the nodes that change with those of `moved`, which are among them.

    Args:
        order: operands before what is computed from them.
    """
    values: dict[Node, Any] = dict(moved)
    for node in order:
        if node.primitive is None or node in moved:
            continue
        if any(isinstance(arg, Node) and arg in values for arg in node.args):
            values[node] = compute(node.primitive, arguments(node, values))
    return values


def arguments(node: Node, values: Mapping[Node, Any]) -> list[Any]:
    """A node's arguments, by `values` where they are in it."""
    return [values.get(arg, arg.value) if isinstance(arg, Node) else arg for arg in node.args]


@dataclass(slots=True)
class Noise:
    """How far rounding may take an output, and its derivative by each target, off."""

    value: Any
    by_target: list[Any]


def rounding_noise(output: Any, targets: Sequence[Node], gradient: Sequence[Any]) -> Noise:
    """The spread of an output and of its `gradient` when every operation rounds at random."""
    by_target = [MARGIN * EPSILON * np.abs(g) for g in gradient]
    if not isinstance(output, Node):
        return Noise(0.0, by_target)
    order = below(output)
    rng = np.random.default_rng(0)
    spread = np.zeros(np.shape(output.value))
    for _ in range(ROUNDINGS):
        nodes = _rounded(order, rng)
        last = nodes[output]
        wanted = [nodes[target] for target in targets if target in nodes]
        adjoints = reverse_sweep(list(nodes.values()), ones_of(last), wanted)
        spread = np.fmax(spread, np.abs(last.value - output.value))
        for position, (target, known) in enumerate(zip(targets, gradient, strict=True)):
            found = adjoints.get(nodes[target], 0.0) if target in nodes else zeros_of(target)
            off = np.abs(found - known)
            by_target[position] = np.fmax(by_target[position], MARGIN * off)
    return Noise(MARGIN * spread, by_target)


def _rounded(order: Sequence[Node], rng: Any) -> dict[Node, Node]:
    """The nodes of another run, in which each result is off by up to a unit in its last place."""
    graph = Graph()
    nodes: dict[Node, Node] = {}
    for node in order:
        value = node.value
        if node.primitive is not None:
            values = [nodes[arg].value if isinstance(arg, Node) else arg for arg in node.args]
            value = _off(node.primitive, values, rng)
        args = tuple(nodes[arg] if isinstance(arg, Node) else arg for arg in node.args)
        nodes[node] = graph.record(node.primitive, args, value, node.span)
    return nodes


def _occurs(value: float, operand: Any) -> bool:
    """Whether a number, or its negative, is the operand or one of its elements."""
    if isinstance(operand, (int, float)):
        return abs(value) == abs(operand)
    return bool(np.any(np.equal(np.abs(operand), abs(value))))


def _off(primitive: Primitive, args: Sequence[Any], rng: Any) -> Any:
    """A result with another rounding. What was only moved, chosen or negated was not rounded,
    nor were the levels of a step."""
    value = evaluate(primitive, args)
    if primitive.flat:
        return value
    operands = args[: len(args) - len(primitive.options)]
    if primitive.sums:
        sizes = [np.abs(operand) for operand in operands]
        terms = evaluate(primitive, [*sizes, *args[len(operands) :]])
        return plain(value + EPSILON * terms * rng.uniform(-1.0, 1.0, np.shape(value)))
    if type(value) is float:
        if any(_occurs(value, operand) for operand in operands):
            return value
        return value * (1.0 + EPSILON * rng.uniform(-1.0, 1.0))
    known = [np.abs(np.ravel(x)) for x in operands if np.asarray(x).dtype.kind in "fi"]
    exact = np.isin(np.abs(value), np.concatenate([*known, np.zeros(1)]))
    noisy = value * (1.0 + EPSILON * rng.uniform(-1.0, 1.0, np.shape(value)))
    return np.where(exact, value, noisy)
