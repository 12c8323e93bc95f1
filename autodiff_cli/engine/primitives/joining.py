"""Arrays made of several."""

from __future__ import annotations

from typing import Any

from autodiff_cli.engine.graph import value_of
from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.primitive import Primitive, as_array, shape_of
from autodiff_cli.engine.primitives.arguments import axis_of, reserve_shape
from autodiff_cli.engine.primitives.indexing import index, scatter
from autodiff_cli.engine.primitives.shapes import flatten, reshape
from autodiff_cli.errors import ShapeError


def _shape(x: Any) -> tuple[int, ...]:
    return shape_of(value_of(x))


def _stack(*args: Any) -> Any:
    *items, axis = args
    if not items:
        return np.zeros(0)
    shapes = [shape_of(item) for item in items]
    for other in shapes:
        if other != shapes[0]:
            raise ShapeError(
                f"the items of an array have the shapes {shapes[0]} and {other}, want one shape"
            )
    whole_shape = (len(items), *shapes[0])
    reserve_shape("stack", whole_shape)
    return np.stack(items, axis=axis_of(axis, whole_shape))


def _one_slice(i: int, g: Any, out: Any, *args: Any) -> Any:
    axis = axis_of(args[-1], _shape(g))
    return index(g, (slice(None),) * axis + (i,))


stack = Primitive(
    name="stack",
    kind="structural",
    derivative="of each array, its slice of ȳ",
    operands=("x",),
    options={"axis": 0},
    variadic=True,
    array=_stack,
    vjps=_one_slice,
    doc="arrays of one shape as the slices of a new axis; `[a, b]` is stack(a, b)",
    example="stack([1, 2], [3, 4])",
    precise=lambda mp, *args: np.stack([np.asarray(x, object) for x in args[:-1]], int(args[-1])),
)


def _concat(*args: Any) -> Any:
    *items, axis = args
    shapes = [shape_of(item) for item in items]
    axis = axis_of(axis, shapes[0])
    others = [(*shape[:axis], *shape[axis + 1 :]) for shape in shapes]
    if any(len(s) != len(shapes[0]) or o != others[0] for s, o in zip(shapes, others, strict=True)):
        raise ShapeError(
            f"`concat` got the shapes {' and '.join(map(str, shapes))}, "
            f"which do not join along axis {axis}",
            help="their sizes must be equal along every other axis",
        )
    reserve_shape("concat", (sum(shape[axis] for shape in shapes), *others[0]))
    return np.concatenate([as_array(item) for item in items], axis=axis)


def _one_part(i: int, g: Any, out: Any, *args: Any) -> Any:
    *items, axis = args
    axis = axis_of(axis, _shape(g))
    sizes = [_shape(item)[axis] for item in items]
    start = sum(sizes[:i])
    return index(g, (slice(None),) * axis + (slice(start, start + sizes[i]),))


concat = Primitive(
    name="concat",
    kind="structural",
    derivative="of each array, its part of ȳ",
    operands=("x",),
    options={"axis": 0},
    variadic=True,
    array=_concat,
    vjps=_one_part,
    doc="arrays joined along an axis that they have",
    example="concat([1, 2], [3])",
    precise=lambda mp, *args: np.concatenate(args[:-1], int(args[-1])),
)


def _joined(x: Any, values: Any, axis: Any) -> tuple[Any, Any, int]:
    """The two as `append` joins them: on one axis each, where none is given."""
    return (flatten(x), flatten(values), 0) if axis is None else (x, values, axis)


def _append(x: Any, values: Any, axis: Any) -> Any:
    return concat(*_joined(x, values, axis))


def _appended_part(position: int, g: Any, out: Any, x: Any, values: Any, axis: Any) -> Any:
    part = _one_part(position, g, out, *_joined(x, values, axis))
    return reshape(part, _shape(values if position else x))


def _appended_tangent(position: int, t: Any, out: Any, x: Any, values: Any, axis: Any) -> Any:
    first, second, along = _joined(t if position == 0 else x, t if position else values, axis)
    start = _shape(first)[axis_of(along, _shape(first))] if position else 0
    part = second if position else first
    along = axis_of(along, _shape(part))
    place = slice(start, start + _shape(part)[along])
    return scatter(part, (slice(None),) * along + (place,), _shape(out))


append = Primitive(
    name="append",
    kind="structural",
    derivative="of each array, its part of ȳ",
    operands=("x", "values"),
    options={"axis": None},
    array=_append,
    vjps=(
        lambda g, out, *args: _appended_part(0, g, out, *args),
        lambda g, out, *args: _appended_part(1, g, out, *args),
    ),
    jvps=(
        lambda t, out, *args: _appended_tangent(0, t, out, *args),
        lambda t, out, *args: _appended_tangent(1, t, out, *args),
    ),
    doc="x with values at its end, along an axis; without one, both flattened",
    example="append([1, 2], 3)",
)
