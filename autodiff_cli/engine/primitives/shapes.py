"""The shape of an array: asking for it, changing it, and moving elements about."""

from __future__ import annotations

from typing import Any

from autodiff_cli.engine.graph import value_of
from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.primitive import REQUIRED, Primitive, as_array, broadcast_error, shape_of
from autodiff_cli.engine.primitives import high_precision
from autodiff_cli.engine.primitives.arguments import axes_of, reserve_shape, whole_numbers
from autodiff_cli.errors import ShapeError, TypeMismatch


def _shape(x: Any) -> tuple[int, ...]:
    return shape_of(value_of(x))


def _reshape(x: Any, shape: Any) -> Any:
    x = as_array(x)
    sizes = whole_numbers(shape, "the shape of `reshape`")
    try:
        if min(sizes, default=0) >= -1:
            return x.reshape(sizes)
    except ValueError:
        pass
    raise ShapeError(
        f"`reshape` got the shape {x.shape} and is to make {sizes}",
        help=f"the sizes must multiply to {x.size}; one of them may be -1",
    )


reshape: Primitive = Primitive(
    name="reshape",
    kind="structural",
    derivative="x̄ = reshape(ȳ, shape(x))",
    operands=("x",),
    options={"shape": REQUIRED},
    array=_reshape,
    vjps=(lambda g, out, x, shape: reshape(g, _shape(x)),),
    doc="the same elements in another shape; one size may be -1",
    example="reshape(range(6), [2, 3])",
    precise=lambda mp, x, shape: np.reshape(np.asarray(x, object), high_precision.sizes(shape)),
)
flatten = Primitive(
    name="flatten",
    kind="structural",
    derivative="x̄ = reshape(ȳ, shape(x))",
    operands=("x",),
    array=lambda x: as_array(x).reshape(-1),
    vjps=(lambda g, out, x: reshape(g, _shape(x)),),
    doc="all elements on one axis",
    example="flatten([[1, 2], [3, 4]])",
    precise=lambda mp, x: np.ravel(np.asarray(x, object)),
)


def _broadcast_to(x: Any, shape: tuple[int, ...]) -> Any:
    reserve_shape("broadcast_to", shape)
    try:
        return np.broadcast_to(x, shape)
    except ValueError:
        raise broadcast_error("broadcast_to", (x, np.empty(shape))) from None


broadcast_to = Primitive(
    name="broadcast_to",
    kind="structural",
    derivative="x̄ = ȳ summed over the axes that were repeated",
    operands=("x",),
    options={"shape": REQUIRED},
    array=_broadcast_to,
    vjps=(lambda g, out, x, shape: g,),
    doc="x repeated to a shape",
    example="",
    precise=lambda mp, x, shape: np.broadcast_to(np.asarray(x, object), shape),
)


def _order(axes: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The axes in the order that `transpose` puts them in."""
    if axes is None:
        return tuple(reversed(range(len(shape))))
    order = axes_of(axes, shape)
    if len(order) < len(shape):
        raise ShapeError(
            f"`transpose` got the axes {order} for the shape {shape}, want each axis once"
        )
    return order


transpose: Primitive = Primitive(
    name="transpose",
    kind="structural",
    derivative="x̄ = transpose(ȳ), the axes put back",
    operands=("x",),
    options={"axes": None},
    array=lambda x, axes: np.transpose(x, _order(axes, shape_of(x))),
    vjps=(
        lambda g, out, x, axes: transpose(g, tuple(np.argsort(_order(axes, _shape(x))).tolist())),
    ),
    doc="the axes in reverse order, or in the order given; x.T is transpose(x)",
    example="transpose([[1, 2], [3, 4]])",
    precise=lambda mp, x, axes: np.transpose(
        x, None if axes is None else high_precision.sizes(axes)
    ),
)
flip: Primitive = Primitive(
    name="flip",
    kind="structural",
    derivative="x̄ = flip(ȳ)",
    operands=("x",),
    options={"axis": None},
    array=lambda x, axis: np.flip(as_array(x), axes_of(axis, shape_of(x))),
    vjps=(lambda g, out, x, axis: flip(g, axis),),
    doc="the elements in reverse order, along an axis or along all",
    example="flip([1, 2, 3])",
    precise=lambda mp, x, axis: np.flip(x, high_precision.whole_axis(axis)),
)


def _roll(x: Any, shift: Any, axis: Any) -> Any:
    x = as_array(x)
    steps = whole_numbers(shift, "the shift of `roll`")
    if axis is None:
        return np.roll(x.reshape(-1), sum(steps)).reshape(x.shape)
    axes = axes_of(axis, x.shape)
    if len(steps) not in (1, len(axes)):
        raise ShapeError(f"`roll` got {len(steps)} shifts for {len(axes)} axes")
    return np.roll(x, steps * len(axes) if len(steps) == 1 else steps, axes)


roll: Primitive = Primitive(
    name="roll",
    kind="structural",
    derivative="x̄ = roll(ȳ, -shift)",
    operands=("x",),
    options={"shift": REQUIRED, "axis": None},
    array=_roll,
    vjps=(
        lambda g, out, x, shift, axis: roll(
            g, tuple(-step for step in whole_numbers(shift, "the shift of `roll`")), axis
        ),
    ),
    doc="the elements moved on by shift places, the last round to the front; without an axis, "
    "those of the flattened array",
    example="roll([1, 2, 3, 4], 1)",
)


def _len(x: Any) -> int:
    shape = shape_of(x)
    if not shape:
        raise TypeMismatch("`len` got a single number, want an array")
    return int(shape[0])


len_ = Primitive(
    name="len",
    kind="constant",
    operands=("x",),
    array=_len,
    doc="the size of the first axis",
    example="len([4, 5, 6])",
    reads="size",
)
shape_ = Primitive(
    name="shape",
    kind="constant",
    operands=("x",),
    array=lambda x: np.array(shape_of(x), dtype=np.int64),
    doc="the size of every axis; also x.shape",
    example="shape([[1, 2, 3], [4, 5, 6]])",
    reads="size",
)
