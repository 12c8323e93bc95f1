"""The normal distribution and its relatives, exact in their tails."""

from __future__ import annotations

import math
from math import inf
from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.lazy import np, special

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]

ROOT_HALF = math.sqrt(0.5)
ROOT_HALF_REST = -4.833646656726457e-17
"""What ROOT_HALF lacks of √½."""
TWO_OVER_ROOT_PI = 2 / math.sqrt(math.pi)
LOG_SMALLEST = -745.2
"""e to this power is 0."""
FLAT_FROM = 40.0
"""From here on e^(-x²/2) is 0."""


def exp_of_square(x: float, factor: float) -> float:
    """exp(factor·x²) for a factor of -1 or -½.

    x² is taken apart, because its rounding error would be multiplied by its size.
    """
    if x * x * factor < LOG_SMALLEST:
        return 0.0
    high = round(x * 65536) / 65536
    return math.exp(factor * high * high) * math.exp(factor * (x - high) * (x + high))


def exp_of_squares(x: Array, factor: float) -> Array:
    x = np.clip(x, -FLAT_FROM, FLAT_FROM)
    high = np.round(x * 65536) / 65536
    power: Array = np.exp(factor * high * high) * np.exp(factor * (x - high) * (x + high))
    return power


def erfcs(x: Array) -> Array:
    tail = np.maximum(x, 0.5)
    out: Array = np.where(
        x > 0.5, special.erfcx(tail) * exp_of_squares(tail, -1.0), special.erfc(x)
    )
    return out


def product_error(a: float, b: float, product: float) -> float:
    """What rounding took from a·b (Dekker)."""
    big_a, big_b = 134217729.0 * a, 134217729.0 * b
    high_a, high_b = big_a - (big_a - a), big_b - (big_b - b)
    low_a, low_b = a - high_a, b - high_b
    return ((high_a * high_b - product) + high_a * low_b + low_a * high_b) + low_a * low_b


def normal_cdf(x: float) -> float:
    if not -FLAT_FROM < x < -1:
        return 0.5 * math.erfc(-x * ROOT_HALF)
    # In the tail erfc multiplies the rounding error of x/√2 by x²: put right to first order.
    scaled = -x * ROOT_HALF
    lost = product_error(-x, ROOT_HALF, scaled) - x * ROOT_HALF_REST
    return 0.5 * (math.erfc(scaled) - lost * TWO_OVER_ROOT_PI * exp_of_square(scaled, -1.0))


def normal_cdfs(x: Array) -> Array:
    tail = np.maximum(-x, 1) * ROOT_HALF
    out: Array = 0.5 * np.where(
        x < -1,
        special.erfcx(tail) * exp_of_squares(x, -0.5),
        special.erfc(-np.maximum(x, -1) * ROOT_HALF),
    )
    return out


def gelu(x: float) -> float:
    return 0.0 if x == -inf else x * normal_cdf(x)


def gelus(x: Array) -> Array:
    out: Array = x * normal_cdfs(x)
    at_the_end = x == -inf
    return np.where(at_the_end, 0.0, out) if at_the_end.any() else out
