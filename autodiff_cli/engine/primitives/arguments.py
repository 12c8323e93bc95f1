"""Static arguments as callers give them (a size, an axis, a shape), checked, in Python's types."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.memory import reserve
from autodiff_cli.engine.primitive import LARGEST_INTEGER, as_array, describe
from autodiff_cli.errors import ShapeError, TypeMismatch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MOST_AXES = 64
"""NumPy's limit."""


def whole(value: Any, what: str) -> int:
    """An integer, or a float that is one.

    Raises:
        TypeMismatch: it is neither.
    """
    is_number = isinstance(value, (int, float)) or getattr(value, "shape", None) == ()
    if is_number and value == value // 1 and abs(value) < LARGEST_INTEGER:
        return int(value)
    raise TypeMismatch(f"{what}: got {describe(value)}, want a whole number")


def whole_numbers(value: Any, what: str) -> tuple[int, ...]:
    """One integer, or a vector of them.

    Raises:
        TypeMismatch: it is neither.
    """
    if isinstance(value, int):
        return (whole(value, what),)
    if isinstance(value, tuple):
        return tuple(whole(one, what) for one in value)
    if getattr(value, "ndim", 0) > 1:
        raise TypeMismatch(f"{what}: got {describe(value)}, want one number or a vector")
    return tuple(whole(one, what) for one in np.atleast_1d(value).tolist())


def shape_argument(name: str, value: Any) -> tuple[int, ...]:
    """A shape, given as one size or as an array of sizes; its memory is asked for."""
    shape = whole_numbers(value, f"the shape of `{name}`")
    if any(size < 0 for size in shape):
        raise ShapeError(f"`{name}` got the shape {shape}, want sizes of 0 or more")
    reserve_shape(name, shape)
    return shape


def reserve_shape(name: str, shape: Sequence[int]) -> None:
    """Asks for the memory of a result.

    Raises:
        LimitError: it is more than is allowed.
        ShapeError: it has more axes than an array can have.
    """
    if len(shape) > MOST_AXES:
        raise ShapeError(f"`{name}` got {len(shape)} axes, and an array has at most {MOST_AXES}")
    # NumPy looks at the sizes beside a size of 0, too.
    reserve(8 * prod(max(size, 1) for size in shape), f"`{name}` of shape {tuple(shape)}")


def axis_of(axis: Any, shape: Sequence[int]) -> int:
    """One axis, counted from the first.

    Raises:
        ShapeError: there is no such axis.
        TypeMismatch: it is no whole number.
    """
    position = whole(axis, "an axis")
    if -len(shape) <= position < len(shape):
        return position % len(shape)
    raise ShapeError(
        f"axis {position} is not there: the shape is {tuple(shape)}",
        help=f"an axis is a whole number from {-len(shape)} to {len(shape) - 1}"
        if shape
        else "a single number has no axis",
    )


def axes_of(axes: Any, shape: Sequence[int]) -> tuple[int, ...]:
    """Axes, each once, counted from the first; every one where `axes` is None.

    Raises:
        ShapeError: there is no such axis, or one is given twice.
        TypeMismatch: it is no whole number.
    """
    if axes is None:
        return tuple(range(len(shape)))
    found = tuple(axis_of(axis, shape) for axis in whole_numbers(axes, "an axis"))
    if len(set(found)) < len(found):
        raise ShapeError(f"got the axes {found}, want each once")
    return found


def number(value: Any, what: str) -> Any:
    """A single number.

    Raises:
        TypeMismatch: it is none.
    """
    if isinstance(value, (int, float)) or getattr(value, "shape", None) == ():
        return value
    raise TypeMismatch(f"{what}: got {describe(value)}, want a number")


def vector(name: str, value: Any) -> Any:
    """An array of one axis.

    Raises:
        ShapeError: it has none, or more.
    """
    array = as_array(value)
    if array.ndim != 1:
        raise ShapeError(f"`{name}` got {describe(value)}, want a vector")
    return array


def on_integers_too(function: Callable[..., Any], *values: Any) -> Any:
    """`function` of arrays; booleans count, and integers that 64 bits do not hold give floats."""
    arrays = [as_array(value) for value in values]
    arrays = [array.astype(np.int64) if array.dtype == bool else array for array in arrays]
    out = function(*arrays)
    if out.dtype.kind == "i":
        as_floats = function(*(array.astype(np.float64) for array in arrays))
        if np.abs(as_floats).max(initial=0) >= LARGEST_INTEGER:
            return as_floats
    return out


def to_rows(x: Any, axes: Sequence[int]) -> Any:
    """An array with some of its axes as one, the last."""
    kept = [i for i in range(x.ndim) if i not in axes]
    return x.transpose([*kept, *axes]).reshape(*(x.shape[i] for i in kept), -1)


def from_rows(rows: Any, shape: Sequence[int], axes: Sequence[int]) -> Any:
    """What `to_rows` made of an array of `shape`, as that again."""
    order = [*(i for i in range(len(shape)) if i not in axes), *axes]
    return rows.reshape([shape[i] for i in order]).transpose(np.argsort(order))
