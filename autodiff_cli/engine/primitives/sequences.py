"""Functions of elements in their order along an axis: sorting, differences, interpolation."""

from __future__ import annotations

from typing import Any

from autodiff_cli.engine.graph import value_of
from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.primitive import Primitive, as_array, describe, shape_of
from autodiff_cli.engine.primitives.arguments import (
    axis_of,
    on_integers_too,
    reserve_shape,
    vector,
    whole,
)
from autodiff_cli.engine.primitives.indexing import Scatter, gather, index, scatter
from autodiff_cli.engine.primitives.joining import stack
from autodiff_cli.engine.primitives.logic import where
from autodiff_cli.engine.primitives.products import unpoisoned
from autodiff_cli.engine.primitives.reductions import sum_
from autodiff_cli.engine.primitives.running import cumsum
from autodiff_cli.engine.primitives.shapes import flip, reshape
from autodiff_cli.errors import DomainError, ShapeError


def _shape(x: Any) -> tuple[int, ...]:
    return shape_of(value_of(x))


def _at(axis: int, place: slice) -> tuple[slice, ...]:
    """The key of a slice along one axis."""
    return (*(slice(None),) * axis, place)


# ── order ─────────────────────────────────────────────────────────────────────────────


def _order(x: Any, axis: Any) -> Any:
    """The indices that sort, those of equal elements in their order."""
    values = np.asarray(value_of(x))
    return np.argsort(values, axis=axis_of(axis, values.shape), kind="stable")


def _rank(x: Any, axis: Any) -> Any:
    """Where each element comes to stand."""
    return np.argsort(_order(x, axis), axis=int(axis))


def _sort(x: Any, axis: Any) -> Any:
    x = as_array(x)
    return np.sort(x, axis=axis_of(axis, x.shape), kind="stable")


def _sort_rests(g: Any, x: Any, axis: Any) -> bool:
    """Whether elements that tie have other cotangents."""
    from_last = axis_of(axis, shape_of(x)) - len(shape_of(x))
    ties = np.diff(_sort(x, axis), axis=from_last) == 0
    return bool((ties & (np.diff(g, axis=from_last) != 0)).any())


sort = Primitive(
    name="sort",
    kind="structural",
    derivative="each ȳ goes back to where its element came from",
    operands=("x",),
    options={"axis": -1},
    array=_sort,
    vjps=(lambda g, out, x, axis: gather(g, _rank(x, axis), axis),),
    jvps=(lambda t, out, x, axis: gather(t, _order(x, axis), axis),),
    kink=lambda x, axis: bool((np.diff(_sort(x, axis), axis=int(axis)) == 0).any()),
    rests=_sort_rests,
    convention="elements that tie keep their order, and each its own derivative",
    doc="the elements in ascending order along an axis, nan at the end",
    example="sort([3, 1, 2])",
    unchosen="`sort` takes other elements",
)
argsort = Primitive(
    name="argsort",
    kind="constant",
    operands=("x",),
    options={"axis": -1},
    array=lambda x, axis: _order(x, axis),
    doc="the indices that sort along an axis, those of equal elements in their order",
    example="argsort([3, 1, 2])",
)

# ── differences and integrals ─────────────────────────────────────────────────────────


def _times(n: Any) -> int:
    times = whole(n, "the order of `diff`")
    if times < 0:
        raise DomainError(f"`diff` got the order {times}, want 0 or more")
    return times


def _diff(x: Any, n: Any, axis: Any) -> Any:
    axis = axis_of(axis, shape_of(x))
    # Beyond the length there is nothing left to take differences of.
    times = min(_times(n), shape_of(x)[axis])
    return on_integers_too(lambda array: np.diff(array, times, axis), x)


def _padded(g: Any, n: int, axis: int) -> Any:
    """n zeros before and after g."""
    shape = list(_shape(g))
    size = shape[axis]
    shape[axis] += 2 * n
    return scatter(g, _at(axis, slice(n, n + size)), tuple(shape))


def _diff_vjp(g: Any, out: Any, x: Any, n: Any, axis: Any) -> Any:
    axis, n = axis_of(axis, _shape(x)), _times(n)
    return (-1.0) ** n * diff(_padded(g, n, axis), n, axis)


diff = Primitive(
    name="diff",
    kind="structural",
    derivative="x̄ᵢ = ȳᵢ₋₁ - ȳᵢ",
    operands=("x",),
    options={"n": 1, "axis": -1},
    array=_diff,
    vjps=(_diff_vjp,),
    doc="the differences of neighbours along an axis, n times",
    example="diff([1, 4, 9])",
    precise=lambda mp, x, n, axis: np.diff(x, int(n), int(axis)),
)


