"""Sums that do not depend on how their terms were grouped: each with what rounding took from it."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def two_sum(a: Array, b: Array) -> tuple[Array, Array]:
    """a + b, and what rounding took from it, exactly (Knuth)."""
    total = a + b
    with np.errstate(invalid="ignore"):
        rounded = total - a
        lost = (a - (total - rounded)) + (b - rounded)
    return total, lost


class Sum:
    """A sum of arrays in twice the precision of a float: of what was added, in any order.

    Attributes:
        high, low: the sum, and what is to be added to it.
    """

    def __init__(self, high: Any = 0.0, low: Any = 0.0) -> None:
        self.high = np.asarray(high, dtype=np.float64)
        self.low = np.asarray(low, dtype=np.float64)

    def add(self, other: Sum) -> None:
        high, lost = two_sum(self.high, other.high)
        self.high, self.low = two_sum(high, lost + self.low + other.low)

    @property
    def value(self) -> Any:
        # Beside an inf or a nan there is no rest.
        return np.where(np.isfinite(self.high), self.high + self.low, self.high)[()]


def sum_of(values: Array) -> Sum:
    """The sum along the first axis, by halves."""
    high = np.asarray(values, dtype=np.float64)
    low = np.zeros_like(high)
    while len(high) > 1:
        half = len(high) // 2
        odd = high[2 * half :], low[2 * half :]
        total, lost = two_sum(high[:half], high[half : 2 * half])
        lost = lost + low[:half] + low[half : 2 * half]
        high = np.concatenate([total, odd[0]])
        low = np.concatenate([lost, odd[1]])
    return Sum(high[0], low[0]) if len(high) else Sum(np.zeros(high.shape[1:]))
