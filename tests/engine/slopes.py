"""Derivatives of any order along a line, from a plain definition and many digits: the referee.

An entry's `precise` is differenced on a grid so fine, and with so many digits, that what is left
is exact to any tolerance of a float. It is asked for on both sides of the point as well as at it:
where the three differ, the function has no such derivative there, and nothing is said of it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from autodiff_cli.engine import precise
from autodiff_cli.engine.precise import REFUSED, mp

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from autodiff_cli.engine.primitive import Primitive

STEP = 40
"""The grid is 10 to the minus this, beside a point's smallest coordinate or 1."""
AGREE = mp.mpf(10) ** -18
"""How close derivatives beside a point are to that at it, where there is one."""


def slopes(
    function: Callable[[Any], Any], order: int, scale: float = 1.0, size: float = 1.0
) -> list[float | None]:
    """The first `order` derivatives of a function of one number at 0; None where there is none.

    Args:
        scale: of the smallest number near which the function changes its course, at most 1.
        size: of the largest number that it computes with.
    """
    spread = math.ceil(math.log10(max(size, 1.0)) - math.log10(scale))
    digits = (STEP + 20) * (order + 1) + order * spread
    with mp.workdps(digits):
        h = mp.mpf(10) ** -STEP * scale
        try:
            at = {j: mp.mpmathify(function(h * j / 2)) for j in range(-6 * order, 6 * order + 1)}
        except REFUSED:
            return [None] * order
        if not all(mp.isfinite(value) for value in at.values()):
            return [None] * order
        largest = max(abs(value) for value in at.values())
        found: list[float | None] = []
        for n in range(1, order + 1):
            center, left, right = (_difference(at, n, c) / h**n for c in (0, -4 * n, 4 * n))
            rounding = largest * mp.mpf(10) ** (10 - digits) / h**n
            slack = AGREE * abs(center) + rounding
            if abs(left - center) > slack or abs(right - center) > slack:
                return found + [None] * (order - n + 1)
            found.append(float(center) if abs(center) > rounding else 0.0)
        return found


def _difference(at: dict[int, Any], n: int, center: int) -> Any:
    """The n-th central difference about a place of the grid, counted in half steps."""
    return sum((-1) ** k * math.comb(n, k) * at[center + n - 2 * k] for k in range(n + 1))


def along(
    entry: Primitive, point: Sequence[float], direction: Sequence[float], order: int
) -> list[float | None]:
    """The derivatives of an elementwise entry along a line through a point."""
    sizes = [abs(x) for x in point if x]
    return slopes(_on_line(entry, point, direction), order, min([1.0, *sizes]), max([1.0, *sizes]))


def jumps(entry: Primitive, point: Sequence[float], direction: Sequence[float]) -> bool:
    """Whether the derivative along a line is another one on either side of a point."""
    function = _on_line(entry, point, direction)
    small = mp.mpf(min([1.0, *(abs(x) for x in point if x)]))
    with mp.workdps(4 * STEP - 6 * int(mp.log10(small))):
        h = mp.mpf(10) ** -STEP * small**3  # the curvature may be of the size of 1/small
        try:
            before, at, after = (mp.mpmathify(function(k * h)) for k in (-1, 0, 1))
        except REFUSED:
            return False
        left, right = (at - before) / h, (after - at) / h
        if not mp.isfinite(left + right) or abs(after - before) > mp.sqrt(h):
            return False
        return bool(abs(left - right) > 1e-9 * (abs(left) + abs(right)) + 1e-15)


def _on_line(
    entry: Primitive, point: Sequence[float], direction: Sequence[float]
) -> Callable[[Any], Any]:
    exact = [mp.mpf(x) for x in point]
    return lambda t: precise.compute(
        entry, [x + t * v for x, v in zip(exact, direction, strict=True)]
    )
