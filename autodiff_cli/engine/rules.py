"""One step of a sweep: what a node's rule makes of a cotangent, or of a tangent.

Everything here is written in primitives and Python's operators, so that on arrays it
computes, and on nodes it records: a recorded sweep can itself be differentiated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.graph import Node, all_finite, value_of
from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.primitive import Primitive, counted, shape_of
from autodiff_cli.engine.primitives.arguments import axes_of
from autodiff_cli.engine.primitives.arithmetic import gated
from autodiff_cli.engine.primitives.reductions import kept_shape, sum_
from autodiff_cli.engine.primitives.shapes import broadcast_to, reshape

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


def rule_arguments(node: Node, recorded: bool = False) -> list[Any]:
    """A node's arguments as its rule takes them: nodes as they are where `recorded`, else values.

    Numbers come in NumPy's types: Python's own raise on 1/0, NumPy's give what IEEE 754 says.
    """
    assert node.primitive is not None
    to_float = np.float32 if getattr(node.value, "dtype", None) == np.float32 else np.float64
    operands = len(node.args) - len(node.primitive.options)
    arguments = []
    for position, arg in enumerate(node.args):
        if not (recorded and isinstance(arg, Node)):
            arg = value_of(arg)
            if position < operands:
                arg = to_float(arg) if type(arg) in (float, int) else counted(arg)
        arguments.append(arg)
    return arguments


def cotangents(
    primitive: Primitive,
    positions: Sequence[int],
    g: Any,
    out: Any,
    args: list[Any],
    remainders: list[Any] | None = None,
) -> list[Any]:
    """What the operands at `positions` get of the cotangent `g` of `out`; None where nothing.

    Shape: that of the operand broadcast as the primitive broadcast it; `fit` undoes it.

    Args:
        remainders: takes what rounding took from the first operand's, where that may come to
            light when others' contributions cancel the rest.
    """
    if type(out) is float:
        out = np.float64(out)  # as the arguments are: a rule may divide by it
    if primitive.kind == "elementwise":
        return [_by_partial(primitive, position, g, out, args) for position in positions]
    if primitive.kind == "reduction":
        weight, shape, axis = _weight(primitive, out, args)
        if remainders is not None and primitive.remainder is not None:
            rest = primitive.remainder(value_of(weight), axes_of(axis, shape))
            remainders += [] if rest is None else [reshape(g, shape) * rest]
        return [_times(reshape(g, shape), weight, primitive.chooses) for _ in positions]
    if primitive.pullback is not None:
        every = primitive.pullback(g, out, args)
        return [every[position] for position in positions]
    if primitive.variadic:
        return [primitive.vjps(position, g, out, *args) for position in positions]
    rules = [primitive.vjps[position] for position in positions]
    return [None if rule is None else rule(g, out, *args) for rule in rules]


def tangents(primitive: Primitive, given: Mapping[int, Any], out: Any, args: list[Any]) -> Any:
    """The tangent of `out` for those `given` of operands by position; None where it is none."""
    if type(out) is float:
        out = np.float64(out)  # as the arguments are: a rule may divide by it
    if primitive.variadic and not primitive.jvps and primitive.pullback is None:
        # Its operands are summands of the result, as those of a stack: all of them at once.
        operands = len(args) - len(primitive.options)
        zeros = (np.zeros(shape_of(value_of(arg))) for arg in args[:operands])
        every = [given.get(position, zero) for position, zero in enumerate(zeros)]
        return primitive(*every, *args[operands:])
    if primitive.pullback is None:
        parts = [_tangent(primitive, position, t, out, args) for position, t in given.items()]
    else:
        # J·t from the rows of J, which are the cotangents of unit cotangents.
        parts = []
        for unit in unit_arrays(shape_of(value_of(out))):
            rows = primitive.pullback(unit, out, args)
            parts += [unit * sum_(rows[i] * t, None, False) for i, t in given.items()]
    total = None
    for part in parts:
        if part is not None:
            total = part if total is None else total + part
    return total


def tangents_side_by_side(
    primitive: Primitive, given: Mapping[int, Mapping[int, Any]], out: Any, args: list[Any]
) -> dict[int, Any]:
    """As `tangents`, of many directions: for each operand its tangent by the direction's number.

    An elementwise partial is the same in all of them, and is computed once.
    """
    totals: dict[int, Any] = {}
    if primitive.kind != "elementwise":
        for column in {column for columns in given.values() for column in columns}:
            along = {place: found[column] for place, found in given.items() if column in found}
            total = tangents(primitive, along, out, args)
            if total is not None:
                totals[column] = total
        return totals
    if type(out) is float:
        out = np.float64(out)
    for position, columns in given.items():
        rule = primitive.partials[position]
        partial = rule(out, *args) if callable(rule) else rule
        if not callable(rule) and rule == 0:
            continue
        for column, t in columns.items():
            part = t * partial if not callable(rule) else _times(t, partial, primitive.chooses)
            totals[column] = totals[column] + part if column in totals else part
    return totals


def unit_arrays(shape: tuple[int, ...]) -> Iterator[Any]:
    """The arrays of a shape that are 1 in one place and else 0, in order of the place."""
    for place in np.ndindex(shape):
        unit = np.zeros(shape)
        unit[place] = 1.0
        yield unit


def _tangent(primitive: Primitive, position: int, t: Any, out: Any, args: list[Any]) -> Any:
    if primitive.kind == "elementwise":
        return _by_partial(primitive, position, t, out, args)
    if primitive.kind == "reduction":
        weight, _, axis = _weight(primitive, out, args)
        product = _times(t, weight, primitive.chooses)
        axes = axes_of(axis, shape_of(value_of(args[0])))
        return sum_(product, axes, bool(args[-1]))
    if primitive.variadic and primitive.jvps:
        return primitive.jvps(position, t, out, *args)
    rule = primitive.jvps[position] if primitive.jvps else None
    if rule is not None:
        return rule(t, out, *args)
    # Linear in this operand: the primitive itself, of the tangent.
    return primitive(*args[:position], t, *args[position + 1 :])


def _weight(primitive: Primitive, out: Any, args: list[Any]) -> tuple[Any, tuple[int, ...], Any]:
    """A reduction's weight, the shape of its result with the axes kept, and the axis."""
    assert primitive.weight is not None
    x, *head, axis, _ = args
    shape = kept_shape(shape_of(value_of(x)), axis)
    return primitive.weight(reshape(out, shape), x, *head, axis), shape, axis


