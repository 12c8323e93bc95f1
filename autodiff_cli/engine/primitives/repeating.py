"""Arrays with their elements several times over."""

from __future__ import annotations

from math import prod
from typing import Any

from autodiff_cli.engine.graph import value_of
from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.primitive import REQUIRED, Primitive, shape_of
from autodiff_cli.engine.primitives.arguments import axis_of, reserve_shape, whole_numbers
from autodiff_cli.engine.primitives.indexing import scatter
from autodiff_cli.engine.primitives.reductions import sum_
from autodiff_cli.engine.primitives.shapes import reshape
from autodiff_cli.errors import DomainError, ShapeError


def _shape(x: Any) -> tuple[int, ...]:
    return shape_of(value_of(x))


def _counts(name: str, value: Any) -> tuple[int, ...]:
    counts = whole_numbers(value, f"the count of `{name}`")
    if any(count < 0 for count in counts):
        raise DomainError(f"`{name}` got the count {min(counts)}, want 0 or more")
    return counts


def _tiles(n: Any, shape: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """How often each axis is repeated, and the sizes of the axes, equally many of both."""
    counts = _counts("tile", n)
    rank = max(len(counts), len(shape))
    return (1,) * (rank - len(counts)) + counts, (1,) * (rank - len(shape)) + shape


def _tile(x: Any, n: Any) -> Any:
    counts, sizes = _tiles(n, shape_of(x))
    reserve_shape("tile", [a * b for a, b in zip(counts, sizes, strict=True)])
    return np.tile(x, counts)


def _sum_of_tiles(g: Any, out: Any, x: Any, n: Any) -> Any:
    counts, sizes = _tiles(n, _shape(x))
    apart = tuple(size for pair in zip(counts, sizes, strict=True) for size in pair)
    return reshape(sum_(reshape(g, apart), tuple(range(0, len(apart), 2)), False), _shape(x))


tile = Primitive(
    name="tile",
    kind="structural",
    derivative="x̄ = the sum of the tiles of ȳ",
    operands=("x",),
    options={"n": REQUIRED},
    array=_tile,
    vjps=(_sum_of_tiles,),
    doc="the array n times over; a vector n counts along each axis",
    example="tile([1, 2], 3)",
)


def _repeated(n: Any, axis: Any, shape: tuple[int, ...]) -> tuple[tuple[int, ...], int, Any]:
    """The shape as it is repeated along one of its axes, that axis, and which elements come."""
    if axis is None:
        shape, axis = (prod(shape),), 0
    axis = axis_of(axis, shape)
    counts = _counts("repeat", n)
    if len(counts) == 1:
        counts = counts * shape[axis]
    if len(counts) != shape[axis]:
        raise ShapeError(f"`repeat` got {len(counts)} counts for {shape[axis]} elements")
    reserve_shape("repeat", (*shape[:axis], sum(counts), *shape[axis + 1 :]))
    return shape, axis, np.repeat(np.arange(shape[axis]), counts)


def _repeat(x: Any, n: Any, axis: Any) -> Any:
    shape, axis, which = _repeated(n, axis, shape_of(x))
    return np.take(np.reshape(x, shape), which, axis)


def _sum_of_repeated(g: Any, out: Any, x: Any, n: Any, axis: Any) -> Any:
    shape, axis, which = _repeated(n, axis, _shape(x))
    return reshape(scatter(g, (slice(None),) * axis + (which,), shape), _shape(x))


repeat = Primitive(
    name="repeat",
    kind="structural",
    derivative="x̄ᵢ = the sum of ȳ over the copies of xᵢ",
    operands=("x",),
    options={"n": REQUIRED, "axis": None},
    array=_repeat,
    vjps=(_sum_of_repeated,),
    doc="each element n times; a vector n has a count for each; without an axis, of the "
    "flattened array",
    example="repeat([1, 2], 2)",
)
