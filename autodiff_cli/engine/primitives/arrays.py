"""Arrays: making them, taking them apart, changing their shape."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.graph import value_of
from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.memory import reserve
from autodiff_cli.engine.primitive import (
    REQUIRED,
    Primitive,
    broadcast_error,
    describe,
    is_numeric,
    shape_of,
)
from autodiff_cli.errors import DomainError, ShapeError, TypeMismatch

if TYPE_CHECKING:
    from collections.abc import Callable

# ── static arguments ──────────────────────────────────────────────────────────────────


def whole(value: Any, what: str) -> int:
    """An integer, or a float that is one.

    Raises:
        TypeMismatch: it is neither.
    """
    if isinstance(value, (int, float)) or getattr(value, "shape", None) == ():
        if value == value // 1 and abs(value) < 2**63:
            return int(value)
    raise TypeMismatch(f"{what}: got {describe(value)}, want a whole number")


def shape_argument(name: str, value: Any) -> tuple[int, ...]:
    """A shape, given as one size or as an array of sizes; its memory is asked for."""
    sizes = value.tolist() if isinstance(value, np.ndarray) else [value]
    shape = tuple(whole(size, f"the shape of `{name}`") for size in sizes)
    if any(size < 0 for size in shape):
        raise ShapeError(f"`{name}` got the shape {shape}, want sizes of 0 or more")
    reserve(8 * prod(shape), f"`{name}` of shape {shape}")
    return shape


def _array(name: str, value: Any) -> Any:
    if not is_numeric(value):
        raise TypeMismatch(f"`{name}` got {describe(value)}, want an array of numbers")
    return np.asarray(value)


def _shape(x: Any) -> tuple[int, ...]:
    return shape_of(value_of(x))


def _constant(
    name: str, doc: str, array: Callable[..., Any], example: str, **options: Any
) -> Primitive:
    return Primitive(
        name=name,
        kind="constant",
        operands=(),
        options=options,
        array=array,
        doc=doc,
        example=example,
    )


# ── indexing ──────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
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
                f"got {len(parts)} subscripts, and the shape is {shape}",
                help="a single number has no elements" if not shape else "",
            )
        if isinstance(part, slice):
            part = slice(
                *(None if end is None else whole(end, "a slice") for end in (part.start, part.stop, part.step))
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


def _zeros_with(g: Any, key: Any, shape: tuple[int, ...]) -> Any:
    out = np.zeros(shape, np.asarray(g).dtype)
    np.add.at(out, key, g)
    return out


index = Primitive(
    name="index",
    kind="structural",
    operands=("x",),
    options={"key": REQUIRED},
    array=lambda x, key: x[key],
    vjps=(lambda g, out, x, key: Scatter(g, key),),
    doc="x[key]",
    example="[5, 6, 7][1:]",
)
scatter = Primitive(
    name="scatter",
    kind="structural",
    operands=("x",),
    options={"key": REQUIRED, "shape": REQUIRED},
    array=_zeros_with,
    vjps=(lambda g, out, x, key, shape: index(g, key),),
    doc="zeros of a shape, with x added at key",
    example="",
)


def _with_element(x: Any, value: Any, key: Any) -> Any:
    out = np.array(x, dtype=np.result_type(x, value))
    try:
        out[key] = value
    except ValueError:
        raise ShapeError(
            f"got {describe(value)} for {describe(out[key])}, want one that broadcasts to it"
        ) from None
    return out


setindex = Primitive(
    name="setindex",
    kind="structural",
    operands=("x", "value"),
    options={"key": REQUIRED},
    array=_with_element,
    vjps=(
        lambda g, out, x, value, key: setindex(g, 0.0, key),
        lambda g, out, x, value, key: index(g, key),
    ),
    jvps=(
        lambda t, out, x, value, key: setindex(t, 0.0, key),
        lambda t, out, x, value, key: setindex(out * 0.0, t, key),
    ),
    doc="x with value at key",
    example="",
)

# ── joining ───────────────────────────────────────────────────────────────────────────


def _stack(*args: Any) -> Any:
    *items, axis = args
    arrays = [_array("stack", item) for item in items]
    shapes = {item.shape for item in arrays}
    if len(shapes) > 1:
        first, other = arrays[0].shape, next(a.shape for a in arrays if a.shape != arrays[0].shape)
        raise ShapeError(f"the items of an array have the shapes {first} and {other}, want one shape")
    return np.stack(arrays, axis=axis) if arrays else np.zeros(0)


def _one_slice(g: Any, i: int, axis: int) -> Any:
    return index(g, (slice(None),) * (axis % len(_shape(g))) + (i,))


stack = Primitive(
    name="stack",
    kind="structural",
    operands=("x",),
    options={"axis": 0},
    variadic=True,
    array=_stack,
    vjps=lambda i, g, out, *args: _one_slice(g, i, args[-1]),
    doc="arrays of one shape as the slices of a new axis; `[a, b]` is stack(a, b)",
    example="stack([1, 2], [3, 4])",
)


def _concat(*args: Any) -> Any:
    *items, axis = args
    arrays = [_array("concat", item) for item in items]
    try:
        return np.concatenate(arrays, axis=axis)
    except (ValueError, np.exceptions.AxisError):
        shapes = " and ".join(str(item.shape) for item in arrays)
        raise ShapeError(
            f"`concat` got the shapes {shapes}, which do not join along axis {axis}",
            help="their sizes must be equal along every other axis",
        ) from None


def _one_part(i: int, g: Any, out: Any, *args: Any) -> Any:
    *items, axis = args
    sizes = [_shape(item)[axis] for item in items]
    start = sum(sizes[:i])
    before = (slice(None),) * (axis % len(_shape(g)))
    return index(g, (*before, slice(start, start + sizes[i])))


concat = Primitive(
    name="concat",
    kind="structural",
    operands=("x",),
    options={"axis": 0},
    variadic=True,
    array=_concat,
    vjps=_one_part,
    doc="arrays joined along an axis that they have",
    example="concat([1, 2], [3])",
)

# ── shape ─────────────────────────────────────────────────────────────────────────────


def _reshape(x: Any, shape: Any) -> Any:
    x = _array("reshape", x)
    sizes = shape if isinstance(shape, tuple) else np.atleast_1d(shape).tolist()
    sizes = tuple(whole(size, "the shape of `reshape`") for size in sizes)
    try:
        return x.reshape(sizes)
    except ValueError:
        raise ShapeError(
            f"`reshape` got the shape {x.shape} and is to make {sizes}",
            help=f"the sizes must multiply to {x.size}; one of them may be -1",
        ) from None


reshape = Primitive(
    name="reshape",
    kind="structural",
    operands=("x",),
    options={"shape": REQUIRED},
    array=_reshape,
    vjps=(lambda g, out, x, shape: reshape(g, _shape(x)),),
    doc="the same elements in another shape; one size may be -1",
    example="reshape(range(6), [2, 3])",
)
flatten = Primitive(
    name="flatten",
    kind="structural",
    operands=("x",),
    array=lambda x: _array("flatten", x).reshape(-1),
    vjps=(lambda g, out, x: reshape(g, _shape(x)),),
    doc="all elements on one axis",
    example="flatten([[1, 2], [3, 4]])",
)
broadcast_to = Primitive(
    name="broadcast_to",
    kind="structural",
    operands=("x",),
    options={"shape": REQUIRED},
    array=lambda x, shape: np.broadcast_to(x, shape),
    vjps=(lambda g, out, x, shape: g,),
    doc="x repeated to a shape",
    example="broadcast_to([1, 2], [2, 2])",
)


def _transpose(x: Any, axes: Any) -> Any:
    x = _array("transpose", x)
    if axes is None:
        return x.transpose()
    order = tuple(whole(axis, "an axis of `transpose`") for axis in np.atleast_1d(axes).tolist())
    try:
        return x.transpose(order)
    except ValueError:
        raise ShapeError(
            f"`transpose` got the axes {order} for the shape {x.shape}, want each axis once"
        ) from None


transpose = Primitive(
    name="transpose",
    kind="structural",
    operands=("x",),
    options={"axes": None},
    array=_transpose,
    vjps=(
        lambda g, out, x, axes: transpose(
            g, None if axes is None else np.argsort(np.mod(axes, len(_shape(x))))
        ),
    ),
    doc="the axes in reverse order, or in the order given; x.T is transpose(x)",
    example="transpose([[1, 2], [3, 4]])",
)


def _flip(x: Any, axis: Any) -> Any:
    x = _array("flip", x)
    try:
        return np.flip(x, axis)
    except (ValueError, np.exceptions.AxisError):
        raise ShapeError(f"`flip` got the axis {axis} for the shape {x.shape}") from None


flip = Primitive(
    name="flip",
    kind="structural",
    operands=("x",),
    options={"axis": None},
    array=_flip,
    vjps=(lambda g, out, x, axis: flip(g, axis),),
    doc="the elements in reverse order, along an axis or along all",
    example="flip([1, 2, 3])",
)

# ── making ────────────────────────────────────────────────────────────────────────────


def _range(name: str, *bounds: Any) -> Any:
    given = [bound for bound in bounds if bound is not None]
    start, stop = (0, given[0]) if len(given) == 1 else given[:2]
    step = given[2] if len(given) > 2 else 1
    if step == 0:
        raise DomainError(f"`{name}` got the step 0")
    reserve(8 * max(0, int((stop - start) / step)), f"`{name}`")
    return np.arange(start, stop, step)


zeros = _constant(
    "zeros",
    "zeros of a shape",
    lambda shape: np.zeros(shape_argument("zeros", shape)),
    "zeros([2, 3])",
    shape=REQUIRED,
)
ones = _constant(
    "ones",
    "ones of a shape",
    lambda shape: np.ones(shape_argument("ones", shape)),
    "ones(3)",
    shape=REQUIRED,
)
eye = _constant(
    "eye",
    "the identity matrix of n rows",
    lambda n: np.eye(shape_argument("eye", np.array([n, n]))[0]),
    "eye(2)",
    n=REQUIRED,
)
range_ = _constant(
    "range",
    "the integers from start (0) up to, not including, stop",
    lambda start, stop, step: _range(
        "range", *(b if b is None else whole(b, "`range`") for b in (start, stop, step))
    ),
    "range(2, 5)",
    start=REQUIRED,
    stop=None,
    step=None,
)
arange = _constant(
    "arange",
    "numbers from start (0) up to, not including, stop, step (1) apart",
    lambda start, stop, step: _range("arange", start, stop, step),
    "arange(0, 1, 0.25)",
    start=REQUIRED,
    stop=None,
    step=None,
)
full = Primitive(
    name="full",
    kind="structural",
    operands=("value",),
    options={"shape": REQUIRED},
    array=lambda value, shape: np.full(shape_argument("full", shape), value),
    vjps=(lambda g, out, value, shape: g,),
    doc="one value in every place of a shape",
    example="full(7, [2, 2])",
)


def _linspace(start: Any, stop: Any, n: Any) -> Any:
    (n,) = shape_argument("linspace", n)
    try:
        return np.linspace(start, stop, n)
    except ValueError:
        raise broadcast_error("linspace", (start, stop)) from None


def _steps(n: Any) -> Any:
    return np.linspace(0.0, 1.0, whole(n, "the length of `linspace`"))


def _over_steps(g: Any, weights: Any) -> Any:
    """The weighted sum over the first axis, along which `linspace` runs."""
    trailing = (1,) * (len(_shape(g)) - 1)
    return g * weights.reshape((-1, *trailing))


linspace = Primitive(
    name="linspace",
    kind="structural",
    operands=("start", "stop"),
    options={"n": REQUIRED},
    array=_linspace,
    vjps=(
        lambda g, out, start, stop, n: _over_steps(g, 1.0 - _steps(n)),
        lambda g, out, start, stop, n: _over_steps(g, _steps(n)),
    ),
    jvps=(
        lambda t, out, start, stop, n: linspace(t, t * 0.0, n),
        lambda t, out, start, stop, n: linspace(t * 0.0, t, n),
    ),
    doc="n numbers from start to stop, both included, evenly apart",
    example="linspace(0, 1, 5)",
)

# ── asking ────────────────────────────────────────────────────────────────────────────


def _len(x: Any) -> int:
    shape = _array("len", x).shape
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
)
shape_ = Primitive(
    name="shape",
    kind="constant",
    operands=("x",),
    array=lambda x: np.array(_array("shape", x).shape, dtype=np.int64),
    doc="the size of every axis; also x.shape",
    example="shape([[1, 2, 3], [4, 5, 6]])",
)