def _by_partial(primitive: Primitive, position: int, g: Any, out: Any, args: list[Any]) -> Any:
    """g times an elementwise partial, in either direction; None where that is 0 everywhere."""
    rule = primitive.partials[position]
    if callable(rule):
        return _times(g, rule(out, *args), primitive.chooses)
    if rule == 0:
        return None
    return g if rule == 1 else g * rule


def _times(g: Any, partial: Any, chooses: bool) -> Any:
    """g·partial, where a g of zero gives zero even beside an inf or a nan.

    So does a partial of zero where it `chooses`, and then is never inf or nan itself.
    """
    product = g * partial
    if all_finite(product):
        return product
    return gated(partial, g) if chooses else gated(g, partial)


def fit(contribution: Any, shape: tuple[int, ...]) -> Any:
    """A contribution in the shape of what it goes to: summed where that was broadcast."""
    given = shape_of(value_of(contribution))
    if given == shape:
        return contribution
    extra = len(given) - len(shape)
    if extra > 0:
        contribution = sum_(contribution, tuple(range(extra)), False)
        given = given[extra:]
    axes = tuple(
        axis for axis, size in enumerate(shape[: len(given)]) if size == 1 and given[axis] != 1
    )
    if len(given) == len(shape) and axes:
        contribution = sum_(contribution, axes, True)
    if shape_of(value_of(contribution)) == shape:
        return contribution
    return broadcast_to(contribution, shape)
