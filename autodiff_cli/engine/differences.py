"""Finite differences: the referee that knows nothing of any rule.

Central differences at steps that halve are extrapolated to the step 0 (Ridders' method);
so are the one-sided ones, of the same values, which tell a kink: it has two slopes. The
first step is searched for, from coarse to fine, since a function may be smooth on any scale.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HALVINGS = 6
"""Of the step, within one extrapolation."""
RUNG = 5
"""Binary digits from one first step that is tried to the next."""
COARSE_RUNGS = 10
FINE_RUNGS = 8
FIRST = 4
"""The coarsest step is 2^-FIRST of the point's size."""
PRECISE_ENOUGH = 1e-8
"""Relative: with such an error, and in agreement with what is expected, the search ends."""
TRUSTED = 10.0
"""How many times its estimated error an extrapolation may be off."""
SLIGHT = 1e-6
"""Two slopes that differ relatively by less are one."""


@dataclass(frozen=True, slots=True)
class Slope:
    """A derivative, with an estimate of how far off it may be: that of the extrapolation and
    of the rounding together."""

    value: float
    error: float


UNKNOWN = Slope(math.nan, math.inf)


@dataclass(frozen=True, slots=True)
class Difference:
    """What differences say of a derivative.

    Attributes:
        central: from both sides; `left` and `right` from one each.
        step: the first step that they were made with.
        before: the first step that was tried before, 0 where there was none: what kept the
            search from ending there may lie within it.
        finest: the smallest first step that there is to try.
    """

    central: Slope
    left: Slope
    right: Slope
    step: float
    before: float
    finest: float

    @property
    def smooth(self) -> bool:
        """Whether both sides have, as far as can be told, one slope."""
        gap = abs(self.right.value - self.left.value)
        if not math.isfinite(gap):
            return True
        size = max(abs(self.left.value), abs(self.right.value))
        return gap <= max(TRUSTED * (self.left.error + self.right.error), SLIGHT * size)


def difference(
    function: Callable[[float], float], at: float, noise: float, expected: float
) -> Difference:
    """The derivative of `function` at a point.

    Args:
        function: gives nan where it has no value.
        noise: how far rounding takes its value off.
        expected: what the derivative is believed to be. It only ends the search: a difference
            that contradicts it has to be the best that any step gives.
    """
    here = function(at)
    noise = max(noise, math.ulp(here) if math.isfinite(here) else 0.0)
    typical = abs(here) / max(abs(at), 1.0)
    best: Difference | None = None
    before = 0.0
    rungs = list(steps(at))
    for step in rungs:
        slopes = _extrapolated(function, at, here, step, noise)
        found = Difference(*slopes, step, before, rungs[-1])
        before = step
        if best is None or _rank(found) < _rank(best):
            best = found
        error = found.central.error
        if (
            found.smooth
            and error <= PRECISE_ENOUGH * (abs(found.central.value) + typical)
            and abs(found.central.value - expected) <= TRUSTED * error
        ):
            break
    assert best is not None
    return best


def steps(at: float) -> Iterator[float]:
    """First steps, from coarse to fine: powers of two, so that `at ± step` is exact."""
    own = math.frexp(at)[1] if at else -1000
    exponents = {max(own, 0) - FIRST - RUNG * i for i in range(COARSE_RUNGS)}
    if -900 < own < -FIRST:
        exponents.update(own - FIRST - RUNG * i for i in range(FINE_RUNGS))
    smallest = own - 52 + HALVINGS + 2
    for exponent in sorted(exponents, reverse=True):
        if exponent >= smallest:
            yield math.ldexp(1.0, exponent)


def _rank(found: Difference) -> tuple[bool, float]:
    return not found.smooth, found.central.error


def _extrapolated(
    function: Callable[[float], float],
    at: float,
    here: float,
    step: float,
    noise: float,
) -> tuple[Slope, Slope, Slope]:
    central, left, right = _Tableau(4.0), _Tableau(2.0), _Tableau(2.0)
    for halving in range(HALVINGS):
        h = math.ldexp(step, -halving)
        above, below = function(at + h), function(at - h)
        central.add((above - below) / (2 * h), noise / h)
        right.add((above - here) / h, 2 * noise / h)
        left.add((here - below) / h, 2 * noise / h)
    return central.best, left.best, right.best


class _Tableau:
    """Richardson's extrapolations, of which the one counts that agrees best with its parents.

    `ratio` is by what halving the step divides the first term of the error.
    """

    def __init__(self, ratio: float) -> None:
        self._ratio = ratio
        self._row: list[float] = []
        self.best = UNKNOWN

    def add(self, value: float, rounding: float) -> None:
        """The difference at the next step, and what rounding may contribute to it."""
        row = [value]
        for order, coarser in enumerate(self._row, start=1):
            factor = self._ratio**order
            row.append((factor * row[-1] - coarser) / (factor - 1))
            error = max(abs(row[-1] - row[-2]), abs(row[-1] - coarser)) + rounding
            if error < self.best.error:
                self.best = Slope(row[-1], error)
        self._row = row