def _widths(y: Any, x: Any, axis: int) -> Any:
    """The width of every interval, broadcasting against y without its last element."""
    shape, points = _shape(y), _shape(x)
    if not points:
        return x
    if points == shape:
        return diff(x, 1, axis)
    if points != (shape[axis],):
        raise ShapeError(
            f"`cumtrapz` got y of shape {shape} and x of shape {points}",
            help=f"x is one number, the distance between points, or {shape[axis]} points, "
            "or as many points as y has elements",
        )
    return reshape(diff(x, 1, 0), (-1, *(1,) * (len(shape) - axis - 1)))


def _heights(y: Any, axis: int) -> Any:
    """The mean of y over every interval."""
    return 0.5 * (index(y, _at(axis, slice(1, None))) + index(y, _at(axis, slice(0, -1))))


def _cumtrapz(y: Any, x: Any, axis: Any) -> Any:
    y = np.asarray(y, np.result_type(y, 1.0))
    axis = axis_of(axis, y.shape)
    return np.cumsum(_widths(y, x, axis) * _heights(y, axis), axis)


def _reached(g: Any, y: Any, axis: Any) -> tuple[Any, int]:
    """The cotangent of every interval's part: of all the sums that it is in."""
    axis = axis_of(axis, _shape(y))
    return flip(cumsum(flip(g, axis), axis), axis), axis


def _cumtrapz_by_y(g: Any, out: Any, y: Any, x: Any, axis: Any) -> Any:
    reached, axis = _reached(g, y, axis)
    half = 0.5 * reached * _widths(y, x, axis)
    shape = _shape(y)
    return scatter(half, _at(axis, slice(0, -1)), shape) + scatter(
        half, _at(axis, slice(1, None)), shape
    )


def _cumtrapz_by_x(g: Any, out: Any, y: Any, x: Any, axis: Any) -> Any:
    reached, axis = _reached(g, y, axis)
    product = reached * _heights(y, axis)
    points = _shape(x)
    if not points:
        return sum_(product, None, False)
    if points != _shape(y):
        others = tuple(i for i in range(len(_shape(y))) if i != axis)
        product, axis = sum_(product, others, False), 0
    return -diff(_padded(product, 1, axis), 1, axis)


cumtrapz = Primitive(
    name="cumtrapz",
    kind="structural",
    derivative="of y, half of each width beside it, summed from there on; of x, the mean heights",
    operands=("y", "x"),
    defaults={"x": 1.0},
    options={"axis": -1},
    array=_cumtrapz,
    vjps=(_cumtrapz_by_y, _cumtrapz_by_x),
    doc="the integral of y up to every point but the first, by the trapezoidal rule; x is the "
    "points, or one number, the distance between them",
    example="cumtrapz([1, 2, 4], [0, 1, 3])",
)

# ── interpolation ─────────────────────────────────────────────────────────────────────


def _interp(x: Any, xp: Any, fp: Any) -> Any:
    xp, fp = vector("interp", xp), vector("interp", fp)
    if xp.shape != fp.shape or not xp.size:
        raise ShapeError(
            f"`interp` got xp of shape {xp.shape} and fp of shape {fp.shape}, "
            "want two vectors of one length, not empty"
        )
    if not (xp[1:] > xp[:-1]).all() or np.isnan(xp).any():
        raise DomainError("`interp` got points xp that do not increase")
    return np.interp(x, xp, fp)


def _segment(x: Any, xp: Any) -> tuple[Any, Any]:
    """The points on the left and right of every x; at a point, of the segment on its right."""
    points = value_of(xp)
    last = len(points) - 1
    left = np.clip(np.searchsorted(points, value_of(x), side="right") - 1, 0, max(last - 1, 0))
    return left, np.minimum(left + 1, last)


def _line(x: Any, xp: Any, fp: Any) -> tuple[Any, Any]:
    """The slope at every x, and how far it is on the way to the point on its right."""
    left, right = _segment(x, xp)
    points, at = value_of(xp), value_of(x)
    before, after = np.less(at, points[0]), np.greater(at, points[-1])
    start = index(xp, (left,))
    width = index(xp, (right,)) - start if len(points) > 1 else 1.0
    rise = index(fp, (right,)) - index(fp, (left,))
    slope = where(before | after, 0.0, rise / width)
    return slope, where(before, 0.0, where(after, 1.0, (x - start) / width))


