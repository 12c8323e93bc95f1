"""Why a gradient is zero though the output was computed from the name: where it ends."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from autodiff_cli.engine.graph import Node, value_of
from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.primitive import shape_of
from autodiff_cli.engine.primitives import TABLE
from autodiff_cli.engine.primitives.indexing import Scatter
from autodiff_cli.engine.rules import rule_arguments
from autodiff_cli.engine.sweeps import dense
from autodiff_cli.errors import AdiffError
from autodiff_cli.explain.numbers import anywhere, is_zero, marks, operands_of
from autodiff_cli.explain.paths import pulled, pulled_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from autodiff_cli.explain.paths import Subgraph

Cause = Literal[
    "flat",
    "no-derivative",
    "own-rule",
    "factor",
    "not-chosen",
    "overwritten",
    "saturated",
    "stationary",
    "kink",
    "infinite",
    "underflow",
    "elsewhere",
    "cancelled",
]
"""Why nothing of a derivative goes on to an operand:

- flat: the primitive's derivative is 0 wherever there is one;
- no-derivative: it has none by this operand;
- own-rule: the program's own rule says 0;
- factor: it is multiplied by a 0;
- not-chosen: another operand, or element, is the result;
- overwritten: the element was replaced by another value;
- saturated: the derivative is 0 here and beside this point;
- stationary: it is 0 at this point only;
- kink: it is 0 by the convention of a kink;
- infinite: an operand is infinite, and were it finite, the derivative would not be 0;
- underflow: neither factor is 0, but their product is too small for a float;
- elsewhere: each is 0 where the other is not;
- cancelled: several contributions add up to 0.
"""

FAR, NEAR = 1e150, 1e2
"""Large numbers that stand in for an infinity: for one past the largest float, whose effect may
die down faster than that grows, and for one at a pole."""
LARGE_SINGLE = 1e18
"""The most that stands in for one in float32."""
BESIDE = 1e-3
"""How far from an operand it is looked whether a derivative of 0 is one beside it too."""


@dataclass(slots=True)
class End:
    """A place in the source where a derivative ends on its way to the target.

    Attributes:
        node: the operation; of contributions that cancel, their sum's node.
        operand: what gets nothing.
        parts: of contributions that cancel, the operations and what they give.
        nodes: the operations of this place that end it.
    """

    cause: Cause
    node: Node
    operand: Node
    parts: Sequence[tuple[Node, Any]] = ()
    nodes: set[Node] = field(default_factory=set)

    @property
    def count(self) -> int:
        """How many operations of this place end it."""
        return len(self.nodes)


def ends(subgraph: Subgraph, losing: Sequence[Node] | None = None) -> list[End]:
    """Where the derivative ends on its way from the output to the target: nearest it first.

    Of each place in the source and each cause, the first. Without `losing`, the operations to
    look at, those are looked at that leave an operand's adjoint 0.
    """
    if is_zero(subgraph.seed):
        return []
    everywhere = losing is None
    if losing is None:
        losing = [
            n for n in reversed(subgraph.order) if n in subgraph.adjoints and _loses(subgraph, n)
        ]
    found: dict[tuple[int, Cause], End] = {}
    arriving: dict[Node, list[tuple[Node, Any]]] = {}
    for node in losing:
        for position, operand, got in subgraph.edges(node):
            if operand in subgraph.adjoints and everywhere:
                continue
            if got is not None:
                got = dense(got, shape_of(operand.value))
            if got is None or is_zero(got):
                end = End(_cause(subgraph, node, position), node, operand)
                _add(found, _blamed(subgraph, end) if end.cause == "elsewhere" else end)
            elif operand not in subgraph.adjoints:
                arriving.setdefault(operand, []).append((node, got))
    for operand, parts in arriving.items():
        _add(found, End("cancelled", operand, operand, parts=parts[::-1]))
    return list(found.values())


def _add(found: dict[tuple[int, Cause], End], end: End) -> None:
    key = id(end.node.span), end.cause
    if key in found:
        found[key].nodes.add(end.node)
    else:
        end.nodes.add(end.node)
        found[key] = end


def _blamed(subgraph: Subgraph, end: End) -> End:
    """An end because no gradient arrives there, put down to the operation that sees to that."""
    consumers = [node for node in subgraph.order if end.node in node.parents]
    if len(consumers) != 1 or consumers[0] not in subgraph.adjoints:
        return end
    (node,) = consumers
    position = next(i for i, arg in enumerate(node.args) if arg is end.node)
    ones = np.ones(shape_of(node.value))
    got = pulled(node, position, ones, rule_arguments(node))
    if got is None or dense(got, shape_of(end.node.value)).all():
        return end
    return End(_cause_of_some(subgraph, node), node, end.node)


def _loses(subgraph: Subgraph, node: Node) -> bool:
    """Whether an operand that leads to the target has an adjoint of 0."""
    return any(
        isinstance(arg, Node) and arg in subgraph.index and arg not in subgraph.adjoints
        for arg in node.args
    )


def _cause(subgraph: Subgraph, node: Node, position: int) -> Cause:
    """Why operand number `position` gets nothing of a node's adjoint."""
    primitive, g = node.primitive, subgraph.adjoints[node]
    assert primitive is not None
    if primitive.flat:
        return "flat"
    if TABLE.get(primitive.name) is not primitive:
        return "own-rule"
    if primitive.name == "setindex" and position == 0:
        return "overwritten"
    args, shape = rule_arguments(node), shape_of(value_of(node.args[position]))
    unit = np.ones(shape_of(node.value))
    partial = pulled(node, position, unit, args)
    if partial is None:
        return "no-derivative"
    if not is_zero(dense(partial, shape)):
        arrives = np.not_equal(g, 0).astype(np.float64)
        beside = is_zero(dense(pulled(node, position, arrives, args), shape))
        return "elsewhere" if beside else "underflow"
    if subgraph.kinks.is_kink(node):
        return "kink"
    if infinite_operand(node) is not None and any(
        absorbs(node, position, True, 1.0, size) for size in (FAR, NEAR)
    ):
        return "infinite"
    if primitive.unchosen:
        return "not-chosen"
    if primitive.multiplies:
        return _multiplied(node)
    size = np.abs(np.asarray(args[position], np.float64))
    if _moves(node, position, args, unit, np.where(size == 0, 1.0, size)):
        return "stationary"
    # A power of a tiny number has no derivative left that a float holds, however near one looks.
    return "underflow" if _moves(node, position, args, unit, np.maximum(size, 1.0)) else "saturated"


