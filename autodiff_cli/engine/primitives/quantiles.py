"""Functions of elements in their order along an axis: the median, and other quantiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.graph import value_of
from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.operand import Operand
from autodiff_cli.engine.primitive import Primitive, counted, shape_of
from autodiff_cli.engine.primitives import high_precision
from autodiff_cli.engine.primitives.arguments import axes_of, number, reserve_shape, to_rows
from autodiff_cli.engine.primitives.arithmetic import gated
from autodiff_cli.engine.primitives.indexing import index
from autodiff_cli.engine.primitives.joining import stack
from autodiff_cli.engine.primitives.logic import where
from autodiff_cli.engine.primitives.reductions import count, kept_shape, reduction, sum_
from autodiff_cli.engine.primitives.shapes import reshape
from autodiff_cli.errors import DomainError, ShapeError

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUNDING = 4
"""Units in the last place by which level · (n - 1) may miss a whole number that it stands for:
the level 0.07 of 101 elements is that of the eighth."""


@dataclass(slots=True)
class Segment:
    """Two neighbours in the order of the elements, between which a quantile lies.

    Attributes:
        low, high: their values, for every slice that is reduced, its axes kept.
        way: how far it is on the way from one to the other, from 0 to 1.
    """

    low: Any
    high: Any
    way: Any


def _levels(q: Any) -> Any:
    levels = np.asarray(value_of(q))
    if not ((levels >= 0) & (levels <= 1)).all():
        raise DomainError(f"`quantile` got q = {q}, want numbers from 0 to 1")
    return levels.astype(np.float64).reshape(-1)


def _positions(levels: Any, size: int) -> tuple[Any, Any]:
    """For each level the rank of the lower neighbour, and the way to the upper one."""
    positions = np.asarray(levels) * (size - 1)
    nearest = np.rint(positions)
    exact = np.abs(positions - nearest) <= ROUNDING * np.spacing(nearest)
    positions = np.where(exact, nearest, positions)
    ranks = np.clip(np.floor(positions), 0, max(size - 2, 0)).astype(np.int64)
    return ranks, positions - ranks


def _ranked(rows: Any, ranks: Any) -> Any:
    """The elements of rows by their ranks, on a first axis; nan where a row holds one."""
    size = rows.shape[-1]
    ranks = np.clip(ranks, 0, size - 1)
    ordered = np.partition(rows, sorted({*ranks.ravel().tolist(), size - 1}), axis=-1)
    found = np.moveaxis(
        ordered[..., ranks], range(rows.ndim - 1, rows.ndim - 1 + ranks.ndim), range(ranks.ndim)
    )
    return np.where(np.isnan(ordered[..., -1]), np.nan, found)


def _between(low: Any, high: Any, way: Any) -> Any:
    """The interpolation, exact at its ends, and infinite only where a neighbour is."""
    rise = high - low
    out = np.where(way < 0.5, low + rise * way, high - rise * (1 - way))
    mixed = np.where(np.isfinite(out), out, (1 - way) * low + way * high)
    return np.where(way == 0, low, np.where(way == 1, high, mixed))


def _quantiles(x: Any, levels: Any, axes: tuple[int, ...]) -> Any:
    """The quantiles of rows, those of each level on a first axis."""
    rows = to_rows(x.astype(np.result_type(x, np.float32), copy=False), axes)
    ranks, way = _positions(levels, rows.shape[-1])
    low, high = _ranked(rows, np.stack([ranks, ranks + 1]))
    way = way.reshape(-1, *(1,) * (low.ndim - 1)).astype(rows.dtype)
    return _between(low, high, way)


def _neighbours(x: Any, levels: Any, axis: Any) -> tuple[Any, Any]:
    """For each level its way, and the elements of rows from the rank before to the
    one after the next; nan beyond the ends."""
    values = np.asarray(value_of(x), np.float64)
    rows = to_rows(values, axes_of(axis, values.shape))
    size = rows.shape[-1]
    ranks, way = _positions(levels, size)
    wanted = np.add.outer(np.arange(-1, 3), ranks)
    found = _ranked(rows, wanted)
    found[(wanted < 0) | (wanted >= size)] = np.nan
    return way.reshape(-1, *(1,) * (rows.ndim - 1)), found


def _rise(low: Any, high: Any) -> Any:
    return where(np.equal(value_of(low), value_of(high)), 0.0, high - low)


def _segments(x: Any, levels: Any, axis: Any) -> Iterator[Segment]:
    """The segment of every level; at an order statistic, that on the side that is less steep."""
    way, (before, low, high, _) = _neighbours(x, levels, axis)
    shape = kept_shape(shape_of(value_of(x)), axis)
    back = (way == 0) & (_rise(before, low) < _rise(low, high))
    way = np.where(back, 1.0, way)
    for parts in zip(np.where(back, before, low), np.where(back, low, high), way, strict=True):
        yield Segment(*(part.reshape(shape) for part in parts))


def _is_shared(x: Any, levels: Any, axis: Any) -> bool:
    """Whether elements tie of which the quantile takes unequal parts."""
    way, found = _neighbours(x, levels, axis)
    none = np.zeros_like(way)
    parts = np.stack(np.broadcast_arrays(none, 1 - way, way, none))
    return bool(((found[1:] == found[:-1]) & (parts[1:] != parts[:-1])).any())


def _is_at_a_bend(x: Any, levels: Any, axis: Any) -> bool:
    """Whether a level asks for an order statistic with other slopes on its two sides."""
    way, (before, low, high, _) = _neighbours(x, levels, axis)
    left, right = _rise(before, low), _rise(low, high)
    return bool(((way == 0) & (left != right) & ~np.isnan(left) & ~np.isnan(right)).any())


def _ties(x: Any, value: Any, axis: Any) -> tuple[Any, Any]:
    """Where x has a value, and the part of each that has."""
    ties = np.equal(value_of(x), value)
    return ties, 1.0 / np.maximum(ties.sum(axis=axes_of(axis, ties.shape), keepdims=True), 1)


def _weight(x: Any, segment: Segment, way: Any, axis: Any) -> Any:
    """How much of each element the quantile is made of; those that tie share."""
    (low, low_share), (high, high_share) = (
        _ties(x, value, axis) for value in (segment.low, segment.high)
    )
    return low * low_share * (1.0 - way) + high * high_share * way


MIDDLE = (0.5,)


def _median(x: Any, axes: tuple[int, ...], keep: bool) -> Any:
    (out,) = _quantiles(x, MIDDLE, axes)
    return out.reshape(kept_shape(x.shape, axes)) if keep else out


def _median_weight(out: Any, x: Any, axis: Any) -> Any:
    (segment,) = _segments(x, MIDDLE, axis)
    return _weight(x, segment, segment.way, axis)


median = reduction(
    "median",
    "the middle element, or the mean of the two in the middle",
    _median,
    _median_weight,
    empty=False,
    chooses=True,
    kink=lambda x, axis, keep: _is_shared(x, MIDDLE, axis),
    convention="elements that tie share",
    example="median([3, 1, 2])",
    derivative="∂y/∂xᵢ = 1 where xᵢ is the median; 1/2 for each of two",
    precise=lambda mp, x, axis, keep: high_precision.quantile(mp, x, mp.mpf(0.5), axis, keep),
    unchosen="`median` takes other elements",
)

# ── by the level too ──────────────────────────────────────────────────────────────────


def _quantile(x: Any, q: Any, axis: Any, keepdims: Any) -> Any:
    x = counted(np.asarray(x))
    if not x.size:
        raise ShapeError(
            f"`quantile` got an empty array, of shape {x.shape}, and has no value for it"
        )
    axes, levels = axes_of(axis, x.shape), _levels(q)
    shape = _reduced_shape(x, axis, keepdims)
    reserve_shape("quantile", (*shape_of(q), *shape))
    return _quantiles(x, levels, axes).reshape((*shape_of(q), *shape))


def _reduced_shape(x: Any, axis: Any, keepdims: Any) -> tuple[int, ...]:
    shape = shape_of(value_of(x))
    if number(keepdims, "keepdims"):
        return kept_shape(shape, axis)
    axes = axes_of(axis, shape)
    return tuple(size for i, size in enumerate(shape) if i not in axes)


def _each_level(x: Any, q: Any, axis: Any) -> Iterator[tuple[int, Segment, Any]]:
    """The number of each level, its segment, and the way as a function of q."""
    levels, flat = _levels(q), reshape(q, (-1,))
    steps = count(shape_of(value_of(x)), axis) - 1.0
    for i, segment in enumerate(_segments(x, levels, axis)):
        way = segment.way
        if isinstance(q, Operand):
            way = (index(flat, (i,)) - levels[i]) * steps + way
        yield i, segment, way


def _slopes(x: Any, q: Any, axis: Any) -> Iterator[Any]:
    """The derivative by each level: the rise from one order statistic to the next, n - 1 times."""
    axes = axes_of(axis, shape_of(value_of(x)))

    def as_function_of_x(value: Any) -> Any:
        ties, share = _ties(x, value, axis)
        return sum_(where(ties, x, 0.0) * share, axes, True)

    for segment in _segments(x, _levels(q), axis):
        low, high = as_function_of_x(segment.low), as_function_of_x(segment.high)
        yield _rise(low, high) * (count(shape_of(value_of(x)), axis) - 1.0)


def _quantile_by_x(g: Any, out: Any, x: Any, q: Any, axis: Any, keepdims: Any) -> Any:
    kept = kept_shape(shape_of(value_of(x)), axis)
    rows = reshape(g, (-1, *kept))
    parts = [
        gated(_weight(x, segment, way, axis), index(rows, (i,)))
        for i, segment, way in _each_level(x, q, axis)
    ]
    return sum(parts[1:], parts[0])


def _quantile_by_q(g: Any, out: Any, x: Any, q: Any, axis: Any, keepdims: Any) -> Any:
    rows = reshape(g, (-1, *kept_shape(shape_of(value_of(x)), axis)))
    parts = [
        sum_(gated(index(rows, (i,)), slope), None, False)
        for i, slope in enumerate(_slopes(x, q, axis))
    ]
    return reshape(stack(*parts, 0), shape_of(value_of(q)))


def _moved_by_x(t: Any, out: Any, x: Any, q: Any, axis: Any, keepdims: Any) -> Any:
    axes = axes_of(axis, shape_of(value_of(x)))
    parts = [
        sum_(gated(_weight(x, segment, way, axis), t), axes, True)
        for _, segment, way in _each_level(x, q, axis)
    ]
    return reshape(stack(*parts, 0), shape_of(value_of(out)))


def _moved_by_q(t: Any, out: Any, x: Any, q: Any, axis: Any, keepdims: Any) -> Any:
    flat = reshape(t, (-1,))
    parts = [gated(index(flat, (i,)), slope) for i, slope in enumerate(_slopes(x, q, axis))]
    return reshape(stack(*parts, 0), shape_of(value_of(out)))


quantile = Primitive(
    name="quantile",
    kind="structural",
    operands=("x", "q"),
    options={"axis": None, "keepdims": False},
    array=_quantile,
    vjps=(_quantile_by_x, _quantile_by_q),
    jvps=(_moved_by_x, _moved_by_q),
    kink=(
        lambda x, q, axis, keepdims: _is_shared(x, _levels(q), axis),
        lambda x, q, axis, keepdims: _is_at_a_bend(x, _levels(q), axis),
    ),
    convention="elements that tie share; by q, where it asks for one element, the smaller of the "
    "slopes on its two sides",
    domain="0 ≤ q ≤ 1",
    doc="the value below which the part q lies, interpolated linearly; of an array of levels, "
    "one after another on its axes, before those of x that are left",
    example="quantile([1, 2, 3, 4], 0.25)",
    derivative="by x its part in the interpolation between two elements; by q their difference, "
    "n - 1 times",
    precise=high_precision.quantile,
)
