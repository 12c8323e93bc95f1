"""Elements of arrays: reading them, writing them, and where their cotangents go."""

from __future__ import annotations

from math import prod
from typing import Any

from autodiff_cli.engine.graph import value_of
from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.primitive import (
    REQUIRED,
    Primitive,
    as_array,
    describe,
    is_numeric,
    shape_of,
)
from autodiff_cli.engine.primitives import high_precision
from autodiff_cli.engine.primitives.arguments import axis_of, reserve_shape, whole
from autodiff_cli.engine.primitives.logic import where
from autodiff_cli.errors import DomainError, ShapeError, TypeMismatch
from autodiff_cli.records import record


@record
class Scatter:
    """A cotangent that is zero but at `key`: the sweep adds it in place."""

    cotangent: Any
    key: Any


def index_key(key: Any, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """Subscripts as NumPy takes them: whole floats as integers, bounds checked.

    Raises:
        ShapeError: more subscripts than axes, or an index outside its axis.
        TypeMismatch: a subscript that is no integer, slice, mask or array of integers.
    """
    parts = key if isinstance(key, tuple) else (key,)
    checked: list[Any] = []
    axis = 0
    for part in parts:
        if axis >= len(shape):
            raise ShapeError(
                f"got {len(parts)} subscript{'s' if len(parts) > 1 else ''} for "
                + (f"an array of shape {shape}" if shape else "a single number"),
                help=f"it takes one for each axis, {len(shape)} at most"
                if shape
                else "a single number has no elements",
            )
        if isinstance(part, slice):
            part = slice(
                *(
                    None if end is None else whole(end, "a slice")
                    for end in (part.start, part.stop, part.step)
                )
            )
            if part.step == 0:
                raise DomainError("the step of a slice is 0")
            axis += 1
        elif isinstance(part, np.ndarray) and part.dtype == bool:
            if part.shape != shape[axis : axis + part.ndim]:
                raise ShapeError(f"got a mask of shape {part.shape} for the shape {shape}")
            axis += part.ndim
        else:
            part = _positions(part, axis, shape)
            axis += 1
        checked.append(part)
    return tuple(checked)


def _positions(part: Any, axis: int, shape: tuple[int, ...]) -> Any:
    size = shape[axis]
    positions: Any
    wrong: Any
    if isinstance(part, np.ndarray):
        positions = part.astype(np.int64)
        if not np.array_equal(positions, part):
            raise TypeMismatch("an array used as an index holds numbers that are not whole")
        outside = positions[(positions < -size) | (positions >= size)]
        wrong = outside.flat[0] if outside.size else None
    else:
        if isinstance(part, bool):
            raise TypeMismatch(f"an index: got {describe(part)}, want a whole number")
        positions = whole(part, "an index")
        wrong = None if -size <= positions < size else positions
    if wrong is not None:
        raise ShapeError(
            f"index {wrong} is outside axis {axis}, whose size is {size}",
            help=f"indices run from 0 to {size - 1}, or from -{size} to -1"
            if size
            else "the axis is empty",
        )
    return positions


def _arrays_in(key: tuple[Any, ...]) -> bool:
    return any(isinstance(part, np.ndarray) for part in key)


def _select(x: Any, key: tuple[Any, ...]) -> Any:
    if not _arrays_in(key):
        return x[key]
    try:
        reserve_shape("x[…]", _selected_shape(x.shape, key))
        return x[key]
    except (IndexError, ValueError):
        shapes = " and ".join(str(part.shape) for part in key if isinstance(part, np.ndarray))
        raise ShapeError(
            f"got arrays of shapes {shapes} as subscripts, which do not go together"
        ) from None


def _selected_shape(shape: tuple[int, ...], key: tuple[Any, ...]) -> tuple[int, ...]:
    """The shape that a key with arrays selects, its axes in any order."""
    picked: list[tuple[int, ...]] = []
    kept: list[int] = []
    axis = 0
    for part in key:
        if isinstance(part, np.ndarray) and part.dtype == bool:
            picked.append((int(part.sum()),))
            axis += part.ndim
            continue
        if isinstance(part, np.ndarray):
            picked.append(part.shape)
        elif isinstance(part, slice):
            kept.append(len(range(*part.indices(shape[axis]))))
        axis += 1
    return (*np.broadcast_shapes(*picked), *kept, *shape[axis:])


def _zeros_with(g: Any, key: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
    out = np.zeros(shape, np.asarray(g).dtype)
    if _arrays_in(key):
        np.add.at(out, key, g)
    else:
        out[key] = g
    return out


index = Primitive(
    name="index",
    internal=True,
    kind="structural",
    derivative="ȳ where the key points, 0 elsewhere",
    operands=("x",),
    options={"key": REQUIRED},
    array=_select,
    vjps=(lambda g, out, x, key: Scatter(g, key),),
    doc="x[key]",
    example="[5, 6, 7][1:]",
    precise=lambda mp, x, key: x[key],
)
scatter = Primitive(
    name="scatter",
    kind="structural",
    derivative="x̄ = ȳ at the key",
    operands=("x",),
    options={"key": REQUIRED, "shape": REQUIRED},
    array=_zeros_with,
    vjps=(lambda g, out, x, key, shape: index(g, key),),
    doc="zeros of a shape, with x added at key",
    example="",
    precise=high_precision.scatter,
)


def _with_element(x: Any, value: Any, key: tuple[Any, ...]) -> Any:
    out = as_array(x).astype(np.result_type(x, value))
    try:
        out[key] = value
    except (ValueError, IndexError):
        raise ShapeError(
            f"got {describe(value)} for {describe(_select(out, key))}, "
            "want one that broadcasts to it"
        ) from None
    return out


def _written(g: Any, out: Any, x: Any, value: Any, key: tuple[Any, ...]) -> Any:
    """The cotangent of what was written; where a place is written twice, the last stands."""
    reached = index(g, key)
    if not _arrays_in(key):
        return reached
    shape = shape_of(value_of(reached))
    order = np.arange(prod(shape)).reshape(shape)
    owner = np.zeros(shape_of(value_of(x)), np.int64)
    owner[key] = order
    return where(owner[key] == order, reached, 0.0)


setindex: Primitive = Primitive(
    name="setindex",
    internal=True,
    kind="structural",
    derivative="x̄ = ȳ with 0 at the key; the cotangent of value is ȳ at the key",
    operands=("x", "value"),
    options={"key": REQUIRED},
    array=_with_element,
    vjps=(lambda g, out, x, value, key: setindex(g, 0.0, key), _written),
    jvps=(
        lambda t, out, x, value, key: setindex(t, 0.0, key),
        lambda t, out, x, value, key: setindex(np.zeros(shape_of(value_of(x))), t, key),
    ),
    doc="x with value at key",
    example="x = [1, 2, 3]; x[1] = 9; x",
    precise=high_precision.with_element,
)


def _along(indices: Any, axis: Any, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """The key that picks along one axis and keeps to its place along the others."""
    axis = axis_of(axis, shape)
    if not is_numeric(indices):
        raise TypeMismatch(f"`gather` got {describe(indices)}, want an array of indices")
    indices = np.asarray(indices)
    fits = indices.ndim == len(shape) and all(
        i == axis or size in (1, shape[i]) for i, size in enumerate(indices.shape)
    )
    if not fits:
        raise ShapeError(
            f"`gather` got indices of shape {indices.shape} for the shape {shape}",
            help=f"they need as many axes, and the same sizes but for axis {axis}; "
            "to pick whole slices, write x[indices]",
        )
    key: list[Any] = list(np.ogrid[tuple(slice(size) for size in shape)])
    key[axis] = _positions(indices, axis, shape)
    return tuple(key)


gather = Primitive(
    name="gather",
    kind="structural",
    derivative="each ȳ adds to the element that it was taken from",
    operands=("x",),
    options={"indices": REQUIRED, "axis": -1},
    array=lambda x, indices, axis: _select(np.asarray(x), _along(indices, axis, shape_of(x))),
    vjps=(
        lambda g, out, x, indices, axis: Scatter(g, _along(indices, axis, shape_of(value_of(x)))),
    ),
    doc="the elements at indices along an axis, as NumPy's take_along_axis",
    example="gather([[5, 6], [7, 8]], [[1], [0]])",
)