def _multiplied(node: Node) -> Cause:
    """Why an operation that multiplies gives nothing: a factor is 0, or the product too small."""
    assert node.primitive is not None
    factors = (value_of(arg) for _, arg in operands_of(node.primitive, node.args))
    return "factor" if any(np.any(np.equal(one, 0)) for one in factors) else "underflow"


def infinite_operand(node: Node) -> Any:
    """The first operand that is infinite somewhere."""
    assert node.primitive is not None
    for _, arg in operands_of(node.primitive, node.args):
        if anywhere(marks(value_of(arg), "infinite")):
            return arg
    return None


def absorbs(node: Node, position: int, where: Any, g: Any, size: float) -> bool:
    """Whether an operand gets nothing of `g` at `where` only as it, or another, is infinite.

    It would get something if all that is infinite were as large as `size`.
    """
    assert node.primitive is not None
    if node.primitive.unchosen:
        # What was not chosen has no part in it.
        return False
    operands = operands_of(node.primitive, node.args)
    values = [_finite(value_of(arg), size) for _, arg in operands]
    try:
        got = pulled_at(node, position, g, values)
    except AdiffError:
        return False
    # What is finite is 0 less itself.
    return anywhere(where & (got != 0) & (got - got == 0))


def _finite(value: Any, size: float) -> Any:
    """A value with a number of that size in the place of each infinity."""
    if isinstance(value, (int, float)):
        return math.copysign(size, value) if math.isinf(value) else value
    if value.dtype == np.float32:
        size = min(size, LARGE_SINGLE)
    return np.where(np.isinf(value), np.copysign(size, value), value).astype(value.dtype)


