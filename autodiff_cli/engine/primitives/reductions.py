"""Functions that take an axis away, or run along one.

A reduction's derivative is one array, `weight`, in the shape of what is reduced: both
sweeps multiply by it. What it needs from the order of the elements (which is the
largest) is constant between ties, so it is computed from values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.graph import value_of
from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.primitive import REQUIRED, Primitive, counted, shape_of
from autodiff_cli.engine.primitives import high_precision
from autodiff_cli.engine.primitives.arguments import axes_of, axis_of, number
from autodiff_cli.engine.primitives.elementwise import exp
from autodiff_cli.engine.primitives.indexing import index
from autodiff_cli.engine.primitives.joining import concat, stack
from autodiff_cli.engine.primitives.logic import equal, where
from autodiff_cli.engine.primitives.shapes import flip, reshape, transpose
from autodiff_cli.errors import DomainError, ShapeError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LARGEST_PLAIN_SQUARE = 1e150
SMALLEST_PLAIN_SQUARE = 1e-140


def kept_shape(shape: tuple[int, ...], axis: Any) -> tuple[int, ...]:
    """`shape` with 1 in place of every reduced axis."""
    axes = axes_of(axis, shape)
    return tuple(1 if i in axes else size for i, size in enumerate(shape))


def count(shape: tuple[int, ...], axis: Any) -> int:
    """How many elements are reduced into one."""
    total = 1
    for one in axes_of(axis, shape):
        total *= shape[one]
    return total


def _checked(name: str, x: Any, empty: bool) -> Any:
    x = counted(np.asarray(x))
    if not (empty or x.size):
        raise ShapeError(
            f"`{name}` got an empty array, of shape {x.shape}, and has no value for it"
        )
    return x


def _reduction(
    name: str,
    doc: str,
    array: Callable[..., Any],
    weight: Callable[..., Any] | None,
    *,
    extra: Mapping[str, Any] | None = None,
    empty: bool = True,
    example: str = "",
    **fields: Any,
) -> Primitive:
    """`array(x, axes, keepdims, *extra)`; `weight(out, x, axis, *extra)`."""

    def evaluate(x: Any, *static: Any) -> Any:
        *head, axis, keepdims = static
        x = _checked(name, x, empty)
        return array(x, axes_of(axis, x.shape), bool(number(keepdims, "keepdims")), *head)

    return Primitive(
        name=name,
        kind="constant" if weight is None else "reduction",
        operands=("x",),
        options={**(extra or {}), "axis": None, "keepdims": False},
        array=evaluate,
        weight=weight,
        doc=doc,
        example=example or f"{name}([1, 2, 4])",
        sample=((0.2, 5),),
        **fields,
    )


sum_ = _reduction(
    "sum",
    "the sum",
    lambda x, axes, keep: x.sum(axis=axes, keepdims=keep),
    lambda out, x, axis: 1.0,
    derivative="∂y/∂xᵢ = 1",
    precise=lambda mp, x, axis, keep: x.sum(**high_precision.axes(x, axis, keep)),
)
mean = _reduction(
    "mean",
    "the mean",
    lambda x, axes, keep: x.mean(axis=axes, keepdims=keep),
    lambda out, x, axis: 1.0 / count(shape_of(value_of(x)), axis),
    empty=False,
    derivative="∂y/∂xᵢ = 1 / n",
    precise=lambda mp, x, axis, keep: x.mean(**high_precision.axes(x, axis, keep)),
)


def _product_of_others(out: Any, x: Any, axis: Any) -> Any:
    """For each element the product of all the others; without a division where one is 0."""
    if np.all(value_of(x)):
        return out / x
    shape = shape_of(value_of(x))
    axes = axes_of(axis, shape)
    kept = [i for i in range(len(shape)) if i not in axes]
    order = [*kept, *axes]
    rows = reshape(transpose(x, order), (*(shape[i] for i in kept), -1))
    others = _product_of_those_before(rows) * flip(_product_of_those_before(flip(rows, -1)), -1)
    return transpose(reshape(others, tuple(shape[i] for i in order)), np.argsort(order))


def _product_of_those_before(rows: Any) -> Any:
    shape = shape_of(value_of(rows))
    before = index(rows, (..., slice(None, -1)))
    return cumprod(concat(np.ones((*shape[:-1], 1)), before, -1), -1)


prod = _reduction(
    "prod",
    "the product; its derivative holds where elements are 0 too",
    lambda x, axes, keep: x.prod(axis=axes, keepdims=keep),
    _product_of_others,
    derivative="∂y/∂xᵢ = the product of the others",
    precise=lambda mp, x, axis, keep: x.prod(**high_precision.axes(x, axis, keep)),
)


def _share_of_ties(out: Any, x: Any, axis: Any) -> Any:
    ties = np.equal(value_of(x), value_of(out))
    return ties / np.maximum(ties.sum(axis=axes_of(axis, ties.shape), keepdims=True), 1)


def _has_ties(x: Any, axis: Any, largest: bool) -> bool:
    axes = axes_of(axis, shape_of(x))
    extreme = (np.max if largest else np.min)(x, axis=axes, keepdims=True)
    return bool((np.equal(x, extreme).sum(axis=axes) > 1).any())


max_ = _reduction(
    "max",
    "the largest; of several arguments, element by element, as `maximum`",
    lambda x, axes, keep: x.max(axis=axes, keepdims=keep),
    _share_of_ties,
    empty=False,
    chooses=True,
    kink=lambda x, axis, keep: _has_ties(x, axis, True),
    convention="an equal share to each of those that tie",
    derivative="∂y/∂xᵢ = 1 where xᵢ is the largest, else 0",
    precise=lambda mp, x, axis, keep: x.max(**high_precision.axes(x, axis, keep)),
)
min_ = _reduction(
    "min",
    "the smallest; of several arguments, element by element, as `minimum`",
    lambda x, axes, keep: x.min(axis=axes, keepdims=keep),
    _share_of_ties,
    empty=False,
    chooses=True,
    kink=lambda x, axis, keep: _has_ties(x, axis, False),
    convention="an equal share to each of those that tie",
    derivative="∂y/∂xᵢ = 1 where xᵢ is the smallest, else 0",
    precise=lambda mp, x, axis, keep: x.min(**high_precision.axes(x, axis, keep)),
)


def _norm(x: Any, axes: tuple[int, ...], keep: bool) -> Any:
    """√Σx², scaled by the largest where its square would overflow or underflow."""
    largest = np.abs(x).max(axis=axes, keepdims=True, initial=0)
    extreme = (largest > LARGEST_PLAIN_SQUARE) | (largest < SMALLEST_PLAIN_SQUARE)
    usable = np.isfinite(largest) & (largest != 0)
    scale = np.where(extreme & usable, largest, 1).astype(np.result_type(x, np.float32))
    root = scale * np.sqrt(np.square(x / scale).sum(axis=axes, keepdims=True))
    return root if keep else root.squeeze(axis=axes)


norm = _reduction(
    "norm",
    "the Euclidean norm √Σx²",
    _norm,
    lambda out, x, axis: where(equal(out, 0.0), 0.0, x / out),
    kink=lambda x, axis, keep: bool(
        (_norm(np.asarray(x), axes_of(axis, shape_of(x)), True) == 0).any()
    ),
    convention="0 at 0, the least of its subgradients",
    example="norm([3, 4])",
    derivative="∂y/∂xᵢ = xᵢ / y",
    precise=high_precision.norm,
)


def _freedom(x: Any, axis: Any, ddof: Any) -> float:
    return float(count(shape_of(value_of(x)), axis) - ddof)


def _deviation(x: Any, axis: Any) -> Any:
    return x - mean(x, axis, True)


var = _reduction(
    "var",
    "the variance: the mean squared deviation, over n - ddof",
    lambda x, axes, keep, ddof: x.var(axis=axes, keepdims=keep, ddof=number(ddof, "ddof")),
    lambda out, x, ddof, axis: 2.0 * _deviation(x, axis) / _freedom(x, axis, ddof),
    extra={"ddof": 0},
    empty=False,
    derivative="∂y/∂xᵢ = 2 * (xᵢ - mean(x)) / (n - ddof)",
    precise=high_precision.var,
)


def _std(x: Any, axes: tuple[int, ...], keep: bool, ddof: Any) -> Any:
    freedom = count(x.shape, axes) - number(ddof, "ddof")
    return _norm(x - x.mean(axis=axes, keepdims=True), axes, keep) / np.sqrt(freedom)


std = _reduction(
    "std",
    "the standard deviation, √var",
    _std,
    lambda out, x, ddof, axis: where(
        equal(out, 0.0), 0.0, _deviation(x, axis) / out / _freedom(x, axis, ddof)
    ),
    extra={"ddof": 0},
    empty=False,
    kink=lambda x, ddof, axis, keep: bool((np.ptp(x, axis=axes_of(axis, shape_of(x))) == 0).any()),
    convention="0 where all are equal, the least of its subgradients",
    derivative="∂y/∂xᵢ = (xᵢ - mean(x)) / (y * (n - ddof))",
    precise=lambda mp, x, ddof, axis, keepdims: high_precision.on_elements(mp.sqrt)(
        high_precision.var(mp, x, ddof, axis, keepdims)
    ),
)


def _logsumexp(x: Any, axes: tuple[int, ...], keep: bool) -> Any:
    x = x.astype(np.result_type(x, 1.0), copy=False)  # integers have no -inf to start from
    largest = x.max(axis=axes, keepdims=True, initial=-np.inf)
    shift = np.where(np.isfinite(largest), largest, 0)
    out = shift + np.log(np.exp(x - shift).sum(axis=axes, keepdims=True))
    return out if keep else out.squeeze(axis=axes)


def _share_of_sum(out: Any, x: Any, axis: Any) -> Any:
    infinite = np.isinf(value_of(out))
    if not infinite.any():
        return exp(x - out)
    return where(infinite, _share_of_ties(out, x, axis), exp(x - out))


logsumexp = _reduction(
    "logsumexp",
    "log Σe^x without overflow",
    _logsumexp,
    _share_of_sum,
    convention="where the result is infinite, an equal share to each that equals it",
    derivative="∂y/∂xᵢ = exp(xᵢ - y)",
    precise=lambda mp, x, axis, keepdims: high_precision.on_elements(mp.log)(
        high_precision.on_elements(mp.exp)(x).sum(**high_precision.axes(x, axis, keepdims))
    ),
)


def _quantile_weight(x: Any, q: float, axis: Any) -> Any:
    """How much of each element the quantile is made of: one, or two beside it.

    Elements that tie with one of the two share its part.
    """
    values = np.asarray(value_of(x))
    axes = axes_of(axis, values.shape)
    position = q * (count(values.shape, axis) - 1)
    weight = np.zeros(values.shape)
    for method, part in ("lower", 1 - position % 1), ("higher", position % 1):
        chosen = np.quantile(values, q, axis=axes, keepdims=True, method=method)  # type: ignore[call-overload]
        ties = values == chosen
        weight += part * ties / np.maximum(ties.sum(axis=axes, keepdims=True), 1)
    return weight


def _quantile(x: Any, axes: tuple[int, ...], keep: bool, q: Any = 0.5) -> Any:
    if not (isinstance(q, (int, float)) and 0 <= q <= 1):
        raise DomainError(f"`quantile` got q = {q}, want a number from 0 to 1")
    # Interpolation subtracts, which booleans cannot.
    numbers = x.astype(np.float64) if x.dtype == bool else x
    return np.quantile(numbers, q, axis=axes, keepdims=keep)


median = _reduction(
    "median",
    "the middle element, or the mean of the two in the middle",
    _quantile,
    lambda out, x, axis: _quantile_weight(x, 0.5, axis),
    empty=False,
    example="median([3, 1, 2])",
    derivative="∂y/∂xᵢ = 1 where xᵢ is the median; 1/2 for each of two",
)
quantile = _reduction(
    "quantile",
    "the value below which the part q lies, interpolated linearly",
    _quantile,
    lambda out, x, q, axis: _quantile_weight(x, q, axis),
    extra={"q": REQUIRED},
    empty=False,
    example="quantile([1, 2, 3, 4], 0.25)",
    derivative="∂y/∂xᵢ = its part in the interpolation between two elements",
)

all_ = _reduction(
    "all",
    "whether every element is true",
    lambda x, axes, keep: x.all(axis=axes, keepdims=keep),
    None,
    example="all([1, 2] > 0)",
)
any_ = _reduction(
    "any",
    "whether an element is true",
    lambda x, axes, keep: x.any(axis=axes, keepdims=keep),
    None,
    example="any([1, 2] > 1)",
)


def _argument(name: str, doc: str, function: str) -> Primitive:
    def evaluate(x: Any, axis: Any) -> Any:
        x = _checked(name, x, empty=False)
        return getattr(x, function)(axis=None if axis is None else axis_of(axis, x.shape))

    return Primitive(
        name=name,
        kind="constant",
        operands=("x",),
        options={"axis": None},
        array=evaluate,
        doc=doc,
        example=f"{name}([3, 9, 4])",
    )


argmax = _argument("argmax", "the index of the largest, the first of those that tie", "argmax")
argmin = _argument("argmin", "the index of the smallest, the first of those that tie", "argmin")

# ── along an axis ─────────────────────────────────────────────────────────────────────


def _along(
    name: str,
    doc: str,
    array: Callable[..., Any],
    vjp: Callable[..., Any],
    jvp: Any,
    axis: int,
    derivative: str,
    precise: Callable[..., Any],
) -> Primitive:
    def evaluate(x: Any, axis: Any) -> Any:
        x = _checked(name, x, empty=True)
        if x.ndim == 0:
            raise ShapeError(f"`{name}` got a single number, want an array")
        return array(x, axis_of(axis, x.shape))

    return Primitive(
        name=name,
        kind="structural",
        operands=("x",),
        options={"axis": axis},
        array=evaluate,
        vjps=(vjp,),
        jvps=(jvp,),
        derivative=derivative,
        precise=precise,
        doc=doc,
        example=f"{name}([1, 2, 4])",
        sample=((0.2, 5),),
    )


def _softmax(x: Any, axis: int) -> Any:
    x = x.astype(np.result_type(x, 1.0), copy=False)
    power = np.exp(x - x.max(axis=axis, keepdims=True, initial=-np.inf))
    return power / power.sum(axis=axis, keepdims=True)


softmax = _along(
    "softmax",
    "e^x / Σe^x along an axis",
    _softmax,
    lambda g, out, x, axis: out * (g - sum_(g * out, axis, True)),
    lambda t, out, x, axis: out * (t - sum_(t * out, axis, True)),
    axis=-1,
    derivative="x̄ = y * (ȳ - sum(ȳ * y))",
    precise=high_precision.softmax,
)
log_softmax = _along(
    "log_softmax",
    "log(softmax(x)) without overflow",
    lambda x, axis: x - _logsumexp(x, (axis,), True),
    lambda g, out, x, axis: g - exp(out) * sum_(g, axis, True),
    lambda t, out, x, axis: t - sum_(t * exp(out), axis, True),
    axis=-1,
    derivative="x̄ = ȳ - exp(y) * sum(ȳ)",
    precise=lambda mp, x, axis: high_precision.on_elements(mp.log)(
        high_precision.softmax(mp, x, axis)
    ),
)
cumsum = _along(
    "cumsum",
    "the running sum along an axis",
    lambda x, axis: x.cumsum(axis=axis),
    lambda g, out, x, axis: flip(cumsum(flip(g, axis), axis), axis),
    None,
    axis=0,
    derivative="x̄ᵢ = Σ ȳₖ over k ≥ i",
    precise=lambda mp, x, axis: np.cumsum(x, int(axis)),
)


def _slices(x: Any, axis: int) -> list[Any]:
    shape = shape_of(value_of(x))
    before = (slice(None),) * (axis % len(shape))
    return [index(x, (*before, i)) for i in range(shape[axis])]


def _cumprod_vjp(g: Any, out: Any, x: Any, axis: int) -> Any:
    """Σ_{k≥i} g_k Π_{j≤k, j≠i} x_j, without a division, so that it holds at zeros."""
    xs, gs = _slices(x, axis), _slices(g, axis)
    before = [xs[0] * 0.0 + 1.0]
    for one in xs[:-1]:
        before.append(before[-1] * one)
    after = [gs[-1]]
    for i in range(len(xs) - 1, 0, -1):
        after.append(gs[i - 1] + xs[i] * after[-1])
    return stack(*(b * a for b, a in zip(before, reversed(after), strict=True)), axis)


def _cumprod_jvp(t: Any, out: Any, x: Any, axis: int) -> Any:
    xs, ts = _slices(x, axis), _slices(t, axis)
    value, tangents = xs[0], [ts[0]]
    for i in range(1, len(xs)):
        tangents.append(tangents[-1] * xs[i] + value * ts[i])
        value = value * xs[i]
    return stack(*tangents, axis)


cumprod = _along(
    "cumprod",
    "the running product along an axis; its derivative holds where elements are 0 too",
    lambda x, axis: x.cumprod(axis=axis),
    _cumprod_vjp,
    _cumprod_jvp,
    axis=0,
    derivative="x̄ᵢ = Σ ȳₖ * (the product of x up to k, without xᵢ) over k ≥ i",
    precise=lambda mp, x, axis: np.cumprod(x, int(axis)),
)