def _interp_by_xp(g: Any, out: Any, x: Any, xp: Any, fp: Any) -> Any:
    slope, way = _line(x, xp, fp)
    key = (np.stack(_segment(x, xp)),)
    return Scatter(stack(-(g * slope * (1.0 - way)), -(g * slope * way), 0), key)


def _interp_by_fp(g: Any, out: Any, x: Any, xp: Any, fp: Any) -> Any:
    _, way = _line(x, xp, fp)
    return Scatter(stack(g * (1.0 - way), g * way, 0), (np.stack(_segment(x, xp)),))


def _moved_points(t: Any, out: Any, x: Any, xp: Any, fp: Any) -> Any:
    slope, way = _line(x, xp, fp)
    left, right = _segment(x, xp)
    return -(slope * ((1.0 - way) * index(t, (left,)) + way * index(t, (right,))))


def _at_a_bend(x: Any, xp: Any, fp: Any) -> Any:
    """Whether an x is at a point where the slope changes."""
    xp, fp = np.asarray(xp, np.float64), np.asarray(fp, np.float64)
    slopes = np.concatenate([[0.0], np.diff(fp) / np.diff(xp), [0.0]])
    place = np.searchsorted(xp, x)
    at_point = np.equal(np.take(xp, np.minimum(place, len(xp) - 1)), x)
    bends = np.append(slopes[:-1] != slopes[1:], False)
    return bool((at_point & bends[place]).any())


interp = Primitive(
    name="interp",
    kind="structural",
    derivative="by x the slope of the segment, by fp the weights of its ends, by xp -slope of them",
    operands=("x", "xp", "fp"),
    array=_interp,
    vjps=(
        lambda g, out, x, xp, fp: g * _line(x, xp, fp)[0],
        _interp_by_xp,
        _interp_by_fp,
    ),
    jvps=(lambda t, out, x, xp, fp: t * _line(x, xp, fp)[0], _moved_points, None),
    kink=(_at_a_bend, _at_a_bend, None),  # by fp it is linear
    convention="at a point the slope on its right, at the last point that on its left",
    domain="all reals; xp increases; constant beyond its ends",
    doc="the piecewise linear function through the points (xp, fp), at x",
    example="interp([0.5, 1.5], [0, 1, 2], [0, 10, 40])",
)

# ── convolution ───────────────────────────────────────────────────────────────────────


def _vectors(a: Any, v: Any) -> tuple[Any, Any]:
    a, v = vector("convolve", a), vector("convolve", v)
    if not (a.size and v.size):
        raise ShapeError(f"`convolve` got shapes {a.shape} and {v.shape}, want no empty vector")
    return a, v


def _kept(mode: Any, m: int, n: int) -> slice:
    """The part of the full convolution of m and n elements that a mode gives."""
    short, long = sorted((m, n))
    kept = {
        "full": slice(0, m + n - 1),
        "same": slice((short - 1) // 2, (short - 1) // 2 + long),
        "valid": slice(short - 1, long),
    }
    if isinstance(mode, str) and mode in kept:
        return kept[mode]
    given = f'"{mode}"' if isinstance(mode, str) else describe(mode)
    raise DomainError(f'`convolve` got the mode {given}, want "full", "same" or "valid"')


def _convolve(a: Any, v: Any, mode: Any) -> Any:
    a, v = _vectors(a, v)
    kept = _kept(mode, a.size, v.size)
    reserve_shape("convolve", (a.size + v.size - 1,))
    return on_integers_too(lambda *both: np.convolve(*both)[kept], a, v)


def _against(g: Any, other: Any, a: Any, v: Any, mode: Any) -> Any:
    """The cotangent of one factor, which the full cotangent slid along the other gives."""
    m, n = _shape(a)[0], _shape(v)[0]
    full = scatter(g, (_kept(mode, m, n),), (m + n - 1,))
    kept = slice(_shape(other)[0] - 1, m + n - 1)
    return unpoisoned(
        lambda slid, factor: index(convolve(slid, flip(factor, None), "full"), (kept,)), full, other
    )


convolve = Primitive(
    name="convolve",
    kind="structural",
    derivative="ā = ȳ correlated with v, v̄ = ȳ correlated with a",
    operands=("a", "v"),
    options={"mode": "full"},
    array=_convolve,
    vjps=(
        lambda g, out, a, v, mode: _against(g, v, a, v, mode),
        lambda g, out, a, v, mode: _against(g, a, a, v, mode),
    ),
    doc='the convolution Σ aᵢ v₍ₖ₋ᵢ₎ of two vectors, as NumPy\'s: "full", "same" or "valid"',
    example="convolve([1, 2, 3], [0, 1, 0.5])",
    sums=True,
    multiplies=True,
)
