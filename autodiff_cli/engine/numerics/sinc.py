"""sin(πx)/(πx) and its derivatives."""

from __future__ import annotations

import math
from math import inf
from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.lazy import np

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]


def sine_and_cosine_of_pi(x: Array) -> tuple[Array, Array]:
    """sin πx and cos πx, of the exact remainder, so that their zeros are zeros."""
    whole = np.round(x)
    rest = x - whole
    sign = np.where(whole % 2 == 0, 1.0, -1.0)
    return sign * np.sin(math.pi * rest), sign * np.sin(math.pi * (0.5 - np.abs(rest)))


def sinc(x: float) -> float:
    if x == 0:
        return 1.0
    whole = round(x)
    sine = math.sin(math.pi * (x - whole))
    return (sine if whole % 2 == 0 else -sine) / (math.pi * x)


def sincs(x: Array) -> Array:
    z = math.pi * np.where(x == 0, 1, x)
    return np.where(x == 0, 1.0, sine_and_cosine_of_pi(x)[0] / z)


def sinc_derivatives(n: int, x: Array) -> Array:
    """πⁿ·fₙ(πx), where fₙ(z) = ∫₀¹ sⁿ cos(zs + nπ/2) ds: a series near 0, else by parts."""
    z = math.pi * x
    near = np.abs(z) <= n + 1
    small = np.where(near, z, 0.0)
    first = (n + 1) // 2
    term = (small / (n + 2) if n % 2 else np.ones(x.shape) / (n + 1)) * (-1.0) ** first
    series = term
    for m in range(first, first + 20 + n):
        ratio = (2 * m + 1) / ((2 * m - n + 2) * (2 * m - n + 1) * (2 * m + 3))
        term = -term * small * small * ratio
        series = series + term
    large = np.where(near, inf, z)
    sine, cosine = sine_and_cosine_of_pi(x)
    by_parts = sine / large
    for k in range(1, n + 1):
        by_parts = ((sine, cosine, -sine, -cosine)[k % 4] - k * by_parts) / large
    return math.pi**n * np.where(near, series, by_parts)
