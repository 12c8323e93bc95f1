"""Arrays made of nothing but sizes and ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.graph import value_of
from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.memory import reserve
from autodiff_cli.engine.primitive import REQUIRED, Primitive, broadcast_error, describe, shape_of
from autodiff_cli.engine.primitives import high_precision
from autodiff_cli.engine.primitives.arguments import number, reserve_shape, shape_argument, whole
from autodiff_cli.errors import DomainError, ShapeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from autodiff_cli.engine.primitive import Read


def _constant(
    name: str, doc: str, array: Callable[..., Any], example: str, reads: Read, **options: Any
) -> Primitive:
    return Primitive(
        name=name,
        kind="constant",
        operands=(),
        options=options,
        array=array,
        reads=reads,
        doc=doc,
        example=example,
    )


def _size(name: str, value: Any) -> int:
    """One size; whoever takes it asks for the memory."""
    size = whole(value, f"the size of `{name}`")
    if size < 0:
        raise ShapeError(f"`{name}` got the size {size}, want 0 or more")
    return size


def _eye(n: Any) -> Any:
    n = _size("eye", n)
    reserve_shape("eye", (n, n))
    return np.eye(n)


def _finite(value: Any) -> Any:
    value = number(value, "a bound of `arange`")
    if not abs(value) < float("inf"):
        raise DomainError(f"`arange` got {describe(value)}, want a finite number")
    return value


def _range(name: str, start: Any, stop: Any, step: Any) -> Any:
    if stop is None:
        start, stop = 0, start
    step = 1 if step is None else step
    if step == 0:
        raise DomainError(f"`{name}` got the step 0")
    length = (stop - start) / step
    reserve(8 * length, f"`{name}`")
    return np.arange(start, stop if length > 0 else start, step)


zeros = _constant(
    "zeros",
    "zeros of a shape",
    lambda shape: np.zeros(shape_argument("zeros", shape)),
    "zeros([2, 3])",
    shape=REQUIRED,
    reads="size",
)
ones = _constant(
    "ones",
    "ones of a shape",
    lambda shape: np.ones(shape_argument("ones", shape)),
    "ones(3)",
    shape=REQUIRED,
    reads="size",
)
eye = _constant(
    "eye",
    "the identity matrix of n rows",
    _eye,
    "eye(2)",
    n=REQUIRED,
    reads="size",
)
range_ = _constant(
    "range",
    "the integers from start (0) up to, not including, stop",
    lambda *bounds: _range(
        "range", *(None if bound is None else whole(bound, "`range`") for bound in bounds)
    ),
    "range(2, 5)",
    start=REQUIRED,
    stop=None,
    step=None,
    reads="size",
)
arange = _constant(
    "arange",
    "numbers from start (0) up to, not including, stop, step (1) apart",
    lambda *bounds: _range(
        "arange", *(None if bound is None else _finite(bound) for bound in bounds)
    ),
    "arange(0, 1, 0.25)",
    start=REQUIRED,
    stop=None,
    step=None,
    reads="number",
)


def _full(value: Any, shape: Any) -> Any:
    shape = shape_argument("full", shape)
    try:
        return np.full(shape, value)
    except ValueError:
        raise ShapeError(
            f"`full` got {describe(value)} for the shape {shape}, want one that broadcasts to it"
        ) from None


full = Primitive(
    name="full",
    kind="structural",
    derivative="the cotangent of value is sum(ȳ)",
    operands=("value",),
    options={"shape": REQUIRED},
    options_first=True,
    array=_full,
    vjps=(lambda g, out, value, shape: g,),
    doc="one value in every place of a shape",
    example="full([2, 2], 7)",
    precise=lambda mp, value, shape: np.full(high_precision.sizes(shape), value, dtype=object),
    reads="size",
)


def _linspace(start: Any, stop: Any, n: Any) -> Any:
    n = _size("linspace", n)
    reserve_shape("linspace", (n,))
    try:
        reserve_shape("linspace", (n, *np.broadcast_shapes(shape_of(start), shape_of(stop))))
    except ValueError:
        raise broadcast_error("linspace", (start, stop)) from None
    return np.linspace(start, stop, n)


def _over_steps(g: Any, out: Any, n: Any, towards_stop: bool) -> Any:
    """g times the weights that `linspace` gives one end, along its first axis."""
    weights = np.linspace(0.0, 1.0, _size("linspace", n))
    if not towards_stop:
        weights = 1.0 - weights
    return g * weights.reshape((-1,) + (1,) * (len(shape_of(value_of(out))) - 1))


linspace = Primitive(
    name="linspace",
    kind="structural",
    derivative="∂y/∂start = 1 - s and ∂y/∂stop = s, for s from 0 to 1",
    operands=("start", "stop"),
    options={"n": REQUIRED},
    array=_linspace,
    vjps=(
        lambda g, out, start, stop, n: _over_steps(g, out, n, False),
        lambda g, out, start, stop, n: _over_steps(g, out, n, True),
    ),
    jvps=(
        lambda t, out, start, stop, n: _over_steps(t, out, n, False),
        lambda t, out, start, stop, n: _over_steps(t, out, n, True),
    ),
    doc="n numbers from start to stop, both included, evenly apart",
    example="linspace(0, 1, 5)",
)
