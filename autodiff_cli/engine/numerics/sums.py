"""Polynomials, and what derivatives of products and of exponentials are made of."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from autodiff_cli.engine.lazy import np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Array = np.ndarray[Any, Any]


def polynomial(coefficients: Sequence[float], x: Any) -> Any:
    total = coefficients[-1]
    for coefficient in coefficients[-2::-1]:
        total = total * x + coefficient
    return total


def bell_polynomials(terms: Sequence[Array]) -> list[Any]:
    """The complete Bell polynomials B₀, B₁, … of these derivatives of log f: f⁽ⁿ⁾ = f·Bₙ."""
    values: list[Any] = [1.0]
    for m in range(len(terms)):
        values.append(sum(math.comb(m, i) * values[m - i] * terms[i] for i in range(m + 1)))
    return values


def leibniz(n: int, one: list[Any], other: list[Any]) -> Any:
    """The n-th derivative of a product, of the derivatives of its factors."""
    return sum(math.comb(n, i) * one[i] * other[n - i] for i in range(n + 1))


AT_ONCE = 4096
"""So many elements are integrated together, which bounds the memory that it takes."""


def in_pieces(function: Callable[..., Array], a: Array, x: Array) -> Array:
    """`function` of two vectors, so many elements at a time."""
    pieces = [slice(start, start + AT_ONCE) for start in range(0, a.size, AT_ONCE)]
    return np.concatenate([function(a[i], x[i]) for i in pieces] or [a])
