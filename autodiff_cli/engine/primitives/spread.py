"""How long a vector is, and how far its elements are from their mean."""

from __future__ import annotations

from typing import Any

from autodiff_cli.engine.graph import value_of
from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.operand import Operand
from autodiff_cli.engine.primitive import Primitive, as_array, shape_of
from autodiff_cli.engine.primitives import high_precision
from autodiff_cli.engine.primitives.arguments import axes_of, number, on_integers_too
from autodiff_cli.engine.primitives.logic import equal, where
from autodiff_cli.engine.primitives.projection import projected
from autodiff_cli.engine.primitives.reductions import count, mean_of, reduction


def _axes(x: Any, axis: Any) -> tuple[int, ...]:
    return axes_of(axis, shape_of(value_of(x)))


# ── length ────────────────────────────────────────────────────────────────────────────


def _norm(x: Any, axes: tuple[int, ...], keep: bool, over: Any = 1) -> Any:
    """√(Σx²/over), scaled by a power of two where squares would overflow or underflow."""
    x = x.astype(np.result_type(x, np.float32), copy=False)
    largest = np.maximum(
        x.max(axis=axes, keepdims=True, initial=0), -x.min(axis=axes, keepdims=True, initial=0)
    )
    limits = np.finfo(x.dtype)
    plain = (largest >= (limits.tiny / limits.eps) ** 0.5) & (
        largest <= (limits.max * limits.eps) ** 0.5
    )
    if plain.all():
        return np.sqrt(np.square(x).sum(axis=axes, keepdims=keep) / over)
    exponent = np.where(plain, 0, np.frexp(largest)[1])
    squares = np.square(np.ldexp(x, -exponent)).sum(axis=axes, keepdims=True)
    root = np.ldexp(np.sqrt(squares / over), exponent)
    return root if keep else root.squeeze(axis=axes)


def _over_length(x: Any, length: Any) -> Any:
    """x/length, and 0 where that is 0."""
    return x / where(equal(length, 0.0), np.inf, length)


def _scaled(x: Any, over: Any, axis: Any) -> Any:
    x = as_array(x)
    return _over_length(x, _norm(x, axes_of(axis, x.shape), True, over))


def _across(g: Any, out: Any, x: Any, over: Any, axis: Any) -> Any:
    """g without its part along x, over the length of x."""
    across = projected(g, out, out / over, _axes(x, axis))
    return _over_length(across, norm(x, axis, True) / over**0.5)


direction = Primitive(
    name="direction",
    kind="structural",
    derivative="x̄ = (ȳ - y * sum(y * ȳ) / over) / sqrt(sum(x^2) / over)",
    operands=("x",),
    options={"over": 1.0, "axis": None},
    array=_scaled,
    vjps=(_across,),
    jvps=(_across,),
    kink=lambda x, over, axis: bool((_norm(np.asarray(x), _axes(x, axis), True) == 0).any()),
    convention="0 at 0",
    doc="x / √(Σx²/over): the derivative of `norm`, and of `std`",
    example="",
    precise=high_precision.of_numbers_too(high_precision.direction),
)
norm = reduction(
    "norm",
    "the Euclidean norm √Σx²",
    _norm,
    lambda out, x, axis: (
        direction(x, 1.0, axis) if isinstance(x, Operand) else _over_length(x, out)
    ),
    kink=lambda x, axis, keep: bool((_norm(np.asarray(x), _axes(x, axis), True) == 0).any()),
    convention="0 at 0, the least of its subgradients",
    example="norm([3, 4])",
    derivative="∂y/∂xᵢ = xᵢ / y",
    precise=high_precision.norm,
)

# ── distance from the mean ────────────────────────────────────────────────────────────


def _centred(x: Any, axes: tuple[int, ...]) -> Any:
    """x without its mean, whose rounding is taken out too: what is left of it is a mean again.

    Integers are first counted from one of them, which is exact.
    """
    if x.dtype.kind == "i":
        first = x[tuple(slice(0, 1) if i in axes else slice(None) for i in range(x.ndim))]
        x = on_integers_too(np.subtract, x, first)
    out = x - mean_of(x, axes, True)
    left = out.sum(axis=axes, keepdims=True)
    out -= left / (out.size // left.size)
    return out


centred = Primitive(
    name="centred",
    kind="structural",
    derivative="x̄ = ȳ - mean(ȳ)",
    operands=("x",),
    options={"axis": None},
    array=lambda x, axis: _centred(as_array(x), _axes(x, axis)),
    vjps=(lambda g, out, x, axis: centred(g, axis),),
    doc="x - mean(x)",
    example="",
    precise=high_precision.of_numbers_too(high_precision.centred),
)


def _freedom(x: Any, axis: Any, ddof: Any) -> float:
    return max(0.0, float(count(shape_of(value_of(x)), axis) - number(ddof, "ddof")))


def _var(x: Any, axes: tuple[int, ...], keep: bool, ddof: Any) -> Any:
    squares = _centred(x, axes)
    squares *= squares
    return squares.sum(axis=axes, keepdims=keep) / _freedom(x, axes, ddof)


var = reduction(
    "var",
    "the variance: the mean squared deviation, over n - ddof",
    _var,
    lambda out, x, ddof, axis: centred(x, axis) / (_freedom(x, axis, ddof) / 2.0),
    extra={"ddof": 0},
    empty=False,
    derivative="∂y/∂xᵢ = 2 * (xᵢ - mean(x)) / (n - ddof)",
    precise=high_precision.var,
)


def _std(x: Any, axes: tuple[int, ...], keep: bool, ddof: Any) -> Any:
    return _norm(_centred(x, axes), axes, keep, _freedom(x, axes, ddof))


def _std_weight(out: Any, x: Any, ddof: Any, axis: Any) -> Any:
    deviation, freedom = centred(x, axis), _freedom(x, axis, ddof)
    recorded = isinstance(x, Operand)
    scaled = direction(deviation, freedom, axis) if recorded else _over_length(deviation, out)
    return scaled / freedom


std = reduction(
    "std",
    "the standard deviation, √var",
    _std,
    _std_weight,
    extra={"ddof": 0},
    empty=False,
    kink=lambda x, ddof, axis, keep: bool(
        (np.max(x, axis=_axes(x, axis)) == np.min(x, axis=_axes(x, axis))).any()
    ),
    convention="0 where all are equal, the least of its subgradients",
    derivative="∂y/∂xᵢ = (xᵢ - mean(x)) / (y * (n - ddof))",
    precise=lambda mp, x, ddof, axis, keepdims: high_precision.on_elements(mp.sqrt)(
        high_precision.var(mp, x, ddof, axis, keepdims)
    ),
)
