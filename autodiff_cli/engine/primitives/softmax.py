"""Exponentials of which the largest counts: their sum's logarithm, and their shares in it."""

from __future__ import annotations

from typing import Any

from autodiff_cli.engine.graph import value_of
from autodiff_cli.engine.lazy import np
from autodiff_cli.engine.operand import Operand
from autodiff_cli.engine.primitive import shape_of
from autodiff_cli.engine.primitives import high_precision
from autodiff_cli.engine.primitives.arguments import axes_of
from autodiff_cli.engine.primitives.elementwise import exp
from autodiff_cli.engine.primitives.logic import where
from autodiff_cli.engine.primitives.projection import deviation, projected
from autodiff_cli.engine.primitives.reductions import along, reduction, share_of_ties

NEARLY_ALL = 1 - 1e-4
"""A share from which on 1 less the share loses digits that count."""
ALONE = 1.25
"""A sum of exponentials, the largest of them 1, below which the others are summed apart."""


def _log_of_sum(x: Any, axes: tuple[int, ...]) -> tuple[Any, Any, Any]:
    """The largest x, or 0 where that is infinite, the rest of log Σe^x, and x without the first."""
    largest = x.max(axis=axes, keepdims=True, initial=-np.inf)
    shifted = x - largest
    powers = np.exp(shifted)
    total = powers.sum(axis=axes, keepdims=True)
    smallest = total.min(initial=ALONE)
    if smallest >= ALONE:
        return largest, np.log(total), shifted
    if not smallest >= 1:
        largest = np.where(np.isfinite(largest), largest, 0)
        shifted = x - largest
        powers = np.exp(shifted)
        total = powers.sum(axis=axes, keepdims=True)
    others = np.where(powers == 1, 0, powers).sum(axis=axes, keepdims=True)
    rest = np.where((total >= 1) & (total < ALONE), np.log1p(others), np.log(total))
    return largest, rest, shifted


def _floats(x: Any) -> Any:
    return x.astype(np.result_type(x, 1.0), copy=False)


def _logsumexp(x: Any, axes: tuple[int, ...], keep: bool) -> Any:
    largest, rest, _ = _log_of_sum(_floats(x), axes)
    out = largest + rest
    return out if keep else out.squeeze(axis=axes)


def _share_of_sum(out: Any, x: Any, axis: Any) -> Any:
    shape = shape_of(value_of(x))
    if not shape:
        return 1.0
    axes = axes_of(axis, shape)
    infinite = np.isinf(value_of(out))
    if not infinite.any():
        return softmax(x, axes) if isinstance(x, Operand) else _powers_in_all(x - out, axes)
    return where(infinite, share_of_ties(out, x, axis), softmax(where(infinite, 0.0, x), axes))


def _powers_in_all(powers: Any, axes: tuple[int, ...]) -> Any:
    """e^x / Σe^x, written over x."""
    np.exp(powers, out=powers)
    powers /= powers.sum(axis=axes, keepdims=True)
    return powers


def _rounded_off(shares: Any, axes: tuple[int, ...]) -> Any:
    """What shares that are nearly all lack of 1 less the others'; exact, as the others are."""
    large = shares > NEARLY_ALL
    if not np.any(large & (shares <= 1)) or not axes:
        return None
    others = np.where(large, 0, shares).sum(axis=axes, keepdims=True)
    return np.where(large, (1 - shares) - others, 0)


logsumexp = reduction(
    "logsumexp",
    "log Σe^x without overflow",
    _logsumexp,
    _share_of_sum,
    remainder=_rounded_off,
    convention="where the result is infinite, an equal share to each that equals it",
    derivative="∂y/∂xᵢ = exp(xᵢ - y)",
    precise=lambda mp, x, axis, keepdims: high_precision.on_elements(mp.log)(
        high_precision.on_elements(mp.exp)(x).sum(**high_precision.axes(x, axis, keepdims))
    ),
)


def _softmax(x: Any, axes: tuple[int, ...]) -> Any:
    x = _floats(x)
    return _powers_in_all(x - x.max(axis=axes, keepdims=True, initial=-np.inf), axes)


def _softmax_rule(g: Any, out: Any, x: Any, axis: Any) -> Any:
    return out * deviation(g, out, axes_of(axis, shape_of(value_of(x))))


softmax = along(
    "softmax",
    "e^x / Σe^x along an axis, or several",
    _softmax,
    _softmax_rule,
    _softmax_rule,
    axis=-1,
    place=axes_of,
    derivative="x̄ = y * (ȳ - sum(ȳ * y))",
    precise=high_precision.softmax,
)


def _log_softmax(x: Any, axes: tuple[int, ...]) -> Any:
    _, rest, shifted = _log_of_sum(_floats(x), axes)
    shifted -= rest
    return shifted


def _log_softmax_vjp(g: Any, out: Any, x: Any, axis: Any) -> Any:
    return projected(g, exp(out), 1.0, axes_of(axis, shape_of(value_of(x))))


def _log_softmax_jvp(t: Any, out: Any, x: Any, axis: Any) -> Any:
    return deviation(t, exp(out), axes_of(axis, shape_of(value_of(x))))


log_softmax = along(
    "log_softmax",
    "log(softmax(x)) without overflow",
    _log_softmax,
    _log_softmax_vjp,
    _log_softmax_jvp,
    axis=-1,
    place=axes_of,
    derivative="x̄ = ȳ - exp(y) * sum(ȳ)",
    precise=lambda mp, x, axis: high_precision.on_elements(mp.log)(
        high_precision.softmax(mp, x, axis)
    ),
)