def _moves(node: Node, position: int, args: list[Any], unit: Any, size: Any) -> bool:
    """Whether the derivative by an operand is another beside the point, by a part of `size`."""
    assert node.primitive is not None
    values = args[: len(args) - len(node.primitive.options)]
    at = np.asarray(values[position], np.float64)
    for side in (-BESIDE, BESIDE):
        values[position] = at + side * size
        try:
            partial = pulled_at(node, position, unit, values)
        except AdiffError:
            continue
        if np.any(np.isfinite(partial) & np.not_equal(partial, 0.0)):
            return True
    return False


# ── elements of an array ──────────────────────────────────────────────────────────────


@dataclass(slots=True)
class Zeros:
    """Some elements of a gradient that are 0, and why.

    Attributes:
        cause: "unread" where nothing reads them.
        node: the operation whose derivative is 0 there, where there is one.
        where: an array of the gradient's shape, true at these elements.
    """

    cause: Cause | Literal["unread"]
    node: Node | None
    where: Any

    @property
    def count(self) -> int:
        return int(np.sum(self.where))


def zero_elements(subgraph: Subgraph, gradient: Any) -> list[Zeros]:
    """Why those elements of an array's gradient are 0 that are, where others are not.

    Those are left out of which it cannot be told: several operations take them on.
    """
    zero = np.equal(gradient, 0.0)
    consumers = _consumers(subgraph)
    read = _read(subgraph.target, consumers[subgraph.target])
    found = [Zeros("unread", None, zero & ~read), *_along(subgraph, consumers, zero & read)]
    return [zeros for zeros in found if zeros.count]


def _consumers(subgraph: Subgraph) -> dict[Node, dict[Node, list[int]]]:
    """By node, the operations between that take it, each with the operand's positions."""
    consumers: dict[Node, dict[Node, list[int]]] = {}
    for node in subgraph.order[1:]:
        for position, arg in enumerate(node.args):
            if isinstance(arg, Node) and arg in subgraph.index:
                consumers.setdefault(arg, {}).setdefault(node, []).append(position)
    return consumers


def _read(target: Node, consumers: dict[Node, list[int]]) -> Any:
    """Which elements of the target any operation reads."""
    read = np.zeros(shape_of(target.value), bool)
    for node, positions in consumers.items():
        ones = np.ones(shape_of(node.value))
        got = pulled(node, positions[0], ones, rule_arguments(node))
        if type(got) is not Scatter:
            return np.ones_like(read)
        read[got.key] = True
    return read


def _along(
    subgraph: Subgraph, consumers: dict[Node, dict[Node, list[int]]], places: Any
) -> Iterator[Zeros]:
    """The operations, one after another, whose derivatives are 0 at some of `places`."""
    at = subgraph.target
    while places.any() and len(consumers.get(at, ())) == 1:
        ((node, positions),) = consumers[at].items()
        if node not in subgraph.adjoints:
            break
        dead = places
        for position in positions:
            ones = np.ones(shape_of(node.value))
            got = pulled(node, position, ones, rule_arguments(node))
            if got is not None:
                dead = dead & np.equal(dense(got, places.shape), 0.0)
        if dead.any():
            infinite = marks(at.value, "infinite") & dead
            absorbed = any(
                absorbs(node, position, infinite, np.ones(shape_of(node.value)), size)
                for position in positions
                for size in (FAR, NEAR)
            )
            cause = "infinite" if absorbed else _cause_of_some(subgraph, node)
            yield Zeros(cause, node, dead)
        places = places & ~dead
        if shape_of(node.value) != places.shape or not _by_element(node):
            break
        at = node


def _by_element(node: Node) -> bool:
    return node.primitive is not None and node.primitive.kind == "elementwise"


def _cause_of_some(subgraph: Subgraph, node: Node) -> Cause:
    """Why an operation passes nothing on to some elements of its operand."""
    assert node.primitive is not None
    if subgraph.kinks.is_kink(node):
        return "kink"
    if node.primitive.name == "setindex":
        return "overwritten"
    if node.primitive.unchosen:
        return "not-chosen"
    return _multiplied(node) if node.primitive.multiplies else "saturated"
